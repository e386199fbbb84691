"""Whole frames: a person says that nothing but its boxes is in a picture, or takes that back.

Before one can, all that was found in it is decided on: of a damage whose decision was made on another picture the box in
this one is taken over, as the person sees it there.
"""

from __future__ import annotations

from dataclasses import replace

from django.contrib.auth.models import User
from django.db import transaction

from detector.errors import N_, RoadDamageError
from roaddamage.records.audit import audited
from roaddamage.records.frame_labels import Area, Labels, labels_of
from roaddamage.records.frames import box_of, frame_of, judged_as, put, uid_of
from roaddamage.records.models import Damage, LabelledFrame, Sighting, Turn

HALF_MS = 0.5


class FrameError(RoadDamageError):
    """Something that can't be said of a frame."""


def seen_in(drive: int, time_ms: int) -> list[Sighting]:
    """What was found in one picture of a drive, boxes and all."""
    around_s = (time_ms - HALF_MS) / 1000, (time_ms + HALF_MS) / 1000
    rows = Sighting.objects.filter(drive=drive, time_s__range=around_s, outdated=False, box__isnull=False)
    return list(rows.select_related("damage").order_by("pk"))


def undecided_in(drive: int, time_ms: int) -> list[Sighting]:
    """What was found in a picture, and nobody decided on."""
    return [seen for seen in seen_in(drive, time_ms) if judged_as(seen.damage) is None]


def say_whole(frame: LabelledFrame, by: User, whole: bool) -> bool:
    """Say that nothing but its boxes is in a frame, or that one does not know any more; whether that changed anything.

    Raises FrameError while there is something in it that nobody decided on.
    """
    with transaction.atomic():
        Turn.take("counting")
        frame = LabelledFrame.objects.select_for_update(of=("self",)).get(pk=frame.pk)
        labels = labels_of(frame)
        found = seen_in(frame.drive_id, frame.time_ms) if whole and frame.drive_id else []
        labels, of = _with_decided(frame, labels, found)
        changed = put(frame, replace(labels, whole=whole), by, of=of)
        if changed:
            audited(by, "frame.whole" if whole else "frame.part", frame.uid)
        return changed


def say_whole_of(row: Damage, by: User, whole: bool) -> bool:
    """The same of a damage's best picture. Raises FrameError, also where nothing is said of that yet."""
    frame = frame_of(row.best) if row.best else None
    if frame is None:
        raise FrameError(
            N_("Decide on damage {number} first: nothing is said of its picture yet."), number=row.pk
        )
    return say_whole(frame, by, whole)


def _with_decided(
    frame: LabelledFrame, labels: Labels, found: list[Sighting]
) -> tuple[Labels, dict[str, tuple[Damage | None, Sighting | None]]]:
    """With the boxes of what was decided on by another picture. Raises FrameError for what was not at all."""
    areas, of, left = dict(labels.areas), dict[str, tuple[Damage | None, Sighting | None]](), []
    known = set(frame.boxes.values_list("damage", flat=True))
    for seen in found:
        label = judged_as(seen.damage)
        if label is None:
            left.append(str(seen.damage_id))
        elif seen.damage_id not in known and (uid := uid_of(frame, seen.damage_id)) not in areas:
            areas[uid], of[uid] = Area(box_of(seen), *label), (seen.damage, seen)
    if left:
        raise FrameError(
            N_("Decide first on what else was found in this picture: damage {numbers}."),
            numbers=", ".join(left),
        )
    return replace(labels, areas=areas), of
