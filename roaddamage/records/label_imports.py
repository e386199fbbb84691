"""Labels that come back from CVAT or Label Studio: read and shown, then taken over as a whole, kept as a second opinion, or not.

They are held against what the frames held when they were exported. What was decided here since stands: such boxes stay as
they are, and are counted.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from datasets.agreement import Agreement, agreement
from datasets.corrections import MOVED_PX, Difference, read_corrections
from datasets.dataset import Dataset, DatasetError, Floats
from datasets.formats import PictureFiles
from datasets.readers import READERS
from detector.errors import N_
from roaddamage.label_files import LabelFileError, laid_out
from roaddamage.records.audit import audited
from roaddamage.records.frame_labels import Area, Labels, at, labels_of, picture_of
from roaddamage.records.frames import put
from roaddamage.records.models import LabelImport, LabelledFrame, Opinion, Turn
from roaddamage.records.models.lengths import NAME
from roaddamage.records.portions import portions

State = LabelImport.State
SHOWN_FAULTS = 50


def read(given: Path, name: str, by: User, base: datetime, blind: bool = False) -> LabelImport:
    """Read a file of labels, and keep what it says to be decided on; no frame changes yet.

    `base` is when its pictures were exported, `blind` that nobody's labels went with them. Raises RoadDamageError.
    """
    with tempfile.TemporaryDirectory(prefix="roaddamage-labels-") as place:
        folder = Path(place)
        for part in ("labels", "images"):
            (folder / part).mkdir()
        kind = laid_out(given, name, folder / "labels")
        frames = _named(kind, folder, name)
        told = {frame.uid: Labels() if blind else at(frame, base) for frame in frames}
        pictures = tuple(picture_of(frame, told[frame.uid]) for frame in frames)
        found = read_corrections(kind, folder / "labels", Dataset(folder, pictures))
    faults = {
        fault: {"count": len(some), "some": [_plain(one, folder) for one in some[:SHOWN_FAULTS]]}
        for fault, some in found.faults.items()
        if some
    }
    with transaction.atomic():
        row = LabelImport.objects.create(
            by=by, kind=kind, name=name[-NAME:], base=base, differences=[_kept(one, told) for one in found.differences],
            told={"pictures_found": found.pictures_found, "counts": found.counts(), "faults": faults, "blind": blind},
        )  # fmt: skip
        audited(by, "labels.read", str(row.pk), kind=kind, title=row.name, count=len(found.differences))
    return row


def _plain(text: str, folder: Path) -> str:
    """A fault without where the file was unpacked."""
    return text.replace(f"{folder}/", "").replace("labels/", "")


def _named(kind: str, folder: Path, name: str) -> list[LabelledFrame]:
    """The frames that a file names. Raises DatasetError, and LabelFileError where there are none."""
    uids = set[str]()
    count = 0
    for one in READERS[kind](folder / "labels", PictureFiles(folder / "images")):
        count += 1
        uids.add(one.picture_id or PurePosixPath(one.name).stem)
    frames: list[LabelledFrame] = []
    for some in portions(sorted(uids)):
        rows = LabelledFrame.objects.filter(uid__in=some).select_related("drive")
        frames += rows.prefetch_related("boxes", "changes").order_by("pk")
    if not frames:
        raise LabelFileError(
            N_("None of the {count} pictures in {name} is a frame of these records. Export frames here, and label those."),
            count=count, name=name,
        )  # fmt: skip
    return frames


def _kept(difference: Difference, told: dict[str, Labels]) -> dict[str, Any]:
    before = told[difference.before.id]
    after = _after(difference, before)
    return {"uid": difference.before.id, "before": before.kept(), "after": after.kept()}


def _after(one: Difference, before: Labels) -> Labels:
    """What a picture that came back says: deleted boxes are areas in which nothing is, or what they were said to be."""
    boxes = zip(one.after.box_id, one.after.xyxy.tolist(), one.after.class_id.tolist(), strict=True)
    areas = {uid: Area(_share(xyxy), class_id) for uid, xyxy, class_id in boxes}
    areas = {uid: _same(area, before.areas.get(uid)) for uid, area in areas.items()}
    rejected = dict(one.rejected)
    for uid in one.deleted:
        areas[uid] = replace(before.areas[uid], class_id=None, rejected_as=rejected.get(uid, ""))
    judged = one.after.judged
    size = [one.before.width_px, one.before.height_px] * 2
    others = {uid: area for uid, area in before.areas.items() if area.class_id is None}
    areas |= {uid: area for uid, area in others.items() if judged is None or _among(area, judged, size)}
    if judged is not None:
        known = np.array([area.xyxy for area in areas.values()], float).reshape(-1, 4)
        fresh = [_share(xyxy) for xyxy in judged.tolist() if not _among(Area(_share(xyxy)), known, size)]
        areas |= {_area_uid(one.before.id, xyxy): Area(xyxy) for xyxy in fresh}
    named = {area.rejected_as for area in areas.values()}
    negatives = {name for name in one.after.negatives.split(",") if name} - named
    return Labels(judged is None, tuple(sorted(negatives)), areas)


def _same(area: Area, before: Area | None) -> Area:
    """As it was, where but rounding differs."""
    near = before is not None and np.abs(np.subtract(area.xyxy, before.xyxy)).max() < 1e-6
    return replace(area, xyxy=before.xyxy) if before is not None and near else area


def _among(area: Area, judged: Floats, size: list[int]) -> bool:
    apart = np.abs(judged - np.array(area.xyxy)) * size
    return bool(len(judged)) and bool((apart.max(axis=1) <= MOVED_PX).any())


def _area_uid(uid: str, xyxy: tuple[float, ...]) -> str:
    return f"{uid}-a{hashlib.sha256(repr(xyxy).encode()).hexdigest()[:8]}"


def _share(xyxy: Iterable[float]) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = (round(float(share), 6) for share in xyxy)
    return x1, y1, x2, y2


@dataclass(frozen=True)
class Merged:
    """A frame as it would be, and how many areas stay as they are as somebody decided on them since."""

    frame: LabelledFrame
    labels: Labels
    decided_since: int


def merged(row: LabelImport) -> list[Merged]:
    """What taking an import over would make of each of its frames."""
    kept = {one["uid"]: one for one in row.differences}
    found = []
    for some in portions(sorted(kept)):
        for frame in LabelledFrame.objects.filter(uid__in=some).prefetch_related("boxes").order_by("pk"):
            before, after = (Labels.read(kept[frame.uid][name]) for name in ("before", "after"))
            now = labels_of(frame)
            # Who did not see what was decided before can't have meant to change it.
            blind = row.told["blind"] and now.said
            found.append(
                Merged(frame, now, len(after.areas)) if blind else Merged(frame, *_merge(before, after, now))
            )
    return found


def _merge(before: Labels, after: Labels, now: Labels) -> tuple[Labels, int]:
    areas, since = dict(now.areas), 0
    for uid in {**before.areas, **after.areas}:
        was, told, is_now = (labels.areas.get(uid) for labels in (before, after, now))
        if told in (was, is_now):
            continue
        if was != is_now:
            since += 1
        elif told is None:
            del areas[uid]
        else:
            areas[uid] = told
    # Of the whole picture it can be said again only where nothing was decided in it since.
    whole = (
        after.whole if after.whole != before.whole and before.whole == now.whole and not since else now.whole
    )
    negatives = after.negatives if before.negatives == now.negatives else now.negatives
    return Labels(whole, negatives, areas), since


def take(row: LabelImport, by: User) -> int:
    """Take an import over, all of it at once; how many frames changed. Raises LabelFileError where it is decided on."""
    with transaction.atomic():
        Turn.take("counting")
        _decided(row, by, State.taken)
        changed = sum(put(one.frame, one.labels, by, taken_from=row) for one in merged(row))
        audited(by, "labels.taken", str(row.pk), title=row.name, count=changed)
        return changed


def discard(row: LabelImport, by: User) -> None:
    """Leave everything as it is. Raises LabelFileError where it is decided on."""
    with transaction.atomic():
        _decided(row, by, State.discarded)
        audited(by, "labels.discarded", str(row.pk), title=row.name)


def keep_opinion(row: LabelImport, by: User) -> int:
    """Keep an import as a second person's opinion; of how many frames. Raises LabelFileError where it is decided on."""
    with transaction.atomic():
        _decided(row, by, State.opinion)
        told = {one["uid"]: one["after"] for one in row.differences}
        made = []
        for some in portions(sorted(told)):
            frames = LabelledFrame.objects.filter(uid__in=some).values_list("pk", "uid")
            made += [Opinion(frame_id=pk, told_by=row, labels=told[uid]) for pk, uid in frames]
        Opinion.objects.bulk_create(made, batch_size=500)
        audited(by, "labels.opinion", str(row.pk), title=row.name, count=len(made))
        return len(made)


def _decided(row: LabelImport, by: User, state: str) -> None:
    mine = LabelImport.objects.filter(pk=row.pk, state=State.shown)
    if not mine.update(state=state, decided=timezone.now()):
        raise LabelFileError(N_("{name} is decided on already."), name=row.name)
    row.refresh_from_db()


def agreement_of(opinions: Iterable[Opinion]) -> Agreement | None:
    """How far what the frames hold agrees with second opinions of them; None where nothing can be compared."""
    pairs = [
        (picture_of(one.frame, labels_of(one.frame)), picture_of(one.frame, Labels.read(one.labels)))
        for one in opinions
    ]
    pairs = [pair for pair in pairs if not pair[0].proposed]
    try:
        return agreement([one for one, _ in pairs], [other for _, other in pairs]) if pairs else None
    except DatasetError:
        return None
