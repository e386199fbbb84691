"""Exports: a survey as tables, files and forms, or what changed between two."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from zoneinfo import ZoneInfo

from geopandas import GeoDataFrame
from pyproj import CRS

from detector.errors import N_, OutputTakenError, RoadDamageError, Translate
from detector.sightings import Sighting
from maps.assessment import Assessment, assess, roads_of
from maps.basemap_layer import BaseMap
from maps.coordinates import CoordinatesError, coordinate_system, outside
from maps.exports import EVIDENCE, local_time
from maps.forecast import Forecast, forecasts
from maps.gis_files import FIELDS, write_geojson, write_geopackage, write_shapefiles
from maps.kml import write_kml
from maps.measured import Measured, MeasuredError, on_pieces, read_measured
from maps.network import Network
from maps.pdf import weasyprint
from maps.report import write_report
from maps.results import change_tables, tables_of
from maps.roads import Roads
from maps.rules import Rules
from maps.sheets import write_csv, write_workbook
from maps.survey import Survey, SurveyError
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
PAIR = N_(
    "There is one survey only, and nothing to compare. Give a folder for each survey, earlier ones first, or"
    " --at with the day from which on drives are of the later one."
)


@dataclass(frozen=True)
class Step:
    """What is being done: `key` names it, and a form where it writes one; `template` tells it."""

    key: str
    template: str
    values: dict[str, str] = field(default_factory=dict)

    def told(self, translate: Translate) -> str:
        """The step in words."""
        return translate(self.template).format(**self.values)


Watch = Callable[[Step, int, int], None]
"""Told what is being done, how far it is, and of how many (0: not known)."""
Read = Callable[[], Survey]
READING = Step("reading", N_("reading results"))
ROADS = Step("roads", N_("reading roads"))
PLACING = Step("placing", N_("placing damages on the roads"))
TELLING = Step("telling", N_("making tables"))


def writing(form: str) -> Step:
    """The step that writes a form."""
    return Step(form, N_("writing {form}"), {"form": form})


@dataclass(frozen=True)
class ExportJob:
    """How a survey, or a comparison, is to be written.

    `roads` gives those that a survey lies on: `roads_of`, the ways driven, or others. `within` (EPSG:4326) leaves out what
    lies outside.
    """

    forms: Sequence[str]
    out: Path
    rules: Rules
    zone: ZoneInfo
    language: str
    roads: Callable[[Survey], Roads] = roads_of
    measured: Path | None = None
    crs: str = "EPSG:4326"
    encoding: str = UTF_8
    within: Area | None = None
    basemap: BaseMap | None = None
    most_damages: int = 30
    beside: bool = False
    """Tables name pictures as they lie beside the map, also without one; else where they are."""
    later_utc_s: float = math.inf
    """When the later of two surveys begins, which a comparison says itself."""


@dataclass(frozen=True)
class Compared:
    """Surveys in order of time, the first and last of which are compared, and all of their drives together."""

    whole: Survey
    parts: Sequence[Survey]

    def __post_init__(self) -> None:
        drives = [{drive.name for drive in part.driven} for part in self.parts]
        if len(drives) < 2 or not (drives[0] and drives[-1]) or drives[0] & drives[-1]:
            raise SurveyError(PAIR)

    @property
    def both(self) -> Survey:
        """The first and the last together; what was repaired in between is marked so."""
        first, last = self.parts[0], self.parts[-1]
        names = {drive.name for part in (first, last) for drive in part.driven}
        return replace(self.whole.of(names), as_of_utc_s=last.as_of_utc_s, kept_since_utc_s=first.as_of_utc_s)


@dataclass(frozen=True)
class Exported:
    """What was written: the assessment, its tables, and how they are told in another language."""

    told: Assessment
    tables: Tables
    tell: Callable[[Translate], Tables]


def export(job: ExportJob, read: Read, translate: Translate, watch: Watch) -> Exported:
    """Write a survey in the forms asked for; each is complete afterwards, or as it was.

    Raises SurveyError, RoadsError, RulesError, MeasuredError, CoordinatesError, PdfError and OutputError.
    """
    crs = _checked(job)
    watch(READING, 0, 0)
    survey = read()
    network = _network(job, survey, watch)
    watch(PLACING, 0, 0)
    told = assess(survey, network, job.rules)
    return _written(job, told, lambda language: _tables(job, told, language), crs, translate, watch)


def compare(job: ExportJob, read: Callable[[], Compared], translate: Translate, watch: Watch) -> Exported:
    """Write what changed from the first survey to the last; all together tell the forecast. Raises as `export` does."""
    crs = _checked(job)
    watch(READING, 0, 0)
    compared = read()
    begin = compared.parts[-1].begin_utc_s
    job = replace(job, later_utc_s=math.inf if begin is None else begin)
    network = _network(job, compared.whole, watch)
    count = len(compared.parts) + 1
    watch(PLACING, 0, count)
    parts: list[Assessment] = []
    for number, part in enumerate(compared.parts, 1):
        parts.append(assess(part, network, job.rules))
        watch(PLACING, number, count)
    both = assess(compared.both, network, job.rules)
    return _written(job, both, lambda language: _changed(job, parts, both, language), crs, translate, watch)


def _written(
    job: ExportJob, told: Assessment, tell: Callable[[Translate], Tables], crs: CRS, translate: Translate, watch: Watch
) -> Exported:  # fmt: skip
    watch(TELLING, 0, 0)
    tables = tell(translate)
    _write(job, told, tables, crs, translate, watch)
    return Exported(told, tables, tell)


def _changed(job: ExportJob, parts: Sequence[Assessment], both: Assessment, translate: Translate) -> Tables:
    tables = _tables(job, both, translate)
    changed = change_tables(
        parts[0],
        parts[-1],
        both,
        _forecasts(parts, job.rules),
        zone=job.zone,
        translate=translate,
        within=job.within,
    )
    facts = _compared([one.survey for one in parts], job.zone, translate)
    return replace(tables, tables={**tables.tables, **changed}, facts=(*facts, *tables.facts))


def split(survey: Survey, at_utc_s: float) -> Compared:
    """A survey as those before and since a time. Raises SurveyError where one has no drive."""
    parts = [survey.between(until_utc_s=at_utc_s), survey.between(since_utc_s=at_utc_s)]
    return Compared(survey, parts)


def apart(survey: Survey, gap_days: float) -> Compared:
    """A survey as those that lie so far apart. Raises SurveyError where there are not two."""
    return Compared(survey, followed(survey.parts(gap_days)))


def followed(parts: Sequence[Survey]) -> list[Survey]:
    """Surveys in order of time, each as of the beginning of the next."""
    begins = [part.begin_utc_s for part in parts[1:]]
    ends = [*(math.inf if begin is None else begin for begin in begins), math.inf]
    return [replace(part, as_of_utc_s=end) for part, end in zip(parts, ends, strict=False)]


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


def _network(job: ExportJob, survey: Survey, watch: Watch) -> Network:
    watch(ROADS, 0, 0)
    return Network(job.roads(survey), job.rules.lanes)


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
    crs, damages = coordinate_system(job.crs), tables.tables["damages"]
    if away := outside(damages.geometry, crs):
        beyond = N_(
            "Damages outside the ground that {crs} is for: {count} of {all}. Look whether it is the right one."
        )
        notes.append(CoordinatesError(beyond, crs=crs.name, count=away, all=len(damages)))
    return replace(
        tables,
        tables={**tables.tables, "damages": _with_pictures(damages, told.survey, job)},
        notes=(*(one.message(translate) for one in notes), *tables.notes),
    )


def _with_pictures(damages: GeoDataFrame, survey: Survey, job: ExportJob) -> GeoDataFrame:
    """The damages with their pictures as seen from the output folder."""
    names = _picture_names(survey)

    def seen(picture: str) -> str:
        if job.beside or "html" in job.forms:
            return f"{EVIDENCE}/{names[Path(picture)]}"
        return Path(os.path.relpath(picture, job.out)).as_posix()

    return damages.assign(
        **{column: [one and seen(one) for one in damages[column]] for column in ("evidence", "crop")}
    )


def _picture_names(survey: Survey) -> dict[Path, str]:
    """What each picture is called beside the map: numbered by its folder where there are several of those."""
    numbers = {folder: number for number, folder in enumerate(dict.fromkeys(survey.pictures.values()), 1)}
    names = {}
    for drive, folder in survey.pictures.items():
        for one in survey.sightings[drive]:
            for name in {Path(one.evidence).name, Path(one.crop).name} - {""}:
                names[folder / name] = f"{numbers[folder]}-{name}" if len(numbers) > 1 else name
    return names


def _write(
    job: ExportJob, told: Assessment, tables: Tables, crs: CRS, translate: Translate, watch: Watch
) -> None:
    with staged(job.out, [part for form in job.forms for part in PARTS[form]]) as folder:
        for form in job.forms:
            watch(writing(form), 0, 0)
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
        watch(writing(form), done, total)

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
    names, folders = _picture_names(told.survey), told.survey.pictures

    def laid(seen: Sighting, picture: str) -> str:
        source = folders[seen.drive] / Path(picture).name
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
        keep_left=job.rules.lanes.keep == "left", later_utc_s=job.later_utc_s,
    )  # fmt: skip


def _link(picture: Path, target: Path) -> None:
    """The same file at another place, without room where the disk can do that; nothing where it is gone."""
    if target.exists() or not picture.is_file():
        return
    try:
        os.link(picture, target)
    except OSError:
        shutil.copyfile(picture, target)
