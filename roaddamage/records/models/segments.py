"""The condition of the roads by segment, as other systems read it."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class SegmentTable(models.Model):
    """All segments as they were worked out once; the newest that is done is told, the others are on their way in or out."""

    key = models.CharField(max_length=64)
    """What it was worked out from (`roaddamage.segment_tables.depends_on`)."""
    at = models.DateTimeField(auto_now_add=True)
    done = models.DateTimeField(null=True, db_index=True)
    took_s = models.FloatField(default=0.0)


class Segment(models.Model):
    """A stretch of road, in one direction where its lanes are told apart."""

    table = models.ForeignKey(SegmentTable, models.CASCADE, related_name="segments")
    metres = models.PositiveSmallIntegerField()
    """20 or 100: of which kind it is; the last of a road is shorter."""
    number = models.BigIntegerField()
    """Its place in the table, from 1, by road and chainage: the same again while the roads are."""
    line = models.JSONField()
    """[lon, lat] of each point, in the direction that it is driven."""
    west = models.FloatField()
    south = models.FloatField()
    east = models.FloatField()
    north = models.FloatField()
    begin = models.DateTimeField(null=True)
    """The day on which it was last surveyed, in the municipality's zone: its begin and end; None for never."""
    end = models.DateTimeField(null=True)
    told = models.JSONField()
    """The columns of `maps.tables.SEGMENTS`, and whether it is of a hot spot; None where not known."""

    class Meta:
        ordering: ClassVar = ["number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["table", "metres", "number"], name="segment_number")
        ]
        indexes: ClassVar = [
            # All that is asked of many, so that their lines need not be read.
            models.Index(
                "table", "metres", "number", "west", "east", "south", "north", "begin", "end", name="segment_place"
            )
        ]  # fmt: skip
