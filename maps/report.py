"""The report: a survey as a PDF for the road section's meeting, with a page a damage to decide on."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

import geopandas
import jinja2
import pandas

from detector.classes import CLASSES, SEVERITIES
from detector.errors import N_, Translate
from maps.decided import decided_in
from maps.exports import CRS
from maps.pdf import font_file, quiet, weasyprint, write_pdf
from maps.pictures import small_picture
from maps.tables import COLUMNS, DAMAGES, Tables

with quiet():  # matplotlib tells of its caches when it is first imported
    from maps.paper_map import DIAGNOSES, PaperMaps, colour_of

ASSETS = Path(__file__).parent / "assets" / "report"
MOST_DAMAGES = 30
MOST_ROWS = 20
"""Of a table in the report; it says how many more there are."""
PICTURE_PX = 1000
Row = dict[str, Any]

WORDS: dict[str, str] = {
    "title": N_("Road damage report"),
    "made": N_("made on {day}"),
    "total": N_("total"),
    "counts": N_("Damages by class and severity"),
    "none": N_("No damage was found."),
    "shares": N_("Segments of 100 m by diagnosis"),
    "segments": N_("segments"),
    "km": N_("km"),
    "share": N_("share"),
    "no_segments": N_("No segment was surveyed."),
    "map": N_("Map of the survey"),
    "no_map": N_("There is nothing to draw."),
    "notes": N_("Notes"),
    "hot_spots": N_("Hot spots, by rank"),
    "no_hot_spots": N_("No place stands out from chance."),
    "more": N_("{count} more are in the tables."),
    "stretch": N_("road and stretch"),
    "rate": N_("weighted damages per lane-km (everywhere)"),
    "change": N_("Change since the survey before"),
    "change_damages": N_("Damages by change"),
    "change_segments": N_("Segments of 100 m"),
    "mean": N_("Mean crack ratio of the {km} km that both surveys saw: {before} % before, {after} % after."),
    "worst": N_("Segments whose crack ratio grew most, beyond its error"),
    "none_worse": N_("The crack ratio grew beyond its error on no segment that both surveys saw."),
    "crack_ratio": N_("crack ratio (%)"),
    "before": N_("before"),
    "after": N_("after"),
    "difference": N_("change (95 %)"),
    "pages": N_("Damages of the highest priority, with a page each: {count}."),
    "number": N_("No. {number} of {count}"),
    "id": N_("id {id}"),
    "no_picture": N_("There is no picture of this damage."),
    "road": N_("Road"),
    "chainage": N_("Chainage"),
    "confidence": N_("Confidence"),
    "size": N_("Size (± standard error)"),
    "long": N_("{size} m long"),
    "wide": N_("{size} m wide"),
    "area": N_("{size} m²"),
    "growth": N_("{size} m² a year"),
    "place": N_("Longitude, latitude"),
    "error": N_("± {metres} m (95 %)"),
    "passes": N_("Passes"),
    "passes_of": N_("{passes} (sightings: {sightings}); still there with {share}"),
    "seen": N_("Seen"),
    "priority": N_("Priority"),
    "around": N_("250 m to each side. The ring marks this damage."),
    "decision": N_("Decision"),
    "person": N_("In charge"),
    "due": N_("Due"),
    "remarks": N_("Remarks"),
}


def write_report(
    path: Path,
    tables: Tables,
    *,
    zone: tzinfo,
    language: str,
    translate: Translate,
    most_damages: int = MOST_DAMAGES,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write the report. A4, Japanese or English as `translate` has it.

    `progress` is told the pages done and their number. Raises PdfError, and OSError where the file can't be written.
    """
    weasyprint()  # before all work
    damages = tables.tables.get("damages")
    if damages is None:
        damages = geopandas.GeoDataFrame(columns=[one.name for one in DAMAGES], geometry=[], crs=CRS)
    shown = damages.sort_values("priority", ascending=False, kind="stable").head(most_damages)
    steps = len(shown) + 2
    told = progress or (lambda done, total: None)
    with quiet():
        maps = PaperMaps(tables.tables, shown, translate)
        overview = "" if maps.empty else _png(maps.overview())
        told(1, steps)
        pages: list[Row] = []
        for number, row in enumerate(_rows(shown), 1):
            picture = tables.pictures.get(row["id"])
            address = picture and small_picture(picture, PICTURE_PX)
            page = {"picture": address, "map": _png(maps.around(number)), "colour": colour_of(row["class"])}
            pages.append(row | page)
            told(1 + number, steps)
    html = _template(translate).render(
        language=language,
        font=font_file().as_uri(),
        day=datetime.now(zone).strftime("%Y-%m-%d"),
        proposals=decided_in(tables.tables.get("damages"), translate),
        facts=tables.facts,
        notes=tables.notes,
        overview=overview,
        sizes=[translate(name) for name in reversed(SEVERITIES)],
        counts=_counts(damages, translate),
        shares=_shares(tables.tables.get("segments_100m"), translate),
        hot_spots=_hot_spots(tables.tables.get("hot_spots")),
        changed=_changed(tables.tables.get("change_damages")),
        changed_segments=_changed(tables.tables.get("change_segments")),
        worst=_worst(tables.tables.get("change_segments")),
        pages=pages,
        left_out=len(damages) - len(shown),
    )
    write_pdf(path, html)
    told(steps, steps)


def _template(translate: Translate) -> jinja2.Template:
    """The page's template; all that is put into it is escaped."""
    environment = jinja2.Environment(
        autoescape=True,
        loader=jinja2.FileSystemLoader(ASSETS),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": _number, "short": _short}
    headings = {one.name: translate(one.heading) for columns in COLUMNS.values() for one in columns}
    words = {name: translate(english) for name, english in WORDS.items()}
    environment.globals.update(headings=headings, words=words)
    return environment.get_template("report.html.jinja")


def _number(value: float | None, digits: int = 0, sign: str = "", unit: str = "") -> str:
    """A number for people, with its sign where that is "+"; a dash where it is not known."""
    return "–" if value is None or pandas.isna(value) else f"{value:{sign},.{digits}f}{unit}"


def _short(text: str, letters: int) -> str:
    """Text from data on a line, cut where it would burst the page; a dash where there is none."""
    line = " ".join(text.split())
    return line[: letters - 1] + "…" if len(line) > letters else line or "–"


def _rows(table: pandas.DataFrame) -> list[Row]:
    """Each row by the names of its columns."""
    return [
        {str(name): value for name, value in row.items()}
        for row in table.drop(columns="geometry").to_dict("records")
    ]


def _counts(damages: pandas.DataFrame, translate: Translate) -> list[tuple[str, list[int]]]:
    """A row a class, its counts from large to small and of all."""
    sizes = [translate(name) for name in reversed(SEVERITIES)]
    counts = []
    for kind in CLASSES:
        severity = damages.loc[damages["class"] == kind.code, "severity"]
        by_size = [int((severity == size).sum()) for size in sizes]
        counts.append((f"{translate(kind.name)} ({kind.code})", [*by_size, len(severity)]))
    total = [sum(column) for column in zip(*(row for _, row in counts), strict=True)]
    return [*counts, (translate(WORDS["total"]), total)]


def _shares(segments: pandas.DataFrame | None, translate: Translate) -> list[Row] | None:
    """A row a diagnosis, the worst first: how many segments, km, and what share of the length."""
    if segments is None:
        return None
    metres = float(segments["length_m"].sum())
    rows = []
    for diagnosis, (colour, _, name) in reversed(DIAGNOSES.items()):
        length_m = segments.loc[segments["diagnosis"] == diagnosis, "length_m"]
        share = float(length_m.sum()) / metres if metres else 0.0
        km = float(length_m.sum()) / 1000
        row = {"name": translate(name), "colour": colour, "count": len(length_m), "km": km, "share": share}
        rows.append(row)
    return rows


def _hot_spots(spots: pandas.DataFrame | None) -> Row | None:
    """The hot ones of highest rank, how many more there are, and the rate everywhere."""
    if spots is None:
        return None
    hot = spots[spots["rank"] > 0].sort_values("rank")
    return {"rows": _rows(hot.head(MOST_ROWS)), "more": max(len(hot) - MOST_ROWS, 0)}


def _changed(table: pandas.DataFrame | None) -> list[tuple[str, int]] | None:
    """What changed how often, the most frequent first."""
    if table is None:
        return None
    return [(str(change), int(count)) for change, count in table["change"].value_counts().items()]


def _worst(segments: pandas.DataFrame | None) -> Row | None:
    """Segments whose crack ratio surely grew, how many more did, and what it is in the mean of all that both saw."""
    if segments is None:
        return None
    both = segments[segments["crack_ratio_change"].notna()]
    grew = both[both["change_low"] > 0]
    grew = grew.sort_values("crack_ratio_change", ascending=False, kind="stable")
    metres = float(both["length_m"].sum())
    before, after = (
        float((both["length_m"] * both[f"crack_ratio_{when}"]).sum()) / metres if metres else None
        for when in ("before", "after")
    )
    mean = {"km": metres / 1000, "before": before, "after": after}
    return {"rows": _rows(grew.head(MOST_ROWS)), "more": max(len(grew) - MOST_ROWS, 0), **mean}


def _png(content: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(content).decode()
