"""Stretches: a drive's sightings in order of time, no two of which are one damage, merged with what is known.

The stretch is laid onto the damages known where it went (`maps.alignment`), and matched with them (`maps.matching`).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from detector.sightings import Sighting
from maps.alignment import shifts
from maps.damage_numbers import DamageNumbers
from maps.known_places import KnownPlaces, cell_of
from maps.laid_sightings import LEAST_OWN_M, Laid, variances
from maps.matching import PRICES, matched_of, pairs_of, prices_of, within
from maps.offsets import Offsets

Floats = NDArray[np.float64]

AGAIN_S = 45.0
"""A drive that comes back to a place after this long passes it again."""
PART_M, PART_LEAD, FEWEST_TO_PART = 5.0, 2.0, 3
"""Two damages this near may have been taken for one, by so many sightings at least; one goes over to the
other where it fits there better by so many squared standard errors."""
TWICE_GATE = 9.21
"""99 % quantile: so near a damage that a drive saw, it may have seen the same again."""
NEIGHBOURS_M = 80.0
"""So far what a drive was moved by holds for what it saw beside."""
JOIN_GATE, JOIN_M = 4.6, 2.0
"""90 % quantile: two damages known from several drives have had their chance to lie apart."""


def stretches_of(order: list[int], sightings: list[Sighting], place: Floats) -> Iterator[list[int]]:
    """A drive's sightings in order of time, cut where it comes back to a place it has been."""
    stretch: list[int] = []
    been: dict[tuple[int, int], float] = {}
    for index in order:
        cell, time_s = cell_of(place[index]), sightings[index].time_s
        around = [(cell[0] + a, cell[1] + b) for a in (-1, 0, 1) for b in (-1, 0, 1)]
        if any(time_s - been.get(one, time_s) > AGAIN_S for one in around):
            yield stretch
            stretch, been = [], {}
        stretch.append(index)
        been.setdefault(cell, time_s)
    if stretch:
        yield stretch


class Merging:
    """Takes stretches in, into these places, numbers and offsets."""

    def __init__(self, places: KnownPlaces, numbers: DamageNumbers, offsets: Offsets) -> None:
        self._known, self._numbers, self._offsets = places, numbers, offsets

    def take_in(
        self, seen: list[Sighting], place: Floats, stretch: int, *, beside: bool = False
    ) -> list[int]:
        """Take in the sightings of a stretch, at these places (n, 2); the numbers of the damages that they are.

        `beside`: more of a stretch of which some are known already. They are none of the damages that these are.
        """
        near = self._known.near(place)
        mine = [row for row in near.tolist() if stretch in self._known.passes[row]]
        near = np.setdiff1d(near, mine)
        own_m2, common_m2 = variances(seen)
        moved, known_m2 = np.zeros((len(seen), 2)), common_m2
        pairs = pairs_of(self._known, seen, place, own_m2, common_m2, near)
        if len(pairs.sighting):
            time_s = np.array([one.time_s for one in seen])
            moved, known_m2 = shifts(time_s, common_m2, pairs)
        if beside:
            moved, known_m2 = self._as_neighbours(seen[0].drive, place, moved, known_m2)
        matched = matched_of(self._known, seen, place + moved, own_m2 + known_m2, near)
        self._offsets.add(seen[0].drive, place + moved, moved, known_m2)
        numbers = []
        for index, sighting in enumerate(seen):
            laid, own = place[index] + moved[index], float(own_m2[index])
            row, twice = matched.get(index), False
            if row is None:
                row, twice = self._unmatched(sighting, laid, own, [*matched.values(), *mine])
            put = Laid(float(laid[0]), float(laid[1]), own, float(known_m2[index]), stretch, twice)
            self._known.put(row, sighting, put)
            numbers.append(row + 1)
        self._part(numbers, matched)
        self._join(numbers)
        return numbers

    def _as_neighbours(
        self, drive: str, place: Floats, moved: Floats, known_m2: Floats
    ) -> tuple[Floats, Floats]:
        """How what the drive saw there before was moved, and that variance, where that is known better."""
        by, spread_m, apart_m = self._offsets.near(drive, place, 0.0, NEIGHBOURS_M)
        told_m2 = spread_m**2 - LEAST_OWN_M**2
        better = np.isfinite(apart_m) & (told_m2 < known_m2)
        return np.where(better[:, None], by, moved), np.where(better, told_m2, known_m2)

    def _unmatched(
        self, sighting: Sighting, laid: Floats, own_m2: float, rows: list[int]
    ) -> tuple[int, bool]:
        """The row of a sighting that is none of those matched, and whether it is one of them (`rows`) again.

        A drive now and then loses a thing and takes it for another one. Where others saw one thing, two
        are believed when a second drive sees two in the same places.
        """
        near = np.array([row for row in rows if len(self._known.passes[row]) >= FEWEST_TO_PART - 1], np.intp)
        squared = ((self._known.place[near] - laid) ** 2).sum(1) / (own_m2 + 1 / self._known.weight[near])
        squared += prices_of(self._known, [sighting], np.zeros(len(near), np.intp), near)
        if squared.min(initial=np.inf) > TWICE_GATE:
            return self._known.new(laid), False
        row = int(near[squared.argmin()])
        for index in self._known.doubles[row]:
            before = self._known.laid[row][index]
            apart_m2 = ((laid - [before.east_m, before.north_m]) ** 2).sum()
            if apart_m2 < TWICE_GATE / 2 * (own_m2 + before.own_m2):
                fresh = self._known.new(laid)
                self._numbers.split[fresh + 1] = row + 1
                self._known.hand_over(row, fresh, [index])
                return fresh, False
        return row, True

    def _join(self, numbers: list[int]) -> None:
        """Damages that no drive ever saw apart, and that lie on one another, are one: the older number."""
        rows = np.array([number - 1 for number in numbers], np.intp)
        near = self._known.near(self._known.place[rows])
        for one, other in zip(*within(self._known.place[rows], self._known.place[near], JOIN_M), strict=True):
            young, old = max(rows[one], near[other]), min(rows[one], near[other])
            if young == old or young + 1 in self._numbers.joined or old + 1 in self._numbers.joined:
                continue
            seen_apart = self._known.passes[young] & self._known.passes[old]
            if seen_apart or not self._numbers.may_join(old + 1, young + 1):
                continue
            variance = 1 / self._known.weight[young] + 1 / self._known.weight[old]
            squared = ((self._known.place[young] - self._known.place[old]) ** 2).sum() / variance
            price = PRICES[self._known.votes[young].argmax(), self._known.votes[old].argmax()]
            if squared + price < JOIN_GATE:
                self._put_together(int(old), int(young))

    def _part(self, numbers: list[int], matched: dict[int, int]) -> None:
        """Where a drive saw two things and one was known, what the one was made of is shared out anew.

        `matched` are the places in `numbers` of those that were known. A sighting goes to the new damage
        where that is the likelier by `PART_LEAD`.
        """
        known = set(matched.values())
        for row in {number - 1 for number in numbers} - known:
            for old in self._known.near(self._known.place[[row]]).tolist():
                if old not in known or old + 1 in self._numbers.decided:
                    continue
                laid = np.array(self._known.laid[old])
                here, there = np.array(self._known.laid[row][-1]), laid[-1]
                if len(laid) < FEWEST_TO_PART or np.hypot(*(here - there)[:2]) > PART_M:
                    continue
                far, near = (
                    ((laid[:, :2] - one[:2]) ** 2).sum(1) / (laid[:, 2] + one[2]) for one in (there, here)
                )
                classes = [one.class_id for one in self._known.groups[old]]
                prices = PRICES[classes][
                    :, [self._known.groups[old][-1].class_id, self._known.groups[row][-1].class_id]
                ]
                lead = far + prices[:, 0] - near - prices[:, 1]
                going = np.flatnonzero(lead[:-1] > PART_LEAD).tolist()
                if going:
                    self._numbers.split[row + 1] = old + 1
                    self._known.hand_over(old, row, going)

    def _put_together(self, old: int, young: int) -> None:
        decided = self._numbers.decided
        if young + 1 in decided and old + 1 not in decided:
            old, young = young, old  # the number that a person knows stays
        self._numbers.joined[young + 1] = old + 1
        self._known.put_together(old, young)
