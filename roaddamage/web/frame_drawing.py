"""What people said of a frame, drawn over its picture: areas in pixels, each with its words and its colour's class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from detector.classes import CLASSES
from detector.errors import N_
from roaddamage.records.decisions import REJECTED_AS
from roaddamage.records.frame_labels import Area, Labels, labels_of
from roaddamage.records.models import LabelledFrame
from roaddamage.web.templating import say


@dataclass(frozen=True)
class Drawn:
    """One area: left, top, width and height, px; `look` is its class in the style sheet."""

    number: int
    uid: str
    x: float
    y: float
    width: float
    height: float
    look: str
    word: str


def word_of(area: Area) -> str:
    """What is there, in words."""
    if area.class_id is not None:
        row = CLASSES[area.class_id]
        return f"{say(row.name)} ({row.code})"
    if area.rejected_as:
        return say(N_("no damage: {what}")).format(
            what=say(REJECTED_AS.get(area.rejected_as, area.rejected_as))
        )
    return say(N_("nothing that looks like damage"))


def drawn(frame: LabelledFrame, labels: Labels | None = None) -> list[Drawn]:
    """The areas of a frame, or of other labels of it."""
    areas: Mapping[str, Area] = (labels_of(frame) if labels is None else labels).areas
    return [_of(frame, number, uid, area) for number, (uid, area) in enumerate(areas.items(), 1)]


def _of(frame: LabelledFrame, number: int, uid: str, area: Area) -> Drawn:
    x1, y1, x2, y2 = area.xyxy
    wide, tall = frame.width_px, frame.height_px
    look = "none" if area.class_id is None else f"c{area.class_id}"
    left, top = round(x1 * wide, 1), round(y1 * tall, 1)
    return Drawn(
        number, uid, left, top, round((x2 - x1) * wide, 1), round((y2 - y1) * tall, 1), look, word_of(area)
    )
