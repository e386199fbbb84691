"""Labelled frames: pictures with what people said of them, and how it came to that."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

from detector.errors import N_
from roaddamage.records.models.added import Added, AddedRows
from roaddamage.records.models.aside import Aside
from roaddamage.records.models.damages import Damage, Sighting
from roaddamage.records.models.decisions import Review
from roaddamage.records.models.drives import Drive
from roaddamage.records.models.erasures import Erasure
from roaddamage.records.models.lengths import NAME


class LabelledFrame(models.Model):
    """A picture that people judged, in part or as a whole; its file is `frames/UID.jpg` of the workspace.

    The file is its own: neither another run of its drive nor the end of the evidence's time takes it away.
    """

    uid = models.CharField(max_length=32, unique=True)
    """Names it for good, wherever it is exported to."""
    drive = models.ForeignKey(Drive, models.SET_NULL, null=True, related_name="labelled_frames")
    time_ms = models.BigIntegerField()
    """Since the drive began."""
    width_px = models.PositiveIntegerField()
    height_px = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64, blank=True)
    phash = models.CharField(max_length=16, blank=True)
    """Of its file, and its perceptual hash (`datasets.likeness`); "" until it is first exported or trained on."""
    captured_at = models.DateTimeField(null=True)
    road = models.CharField(max_length=NAME, blank=True)
    judged = models.BooleanField(default=True)
    """Whether anything that people said of it stands."""
    whole = models.BooleanField(default=False)
    """A person said that nothing but its boxes is in it."""
    negatives = models.CharField(max_length=NAME, blank=True)
    """What is somewhere in it that looks like damage and is none, as labels from elsewhere said; commas between."""
    changed = models.DateTimeField(auto_now_add=True)
    exported = models.DateTimeField(null=True)
    erased = models.DateTimeField(null=True)
    """When its picture was, as somebody asked for it: nothing is said of it any more."""

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["drive", "time_ms"], name="a_frame_once")]
        indexes: ClassVar = [models.Index(fields=["judged", "-changed", "-id"], name="frame_order")]


class LabelledBox(models.Model):
    """An area of a frame of which a person said what is there: damage of a class, or something that is none.

    Neither a class nor what it was rejected as: nothing that looks like damage is there.
    """

    frame = models.ForeignKey(LabelledFrame, models.CASCADE, related_name="boxes")
    uid = models.CharField(max_length=64, unique=True)
    xyxy = models.JSONField()
    """[x1, y1, x2, y2] in shares of the picture's width and height."""
    class_id = models.PositiveSmallIntegerField(null=True)
    rejected_as = models.CharField(max_length=16, blank=True)
    damage = models.ForeignKey(Damage, models.SET_NULL, null=True, related_name="labelled_boxes")
    sighting = models.ForeignKey(Sighting, models.SET_NULL, null=True, related_name="labelled_boxes")
    """What it was proposed by; None for one that people drew."""

    class Meta:
        ordering: ClassVar = ["pk"]
        indexes: ClassVar = [
            models.Index(fields=["class_id", "frame"], name="box_class"),
            models.Index(fields=["rejected_as", "frame"], name="box_rejected"),
        ]


class LabelImport(models.Model):
    """A file of labels that came back from a tool: shown first, then taken, kept as a second opinion, or discarded."""

    class State(models.TextChoices):
        """What became of it."""

        shown = "shown", N_("to be decided on")
        taken = "taken", N_("taken over")
        opinion = "opinion", N_("kept as a second opinion")
        discarded = "discarded", N_("discarded")

    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="label_imports")
    at = models.DateTimeField(auto_now_add=True)
    kind = models.CharField(max_length=16)
    """The tool: of `datasets.corrections.KINDS`."""
    name = models.CharField(max_length=NAME)
    """The file's, as its owner calls it."""
    base = models.DateTimeField()
    """The labels are compared with what the frames held then: when they were exported."""
    state = models.CharField(max_length=16, choices=State.choices, default=State.shown)
    decided = models.DateTimeField(null=True)
    told = models.JSONField(default=dict)
    """What it changes, counted, and its faults by kind (`datasets.corrections`)."""
    differences = models.JSONField(default=list)
    """What it says of each frame that somebody worked on (`roaddamage.records.label_imports`)."""

    class Meta:
        ordering: ClassVar = ["-pk"]


class FrameExport(Aside):
    """A selection of frames as a zip for a tool: what they held when it was asked for (`at`)."""

    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="frame_exports")
    kind = models.CharField(max_length=16)
    """Of `datasets.exporting.WRITERS`."""
    blind = models.BooleanField(default=False)
    """Pictures alone, for a second person who is not to see what the first one said."""
    frames = models.JSONField(default=list)
    """Their keys."""
    done = models.PositiveIntegerField(default=0)
    left_out = models.PositiveIntegerField(default=0)
    """Frames labelled in part, where the form can't say so."""
    bytes = models.BigIntegerField(null=True)
    """Of its file; None where it is not there."""

    class Meta:
        ordering: ClassVar = ["-pk"]


class FrameChoice(Aside):
    """Pictures worth labelling first, chosen by the model in use."""

    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="frame_choices")
    budget = models.PositiveIntegerField()
    """So many pictures at most."""
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    """Pictures to be looked at, and looked at so far."""
    model = models.CharField(max_length=NAME, blank=True)
    chosen = models.JSONField(default=list)
    """The one most worth labelling first: `sighting` of the picture, `damages` proposed in it, `score`, and `reasons`
    (`training.choosing.Reason`, as template and values)."""

    class Meta:
        ordering: ClassVar = ["-pk"]


class Changes(AddedRows["FrameChange"]):
    """The history of frames."""


class FrameChange(Added):
    """What a person changed in a frame's labels; rows are only ever added.

    `before` and `after` hold what changed alone: `whole`, `negatives`, and `boxes` by their uid, None where there was none.
    """

    CALLED = "a frame's history"
    frame = models.ForeignKey(LabelledFrame, models.CASCADE, related_name="changes")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="frame_changes")
    at = models.DateTimeField()
    review = models.ForeignKey(Review, models.PROTECT, null=True, related_name="frame_changes")
    """The decision that it comes from."""
    taken_from = models.ForeignKey(LabelImport, models.PROTECT, null=True, related_name="frame_changes")
    """The labels that it comes from."""
    erasure = models.ForeignKey(Erasure, models.PROTECT, null=True, related_name="frame_changes")
    """The request that took the picture away, and its labels with it."""
    before = models.JSONField()
    after = models.JSONField()

    objects = Changes.as_manager()

    class Meta:
        ordering: ClassVar = ["pk"]


class Opinion(models.Model):
    """What a second person said of a frame, as `LabelImport` tells it; the frame itself holds what the first said."""

    frame = models.ForeignKey(LabelledFrame, models.CASCADE, related_name="opinions")
    told_by = models.ForeignKey(LabelImport, models.PROTECT, related_name="opinions")
    labels = models.JSONField()
    """`roaddamage.records.frame_labels.Labels`, as kept."""

    class Meta:
        ordering: ClassVar = ["-pk"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["frame", "told_by"], name="an_opinion_once")]
