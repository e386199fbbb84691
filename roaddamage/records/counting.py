"""Counting: a drive's sightings taken into the records, each damage counted once, and what its passes say.

Merging happens in memory, by `maps.merge`, over the damages around the drive's way alone (`records.region`): they are
restored as they were left, the drive is added, and what changed is written back (`records.writing_back`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from detector.sightings import Sighting
from maps.coverage import Way
from roaddamage.records import models
from roaddamage.records.pieces import put_pieces
from roaddamage.records.region import Region
from roaddamage.records.writing_back import write_back


@dataclass(frozen=True)
class Counted:
    """What came of a drive: damages that it saw, how many of them nobody had seen before, and those by key."""

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
    write_back(region, touched)
    models.Drive.objects.filter(pk=drive.pk).update(roads=drive.roads)
    put_pieces(drive, way)
    return Counted(len(touched), len(region.fresh), region.fresh_keys())
