"""Exports asked for on a page: what was asked for, worked out from the records, and its files as downloads."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings

from detector.errors import N_
from maps.basemap_layer import open_basemap
from maps.exports import EVIDENCE
from maps.rules import default_rules
from maps.survey import Survey, SurveyError
from maps.worst import changed, worst
from roaddamage.export import (
    NAME,
    PARTS,
    PLACING,
    READING,
    ROADS,
    TELLING,
    Area,
    Compared,
    Exported,
    ExportJob,
    Step,
    compare,
    export,
)
from roaddamage.language import translation
from roaddamage.records.models import Export
from roaddamage.records.surveys import Period, compared, roads_of_records, survey_of_records
from roaddamage.zips import zipped

PACKING = Step("packing", N_("packing"))
FIRST, LAST = (READING, ROADS, PLACING, TELLING), (PACKING,)
"""What every export begins and ends with; in between it writes its forms."""
FOLDERS = ("geojson", "shp", "csv")
"""Forms of several files."""
MAP, MAP_ZIP = PARTS["html"][0], f"{NAME}-map.zip"
LANGUAGES = ("ja", "en")
Watch = Callable[[Step, int, int], None]


@dataclass(frozen=True)
class Asked:
    """What to make: `kind` of `Export.Kind`, `forms` of `roaddamage.export.PARTS` (none: the page's tables alone).

    Days are ISO 8601 in the municipality's zone, both included, "" where a period is open; of a comparison `since` and
    `until` are the later one's.
    """

    kind: str
    forms: tuple[str, ...] = ()
    language: str = "ja"
    crs: str = "EPSG:4326"
    encoding: str = "utf-8-sig"
    since: str = ""
    until: str = ""
    earlier_since: str = ""
    earlier_until: str = ""
    within: Area | None = None

    @classmethod
    def read(cls, kept: dict[str, Any]) -> Asked:
        """As the records keep it."""
        within = kept.get("within")
        return cls(**{**kept, "forms": tuple(kept["forms"]), "within": tuple(within) if within else None})

    def kept(self) -> dict[str, Any]:
        """For the records."""
        return asdict(self)

    def steps(self) -> tuple[str, ...]:
        """The keys of its steps in their order."""
        return (*(one.key for one in FIRST), *self.forms, *(one.key for one in LAST))


def make(asked: Asked, folder: Path, watch: Watch) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Work it out and write its files into a folder: what a page tells of it by language, and the files.

    Raises SurveyError where nothing was driven in a period, and what `roaddamage.export.export` does.
    """
    zone, rules = ZoneInfo(settings.TIME_ZONE), default_rules()
    basemap = settings.WORKSPACE.basemap
    job = ExportJob(
        forms=asked.forms, out=folder, rules=rules, zone=zone, language=asked.language, roads=roads_of_records,
        crs=asked.crs, encoding=asked.encoding, within=asked.within, beside=True,
        basemap=open_basemap(str(basemap)) if "html" in asked.forms and basemap.is_file() else None,
    )  # fmt: skip
    translate = translation(asked.language)
    if asked.kind == Export.Kind.change:
        gap_days = rules.change.survey_gap_days
        done = compare(job, lambda: _two(asked, zone, gap_days), translate, watch)
    else:
        done = export(job, lambda: _one(asked, zone), translate, watch)
    told = {language: _told(asked, done, language) for language in LANGUAGES}
    watch(PACKING, 0, 0)
    return told, [_packed(form, folder) for form in asked.forms]


def period(since: str, until: str, zone: ZoneInfo) -> Period:
    """Two days, both included, as POSIX times."""
    begin = _midnight(date.fromisoformat(since), zone) if since else -math.inf
    end = _midnight(date.fromisoformat(until) + timedelta(days=1), zone) if until else math.inf
    return begin, end


def _midnight(day: date, zone: ZoneInfo) -> float:
    return datetime.combine(day, time.min, zone).timestamp()


def _one(asked: Asked, zone: ZoneInfo) -> Survey:
    survey = survey_of_records()
    if asked.since or asked.until:
        survey = survey.between(*period(asked.since, asked.until, zone))
    if not survey.driven:
        raise SurveyError(N_("Nothing was driven in this time. Choose other days."))
    return survey


def _two(asked: Asked, zone: ZoneInfo, gap_days: float) -> Compared:
    survey = survey_of_records()
    earlier = period(asked.earlier_since, asked.earlier_until, zone)
    later = period(asked.since, asked.until, zone)
    if not survey.between(*earlier).driven:
        raise SurveyError(N_("Nothing was driven in the earlier period. Choose other days."))
    if not survey.between(*later).driven:
        raise SurveyError(N_("Nothing was driven in the later period. Choose other days."))
    return compared(survey, earlier, later, gap_days)


def _told(asked: Asked, done: Exported, language: str) -> dict[str, Any]:
    translate = translation(language)
    tables = done.tables if language == asked.language else done.tell(translate)
    if asked.kind == Export.Kind.change:
        heads = {"facts": [list(fact) for fact in tables.facts], "notes": list(tables.notes)}
        return heads | changed(tables, translate)
    return worst(done.told, tables, translate)


def _packed(form: str, folder: Path) -> dict[str, Any]:
    """What of a form is downloaded: its file, else a zip of its folder; the map stays beside its zip."""
    path = folder / PARTS[form][0]
    if form in FOLDERS:
        path = zipped(folder / f"{NAME}-{form}.zip", path, path)
        shutil.rmtree(folder / form)
    elif form == "html":
        path = zipped(folder / MAP_ZIP, folder, folder / MAP, folder / EVIDENCE)
    return {"form": form, "name": path.name, "bytes": path.stat().st_size}
