"""What people said of a frame, as one value: kept in its history, told to datasets, and put back from either."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import numpy as np

from datasets.dataset import Picture
from roaddamage.records.models import FrameChange, LabelledBox, LabelledFrame

SHARE_DIGITS = 6


@dataclass(frozen=True)
class Area:
    """An area and what is there: damage of a class, what a person said it is instead, or nothing (neither)."""

    xyxy: tuple[float, float, float, float]
    class_id: int | None = None
    rejected_as: str = ""

    @property
    def label(self) -> tuple[int | None, str]:
        """What is there."""
        return self.class_id, self.rejected_as

    def kept(self) -> dict[str, Any]:
        """As the records keep it."""
        return {"xyxy": list(self.xyxy), "class_id": self.class_id, "rejected_as": self.rejected_as}

    @classmethod
    def read(cls, kept: dict[str, Any]) -> Area:
        """As the records keep it."""
        return cls(tuple(kept["xyxy"]), kept["class_id"], kept["rejected_as"])


@dataclass(frozen=True)
class Labels:
    """`areas` by their uid. `negatives` is somewhere in the picture; those of areas are not among them."""

    whole: bool = False
    negatives: tuple[str, ...] = ()
    areas: dict[str, Area] = field(default_factory=dict)

    @property
    def said(self) -> bool:
        """Whether anything is."""
        return self.whole or bool(self.areas)

    def kept(self) -> dict[str, Any]:
        """As the records keep it."""
        boxes = {uid: area.kept() for uid, area in self.areas.items()}
        return {"whole": self.whole, "negatives": list(self.negatives), "boxes": boxes}

    @classmethod
    def read(cls, kept: dict[str, Any]) -> Labels:
        """As the records keep it."""
        areas = {uid: Area.read(one) for uid, one in kept["boxes"].items()}
        return cls(kept["whole"], tuple(kept["negatives"]), areas)


def area_of(box: LabelledBox) -> Area:
    """An area's row."""
    return Area(tuple(box.xyxy), box.class_id, box.rejected_as)


def labels_of(frame: LabelledFrame, boxes: Iterable[LabelledBox] | None = None) -> Labels:
    """What stands of a frame; `boxes` are its rows, where they are at hand."""
    negatives = tuple(filter(None, frame.negatives.split(",")))
    rows = frame.boxes.all() if boxes is None else boxes
    return Labels(frame.whole, negatives, {box.uid: area_of(box) for box in rows})


def changes_between(before: Labels, after: Labels) -> tuple[dict[str, Any], dict[str, Any]]:
    """What differs, as a `FrameChange` keeps it; two empty ones where nothing does."""
    one, other = before.kept(), after.kept()
    uids = [uid for uid in {**before.areas, **after.areas} if before.areas.get(uid) != after.areas.get(uid)]
    told: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
    for kept, mine in zip(told, (one, other), strict=True):
        kept.update({name: mine[name] for name in ("whole", "negatives") if one[name] != other[name]})
        if uids:
            kept["boxes"] = {uid: mine["boxes"].get(uid) for uid in uids}
    return told


def at(frame: LabelledFrame, moment: datetime) -> Labels:
    """What stood of a frame at that moment: today's labels with all later changes taken away."""
    labels = labels_of(frame)
    for change in sorted(frame.changes.all(), key=lambda one: -one.pk):
        if change.at > moment:
            labels = taken_away(labels, change)
    return labels


def taken_away(labels: Labels, change: FrameChange) -> Labels:
    """Labels as they were before a change."""
    areas = dict(labels.areas)
    for uid, kept in change.before.get("boxes", {}).items():
        if kept is None:
            areas.pop(uid, None)
        else:
            areas[uid] = Area.read(kept)
    return replace(
        labels, areas=areas, whole=change.before.get("whole", labels.whole),
        negatives=tuple(change.before.get("negatives", labels.negatives)),
    )  # fmt: skip


def picture_of(frame: LabelledFrame, labels: Labels) -> Picture:
    """A frame with its labels, as datasets have it."""
    boxes = {uid: area for uid, area in labels.areas.items() if area.class_id is not None}
    others = [area for area in labels.areas.values() if area.class_id is None]
    negatives = {*labels.negatives, *(area.rejected_as for area in others if area.rejected_as)}
    return Picture(
        f"{frame.uid}.jpg", frame.width_px, frame.height_px, source="reviews", road=frame.road,
        drive=frame.drive.name if frame.drive else "", negatives=",".join(sorted(negatives)),
        captured_at=frame.captured_at.isoformat(timespec="seconds") if frame.captured_at else "",
        sha256=frame.sha256, phash=frame.phash, id=frame.uid, xyxy=_array(boxes.values()),
        class_id=np.array([area.class_id for area in boxes.values()], np.int64), box_id=tuple(boxes),
        judged=_array(others) if labels.said and not labels.whole else None, proposed=not labels.said,
    )  # fmt: skip


def _array(areas: Iterable[Area]) -> np.ndarray:
    return np.array([area.xyxy for area in areas], float).reshape(-1, 4)
