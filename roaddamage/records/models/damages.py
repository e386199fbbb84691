"""Damages, and what the drives say of them."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from detector.errors import N_
from maps.damage import State as Belief
from roaddamage.records.models.drives import Drive
from roaddamage.records.models.lengths import KIND, NAME

GONE = tuple(Belief).index(Belief.repaired)
"""As a damage's `belief`: the drives say that it is probably repaired."""


class Measured(models.Model):
    """What a sighting says of a damage, and all of them together: class, place with its error, size."""

    class_id = models.PositiveSmallIntegerField()
    confidence = models.FloatField()
    lon = models.FloatField()
    lat = models.FloatField()
    var_east_m2 = models.FloatField()
    cov_east_north_m2 = models.FloatField()
    var_north_m2 = models.FloatField()
    length_m = models.FloatField()
    length_sd_m = models.FloatField()
    width_m = models.FloatField()
    width_sd_m = models.FloatField()
    area_m2 = models.FloatField(null=True)
    area_sd_m2 = models.FloatField(null=True)

    class Meta:
        abstract = True


class Damage(Measured):
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

    severity = models.PositiveSmallIntegerField()
    tile_key = models.BigIntegerField()
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
    road_id = models.CharField(max_length=NAME, blank=True)
    road = models.CharField(max_length=NAME, blank=True)
    """The road's name, or its number where it has none."""
    road_kind = models.CharField(max_length=KIND, blank=True)
    traffic = models.FloatField(null=True)
    """Vehicles a day, where the road file tells."""
    chainage_m = models.FloatField(null=True)
    """Where it lies on the workspace's roads (`maps.roads`); nothing where it lies on none."""
    priority = models.FloatField(default=0.0)
    """Points of 100: what a person gave it, else what its parts add up to (`maps.priority`)."""
    priority_set = models.FloatField(null=True)
    """What a person gave it; None: nobody did."""
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
    joined_into = models.ForeignKey("self", models.SET_NULL, null=True, related_name="joined", db_index=False)
    """Where it turned out to be another one; it is then shown nowhere."""
    judged = models.CharField(max_length=16, blank=True)
    """What stands of people's judgement, `Review.Kind.confirm` or `reject`, since `judged_at`; "" where nothing does.

    This and the next five follow from the reviews (`roaddamage.records.outcomes`).
    """
    judged_at = models.DateTimeField(null=True)
    repaired_at = models.DateTimeField(null=True)
    """When it was recorded as repaired, where that stands."""
    first_decided = models.DateTimeField(null=True)
    wait_s = models.FloatField(null=True)
    """From its first sight until then, seconds."""
    class_was = models.PositiveSmallIntegerField(null=True)
    """Its class before the first of people's changes that stand; None: they changed nothing."""
    pictures_deleted = models.DateTimeField(null=True)
    """When pictures of it were, as their time was over."""
    version = models.PositiveIntegerField(default=0)
    """Counts decisions, so that of two people who decide at once the second is told."""
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes: ClassVar = [
            # What a viewport and a list's count ask for, with their filters, answered from the index alone.
            models.Index(
                "tile_key", "class_id", "severity", "belief", "confidence", "last_seen", "lon", "lat", "state",
                "first_seen", "assignee", "priority", name="damage_view", condition=Q(shown=True),
            ),
            # The rest, for counting: a plain index would be taken for the viewport's.
            models.Index("tile_key", name="damage_hidden", condition=Q(shown=False)),
            # What waits for a person, and how many of a list's filter there are.
            models.Index(
                fields=["state", "-priority", "id", "class_id", "severity", "confidence", "belief"],
                name="damage_state", condition=Q(shown=True),
            ),
            models.Index(fields=["belief", "state", "-priority", "id"], name="damage_gone", condition=Q(shown=True)),
            models.Index(fields=["state", "-priority", "id", "last_seen"], name="damage_closed", condition=Q(shown=False)),
            # Of those that are another one alone: SQLite would look through all the others by it.
            models.Index("joined_into", name="damage_joined", condition=Q(joined_into__isnull=False)),
            # The list's orders.
            models.Index(fields=["-priority", "id"], name="damage_order", condition=Q(shown=True)),
            models.Index(fields=["-severity", "-confidence", "id"], name="damage_severity", condition=Q(shown=True)),
            models.Index(fields=["-confidence", "id"], name="damage_confidence", condition=Q(shown=True)),
            models.Index(fields=["-last_seen", "id"], name="damage_last_seen", condition=Q(shown=True)),
            models.Index(fields=["first_seen", "id"], name="damage_first_seen", condition=Q(shown=True)),
            models.Index(
                fields=["due", "-priority", "id"], name="damage_due", condition=Q(shown=True, due__isnull=False)
            ),
            models.Index(fields=["road", "chainage_m", "id", "road_id"], name="damage_road", condition=Q(shown=True)),
            # Figures, each answered from the index alone.
            models.Index("first_seen", "created", "joined_into", name="damage_new", condition=Q(joined_into__isnull=True)),
            models.Index("judged_at", "judged", name="damage_judged", condition=Q(judged_at__isnull=False)),
            models.Index(
                "class_id", "judged", "judged_at", name="damage_shares", condition=Q(judged_at__isnull=False)
            ),
            models.Index("repaired_at", name="damage_repaired", condition=Q(repaired_at__isnull=False)),
            models.Index("first_decided", "wait_s", name="damage_decided", condition=Q(first_decided__isnull=False)),
            models.Index("wait_s", name="damage_wait", condition=Q(wait_s__isnull=False)),
            models.Index(
                "class_was", "class_id", "judged", "judged_at", name="damage_reclassed", condition=Q(class_was__isnull=False)
            ),
        ]  # fmt: skip


class Sighting(Measured):
    """One damage as one drive saw it.

    The last three columns are where its drive lay on the roads that the drive names (`Drive.roads`), the five before them
    where merging put it (`maps.laid_sightings.Laid`).
    """

    PICTURES: ClassVar = ("evidence", "crop", "frame")
    """Columns that name files among its drive's evidence."""
    drive = models.ForeignKey(Drive, models.CASCADE, related_name="sightings")
    damage = models.ForeignKey(Damage, models.CASCADE, related_name="sightings")
    seen_as = models.ForeignKey(Damage, models.SET_NULL, null=True, related_name="+")
    """The damage that it was seen as, where a person said that this one is `damage` too."""
    heading_deg = models.FloatField()
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
    covered = models.FloatField(default=0.0)
    """Share of the box that its pictures do not show."""
    outdated = models.BooleanField(default=False)
    """Its drive was run again, and did not see it: it stays, as nothing else is left of what people decided on."""
    class_share = models.FloatField(default=1.0)
    common_sd_m = models.FloatField(default=0.0)
    moved_east_m = models.FloatField(default=0.0)
    moved_north_m = models.FloatField(default=0.0)
    known_m2 = models.FloatField(default=0.0)
    stretch = models.PositiveIntegerField(default=0)
    again = models.BooleanField(default=False)
    road_line = models.IntegerField(null=True)
    road_direction = models.SmallIntegerField(default=0)
    road_m = models.FloatField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["stretch"]),
            # Figures: which damages were seen in a week, from the index alone.
            models.Index("utc_s", "damage", "drive", name="sighting_seen"),
        ]


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


class RecallCounts(models.Model):
    """Passes that tell of the detector's recall, counted when there were so many drives (one row)."""

    drives = models.PositiveIntegerField()
    counts = models.JSONField()
    """By class, severity, light, and whether they saw."""
