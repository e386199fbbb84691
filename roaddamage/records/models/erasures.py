"""Erasures: what somebody asked to have taken out of pictures, and what was taken out."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

from detector.errors import N_
from roaddamage.records.models.decisions import Stop
from roaddamage.records.models.drives import Drive
from roaddamage.records.models.lengths import NAME


class Erasure(models.Model):
    """A request: where and when. Who asked is not kept; the municipality's own file under `reference` says it."""

    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="erasures")
    at = models.DateTimeField(auto_now_add=True)
    reference = models.CharField(max_length=NAME)
    """The number under which the municipality keeps the request."""
    reason = models.CharField(max_length=NAME)
    lon = models.FloatField()
    lat = models.FloatField()
    radius_m = models.FloatField()
    since = models.DateTimeField()
    until = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-pk"]


class Erased(models.Model):
    """One thing that was taken out, for good; the rows say so first, then the files follow (`finished`).

    Of a drive: nothing that its footage holds from `begin_s` to `end_s` is shown or written again, but for the picture
    of `time_ms` where only an area of it was covered (`roaddamage.records.erased`).
    """

    class Kind(models.TextChoices):
        """What was done."""

        picture = "picture", N_("picture erased")
        area = "area", N_("area covered")
        span = "span", N_("stretch of a drive erased")
        footage = "footage", N_("stretch of a drive erased, and its original footage deleted")
        photo = "photo", N_("photo of a repair erased")
        photo_area = "photo_area", N_("area of a photo covered")

    erasure = models.ForeignKey(Erasure, models.PROTECT, related_name="parts")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    drive = models.ForeignKey(Drive, models.PROTECT, null=True, related_name="erased")
    begin_s = models.FloatField(null=True)
    end_s = models.FloatField(null=True)
    """Since the drive began, both included."""
    time_ms = models.BigIntegerField(null=True)
    """Of a single picture: when it was taken since the drive began."""
    xyxy = models.JSONField(null=True)
    """The area, [x1, y1, x2, y2] in shares of the picture's width and height; None: all of it."""
    stop = models.ForeignKey(Stop, models.PROTECT, null=True, related_name="erased")
    held = models.JSONField(default=dict)
    """What else held it, by kind of copy (`roaddamage.erasure_copies`), as it was then."""
    finished = models.DateTimeField(null=True, db_index=True)
    """When no file of the workspace showed it any more."""

    class Meta:
        ordering: ClassVar = ["pk"]
