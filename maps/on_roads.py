"""Damages on the roads: on which line, in which direction's lane and how far along each one lies, as columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from detector.sightings import Sighting
from maps.damage import Damage
from maps.network import Network
from maps.snapping import NO_ROAD, Track, snap

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SIZES = ("length_m", "length_sd_m", "width_m", "width_sd_m", "area_m2")


@dataclass(frozen=True)
class OnRoads:
    """Damages, (n,) each; `row` is the place of each in the list that they were made from.

    `across_m` is how far left of its lane's middle a damage lies, seen in `direction`; `place_sd_m` the standard
    error of one axis of its place. `area_m2` is NaN for single cracks. `weight` is the probability that it is there.
    """

    row: Ints
    line: Ints
    direction: Ints
    at_m: Floats
    across_m: Floats
    place_sd_m: Floats
    class_id: Ints
    severity: Ints
    length_m: Floats
    length_sd_m: Floats
    width_m: Floats
    width_sd_m: Floats
    area_m2: Floats
    weight: Floats

    def __len__(self) -> int:
        return len(self.row)

    def __getitem__(self, which: NDArray[np.bool_] | Ints) -> OnRoads:
        return OnRoads(*(getattr(self, name)[which] for name in self.__dataclass_fields__))


def on_roads(
    network: Network, damages: Sequence[Damage], tracks: Mapping[str, Track], *, keep_left: bool
) -> OnRoads:
    """The damages as their drives' tracks place them: each of its sightings by its own drive.

    What most of its sightings say is its line and direction. `line` is `NO_ROAD` for those that fit no road.
    """
    sightings = list(chain.from_iterable(one.sightings for one in damages))
    of = np.repeat(np.arange(len(damages)), [len(one.sightings) for one in damages])
    lonlat = np.array([(one.lon, one.lat) for one in sightings], float).reshape(-1, 2)
    place = np.column_stack(network.frame.to_metres(*lonlat.T))
    heading = np.radians([one.heading_deg for one in sightings])
    drive = np.array([one.drive for one in sightings], object)
    line, direction = np.full(len(of), NO_ROAD, np.int64), np.zeros(len(of), np.int64)
    at, across = np.full(len(of), np.nan), np.full(len(of), np.nan)
    for name, track in tracks.items():
        mine = np.flatnonzero(drive == name)
        told = snap(network, track, place[mine], heading[mine], keep_left)
        line[mine], direction[mine], at[mine], across[mine] = (
            told.line, told.direction, told.at_m, told.across_m
        )  # fmt: skip
    chosen, means = agreed(of, line, direction, (at, across), len(damages))
    covariance = np.array([one.covariance_m2 for one in damages], float).reshape(-1, 2, 2)
    sizes = _mean_sizes(sightings, of, np.array([one.class_id for one in damages], np.int64))
    return OnRoads(
        row=np.arange(len(damages)),
        line=chosen[:, 0],
        direction=chosen[:, 1],
        at_m=means[0],
        across_m=means[1],
        place_sd_m=np.sqrt(np.trace(covariance, axis1=1, axis2=2) / 2),
        class_id=np.array([one.class_id for one in damages], np.int64),
        severity=np.array([one.severity for one in damages], np.int64),
        **sizes,
        weight=np.array([one.likely for one in damages], float),
    )


def _mean_sizes(sightings: Sequence[Sighting], of: Ints, class_id: Ints) -> dict[str, Floats]:
    """The mean of each size over a damage's sightings of its class, (damages,); NaN where none tells it.

    Where a person gave a class that no drive saw, all its sightings tell.

    Errors are means too: what is wrong with a vehicle's camera is wrong in all that it measures.
    """
    mine = np.array([one.class_id for one in sightings], np.int64) == class_id[of]
    mine |= ~np.isin(of, of[mine])
    told = {}
    for name in SIZES:
        values = np.array([getattr(one, name) for one in sightings], float)
        known = mine & np.isfinite(values)
        count = np.bincount(of[known], minlength=len(class_id)).astype(float)
        sums = np.bincount(of[known], values[known], minlength=len(class_id))
        told[name] = np.divide(sums, count, out=np.full(len(class_id), np.nan), where=count > 0)
    return told


def agreed(
    of: Ints, line: Ints, direction: Ints, columns: Sequence[Floats], count: int
) -> tuple[Ints, list[Floats]]:
    """What most sightings of each of `count` damages say: line and direction (count, 2), `NO_ROAD` where none has one.

    With it the means of these columns over the sightings that say so. `of` is the damage that each sighting is of.
    """
    chosen = np.column_stack([np.full(count, NO_ROAD, np.int64), np.zeros(count, np.int64)])
    rows = np.column_stack([of, line, direction])[line != NO_ROAD]
    if len(rows):
        kinds, votes = np.unique(rows, axis=0, return_counts=True)
        order = np.argsort(votes, kind="stable")  # the last one written stays
        chosen[kinds[order, 0]] = kinds[order, 1:]
    agree = (line == chosen[of, 0]) & (direction == chosen[of, 1]) & (line != NO_ROAD)
    each = np.maximum(np.bincount(of[agree], minlength=count), 1)
    return chosen, [np.bincount(of[agree], column[agree], minlength=count) / each for column in columns]
