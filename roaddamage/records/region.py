"""A region: what is known of the damages around a drive's way, or around places, restored to be merged with.

It is restored as it was left. So what a drive costs goes by its length and not by the city's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import shapely
from django.db.models import Max

from detector.sightings import Sighting
from detector.trajectory import LocalFrame
from maps.coverage import Way
from maps.laid_sightings import Laid, own_variance
from maps.merge import Damages
from maps.tiles import viewport_ranges
from roaddamage.records import models
from roaddamage.records.boxes import boxes_along
from roaddamage.records.pieces import ways_around
from roaddamage.records.placing import roads_now
from roaddamage.records.portions import portions
from roaddamage.records.rows import laid_of, sighting_of

HALO_M = 120.0
"""So far from a drive's way what is known has a say in where its sightings belong."""
RANGES = 12


class Region:
    """The damages around a drive's way, or around places, as rows and as `Damages`.

    `rows` are theirs by their numbers in the latter, from 1; among them those of damages that a person joined with
    others, as places of these.
    """

    def __init__(
        self, lines: Sequence[np.ndarray], drive: models.Drive | None = None, way: Way | None = None
    ) -> None:
        self.drive = drive
        self.frame = frame = LocalFrame(*(float(part) for part in lines[0][0]))
        metric = [np.column_stack(frame.to_metres(*line.T)) for line in lines]
        self.path = shapely.MultiLineString(
            [part if len(part) > 1 else np.repeat(part, 2, 0) for part in metric]
        )
        self.boxes = boxes_along(lines, HALO_M)
        self.rows: dict[int, models.Damage] = {}
        self.fresh: set[int] = set()
        self.sighting_rows: dict[int, models.Sighting] = {}
        """By `id` of the sighting that a row was read as, or is made of."""
        self.roads = roads_now()
        self.on_roads: dict[int, str] = {}
        """The roads on which each drive was placed."""
        if drive:
            drive.roads = self.on_roads[drive.pk] = self.roads.digest if self.roads else ""
        self.known = self._restored(self._near())
        self.key_before = {row.pk: row.tile_key for row in self.rows.values()}
        self.ways = [*ways_around(self.boxes, drive), *([way] if way else [])]

    @classmethod
    def around(cls, rows: Sequence[models.Damage]) -> Region:
        """What lies around these damages, whose rows are read anew."""
        return cls([np.array([[row.lon, row.lat] for row in rows])])

    def number(self, key: int) -> int:
        """The number in `known` of a damage by its key. Raises LookupError where it does not lie here with a sighting."""
        found = [number for number, row in self.rows.items() if row.pk == key]
        if not found:
            raise LookupError(key)
        return found[0]

    def add(self, sightings: Sequence[Sighting], stretches: Sequence[int | None] | None = None) -> set[int]:
        """Merge the drive's sightings in; the numbers of the damages that they are.

        `stretches` where some of the drive's are known: that of each of these (None: a new one).
        """
        before = len(self.rows)
        if stretches is None:
            numbers = self.known.add(list(sightings))
        else:
            numbers = self.known.add_beside(list(sightings), stretches)
        self.fresh = {number for number in set(numbers) if number > before}
        return set(numbers)

    def fresh_keys(self) -> frozenset[int]:
        """The keys of the damages that nobody had seen before, once they are written."""
        return frozenset(row.pk for number, row in self.rows.items() if number in self.fresh)

    def kept(self, number: int) -> list[tuple[int, Sighting, Laid]]:
        """A damage's sightings, each with the number of the place where it is known, and where it was laid."""
        return [
            (place, *kept) for place in self.known.numbers.places(number) for kept in self.known.kept(place)
        ]

    def _near(self) -> list[models.Damage]:
        found: dict[int, models.Damage] = {}
        for west, south, east, north in self.boxes:
            # A query for each range: SQLite would look through all damages for many at once.
            for low, high in viewport_ranges(west, south, east, north, RANGES):
                for shown in (True, False):  # each has its index
                    rows = models.Damage.objects.filter(tile_key__gte=low, tile_key__lt=high, shown=shown)
                    found |= {row.pk: row for row in rows if row.joined_into_id is None}
        known = [found[pk] for pk in sorted(found)]
        if not known:
            return known
        place = np.column_stack(self.frame.to_metres([row.lon for row in known], [row.lat for row in known]))
        near = shapely.distance(self.path, shapely.points(place)) <= HALO_M
        return [row for row, one in zip(known, near.tolist(), strict=True) if one]

    def _restored(self, near: Sequence[models.Damage]) -> Damages:
        groups = self._groups(near)
        found = [row for row in near if row.pk in groups]
        own: list[list[models.Sighting]] = []
        joined: list[tuple[models.Damage, int, list[models.Sighting]]] = []
        for row in found:
            (_, first), *others = sorted(groups[row.pk].items())
            own.append(first)
            joined += [(row, seen_as, group) for seen_as, group in others]
        places = models.Damage.objects.in_bulk([seen_as for _, seen_as, _ in joined])
        self.rows = dict(enumerate([*found, *(places[seen_as] for _, seen_as, _ in joined)], 1))
        stretches = models.Sighting.objects.aggregate(most=Max("stretch"))["most"] or 0
        told = [self._laid(group) for group in (*own, *(group for _, _, group in joined))]
        known = Damages.restored(self.frame, told, stretches)
        number = {row.pk: index for index, row in self.rows.items()}
        proposed = (models.Damage.State.proposed, models.Damage.State.gone)
        known.numbers.decided = {number[row.pk] for row in found if row.version or row.state not in proposed}
        for row, seen_as, _ in joined:
            known.numbers.join(number[row.pk], number[seen_as])
        for some in portions(list(number)):
            for pair in models.Apart.objects.filter(one__in=some):
                if pair.other_id in number:
                    known.numbers.never_join(number[pair.one_id], number[pair.other_id])
        return known

    def _groups(self, near: Sequence[models.Damage]) -> dict[int, dict[int, list[models.Sighting]]]:
        """Sightings by damage, and by that which they were seen as before a person joined the two (0: itself)."""
        groups: dict[int, dict[int, list[models.Sighting]]] = defaultdict(lambda: defaultdict(list))
        for some in portions([row.pk for row in near]):
            for seen in models.Sighting.objects.filter(damage__in=some).order_by("pk"):
                groups[seen.damage_id][seen.seen_as_id or 0].append(seen)
        drives = {seen.drive_id for one in groups.values() for group in one.values() for seen in group}
        told = models.Drive.objects.filter(pk__in=drives).values_list("pk", "name", "roads")
        self.names = {number: name for number, name, _ in told}
        self.on_roads |= {number: roads for number, _, roads in told}
        return groups

    def _laid(self, group: Sequence[models.Sighting]) -> list[tuple[Sighting, Laid]]:
        told = []
        for seen in group:
            sighting = sighting_of(seen, self.names[seen.drive_id])
            self.sighting_rows[id(sighting)] = seen
            told.append((sighting, laid_of(seen, self.frame, own_variance(sighting))))
        return told
