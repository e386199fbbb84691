"""Copies of pictures elsewhere in the workspace: exports, papers, datasets, trainings, models, by name.

What was downloaded, or backed up, is out of reach: it is named alone, as the log tells it.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePath
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Q

from roaddamage.asked_exports import Asked, period
from roaddamage.records.models import (
    AuditEntry,
    Export,
    FrameExport,
    LabelledFrame,
    Sighting,
    Training,
    WorkList,
)
from roaddamage.records.names import full_name
from roaddamage.training_data import MANIFEST
from training.promotion import SEEN_DIGITS

PICTURED = {"html", "pdf"}
"""Forms of exports that hold pictures."""
SLACK_DEG = 0.001
Told = dict[str, list[dict[str, Any]]]


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
            {"name": path.parent.name, "pictures": names} for path, names in manifests("datasets/*", pictures)
        ],
        "trainings": list(_trainings(pictures)),
        "models": list(_models(pictures)),
    }


def _of(row: Export | FrameExport) -> dict[str, Any]:
    return {"number": row.pk, "at": row.at.isoformat(), "by": full_name(row.by)}


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


def manifests(folders: str, pictures: Pictures) -> Iterator[tuple[Path, list[str]]]:
    """Manifests of datasets that hold these frames, and their files' names there."""
    for path in sorted(settings.WORKSPACE.folder.glob(f"{folders}/{MANIFEST}")):
        names = {row["name"] for row in rows_of(path) if _is_one(row, pictures)}
        names |= {name for name in pictures.names if (path.parent / "images" / name).exists()}
        if names:
            yield path, sorted(names)


def rows_of(path: Path) -> list[dict[str, str]]:
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
    for path, _ in manifests("trainings/*/data", pictures):
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
        by = full_name(entry.by) if entry.by else ""
        yield {
            "at": entry.at.isoformat(),
            "by": by,
            "action": entry.action,
            "target": entry.target,
            "form": form,
        }
