"""Copies of pictures elsewhere in the workspace: exports, papers, datasets, trainings, models; named, and taken away.

What was downloaded, or backed up, is out of reach: it is named alone, as the log tells it.
"""

from __future__ import annotations

import csv
import io
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePath
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from django.conf import settings
from django.db.models import Q

from datasets.dataset import COLUMNS
from detector.errors import N_
from maps.pictures import small_address
from roaddamage import aside, export_runs, frame_exports
from roaddamage.asked_exports import Asked, period
from roaddamage.erased_pictures import grey_picture, put, rewrite
from roaddamage.records.erased import WHOLE, Area
from roaddamage.records.models import (
    AuditEntry,
    Export,
    FrameExport,
    LabelledFrame,
    Sighting,
    Training,
    WorkList,
)
from roaddamage.records.models.aside import Aside
from roaddamage.training_data import MANIFEST
from training.promotion import SEEN_DIGITS

PICTURED = {"html", "pdf"}
"""Forms of exports that hold pictures."""
SLACK_DEG = 0.001
GREY_PX = 320
THUMBNAIL = re.compile(r"data:image/jpeg;base64,[A-Za-z0-9+/=]+")
Told = dict[str, list[dict[str, Any]]]
CUT = N_("A picture that it may hold was erased meanwhile. Make it again.")


@dataclass(frozen=True)
class Pictures:
    """Pictures of one drive, as the records name them.

    `digests` are SHA-256 of the frames' files, `since` is when the oldest can have been there first.
    """

    sightings: Sequence[Sighting]
    frames: Sequence[LabelledFrame]
    digests: frozenset[str]
    since: datetime

    @property
    def names(self) -> frozenset[str]:
        """What frames are called in datasets."""
        return frozenset(f"{frame.uid}.jpg" for frame in self.frames)


def in_records(pictures: Pictures) -> Told:
    """Exports and papers that hold them, and who took those away: for people, and for taking them away."""
    exports = [row for row in Export.objects.filter(at__gte=pictures.since) if _may_hold(row, pictures)]
    keys = {frame.pk for frame in pictures.frames}
    zips = [row for row in FrameExport.objects.select_related("by") if keys & set(row.frames)]
    damages = {seen.damage_id for seen in pictures.sightings}
    lists = WorkList.objects.filter(stops__damage__in=damages).distinct().values("pk", "title")
    told: Told = {
        "exports": [_of(row) | {"forms": row.asked["forms"]} for row in exports],
        "frame_exports": [_of(row) | {"form": row.kind} for row in zips],
        "work_lists": [{"number": one["pk"], "name": one["title"]} for one in lists],
    }
    return told | {"downloads": list(_downloads(told, pictures.since))}


def in_files(pictures: Pictures) -> Told:
    """Datasets, trainings and models that hold them, or learnt from them."""
    return {
        "datasets": [
            {"name": path.parent.name, "pictures": names}
            for path, names in _manifests("datasets/*", pictures)
        ],
        "trainings": list(_trainings(pictures)),
        "models": list(_models(pictures)),
    }


def _of(row: Export | FrameExport) -> dict[str, Any]:
    return {"number": row.pk, "at": row.at.isoformat(), "by": row.by.get_full_name() or row.by.username}


def _may_hold(row: Export, pictures: Pictures) -> bool:
    asked = Asked.read(row.asked)
    if not PICTURED & set(asked.forms):
        return False
    zone = ZoneInfo(settings.TIME_ZONE)
    begin, end = period(asked.earlier_since or asked.since, asked.until, zone)
    west, south, east, north = asked.within or (-180.0, -90.0, 180.0, 90.0)
    return any(
        (seen.utc_s is None or begin <= seen.utc_s < end)
        and west - SLACK_DEG <= seen.lon <= east + SLACK_DEG
        and south - SLACK_DEG <= seen.lat <= north + SLACK_DEG
        for seen in pictures.sightings
    )


def _manifests(folders: str, pictures: Pictures) -> Iterator[tuple[Path, list[str]]]:
    """Manifests of datasets that hold these frames, and their files' names there."""
    for path in sorted(settings.WORKSPACE.folder.glob(f"{folders}/{MANIFEST}")):
        names = {row["name"] for row in _rows(path) if _is_one(row, pictures)}
        names |= {name for name in pictures.names if (path.parent / "images" / name).exists()}
        if names:
            yield path, sorted(names)


def _rows(path: Path) -> list[dict[str, str]]:
    """A manifest's rows, without its labels; none of one that can't be read."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [{name: text or "" for name, text in row.items()} for row in csv.DictReader(file)]
    except (OSError, csv.Error, UnicodeDecodeError):
        return []


def _is_one(row: dict[str, str], pictures: Pictures) -> bool:
    name = row.get("name", "")
    if not name or PurePath(name).name != name:
        return False
    uids = {frame.uid for frame in pictures.frames}
    return row.get("id") in uids or row.get("sha256") in pictures.digests or name in pictures.names


def _trainings(pictures: Pictures) -> Iterator[dict[str, Any]]:
    for path, _ in _manifests("trainings/*/data", pictures):
        row = Training.objects.filter(pk=int(path.parts[-3])).first() if path.parts[-3].isdecimal() else None
        if row:
            yield {"number": row.pk, "name": row.name, "promoted_as": row.promoted_as}


def _models(pictures: Pictures) -> Iterator[dict[str, Any]]:
    """Models put in use that learnt from these frames, or were chosen by them."""
    wanted = {digest[:SEEN_DIGITS] for digest in pictures.digests}
    for path in sorted(settings.WORKSPACE.folder.glob("models/*/*.trained-on.txt")):
        if wanted & set(path.read_text(encoding="utf-8").split()):
            yield {"name": path.parent.name}


def _downloads(told: Told, since: datetime) -> Iterator[dict[str, Any]]:
    """Who took away what may hold them, as far as the log goes back."""
    exports, zips, lists = (
        [str(one["number"]) for one in told[kind]] for kind in ("exports", "frame_exports", "work_lists")
    )
    wanted = (
        Q(action__in=("export.downloaded", "export.seen"), target__in=exports)
        | Q(action="frames.downloaded", target__in=zips)
        | Q(action="work_list.exported", target__in=lists, details__kind="pdf")
        | Q(action="backup.made")
    )
    for entry in AuditEntry.objects.filter(wanted, at__gte=since).select_related("by").order_by("at"):
        form = str(entry.details.get("form", ""))
        if entry.action.startswith("export.") and form and form not in PICTURED:
            continue
        by = (entry.by.get_full_name() or entry.by.username) if entry.by else ""
        yield {
            "at": entry.at.isoformat(),
            "by": by,
            "action": entry.action,
            "target": entry.target,
            "form": form,
        }


def give_up(told: Told) -> None:
    """Say in the records that the exports' files are gone, and end those being made; in the erasure's transaction."""
    numbers = {kind: [one["number"] for one in told[kind]] for kind in ("exports", "frame_exports")}
    for number in numbers["exports"]:
        aside.fail(Export, number, export_runs.ExportRunError(CUT))
    for number in numbers["frame_exports"]:
        aside.fail(FrameExport, number, frame_exports.FrameExportError(CUT))
    Export.objects.filter(pk__in=numbers["exports"]).update(files=[])
    FrameExport.objects.filter(pk__in=numbers["frame_exports"]).update(bytes=None)


def take_away(told: Told, pictures: Pictures, areas: Sequence[Area]) -> None:
    """Remove the files of what `held` told, and write pictures of datasets anew without these areas. Raises OSError."""
    for one in told.get("exports", ()):
        row = Export.objects.filter(pk=one["number"]).exclude(state=Aside.State.running).first()
        place = settings.WORKSPACE.exports / str(one["number"])
        if (row is None or not row.files) and place.exists():
            shutil.rmtree(place)
    for one in told.get("frame_exports", ()):
        row_of = FrameExport.objects.filter(pk=one["number"], bytes=None).first()
        if row_of:
            frame_exports.file_of(row_of).unlink(missing_ok=True)
    for one in told.get("work_lists", ()):
        for path in (settings.WORKSPACE.folder / "papers").glob(f"{one['number']}-*.pdf"):
            path.unlink(missing_ok=True)
    names = pictures.names | {name for one in told.get("datasets", ()) for name in one["pictures"]}
    _from_datasets(pictures, areas)
    _from_trainings(names, areas)
    _from_reports(names)


def _from_datasets(pictures: Pictures, areas: Sequence[Area]) -> None:
    """Datasets lose a picture that is erased whole."""
    for path, names in _manifests("datasets/*", pictures):
        for name in names:
            rewrite(path.parent / "images" / name, areas)
        if WHOLE not in areas:
            continue
        _put_rows(path, [row for row in _rows(path) if row.get("name") not in names])
        for name in names:
            (path.parent / "images" / name).unlink(missing_ok=True)
            for end in (".txt", ".json"):
                (path.parent / "labels" / f"{Path(name).stem}{end}").unlink(missing_ok=True)


def _put_rows(path: Path, rows: list[dict[str, str]]) -> None:
    text = io.StringIO()
    table = csv.DictWriter(text, COLUMNS, extrasaction="ignore", restval="")
    table.writeheader()
    table.writerows(rows)
    put(path, text.getvalue().encode())


def _from_trainings(names: Iterable[str], areas: Sequence[Area]) -> None:
    """What a training gathered, or is gathering, keeps its number of pictures, so that one under way goes on."""
    folder: Path = settings.WORKSPACE.folder
    for name in names:
        for found in (
            *folder.glob(f"trainings/*/*/images/{name}"),
            *folder.glob(f"datasets/.*/images/{name}"),
        ):
            rewrite(found, areas)


def _from_reports(names: Iterable[str]) -> None:
    """Reports of models that show one of the frames among the worst lose all their pictures."""
    for path in settings.WORKSPACE.folder.glob("models/*/report.html"):
        text = path.read_text(encoding="utf-8")
        if any(name in text for name in names) and THUMBNAIL.search(text):
            grey = small_address(np.asarray(grey_picture(GREY_PX, GREY_PX // 2), np.uint8), GREY_PX)
            put(path, THUMBNAIL.sub(grey, text).encode())
