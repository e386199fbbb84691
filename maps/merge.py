"""Damages: the sightings of all drives, each damage counted once.

Drive by drive: first the drive is laid onto the damages known where it went (`maps.alignment`), as its
positions are wrong by metres but wrong alike; then its sightings are matched with them (`maps.matching`), all at once,
where their remaining distance is likely under both errors, their classes can be one thing, and that is
likelier than a damage nobody saw before. A drive that comes back to a place is matched with itself too.
Adding a drive touches only its surroundings. The order in which drives are taken in matters little: over ten
orders of four drives the number of damages differs by 3 % at most (`benchmarks.truth --only orders`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from detector.sightings import Sighting
from detector.trajectory import LocalFrame
from maps.damage import Damage, damage_of
from maps.damage_numbers import DamageNumbers
from maps.known_places import KnownPlaces
from maps.laid_sightings import Laid
from maps.offsets import Offsets
from maps.stretches import Merging, stretches_of

Floats = NDArray[np.float64]


def merge(drives: Iterable[list[Sighting]]) -> list[Damage]:
    """The damages behind the sightings of several drives, numbered from 1 in order of finding."""
    known = Damages()
    for sightings in drives:
        known.add(sightings)
    return known.all()


class Damages:
    """All damages known, kept so that a drive can be added by touching only its surroundings.

    `numbers` tells what became of the numbers that they were given, and `offsets` by how much drives were moved.
    What a person joined (`numbers.join`) keeps the place where drives see it, and counts as the other one:
    however often drives see something in both places, it is one damage.
    """

    def __init__(self) -> None:
        self.numbers, self.offsets = DamageNumbers(), Offsets()
        self._known = KnownPlaces()
        self._merging = Merging(self._known, self.numbers, self.offsets)
        self._frame: LocalFrame | None = None
        self._stretches = 0

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
            row = known._known.new(np.array([first.east_m, first.north_m]))
            for sighting, laid in group:
                known._known.put(row, sighting, laid)
                east_m, north_m = (float(part) for part in frame.to_metres(sighting.lon, sighting.lat))
                moved = laid.east_m - east_m, laid.north_m - north_m
                offsets[sighting.drive].append((laid.east_m, laid.north_m, *moved, laid.known_m2))
        for drive, rows in offsets.items():
            told = np.array(rows)
            known.offsets.add(drive, told[:, :2], told[:, 2:4], told[:, 4])
        return known

    def kept(self, number: int) -> list[tuple[Sighting, Laid]]:
        """The sightings at a damage's own place, each with where it was laid: what `restored` takes."""
        row = number - 1
        again = self._known.doubles.get(row, set())
        return [
            (sighting, laid._replace(again=index in again))
            for index, (sighting, laid) in enumerate(
                zip(self._known.groups[row], self._known.laid[row], strict=True)
            )
        ]

    def __len__(self) -> int:
        return len(self._known) - len(self.numbers.gone)

    def all(self) -> list[Damage]:
        """Every damage, by number."""
        gone = self.numbers.gone
        return [self[number] for number in range(1, len(self._known) + 1) if number not in gone]

    @property
    def frame(self) -> LocalFrame:
        """The metric frame of all places. Raises LookupError as long as there is no damage."""
        if self._frame is None:
            raise LookupError("no damage is known yet")
        return self._frame

    def laid(self, number: int) -> Floats:
        """Where a damage lies to its neighbours, (2,) metres in `frame`, every drive laid onto the others."""
        rows = np.array(self.numbers.places(self.numbers.final(number))) - 1
        return np.average(self._known.place[rows], axis=0, weights=self._known.weight[rows])

    def keep_apart(self, number: int, sightings: Collection[int]) -> int:
        """Make these sightings of a damage (their places in its list) one of its own, as a person decided.

        Returns its number. The two are never joined again. Raises ValueError where nothing would be left
        on one side.
        """
        rows = [place - 1 for place in self.numbers.places(self.numbers.final(number))]
        known = [(row, index) for row in rows for index in range(len(self._known.groups[row]))]
        chosen = sorted(set(sightings) & set(range(len(known))))
        if not 0 < len(chosen) < len(known):
            raise ValueError(f"{len(chosen)} of {len(known)} sightings can't be a damage of their own")
        first, index = known[chosen[0]]
        fresh = self._known.new(np.array(self._known.laid[first][index][:2]))
        for row in rows:
            going = [known[one][1] for one in chosen if known[one][0] == row]
            if going:
                self._known.hand_over(row, fresh, going)
        self._fill(rows)
        self.numbers.never_join(rows[0] + 1, fresh + 1)
        self.numbers.decided |= {rows[0] + 1, fresh + 1}
        return fresh + 1

    def _fill(self, rows: list[int]) -> None:
        """See that of the places of one damage the first has sightings, and that those without are found no more."""
        if not self._known.groups[rows[0]]:
            other = next(row for row in rows if self._known.groups[row])
            self._known.hand_over(other, rows[0], list(range(len(self._known.groups[other]))))
        for row in rows:
            if not self._known.groups[row]:
                self._known.forget(row)
                self.numbers.same.pop(row + 1)
                self.numbers.joined[row + 1] = rows[0] + 1

    def __getitem__(self, number: int) -> Damage:
        return damage_of(
            number, [one for place in self.numbers.places(number) for one in self._known.groups[place - 1]]
        )

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
        for stretch in stretches_of(order, sightings, place):
            self._stretches += 1
            told = self._merging.take_in([sightings[i] for i in stretch], place[stretch], self._stretches)
            for index, number in zip(stretch, told, strict=True):
                numbers[index] = number
        return [self.numbers.final(number) for number in numbers]

    def add_beside(self, sightings: list[Sighting], stretches: Sequence[int | None]) -> list[int]:
        """Take in more sightings of a drive of which some are known; each is of this stretch of it (None: of a new one).

        Returns the number of the damage that each is: none of those that the drive saw in the same stretch already.
        """
        numbers = [0] * len(sightings)
        for stretch in sorted({one for one in stretches if one is not None}):
            rows = [index for index, one in enumerate(stretches) if one == stretch]
            rows.sort(key=lambda index: sightings[index].time_s)
            seen = [sightings[index] for index in rows]
            place = np.column_stack(
                self.frame.to_metres([one.lon for one in seen], [one.lat for one in seen])
            )
            for index, number in zip(
                rows, self._merging.take_in(seen, place, stretch, beside=True), strict=True
            ):
                numbers[index] = number
        rest = [index for index, one in enumerate(stretches) if one is None]
        for index, number in zip(rest, self.add([sightings[index] for index in rest]), strict=True):
            numbers[index] = number
        return [self.numbers.final(number) for number in numbers]
