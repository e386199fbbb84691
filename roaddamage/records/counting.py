"""Counting: a drive's sightings taken into the records, each damage counted once, and what its passes say.

Merging happens in memory, by `maps.merge`, over the damages around the drive's way alone: they are restored as they were
left, the drive is added, and what changed is written back. So a drive's cost goes by its length and not by the city's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

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
from roaddamage.records.pieces import put_pieces, ways_around
from roaddamage.records.placing import OF_ROAD, Placed, lay, put_on_roads, roads_now
from roaddamage.records.priorities import work_out
from roaddamage.records.rows import fill_damage, laid_of, put_laid, settle, sighting_of, sighting_row, way_of

HALO_M = 120.0
"""So far from a drive's way what is known has a say in where its sightings belong."""
INNER_M = 45.0
"""So far from its way a drive can change what is said of a damage."""
CHUNK_M = 400.0
RANGES = 12
SOME = 500
DEGREE_M = 111_000.0
ANEW = 1.02
"""Recall is counted anew where there are so many times the drives."""
LAID = ("moved_east_m", "moved_north_m", "known_m2", "stretch", "again")
TOLD = (
    "class_id", "severity", "confidence", "lon", "lat", "tile_key", "var_east_m2", "cov_east_north_m2", "var_north_m2",
    "length_m", "length_sd_m", "width_m", "width_sd_m", "area_m2", "area_sd_m2", "growth_m2_a_year",
    "growth_sd_m2_a_year", "passes", "still_there", "belief", "first_seen", "last_seen", "sightings_count",
    "drives_count", "best", "priority", "state", "shown", "joined_into", *OF_ROAD,
)  # fmt: skip
"""What drives change of a damage."""


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
    models.Drive.objects.filter(pk=drive.pk).update(roads=drive.roads)
    put_pieces(drive, way)
    cells.refresh(
        [key for row in changed for key in (row.tile_key, region.key_before.get(row.pk, row.tile_key))]
    )
    return Counted(len(touched), len(region.fresh))


class _Region:
    """The damages around a drive's way, as rows and as `Damages`; `numbers` are theirs in the latter, from 1."""

    def __init__(self, drive: models.Drive, way: Way, frame: LocalFrame) -> None:
        self.drive, self.frame = drive, frame
        metric = [np.column_stack(frame.to_metres(*line.T)) for line in way.lines if len(line)]
        self.path = shapely.MultiLineString(
            [part if len(part) > 1 else np.repeat(part, 2, 0) for part in metric]
        )
        self.boxes = _boxes(way)
        self.rows = self._near()
        self.key_before = {row.pk: row.tile_key for row in self.rows}
        self.fresh: set[int] = set()
        self.sighting_rows: dict[int, models.Sighting] = {}
        """By `id` of the sighting that a row was read as, or is made of."""
        self.roads = roads_now()
        self.drive.roads = self.roads.digest if self.roads else ""
        self.on_roads = {drive.pk: drive.roads}
        """The roads on which each drive was placed."""
        self.known = self._restored()
        self.ways = [*ways_around(self.boxes, drive), way]

    def _near(self) -> list[models.Damage]:
        found: dict[int, models.Damage] = {}
        for west, south, east, north in self.boxes:
            within = Q()
            for low, high in viewport_ranges(west, south, east, north, RANGES):
                within |= Q(tile_key__gte=low, tile_key__lt=high)
            if within:
                for shown in (True, False):  # each has its index
                    rows = models.Damage.objects.filter(within, shown=shown, joined_into__isnull=True)
                    found |= {row.pk: row for row in rows}
        known = [found[pk] for pk in sorted(found)]
        if not known:
            return known
        place = np.column_stack(self.frame.to_metres([row.lon for row in known], [row.lat for row in known]))
        near = shapely.distance(self.path, shapely.points(place)) <= HALO_M
        return [row for row, one in zip(known, near.tolist(), strict=True) if one]

    def _restored(self) -> Damages:
        groups: dict[int, list[models.Sighting]] = defaultdict(list)
        for some in _some([row.pk for row in self.rows]):
            for seen in models.Sighting.objects.filter(damage__in=some).order_by("pk"):
                groups[seen.damage_id].append(seen)
        drives = {seen.drive_id for group in groups.values() for seen in group}
        told_of = models.Drive.objects.filter(pk__in=drives).values_list("pk", "name", "roads")
        names = {number: name for number, name, _ in told_of}
        self.on_roads |= {number: roads for number, _, roads in told_of}
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
        near: list[tuple[models.Damage, Damage]] = []
        for damage, apart_m in zip(damages, apart, strict=True):
            known = damage.number in by_number
            if damage.number not in touched and known and apart_m > INNER_M:
                continue
            row = by_number.setdefault(damage.number, models.Damage())
            fill_damage(row, damage)
            near.append((row, damage))
        changed = [row for row, _ in near]
        models.Damage.objects.bulk_create([row for row in changed if row.pk is None], batch_size=SOME)
        self._write_sightings(near)
        if self.roads:
            put_on_roads(changed, self._placed(near), self.roads.network)
        work_out(changed)
        gone = self._joined(by_number)
        _put(models.Damage, [*changed, *gone], TOLD)
        self._write_passes(near, gone, told, recall)
        return [*changed, *gone]

    def _write_sightings(self, near: Sequence[tuple[models.Damage, Damage]]) -> None:
        fresh: list[models.Sighting] = []
        moved: list[models.Sighting] = []
        for row, damage in near:
            best = damage.best
            for sighting, laid in self.known.kept(damage.number):
                seen = self.sighting_rows.get(id(sighting))
                before = seen and (seen.damage_id, *(getattr(seen, name) for name in LAID))
                seen = seen or sighting_row(sighting, self.drive, row)
                self.sighting_rows[id(sighting)] = seen
                seen.damage = row
                put_laid(seen, laid, self.frame)
                if before is None:
                    fresh.append(seen)
                elif before != (row.pk, *(getattr(seen, name) for name in LAID)):
                    moved.append(seen)
                if sighting is best:
                    row.best = seen
        if self.roads:
            lay(fresh, way_of(self.drive), self.roads.network)
        models.Sighting.objects.bulk_create(fresh, batch_size=SOME)
        _put(models.Sighting, moved, ("damage", *LAID))
        for row, _ in near:
            row.best = row.best  # its key is known now

    def _placed(self, near: Sequence[tuple[models.Damage, Damage]]) -> Iterator[Placed]:
        """What the sightings say that were placed on the roads in use."""
        for index, (_, damage) in enumerate(near):
            for sighting, _ in self.known.kept(damage.number):
                seen = self.sighting_rows[id(sighting)]
                on_these = self.on_roads[seen.drive_id] == self.drive.roads
                if on_these and seen.road_line is not None and seen.road_m is not None:
                    yield index, seen.road_line, seen.road_direction, seen.road_m

    def _write_passes(
        self, near: Sequence[tuple[models.Damage, Damage]], gone: Sequence[models.Damage],
        told: dict[int, list[Pass]], recall: Recall,
    ) -> None:  # fmt: skip
        for some in _some([row.pk for row in (*(row for row, _ in near), *gone)]):
            models.Passage.objects.filter(damage__in=some).delete()
        names = {one.drive for _, damage in near for one in told[damage.number]}
        drives = dict(models.Drive.objects.filter(name__in=names).values_list("name", "pk"))
        rows = []
        for row, damage in near:
            passes = told[damage.number]
            surely = {id(one) for one in between(passes)}
            detectable = {one.drive: one.detectable for one in missed(damage, passes, recall)}
            rows += [
                models.Passage(
                    drive_id=drives[one.drive], damage=row, utc_s=one.utc_s, in_view=one.in_view, seen=one.seen,
                    detectable=detectable.get(one.drive, 1.0), between=id(one) in surely,
                )
                for one in passes
            ]  # fmt: skip
        models.Passage.objects.bulk_create(rows, batch_size=SOME)

    def _joined(self, rows: dict[int, models.Damage]) -> list[models.Damage]:
        """Damages that turned out to be other ones: their numbers lead there, what people said of them stays theirs."""
        gone = []
        for young, old in self.known.joined.items():
            final = self.known.final(old)
            if young in rows and final in rows:  # else it had no row yet
                row = rows[young]
                row.joined_into, row.best = rows[final], None
                settle(row)
                gone.append(row)
        return gone


def _put(kind: type[Any], rows: Sequence[Any], fields: Sequence[str]) -> None:
    """Write these fields of rows that are there already: one statement for many."""
    kind.objects.bulk_create(
        rows, batch_size=SOME, update_conflicts=True, unique_fields=["id"], update_fields=list(fields)
    )


def _recall() -> Recall:
    """The detector's recall, from all passes of the records; counted anew whenever there are a few per cent more drives."""
    drives = models.Drive.objects.filter(state=models.Drive.State.done).count()
    kept = models.RecallCounts.objects.first()
    if kept and kept.drives < drives <= kept.drives * ANEW:
        return recall_of(np.array(kept.counts, float))
    counts = _recall_counts()
    models.RecallCounts.objects.update_or_create(
        pk=kept.pk if kept else 1, defaults={"drives": drives, "counts": counts.tolist()}
    )
    return recall_of(counts)


def _recall_counts() -> np.ndarray:
    counts = np.zeros((len(CLASSES), len(SEVERITIES), len(LIGHTS), 2))
    rows = (
        models.Passage.objects.filter(between=True)
        .values_list("damage__class_id", "damage__severity", "drive__light", "seen")
        .annotate(Count("pk"))
    )
    for class_id, severity, light, seen, count in rows:
        counts[class_id, severity, LIGHTS.index(Light[light] if light else None), int(seen)] += count
    return counts


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
            # Across the 180th meridian west is east of east, as `viewport_ranges` has it.
            lon = piece[:, 0] % 360 if np.ptp(piece[:, 0]) > 180 else piece[:, 0]
            west, east = ((float(edge) + 180) % 360 - 180 for edge in (lon.min() - wide, lon.max() + wide))
            boxes.append((west, float(piece[:, 1].min() - room), east, float(piece[:, 1].max() + room)))
    return boxes


def _mean_step_m(line: np.ndarray) -> float:
    if len(line) < 2:
        return 1.0
    step = np.diff(line, axis=0) * DEGREE_M * [np.cos(np.radians(line[0, 1])), 1.0]
    return float(np.hypot(*step.T).mean())


def _some(keys: list[int]) -> list[list[int]]:
    """Keys in portions that a query can name."""
    return [keys[first : first + SOME] for first in range(0, len(keys), SOME)]
