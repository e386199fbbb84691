"""Re-runs: drives that are done run again on the model in use, and what that changed."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

from detector.errors import N_
from roaddamage.records.models.damages import Damage, Sighting
from roaddamage.records.models.drives import Drive, Job
from roaddamage.records.models.lengths import NAME


class Rerun(models.Model):
    """A choice of drives that somebody had run again."""

    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="reruns")
    at = models.DateTimeField(auto_now_add=True)
    model = models.CharField(max_length=NAME)
    """The model in use when it was asked for; which one ran stands with each drive."""
    left_out = models.JSONField(default=list)
    """Problems (`roaddamage.problems`): drives that were chosen and can't be run again."""

    class Meta:
        ordering: ClassVar = ["-pk"]


class RerunDrive(models.Model):
    """A drive of a re-run; its results stay as they are until the new ones stand in their place (`finished`)."""

    rerun = models.ForeignKey(Rerun, models.CASCADE, related_name="drives")
    drive = models.ForeignKey(Drive, models.CASCADE, related_name="reruns")
    place = models.PositiveIntegerField()
    """In its re-run: the cheapest drive is the first."""
    job = models.OneToOneField(Job, models.SET_NULL, null=True, related_name="rerun_drive")
    """The last one; another is made where it is cancelled and continued."""
    model_before = models.CharField(max_length=NAME, blank=True)
    model = models.CharField(max_length=NAME, blank=True)
    finished = models.DateTimeField(null=True)
    counts = models.JSONField(default=dict)
    """What changed, counted (`roaddamage.records.differences.counts_of`)."""

    class Meta:
        ordering: ClassVar = ["place"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["rerun", "drive"], name="a_drive_once_a_rerun")
        ]


class RerunChange(models.Model):
    """A damage of which a drive tells something else since it was run again.

    `before` and `after` are what the drive said of it (`roaddamage.records.differences.FACTS`); {} where it did not see it.
    """

    class Kind(models.TextChoices):
        """What changed."""

        lost = "lost", N_("no longer seen")
        new = "new", N_("newly seen")
        other_class = "class", N_("class changed")
        size = "size", N_("size changed beyond its error")

    class Means(models.TextChoices):
        """What it says of the model, by what people had decided."""

        worse = "worse", N_("worse")
        better = "better", N_("better")
        open = "", N_("nobody knows")

    of = models.ForeignKey(RerunDrive, models.CASCADE, related_name="changes")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    number = models.PositiveBigIntegerField()
    """The damage's; it outlives the damage."""
    damage = models.ForeignKey(Damage, models.SET_NULL, null=True, related_name="+")
    judged = models.CharField(max_length=16, blank=True)
    """What people made of it until then: `Review.Kind.confirm`, `reject`, or "" for nothing."""
    means = models.CharField(max_length=8, choices=Means.choices, blank=True)
    elsewhere = models.BooleanField(default=False)
    """lost: other drives see it all the same."""
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    crop = models.CharField(max_length=NAME, blank=True)
    """The drive's picture of it before, a file among its evidence."""
    sighting = models.ForeignKey(Sighting, models.SET_NULL, null=True, related_name="+")
    """What the drive says of it after."""

    class Meta:
        ordering: ClassVar = ["pk"]
        indexes: ClassVar = [models.Index(fields=["of", "kind", "judged"])]
