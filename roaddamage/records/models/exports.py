"""Exports that people had made."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

from detector.errors import N_
from roaddamage.records.models.aside import Aside
from roaddamage.records.models.lengths import NAME


class Export(Aside):
    """A survey, or a comparison of two, worked out from the records: what a page tells of it, and its files."""

    class Kind(models.TextChoices):
        """What was worked out."""

        survey = "survey", N_("condition of the roads")
        change = "change", N_("change between two periods")

    kind = models.CharField(max_length=8, choices=Kind.choices)
    state = models.CharField(
        max_length=8, choices=Aside.State.choices, default=Aside.State.running, db_index=True
    )
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="exports")
    asked = models.JSONField()
    """What was asked for (`roaddamage.export_runs.Asked`)."""
    step = models.CharField(max_length=NAME, blank=True)
    """What is being done: the key of a step; "" while it waits to begin."""
    share = models.FloatField(default=0.0)
    """How much of that is done."""
    took_s = models.JSONField(default=dict)
    """Seconds of each step that is done, by its key: what the next export goes by."""
    told = models.JSONField(default=dict)
    """What the page tells of it (`maps.worst`), by language."""
    files = models.JSONField(default=list)
    """Its files: form, name and size in bytes of each; none once they are cleared away."""

    class Meta:
        ordering: ClassVar = ["-pk"]
