"""Results: the tables of a made survey have the columns they are to have, and say what was worked out."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

import geopandas
import numpy as np
import pandas
import pytest
import shapely
from made_roads import RULES, lying, recall, seen, street

from benchmarks.road_survey import both, damages, drive, grid_town, later, place, survey_of
from detector.classes import CLASSES, CODES
from maps.assessment import Assessment, assess, roads_of
from maps.condition import diagnosis, mci_crack_only
from maps.forecast import forecasts
from maps.measured import Measured
from maps.network import Network
from maps.results import change_tables, map_tables, tables_of
from maps.segments import segments
from maps.survey import Survey
from maps.tables import COLUMNS

ZONE = ZoneInfo("Asia/Tokyo")
NETWORK = Network(grid_town(5, 200.0), RULES.lanes)
CHANGES = ["new", "worse", "unchanged", "better", "probably_repaired", "unclear", "not_surveyed"]


@pytest.fixture(scope="module")
def years() -> list[Assessment]:
    """Surveys of three years, and the first and the last together."""
    rng = np.random.default_rng(5)
    truth = damages(NETWORK, rng, 25.0, 5.0)
    surveys, told = [], []
    for year in range(3):
        drives = [
            drive(NETWORK, truth, rng, f"{2023 + year}-{number}", 8_000.0, 365.0 * year + number)
            for number in range(3)
        ]
        surveys.append(drives)
        told.append(assess(survey_of(drives), NETWORK, RULES))
        truth = later(NETWORK, truth, rng, 5.0)
    return [*told, assess(survey_of([*surveys[0], *surveys[-1]]), NETWORK, RULES)]


@pytest.fixture(scope="module")
def tables(years: list[Assessment]) -> dict[str, geopandas.GeoDataFrame]:
    before, _, after, both = years
    ahead = forecasts([(one.survey.end_utc_s or 0.0, one.long) for one in years[:3]], 3.0, RULES.change)
    changed = change_tables(before, after, both, ahead, zone=ZONE, translate=str)
    return {**tables_of(both, zone=ZONE, translate=str).tables, **changed}


def of_nothing(network: Network) -> dict[str, geopandas.GeoDataFrame]:
    told = assess(Survey(), network, RULES)
    changed = change_tables(told, told, told, None, zone=ZONE, translate=str)
    return {**tables_of(told, zone=ZONE, translate=str).tables, **changed}


@pytest.mark.parametrize("name", COLUMNS)
def test_columns_are_those_that_tables_are_to_have(
    tables: dict[str, geopandas.GeoDataFrame], name: str
) -> None:
    table = tables[name]
    assert list(table.columns) == [*(column.name for column in COLUMNS[name]), "geometry"]
    assert table.crs == "EPSG:4326"
    assert len(table)
    assert table.geometry.is_valid.all()
    assert not table.geometry.is_empty.any()
    west, south, east, north = table.total_bounds
    assert 139.74 < west < east < 139.77
    assert 35.64 < south < north < 35.67


@pytest.mark.parametrize(
    "network",
    [
        pytest.param(NETWORK, id="on roads"),
        pytest.param(Network(roads_of(Survey()), RULES.lanes), id="without roads"),
    ],
)
@pytest.mark.parametrize("name", COLUMNS)
def test_a_survey_of_nothing_has_the_same_columns_of_the_same_kinds(
    tables: dict[str, geopandas.GeoDataFrame], network: Network, name: str
) -> None:
    nothing = of_nothing(network)[name]
    assert nothing.dtypes.astype(str).to_dict() == tables[name].dtypes.astype(str).to_dict()
    assert nothing.crs == "EPSG:4326"
    assert len(nothing) == (
        0 if "damages" in name or name == "hot_spots" or not len(network.long) else len(nothing) or -1
    )


def test_what_was_not_seen_has_no_class() -> None:
    table = of_nothing(NETWORK)["segments_100m"]
    assert (table["diagnosis"] == "").all()
    assert (table["last_surveyed"] == "").all()
    assert (table["seen_share"] == 0).all()
    assert (
        table[["crack_ratio", "crack_ratio_low", "crack_ratio_high", "crack_ratio_as_seen", "mci_crack_only"]]
        .isna()
        .all(axis=None)
    )


def test_facts_and_notes_of_a_survey_of_nothing() -> None:
    told = tables_of(assess(Survey(), NETWORK, RULES), zone=ZONE, translate=str)
    facts = dict(told.facts)
    assert (facts["damages"], facts["lanes judged (km)"], facts["hot spots by significance"]) == (
        "0",
        "0.0",
        "none",
    )
    assert facts["surveyed"] == ""
    assert told.notes


@pytest.mark.parametrize("name", ["segments_20m", "segments_100m", "hot_spots", "change_segments"])
def test_segments_have_ids_of_their_own_and_lie_along_their_road(
    tables: dict[str, geopandas.GeoDataFrame], name: str
) -> None:
    table = tables[name]
    assert table["segment"].is_unique
    assert (table["to_m"] - table["from_m"]).to_numpy() == pytest.approx(
        table["length_m"].to_numpy(), abs=0.11
    )
    metric = table.to_crs(6677).length.to_numpy()
    assert metric == pytest.approx(table["length_m"].to_numpy(), rel=2e-3)


def test_each_direction_is_drawn_as_it_is_driven(tables: dict[str, geopandas.GeoDataFrame]) -> None:
    first = tables["segments_100m"].query("road == 'E0'").set_index(["direction", "from_m"])
    along, against = (
        first.loc[("from start to end", 0.0), "geometry"],
        first.loc[("from end to start", 0.0), "geometry"],
    )
    assert along.coords[0] == against.coords[-1]
    assert along.coords[0][0] < along.coords[-1][0]


def test_segments_say_what_was_worked_out(
    years: list[Assessment], tables: dict[str, geopandas.GeoDataFrame]
) -> None:
    both = years[-1]
    table = tables["segments_100m"]
    assert len(table) == both.long.there.sum()
    (piece,) = both.long.pieces.at(np.array([2]), np.array([250.0]))
    here = table[(table["road_id"] == "3") & (table["from_m"] == 200.0)].iloc[0]
    assert here["crack_ratio"] == pytest.approx(round(both.long.crack_ratio[0, piece], 1), nan_ok=True)
    assert np.nansum(table["crack_ratio"]) == pytest.approx(
        np.nansum(both.long.crack_ratio), abs=0.05 * len(table)
    )
    judged = table["crack_ratio"].notna()
    assert judged.any()
    assert ((table["seen_share"] >= 0.5) | ~judged).all()
    assert (
        table["class_crack"]
        == [("", "Ⅰ", "Ⅱ", "Ⅲ")[one] for one in diagnosis(table["crack_ratio"].to_numpy(), (20.0, 40.0))]
    ).all()
    assert (table["diagnosis"] == table["class_crack"]).all(), "nothing was measured"
    assert (table["damages"] == table[list(CODES)].sum(axis=1)).all()
    assert table["damages"].sum() == ((both.placed.line >= 0) & (both.placed.weight >= 0.5)).sum()
    mci = np.round(mci_crack_only(table["crack_ratio"].to_numpy()), 1)
    assert table["mci_crack_only"].to_numpy() == pytest.approx(mci, abs=0.3, nan_ok=True)
    assert table["last_surveyed"].str.fullmatch(r"(\d{4}-\d\d-\d\d)?").all()


def test_damages_are_gravest_first_and_in_their_segment(tables: dict[str, geopandas.GeoDataFrame]) -> None:
    table = tables["damages"]
    parts = table[[f"priority_{name}" for name in ("severity", "road", "growth", "age")]].sum(axis=1)
    assert parts.to_numpy() == pytest.approx(table["priority"].to_numpy(), abs=0.21)
    there = table[table["state"] != "probably repaired"]
    assert there["priority"].is_monotonic_decreasing
    assert (table["state"] == "probably repaired").is_monotonic_increasing, "what is gone comes last"
    on = table[table["segment"] != ""].merge(tables["segments_100m"], on="segment")
    assert len(on) > 0.9 * len(table)
    assert ((on["chainage_m"] >= on["from_m"] - 0.1) & (on["chainage_m"] <= on["to_m"] + 0.1)).all()
    assert (on["road_id_x"] == on["road_id_y"]).all()
    assert (on["direction_x"] == on["direction_y"]).all()


def test_hot_spots_are_ranked(tables: dict[str, geopandas.GeoDataFrame]) -> None:
    table = tables["hot_spots"]
    hot = int((table["level"] > 0).sum())
    assert table["rank"].tolist() == [*range(1, hot + 1), *[0] * (len(table) - hot)]
    assert table["level"].is_monotonic_decreasing
    assert ((table["reasons"] != "") == (table["level"] > 0)).all()


def test_reasons_say_how_much_and_of_what() -> None:
    network = Network(grid_town(8, 200.0), RULES.lanes)
    rng = np.random.default_rng(8)
    spot = place(network, rng, np.full(40, 4), rng.uniform(400, 600, 40))
    truth = both(damages(network, rng, 12.0), spot)
    drives = [drive(network, truth, rng, f"d{number}", 20_000.0, number) for number in range(3)]
    table = tables_of(assess(survey_of(drives), network, RULES), zone=ZONE, translate=str).tables["hot_spots"]
    first = table.iloc[0]
    assert (first["road_id"], first["rank"]) == ("5", 1)
    assert first["from_m"] in (400.0, 500.0)
    usual, around, kinds, driven = first["reasons"].split(" / ")
    times, rest = usual.split(" times the usual rate of ")
    assert float(times) == pytest.approx(first["rate"] / first["rate_all"], abs=0.1)
    assert rest == f"{first['rate_all']} weighted damages per lane-km"
    assert around == f"with its neighbours {first['rate_around'] / first['rate_all']:.1f} times"
    named = [f"{kind.name} {first[kind.code]}" for kind in CLASSES if first[kind.code]]
    assert kinds == f"on {first['seen_lane_m']:.0f} m of lane seen: {', '.join(named)}"
    assert driven == f"drives: {first['drives']}"


def test_changes_add_up(years: list[Assessment], tables: dict[str, geopandas.GeoDataFrame]) -> None:
    together = years[-1]
    changed, segment = tables["change_damages"], tables["change_segments"]
    assert len(changed) == len(together.damages)
    counts = changed["change"].value_counts()
    assert {"new", "unchanged", "probably repaired"} <= set(counts.index)
    assert segment[CHANGES].sum().sum() == (together.placed.line >= 0).sum()
    for name in ("worse", "unchanged", "better", "not_surveyed"):
        assert segment[name].sum() <= counts.get(name.replace("_", " "), 0)
    assert (changed.loc[changed["change"].isin(["new", "first surveyed"]), "severity_before"] == "").all()
    assert (
        changed.loc[changed["change"].isin(["worse", "better"]), ["size_before", "size_after"]]
        .notna()
        .all(axis=None)
    )
    assert changed["change"].iloc[0] == "new", "what calls for a look comes first"


def test_segments_change_with_their_interval_and_forecast(tables: dict[str, geopandas.GeoDataFrame]) -> None:
    table = tables["change_segments"]
    told = table[table["crack_ratio_change"].notna()]
    assert (told["change_low"] <= told["crack_ratio_change"]).all()
    assert (told["crack_ratio_change"] <= told["change_high"]).all()
    assert table["crack_ratio_change"].dropna().is_monotonic_decreasing, "the worst first"
    assert set(table["change"]) <= {"worse", "unchanged", "better", "first surveyed", "not surveyed"}
    assert (table.loc[table["crack_ratio_after"].isna(), "change"] == "not surveyed").all()
    ahead = table["forecast"].notna()
    assert ahead.any()
    assert (table.loc[ahead, "surveys"] == 3).all()
    assert (table.loc[ahead, "forecast_year"] == "2030").all()
    assert (table["forecast_note"] != "").all()
    assert (
        (table["forecast_low"] <= table["forecast"]) & (table["forecast"] <= table["forecast_high"]) | ~ahead
    ).all()


def test_within_holds_what_lies_there(years: list[Assessment]) -> None:
    both = years[-1]
    area = (139.7499, 35.6499, 139.7545, 35.6541)
    whole, part = (tables_of(both, zone=ZONE, translate=str, within=one) for one in (None, area))
    for name, table in part.tables.items():
        assert 0 < len(table) < len(whole.tables[name])
        assert table.intersects(shapely.box(*area)).all()
        assert table.index.equals(pandas.RangeIndex(len(table)))
    assert dict(part.facts)["damages"] == f"{len(part.tables['damages'])}"
    assert float(dict(part.facts)["lanes judged (km)"]) < float(dict(whole.facts)["lanes judged (km)"])
    nowhere = tables_of(both, zone=ZONE, translate=str, within=(0.0, 0.0, 1.0, 1.0))
    assert {name: len(table) for name, table in nowhere.tables.items()} == dict.fromkeys(nowhere.tables, 0)


def test_the_map_has_the_tables_of_roads(years: list[Assessment]) -> None:
    told = map_tables(years[0], zone=ZONE, translate=str)
    assert set(told.tables) == {"segments_20m", "segments_100m", "hot_spots"}


def inspected(crack: tuple[float, float, float], rut: float, iri: float) -> pandas.Series:
    """The row of a segment with this crack ratio and its interval, and what was measured."""
    network = street()
    told = assess(Survey(), network, RULES)
    _, long = segments(network, seen(network), lying(), recall(), RULES.condition)
    long = replace(
        long,
        **{
            name: np.full((2, 1), value)
            for name, value in zip(("crack_ratio", "low", "high"), crack, strict=True)
        },
    )
    measured = Measured(np.full((2, 1), rut), np.full((2, 1), iri), np.full((2, 1), "2025-10-01", object))
    short = Measured(
        *(np.repeat(getattr(measured, name), 5, axis=1) for name in measured.__dataclass_fields__)
    )
    table = tables_of(replace(told, long=long), zone=ZONE, translate=str, measured=(short, measured)).tables[
        "segments_100m"
    ]
    return table.iloc[0]


NAN = (np.nan,) * 3


@pytest.mark.parametrize(
    ("crack", "rut", "iri", "classes", "diagnoses"),
    [
        pytest.param((10.0, 5.0, 15.0), 10.0, 2.0, "Ⅰ Ⅰ Ⅰ", "Ⅰ Ⅰ Ⅰ", id="sound"),
        pytest.param((10.0, 5.0, 25.0), 20.0, 2.0, "Ⅰ Ⅱ Ⅰ", "Ⅱ Ⅱ Ⅱ", id="by its ruts"),
        pytest.param((10.0, 5.0, 45.0), 10.0, 8.0, "Ⅰ Ⅰ Ⅲ", "Ⅲ Ⅲ Ⅲ", id="by its IRI"),
        pytest.param((25.0, 15.0, 45.0), 10.0, 2.0, "Ⅱ Ⅰ Ⅰ", "Ⅱ Ⅰ Ⅲ", id="by its cracks, between two bounds"),
        pytest.param((19.96, 15.0, 19.97), np.nan, np.nan, "Ⅱ - -", "Ⅱ Ⅰ Ⅱ", id="as the numbers are shown"),
        pytest.param((10.0, 5.0, 15.0), 19.96, 2.996, "Ⅰ Ⅱ Ⅱ", "Ⅱ Ⅱ Ⅱ", id="and those measured"),
        pytest.param((20.0, 20.0, 40.0), np.nan, np.nan, "Ⅱ - -", "Ⅱ Ⅱ Ⅲ", id="exactly on the edges"),
        pytest.param(NAN, 20.0, np.nan, "- Ⅱ -", "Ⅱ Ⅱ -", id="cracks not judged: no worst is known"),
        pytest.param(NAN, np.nan, np.nan, "- - -", "- - -", id="nothing known"),
    ],
)  # fmt: skip
def test_the_diagnosis_is_the_worst_of_all(
    crack: tuple[float, float, float], rut: float, iri: float, classes: str, diagnoses: str
) -> None:
    row = inspected(crack, rut, iri)
    assert " ".join(row[name] or "-" for name in ("class_crack", "class_rut", "class_iri")) == classes
    assert (
        " ".join(row[name] or "-" for name in ("diagnosis", "diagnosis_low", "diagnosis_high")) == diagnoses
    )
    assert row["measured_on"] == "2025-10-01"


def test_damages_of_no_road_are_told() -> None:
    rng = np.random.default_rng(2)
    truth = damages(NETWORK, rng, 20.0)
    drives = [drive(NETWORK, truth, rng, "d", 3_000.0, 0.0)]
    told = tables_of(
        assess(survey_of(drives), Network(grid_town(2, 5.0), RULES.lanes), RULES), zone=ZONE, translate=str
    )
    table = told.tables["damages"]
    stray = table["road_id"] == ""
    assert stray.any()
    assert (table.loc[stray, ["direction", "segment"]] == "").all(axis=None)
    assert table.loc[stray, "chainage_m"].isna().all()
    assert any(f"in no segment: {stray.sum()} (" in note for note in told.notes)
