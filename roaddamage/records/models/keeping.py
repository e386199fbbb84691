"""Keeping it for years: what is deleted when its time is over, and who works on what waits."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

from roaddamage.records.models.lengths import NAME


class Leaving(models.Model):
    """A file that the records no longer know: it goes from the disk, at the next look where this one was cut short."""

    path = models.CharField(max_length=700)
    """Under the workspace."""


class Retention(models.Model):
    """One look at what is older than it is to be kept (`roaddamage.retention`); whoever deletes says that it lives (`beat`)."""

    class State(models.TextChoices):
        """How far it is."""

        announced = "announced", "told beforehand, as the settings changed"
        running = "running"
        done = "done"
        failed = "failed"

    state = models.CharField(max_length=16, choices=State.choices)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    """None: the application by itself."""
    at = models.DateTimeField(auto_now_add=True)
    beat = models.DateTimeField()
    finished = models.DateTimeField(null=True)
    days = models.JSONField()
    """The settings that it went by, by kind."""
    told = models.JSONField(default=dict)
    """By kind: how many went, and how many bytes."""
    problem = models.JSONField(default=dict)
    """Why it failed (`roaddamage.problems`)."""

    class Meta:
        ordering: ClassVar = ["-pk"]


class Worker(models.Model):
    """A worker, as it says itself every few seconds; it is gone when it ended in order."""

    name = models.CharField(max_length=NAME, primary_key=True)
    host = models.CharField(max_length=NAME)
    trainings = models.BooleanField(default=False)
    """It runs trainings; else drives and the rest."""
    begun = models.DateTimeField(auto_now_add=True)
    beat = models.DateTimeField(db_index=True)

    class Meta:
        ordering: ClassVar = ["host", "begun"]
