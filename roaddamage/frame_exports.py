"""Exports of labelled frames: a zip for a tool, made aside while a page shows how far it is.

    WORKSPACE/frames/exports/PK.zip

The server's thread that makes one says that it lives; of one that does not, whoever looks next says so in its place.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import threading
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils import timezone

from datasets.exporting import export
from detector.errors import N_, RoadDamageError
from roaddamage.beating import beating
from roaddamage.faults import fault_of, is_full
from roaddamage.problems import problem
from roaddamage.records.audit import audited
from roaddamage.records.frame_dataset import as_dataset
from roaddamage.records.models import FrameExport, LabelledFrame, Turn
from roaddamage.records.portions import portions
from roaddamage.zips import zipped

FORMS: dict[str, str] = {"cvat": "CVAT", "labelstudio": "Label Studio", "coco": "COCO", "yolo": "YOLO"}
BLIND = ("cvat", "labelstudio")
"""Forms that can say that nobody labelled a picture yet."""
MOST = 20_000
BEAT_S, DEAD_AFTER_S, TOLD_EVERY_S = 3.0, 45.0, 1.0
State = FrameExport.State
log = logging.getLogger("roaddamage.frames")
_turns = threading.Semaphore(1)


class FrameExportError(RoadDamageError):
    """An export of frames that can't be made."""


def start(kind: str, frames: Sequence[int], by: User, blind: bool = False) -> FrameExport:
    """Begin an export of these frames (their keys). Raises FrameExportError for none, or too many."""
    if not frames:
        raise FrameExportError(N_("No frame is selected. Filter less narrowly."))
    if len(frames) > MOST:
        raise FrameExportError(
            N_("{count} frames are selected; at most {most} go into one export. Filter further."),
            count=len(frames), most=MOST,
        )  # fmt: skip
    with transaction.atomic():
        Turn.take("counting")  # so that a decision is either before it as a whole, or after
        row = FrameExport.objects.create(
            by=by, beat=timezone.now(), kind=kind, blind=blind and kind in BLIND, frames=list(frames)
        )
        audited(by, "frames.export", str(row.pk), form=kind, count=len(frames))
    begin(row.pk)
    return row


def begin(number: int) -> None:
    """Make it aside."""
    threading.Thread(target=_aside, args=(number,), daemon=True).start()


def _aside(number: int) -> None:
    mine = FrameExport.objects.filter(pk=number, state=State.running)
    try:
        with beating(lambda: mine.update(beat=timezone.now()), BEAT_S, f"frame export {number}"), _turns:
            make(number)
    except Exception:
        log.exception("frame export %s was not made", number)
    finally:
        connection.close()


def make(number: int) -> None:
    """Make an export that is running; its end is kept, or why it failed."""
    row = FrameExport.objects.filter(pk=number, state=State.running).first()
    if row is None:
        return
    try:
        file_of(row).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".part-", dir=file_of(row).parent) as place:
            _write(row, Path(place))
        end(number, State.done, bytes=file_of(row).stat().st_size, left_out=row.left_out)
        for some in portions(row.frames):
            LabelledFrame.objects.filter(pk__in=some).update(exported=row.at)
    except Exception as error:
        known = isinstance(error, RoadDamageError | OSError)
        log.log(logging.WARNING if known else logging.ERROR, "frame export %s failed", number, exc_info=error)
        end(number, State.failed, problem=problem(_problem_of(error), settings.WORKSPACE.folder))


def _write(row: FrameExport, place: Path) -> None:
    told_at = time.monotonic()

    def moved(done: int) -> None:
        nonlocal told_at
        if time.monotonic() - told_at > TOLD_EVERY_S:
            told_at = time.monotonic()
            FrameExport.objects.filter(pk=row.pk).update(done=done)

    dataset = as_dataset(row.frames, place / "dataset", row.at, blind=row.blind, moved=moved)
    out = place / name_of(row)
    row.left_out = len(row.frames) - len(dataset.pictures) + len(export(row.kind, dataset, out))
    shutil.rmtree(place / "dataset")
    zipped(place / "frames.zip", place, out).replace(file_of(row))


def name_of(row: FrameExport) -> str:
    """What its folder, and a task made of it, is called."""
    return f"frames-{row.pk}"


def file_of(row: FrameExport) -> Path:
    """Where its zip lies."""
    path: Path = settings.WORKSPACE.frames / "exports" / f"{row.pk}.zip"
    return path


def end(number: int, state: str, **values: object) -> None:
    """End an export that is running still."""
    FrameExport.objects.filter(pk=number, state=State.running).update(
        state=state, finished=timezone.now(), **values
    )


def _problem_of(error: Exception) -> RoadDamageError:
    if is_full(error) or is_full(error.__cause__):
        return FrameExportError(
            N_("The disk is full. Free some space on the server, then make the export again.")
        )
    return error if isinstance(error, RoadDamageError) else fault_of(error)


def give_up_dead() -> None:
    """Say of exports that nobody makes any more that they were interrupted."""
    before = timezone.now() - timedelta(seconds=DEAD_AFTER_S)
    interrupted = FrameExportError(N_("It was interrupted: the server ended meanwhile. Make it again."))
    for number in FrameExport.objects.filter(state=State.running, beat__lt=before).values_list(
        "pk", flat=True
    ):
        end(number, State.failed, problem=problem(interrupted))


def clear_old_zips() -> int:
    """Clear zips away that are older than exports are kept, and what killed servers left; how many. What was exported stays known."""
    give_up_dead()
    before = timezone.now() - timedelta(days=settings.EXPORT_DAYS)
    count = 0
    for row in FrameExport.objects.filter(at__lt=before, bytes__isnull=False).defer("frames"):
        file_of(row).unlink(missing_ok=True)
        count += FrameExport.objects.filter(pk=row.pk).update(bytes=None)
    if not FrameExport.objects.filter(state=State.running).exists():
        for left in (settings.WORKSPACE.frames / "exports").glob(".part-*"):
            shutil.rmtree(left, ignore_errors=True)
    return count
