"""Exports: results of `detect` as tables, files and forms, for a survey or for what changed between two."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from zoneinfo import ZoneInfo

from geopandas import GeoDataFrame
from pyproj import CRS

from detector.errors import N_, OutputTakenError, RoadDamageError, Translate
from detector.sightings import Sighting
from maps.assessment import Assessment, assess, roads_of
from maps.basemap_layer import BaseMap
from maps.coordinates import coordinate_system
from maps.exports import EVIDENCE, local_time
from maps.forecast import Forecast, forecasts
from maps.gis_files import FIELDS, write_geojson, write_geopackage, write_shapefiles
from maps.kml import write_kml
from maps.measured import Measured, MeasuredError, on_pieces, read_measured
from maps.network import Network
from maps.pdf import weasyprint
from maps.report import write_report
from maps.results import change_tables, tables_of
from maps.roads import Roads, read_roads
from maps.rules import Rules
from maps.sheets import write_csv, write_workbook
from maps.survey import Survey, SurveyError, read_survey
from maps.tables import COLUMNS, Tables
from maps.texts import UTF_8
from maps.webmap import write_map
from roaddamage.output import REPORT, check_folder, staged

NAME = "road-damage"
PARTS: dict[str, tuple[str, ...]] = {
    "gpkg": (f"{NAME}.gpkg",),
    "geojson": ("geojson",),
    "shp": ("shp",),
    "kml": (f"{NAME}.kml",),
    "csv": ("csv",),
    "xlsx": (f"{NAME}.xlsx",),
    "pdf": (f"{NAME}.pdf",),
    "html": ("map.html", EVIDENCE),
}
"""What each form writes into the output folder; nothing else in it is touched."""
IN_FOLDERS = ("csv", "geojson", "shp", "shx", "dbf", "prj", "cpg")
"""Endings of the files in the folders of a form; others that somebody put there stay."""
Area = tuple[float, float, float, float]
Watch = Callable[[str, int, int], None]
"""Told what is being done, how far it is, and of how many (0: not known)."""


@dataclass(frozen=True)
class ExportJob:
    """One call of `roaddamage export` or `compare`.

    `roads` None: the ways driven. `since_utc_s` leaves out earlier drives, `within` (EPSG:4326) what lies outside.
    """

    folders: Sequence[Path]
    forms: Sequence[str]
    out: Path
    rules: Rules
    zone: ZoneInfo
    language: str
    roads: Path | None = None
    roads_crs: CRS | None = None
    roads_columns: dict[str, str] | None = None
    measured: Path | None = None
    crs: str = "EPSG:4326"
    encoding: str = UTF_8
    within: Area | None = None
    since_utc_s: float | None = None
    basemap: BaseMap | None = None
    most_damages: int = 30


def export(job: ExportJob, translate: Translate, watch: Watch) -> Tables:
    """Write a survey in the forms asked for; each is complete afterwards, or as it was. Gives its tables.

    Raises SurveyError, RoadsError, RulesError, MeasuredError, CoordinatesError, PdfError and OutputError.
    """
    crs = _checked(job)
    watch(translate(N_("reading results")), 0, 0)
    survey = read_survey(job.folders)
    if job.since_utc_s is not None:
        survey = survey.since(job.since_utc_s)
        if not survey.driven:
            raise SurveyError(N_("No drive is known to have begun since that day. Give an earlier --since."))
    network = _network(job, survey, translate, watch)
    watch(translate(N_("placing damages on the roads")), 0, 0)
    told = assess(survey, network, job.rules)
    tables = _tables(job, told, translate)
    _write(job, told, tables, crs, translate, watch)
    return tables


def compare(job: ExportJob, at_utc_s: float | None, translate: Translate, watch: Watch) -> Tables:
    """Write what changed from the first survey to the last.

    Each of the job's folders is a survey; with `at_utc_s` those before and since are, and of one folder alone the drives
    that lie far enough apart. All surveys together tell the forecast. Raises as `export` does.
    """
    crs = _checked(job)
    watch(translate(N_("reading results")), 0, 0)
    survey = read_survey(job.folders)
    parts = _surveys(job, survey, at_utc_s)
    network = _network(job, survey, translate, watch)
    watch(translate(N_("placing damages on the roads")), 0, len(parts) + 1)
    told: list[Assessment] = []
    for number, part in enumerate(parts, 1):
        told.append(assess(part, network, job.rules))
        watch(translate(N_("placing damages on the roads")), number, len(parts) + 1)
    names = {drive.name for part in (parts[0], parts[-1]) for drive in part.driven}
    both = assess(survey.of(names), network, job.rules)
    tables = _tables(job, both, translate)
    changed = change_tables(
        told[0],
        told[-1],
        both,
        _forecasts(told, job.rules),
        zone=job.zone,
        translate=translate,
        within=job.within,
    )
    compared = _compared(parts, job.zone, translate)
    tables = replace(tables, tables={**tables.tables, **changed}, facts=(*compared, *tables.facts))
    _write(job, both, tables, crs, translate, watch)
    return tables


def _checked(job: ExportJob) -> CRS:
    """All that can be known to fail before the long work. The coordinate system of the files."""
    check_folder(job.out)
    if "html" in job.forms:
        _check_for_map(job.out)
    crs = coordinate_system(job.crs)
    if "pdf" in job.forms:
        weasyprint()
    if "geojson" in job.forms and crs.is_projected:
        write_geojson(job.out, Tables({}), crs)
    return crs


def _check_for_map(out: Path) -> None:
    """Raise OutputTakenError where a map and its pictures would replace those of a drive's results, or any others."""
    if (out / REPORT).is_file() or ((out / EVIDENCE).exists() and not (out / PARTS["html"][0]).is_file()):
        raise OutputTakenError(
            N_("{path} is not of an earlier export, and is not replaced. Give another --out."),
            path=out / EVIDENCE,
        )


def _surveys(job: ExportJob, survey: Survey, at_utc_s: float | None) -> list[Survey]:
    """The surveys to compare, in order. Raises SurveyError where there are not two."""
    if at_utc_s is not None:
        dated = {one.name: one.begin_utc_s for one in survey.driven if one.begin_utc_s is not None}
        before = {name for name, begin in dated.items() if begin < at_utc_s}
        parts = [survey.of(before), survey.of(set(dated) - before)]
    elif len(job.folders) > 1:
        parts = [survey.of(survey.under(folder)) for folder in job.folders]
    else:
        parts = survey.parts(job.rules.change.survey_gap_days)
    parts = [part for part in parts if part.driven]
    drives = [{drive.name for drive in part.driven} for part in parts]
    if len(parts) < 2 or drives[0] & drives[-1]:
        raise SurveyError(
            N_(
                "There is one survey only, and nothing to compare. Give a folder for each survey, earlier ones first, or"
                " --at with the day from which on drives are of the later one."
            )
        )
    return parts


def _compared(parts: Sequence[Survey], zone: ZoneInfo, translate: Translate) -> tuple[tuple[str, str], ...]:
    """Which surveys were compared, as facts."""

    def told(part: Survey) -> str:
        days = dict.fromkeys(local_time(one, zone)[:10] for one in (part.begin_utc_s, part.end_utc_s))
        text = translate(N_("{days} (drives: {count})"))
        return text.format(days=" – ".join(filter(None, days)) or "–", count=len(part.driven))

    return (
        (translate(N_("earlier survey")), told(parts[0])),
        (translate(N_("later survey")), told(parts[-1])),
        (translate(N_("surveys for the forecast")), str(len(parts))),
    )


def _forecasts(told: Sequence[Assessment], rules: Rules) -> tuple[float, list[list[Forecast]]] | None:
    dated = [(one.survey.end_utc_s, one.long) for one in told]
    known = [(utc_s, long) for utc_s, long in dated if utc_s is not None]
    if len(known) < 2:
        return None
    return forecasts(known, rules.change.forecast_years, rules.change)


def _network(job: ExportJob, survey: Survey, translate: Translate, watch: Watch) -> Network:
    roads: Roads
    if job.roads:
        watch(translate(N_("reading roads")), 0, 0)
        roads = read_roads(job.roads, job.roads_crs, job.roads_columns, job.within)
    else:
        roads = roads_of(survey)
    return Network(roads, job.rules.lanes)


def _tables(job: ExportJob, told: Assessment, translate: Translate) -> Tables:
    measured: tuple[Measured, Measured] | None = None
    notes: list[RoadDamageError] = []
    if job.measured:
        rows = read_measured(job.measured)
        short, unknown = on_pieces(rows, told.network, told.network.short)
        measured = short, on_pieces(rows, told.network, told.network.long)[0]
        if unknown:
            remark = MeasuredError(
                N_("{path}: roads or stretches that are not in the road file, or in several parts, are left out: {roads}."),
                path=job.measured, roads=", ".join(unknown[:20]),
            )  # fmt: skip
            notes.append(remark)
    tables = tables_of(told, zone=job.zone, translate=translate, measured=measured, within=job.within)
    return replace(
        tables,
        tables={**tables.tables, "damages": _with_pictures(tables.tables["damages"], told.survey, job)},
        notes=(*(one.message(translate) for one in notes), *tables.notes),
    )


def _with_pictures(damages: GeoDataFrame, survey: Survey, job: ExportJob) -> GeoDataFrame:
    """The damages with their pictures as seen from the output folder: beside the map, else where they are."""
    names = _picture_names(survey)

    def seen(picture: str) -> str:
        if "html" in job.forms:
            return f"{EVIDENCE}/{names[Path(picture)]}"
        return Path(os.path.relpath(picture, job.out)).as_posix()

    return damages.assign(
        **{column: [one and seen(one) for one in damages[column]] for column in ("evidence", "crop")}
    )


def _picture_names(survey: Survey) -> dict[Path, str]:
    """What each picture is called beside the map: numbered by its folder where there are several of those."""
    numbers = {folder: number for number, folder in enumerate(dict.fromkeys(survey.folders.values()), 1)}
    names = {}
    for drive, folder in survey.folders.items():
        for one in survey.sightings[drive]:
            for name in {Path(one.evidence).name, Path(one.crop).name} - {""}:
                names[folder / EVIDENCE / name] = f"{numbers[folder]}-{name}" if len(numbers) > 1 else name
    return names


def _write(
    job: ExportJob, told: Assessment, tables: Tables, crs: CRS, translate: Translate, watch: Watch
) -> None:
    with staged(job.out, [part for form in job.forms for part in PARTS[form]]) as folder:
        for form in job.forms:
            watch(translate(N_("writing {form}")).format(form=form), 0, 0)
            _write_form(form, job, told, tables, crs, folder, translate, watch)
            _keep_others(job.out / PARTS[form][0], folder / PARTS[form][0])


def _write_form(
    form: str, job: ExportJob, told: Assessment, tables: Tables, crs: CRS, folder: Path, translate: Translate,
    watch: Watch,
) -> None:  # fmt: skip
    path = folder / PARTS[form][0]
    if form in ("geojson", "shp", "csv"):
        path.mkdir()

    def pages(done: int, total: int) -> None:
        watch(translate(N_("writing {form}")).format(form=form), done, total)

    writers: dict[str, Callable[[], object]] = {
        "gpkg": lambda: write_geopackage(path, tables, crs),
        "geojson": lambda: write_geojson(path, tables, crs),
        "shp": lambda: write_shapefiles(path, tables, crs, translate, job.encoding),
        "kml": lambda: write_kml(path, tables, translate),
        "csv": lambda: write_csv(path, tables, crs, translate, job.encoding),
        "xlsx": lambda: write_workbook(path, tables, crs, translate),
        "pdf": lambda: write_report(
            path, tables, zone=job.zone, language=job.language, translate=translate,
            most_damages=job.most_damages, progress=pages,
        ),
        "html": lambda: _write_map(path, job, told, tables, translate),
    }  # fmt: skip
    writers[form]()


def _keep_others(earlier: Path, folder: Path) -> None:
    """Take along what somebody else put into the folder of a form: a style, an index, a file of their own."""
    own = {f"{name}.{ending}" for name in COLUMNS for ending in IN_FOLDERS} | {FIELDS}
    for path in sorted(earlier.iterdir()) if earlier.is_dir() else ():
        if path.is_dir():
            shutil.copytree(path, folder / path.name, symlinks=True)
        elif path.name not in own:
            _link(path, folder / path.name)


def _write_map(path: Path, job: ExportJob, told: Assessment, tables: Tables, translate: Translate) -> None:
    """The map, and beside it the pictures that it shows."""
    evidence = path.parent / EVIDENCE
    evidence.mkdir()
    names, folders = _picture_names(told.survey), told.survey.folders

    def laid(seen: Sighting, picture: str) -> str:
        source = folders[seen.drive] / EVIDENCE / Path(picture).name
        if picture:
            _link(source, evidence / names[source])
        return names.get(source, "")

    shown = set(tables.tables["damages"]["id"])
    damages = []
    for damage in told.named:
        if damage.number in shown:
            seen = [
                replace(one, evidence=laid(one, one.evidence), crop=laid(one, one.crop))
                for one in damage.sightings
            ]
            damages.append(replace(damage, sightings=tuple(seen)))
    remarks = [*told.survey.remarks, *told.network.roads.remarks]
    write_map(
        path, damages, told.survey.driven, evidence, zone=job.zone, language=job.language,
        translate=translate, basemap=job.basemap,
        tables=replace(tables, notes=tuple(one.message(translate) for one in remarks)),
        keep_left=job.rules.lanes.keep == "left",
    )  # fmt: skip


def _link(picture: Path, target: Path) -> None:
    """The same file at another place, without room where the disk can do that; nothing where it is gone."""
    if target.exists() or not picture.is_file():
        return
    try:
        os.link(picture, target)
    except OSError:
        shutil.copyfile(picture, target)
