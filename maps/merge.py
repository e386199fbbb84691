"""Damages: the sightings of all drives, each damage counted once.

Drive by drive: first the drive is laid onto the damages known where it went (`maps.alignment`), as its
positions are wrong by metres but wrong alike; then its sightings are matched with them, all at once,
where their remaining distance is likely under both errors, their classes can be one thing, and that is
likelier than a damage nobody saw before. A drive that comes back to a place is matched with itself too.
Adding a drive touches only its surroundings. The order in which drives are taken in matters little: over ten
orders of four drives the number of damages differs by 3 % at most (`benchmarks.truth --only orders`).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from detector.classes import CLASSES, NO_MATCH, mixing_price, severity
from detector.sightings import Sighting, area_from_box
from detector.tracking import MISREAD
from detector.trajectory import LocalFrame
from maps.alignment import Pairs, shifts
from maps.damage import Damage

Floats = NDArray[np.float64]

CELL_M = 32.0
REACH_M = 25.0
"""Nothing further apart is compared."""
GATE = 20.0
"""What a pair may be apart at most, in squared standard errors with the price of their classes."""
SURE_SHARE = 0.75
"""A track whose class has less of its votes, or a single glimpse, may have been misread."""
SHARE_NEW = 0.001
"""Prior of a sighting being of a damage nobody saw before, where there are damages it could be.

Set with the next by `benchmarks/truth.py`, as are the windows in `maps.alignment`."""
LEAST_OWN_M = 2.0
"""What a sighting's place is off by itself, at least: its ends, and how roads bend what neighbours share."""
ROAD_WIDTH_M = 7.0
AGAIN_S = 45.0
"""A drive that comes back to a place after this long passes it again."""
PRICES = np.array(
    [[mixing_price(one, other) for other in range(len(CLASSES))] for one in range(len(CLASSES))]
)
PART_M, PART_LEAD, FEWEST_TO_PART = 5.0, 2.0, 3
"""Two damages this near may have been taken for one, by so many sightings at least; one goes over to the
other where it fits there better by so many squared standard errors."""
TWICE_GATE = 9.21
"""99 % quantile: so near a damage that a drive saw, it may have seen the same again."""
JOIN_GATE, JOIN_M = 4.6, 2.0
"""90 % quantile: two damages known from several drives have had their chance to lie apart."""


class Laid(NamedTuple):
    """Where a sighting was laid, metres, the variance of its own error and of what is left of its drive's.

    `stretch` numbers the stretches of drives: no two sightings of one are one damage. `again`: its drive saw the
    damage elsewhere in it too.
    """

    east_m: float
    north_m: float
    own_m2: float
    known_m2: float
    stretch: int
    again: bool


def merge(drives: Iterable[list[Sighting]]) -> list[Damage]:
    """The damages behind the sightings of several drives, numbered from 1 in order of finding."""
    known = Damages()
    for sightings in drives:
        known.add(sightings)
    return known.all()


class Damages:
    """All damages known, kept so that a drive can be added by touching only its surroundings.

    Numbers are given once: a damage keeps its number when sightings are added to it. `joined` tells
    which numbers were found to be another damage's (its number), when a drive saw them as one; `split`
    which came out of another's (its number), when a drive saw two. What a person decided stays: the
    numbers in `decided` are never given up for another, and what `keep_apart` names is never joined.
    What a person joined (`join`) keeps the place where drives see it, and counts as the other one:
    however often drives see something in both places, it is one damage.
    """

    def __init__(self) -> None:
        self.joined: dict[int, int] = {}
        self.split: dict[int, int] = {}
        self.decided: set[int] = set()
        self._same: dict[int, int] = {}
        """Numbers that a person said are another damage's (its number)."""
        self._apart: set[frozenset[int]] = set()
        self._groups: list[list[Sighting]] = []
        self._laid: list[list[Laid]] = []
        """Beside each sighting of a group: where it was laid."""
        self._doubles: defaultdict[int, set[int]] = defaultdict(set)
        """Places in a group of sightings whose drive saw the damage elsewhere too."""
        self._passes: list[set[int]] = []
        self._votes = np.zeros((64, len(CLASSES)))
        self._place = np.zeros((64, 2))
        """Where a damage lies to its neighbours, each drive laid onto the others."""
        self._weight = np.zeros(64)
        self._cells: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
        self._frame: LocalFrame | None = None
        self._stretches = 0
        self._offsets: defaultdict[str, list[tuple[Floats, Floats, Floats]]] = defaultdict(list)
        """By drive: where its sightings were laid, by how much they were moved, and that variance."""

    @classmethod
    def restored(
        cls, frame: LocalFrame, groups: Sequence[Sequence[tuple[Sighting, Laid]]], stretches: int
    ) -> Damages:
        """Damages as they were left, numbered from 1 in this order, each with what `kept` told of it.

        They may be those of a region alone: what is far away matters to no drive. `stretches` is the highest number
        of a stretch given so far.
        """
        known = cls()
        known._frame, known._stretches = frame, stretches
        offsets: defaultdict[str, list[tuple[float, float, float, float, float]]] = defaultdict(list)
        for group in groups:
            first = group[0][1]
            row = known._new(np.array([first.east_m, first.north_m]))
            for index, (sighting, laid) in enumerate(group):
                known._groups[row].append(sighting)
                known._laid[row].append(laid)
                known._passes[row].add(laid.stretch)
                known._votes[row, sighting.class_id] += sighting.confidence
                if laid.again:
                    known._doubles[row].add(index)
                else:
                    known._move(row, np.array([laid.east_m, laid.north_m]), 1 / laid.own_m2)
                east_m, north_m = (float(part) for part in frame.to_metres(sighting.lon, sighting.lat))
                moved = laid.east_m - east_m, laid.north_m - north_m
                offsets[sighting.drive].append((laid.east_m, laid.north_m, *moved, laid.known_m2))
        for drive, rows in offsets.items():
            told = np.array(rows)
            known._offsets[drive].append((told[:, :2], told[:, 2:4], told[:, 4]))
        return known

    def places(self, number: int) -> list[int]:
        """The numbers of the places where drives see a damage: its own, and those of what a person joined with it."""
        return [number, *(one for one in self._same if one != number and self.final(one) == number)]

    def kept(self, number: int) -> list[tuple[Sighting, Laid]]:
        """The sightings at a damage's own place, each with where it was laid: what `restored` takes."""
        row = number - 1
        again = self._doubles.get(row, set())
        return [
            (sighting, laid._replace(again=index in again))
            for index, (sighting, laid) in enumerate(zip(self._groups[row], self._laid[row], strict=True))
        ]

    def __len__(self) -> int:
        return len(self._groups) - len(self.joined.keys() | self._same.keys())

    def all(self) -> list[Damage]:
        """Every damage, by number."""
        gone = self.joined.keys() | self._same.keys()
        return [self[number] for number in range(1, len(self._groups) + 1) if number not in gone]

    @property
    def frame(self) -> LocalFrame:
        """The metric frame of all places. Raises LookupError as long as there is no damage."""
        if self._frame is None:
            raise LookupError("no damage is known yet")
        return self._frame

    def laid(self, number: int) -> Floats:
        """Where a damage lies to its neighbours, (2,) metres in `frame`, every drive laid onto the others."""
        rows = np.array(self.places(self.final(number))) - 1
        return np.average(self._place[rows], axis=0, weights=self._weight[rows])

    def offset(
        self, drive: str, places: Floats, accuracy_m: float, reach_m: float
    ) -> tuple[Floats, Floats, Floats]:
        """What a drive's positions were moved by near these places (n, 2), and what they are off still (n,).

        That is its GPS's error (standard error of one axis) where it saw nothing within reach. Third:
        how far its nearest sighting lies, metres (n,).
        """
        moved, spread_m = np.zeros_like(places), np.full(len(places), accuracy_m)
        apart_m = np.full(len(places), np.inf)
        if drive not in self._offsets or not len(places):
            return moved, spread_m, apart_m
        laid, by, variance = (np.concatenate(column) for column in zip(*self._offsets[drive], strict=True))
        apart_m, nearest = cKDTree(laid).query(places, distance_upper_bound=reach_m)
        near = np.isfinite(apart_m)
        moved[near] = by[nearest[near]]
        spread_m[near] = np.sqrt(variance[nearest[near]] + LEAST_OWN_M**2)
        return moved, spread_m, apart_m

    def join(self, stays: int, goes: int) -> None:
        """Make two damages one, as a person decided: the second is the first from now on."""
        stays, goes = self.final(stays), self.final(goes)
        if stays != goes:
            self._apart.discard(frozenset((stays, goes)))
            self._same[goes] = stays
        self.decided |= {stays, goes}

    def never_join(self, one: int, other: int) -> None:
        """Two damages are two, as a person decided."""
        self._apart.add(frozenset((one, other)))

    def keep_apart(self, number: int, sightings: Collection[int]) -> int:
        """Make these sightings of a damage (their places in its list) one of its own, as a person decided.

        Returns its number. The two are never joined again. Raises ValueError where nothing would be left
        on one side.
        """
        rows = [place - 1 for place in self.places(self.final(number))]
        known = [(row, index) for row in rows for index in range(len(self._groups[row]))]
        chosen = sorted(set(sightings) & set(range(len(known))))
        if not 0 < len(chosen) < len(known):
            raise ValueError(f"{len(chosen)} of {len(known)} sightings can't be a damage of their own")
        first, index = known[chosen[0]]
        fresh = self._new(np.array(self._laid[first][index][:2]))
        for row in rows:
            going = [known[one][1] for one in chosen if known[one][0] == row]
            if going:
                self._hand_over(row, fresh, going)
        self._fill(rows)
        self.never_join(rows[0] + 1, fresh + 1)
        self.decided |= {rows[0] + 1, fresh + 1}
        return fresh + 1

    def _fill(self, rows: list[int]) -> None:
        """See that of the places of one damage the first has sightings, and that those without are found no more."""
        if not self._groups[rows[0]]:
            other = next(row for row in rows if self._groups[row])
            self._hand_over(other, rows[0], list(range(len(self._groups[other]))))
        for row in rows:
            if not self._groups[row]:
                self._cells[_cell(self._place[row])].remove(row)
                self._same.pop(row + 1)
                self.joined[row + 1] = rows[0] + 1

    def __getitem__(self, number: int) -> Damage:
        return _damage(number, [one for place in self.places(number) for one in self._groups[place - 1]])

    def add(self, sightings: list[Sighting]) -> list[int]:
        """Take a drive's sightings in; returns the number of the damage that each is."""
        if not sightings:
            return []
        self._frame = self._frame or LocalFrame(sightings[0].lon, sightings[0].lat)
        numbers = [0] * len(sightings)
        order = sorted(range(len(sightings)), key=lambda i: sightings[i].time_s)
        place = np.column_stack(
            self._frame.to_metres([one.lon for one in sightings], [one.lat for one in sightings])
        )
        for stretch in _stretches(order, sightings, place):
            told = self._add_stretch([sightings[i] for i in stretch], place[stretch])
            for index, number in zip(stretch, told, strict=True):
                numbers[index] = number
        return [self.final(number) for number in numbers]

    def final(self, number: int) -> int:
        """The damage that a number stands for today."""
        while number in self.joined or number in self._same:
            number = self.joined.get(number) or self._same[number]
        return number

    def _add_stretch(self, seen: list[Sighting], place: Floats) -> list[int]:
        """Take in sightings in order of time, no two of which are one damage."""
        self._stretches += 1
        near = self._near(place)
        own_m2, common_m2 = _variances(seen)
        moved, known_m2 = np.zeros((len(seen), 2)), common_m2
        pairs = self._pairs(seen, place, own_m2, common_m2, near)
        if len(pairs.sighting):
            time_s = np.array([one.time_s for one in seen])
            moved, known_m2 = shifts(time_s, common_m2, pairs)
        matched = self._matched(seen, place + moved, own_m2 + known_m2, near)
        self._offsets[seen[0].drive].append((place + moved, moved, known_m2))
        numbers = []
        for index, sighting in enumerate(seen):
            laid, own = place[index] + moved[index], float(own_m2[index])
            row, twice = matched.get(index), False
            if row is None:
                row, twice = self._unmatched(sighting, laid, own, list(matched.values()))
            self._groups[row].append(sighting)
            self._laid[row].append(
                Laid(float(laid[0]), float(laid[1]), own, float(known_m2[index]), self._stretches, twice)
            )
            self._passes[row].add(self._stretches)
            self._votes[row, sighting.class_id] += sighting.confidence
            if twice:
                self._doubles[row].add(len(self._groups[row]) - 1)
            else:
                self._move(row, laid, 1 / own)
            numbers.append(row + 1)
        self._part(numbers, matched)
        self._join(numbers)
        return numbers

    def _near(self, place: Floats) -> NDArray[np.intp]:
        """Rows of the damages around these places."""
        cells = {tuple(cell) for cell in np.floor(place / CELL_M).astype(int).tolist()}
        around = {(i + a, j + b) for i, j in cells for a in (-1, 0, 1) for b in (-1, 0, 1)}
        return np.array(sorted(row for cell in around for row in self._cells.get(cell, ())), np.intp)

    def _pairs(
        self, seen: list[Sighting], place: Floats, own_m2: Floats, common_m2: Floats, near: NDArray[np.intp]
    ) -> Pairs:
        reach_m = min(REACH_M, 3.0 * float(np.sqrt(2 * common_m2.max())) + 2.0)
        one, other = _within(place, self._place[near], reach_m)
        rows = near[other]
        price = self._prices(seen, one, rows)
        keep = price < NO_MATCH
        one, rows, price = one[keep], rows[keep], price[keep]
        return Pairs(
            sighting=one,
            damage=rows,
            apart_m=self._place[rows] - place[one],
            spread_m2=own_m2[one] + 1 / self._weight[rows],
            weight=np.exp(-price / 2),
        )

    def _prices(self, seen: list[Sighting], one: NDArray[np.intp], rows: NDArray[np.intp]) -> Floats:
        class_id = np.array([sighting.class_id for sighting in seen], np.intp)
        price = PRICES[class_id[one], self._votes[rows].argmax(1)]
        unsure = np.array([one.frames == 1 or one.class_share < SURE_SHARE for one in seen])[one]
        return np.asarray(np.where(unsure, np.minimum(price, MISREAD), price), float)

    def _matched(
        self, seen: list[Sighting], place: Floats, spread_m2: Floats, near: NDArray[np.intp]
    ) -> dict[int, int]:
        """Row of `seen` → row of the damage it is, for those that are one known already."""
        one, other = _within(place, self._place[near], REACH_M)
        rows = near[other]
        variance = spread_m2[one] + 1 / self._weight[rows]
        squared = ((self._place[rows] - place[one]) ** 2).sum(1) / variance + self._prices(seen, one, rows)
        # A pair against a damage nobody saw before, of which so many lie on a square metre of road.
        crowd = np.bincount(one, minlength=len(place))[one] / (2 * REACH_M * ROAD_WIDTH_M)
        gain = np.log(crowd * SHARE_NEW * 2 * np.pi * variance) + squared / 2
        good = (squared < GATE) & (gain < 0)
        return _assigned(one[good], rows[good], gain[good])

    def _new(self, place: Floats) -> int:
        row = len(self._groups)
        if row == len(self._place):
            self._place, self._votes, self._weight = (
                np.concatenate([column, np.zeros_like(column)])
                for column in (self._place, self._votes, self._weight)
            )
        self._groups.append([])
        self._laid.append([])
        self._passes.append(set())
        self._place[row], self._weight[row], self._votes[row] = place, 0.0, 0.0
        self._cells[_cell(place)].append(row)
        return row

    def _unmatched(
        self, sighting: Sighting, laid: Floats, own_m2: float, rows: list[int]
    ) -> tuple[int, bool]:
        """The row of a sighting that is none of those matched, and whether it is one of them (`rows`) again.

        A drive now and then loses a thing and takes it for another one. Where others saw one thing, two
        are believed when a second drive sees two in the same places.
        """
        near = np.array([row for row in rows if len(self._passes[row]) >= FEWEST_TO_PART - 1], np.intp)
        squared = ((self._place[near] - laid) ** 2).sum(1) / (own_m2 + 1 / self._weight[near])
        squared += self._prices([sighting], np.zeros(len(near), np.intp), near)
        if squared.min(initial=np.inf) > TWICE_GATE:
            return self._new(laid), False
        row = int(near[squared.argmin()])
        for index in self._doubles[row]:
            before = self._laid[row][index]
            apart_m2 = ((laid - [before.east_m, before.north_m]) ** 2).sum()
            if apart_m2 < TWICE_GATE / 2 * (own_m2 + before.own_m2):
                fresh = self._new(laid)
                self.split[fresh + 1] = row + 1
                self._hand_over(row, fresh, [index])
                return fresh, False
        return row, True

    def _move(self, row: int, place: Floats, weight: float) -> None:
        """Average one more place into a damage's."""
        before = _cell(self._place[row])
        self._weight[row] += weight
        self._place[row] += (place - self._place[row]) * weight / self._weight[row]
        after = _cell(self._place[row])
        if after != before:
            self._cells[before].remove(row)
            self._cells[after].append(row)

    def _join(self, numbers: list[int]) -> None:
        """Damages that no drive ever saw apart, and that lie on one another, are one: the older number."""
        rows = np.array([number - 1 for number in numbers], np.intp)
        near = self._near(self._place[rows])
        for one, other in zip(*_within(self._place[rows], self._place[near], JOIN_M), strict=True):
            young, old = max(rows[one], near[other]), min(rows[one], near[other])
            if young == old or young + 1 in self.joined or old + 1 in self.joined:
                continue
            if self._passes[young] & self._passes[old] or not self._may_join(old + 1, young + 1):
                continue
            variance = 1 / self._weight[young] + 1 / self._weight[old]
            squared = ((self._place[young] - self._place[old]) ** 2).sum() / variance
            price = PRICES[self._votes[young].argmax(), self._votes[old].argmax()]
            if squared + price < JOIN_GATE:
                self._put_together(int(old), int(young))

    def _may_join(self, one: int, other: int) -> bool:
        """Whether no person's decision stands against it."""
        both_decided = one in self.decided and other in self.decided
        return not both_decided and frozenset((one, other)) not in self._apart

    def _part(self, numbers: list[int], matched: dict[int, int]) -> None:
        """Where a drive saw two things and one was known, what the one was made of is shared out anew.

        `matched` are the places in `numbers` of those that were known. A sighting goes to the new damage
        where that is the likelier by `PART_LEAD`.
        """
        known = set(matched.values())
        for row in {number - 1 for number in numbers} - known:
            for old in self._near(self._place[[row]]).tolist():
                if old not in known or old + 1 in self.decided:
                    continue
                laid = np.array(self._laid[old])
                here, there = np.array(self._laid[row][-1]), laid[-1]
                if len(laid) < FEWEST_TO_PART or np.hypot(*(here - there)[:2]) > PART_M:
                    continue
                far, near = (
                    ((laid[:, :2] - one[:2]) ** 2).sum(1) / (laid[:, 2] + one[2]) for one in (there, here)
                )
                classes = [one.class_id for one in self._groups[old]]
                prices = PRICES[classes][:, [self._groups[old][-1].class_id, self._groups[row][-1].class_id]]
                lead = far + prices[:, 0] - near - prices[:, 1]
                going = np.flatnonzero(lead[:-1] > PART_LEAD).tolist()
                if going:
                    self.split[row + 1] = old + 1
                    self._hand_over(old, row, going)

    def _hand_over(self, giver: int, taker: int, which: list[int]) -> None:
        """Give sightings of one damage (their places in its list) to another."""
        group, places = self._groups[giver], self._laid[giver]
        for index in which:
            self._groups[taker].append(group[index])
            self._laid[taker].append(places[index])
        keep = [index for index in range(len(group)) if index not in set(which)]
        self._groups[giver], self._laid[giver] = [group[i] for i in keep], [places[i] for i in keep]
        self._doubles.pop(giver, None)
        for row in (giver, taker):
            self._weight[row], self._votes[row] = 0.0, 0.0
            for sighting, laid in zip(self._groups[row], self._laid[row], strict=True):
                self._votes[row, sighting.class_id] += sighting.confidence
                self._move(row, np.array([laid.east_m, laid.north_m]), 1 / laid.own_m2)

    def _put_together(self, old: int, young: int) -> None:
        if young + 1 in self.decided and old + 1 not in self.decided:
            old, young = young, old  # the number that a person knows stays
        self.joined[young + 1] = old + 1
        self._cells[_cell(self._place[young])].remove(young)
        self._groups[old].extend(self._groups[young])
        self._laid[old].extend(self._laid[young])
        self._passes[old] |= self._passes[young]
        self._votes[old] += self._votes[young]
        self._move(old, self._place[young], float(self._weight[young]))


def _cell(place: Floats) -> tuple[int, int]:
    return math.floor(place[0] / CELL_M), math.floor(place[1] / CELL_M)


def _stretches(order: list[int], sightings: list[Sighting], place: Floats) -> Iterator[list[int]]:
    """A drive's sightings in order of time, cut where it comes back to a place it has been."""
    stretch: list[int] = []
    been: dict[tuple[int, int], float] = {}
    for index in order:
        cell, time_s = _cell(place[index]), sightings[index].time_s
        around = [(cell[0] + a, cell[1] + b) for a in (-1, 0, 1) for b in (-1, 0, 1)]
        if any(time_s - been.get(one, time_s) > AGAIN_S for one in around):
            yield stretch
            stretch, been = [], {}
        stretch.append(index)
        been.setdefault(cell, time_s)
    if stretch:
        yield stretch


def own_variance(seen: Sighting) -> float:
    """Variance of one axis of a sighting's own error, without what its neighbours share, m²."""
    return max(float(np.trace(seen.covariance_m2)) / 2 - seen.common_sd_m**2, LEAST_OWN_M**2)


def _variances(seen: list[Sighting]) -> tuple[Floats, Floats]:
    """Variance of one axis (n,) of each sighting's own error, and of what its neighbours share."""
    return np.array([own_variance(one) for one in seen]), np.array([one.common_sd_m**2 for one in seen])


def _within(one: Floats, other: Floats, reach_m: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows of all pairs of places that lie within reach of one another."""
    if not len(one) or not len(other):
        return np.empty(0, np.intp), np.empty(0, np.intp)
    found = cKDTree(one).sparse_distance_matrix(cKDTree(other), reach_m, output_type="coo_matrix")
    return found.row.astype(np.intp), found.col.astype(np.intp)


def _assigned(one: NDArray[np.intp], rows: NDArray[np.intp], gain: Floats) -> dict[int, int]:
    """The pairs that together gain most (are least), each side in one pair at most (Kuhn 1955)."""
    if not len(one):
        return {}
    damages, other = np.unique(rows, return_inverse=True)
    count = int(one.max()) + 1
    graph = coo_array((np.ones(len(one)), (one, count + other)), shape=(count + len(damages),) * 2)
    _, part = connected_components(graph, directed=False)
    matched = {}
    for pairs in _grouped(part[one]):
        left, i = np.unique(one[pairs], return_inverse=True)
        right, j = np.unique(other[pairs], return_inverse=True)
        cost = np.zeros((len(left), len(right)))
        cost[i, j] = gain[pairs]
        for a, b in zip(*linear_sum_assignment(cost), strict=True):
            if cost[a, b] < 0:
                matched[int(left[a])] = int(damages[right[b]])
    return matched


def _grouped(labels: NDArray[np.int32]) -> list[NDArray[np.intp]]:
    order = np.argsort(labels, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)


def _class_id(group: list[Sighting]) -> int:
    votes = np.zeros(len(CLASSES))
    for sighting in group:
        votes[sighting.class_id] += sighting.confidence
    return int(votes.argmax())


def _fuse(group: list[Sighting]) -> tuple[float, float, NDArray[np.float64]]:
    """Position and covariance of the group: its sightings weighted by their precision."""
    precision = [np.linalg.inv(np.array(s.covariance_m2)) for s in group]
    covariance = np.linalg.inv(np.sum(precision, axis=0))
    share = np.array([np.trace(covariance @ p) / 2 for p in precision])
    lonlat = share @ np.array([[s.lon, s.lat] for s in group]) / share.sum()
    return float(lonlat[0]), float(lonlat[1]), covariance


def _covers_m2(class_id: int, seen: Sighting) -> float:
    """The area that severity goes by: as told, else what such a damage covers of its box."""
    boxed_m2 = area_from_box(class_id, np.array([seen.length_m, seen.width_m]))
    return seen.area_m2 if seen.area_m2 is not None else boxed_m2 or 0.0


def severity_of(class_id: int, group: Sequence[Sighting]) -> int:
    """The severity that most of these sightings give a damage of this class."""
    return int(np.median([severity(class_id, s.length_m, s.width_m, _covers_m2(class_id, s)) for s in group]))


def _damage(number: int, group: list[Sighting]) -> Damage:
    lon, lat, covariance = _fuse(group)
    class_id = _class_id(group)
    return Damage(
        number=number,
        class_id=class_id,
        severity=severity_of(class_id, group),
        confidence=max(s.confidence for s in group),
        lon=lon,
        lat=lat,
        covariance_m2=covariance,
        sightings=tuple(group),
    )
