"""Labelled frames as a dataset: what trainings learn from, and what goes out to tools."""

from __future__ import annotations

import hashlib
import logging
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
from django.db.models import QuerySet
from PIL import Image

from datasets.dataset import Dataset, Picture, write_labels, write_manifest
from datasets.likeness import picture_hash
from roaddamage.frame_files import file_of
from roaddamage.records.frame_labels import Labels, at, labels_of, picture_of
from roaddamage.records.models import LabelledFrame
from roaddamage.records.portions import portions

log = logging.getLogger("roaddamage.frames")


def as_dataset(
    frames: QuerySet[LabelledFrame] | Sequence[int], folder: Path, moment: datetime | None = None, *, blind: bool = False,
    moved: Callable[[int], None] = lambda done: None,
) -> Dataset:  # fmt: skip
    """Write frames (or those of these keys) into a new folder, each labelled as it is, or was at a `moment`; those of which nothing stands are left out.

    `blind`: the pictures alone, as if nobody had said anything. `moved` is told how many are done. A frame whose picture is
    gone is left out, and told in the log. Raises OSError where the folder can't be written.
    """
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    pictures: list[Picture] = []
    for done, (frame, labels) in enumerate(_told(frames, moment), 1):
        picture = _without_labels(frame) if blind else picture_of(frame, labels)
        if (labels.said or blind) and _copied(frame, folder / "images" / picture.name):
            picture = replace(picture, sha256=frame.sha256, phash=frame.phash)
            write_labels(folder, picture)
            pictures.append(picture)
        moved(done)
    write_manifest(folder, pictures)
    return Dataset(folder, tuple(pictures))


def _told(
    frames: QuerySet[LabelledFrame] | Sequence[int], moment: datetime | None
) -> Iterator[tuple[LabelledFrame, Labels]]:
    """Each frame and its labels, some hundreds in memory at a time."""
    keys = sorted(frames.values_list("pk", flat=True) if isinstance(frames, QuerySet) else frames)
    beside = ("boxes",) if moment is None else ("boxes", "changes")
    for some in portions(keys):
        rows = LabelledFrame.objects.filter(pk__in=some, erased=None).select_related("drive").defer(
            "drive__ways", "drive__unseen_ways", "drive__preview", "drive__report", "drive__understood"
        )  # fmt: skip
        for frame in rows.prefetch_related(*beside).order_by("pk"):
            yield frame, labels_of(frame) if moment is None else at(frame, moment)


def _without_labels(frame: LabelledFrame) -> Picture:
    return replace(picture_of(frame, Labels()), sha256=frame.sha256)


def _copied(frame: LabelledFrame, target: Path) -> bool:
    """Copy a frame's picture, and keep what its file is like where that is not known yet; False where it is gone."""
    source = file_of(frame.uid)
    try:
        if not frame.sha256:
            with Image.open(source, formats=("JPEG",)) as picture:
                frame.phash = picture_hash(np.asarray(picture.convert("RGB"), np.uint8))
            frame.sha256 = hashlib.sha256(source.read_bytes()).hexdigest()
            frame.save(update_fields=["sha256", "phash"])
        if not source.is_file():
            raise FileNotFoundError(2, "it is gone")
    except (FileNotFoundError, ValueError, SyntaxError) as error:
        log.warning("frame %s is left out: its picture can't be read (%s)", frame.uid, error)
        return False
    shutil.copyfile(source, target)
    return True
