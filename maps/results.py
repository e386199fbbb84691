"""Results: assessments of surveys as the tables that `maps.tables` describes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import tzinfo
from pathlib import Path

import geopandas
import numpy as np
import pandas
import shapely
from numpy.typing import NDArray

from detector.classes import CLASSES, CODES, SEVERITIES
from detector.errors import N_, Translate
from maps.assessment import Assessment
from maps.change import Change, Grown, damage_change, segment_change
from maps.condition import DIAGNOSES, diagnosis, mci_crack_only
from maps.damage import Damage, State
from maps.exports import CRS, damage_table, local_time
from maps.forecast import Forecast
from maps.measured import Measured
from maps.network import Network, Pieces, substrings
from maps.segments import Segments, slot
from maps.snapping import NO_ROAD
from maps.tables import COLUMNS, Column, Tables

Ints = NDArray[np.int64]
Area = tuple[float, float, float, float]

ALONG = N_("from start to end")
AGAINST = N_("from end to start")
BOTH = N_("both")
TRUTHS = frozenset(("growing",))
WHOLE = frozenset((
    "id", "rank", "level", "sightings", "passes", "drives", "damages", *CODES, "new", "worse", "unchanged", "better",
    "probably_repaired", "unclear", "not_surveyed", "surveys",
))  # fmt: skip
"""Columns of truth values and of whole numbers; the `drives` of a damage are their names."""
STRAYS_NAMED = 20
RATE_REASON = N_("{times} times the usual rate of {usual} weighted damages per lane-km")
AROUND_REASON = N_("with its neighbours {times} times")
KINDS_REASON = N_("on {metres} m of lane seen: {kinds}")
SEPARATOR = " / "
DRIVES_REASON = N_("drives: {drives}")


def tables_of(
    told: Assessment, *, zone: tzinfo, translate: Translate, measured: tuple[Measured, Measured] | None = None,
    within: Area | None = None,
) -> Tables:  # fmt: skip
    """The tables of a survey; `measured` are the pieces of 20 m and 100 m, `within` bounds in EPSG:4326."""
    short, long = measured or (None, None)
    tables = {
        "damages": _damages(told, zone, translate),
        "segments_20m": _segments(told, told.short, short, zone, translate),
        "segments_100m": _segments(told, told.long, long, zone, translate),
        "hot_spots": _hot_spots(told, translate),
    }
    tables = _inside(tables, within)
    return Tables(
        tables,
        _facts(told, tables, zone, translate),
        (
            *(one.message(translate) for one in told.survey.remarks),
            *_notes(told, tables["damages"], translate),
        ),
        _pictures(told),
    )


def map_tables(told: Assessment, *, zone: tzinfo, translate: Translate) -> Tables:
    """The tables that a map shows, with what it has to say of them."""
    tables = {
        "segments_20m": _segments(told, told.short, None, zone, translate),
        "segments_100m": _segments(told, told.long, None, zone, translate),
        "hot_spots": _hot_spots(told, translate),
    }
    return Tables(tables, notes=tuple(one.message(translate) for one in told.network.roads.remarks))


def change_tables(
    before: Assessment, after: Assessment, both: Assessment, forecasts: tuple[float, list[list[Forecast]]] | None,
    *, zone: tzinfo, translate: Translate, within: Area | None = None,
) -> dict[str, geopandas.GeoDataFrame]:  # fmt: skip
    """What changed from one survey to another, by name; `both` is of the drives of both together."""
    earlier = {drive.name for drive in before.survey.driven}
    grown = [damage_change(one, earlier) for one in both.damages]
    tables = {
        "change_damages": _damage_change(both, grown, zone, translate),
        "change_segments": _segment_change(before, after, both, grown, forecasts, translate),
    }
    return _inside(tables, within)


def _inside(
    tables: dict[str, geopandas.GeoDataFrame], within: Area | None
) -> dict[str, geopandas.GeoDataFrame]:
    if within is None:
        return tables
    area = shapely.box(*within)
    return {name: table[table.intersects(area)].reset_index(drop=True) for name, table in tables.items()}


def _damages(told: Assessment, zone: tzinfo, translate: Translate) -> geopandas.GeoDataFrame:
    table = damage_table(told.damages, zone, translate)
    placed, points = told.placed, told.points
    table["priority"] = np.round(points.total, 1)
    for name in ("severity", "road", "growth", "age"):
        table[f"priority_{name}"] = np.round(getattr(points, name), 1)
    for name, column in _where(told, placed.line, placed.direction, placed.at_m, translate).items():
        table[name] = column
    table["decided"] = _decided(told.damages, translate)
    for name in ("evidence", "crop"):
        table[name] = [_picture_name(told, one.best.drive, getattr(one.best, name)) for one in told.damages]
    gone = np.array([one.state == State.repaired for one in told.damages], bool)
    order = np.lexsort((table["id"], -points.total, gone))
    return _framed(table.drop(columns="geometry"), "damages", table.geometry, order)


def _decided(damages: Sequence[Damage], translate: Translate) -> list[str]:
    return [one.decided and translate(one.decided) for one in damages]


def _where(
    told: Assessment, line: Ints, direction: Ints, at_m: NDArray[np.float64], translate: Translate
) -> dict[str, list[object]]:
    """Road, direction, chainage and 100 m segment of places on the network; empty for those on no road."""
    network = told.network
    on = line != NO_ROAD
    piece = np.zeros(len(line), np.int64)
    if on.any():
        piece[on] = network.long.at(line[on], at_m[on])
    ids = np.full(len(line), "", object)
    ids[on] = segment_ids(network, network.long, piece[on], direction[on])
    there = told.long.there[slot(direction), piece] if len(network.long) else np.zeros(len(line), bool)
    return {
        "road_id": [network.roads.road_id[one] if one >= 0 else "" for one in line.tolist()],
        "road": [network.roads.name[one] if one >= 0 else "" for one in line.tolist()],
        "direction": [
            direction_name(way, translate) if one >= 0 else ""
            for one, way in zip(line.tolist(), direction.tolist(), strict=True)
        ],
        "chainage_m": np.where(on, np.round(at_m, 1), np.nan).tolist(),
        "segment": np.where(on & there, ids, "").tolist(),
    }


def segment_ids(network: Network, pieces: Pieces, piece: Ints, direction: Ints | None) -> list[str]:
    """Of each piece: its road's number, from where to where, and + or - for the direction; unique."""
    signs = {1: " +", -1: " -", 0: ""}
    ways = [0] * len(piece) if direction is None else direction.tolist()
    return [
        f"{network.roads.road_id[line]} {begin:.0f}-{end:.0f}{signs[way]}"
        for line, begin, end, way in zip(
            pieces.line[piece].tolist(), pieces.begin_m[piece], pieces.end_m[piece], ways, strict=True
        )
    ]


def direction_name(direction: int, translate: Translate) -> str:
    """What a direction is called."""
    return translate({1: ALONG, -1: AGAINST, 0: BOTH}[direction])


def _road_columns(
    network: Network, pieces: Pieces, piece: Ints, direction: Ints | None, translate: Translate
) -> dict[str, object]:
    line = pieces.line[piece]
    ways = np.zeros(len(piece), np.int64) if direction is None else direction
    return {
        "segment": segment_ids(network, pieces, piece, direction),
        "road_id": [network.roads.road_id[one] for one in line.tolist()],
        "road": [network.roads.name[one] for one in line.tolist()],
        "road_kind": [network.roads.kind[one] for one in line.tolist()],
        "direction": [direction_name(one, translate) for one in ways.tolist()],
        "from_m": np.round(pieces.begin_m[piece], 1),
        "to_m": np.round(pieces.end_m[piece], 1),
        "length_m": np.round(pieces.end_m[piece] - pieces.begin_m[piece], 1),
    }


def _lines(network: Network, pieces: Pieces, piece: Ints, direction: Ints | None) -> NDArray[np.object_]:
    """Pieces as lines in EPSG:4326, in the direction that they are driven."""
    metric = substrings(network.lines, pieces)[piece]
    lines = np.asarray(
        shapely.transform(metric, lambda xy: np.round(np.column_stack(network.frame.to_lonlat(*xy.T)), 7)),
        object,
    )
    if direction is not None:
        against = direction < 0
        lines[against] = shapely.reverse(lines[against])
    return lines


def _rows(network: Network, told: Segments) -> tuple[Ints, Ints]:
    """Piece and direction of each row of a table of segments, by road and chainage."""
    piece, row = np.nonzero(told.there.T)
    single = network.single[told.pieces.line[piece]]
    return piece.astype(np.int64), np.where(single, 0, np.where(row == 1, -1, 1)).astype(np.int64)


def _segments(
    told: Assessment, found: Segments, measured: Measured | None, zone: tzinfo, translate: Translate
) -> geopandas.GeoDataFrame:
    network, rules = told.network, told.rules.condition
    piece, direction = _rows(network, found)
    row = slot(direction)
    nothing = np.full(len(piece), np.nan)
    rut = measured.rut_mm[row, piece] if measured else nothing
    iri = measured.iri_mm_per_m[row, piece] if measured else nothing
    # Classes go by the numbers as they are shown.
    rut, iri = np.round(rut, 1), np.round(iri, 2)
    crack, low, high = (
        np.round(getattr(found, name)[row, piece], 1) for name in ("crack_ratio", "low", "high")
    )
    by_crack, best, most = (diagnosis(one, rules.crack_ratio_percent) for one in (crack, low, high))
    by_rut, by_iri = diagnosis(rut, rules.rut_mm), diagnosis(iri, rules.iri_mm_per_m)
    others = np.maximum(by_rut, by_iri)
    # Without the crack ratio the worst of the rest says how bad it is at least, and nothing how bad at worst.
    at_worst = np.where(np.isnan(crack), 0, np.maximum(most, others))
    seen = found.drives[row, piece] > 0
    columns = {
        **_road_columns(network, found.pieces, piece, direction, translate),
        "lane_m": np.round(network.lane_m[found.pieces.line[piece]], 2),
        "drives": found.drives[row, piece],
        "seen_share": np.round(found.seen_share[row, piece], 2),
        "last_surveyed": [
            local_time(None if np.isnan(one) else float(one), zone)[:10] if there else ""
            for one, there in zip(found.last_utc_s[row, piece].tolist(), seen.tolist(), strict=True)
        ],
        **_class_counts(told, found, row, piece),
        "crack_ratio": crack,
        "crack_ratio_low": low,
        "crack_ratio_high": high,
        "crack_ratio_as_seen": np.round(found.as_seen[row, piece], 1),
        "rut_mm": rut,
        "iri_mm_per_m": iri,
        "measured_on": measured.measured_on[row, piece].tolist() if measured else [""] * len(piece),
        "class_crack": _names(by_crack),
        "class_rut": _names(by_rut),
        "class_iri": _names(by_iri),
        "diagnosis": _names(np.maximum(by_crack, others)),
        "diagnosis_low": _names(np.maximum(best, others)),
        "diagnosis_high": _names(at_worst),
        "mci_crack_only": np.round(mci_crack_only(crack), 1),
    }
    name = "segments_20m" if found is told.short else "segments_100m"
    return _framed(pandas.DataFrame(columns), name, _lines(network, found.pieces, piece, direction))


def hot_columns(told: Assessment, found: Segments) -> dict[str, NDArray[np.float64] | Ints]:
    """Of each row of a table of segments, how hot the 100 m are that it is of (`maps.hot_spots`): level, z and q."""
    piece, _ = _rows(told.network, found)
    of = told.network.short.of[piece] if found is told.short else piece
    hot = told.hot
    return {"hot_level": hot.level[of], "hot_z": np.round(hot.z[of], 2), "hot_q": np.round(hot.q[of], 5)}


def _names(index: NDArray[np.int8]) -> list[str]:
    return [DIAGNOSES[one] for one in index.tolist()]


def _class_counts(told: Assessment, found: Segments, row: Ints, piece: Ints) -> dict[str, NDArray[np.int64]]:
    """How many damages lie on each, whole ones: those that are more likely there than not."""
    pieces, placed = found.pieces, told.placed
    mine = np.flatnonzero((placed.line != NO_ROAD) & (placed.weight >= 0.5))
    of = pieces.at(placed.line[mine], placed.at_m[mine])
    counts = np.zeros((len(CLASSES), 2, len(pieces)), np.int64)
    np.add.at(counts, (placed.class_id[mine], slot(placed.direction[mine]), of), 1)
    by_class = {code: counts[index, row, piece] for index, code in enumerate(CODES)}
    return {"damages": counts.sum(0)[row, piece], **by_class}


def _hot_spots(told: Assessment, translate: Translate) -> geopandas.GeoDataFrame:
    network, hot, pieces = told.network, told.hot, told.network.long
    piece = np.flatnonzero(hot.compared)
    placed = told.placed
    mine = np.flatnonzero((placed.line != NO_ROAD) & (placed.weight >= 0.5))
    of = pieces.at(placed.line[mine], placed.at_m[mine])
    counts = np.zeros((len(pieces), len(CLASSES)), np.int64)
    np.add.at(counts, (of, placed.class_id[mine]), 1)
    gravest = np.zeros(len(pieces))
    np.maximum.at(gravest, of, told.points.total[mine])
    drives = told.long.drives.max(0)
    order = np.lexsort(
        (-hot.rate[piece], hot.p[piece] if hot.level.any() else -hot.rate[piece], -hot.level[piece])
    )
    piece = piece[order]
    level = hot.level[piece]
    columns = {
        "rank": np.where(level > 0, np.arange(1, len(piece) + 1), 0),
        **_road_columns(network, pieces, piece, None, translate),
        "level": level,
        "z": np.round(hot.z[piece], 2),
        "p": hot.p[piece],
        "q": hot.q[piece],
        "rate": np.round(hot.rate[piece], 1),
        "rate_around": np.round(hot.rate_around[piece], 1),
        "rate_all": np.full(len(piece), round(hot.rate_all, 1)),
        "seen_lane_m": np.round(hot.seen_m[piece]),
        "drives": drives[piece],
        "damages": counts[piece].sum(1),
        **{code: counts[piece, index] for index, code in enumerate(CODES)},
        "priority": np.round(gravest[piece], 1),
        "reasons": [
            _reasons(told, one, counts[one], int(drives[one]), translate) if hot.level[one] > 0 else ""
            for one in piece.tolist()
        ],
    }
    return _framed(pandas.DataFrame(columns), "hot_spots", _lines(network, pieces, piece, None))


def _reasons(told: Assessment, piece: int, counts: Ints, drives: int, translate: Translate) -> str:
    hot = told.hot
    kinds = ", ".join(
        f"{translate(kind.name)} {count}"
        for kind, count in zip(CLASSES, counts.tolist(), strict=True)
        if count
    )
    usual = max(hot.rate_all, 1e-9)
    parts = [
        translate(RATE_REASON).format(times=f"{hot.rate[piece] / usual:.1f}", usual=f"{hot.rate_all:.1f}"),
        translate(AROUND_REASON).format(times=f"{hot.rate_around[piece] / usual:.1f}"),
        translate(DRIVES_REASON).format(drives=drives),
    ]
    if kinds:
        parts.insert(2, translate(KINDS_REASON).format(metres=f"{hot.seen_m[piece]:.0f}", kinds=kinds))
    return SEPARATOR.join(parts)


def _damage_change(
    both: Assessment, grown: Sequence[Grown], zone: tzinfo, translate: Translate
) -> geopandas.GeoDataFrame:
    table = damage_table(both.damages, zone, translate)
    placed = both.placed
    for name, column in _where(both, placed.line, placed.direction, placed.at_m, translate).items():
        table[name] = column
    table["change"] = [translate(one.change) for one in grown]
    table["decided"] = _decided(both.damages, translate)
    table["severity_before"] = [_severity(one.severity_before, translate) for one in grown]
    now = [one.severity_before if one.severity_after is None else one.severity_after for one in grown]
    table["severity"] = [_severity(one, translate) for one in now]
    for name, values in (
        ("size_before", [one.before for one in grown]),
        ("size_after", [one.after for one in grown]),
        ("size_sd", [one.sd for one in grown]),
    ):
        table[name] = np.round(np.array(values, float), 2)
    ranks = {one: rank for rank, one in enumerate(Change)}
    order = np.lexsort((table["id"], [ranks[one.change] for one in grown]))
    return _framed(table.drop(columns="geometry"), "change_damages", table.geometry, order)


def _severity(index: int | None, translate: Translate) -> str:
    return "" if index is None else translate(SEVERITIES[index])


def _segment_change(
    before: Assessment, after: Assessment, both: Assessment, grown: Sequence[Grown],
    forecasts: tuple[float, list[list[Forecast]]] | None, translate: Translate,
) -> geopandas.GeoDataFrame:  # fmt: skip
    network, pieces = both.network, both.network.long
    changed = segment_change(before.long, after.long)
    piece, direction = _rows(network, both.long)
    row = slot(direction)
    counts = _change_counts(both, grown)
    steps = before.rules.condition.crack_ratio_percent

    def at(values: NDArray[np.float64], digits: int = 1) -> NDArray[np.float64]:
        return np.round(values[row, piece], digits)

    columns = {
        **_road_columns(network, pieces, piece, direction, translate),
        "change": [translate(str(one)) for one in changed.change[row, piece].tolist()],
        "crack_ratio_before": at(before.long.crack_ratio),
        "crack_ratio_after": at(after.long.crack_ratio),
        "crack_ratio_change": at(changed.points),
        "change_low": at(changed.low),
        "change_high": at(changed.high),
        "seen_share_before": at(before.long.seen_share, 2),
        "seen_share_after": at(after.long.seen_share, 2),
        "diagnosis_before": _names(diagnosis(at(before.long.crack_ratio), steps)),
        "diagnosis_after": _names(diagnosis(at(after.long.crack_ratio), steps)),
        "new": counts[Change.new][row, piece],
        "worse": counts[Change.worse][row, piece],
        "unchanged": counts[Change.unchanged][row, piece],
        "better": counts[Change.better][row, piece],
        "probably_repaired": counts[Change.repaired][row, piece],
        "unclear": (counts[Change.unclear] + counts[Change.first])[row, piece],
        "not_surveyed": counts[Change.not_surveyed][row, piece],
        **_forecast_columns(forecasts, row, piece, translate),
    }
    order = np.argsort(-np.nan_to_num(changed.points[row, piece], nan=-1e9), kind="stable")
    lines = geopandas.GeoSeries(_lines(network, pieces, piece, direction), crs=CRS)
    return _framed(pandas.DataFrame(columns), "change_segments", lines, order)


def _change_counts(both: Assessment, grown: Sequence[Grown]) -> dict[Change, Ints]:
    placed, pieces = both.placed, both.network.long
    counts = {one: np.zeros((2, len(pieces)), np.int64) for one in Change}
    on = np.flatnonzero(placed.line != NO_ROAD)
    of = pieces.at(placed.line[on], placed.at_m[on])
    for index, row, piece in zip(on.tolist(), slot(placed.direction[on]).tolist(), of.tolist(), strict=True):
        counts[grown[index].change][row, piece] += 1
    return counts


def _forecast_columns(
    forecasts: tuple[float, list[list[Forecast]]] | None, row: Ints, piece: Ints, translate: Translate
) -> dict[str, object]:
    if forecasts is None:
        nothing = np.full(len(row), np.nan)
        blank = [translate(N_("no forecast: one survey alone has a date"))] * len(row)
        return {"surveys": np.zeros(len(row), np.int64), "points_a_year": nothing, "forecast_year": [""] * len(row),
                "forecast": nothing, "forecast_low": nothing, "forecast_high": nothing, "forecast_note": blank}  # fmt: skip
    at_year, told = forecasts
    rows = [told[one][place] for one, place in zip(row.tolist(), piece.tolist(), strict=True)]
    return {
        "surveys": np.array([one.surveys for one in rows], np.int64),
        "points_a_year": np.round([one.points_a_year for one in rows], 2),
        "forecast_year": [f"{int(at_year)}" if np.isfinite(one.ratio) else "" for one in rows],
        "forecast": np.round([one.ratio for one in rows], 1),
        "forecast_low": np.round([one.low for one in rows], 1),
        "forecast_high": np.round([one.high for one in rows], 1),
        "forecast_note": [translate(one.note).format(**dict(one.fields)) for one in rows],
    }


def _framed(
    table: pandas.DataFrame, name: str, geometry: geopandas.GeoSeries | NDArray[np.object_],
    order: NDArray[np.intp] | None = None,
) -> geopandas.GeoDataFrame:  # fmt: skip
    """A table with the columns it is to have, in their order and of their kinds, its rows in `order`."""
    kinds = {one.name: _kind(name, one) for one in COLUMNS[name]}
    frame = geopandas.GeoDataFrame(
        table[list(kinds)].astype(kinds), geometry=np.asarray(geometry, object), crs=CRS
    )
    return frame if order is None else frame.iloc[order].reset_index(drop=True)


def _kind(name: str, column: Column) -> type:
    """Of the values of a column; a table without rows has no other way to tell."""
    if column.digits is not None:
        return float
    if column.name in TRUTHS:
        return bool
    return int if column.name in WHOLE and (name, column.name) != ("damages", "drives") else str


def _pictures(told: Assessment) -> dict[int, Path]:
    found = {}
    for one in told.damages:
        folder = told.survey.pictures.get(one.best.drive)
        if folder is not None and one.best.evidence:
            found[one.number] = folder / Path(one.best.evidence).name
    return found


def _picture_name(told: Assessment, drive: str, picture: str) -> str:
    """Where a picture lies, as its folder was given; "" where it has none."""
    folder = told.survey.pictures.get(drive)
    return (folder / Path(picture).name).as_posix() if folder is not None and picture else ""


def _facts(
    told: Assessment, tables: dict[str, geopandas.GeoDataFrame], zone: tzinfo, _: Translate
) -> tuple[tuple[str, str], ...]:
    """What was driven in all, and what of it these tables hold."""
    survey, network = told.survey, told.network
    days = [local_time(one, zone)[:10] for one in (survey.begin_utc_s, survey.end_utc_s) if one is not None]
    segments, level = tables["segments_100m"], tables["hot_spots"]["level"]
    judged_m = segments["length_m"][segments["crack_ratio"].notna()].sum()
    models = sorted({one.model for seen in survey.sightings.values() for one in seen})
    levels = Counter(level[level > 0].tolist())
    hot = ", ".join(f"{level} %: {levels[level]}" for level in sorted(levels, reverse=True))
    return (
        (_(N_("surveyed")), " – ".join(dict.fromkeys(days))),
        (_(N_("drives")), f"{len(survey.driven):,}"),
        (_(N_("driven (km)")), f"{sum(one.metres for one in survey.driven) / 1000:,.1f}"),
        (_(N_("roads (km)")), f"{network.length_m.sum() / 1000:,.1f}"),
        (_(N_("roads are")), _(N_("of the road file") if network.roads.given else N_("the ways driven"))),
        (_(N_("lanes judged (km)")), f"{judged_m / 1000:,.1f}"),
        (_(N_("damages")), f"{len(tables['damages']):,}"),
        (_(N_("hot spots by significance")), hot or _(N_("none"))),
        (_(N_("model")), ", ".join(models)),
    )


def _notes(told: Assessment, damages: geopandas.GeoDataFrame, _: Translate) -> list[str]:
    notes = [one.message(_) for one in told.network.roads.remarks]
    proposals = N_("Damages are proposals of a model; a person decides.")
    decided = N_(
        "Damages without a decision are proposals of a model. Rejected and repaired ones are not counted."
    )
    notes.append(_(proposals if told.survey.known is None else decided))
    notes.append(_(N_(
        "Crack ratios are estimates from a dashcam for a first look (mesh of 0.5 m, 舗装調査・試験法便覧 S029), with"
        " what was not seen estimated; rut depth and IRI come from a survey vehicle alone."
    )))  # fmt: skip
    stray = damages["id"][damages["segment"] == ""].tolist()
    if stray:
        numbers = ", ".join(str(one) for one in stray[:STRAYS_NAMED])
        more = ", …" if len(stray) > STRAYS_NAMED else ""
        text = _(N_("Damages that fit no road, and are in no segment: {count} ({numbers})."))
        notes.append(text.format(count=len(stray), numbers=numbers + more))
    return notes
