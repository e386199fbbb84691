"""Frames follow decisions: in the transaction of each, the picture that the person looked at gets what stands of it.

A damage that was confirmed, re-classed, or whose box was moved is a box of its class in its best picture; a rejected one
an area of which a person said what it is instead. All its boxes follow when people change their minds, in older
pictures too, and go when nothing of what they said stands. What labellers changed (`records.label_imports`) stays, until
a decision changes what is said of the damage. Every change is kept (`FrameChange`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import PurePath

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from roaddamage import frame_files
from roaddamage.records.frame_labels import Area, Labels, changes_between, labels_of
from roaddamage.records.models import (
    Damage,
    Drive,
    Erasure,
    FrameChange,
    LabelImport,
    LabelledBox,
    LabelledFrame,
    Review,
    Sighting,
    Turn,
)
from roaddamage.records.places import places_of
from roaddamage.records.rows import moment

Kind = Review.Kind
JUDGING = (Kind.confirm, Kind.reject, Kind.reclass, Kind.box)
"""Decisions that say what is in the picture."""
FOLLOWED = (*JUDGING, Kind.reopen)
UID_DIGITS = 16
Label = tuple[int | None, str]
"""A class, or what a person said that it is instead."""


def follow(row: Damage, review: Review) -> None:
    """Have frames follow a decision on a damage; to be called in its transaction, when all else of it is written."""
    told = review.undone if review.kind == Kind.undo else review
    if told is None or told.kind not in FOLLOWED:
        return
    numbers = places_of(row.pk)
    reviews = _reviews(numbers)
    before, after = standing(reviews, row.pk, but=review), standing(reviews, row.pk)
    boxes: dict[int, list[LabelledBox]] = {}
    for box in LabelledBox.objects.filter(damage__in=numbers).select_related("frame"):
        boxes.setdefault(box.frame_id, []).append(box)
    frames = {some[0].frame_id: some[0].frame for some in boxes.values()}
    best = _looked_at(row) if after and (review.kind in JUDGING or before is None) else None
    if best is not None:
        frames[best.pk] = best
    moved = (told.before | told.after).get("sighting") if told.kind == Kind.box else None
    for key, frame in frames.items():
        labels = labels_of(frame)
        for box in boxes.get(key, ()):
            labels = _changed(labels, box, after if before != after else None, gone=after is None)
            if moved is not None and box.sighting_id == moved and box.uid in labels.areas:
                labels = _moved(labels, box.uid, Sighting.objects.get(pk=moved))
        if best is not None and key == best.pk and key not in boxes and row.best and after:
            labels = _with(labels, uid_of(frame, row.pk), Area(box_of(row.best), *after))
        put(frame, labels, review.by, review=review, of={uid_of(frame, row.pk): (row, row.best)})


def standing(reviews: Iterable[Review], number: int, but: Review | None = None) -> Label | None:
    """What stands of people's judgement of a damage; `but`: before this decision, or this taking back.

    Where they said nothing of the damage itself, what they said of those that turned out to be it goes.
    """
    reviews = [one for one in reviews if but is None or one.pk != but.pk]
    undone = {one.undone_id for one in reviews}
    told = [one for one in reviews if one.pk not in undone]
    own = _last([one for one in told if one.damage_id == number])
    return own or _last([one for one in told if one.damage_id != number])


def _last(told: Iterable[Review]) -> Label | None:
    label: Label | None = None
    for one in told:
        if one.kind == Kind.reject:
            label = None, str(one.after["rejected_as"])
        elif one.kind in JUDGING:
            label = int(one.after["class_id"]), ""
        elif one.kind == Kind.reopen and one.before.get("state") == Damage.State.rejected:
            label = None
    return label


def _reviews(numbers: list[int]) -> list[Review]:
    """The reviews of these damages in order; of one that was parted from another, those of that one until then too."""
    found = list(Review.objects.filter(damage__in=numbers).order_by("at", "pk"))
    for one in found:
        if one.kind == Kind.apart and one.after.get("goes") in numbers and one.after["other"] not in numbers:
            first = Review.objects.filter(damage__in=places_of(one.after["other"]), pk__lt=one.pk)
            first = first.order_by("at", "pk")
            return [*first, *found]
    return found


def judged_as(damage: Damage) -> Label | None:
    """What stands of people's judgement of a damage."""
    return standing(_reviews(places_of(damage.pk)), damage.pk)


def settle(rows: Iterable[Damage]) -> None:
    """Have boxes follow their sightings to the damages that these are of, once people joined or parted them."""
    for box in LabelledBox.objects.filter(sighting__damage__in=[row.pk for row in rows]).select_related(
        "sighting"
    ):
        if box.sighting and box.damage_id != box.sighting.damage_id:
            LabelledBox.objects.filter(pk=box.pk).update(damage=box.sighting.damage_id)


def uid_of(frame: LabelledFrame, number: int) -> str:
    """What a damage's box in a frame is called."""
    return f"{frame.uid}-{number}"


def frame_of(seen: Sighting) -> LabelledFrame | None:
    """The frame of a sighting's picture, where there is one."""
    return LabelledFrame.objects.filter(drive=seen.drive_id, time_ms=time_ms(seen.time_s)).first()


def time_ms(time_s: float) -> int:
    """By which a sighting's picture is told from the others of its drive."""
    return round(time_s * 1000)


def _looked_at(row: Damage) -> LabelledFrame | None:
    """The frame of a damage's best picture, made where there is none yet; None where that is not kept without its box."""
    return frame_for(row.best, row.road_id or row.road) if row.best else None


def frame_for(seen: Sighting, road: str) -> LabelledFrame | None:
    """The frame of a sighting's picture, made where there is none yet; None where that is not kept without its box."""
    if not seen.frame or not seen.box:
        return None
    known = frame_of(seen)
    if known is not None:
        return known
    # The digest alone: a drive's row can be megabytes.
    digest = Drive.objects.values_list("digest", flat=True).get(pk=seen.drive_id)
    uid = hashlib.sha256(f"{digest}:{time_ms(seen.time_s)}".encode()).hexdigest()[:UID_DIGITS]
    source = settings.WORKSPACE.evidence / str(seen.drive_id) / PurePath(seen.frame).name
    size = frame_files.take_in(source, uid) if source.is_file() else None
    if size is None:
        return None
    return LabelledFrame.objects.create(
        uid=uid, drive_id=seen.drive_id, time_ms=time_ms(seen.time_s), width_px=size[0], height_px=size[1], judged=False,
        captured_at=moment(seen.utc_s), road=road,
    )  # fmt: skip


def put(
    frame: LabelledFrame, labels: Labels, by: User, *, review: Review | None = None, taken_from: LabelImport | None = None,
    erasure: Erasure | None = None, of: dict[str, tuple[Damage | None, Sighting | None]] | None = None,
) -> bool:  # fmt: skip
    """Have a frame say this from now on, and keep who changed what; whether anything changed.

    Of one whose picture was erased nothing is said any more. `of` are the damage and sighting of areas that are new, by their uid.
    """
    if frame.erased and labels.said:
        return False
    rows = {box.uid: box for box in frame.boxes.all()}
    before, after = changes_between(labels_of(frame, rows.values()), labels)
    if not before and not after:
        return False
    for uid in after.get("boxes", {}):
        area, row = labels.areas.get(uid), rows.get(uid)
        if area is None:
            LabelledBox.objects.filter(frame=frame, uid=uid).delete()
            continue
        row = row or LabelledBox(frame=frame, uid=uid)
        if row.pk is None:
            row.damage, row.sighting = (of or {}).get(uid, (None, None))
        row.xyxy, row.class_id, row.rejected_as = list(area.xyxy), area.class_id, area.rejected_as
        row.save()
    frame.whole, frame.negatives, frame.judged = labels.whole, ",".join(labels.negatives), labels.said
    frame.changed = timezone.now()
    frame.save(update_fields=["whole", "negatives", "judged", "changed"])
    FrameChange.objects.create(
        frame=frame, by=by, at=frame.changed, review=review, taken_from=taken_from, erasure=erasure, before=before,
        after=after,
    )  # fmt: skip
    return True


def _changed(labels: Labels, box: LabelledBox, label: Label | None, *, gone: bool) -> Labels:
    """With another label of a box, or without it; then nobody knows any more whether that is all."""
    areas = dict(labels.areas)
    if gone:
        areas.pop(box.uid, None)
        return replace(labels, areas=areas, whole=False)
    if label is not None:
        areas[box.uid] = replace(areas[box.uid], class_id=label[0], rejected_as=label[1])
    return replace(labels, areas=areas)


def _moved(labels: Labels, uid: str, seen: Sighting) -> Labels:
    return _with(labels, uid, replace(labels.areas[uid], xyxy=box_of(seen)))


def _with(labels: Labels, uid: str, area: Area) -> Labels:
    return replace(labels, areas={**labels.areas, uid: area})


def box_of(seen: Sighting) -> tuple[float, float, float, float]:
    """A sighting's box as frames keep it: shares of the picture."""
    x1, y1, x2, y2 = (round(float(share), 6) for share in seen.box or (0, 0, 1, 1))
    return x1, y1, x2, y2


def catch_up() -> int:
    """Take in what people decided before there were frames, or while a picture could not be kept; how many damages.

    Once all is taken in, nothing is done.
    """
    stands = Review.objects.filter(damage=OuterRef("pk"), kind__in=JUDGING, undone_by__isnull=True)
    known = LabelledBox.objects.filter(damage=OuterRef("pk"))
    rows = Damage.objects.filter(Exists(stands), ~Exists(known), best__frame__gt="")
    return sum(_taken_in(number) for number in list(rows.values_list("pk", flat=True)))


def _taken_in(number: int) -> bool:
    with transaction.atomic():
        Turn.take("counting")
        row = Damage.objects.select_related("best").get(pk=number)
        reviews = _reviews(places_of(number))
        label = standing(reviews, number)
        frame = _looked_at(row) if label else None
        if label is None or frame is None or row.best is None:
            return False
        last = next(one for one in reversed(reviews) if one.kind in JUDGING)
        labels = _with(labels_of(frame), uid_of(frame, number), Area(box_of(row.best), *label))
        return put(frame, labels, last.by, review=last, of={uid_of(frame, number): (row, row.best)})
