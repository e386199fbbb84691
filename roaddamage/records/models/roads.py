"""The municipality's roads."""

from __future__ import annotations

from django.db import models

from roaddamage.records.models.lengths import NAME


class RoadsFile(models.Model):
    """A road file that was given; the newest is in use, and lies as it was read in the workspace (`roaddamage.roads`)."""

    digest = models.CharField(max_length=64)
    """SHA-256 of the roads as they are kept; what was placed on a road says on which (`Drive.roads`)."""
    name = models.CharField(max_length=NAME)
    at = models.DateTimeField(auto_now_add=True)
    lines = models.PositiveIntegerField()
    metres = models.FloatField()
    remarks = models.JSONField(default=list)
    """Problems (`roaddamage.problems`): what was left out of the file, and why."""
