"""Joining and parting: a person says that two damages are one, or that one is two.

Sightings go over to where they belong, and what drives say of the damages is worked out anew from them
(`records.region`). What was joined keeps the place where drives see it (`Sighting.seen_as`), and stays one however
often they see both; what was parted (`Apart`) is never joined by drives again. Both damages keep a Review of it, so that
each tells its history, and both count a version, so that of two people the second is told.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q

from detector.errors import N_
from detector.trajectory import LocalFrame
from maps.damage import severity_of
from maps.tiles import viewport_ranges
from roaddamage.records import cells, frames
from roaddamage.records.audit import audited
from roaddamage.records.boxes import box_around
from roaddamage.records.decisions import DecisionError, check, facts, locked, model_of, restore
from roaddamage.records.models import Apart, Damage, Passage, Review, Sighting
from roaddamage.records.places import places_of
from roaddamage.records.placing import OF_ROAD
from roaddamage.records.region import Region
from roaddamage.records.rows import settle, sighting_of
from roaddamage.records.selection import OPEN
from roaddamage.records.work_lists import hand_stops_back, hand_stops_over
from roaddamage.records.writing_back import write_back

Kind, State = Review.Kind, Damage.State
NEAR_M = 40.0
"""Damages further apart are not one: more than positions are off, and than a damage is long."""
RANGES = 8


def near(row: Damage, most: int) -> list[tuple[Damage, float]]:
    """The damages near one that could be the same, whatever their state, each with its distance in metres."""
    frame = LocalFrame(row.lon, row.lat)
    within = Q(pk__in=[])
    for low, high in viewport_ranges(*box_around(row.lon, row.lat, NEAR_M), RANGES):
        within |= Q(tile_key__gte=low, tile_key__lt=high)
    found = []
    for shown in (True, False):  # each has its index
        rows = Damage.objects.filter(within, shown=shown, joined_into__isnull=True).exclude(pk=row.pk)
        found += [(other, _apart_m(frame, other)) for other in rows.select_related("best")]
    return sorted((one for one in found if one[1] <= NEAR_M), key=lambda one: one[1])[:most]


def _apart_m(frame: LocalFrame, other: Damage) -> float:
    return float(np.hypot(*frame.to_metres(other.lon, other.lat)))


def join(
    stays: int, goes: int, by: User, versions: tuple[int | None, int | None] = (None, None), text: str = ""
) -> Review:
    """Say that two damages are one; the second leads to the first from now on. The Review of the first.

    `versions` are those that the person looked at. Raises DecisionError.
    """
    with transaction.atomic():
        row, other = locked(stays), locked(goes)
        for one, version in zip((row, other), versions, strict=True):
            check(one, Kind.same, version)
        _check_pair(row, other)
        before = facts(row), facts(other)
        stops = hand_stops_over(other, row, by)
        _take_over(row, other)
        for one in (row, other):
            one.version += 1
            one.save()
        region = Region.around([row, other])
        first = region.number(row.pk)
        region.known.numbers.join(first, region.number(other.pk))
        write_back(region, {first})
        _lead(other, row)
        return _kept((row, other), before, Kind.same, by, text, stops)


def part(
    number: int, sightings: Collection[int], by: User, version: int | None = None, text: str = ""
) -> Review:
    """Say that a damage is two: these sightings (their keys) are of one of its own. The Review of the first.

    The new one is proposed, or confirmed where a person confirmed the first. Raises DecisionError.
    """
    with transaction.atomic():
        row = locked(number)
        check(row, Kind.apart, version)
        chosen = dict(row.sightings.filter(pk__in=sightings).values_list("pk", "seen_as"))
        if not 0 < len(chosen) < row.sightings.count():
            raise DecisionError(
                N_("Choose the sightings of damage {number} that are of another one, and leave some."), number=number
            )  # fmt: skip
        before = facts(row)
        row.version += 1
        row.save()
        made = _parted(row, set(chosen))
        Apart.objects.create(one=row, other=made)
        return _kept((row, made), (before, {}), Kind.apart, by, text, {"seen_as": chosen})


def _parted(row: Damage, chosen: set[int]) -> Damage:
    region = Region.around([row])
    first = region.number(row.pk)
    order = [region.sighting_rows[id(sighting)].pk for _, sighting, _ in region.kept(first)]
    second = region.known.keep_apart(first, [place for place, key in enumerate(order) if key in chosen])
    sure = row.state in (State.confirmed, State.scheduled)
    made = region.rows[second] = Damage(
        state=State.confirmed if sure else State.proposed, version=1, **{name: getattr(row, name) for name in OF_ROAD}
    )  # fmt: skip
    write_back(region, {first, second})
    return made


def _check_pair(row: Damage, other: Damage) -> None:
    """Raises DecisionError for two that can't be joined."""
    if row.pk == other.pk:
        raise DecisionError(N_("A damage can't be joined with itself."))
    if _apart_m(LocalFrame(row.lon, row.lat), other) > NEAR_M:
        raise DecisionError(
            N_("Damages {number} and {other} are more than {most} m apart; they are not joined."),
            number=row.pk, other=other.pk, most=round(NEAR_M),
        )  # fmt: skip
    if row.state not in OPEN and other.state in (State.confirmed, State.scheduled):
        raise DecisionError(
            N_("Damage {number} is closed, and damage {other} is to be repaired. Open it again first, or join it with"
               " damage {other} on that one's page."),
            number=row.pk, other=other.pk,
        )  # fmt: skip


def _take_over(row: Damage, other: Damage) -> None:
    """What people decided of the other one goes for the one that stays, where they decided nothing of it."""
    if row.state not in OPEN or other.state not in OPEN:
        return
    if other.state == State.scheduled or (
        other.state == State.confirmed and row.state in (State.proposed, State.gone)
    ):
        row.state = other.state
    for name in ("assignee_id", "due", "priority_set"):
        if getattr(row, name) is None:
            setattr(row, name, getattr(other, name))
    if other.class_decided and not row.class_decided:
        seen = [sighting_of(one, "") for one in Sighting.objects.filter(damage__in=(row, other))]
        row.class_id, row.class_decided = other.class_id, True
        row.severity = severity_of(row.class_id, seen)


def _lead(goes: Damage, stays: Damage) -> None:
    """From one that is another to that one: it is shown nowhere, and no pass is of it."""
    goes.joined_into, goes.best = stays, None
    settle(goes)
    goes.save()
    Passage.objects.filter(damage=goes).delete()
    cells.refresh([goes.tile_key])


def _kept(
    rows: tuple[Damage, Damage], before: tuple[dict[str, object], dict[str, object]], kind: str, by: User, text: str,
    more: dict[str, object], undone: tuple[Review | None, Review | None] = (None, None),
) -> Review:  # fmt: skip
    """The Reviews on both, each naming the other; that of the first."""
    for row in rows:
        row.refresh_from_db()
    reviews = [
        Review(
            damage=row, by=by, kind=kind, comment=text.strip(), model=model_of(row), undone=taken, before=was,
            after=facts(row) | {"other": other.pk, "goes": rows[1].pk} | more,
        )
        for row, other, was, taken in zip(rows, rows[::-1], before, undone, strict=True)
    ]  # fmt: skip
    for review in reviews[::-1]:  # the first is a person's last decision
        review.save()
        audited(
            by,
            f"damage.{kind}",
            str(review.damage_id),
            other=review.after["other"],
            version=review.damage.version,
        )
    frames.settle(rows)
    return reviews[0]


def other_of(taken: Review) -> Review | None:
    """The Review on the other damage, of a decision on two at once."""
    if taken.kind not in (Kind.same, Kind.apart):
        return None
    same = Review.objects.filter(kind=taken.kind, by=taken.by_id, undone_by__isnull=True)
    return same.filter(damage=taken.after["other"], after__other=taken.damage_id).order_by("-pk").first()


def take_back(taken: Review, other: Review, by: User) -> Review:
    """Take a decision on two damages back; to be called within a transaction. Raises DecisionError."""
    first, second = (taken, other) if other.damage_id == taken.after["goes"] else (other, taken)
    row, goes = locked(first.damage_id), locked(second.damage_id)
    before = facts(row), facts(goes)
    for one, review in ((row, first), (goes, second)):
        restore(one, review)
        one.version += 1
        one.save()
    if taken.kind == Kind.same:
        _unjoin(row, goes)
        hand_stops_back(goes, row, first.after, by)
    else:
        _unpart(row, goes, first.after["seen_as"])
    return _kept((row, goes), before, Kind.undo, by, "", {}, (first, second))


def _unjoin(row: Damage, goes: Damage) -> None:
    places = places_of(goes.pk)
    row.sightings.filter(seen_as__in=places).update(damage=goes)
    goes.sightings.filter(seen_as=goes).update(seen_as=None)
    if not row.sightings.exists() or not goes.sightings.exists():
        raise DecisionError(
            N_("Damages {number} and {other} can't be told apart any more. Part them by their sightings."),
            number=row.pk, other=goes.pk,
        )  # fmt: skip
    goes.joined_into = None
    settle(goes)
    goes.save()
    region = Region.around([row, goes])
    write_back(region, {region.number(row.pk), region.number(goes.pk)})


def _unpart(row: Damage, made: Damage, seen_as: dict[str, int | None]) -> None:
    made.sightings.update(damage=row, seen_as=None)
    for key, place in seen_as.items():
        if place is not None:
            row.sightings.filter(pk=int(key)).update(seen_as=place)
    Apart.objects.filter(one=row, other=made).delete()
    _lead(made, row)
    region = Region.around([row])
    write_back(region, {region.number(row.pk)})
