"""Trainings of models on what people labelled."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from detector.errors import N_
from roaddamage.records.models.lengths import NAME
from roaddamage.records.models.work import Work


class Training(Work):
    """One training, and how its model compares with the one that was in use; its files are `trainings/PK/`."""

    class Stage(models.TextChoices):
        """What a running one does."""

        begin = "", N_("begins")
        data = "data", N_("gathering the pictures")
        waiting = "waiting", N_("waiting for the device")
        train = "train", N_("training")
        compare = "compare", N_("comparing with the model in use")

    NOUN: ClassVar = "training"
    FRESH: ClassVar = {"stage": Stage.begin, "share": 0.0, "left_s": None}

    name = models.CharField(max_length=NAME)
    dataset = models.CharField(max_length=NAME)
    """A folder of the workspace's `datasets/`."""
    begin_from = models.CharField(max_length=NAME, blank=True)
    """The promoted model that it begins from; "" is the package's."""
    epochs = models.PositiveIntegerField()
    image_px = models.PositiveIntegerField()
    batch = models.PositiveIntegerField()
    budget_min = models.PositiveIntegerField(null=True)
    """So many minutes of learning at most; then it ends with what it has learnt."""
    frames = models.BooleanField(default=True)
    """Whether it learns from the frames that people judged, too."""
    stage = models.CharField(max_length=8, choices=Stage.choices, blank=True)
    share = models.FloatField(default=0.0)
    """Of its stage, how much is done."""
    left_s = models.FloatField(null=True)
    spent_s = models.FloatField(default=0.0)
    """Of learning, in all attempts."""
    course = models.JSONField(default=list)
    """[epoch, mean loss of boxes, mean AP50 on the val part] of each epoch that is over."""
    data = models.JSONField(default=dict)
    """Pictures by part, and of the reviewed frames: how many were added, and how many left out, why."""
    test_sha256 = models.CharField(max_length=64, blank=True)
    """The test part that it was compared on (`training.promotion.part_hash`)."""
    round = models.JSONField(default=dict)
    """Its figure among the rounds of labelling (`training.rounds.Round`)."""
    promotable = models.BooleanField(null=True)
    """Whether it is better by the rule; None until it was compared."""
    against = models.CharField(max_length=NAME, blank=True)
    """The model that it was compared with, as in `begin_from`."""
    promoted_as = models.CharField(max_length=NAME, blank=True)

    class Meta(Work.Meta):
        ordering: ClassVar = ["-pk"]

    @property
    def title(self) -> str:
        """Its number and name."""
        return f"{self.pk} {self.name}"
