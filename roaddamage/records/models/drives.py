"""Footage and its drives, from the first byte handed in to the last run."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from detector.errors import N_
from roaddamage.records.models.lengths import NAME
from roaddamage.records.models.work import Work


class Vehicle(models.Model):
    """A vehicle with its dashcam; `camera` is what its drives taught of how the camera hangs (`detector.vehicle`).

    `kept` is the area of its pictures that is kept: left, top, right, bottom in shares of them; None: all.
    """

    name = models.CharField(max_length=NAME, unique=True)
    camera = models.JSONField(null=True, blank=True)
    drives_seen = models.PositiveIntegerField(default=0)
    kept = models.JSONField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class Batch(models.Model):
    """Files handed in together; drives are recognised within a batch, by a thread that says it lives (`beat`)."""

    class State(models.TextChoices):
        """How far it is."""

        open = "open", N_("files are arriving")
        recognising = "recognising", N_("being recognised")
        recognised = "recognised", N_("recognised")
        failed = "failed", N_("failed")

    uid = models.CharField(max_length=32, unique=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="batches")
    at = models.DateTimeField(auto_now_add=True)
    state = models.CharField(max_length=16, choices=State.choices, default=State.open)
    beat = models.DateTimeField(null=True, blank=True)
    bytes_done = models.BigIntegerField(default=0)
    bytes_total = models.BigIntegerField(default=0)
    """How far recognising has read."""
    drives: models.ManyToManyField[Drive, models.Model] = models.ManyToManyField(
        "Drive", related_name="batches"
    )
    """What became of it."""
    known = models.JSONField(default=list)
    """Numbers of drives that were there before with the same footage."""
    refused = models.JSONField(default=list)
    """Problems (`roaddamage.problems`), each with the `name` of its file."""
    problem = models.JSONField(default=dict)
    """Why it failed as a whole."""

    class Meta:
        ordering: ClassVar = ["-at"]


class Upload(models.Model):
    """A file that a crew sent, from its first byte until it belongs to a drive."""

    class State(models.TextChoices):
        """How far it is."""

        arriving = "arriving"
        arrived = "arrived"
        used = "used", "part of a drive"
        refused = "refused"

    uid = models.CharField(max_length=64, unique=True)
    batch = models.CharField(max_length=64, db_index=True)
    """Its `Batch`."""
    name = models.CharField(max_length=NAME)
    """The file's own name, as a last part of a path and nothing else."""
    path = models.CharField(max_length=500, default="")
    """Where it goes within its batch (`roaddamage.file_names.safe_path`)."""
    size = models.BigIntegerField()
    state = models.CharField(max_length=16, choices=State.choices, default=State.arriving)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="uploads")
    at = models.DateTimeField(auto_now_add=True)


LONG = ("understood", "preview", "report", "ways", "unseen_ways", "reach_m")
"""Columns of a drive that lists of drives do without: megabytes, for some hundreds."""


class Drive(models.Model):
    """One trip of one vehicle; its results are there as a whole (`done`) or not at all."""

    class State(models.TextChoices):
        """Where it stands."""

        recognised = "recognised", N_("recognised, to be checked")
        queued = "queued", N_("waiting")
        running = "running", N_("running")
        done = "done", N_("done")
        failed = "failed", N_("failed")
        cancelled = "cancelled", N_("cancelled")

    name = models.CharField(max_length=NAME, unique=True)
    vehicle = models.ForeignKey(Vehicle, models.SET_NULL, null=True, blank=True, related_name="drives")
    digest = models.CharField(max_length=64, unique=True)
    """SHA-256 over its files' own: the same footage twice is one drive."""
    state = models.CharField(max_length=16, choices=State.choices, default=State.recognised, db_index=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="drives")
    at = models.DateTimeField(auto_now_add=True)
    gps_offset_s = models.FloatField(default=0.0)
    """Seconds to add to the log's times, where a person corrected its clock."""
    understood = models.JSONField(default=dict)
    """What was told of it before it ran (`roaddamage.probe.facts`)."""
    preview = models.JSONField(default=list)
    """Its way for a person to look at: lists of [lon, lat]."""
    report = models.JSONField(default=dict)
    begin = models.DateTimeField(null=True, blank=True, db_index=True)
    duration_s = models.FloatField(default=0.0)
    metres = models.FloatField(default=0.0)
    unseen_m = models.FloatField(default=0.0)
    ways = models.JSONField(default=list)
    """The stretches that could be judged: lists of [lon, lat]."""
    unseen_ways = models.JSONField(default=list)
    accuracy_m = models.FloatField(default=0.0)
    reach_m = models.JSONField(default=list)
    """How far to each side it saw, (classes, severities)."""
    light = models.CharField(max_length=8, blank=True)
    west = models.FloatField(null=True, blank=True)
    south = models.FloatField(null=True, blank=True)
    east = models.FloatField(null=True, blank=True)
    north = models.FloatField(null=True, blank=True)
    model = models.CharField(max_length=NAME, blank=True)
    roads = models.CharField(max_length=64, blank=True)
    """The digest of the road file on which its sightings were placed; "" for none."""
    found = models.PositiveIntegerField(default=0)
    """Damages that it saw, and how many of them nobody had seen before."""
    footage_deleted = models.DateTimeField(null=True, blank=True)
    """When its footage was, as its time was over; its files' rows stay."""
    kept_for = models.CharField(max_length=NAME, blank=True)
    """Why a person wants its footage and pictures kept whatever the settings say; "" where nobody does."""
    found_new = models.PositiveIntegerField(default=0)

    class Meta:
        ordering: ClassVar = ["-at"]
        indexes: ClassVar = [
            models.Index(fields=["west", "east"]),
            # Figures: without the columns that are long.
            models.Index("state", "begin", "at", "metres", "unseen_m", name="drive_driven"),
        ]

    def __str__(self) -> str:
        return self.name


class WayPiece(models.Model):
    """The part of a drive's judged way in one tile, by which the drives that went past a place are found."""

    drive = models.ForeignKey(Drive, models.CASCADE, related_name="pieces")
    tile = models.BigIntegerField(db_index=True)
    """`tile_key` shifted to `roaddamage.records.pieces.ZOOM`."""
    line = models.JSONField()
    """[lon, lat] of each point, and of the next one in the tile after."""


class FootageFile(models.Model):
    """A file of a drive, under the workspace's `footage/`; `kind` tells video and pictures from the GPS logs."""

    class Kind(models.TextChoices):
        """What it is for."""

        footage = "footage"
        log = "log"
        attached = "attached", "log that a person gave, for all of the drive"

    drive = models.ForeignKey(Drive, models.CASCADE, related_name="files")
    name = models.CharField(max_length=NAME)
    path = models.CharField(max_length=500)
    size = models.BigIntegerField()
    sha256 = models.CharField(max_length=64, db_index=True)
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.footage)

    class Meta:
        ordering: ClassVar = ["pk"]


RERUN_PRIORITY = -50
"""In the queue, from -100 to 100."""


class Job(Work):
    """One run of one drive."""

    NOUN: ClassVar = "job"
    FRESH: ClassVar = {"metres_done": 0.0, "metres_total": 0.0}

    drive = models.ForeignKey(Drive, models.CASCADE, related_name="jobs")
    again = models.BooleanField(default=False)
    """A re-run: its drive is done, and stays so meanwhile."""
    metres_done = models.FloatField(default=0.0)
    metres_total = models.FloatField(default=0.0)

    class Meta(Work.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["drive"], condition=Q(state__in=("queued", "running")), name="one_open_job_a_drive"
            )
        ]

    @property
    def title(self) -> str:
        """The drive's name."""
        return self.drive.name

    @property
    def priority(self) -> int:
        """New footage goes first."""
        return RERUN_PRIORITY if self.again else 0

    def now_is(self, state: str) -> None:
        """So is its drive, but for one that is run again."""
        if self.again:
            return
        Drive.objects.filter(pk=self.drive_id).update(state=state)
