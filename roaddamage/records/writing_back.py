"""What drives say of a region's damages, worked out anew and written back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import shapely

from maps.damage import Damage
from maps.passes import Pass, Recall, surveyed
from roaddamage.records import cells, models
from roaddamage.records.passages import put_passages
from roaddamage.records.placing import OF_ROAD, Placed, lay, put_on_roads
from roaddamage.records.portions import SOME, put_fields
from roaddamage.records.priorities import work_out
from roaddamage.records.recall import recall_now
from roaddamage.records.region import Region
from roaddamage.records.rows import fill_damage, put_laid, settle, sighting_row, way_of

INNER_M = 45.0
"""So far from its way a drive can change what is said of a damage."""
LAID = ("moved_east_m", "moved_north_m", "known_m2", "stretch", "again")
TOLD = (
    "class_id", "severity", "confidence", "lon", "lat", "tile_key", "var_east_m2", "cov_east_north_m2", "var_north_m2",
    "length_m", "length_sd_m", "width_m", "width_sd_m", "area_m2", "area_sd_m2", "growth_m2_a_year",
    "growth_sd_m2_a_year", "passes", "still_there", "belief", "first_seen", "last_seen", "sightings_count",
    "drives_count", "best", "priority", "state", "shown", "joined_into", "wait_s", *OF_ROAD,
)  # fmt: skip
"""What drives change of a damage."""


def write_back(region: Region, touched: set[int]) -> None:
    """Work out anew what drives say of these damages, and of all near a drive's way; write it, and what follows."""
    told = surveyed(region.known, region.ways, recall_now())
    changed = _write(region, told.damages, told.passes, told.recall, touched)
    cells.refresh(
        [key for row in changed for key in (row.tile_key, region.key_before.get(row.pk, row.tile_key))]
    )


def _write(
    region: Region, damages: Sequence[Damage], told: dict[int, list[Pass]], recall: Recall, touched: set[int]
) -> list[models.Damage]:
    """Write what changed near the way, with the passes; the rows that did."""
    place = [(damage.lon, damage.lat) for damage in damages]
    apart = (
        shapely.distance(
            region.path, shapely.points(np.column_stack(region.frame.to_metres(*np.array(place).T)))
        )
        if place
        else []
    )
    near: list[tuple[models.Damage, Damage]] = []
    for damage, apart_m in zip(damages, apart, strict=True):
        known = damage.number in region.rows
        elsewhere = apart_m > INNER_M or region.drive is None
        if damage.number not in touched and known and elsewhere:
            continue
        row = region.rows.setdefault(damage.number, models.Damage())
        fill_damage(row, damage)
        near.append((row, damage))
    changed = [row for row, _ in near]
    models.Damage.objects.bulk_create([row for row in changed if row.pk is None], batch_size=SOME)
    _write_sightings(region, near)
    if region.roads:
        put_on_roads(changed, _placed(region, near), region.roads.network)
    work_out(changed)
    gone = _joined(region)
    put_fields(models.Damage, [*changed, *gone], TOLD)
    put_passages(near, gone, told, recall)
    return [*changed, *gone]


def _write_sightings(region: Region, near: Sequence[tuple[models.Damage, Damage]]) -> None:
    fresh: list[models.Sighting] = []
    moved: list[models.Sighting] = []
    for row, damage in near:
        best = damage.best
        for place, sighting, laid in region.kept(damage.number):
            seen = region.sighting_rows.get(id(sighting))
            before = seen and _where(seen)
            if seen is None:
                assert region.drive is not None  # noqa: S101  (who else saw what has no row yet)
                seen = region.sighting_rows[id(sighting)] = sighting_row(sighting, region.drive, row)
            seen.damage, seen.seen_as = row, None if place == damage.number else region.rows[place]
            put_laid(seen, laid, region.frame)
            if before is None:
                fresh.append(seen)
            elif before != _where(seen):
                moved.append(seen)
            if sighting is best:
                row.best = seen
    if region.roads and region.drive:
        lay(fresh, way_of(region.drive), region.roads.network)
    models.Sighting.objects.bulk_create(fresh, batch_size=SOME)
    put_fields(models.Sighting, moved, ("damage", "seen_as", *LAID))
    for row, _ in near:
        row.best = row.best  # its key is known now


def _placed(region: Region, near: Sequence[tuple[models.Damage, Damage]]) -> Iterator[Placed]:
    """What the sightings say that were placed on the roads in use."""
    for index, (_, damage) in enumerate(near):
        for _, sighting, _ in region.kept(damage.number):
            seen = region.sighting_rows[id(sighting)]
            on_these = region.roads and region.on_roads[seen.drive_id] == region.roads.digest
            if on_these and seen.road_line is not None and seen.road_m is not None:
                yield index, seen.road_line, seen.road_direction, seen.road_m


def _joined(region: Region) -> list[models.Damage]:
    """Damages that turned out to be other ones: their numbers lead there, what people said of them stays theirs."""
    gone = []
    for young in region.known.numbers.joined:
        old = young
        while old in region.known.numbers.joined:
            old = region.known.numbers.joined[old]
        if young in region.rows and old in region.rows:  # else it had no row yet
            row = region.rows[young]
            row.joined_into, row.best = region.rows[old], None
            settle(row)
            gone.append(row)
    return gone


def _where(seen: models.Sighting) -> tuple[Any, ...]:
    """Which damage a sighting is of, and where merging laid it."""
    return seen.damage_id, seen.seen_as_id, *(getattr(seen, name) for name in LAID)
