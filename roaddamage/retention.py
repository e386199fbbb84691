"""Retention: what is older than it is to be kept, what would go, and its end.

Never gone: pictures of labelled frames (they have files of their own), evidence of damages that live, footage of drives
that wait or run, and whatever is of a drive that a person keeps (`Drive.kept_for`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from axes.models import AccessFailureLog, AccessLog
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, Exists, Max, Min, OuterRef, Q, QuerySet, Sum
from django.utils import timezone

from roaddamage import batches, export_runs, leaving
from roaddamage.batches import at_most_now
from roaddamage.records.audit import audited
from roaddamage.records.models import (
    AuditEntry,
    Damage,
    Drive,
    Export,
    FootageFile,
    Job,
    Sighting,
    Turn,
    Upload,
)
from roaddamage.records.models.reruns import RerunDrive
from roaddamage.records.portions import portions

NO_PICTURES = Q(evidence="", crop="", frame="")
WEIGHED = 2_000
"""Of so many sightings the pictures are weighed; the others are told to be like them."""


@dataclass(frozen=True)
class Due:
    """What of a kind is over its time now: `days` are what it is kept for (0: for ever)."""

    kind: str
    days: int
    count: int = 0
    bytes: int | None = 0
    """None where it has none of its own."""
    oldest: datetime | None = None
    newest: datetime | None = None
    untried: int = 0
    """Drives among them that were never run: nothing was found in them yet."""


def days_kept() -> dict[str, int]:
    """For how many days each kind is kept, by the settings."""
    keep = settings.CONFIGURATION.keep
    return {
        "footage": keep.footage_days, "evidence": keep.evidence_days, "log": keep.log_days,
        "uploads": keep.uploads_days, "exports": keep.exports_days,
    }  # fmt: skip


def due() -> list[Due]:
    """What would go now, by kind."""
    looks: dict[str, Callable[[int], Due]] = {
        "footage": _footage, "evidence": _evidence, "log": _log, "uploads": _uploads, "exports": _exports,
    }  # fmt: skip
    return [looks[kind](days) if days else Due(kind, 0) for kind, days in days_kept().items()]


def delete(by: User | None) -> Iterator[tuple[str, int, int]]:
    """Delete what is over its time; (kind, how many, bytes) as it goes.

    Killed at any moment, whatever is in the records is there, and what is not goes at the next look.
    """
    kept = days_kept()
    last = leaving.remove()
    for kind, delete_all in (("footage", _delete_footage), ("evidence", _delete_evidence)):
        for count, size in delete_all(kept[kind], by) if kept[kind] else ():
            last = leaving.remove(after=last)
            yield kind, count, size
    if kept["log"]:
        yield "log", _delete_log(kept["log"], by), 0
    # These two keep their own books, and are cleared every few hours anyway.
    yield "uploads", batches.clear_abandoned(kept["uploads"]), 0
    yield "exports", export_runs.clear_old(kept["exports"]), 0


def before(days: int) -> datetime:
    """What is of before then is over its time."""
    return at_most_now() - timedelta(days=days)


def old_footage(days: int) -> QuerySet[Drive]:
    """Drives whose footage is over its time."""
    moment = before(days)
    busy = Job.objects.filter(drive=OuterRef("pk"), state__in=Job.OPEN)
    # A re-run that ended on the way can be continued; nobody comes back to one that is as old as that.
    to_come = RerunDrive.objects.filter(drive=OuterRef("pk"), finished=None, rerun__at__gte=moment)
    rows = Drive.objects.filter(at__lt=moment, footage_deleted=None, kept_for="")
    return rows.exclude(state__in=Job.OPEN).exclude(Exists(busy)).exclude(Exists(to_come))


def old_evidence(days: int) -> QuerySet[Sighting]:
    """Sightings whose pictures are over their time: of damages that live no more, and were not seen since."""
    moment = before(days)
    ended = Q(state=Damage.State.rejected, judged_at__lt=moment) | Q(
        state=Damage.State.repaired, repaired_at__lt=moment
    )
    unseen = Q(last_seen__lt=moment) | Q(last_seen=None)
    busy = Job.objects.filter(drive=OuterRef("drive"), state__in=Job.OPEN)
    return (
        Sighting.objects.filter(
            damage__in=Damage.objects.filter(ended, unseen, shown=False, joined_into=None),
            drive__kept_for="",
        )
        .exclude(NO_PICTURES)
        .exclude(Exists(busy))
    )


def paths_of(row: dict[str, Any]) -> list[str]:
    """The files of a sighting's pictures, under the workspace."""
    return [f"{leaving.EVIDENCE}/{row['drive_id']}/{row[kind]}" for kind in Sighting.PICTURES if row[kind]]


def _footage(days: int) -> Due:
    rows = old_footage(days)
    told = rows.aggregate(count=Count("pk"), oldest=Min("at"), newest=Max("at"))
    size = FootageFile.objects.filter(drive__in=rows).aggregate(size=Sum("size"))["size"]
    return Due("footage", days, bytes=size or 0, untried=rows.exclude(state="done").count(), **told)


def _evidence(days: int) -> Due:
    rows = old_evidence(days)
    told = rows.aggregate(
        count=Count("damage", distinct=True), oldest=Min("damage__last_seen"), newest=Max("damage__last_seen")
    )
    first = list(rows.values("drive_id", *Sighting.PICTURES)[:WEIGHED])
    weighed = leaving.bytes_of(path for row in first for path in paths_of(row))
    every = rows.count() if len(first) == WEIGHED else len(first)
    return Due("evidence", days, bytes=round(weighed * every / max(len(first), 1)), **told)


def _log(days: int) -> Due:
    rows = AuditEntry.objects.filter(at__lt=before(days))
    told = rows.aggregate(count=Count("pk"), oldest=Min("at"), newest=Max("at"))
    return Due("log", days, bytes=None, **told)


def _uploads(days: int) -> Due:
    rows = Upload.objects.filter(at__lt=before(days)).exclude(state=Upload.State.used)
    told = rows.aggregate(count=Count("pk"), oldest=Min("at"), newest=Max("at"))
    return Due("uploads", days, bytes=rows.aggregate(size=Sum("size"))["size"] or 0, **told)


def _exports(days: int) -> Due:
    rows = Export.objects.filter(at__lt=timezone.now() - timedelta(days=days)).exclude(state="running")
    rows = rows.exclude(files=[])
    told = rows.aggregate(count=Count("pk"), oldest=Min("at"), newest=Max("at"))
    size = sum(int(file["bytes"]) for files in rows.values_list("files", flat=True) for file in files)
    return Due("exports", days, bytes=size, **told)


def _delete_footage(days: int, by: User | None) -> Iterator[tuple[int, int]]:
    """How many, and bytes, after each transaction."""
    for number in list(old_footage(days).values_list("pk", flat=True)):
        with transaction.atomic():
            # Locked and asked anew: a person may keep it, or have it run again, at this very moment.
            drive = Drive.objects.select_for_update().filter(pk=number).first()
            if drive is None or not old_footage(days).filter(pk=number).exists():
                continue
            files = list(drive.files.values_list("path", "size"))
            size = sum(size for _, size in files)
            leaving.leave(f"{leaving.FOOTAGE}/{path}" for path, _ in files)
            Drive.objects.filter(pk=number).update(footage_deleted=timezone.now())
            audited(by, "footage.deleted", drive.name, files=len(files), bytes=size, days=days)
        yield 1, size


def _delete_evidence(days: int, by: User | None) -> Iterator[tuple[int, int]]:
    damages = list(old_evidence(days).order_by("damage").values_list("damage", flat=True).distinct())
    for few in portions(damages):
        with transaction.atomic():
            Turn.take("counting")  # which writes sightings back as it read them
            list(Damage.objects.select_for_update().filter(pk__in=few).order_by("pk").values_list("pk"))
            rows = list(
                old_evidence(days)
                .filter(damage__in=few)
                .values("pk", "damage_id", "drive_id", *Sighting.PICTURES)
            )
            paths = [path for row in rows for path in paths_of(row)]
            size, gone = leaving.bytes_of(paths), {row["damage_id"] for row in rows}
            leaving.leave(paths)
            for some in portions([row["pk"] for row in rows]):
                Sighting.objects.filter(pk__in=some).update(evidence="", crop="", frame="")
            Damage.objects.filter(pk__in=gone).update(pictures_deleted=timezone.now())
            audited(by, "evidence.deleted", damages=len(gone), files=len(paths), bytes=size, days=days)
        yield len(gone), size


def _delete_log(days: int, by: User | None) -> int:
    moment = before(days)
    with transaction.atomic():
        count = AuditEntry.objects.forget(moment)
        AccessLog.objects.filter(attempt_time__lt=moment).delete()
        AccessFailureLog.objects.filter(attempt_time__lt=moment).delete()
        if count:
            audited(by, "log.deleted", count=count, days=days)
    return count
