"""Exports of labelled frames: a zip for a tool, made aside while a page shows how far it is.

WORKSPACE/frames/exports/PK.zip
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from datasets.exporting import export
from detector.errors import N_, RoadDamageError
from roaddamage import aside
from roaddamage.records.audit import audited
from roaddamage.records.frame_dataset import as_dataset
from roaddamage.records.models import FrameExport, LabelledFrame, Turn
from roaddamage.records.portions import portions
from roaddamage.zips import zipped

FORMS: dict[str, str] = {"cvat": "CVAT", "labelstudio": "Label Studio", "coco": "COCO", "yolo": "YOLO"}
BLIND = ("cvat", "labelstudio")
"""Forms that can say that nobody labelled a picture yet."""
MOST = 20_000
TOLD_EVERY_S = 1.0
State = FrameExport.State
log = logging.getLogger("roaddamage.frames")


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
    aside.begin(FrameExport, number, make)


def make(number: int) -> None:
    """Make an export that is running; its end is kept, or why it failed."""
    row = aside.running(FrameExport, number).first()
    if row is None:
        return
    try:
        file_of(row).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".part-", dir=file_of(row).parent) as place:
            _write(row, Path(place))
        size = file_of(row).stat().st_size
        if not aside.end(FrameExport, number, State.done, bytes=size, left_out=row.left_out):
            file_of(row).unlink(missing_ok=True)  # given up meanwhile: a picture in it was erased
            return
        for some in portions(row.frames):
            LabelledFrame.objects.filter(pk__in=some).update(exported=row.at)
    except Exception as error:
        known = isinstance(error, RoadDamageError | OSError)
        log.log(logging.WARNING if known else logging.ERROR, "frame export %s failed", number, exc_info=error)
        aside.fail(FrameExport, number, aside.problem_of(error))


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


def give_up_dead() -> None:
    """Say of exports that nobody makes any more that they were interrupted."""
    interrupted = FrameExportError(N_("It was interrupted: the server ended meanwhile. Make it again."))
    aside.give_up_dead(FrameExport, interrupted)


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
