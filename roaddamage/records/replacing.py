"""Replacing: what a drive's run told, by what another run of the same footage tells.

Sightings that are one thing in both runs (`maps.same_footage`) keep their row, and with it their damage, whatever people
joined or parted, and where merging laid them; the new ones besides are counted in as any drive's. Of those that the new run does not
see, a damage that is left with nothing goes, unless a person said something of it: then its sightings stay, `outdated`, with
their pictures. So they do in each place where drives see a damage that a person joined of several. All is of one transaction, with what follows around the drive (`records.writing_back`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from django.db.models import Count, Q

from detector.sightings import Sighting
from maps.coverage import Way
from maps.same_footage import same_things
from maps.stretches import AGAIN_S
from roaddamage.records import cells, models
from roaddamage.records.pieces import put_pieces
from roaddamage.records.places import places_of
from roaddamage.records.placing import ON_ROADS, lay, roads_now
from roaddamage.records.portions import portions, put_fields
from roaddamage.records.region import Region
from roaddamage.records.rows import SEEN, fill_sighting, sighting_of, way_of
from roaddamage.records.writing_back import write_back

PICTURE = ("evidence", "crop", "frame", "box", "covered", "time_s", "utc_s")
"""Of a sighting whose box a person moved: they belong together."""
State = models.Damage.State
Place = tuple[int, int | None]
"""A damage, and as which one drives saw it before a person joined the two."""


@dataclass(frozen=True)
class Replaced:
    """What came of it: damages that nobody had seen before, by number, and the numbers of those that are no more."""

    fresh: frozenset[int]
    vanished: frozenset[int]


def replace_in(
    drive: models.Drive, before: Sequence[np.ndarray], way: Way, sightings: Sequence[Sighting]
) -> Replaced:
    """Put a drive's new sightings in the place of its old ones; to be called within a transaction, holding its turn.

    `drive` tells what the new run saw already (`records.rows.fill_drive`); `before` are the lines (n, 2) that it had judged before.
    """
    rows = list(drive.sightings.order_by("pk"))
    same = same_things([sighting_of(row, drive.name) for row in rows], sightings)
    moved = _with_moved_boxes(rows)
    for now, then in same.items():
        row = rows[then]
        fill_sighting(row, sightings[now], PICTURE if row.pk in moved else ())
        row.outdated = False
    here = [rows[then] for then in sorted(same.values())]
    gone = [row for place, row in enumerate(rows) if place not in set(same.values())]
    left, vanished = _let_go(gone)
    _save([*here, *left], drive)
    lines = [line for line in (*before, *way.lines) if len(line)]
    more = [place for place in range(len(sightings)) if place not in same]
    fresh = _count_in(
        drive, way, lines, [sightings[place] for place in more], [*here, *left], {row.damage_id for row in rows}
    )  # fmt: skip
    return Replaced(fresh, vanished)


def said(numbers: Sequence[int]) -> set[int]:
    """Those of these damages of which a person said something, or of what was joined into them."""
    found: set[int] = set()
    for some in portions(numbers):
        own = Q(reviews__isnull=False) | Q(stops__isnull=False) | Q(version__gt=0)
        own |= ~Q(state__in=(State.proposed, State.gone))
        found |= set(models.Damage.objects.filter(own, pk__in=some).values_list("pk", flat=True))
        for number in models.Damage.objects.filter(joined_into__in=some).values_list(
            "joined_into", flat=True
        ):
            if number is not None and number not in found:
                led = models.Damage.objects.filter(own, pk__in=places_of(number))
                found |= {number} if led.exists() else set()
    return found


def _with_moved_boxes(rows: Sequence[models.Sighting]) -> set[int]:
    """Those of these sightings in whose picture a person moved the box, and did not take that back."""
    moved: set[int] = set()
    for some in portions([row.pk for row in rows]):
        told = models.Review.objects.filter(
            kind=models.Review.Kind.box, undone_by__isnull=True, after__sighting__in=list(some)
        )
        moved |= {review.after["sighting"] for review in told.only("after")}
    return moved


def _let_go(gone: Sequence[models.Sighting]) -> tuple[list[models.Sighting], frozenset[int]]:
    """Delete sightings that are seen no more; those that stay, outdated, and the damages that vanish."""
    numbers = sorted({row.damage_id for row in gone})
    going, living = {row.pk for row in gone}, set[Place]()
    for some in portions(numbers):
        live = models.Sighting.objects.filter(damage__in=some, outdated=False)
        living |= {
            (number, seen_as)
            for key, number, seen_as in live.values_list("pk", "damage", "seen_as")
            if key not in going
        }
    kept = said(numbers)
    left = [row for row in gone if row.damage_id in kept and (row.damage_id, row.seen_as_id) not in living]
    for row in left:
        row.outdated = True
    for some in portions(sorted(going - {row.pk for row in left})):
        models.Sighting.objects.filter(pk__in=some).delete()
    there = {number for number, _ in living}
    _stand_alone(there)
    return left, _vanish([number for number in numbers if number not in there | kept])


def _stand_alone(numbers: set[int]) -> None:
    """Where only sightings are left that their drive had elsewhere too (`Sighting.again`), they are the place now."""
    for some in portions(sorted(numbers)):
        groups = models.Sighting.objects.filter(damage__in=some).values("damage", "seen_as")
        own = groups.annotate(every=Count("pk"), twice=Count("pk", filter=Q(again=True))).order_by("damage")
        for group in own:
            if group["every"] == group["twice"]:
                models.Sighting.objects.filter(
                    damage=group["damage"], seen_as=group["seen_as"]
                ).update(again=False)  # fmt: skip


def _vanish(numbers: Sequence[int]) -> frozenset[int]:
    """Delete damages that nobody sees and of which nobody said anything, with those that had turned out to be them."""
    every = sorted({one for number in numbers for one in places_of(number)})
    stale: list[int] = []
    for some in portions(every):
        rows = models.Damage.objects.filter(pk__in=some)
        stale += rows.values_list("tile_key", flat=True)
    for some in portions(every):
        models.Damage.objects.filter(pk__in=some).delete()
    cells.refresh(stale)
    return frozenset(every)


def _save(rows: list[models.Sighting], drive: models.Drive) -> None:
    """Write the rows that stay, each laid on the roads in use, as the drive's way tells now."""
    roads = roads_now()
    if roads:
        lay(rows, way_of(drive), roads.network)
    put_fields(models.Sighting, rows, (*SEEN, "outdated", *(ON_ROADS if roads else ())))


def _count_in(
    drive: models.Drive, way: Way, lines: list[np.ndarray], more: list[Sighting], known: list[models.Sighting],
    touched: set[int],
) -> frozenset[int]:  # fmt: skip
    """Count the new ones in, and work out anew what follows around the drive; the damages that nobody had seen before."""
    fresh: frozenset[int] = frozenset()
    if lines:
        region = Region(lines, drive, way)
        numbers = region.add(more, _stretches(more, known))
        numbers |= {number for number, row in region.rows.items() if row.pk in touched}
        write_back(region, {region.known.numbers.final(number) for number in numbers})
        fresh = region.fresh_keys()
        models.Drive.objects.filter(pk=drive.pk).update(roads=drive.roads)
    put_pieces(drive, way)
    return fresh


def _stretches(more: Sequence[Sighting], known: Sequence[models.Sighting]) -> list[int | None]:
    """Of which of the drive's stretches each of these is: that of what it saw nearest in time."""
    told: defaultdict[int, list[float]] = defaultdict(list)
    for row in known:
        told[row.stretch].append(row.time_s)
    if not told:
        return [None] * len(more)
    times = np.concatenate([np.array(some) for some in told.values()])
    stretch = np.repeat(list(told), [len(some) for some in told.values()])
    nearest: list[int | None] = []
    for seen in more:
        apart_s = np.abs(times - seen.time_s)
        first = int(apart_s.argmin())
        nearest.append(int(stretch[first]) if apart_s[first] <= AGAIN_S else None)
    return nearest
