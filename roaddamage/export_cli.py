"""`roaddamage export`, `compare` and `rules`: tables, files and forms. Heavy imports wait inside."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from detector.errors import N_, Translate
from roaddamage.common_options import (
    BASEMAP,
    ROADS,
    ROADS_COLUMNS,
    ROADS_CRS,
    TIMEZONE,
    Language,
    basemap_named,
    columns_named,
    crs_named,
    errors_said,
    zone_named,
)
from roaddamage.language import preferred_language, translation

if TYPE_CHECKING:
    from maps.roads import Roads
    from maps.survey import Survey
    from maps.tables import Tables
    from roaddamage.export import Compared, ExportJob, Step

EXPORT_HELP = N_(
    """Write what was found as tables, files and forms: segments with their crack ratio, hot spots, priorities.

DIR is an output folder of detect, or a folder of them; several are put together, and a damage that two
of them show counts once. With --workspace instead, all drives of the application: damages then have the
numbers that its pages show, rejected and repaired ones do not count, and classes that people gave stand.
Roads come from --roads (centre lines: a road ledger 道路台帳 as Shapefile, GeoPackage or GeoJSON, or
OpenStreetMap), else they are the workspace's, else the ways driven.

gpkg, geojson, shp and kml are for maps, csv and xlsx for tables (xlsx with an inspection record after
舗装点検記録様式), pdf is a report for a meeting, html the map with segments and hot spots.

Examples:

roaddamage export out/monday --to xlsx --to pdf --roads daicho.shp --roads-crs EPSG:6677

roaddamage export out/ --to gpkg --crs "zone 9" --since 2026-04-01 --roads tokyo.osm.pbf

roaddamage export out/ --to csv --encoding shift_jis --bbox 139.73,35.64,139.77,35.68

roaddamage export --workspace /srv/roaddamage --to xlsx --since 2026-04-01 --until 2026-09-30
"""
)
COMPARE_HELP = N_(
    """Write what changed between surveys: damages new, worse, better or probably repaired, crack ratios per segment.

Each DIR is a survey (an output folder of detect, or a folder of them), earlier ones first; the first and
the last are compared. One DIR alone, or a workspace, is split at --at, or where its drives lie a month
apart. With three surveys over a year or more each segment has a forecast, with its interval.

Examples:

roaddamage compare out/2025 out/2026 --to xlsx --roads daicho.shp --roads-crs EPSG:6677

roaddamage compare out/ --at 2026-04-01 --to gpkg

roaddamage compare --workspace /srv/roaddamage --at 2026-04-01 --to xlsx
"""
)
RULES_HELP = N_(
    """Print the settings table: thresholds of the diagnosis, lane widths, what damages weigh, priorities.

Save it, change it, and give it to export and compare as --rules.

Example:

roaddamage rules > minato.toml
"""
)

app = typer.Typer()


class Form(StrEnum):
    """Forms of an export."""

    gpkg = "gpkg"
    geojson = "geojson"
    shp = "shp"
    kml = "kml"
    csv = "csv"
    xlsx = "xlsx"
    pdf = "pdf"
    html = "html"


class Encoding(StrEnum):
    """Encodings of texts in CSV files and Shapefiles."""

    utf_8 = "utf-8"
    shift_jis = "shift_jis"


FOLDERS = typer.Argument(metavar="DIR", help=N_("Output folders of detect, or folders of them."))
RECORDS = typer.Option(
    "--workspace",
    metavar="DIR",
    envvar="ROADDAMAGE_WORKSPACE",
    help=N_("The application's workspace, whose drives are taken where no DIR is given."),
)
TO = typer.Option(help=N_("Form to write; may be given several times."))
OUT = typer.Option(
    metavar="DIR", help=N_("Folder for the files; what an earlier export wrote there is replaced.")
)
RULES = typer.Option(
    metavar="FILE",
    envvar="ROADDAMAGE_RULES",
    help=N_("Settings table (TOML); `roaddamage rules` shows the one that is used without."),
)
MEASURED = typer.Option(
    metavar="FILE",
    help=N_("CSV of a survey vehicle: road, from_m, to_m, direction, rut_mm, iri_mm_per_m, measured_on."),
)
CRS_OPTION = typer.Option(
    metavar="EPSG:N",
    help=N_(
        "Coordinate system of the files: EPSG:4326, EPSG:6668 (JGD2011), or a plane-rectangular zone (9系)."
    ),
)
ENCODING = typer.Option(help=N_("Encoding of texts in CSV files and Shapefiles."))
BBOX = typer.Option(metavar="W,S,E,N", help=N_("Only what lies within: west, south, east, north in degrees."))
SINCE = typer.Option(metavar="YYYY-MM-DD", help=N_("Only drives since this day."))
UNTIL = typer.Option(metavar="YYYY-MM-DD", help=N_("Only drives until this day, and damages as of it."))
AT = typer.Option(metavar="YYYY-MM-DD", help=N_("Drives since this day are of the later survey."))
PAGES = typer.Option(metavar="N", min=0, max=500, help=N_("Damages that have a page each in the PDF."))
LANG = typer.Option(help=N_("Language of the files [default: the terminal's]."))


@app.command(help=EXPORT_HELP)
def export(
    to: Annotated[list[Form], TO],
    folders: Annotated[list[Path] | None, FOLDERS] = None,
    workspace: Annotated[Path | None, RECORDS] = None,
    out: Annotated[Path, OUT] = Path("export"),
    roads: Annotated[Path | None, ROADS] = None,
    roads_crs: Annotated[str | None, ROADS_CRS] = None,
    roads_columns: Annotated[str | None, ROADS_COLUMNS] = None,
    rules: Annotated[Path | None, RULES] = None,
    measured: Annotated[Path | None, MEASURED] = None,
    crs: Annotated[str, CRS_OPTION] = "EPSG:4326",
    encoding: Annotated[Encoding, ENCODING] = Encoding.utf_8,
    bbox: Annotated[str | None, BBOX] = None,
    since: Annotated[str | None, SINCE] = None,
    until: Annotated[str | None, UNTIL] = None,
    basemap: Annotated[str | None, BASEMAP] = None,
    pages: Annotated[int, PAGES] = 30,
    timezone: Annotated[str, TIMEZONE] = "Asia/Tokyo",
    lang: Annotated[Language | None, LANG] = None,
) -> None:
    """Write a survey as files."""
    from roaddamage.export import export as write

    zone = zone_named(timezone)
    begin, end = _day(since, zone, "--since"), _day_after(until, zone)
    translate, job = _job(
        to, out, lang, zone, rules, basemap,
        roads=_roads(roads, roads_crs, roads_columns, bbox, folders, workspace), measured=measured, crs=crs,
        encoding=encoding, bbox=bbox, pages=pages,
    )  # fmt: skip
    read = _survey(folders, workspace)
    with _working(translate, out) as watch:
        done = write(job, lambda: _between(read(), begin, end), translate, watch)
    _tell(job, done.tables, translate)


@app.command(help=COMPARE_HELP)
def compare(
    to: Annotated[list[Form], TO],
    folders: Annotated[list[Path] | None, FOLDERS] = None,
    workspace: Annotated[Path | None, RECORDS] = None,
    out: Annotated[Path, OUT] = Path("comparison"),
    at: Annotated[str | None, AT] = None,
    roads: Annotated[Path | None, ROADS] = None,
    roads_crs: Annotated[str | None, ROADS_CRS] = None,
    roads_columns: Annotated[str | None, ROADS_COLUMNS] = None,
    rules: Annotated[Path | None, RULES] = None,
    measured: Annotated[Path | None, MEASURED] = None,
    crs: Annotated[str, CRS_OPTION] = "EPSG:4326",
    encoding: Annotated[Encoding, ENCODING] = Encoding.utf_8,
    bbox: Annotated[str | None, BBOX] = None,
    basemap: Annotated[str | None, BASEMAP] = None,
    pages: Annotated[int, PAGES] = 30,
    timezone: Annotated[str, TIMEZONE] = "Asia/Tokyo",
    lang: Annotated[Language | None, LANG] = None,
) -> None:
    """Write what changed between surveys."""
    from roaddamage.export import compare as write

    zone = zone_named(timezone)
    day = _day(at, zone, "--at")
    translate, job = _job(
        to, out, lang, zone, rules, basemap,
        roads=_roads(roads, roads_crs, roads_columns, bbox, folders, workspace), measured=measured, crs=crs,
        encoding=encoding, bbox=bbox, pages=pages,
    )  # fmt: skip
    read = _survey(folders, workspace)
    gap_days = job.rules.change.survey_gap_days
    with _working(translate, out) as watch:
        done = write(job, lambda: _compared(read(), folders or [], day, gap_days), translate, watch)
    _tell(job, done.tables, translate)


@app.command("rules", help=RULES_HELP)
def rules_table() -> None:
    """Print the settings table."""
    from maps.rules import DEFAULTS

    typer.echo(DEFAULTS.read_text(encoding="utf-8"), nl=False)


def _survey(folders: list[Path] | None, workspace: Path | None) -> Callable[[], Survey]:
    """What reads the survey that is meant; none, or two, are bad usage."""
    if folders:

        def read() -> Survey:
            from maps.survey import read_survey

            return read_survey(folders)

        return read
    if workspace is None:
        raise typer.BadParameter("give output folders of detect, or --workspace")
    return lambda: _records(workspace)


def _records(folder: Path) -> Survey:
    """The survey that a workspace's records hold. Raises SurveyError."""
    from roaddamage.server import open_workspace

    open_workspace(folder)
    from roaddamage.records.surveys import survey_of_records

    return survey_of_records()


def _between(survey: Survey, since_utc_s: float | None, until_utc_s: float | None) -> Survey:
    """The survey in a time. Raises SurveyError where nothing was driven then."""
    from maps.survey import SurveyError

    if since_utc_s is not None or until_utc_s is not None:
        survey = survey.between(
            -math.inf if since_utc_s is None else since_utc_s,
            math.inf if until_utc_s is None else until_utc_s,
        )
        if not survey.driven:
            raise SurveyError(
                N_(
                    "No drive is known to have begun in that time. Give an earlier --since or a later --until."
                )
            )
    return survey


def _compared(survey: Survey, folders: list[Path], at_utc_s: float | None, gap_days: float) -> Compared:
    """The surveys to compare. Raises SurveyError where there are not two."""
    from roaddamage.export import Compared, apart, split

    if at_utc_s is not None:
        return split(survey, at_utc_s)
    if len(folders) < 2:
        return apart(survey, gap_days)
    parts = [survey.of(survey.under(folder)) for folder in folders]
    return Compared(survey, [part for part in parts if part.driven])


def _roads(
    path: Path | None, crs: str | None, columns: str | None, bbox: str | None, folders: list[Path] | None,
    workspace: Path | None,
) -> Callable[[Survey], Roads]:  # fmt: skip
    """What gives the roads of a survey: a file, else the workspace's, else the ways driven."""
    from maps.assessment import roads_of
    from maps.roads import read_roads

    projection, named, within = crs_named(crs), columns_named(columns), _area(bbox)
    if path is None:
        return roads_of if folders or workspace is None else _records_roads
    return lambda _: read_roads(path, projection, named, within)


def _records_roads(survey: Survey) -> Roads:
    """The workspace's roads, which is open by then. Raises RoadsError."""
    from roaddamage.records.surveys import roads_of_records

    return roads_of_records(survey)


def _job(
    to: list[Form], out: Path, lang: Language | None, zone: ZoneInfo, rules: Path | None, basemap: str | None, *,
    roads: Callable[[Survey], Roads], measured: Path | None, crs: str, encoding: Encoding, bbox: str | None, pages: int,
) -> tuple[Translate, ExportJob]:  # fmt: skip
    """The job of a command line; what can be none is bad usage, or a user's error."""
    from maps.rules import default_rules, read_rules
    from maps.texts import SHIFT_JIS, UTF_8
    from roaddamage.export import ExportJob

    language = (lang or Language(preferred_language())).value
    translate = translation(language)
    within = _area(bbox)
    with errors_said(translate):
        job = ExportJob(
            forms=[form.value for form in dict.fromkeys(to)], out=out,
            rules=read_rules(rules) if rules else default_rules(), zone=zone, language=language, roads=roads,
            measured=measured, crs=crs, encoding=SHIFT_JIS if encoding == Encoding.shift_jis else UTF_8,
            within=within, basemap=basemap_named(basemap), most_damages=pages,
        )  # fmt: skip
    return translate, job


@contextmanager
def _working(translate: Translate, out: Path) -> Iterator[Callable[[Step, int, int], None]]:
    """Errors said; on a terminal what is being done, and how far it is."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True, soft_wrap=True)
    columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    with (
        errors_said(translate, out),
        Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress,
    ):
        task = progress.add_task("", total=None)
        yield lambda step, done, total: progress.update(
            task, description=step.told(translate), completed=done, total=total or None
        )


def _tell(job: ExportJob, tables: Tables, translate: Translate) -> None:
    """What came of it: the facts, the notes on standard error, and where the files are."""
    from roaddamage.export import PARTS

    for label, value in tables.facts:
        typer.echo(f"{label}: {value}")
    for note in tables.notes:
        typer.echo(note, err=True)
    for name in ("change_damages", "change_segments"):
        if name in tables.tables:
            _tell_change(tables, name, translate)
    for form in job.forms:
        typer.echo(str((job.out / PARTS[form][0]).absolute()))


def _tell_change(tables: Tables, name: str, translate: Translate) -> None:
    from maps.tables import TITLES

    counts = tables.tables[name]["change"].value_counts()
    told = ", ".join(f"{change} {count}" for change, count in counts.items())
    typer.echo(f"{translate(TITLES[name])}: {told}")


def _day(text: str | None, zone: ZoneInfo, option: str) -> float | None:
    """The beginning of a day in a zone, POSIX time; what is no day is bad usage."""
    if text is None:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=zone).timestamp()
    except ValueError as error:
        raise typer.BadParameter(f"{option}: {text!r} is no day; one is 2026-04-01") from error


def _day_after(text: str | None, zone: ZoneInfo) -> float | None:
    """The end of a day."""
    if text is None or _day(text, zone, "--until") is None:
        return None
    following = datetime.strptime(text, "%Y-%m-%d") + timedelta(days=1)
    return following.replace(tzinfo=zone).timestamp()


def _area(text: str | None) -> tuple[float, float, float, float] | None:
    if text is None:
        return None
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError as error:
        raise typer.BadParameter(
            "--bbox: four numbers are needed, such as 139.73,35.64,139.77,35.68"
        ) from error
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        raise typer.BadParameter("--bbox: west has to be below east, and south below north, in degrees")
    return west, south, east, north
