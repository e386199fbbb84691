"""Batches: files handed in together, recognised aside while a page shows how far that is."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import F, Q
from django.utils import timezone

from detector.errors import N_, RoadDamageError
from roaddamage.batch_files import batch_folder, clear, is_batch, tidy
from roaddamage.beating import beating
from roaddamage.file_names import IntakeError
from roaddamage.intake import recognise
from roaddamage.problems import problem
from roaddamage.records.audit import audited
from roaddamage.records.models import AuditEntry, Batch, FootageFile, Upload

BEAT_S = 3.0
DEAD_AFTER_S = 45.0
KEPT_DAYS = 14
"""Files that are part of no drive are cleared after so many days."""
_turns = threading.Semaphore(2)
"""So many batches are recognised at a time; the others wait for their turn."""
log = logging.getLogger("roaddamage.batches")


def begin_batch(by: User) -> Batch:
    """A batch that files can arrive in."""
    return Batch.objects.create(uid=uuid.uuid4().hex, by=by)


def stalled(batch: Batch) -> bool:
    """Whether whoever was recognising it is no more."""
    # A beat in what is to come is of before the clock was set back: whoever lives beats anew within seconds.
    silent = abs(timezone.now() - (batch.beat or batch.at)) > timedelta(seconds=DEAD_AFTER_S)
    return batch.state == Batch.State.recognising and silent


def start(batch: Batch, by: User) -> bool:
    """Recognise a batch in a thread of its own; False where that is going on already."""
    now, silence = timezone.now(), timedelta(seconds=DEAD_AFTER_S)
    silent = Q(beat__lt=now - silence) | Q(beat__gt=now + silence) | Q(beat=None)
    free = ~Q(state=Batch.State.recognising) | silent
    mine = Batch.objects.filter(free, pk=batch.pk).update(
        state=Batch.State.recognising, beat=now, bytes_done=0, problem={}
    )
    if mine:
        threading.Thread(target=_aside, args=(batch.pk, by.pk), daemon=True).start()
    return bool(mine)


def _aside(number: int, by: int) -> None:
    try:
        mine = Batch.objects.filter(pk=number)
        with beating(lambda: mine.update(beat=timezone.now()), BEAT_S, f"batch {number}"), _turns:
            run(Batch.objects.get(pk=number), User.objects.get(pk=by))
    except Exception:
        log.exception("batch %s was not recognised", number)
    finally:
        connection.close()


def run(batch: Batch, by: User) -> None:
    """Recognise a batch's files, and keep what became of them."""
    states, mine = Batch.State, Batch.objects.filter(pk=batch.pk)
    try:
        total = sum(path.stat().st_size for path in batch_folder(batch.uid).rglob("*") if path.is_file())
        mine.update(bytes_total=total)
        taken = recognise(batch.uid, by, Counter(batch.pk))
    except RoadDamageError as error:
        mine.update(state=states.failed, problem=problem(error, batch_folder(batch.uid)))
    except Exception as error:
        kept = IntakeError(
            N_("An unexpected fault: {kind}. The server's log says more."), kind=type(error).__name__
        )
        mine.update(state=states.failed, problem=problem(kept))
        raise
    else:
        batch.drives.add(*taken.drives)
        before = {drive.pk for drive in taken.known} - set(batch.drives.values_list("pk", flat=True))
        mine.update(
            state=states.recognised, bytes_done=F("bytes_total"), refused=taken.refused,
            known=sorted(before | set(batch.known)),
        )  # fmt: skip
        _sort_uploads(batch, {str(one["name"]) for one in taken.refused})


class Counter:
    """Tells the records, about once a second, how many bytes were read."""

    def __init__(self, number: int) -> None:
        self.number, self.bytes, self.told_at = number, 0, time.monotonic()

    def __call__(self, count: int) -> None:
        """Count bytes."""
        self.bytes += count
        if time.monotonic() - self.told_at > 1.0:
            self.told_at = time.monotonic()
            Batch.objects.filter(pk=self.number).update(bytes_done=self.bytes)


def _sort_uploads(batch: Batch, refused: set[str]) -> None:
    uploads = Upload.objects.filter(batch=batch.uid).exclude(state=Upload.State.arriving)
    prefix = f"{batch.uid}/"
    used = {
        path.removeprefix(prefix)
        for path in FootageFile.objects.filter(path__startswith=prefix).values_list("path", flat=True)
    }
    for pk, path in uploads.values_list("pk", "path"):
        state = Upload.State.used if path in used else Upload.State.refused if path in refused else None
        if state:
            Upload.objects.filter(pk=pk).update(state=state)


def clear_abandoned(days: float = KEPT_DAYS) -> int:
    """Remove files, older than this, that never arrived whole or became part of no drive; how many."""
    before = at_most_now() - timedelta(days=days)
    old = Upload.objects.filter(at__lt=before).exclude(state=Upload.State.used)
    place, on_their_way = Path(settings.WORKSPACE.footage), Path(settings.WORKSPACE.uploads)
    count = 0
    for upload in old.iterator():
        inside = f"{upload.batch}/{upload.path}"
        if upload.path and not FootageFile.objects.filter(path=inside).exists():
            tidy([place / inside])
        tidy([on_their_way / upload.uid, on_their_way / f"{upload.uid}.info"])
        upload.delete()
        count += 1
    Batch.objects.filter(at__lt=before, drives=None).exclude(
        uid__in=Upload.objects.values_list("batch", flat=True)
    ).delete()
    _clear_left_over(place, before.timestamp())
    if count:
        audited(None, "upload.cleared", files=count, days=days)
    return count


def at_most_now() -> datetime:
    """Now, though not long after the last thing that was noted: a clock that starts in a later year clears nothing."""
    newest = AuditEntry.objects.order_by("-pk").values_list("at", flat=True).first()
    return min(timezone.now(), newest + timedelta(days=1)) if newest else timezone.now()


def _clear_left_over(place: Path, before_s: float) -> None:
    """Folders of programs that were killed while they copied: of no batch, no upload and no drive."""
    for folder in place.iterdir():
        name = folder.name
        if not is_batch(name) or folder.stat().st_mtime >= before_s:
            continue
        if not Batch.objects.filter(uid=name).exists() and not Upload.objects.filter(batch=name).exists():
            clear(name)
