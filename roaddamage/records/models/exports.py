"""Exports that people had made."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

from detector.errors import N_
from roaddamage.records.models.lengths import NAME


class Export(models.Model):
    """A survey, or a comparison of two, worked out from the records: what a page tells of it, and its files.

    The process that makes it says that it lives (`beat`).
    """

    class Kind(models.TextChoices):
        """What was worked out."""

        survey = "survey", N_("condition of the roads")
        change = "change", N_("change between two periods")

    class State(models.TextChoices):
        """How far it is."""

        running = "running", N_("running")
        done = "done", N_("done")
        failed = "failed", N_("failed")

    kind = models.CharField(max_length=8, choices=Kind.choices)
    state = models.CharField(max_length=8, choices=State.choices, default=State.running, db_index=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="exports")
    at = models.DateTimeField(auto_now_add=True)
    finished = models.DateTimeField(null=True)
    beat = models.DateTimeField()
    asked = models.JSONField()
    """What was asked for (`roaddamage.export_runs.Asked`)."""
    step = models.CharField(max_length=NAME, blank=True)
    """What is being done: the key of a step; "" while it waits to begin."""
    share = models.FloatField(default=0.0)
    """How much of that is done."""
    took_s = models.JSONField(default=dict)
    """Seconds of each step that is done, by its key: what the next export goes by."""
    problem = models.JSONField(default=dict)
    """Why it failed (`roaddamage.problems`)."""
    told = models.JSONField(default=dict)
    """What the page tells of it (`maps.worst`), by language."""
    files = models.JSONField(default=list)
    """Its files: form, name and size in bytes of each; none once they are cleared away."""

    class Meta:
        ordering: ClassVar = ["-pk"]
