"""Known places: where drives see damages, found by where they lie."""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from detector.classes import CLASSES
from detector.sightings import Sighting
from maps.laid_sightings import Laid

Floats = NDArray[np.float64]

CELL_M = 32.0


class KnownPlaces:
    """A row for each place where drives see a damage: its sightings, and what they say together.

    `place` (rows, 2) is where it lies to its neighbours, metres, each drive laid onto the others, `weight` one by its
    variance, `votes` (rows, classes) what its sightings are; all three have room for rows to come.
    """

    def __init__(self) -> None:
        self.groups: list[list[Sighting]] = []
        self.laid: list[list[Laid]] = []
        """Beside each sighting of a group: where it was laid."""
        self.doubles: defaultdict[int, set[int]] = defaultdict(set)
        """Places in a group of sightings whose drive saw the damage elsewhere too."""
        self.passes: list[set[int]] = []
        self.votes = np.zeros((64, len(CLASSES)))
        self.place = np.zeros((64, 2))
        self.weight = np.zeros(64)
        self._cells: defaultdict[tuple[int, int], list[int]] = defaultdict(list)

    def __len__(self) -> int:
        return len(self.groups)

    def new(self, place: Floats) -> int:
        """A row for a damage that begins here, without a sighting yet."""
        row = len(self.groups)
        if row == len(self.place):
            self.place, self.votes, self.weight = (
                np.concatenate([column, np.zeros_like(column)])
                for column in (self.place, self.votes, self.weight)
            )
        self.groups.append([])
        self.laid.append([])
        self.passes.append(set())
        self.place[row], self.weight[row], self.votes[row] = place, 0.0, 0.0
        self._cells[cell_of(place)].append(row)
        return row

    def put(self, row: int, sighting: Sighting, laid: Laid) -> None:
        """Add a sighting to a row."""
        self.groups[row].append(sighting)
        self.laid[row].append(laid)
        self.passes[row].add(laid.stretch)
        self.votes[row, sighting.class_id] += sighting.confidence
        if laid.again:
            self.doubles[row].add(len(self.groups[row]) - 1)
        else:
            self.move(row, np.array([laid.east_m, laid.north_m]), 1 / laid.own_m2)

    def near(self, place: Floats) -> NDArray[np.intp]:
        """Rows of the damages around these places."""
        cells = {tuple(cell) for cell in np.floor(place / CELL_M).astype(int).tolist()}
        around = {(i + a, j + b) for i, j in cells for a in (-1, 0, 1) for b in (-1, 0, 1)}
        return np.array(sorted(row for cell in around for row in self._cells.get(cell, ())), np.intp)

    def move(self, row: int, place: Floats, weight: float) -> None:
        """Average one more place into a damage's."""
        before = cell_of(self.place[row])
        self.weight[row] += weight
        self.place[row] += (place - self.place[row]) * weight / self.weight[row]
        after = cell_of(self.place[row])
        if after != before:
            self._cells[before].remove(row)
            self._cells[after].append(row)

    def hand_over(self, giver: int, taker: int, which: list[int]) -> None:
        """Give sightings of one damage (their places in its list) to another."""
        group, places = self.groups[giver], self.laid[giver]
        for index in which:
            self.groups[taker].append(group[index])
            self.laid[taker].append(places[index])
        keep = [index for index in range(len(group)) if index not in set(which)]
        self.groups[giver], self.laid[giver] = [group[i] for i in keep], [places[i] for i in keep]
        self.doubles.pop(giver, None)
        for row in (giver, taker):
            self.weight[row], self.votes[row] = 0.0, 0.0
            for sighting, laid in zip(self.groups[row], self.laid[row], strict=True):
                self.votes[row, sighting.class_id] += sighting.confidence
                self.move(row, np.array([laid.east_m, laid.north_m]), 1 / laid.own_m2)

    def put_together(self, old: int, young: int) -> None:
        """Give all of one row to another."""
        self.forget(young)
        self.groups[old].extend(self.groups[young])
        self.laid[old].extend(self.laid[young])
        self.passes[old] |= self.passes[young]
        self.votes[old] += self.votes[young]
        self.move(old, self.place[young], float(self.weight[young]))

    def forget(self, row: int) -> None:
        """See that a row is found no more."""
        self._cells[cell_of(self.place[row])].remove(row)


def cell_of(place: Floats) -> tuple[int, int]:
    """The cell of `CELL_M` that a place (2,) lies in."""
    return math.floor(place[0] / CELL_M), math.floor(place[1] / CELL_M)
