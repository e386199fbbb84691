"""Counting: a drive's sightings taken into the records, each damage counted once, and what its passes say.

Merging happens in memory, by `maps.merge`, over the damages around the drive's way alone: they are restored as they were
left, the drive is added, and what changed is written back. So a drive's cost goes by its length and not by the city's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from django.db.models import Count, Max, Q

from detector.classes import CLASSES, SEVERITIES
from detector.sightings import Sighting
from detector.trajectory import LocalFrame
from detector.visibility import Light
from maps.coverage import Way
from maps.damage import Damage
from maps.merge import Damages, own_variance
from maps.passes import LIGHTS, Pass, Recall, between, missed, recall_of, surveyed
from maps.tiles import viewport_ranges
from roaddamage.records import cells, models
from roaddamage.records.priorities import put_priorities
from roaddamage.records.rows import fill_damage, laid_of, put_laid, settle, sighting_of, sighting_row, way_of

HALO_M = 120.0
"""So far from a drive's way what is known has a say in where its sightings belong."""
INNER_M = 45.0
"""So far from its way a drive can change what is said of a damage."""
CHUNK_M = 400.0
RANGES = 12
SOME = 500
DEGREE_M = 111_000.0


@dataclass(frozen=True)
class Counted:
    """What came of a drive: damages that it saw, and how many of them nobody had seen before."""

    found: int
    new: int


def count_in(drive: models.Drive, way: Way, sightings: Sequence[Sighting]) -> Counted:
    """Take a drive's sightings into the records; to be called within a transaction, once for a drive."""
    lines = [line for line in way.lines if len(line)]
    if not lines:
        return Counted(0, 0)
    frame = LocalFrame(*(float(part) for part in lines[0][0]))
    region = _Region(drive, way, frame)
    touched = region.add(sightings)
    told = surveyed(region.known, region.ways, _recall())
    changed = region.write(told.damages, told.passes, told.recall, touched)
    put_priorities(changed)
    cells.refresh([row.tile_key for row in changed] + region.keys_before)
    return Counted(len(touched), len(region.fresh))


class _Region:
    """The damages around a drive's way, as rows and as `Damages`; `numbers` are theirs in the latter, from 1."""

    def __init__(self, drive: models.Drive, way: Way, frame: LocalFrame) -> None:
        self.drive, self.frame = drive, frame
        metric = [np.column_stack(frame.to_metres(*line.T)) for line in way.lines if len(line)]
        self.path = shapely.multilinestrings(
            [part if len(part) > 1 else np.repeat(part, 2, 0) for part in metric]
        )
        self.rows = self._near(way)
        self.keys_before = [row.tile_key for row in self.rows]
        self.fresh: set[int] = set()
        self.sighting_rows: dict[int, models.Sighting] = {}
        """By `id` of the sighting that a row was read as."""
        self.known = self._restored()
        self.ways = [*self._other_ways(), way]

    def _near(self, way: Way) -> list[models.Damage]:
        found: dict[int, models.Damage] = {}
        for west, south, east, north in _boxes(way):
            within = Q()
            for low, high in viewport_ranges(west, south, east, north, RANGES):
                within |= Q(tile_key__gte=low, tile_key__lt=high)
            if within:
                rows = models.Damage.objects.filter(within, joined_into__isnull=True)
                found |= {row.pk: row for row in rows}
        known = [found[pk] for pk in sorted(found)]
        if not known:
            return known
        place = np.column_stack(self.frame.to_metres([row.lon for row in known], [row.lat for row in known]))
        near = shapely.distance(self.path, shapely.points(place)) <= HALO_M
        return [row for row, one in zip(known, near.tolist(), strict=True) if one]

    def _restored(self) -> Damages:
        names: dict[int, str] = {}
        groups: dict[int, list[models.Sighting]] = defaultdict(list)
        for some in _some([row.pk for row in self.rows]):
            for seen in (
                models.Sighting.objects.filter(damage__in=some).select_related("drive").order_by("pk")
            ):
                names[seen.drive_id] = seen.drive.name
                groups[seen.damage_id].append(seen)
        self.rows = [row for row in self.rows if groups[row.pk]]
        told = []
        for row in self.rows:
            group = []
            for seen in groups[row.pk]:
                sighting = sighting_of(seen, names[seen.drive_id])
                self.sighting_rows[id(sighting)] = seen
                group.append((sighting, laid_of(seen, self.frame, own_variance(sighting))))
            told.append(group)
        stretches = models.Sighting.objects.aggregate(most=Max("stretch"))["most"] or 0
        known = Damages.restored(self.frame, told, stretches)
        number = {row.pk: index for index, row in enumerate(self.rows, 1)}
        proposed = (models.Damage.State.proposed, models.Damage.State.gone)
        known.decided = {number[row.pk] for row in self.rows if row.version or row.state not in proposed}
        for some in _some(list(number)):
            for pair in models.Apart.objects.filter(one__in=some):
                if pair.other_id in number:
                    known.never_join(number[pair.one_id], number[pair.other_id])
        return known

    def _other_ways(self) -> list[Way]:
        west, south, east, north = shapely.total_bounds(
            shapely.multipoints([(row.lon, row.lat) for row in self.rows] or [(0.0, 0.0)])
        )
        around = models.Drive.objects.filter(
            state=models.Drive.State.done, west__lte=east, east__gte=west, south__lte=north, north__gte=south
        ).exclude(pk=self.drive.pk)
        return [way_of(drive) for drive in around.order_by("begin", "pk")] if self.rows else []

    def add(self, sightings: Sequence[Sighting]) -> set[int]:
        """Merge the drive's sightings in; the numbers of the damages that they are."""
        before = len(self.rows)
        numbers = self.known.add(list(sightings))
        self.fresh = {number for number in set(numbers) if number > before}
        return set(numbers)

    def write(
        self, damages: Sequence[Damage], told: dict[int, list[Pass]], recall: Recall, touched: set[int]
    ) -> list[models.Damage]:
        """Write what changed near the way, with the passes; the rows that did."""
        place = [(damage.lon, damage.lat) for damage in damages]
        apart = (
            shapely.distance(
                self.path, shapely.points(np.column_stack(self.frame.to_metres(*np.array(place).T)))
            )
            if place
            else []
        )
        by_number = dict(enumerate(self.rows, 1))
        changed: list[models.Damage] = []
        for damage, apart_m in zip(damages, apart, strict=True):
            if damage.number not in touched and damage.number in by_number and apart_m > INNER_M:
                continue
            row = by_number.get(damage.number) or models.Damage()
            fill_damage(row, damage)
            row.best = None if row.pk is None else row.best
            row.save()
            by_number[damage.number] = row
            self._write_sightings(row, damage)
            self._write_passes(row, damage, told[damage.number], recall)
            changed.append(row)
        for young, old in self.known.joined.items():
            self._join(by_number, young, self.known.final(old))
        return changed

    def _write_sightings(self, row: models.Damage, damage: Damage) -> None:
        best = damage.best
        for sighting, laid in self.known.kept(damage.number):
            seen = self.sighting_rows.get(id(sighting)) or sighting_row(sighting, self.drive, row)
            seen.damage = row
            put_laid(seen, laid, self.frame)
            seen.save()
            if sighting is best:
                row.best = seen
        row.save(update_fields=["best"])

    def _write_passes(self, row: models.Damage, damage: Damage, told: Sequence[Pass], recall: Recall) -> None:
        drives = dict(
            models.Drive.objects.filter(name__in=[one.drive for one in told]).values_list("name", "pk")
        )
        surely = {id(one) for one in between(told)}
        detectable = {one.drive: one.detectable for one in missed(damage, told, recall)}
        models.Passage.objects.filter(damage=row).delete()
        models.Passage.objects.bulk_create([
            models.Passage(
                drive_id=drives[one.drive], damage=row, utc_s=one.utc_s, in_view=one.in_view, seen=one.seen,
                detectable=detectable.get(one.drive, 1.0), between=id(one) in surely,
            )
            for one in told
        ])  # fmt: skip

    def _join(self, rows: dict[int, models.Damage], young: int, old: int) -> None:
        """A damage that turned out to be another one: its number leads there, what people said of it stays its own."""
        if young not in rows or old not in rows:
            return  # it had no row yet
        row = rows[young]
        row.joined_into, row.best = rows[old], None
        settle(row)
        row.save()
        models.Passage.objects.filter(damage=row).delete()


def _recall() -> Recall:
    """The detector's recall, from all passes of the records."""
    counts = np.zeros((len(CLASSES), len(SEVERITIES), len(LIGHTS), 2))
    rows = (
        models.Passage.objects.filter(between=True)
        .values_list("damage__class_id", "damage__severity", "drive__light", "seen")
        .annotate(Count("pk"))
    )
    for class_id, severity, light, seen, count in rows:
        counts[class_id, severity, LIGHTS.index(Light[light] if light else None), int(seen)] += count
    return recall_of(counts)


def _boxes(way: Way) -> list[tuple[float, float, float, float]]:
    """Bounds (west, south, east, north) of pieces of a way, with room around each."""
    boxes = []
    for line in way.lines:
        step = max(int(CHUNK_M / max(_mean_step_m(line), 0.1)), 1)
        for first in range(0, max(len(line), 1), step):
            piece = line[first : first + step + 1]
            if not len(piece):
                continue
            room = HALO_M / DEGREE_M
            wide = room / max(float(np.cos(np.radians(piece[0, 1]))), 0.05)
            (west, south), (east, north) = piece.min(0), piece.max(0)
            boxes.append((float(west - wide), float(south - room), float(east + wide), float(north + room)))
    return boxes


def _mean_step_m(line: np.ndarray) -> float:
    if len(line) < 2:
        return 1.0
    step = np.diff(line, axis=0) * DEGREE_M * [np.cos(np.radians(line[0, 1])), 1.0]
    return float(np.hypot(*step.T).mean())


def _some(keys: list[int]) -> list[list[int]]:
    """Keys in portions that a query can name."""
    return [keys[first : first + SOME] for first in range(0, len(keys), SOME)]
