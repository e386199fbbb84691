"""Counting: a drive's sightings taken into the records, each damage counted once, and what its passes say.

Merging happens in memory, by `maps.merge`, over the damages around the drive's way alone: they are restored as they were
left, the drive is added, and what changed is written back. So a drive's cost goes by its length and not by the city's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely
from django.db.models import Count, Max

from detector.classes import CLASSES, SEVERITIES
from detector.sightings import Sighting
from detector.trajectory import LocalFrame
from detector.visibility import Light
from maps.coverage import Way
from maps.damage import Damage
from maps.merge import Damages, Laid, own_variance
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
    """What came of a drive: damages that it saw, how many of them nobody had seen before, and those by number."""

    found: int
    new: int
    fresh: frozenset[int] = field(default=frozenset(), compare=False)


def count_in(drive: models.Drive, way: Way, sightings: Sequence[Sighting]) -> Counted:
    """Take a drive's sightings into the records; to be called within a transaction, once for a drive."""
    lines = [line for line in way.lines if len(line)]
    if not lines:
        return Counted(0, 0)
    region = Region(lines, drive, way)
    touched = region.add(sightings)
    region.settle(touched)
    models.Drive.objects.filter(pk=drive.pk).update(roads=drive.roads)
    put_pieces(drive, way)
    return Counted(len(touched), len(region.fresh), frozenset(region.fresh))


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
        self.boxes = _boxes(lines)
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
        known.decided = {number[row.pk] for row in found if row.version or row.state not in proposed}
        for row, seen_as, _ in joined:
            known.join(number[row.pk], number[seen_as])
        for some in _some(list(number)):
            for pair in models.Apart.objects.filter(one__in=some):
                if pair.other_id in number:
                    known.never_join(number[pair.one_id], number[pair.other_id])
        return known

    def _groups(self, near: Sequence[models.Damage]) -> dict[int, dict[int, list[models.Sighting]]]:
        """Sightings by damage, and by that which they were seen as before a person joined the two (0: itself)."""
        groups: dict[int, dict[int, list[models.Sighting]]] = defaultdict(lambda: defaultdict(list))
        for some in _some([row.pk for row in near]):
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

    def add(self, sightings: Sequence[Sighting]) -> set[int]:
        """Merge the drive's sightings in; the numbers of the damages that they are."""
        before = len(self.rows)
        numbers = self.known.add(list(sightings))
        self.fresh = {number for number in set(numbers) if number > before}
        return set(numbers)

    def settle(self, touched: set[int]) -> None:
        """Work out anew what drives say of these damages, and of all near a drive's way; write it, and what follows."""
        told = surveyed(self.known, self.ways, _recall())
        changed = self._write(told.damages, told.passes, told.recall, touched)
        cells.refresh(
            [key for row in changed for key in (row.tile_key, self.key_before.get(row.pk, row.tile_key))]
        )

    def _write(
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
        near: list[tuple[models.Damage, Damage]] = []
        for damage, apart_m in zip(damages, apart, strict=True):
            known = damage.number in self.rows
            elsewhere = apart_m > INNER_M or self.drive is None
            if damage.number not in touched and known and elsewhere:
                continue
            row = self.rows.setdefault(damage.number, models.Damage())
            fill_damage(row, damage)
            near.append((row, damage))
        changed = [row for row, _ in near]
        models.Damage.objects.bulk_create([row for row in changed if row.pk is None], batch_size=SOME)
        self._write_sightings(near)
        if self.roads:
            put_on_roads(changed, self._placed(near), self.roads.network)
        work_out(changed)
        gone = self._joined()
        _put(models.Damage, [*changed, *gone], TOLD)
        self._write_passes(near, gone, told, recall)
        return [*changed, *gone]

    def _write_sightings(self, near: Sequence[tuple[models.Damage, Damage]]) -> None:
        fresh: list[models.Sighting] = []
        moved: list[models.Sighting] = []
        for row, damage in near:
            best = damage.best
            for place, sighting, laid in self.kept(damage.number):
                seen = self.sighting_rows.get(id(sighting))
                before = seen and _where(seen)
                if seen is None:
                    assert self.drive is not None  # noqa: S101  (who else saw what has no row yet)
                    seen = self.sighting_rows[id(sighting)] = sighting_row(sighting, self.drive, row)
                seen.damage, seen.seen_as = row, None if place == damage.number else self.rows[place]
                put_laid(seen, laid, self.frame)
                if before is None:
                    fresh.append(seen)
                elif before != _where(seen):
                    moved.append(seen)
                if sighting is best:
                    row.best = seen
        if self.roads and self.drive:
            lay(fresh, way_of(self.drive), self.roads.network)
        models.Sighting.objects.bulk_create(fresh, batch_size=SOME)
        _put(models.Sighting, moved, ("damage", "seen_as", *LAID))
        for row, _ in near:
            row.best = row.best  # its key is known now

    def kept(self, number: int) -> list[tuple[int, Sighting, Laid]]:
        """A damage's sightings, each with the number of the place where it is known, and where it was laid."""
        return [(place, *kept) for place in self.known.places(number) for kept in self.known.kept(place)]

    def _placed(self, near: Sequence[tuple[models.Damage, Damage]]) -> Iterator[Placed]:
        """What the sightings say that were placed on the roads in use."""
        for index, (_, damage) in enumerate(near):
            for _, sighting, _ in self.kept(damage.number):
                seen = self.sighting_rows[id(sighting)]
                on_these = self.roads and self.on_roads[seen.drive_id] == self.roads.digest
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

    def _joined(self) -> list[models.Damage]:
        """Damages that turned out to be other ones: their numbers lead there, what people said of them stays theirs."""
        gone = []
        for young in self.known.joined:
            old = young
            while old in self.known.joined:
                old = self.known.joined[old]
            if young in self.rows and old in self.rows:  # else it had no row yet
                row = self.rows[young]
                row.joined_into, row.best = self.rows[old], None
                settle(row)
                gone.append(row)
        return gone


def _where(seen: models.Sighting) -> tuple[Any, ...]:
    """Which damage a sighting is of, and where merging laid it."""
    return seen.damage_id, seen.seen_as_id, *(getattr(seen, name) for name in LAID)


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


def _boxes(lines: Sequence[np.ndarray]) -> list[tuple[float, float, float, float]]:
    """Bounds (west, south, east, north) of pieces of a way's lines, with room around each."""
    boxes = []
    for line in lines:
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
