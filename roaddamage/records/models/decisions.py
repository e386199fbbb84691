"""What people decide, and hand out."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

from detector.errors import N_
from roaddamage.records.models.damages import Damage
from roaddamage.records.models.lengths import NAME


class Review(models.Model):
    """A person's decision on a damage, or comment; never changed and never deleted."""

    class Kind(models.TextChoices):
        """What was decided."""

        confirm = "confirm", N_("confirmed")
        reject = "reject", N_("rejected")
        reclass = "reclass", N_("class changed")
        box = "box", N_("box moved")
        schedule = "schedule", N_("scheduled")
        repair = "repair", N_("repaired")
        reopen = "reopen", N_("opened again")
        assign = "assign", N_("assigned")
        due = "due", N_("due date set")
        priority = "priority", N_("priority set")
        same = "same", N_("joined with another")
        apart = "apart", N_("parted from another")
        comment = "comment", N_("comment")
        undo = "undo", N_("decision taken back")

    damage = models.ForeignKey(Damage, models.PROTECT, related_name="reviews")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="reviews")
    at = models.DateTimeField(auto_now_add=True, db_index=True)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    """The damage's decided fields before and after."""
    comment = models.TextField(blank=True)
    model = models.CharField(max_length=NAME, blank=True)
    """On which model's word."""
    undone = models.OneToOneField("self", models.PROTECT, null=True, related_name="undone_by")
    """undo: the decision that was taken back."""

    class Meta:
        ordering: ClassVar = ["at", "pk"]
        indexes: ClassVar = [models.Index(fields=["kind", "damage", "at"], name="review_of_kind")]


class WorkList(models.Model):
    """Damages handed to a repair crew, in the order of its stops."""

    title = models.CharField(max_length=NAME)
    crew = models.CharField(max_length=NAME, blank=True)
    due = models.DateField(null=True, blank=True)
    note = models.TextField(blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="work_lists")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["-at"]


class Stop(models.Model):
    """A damage on a work list; `photo` is what the crew took when it was done, under the workspace's `photos/`."""

    work_list = models.ForeignKey(WorkList, models.CASCADE, related_name="stops")
    damage = models.ForeignKey(Damage, models.PROTECT, related_name="stops")
    place = models.PositiveIntegerField()
    done = models.DateTimeField(null=True, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="stops_done"
    )
    photo = models.CharField(max_length=NAME, blank=True)
    note = models.TextField(blank=True)

    class Meta:
        ordering: ClassVar = ["place"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["work_list", "damage"], name="a_damage_once_a_list")
        ]


class PatrolFigures(models.Model):
    """Numbers that the municipality enters for a month, from which alone saved hours are told."""

    month = models.DateField(unique=True)
    hours_before = models.FloatField()
    """Hours of patrol in a month without this system."""
    hours_now = models.FloatField()

    class Meta:
        ordering: ClassVar = ["-month"]
