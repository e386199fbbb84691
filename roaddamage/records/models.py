"""What is kept: one table a word of the project's.

Places are EPSG:4326; metres, seconds and probabilities as in the dataclasses of `detector` and `maps` that the rows
are made from. Times are UTC.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from detector.errors import N_

NAME = 200


class Vehicle(models.Model):
    """A vehicle with its dashcam; `camera` is what its drives taught of how the camera hangs (`detector.vehicle`)."""

    name = models.CharField(max_length=NAME, unique=True)
    camera = models.JSONField(null=True, blank=True)
    drives_seen = models.PositiveIntegerField(default=0)

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
    """Where it goes within its batch (`roaddamage.intake.safe_path`)."""
    size = models.BigIntegerField()
    state = models.CharField(max_length=16, choices=State.choices, default=State.arriving)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="uploads")
    at = models.DateTimeField(auto_now_add=True)


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
    found = models.PositiveIntegerField(default=0)
    """Damages that it saw, and how many of them nobody had seen before."""
    found_new = models.PositiveIntegerField(default=0)

    class Meta:
        ordering: ClassVar = ["-at"]
        indexes: ClassVar = [models.Index(fields=["west", "east"])]

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


class Job(models.Model):
    """One run of one drive; a worker that lives says so every few seconds (`beat`)."""

    class State(models.TextChoices):
        """Where it stands."""

        queued = "queued", N_("waiting")
        running = "running", N_("running")
        done = "done", N_("done")
        failed = "failed", N_("failed")
        cancelled = "cancelled", N_("cancelled")

    drive = models.ForeignKey(Drive, models.CASCADE, related_name="jobs")
    state = models.CharField(max_length=16, choices=State.choices, default=State.queued, db_index=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="jobs")
    at = models.DateTimeField(auto_now_add=True)
    started = models.DateTimeField(null=True, blank=True)
    finished = models.DateTimeField(null=True, blank=True)
    beat = models.DateTimeField(null=True, blank=True)
    worker = models.CharField(max_length=NAME, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    metres_done = models.FloatField(default=0.0)
    metres_total = models.FloatField(default=0.0)
    cancel_asked = models.BooleanField(default=False)
    problem = models.JSONField(default=dict)
    """What went wrong: an error's `template` and its `values` as texts, to be told in the reader's language."""

    class Meta:
        ordering: ClassVar = ["-at"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["drive"], condition=Q(state__in=("queued", "running")), name="one_open_job_a_drive"
            )
        ]


class Damage(models.Model):
    """The physical thing on the road. What the drives say of it is worked out anew; what people said stays.

    Its number is its key, and stays its own.
    """

    class State(models.TextChoices):
        """What people made of it; `gone` is what drives say, and awaits a person."""

        proposed = "proposed", N_("proposed")
        confirmed = "confirmed", N_("confirmed")
        scheduled = "scheduled", N_("scheduled")
        repaired = "repaired", N_("repaired")
        rejected = "rejected", N_("rejected")
        gone = "gone", N_("probably repaired, to be checked")

    class_id = models.PositiveSmallIntegerField()
    severity = models.PositiveSmallIntegerField()
    confidence = models.FloatField()
    lon = models.FloatField()
    lat = models.FloatField()
    tile_key = models.BigIntegerField()
    var_east_m2 = models.FloatField()
    cov_east_north_m2 = models.FloatField()
    var_north_m2 = models.FloatField()
    length_m = models.FloatField()
    length_sd_m = models.FloatField()
    width_m = models.FloatField()
    width_sd_m = models.FloatField()
    area_m2 = models.FloatField(null=True)
    area_sd_m2 = models.FloatField(null=True)
    growth_m2_a_year = models.FloatField(null=True)
    growth_sd_m2_a_year = models.FloatField(null=True)
    passes = models.PositiveIntegerField(default=1)
    still_there = models.FloatField(default=1.0)
    belief = models.PositiveSmallIntegerField(default=0)
    """Index into `maps.map_data.STATES`: what the passes say."""
    first_seen = models.DateTimeField(null=True)
    last_seen = models.DateTimeField(null=True)
    sightings_count = models.PositiveIntegerField(default=1)
    drives_count = models.PositiveIntegerField(default=1)
    best = models.ForeignKey("Sighting", models.SET_NULL, null=True, related_name="+")
    """The sighting whose picture and size speak for it."""
    road = models.CharField(max_length=NAME, blank=True)
    chainage_m = models.FloatField(null=True)
    priority = models.FloatField(default=0.0)
    """Points of 100 (`maps.priority`)."""
    state = models.CharField(max_length=16, choices=State.choices, default=State.proposed)
    class_decided = models.BooleanField(default=False)
    """A person gave its class; the drives' votes do not change it."""
    shown = models.BooleanField(default=True)
    """Neither joined into another one, nor rejected, nor repaired: what maps and counts are of."""
    rejected_as = models.CharField(max_length=16, blank=True)
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="damages"
    )
    due = models.DateField(null=True, blank=True)
    joined_into = models.ForeignKey("self", models.SET_NULL, null=True, related_name="joined")
    """Where it turned out to be another one; it is then shown nowhere."""
    version = models.PositiveIntegerField(default=0)
    """Counts decisions, so that of two people who decide at once the second is told."""
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes: ClassVar = [
            # What a viewport and its filters ask for, answered from the index alone.
            models.Index(
                "tile_key", "class_id", "severity", "belief", "confidence", "last_seen", "lon", "lat",
                name="damage_view", condition=Q(shown=True),
            ),
            models.Index(fields=["state", "-priority"]),
            # The rest, for counting: a plain index would be taken for the viewport's.
            models.Index("tile_key", name="damage_hidden", condition=Q(shown=False)),
            models.Index(fields=["-priority", "id"], name="damage_order", condition=Q(shown=True)),
        ]  # fmt: skip


class Sighting(models.Model):
    """One damage as one drive saw it. The last five columns are where merging put it (`maps.merge.Laid`)."""

    drive = models.ForeignKey(Drive, models.CASCADE, related_name="sightings")
    damage = models.ForeignKey(Damage, models.CASCADE, related_name="sightings")
    class_id = models.PositiveSmallIntegerField()
    confidence = models.FloatField()
    lon = models.FloatField()
    lat = models.FloatField()
    var_east_m2 = models.FloatField()
    cov_east_north_m2 = models.FloatField()
    var_north_m2 = models.FloatField()
    heading_deg = models.FloatField()
    length_m = models.FloatField()
    length_sd_m = models.FloatField()
    width_m = models.FloatField()
    width_sd_m = models.FloatField()
    area_m2 = models.FloatField(null=True)
    area_sd_m2 = models.FloatField(null=True)
    time_s = models.FloatField()
    utc_s = models.FloatField(null=True)
    frames = models.PositiveIntegerField()
    model = models.CharField(max_length=NAME)
    evidence = models.CharField(max_length=NAME, blank=True)
    crop = models.CharField(max_length=NAME, blank=True)
    frame = models.CharField(max_length=NAME, blank=True)
    """The picture without its box drawn."""
    box = models.JSONField(null=True)
    """[x1, y1, x2, y2] in shares of that picture's width and height."""
    class_share = models.FloatField(default=1.0)
    common_sd_m = models.FloatField(default=0.0)
    moved_east_m = models.FloatField(default=0.0)
    moved_north_m = models.FloatField(default=0.0)
    known_m2 = models.FloatField(default=0.0)
    stretch = models.PositiveIntegerField(default=0)
    again = models.BooleanField(default=False)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["stretch"])]


class Passage(models.Model):
    """A pass: a drive going past a damage, seen or not (`maps.passes.Pass`)."""

    drive = models.ForeignKey(Drive, models.CASCADE, related_name="passages")
    damage = models.ForeignKey(Damage, models.CASCADE, related_name="passages")
    utc_s = models.FloatField(null=True)
    in_view = models.FloatField()
    seen = models.BooleanField()
    detectable = models.FloatField(default=1.0)
    """How likely it would have been seen, were it there."""
    between = models.BooleanField(default=False)
    """Between two that saw it, and in full view: it was there, so that this pass tells of the detector's recall."""


class Apart(models.Model):
    """Two damages that a person said are two; they are never joined again."""

    one = models.ForeignKey(Damage, models.CASCADE, related_name="+")
    other = models.ForeignKey(Damage, models.CASCADE, related_name="+")


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


class Cell(models.Model):
    """How many damages of a kind lie in a tile, for the low zooms; kept up to date with the damages."""

    shift = models.PositiveSmallIntegerField()
    cell = models.BigIntegerField()
    """`tile_key >> shift`."""
    class_id = models.PositiveSmallIntegerField()
    severity = models.PositiveSmallIntegerField()
    count = models.PositiveIntegerField()
    lon_sum = models.FloatField()
    lat_sum = models.FloatField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["shift", "cell", "class_id", "severity"], name="a_cell_once")
        ]


class OneTimePassword(models.Model):
    """There while a user's password is one that somebody else gave; the first thing to do is to change it."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="one_time_password"
    )
    at = models.DateTimeField(auto_now_add=True)


class Append(models.QuerySet["AuditEntry"]):
    """Rows that are only ever added."""

    def update(self, **kwargs: Any) -> int:
        """Raises TypeError."""
        raise TypeError("an audit entry is never changed")

    def bulk_update(self, *args: Any, **kwargs: Any) -> int:
        """Raises TypeError."""
        raise TypeError("an audit entry is never changed")

    def delete(self) -> tuple[int, dict[str, int]]:
        """Raises TypeError."""
        raise TypeError("an audit entry is never deleted")


class AuditEntry(models.Model):
    """Who saw, decided, exported or deleted what, and when; rows are only ever added."""

    at = models.DateTimeField(auto_now_add=True, db_index=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="audit_entries")
    """None: the system itself, or nobody who is known."""
    action = models.CharField(max_length=40, db_index=True)
    target = models.CharField(max_length=NAME, blank=True)
    details = models.JSONField(default=dict)

    objects = Append.as_manager()

    class Meta:
        ordering: ClassVar = ["-at", "-pk"]

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Add it; raises TypeError for one that is there already."""
        if self.pk is not None:
            raise TypeError("an audit entry is never changed")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Raises TypeError."""
        raise TypeError("an audit entry is never deleted")


class PatrolFigures(models.Model):
    """Numbers that the municipality enters for a month, from which alone saved hours are told."""

    month = models.DateField(unique=True)
    hours_before = models.FloatField()
    """Hours of patrol in a month without this system."""
    hours_now = models.FloatField()

    class Meta:
        ordering: ClassVar = ["-month"]


class RecallCounts(models.Model):
    """Passes that tell of the detector's recall, counted when there were so many drives (one row)."""

    drives = models.PositiveIntegerField()
    counts = models.JSONField()
    """By class, severity, light, and whether they saw."""


class Turn(models.Model):
    """What only one may do at a time: whoever holds its row's lock, until its transaction ends."""

    name = models.CharField(max_length=40, primary_key=True)

    @classmethod
    def take(cls, name: str) -> None:
        """Wait for one's turn; to be called within a transaction."""
        cls.objects.get_or_create(name=name)
        cls.objects.select_for_update().get(name=name)
