"""Work lists: damages handed to a repair crew, in an order to drive, and what the crew makes of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q, QuerySet

from detector.errors import N_, RoadDamageError
from roaddamage.records.audit import audited
from roaddamage.records.decisions import Decision, DecisionError, decide, decide_all
from roaddamage.records.models import Damage, Review, Stop, WorkList
from roaddamage.records.route import in_order

MOST_STOPS = 200
OPEN = (Damage.State.confirmed, Damage.State.scheduled)
"""States of damages that can be put on a list."""


class WorkListError(RoadDamageError):
    """A work list that can't be made, or a stop that can't be done so."""


@dataclass(frozen=True)
class Plan:
    """What a list is called, for whom, by when.

    `start` is where the crew sets out (lon, lat); without it the most urgent damage is the first stop.
    """

    title: str
    crew: str = ""
    due: date | None = None
    note: str = ""
    start: tuple[float, float] | None = None


def waiting() -> QuerySet[Damage]:
    """Damages that can be put on a list: to be repaired, and on none that is not done."""
    taken = Stop.objects.filter(done__isnull=True).values("damage")
    return Damage.objects.filter(state__in=OPEN, joined_into__isnull=True).exclude(pk__in=taken)


def make_list(plan: Plan, numbers: Iterable[int], by: User) -> tuple[WorkList, list[RoadDamageError]]:
    """A list of these damages, which are thereby scheduled, in an order to drive; and why some are not on it.

    Raises WorkListError where none is left, or they are too many; then nothing is changed.
    """
    wanted = sorted(set(numbers))
    if not plan.title.strip():
        raise WorkListError(N_("Give the work list a title."))
    if len(wanted) > MOST_STOPS:
        raise WorkListError(
            N_("A work list has at most {most} stops; {count} damages were chosen. Make several lists."),
            most=MOST_STOPS, count=len(wanted),
        )  # fmt: skip
    with transaction.atomic():
        made = WorkList.objects.create(
            title=plan.title.strip()[:200], crew=plan.crew.strip()[:200], due=plan.due, note=plan.note.strip(), by=by
        )  # fmt: skip
        taken, refused = _scheduled(wanted, plan.due, by)
        if not taken:
            raise (
                refused[0] if refused else WorkListError(N_("Choose at least one damage for the work list."))
            )
        taken.sort(key=lambda row: (-row.priority, row.pk))
        order = in_order(_places(taken), plan.start)
        Stop.objects.bulk_create(
            Stop(work_list=made, damage=taken[row], place=place) for place, row in enumerate(order, 1)
        )
        audited(by, "work_list.made", str(made.pk), title=made.title, damages=[row.pk for row in taken])
    return made, refused


def _scheduled(
    numbers: Sequence[int], due: date | None, by: User
) -> tuple[list[Damage], list[RoadDamageError]]:
    rows = Damage.objects.in_bulk(numbers)
    taken: list[Damage] = []
    refused: list[RoadDamageError] = []
    for number in numbers:
        try:
            assignee, kept = (rows[number].assignee_id, rows[number].due) if number in rows else (None, None)
            with transaction.atomic():
                decide(number, by, Decision(Review.Kind.schedule, assignee=assignee, due=due or kept))
                _check_free(number)
        except (DecisionError, WorkListError) as error:
            refused.append(error)
        else:
            taken.append(rows[number])
    return taken, refused


def add(work_list: WorkList, numbers: Iterable[int], by: User) -> tuple[int, list[RoadDamageError]]:
    """Put damages on a list, last, in an order to drive from its last stop; how many, and why others are not on it.

    Raises WorkListError where they are too many; then nothing is changed.
    """
    with transaction.atomic():
        listed = WorkList.objects.select_for_update().get(pk=work_list.pk)
        stops = list(listed.stops.select_related("damage"))
        known = {stop.damage_id for stop in stops}
        wanted = sorted(set(numbers) - known)
        room = MOST_STOPS - len(stops)
        if len(wanted) > room:
            raise WorkListError(
                N_("The work list “{title}” has room for {room} stops; {count} damages were chosen."),
                title=listed.title, room=room, count=len(wanted),
            )  # fmt: skip
        taken, refused = _scheduled(wanted, listed.due, by)
        refused += [
            WorkListError(N_("Damage {number} is on this work list already."), number=number)
            for number in sorted(set(numbers) & known)
        ]
        last = stops[-1].damage if stops else None
        order = in_order(_places(taken), (last.lon, last.lat) if last else None)
        Stop.objects.bulk_create(
            Stop(work_list=listed, damage=taken[row], place=place)
            for place, row in enumerate(order, len(stops) + 1)
        )
        if taken:
            audited(by, "work_list.added", str(listed.pk), damages=[row.pk for row in taken])
    return len(taken), refused


def change(work_list: WorkList, plan: Plan, by: User) -> None:
    """Change a list's title, crew, due date and note; damages that were due with it are due with it again.

    Raises WorkListError for one without a title.
    """
    if not plan.title.strip():
        raise WorkListError(N_("Give the work list a title."))
    with transaction.atomic():
        row = WorkList.objects.select_for_update().get(pk=work_list.pk)
        values = {
            "title": plan.title.strip()[:200],
            "crew": plan.crew.strip()[:200],
            "due": plan.due,
            "note": plan.note.strip(),
        }
        changed = {
            name: (getattr(row, name), value) for name, value in values.items() if getattr(row, name) != value
        }
        if not changed:
            return
        before = row.due
        for name, value in values.items():
            setattr(row, name, value)
        row.save()
        audited(
            by,
            "work_list.changed",
            str(row.pk),
            **{name: [str(one or "") for one in both] for name, both in changed.items()},
        )
        if "due" in changed:
            due = row.stops.filter(done__isnull=True, damage__due=before) if before else row.stops.filter(
                done__isnull=True, damage__due__isnull=True
            )  # fmt: skip
            decide_all([(stop.damage_id, None) for stop in due], by, Decision(Review.Kind.due, due=plan.due))


def _check_free(number: int) -> None:
    """Raises WorkListError for a damage on an open list; asked after its decision, which waits for others' lists."""
    stop = Stop.objects.filter(damage=number, done__isnull=True).select_related("work_list").first()
    if stop:
        raise WorkListError(
            N_("Damage {number} is on the work list “{title}” already."),
            number=number, title=stop.work_list.title,
        )  # fmt: skip


def _places(damages: Sequence[Damage]) -> np.ndarray:
    return np.array([(row.lon, row.lat) for row in damages], float).reshape(-1, 2)


def sort_stops(work_list: WorkList, by: User) -> None:
    """Put the stops into a short order again, from the one that is now first."""
    stops = list(work_list.stops.select_related("damage"))
    _put(stops[row] for row in in_order(_places([stop.damage for stop in stops])))
    audited(by, "work_list.sorted", str(work_list.pk))


def move(stop: Stop, step: int, by: User) -> None:
    """Move a stop so many places towards the end, or, negative, the beginning."""
    with transaction.atomic():
        stops = list(Stop.objects.select_for_update().filter(work_list=stop.work_list_id))
        at = next(index for index, one in enumerate(stops) if one.pk == stop.pk)
        to = min(max(at + step, 0), len(stops) - 1)
        stops.insert(to, stops.pop(at))
        _put(stops)
        audited(by, "work_list.moved", str(stop.work_list_id), stop=stop.pk, place=to + 1)


def _put(stops: Iterable[Stop]) -> None:
    told = list(stops)
    for place, stop in enumerate(told, 1):
        stop.place = place
    Stop.objects.bulk_update(told, ["place"])


def remove(stop: Stop, by: User) -> None:
    """Take a stop off its list; its damage waits again. Raises WorkListError for one that is done."""
    with transaction.atomic():
        stop = Stop.objects.select_for_update().get(pk=stop.pk)
        if stop.done:
            raise WorkListError(N_("This stop is done already; it stays on the list."))
        if stop.damage.state == Damage.State.scheduled:
            decide(stop.damage_id, by, Decision(Review.Kind.reopen))
        listed = stop.work_list
        stop.delete()
        _put(listed.stops.all())
        audited(by, "work_list.removed", str(listed.pk), damage=stop.damage_id)


def hand_stops_over(goes: Damage, stays: Damage, by: User) -> dict[str, object]:
    """Make the open stops of a damage those of the one that it turned out to be; where that has one, they are taken off.

    What `hand_stops_back` takes.
    """
    moved, removed = [], []
    for stop in Stop.objects.select_for_update().filter(damage=goes, done__isnull=True):
        listed = stop.work_list
        if stays.stops.filter(Q(done__isnull=True) | Q(work_list=listed)).exists():
            stop.delete()
            _put(listed.stops.all())
            removed.append(listed.pk)
        else:
            stop.damage = stays
            stop.save(update_fields=["damage"])
            moved.append(stop.pk)
        audited(by, "work_list.joined", str(listed.pk), damage=goes.pk, into=stays.pk)
    return {"stops_moved": moved, "stops_removed": removed}


def hand_stops_back(goes: Damage, stays: Damage, told: Mapping[str, list[int]], by: User) -> None:
    """Give a damage its open stops back; those that were taken off come last on their lists."""
    for stop in Stop.objects.filter(pk__in=told["stops_moved"], damage=stays, done__isnull=True):
        stop.damage = goes
        stop.save(update_fields=["damage"])
        audited(by, "work_list.parted", str(stop.work_list_id), damage=goes.pk, of=stays.pk)
    for listed in WorkList.objects.filter(pk__in=told["stops_removed"]):
        Stop.objects.get_or_create(
            work_list=listed, damage=goes, defaults={"place": listed.stops.count() + 1}
        )
        audited(by, "work_list.parted", str(listed.pk), damage=goes.pk, of=stays.pk)
