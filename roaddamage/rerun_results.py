"""Results of a re-run: put in the place of a drive's earlier ones, with what that changed and its pictures.

The pictures of a re-run lie beside the earlier ones under names of their own, until the transaction ends that names them; then those
go that nothing names any more (`roaddamage.leaving`). So a run that is killed at any moment leaves old results with old pictures, or
new ones with new pictures.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
from django.conf import settings
from django.db.models import OuterRef, Subquery
from django.utils import timezone

from roaddamage import leaving
from roaddamage.records.models import Damage, Drive, Job, RerunChange, RerunDrive, Sighting

if TYPE_CHECKING:
    from detector.pipeline import DriveResult
    from detector.sightings import Sighting as Seen
    from maps.coverage import Way

TOLD = (
    "begin", "ways", "unseen_ways", "accuracy_m", "reach_m", "light", "metres", "unseen_m", "west", "south", "east", "north",
    "duration_s", "report", "model", "found", "found_new",
)  # fmt: skip
"""Columns of a drive that its run fills."""


def replace_results(job: Job, drive: Drive, way: Way, result: DriveResult, model: str) -> None:
    """Put a drive's new results into the records; to be called within a transaction, holding its turn.

    What it taught of its vehicle's camera is known since it was run first.
    """
    from roaddamage.detect import drive_report, driven_of
    from roaddamage.records.differences import keep_difference, looks_of
    from roaddamage.records.replacing import replace_in
    from roaddamage.records.rows import fill_drive

    of = RerunDrive.objects.get(job=job)
    of.drive, of.model_before, of.model = drive, drive.model, model
    lines, before = [np.array(line, float) for line in drive.ways], looks_of(drive)
    fill_drive(drive, way, driven_of(result))
    drive.duration_s, drive.model = result.drive.duration_s, model
    drive.report = drive_report(result, ZoneInfo(settings.TIME_ZONE), str)
    replaced = replace_in(drive, lines, way, [_named(one, job, drive) for one in result.sightings])
    drive.found, drive.found_new = _found(drive)
    drive.save(update_fields=TOLD)
    keep_difference(of, before)
    of.finished = timezone.now()
    of.save()
    tell_of(drive, replaced.fresh)


def tell_of(drive: Drive, fresh: Collection[int]) -> None:
    """Tell other systems of the damages that nobody had seen before, by key."""
    from roaddamage.records.facts import damage_of
    from roaddamage.webhooks import NEW, tell

    if not fresh:
        return
    rows = Damage.objects.filter(pk__in=fresh).select_related("assignee").order_by("pk")
    tell(
        NEW, {"drive": {"number": drive.pk, "name": drive.name}, "damages": [damage_of(row) for row in rows]}
    )


def hand_over(job: Job, staged: Path) -> None:
    """Put the run's pictures beside the drive's earlier ones, and say which of all are to go.

    To be called at the end of the transaction; where that has to be begun anew, after `take_back`.
    """
    folder = _folder(job)
    folder.mkdir(exist_ok=True)
    for path in sorted(staged.iterdir()):
        os.replace(path, folder / f"{_prefix(job)}{path.name}")
    shutil.rmtree(staged, ignore_errors=True)
    named: set[str] = set()
    for row in Sighting.objects.filter(drive=job.drive_id).values_list(*Sighting.PICTURES):
        named.update(PurePath(name).name for name in row)
    named |= set(RerunChange.objects.filter(of__drive=job.drive_id).values_list("crop", flat=True))
    left = sorted(path.name for path in folder.iterdir() if path.name not in named)
    leaving.leave(f"{leaving.EVIDENCE}/{job.drive_id}/{name}" for name in left)


def take_back(job: Job, staged: Path) -> None:
    """Put the run's pictures back as they were before `hand_over`, whose transaction failed.

    To be called only by the run that handed them over: of one that was killed they are not the next one's.
    """
    staged.mkdir()
    for path in _folder(job).glob(f"{_prefix(job)}*"):
        os.replace(path, staged / path.name.removeprefix(_prefix(job)))


def withdraw(job: Job) -> None:
    """Make room: the pictures of this run go, as its results can't be written."""
    for path in _folder(job).glob(f"{_prefix(job)}*"):
        path.unlink(missing_ok=True)


def _folder(job: Job) -> Path:
    folder: Path = settings.WORKSPACE.evidence
    return folder / str(job.drive_id)


def _prefix(job: Job) -> str:
    return f"again-{job.pk}-"


def _named(seen: Seen, job: Job, drive: Drive) -> Seen:
    """As its pictures are called among the drive's."""
    evidence, crop, frame = (
        f"{_prefix(job)}{name}" if (name := PurePath(getattr(seen, kind)).name) else ""
        for kind in Sighting.PICTURES
    )
    return replace(seen, drive=drive.name, evidence=evidence, crop=crop, frame=frame)


def _found(drive: Drive) -> tuple[int, int]:
    """How many damages it sees, and of how many of them it was the first drive."""
    seen = Sighting.objects.filter(drive=drive, outdated=False)
    first = Sighting.objects.filter(damage=OuterRef("damage")).order_by("pk").values("drive")[:1]
    own = seen.annotate(first=Subquery(first)).filter(first=drive.pk)
    return tuple(rows.values("damage").distinct().count() for rows in (seen, own))  # type: ignore[return-value]
