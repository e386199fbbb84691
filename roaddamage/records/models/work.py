"""What workers do, of whatever kind: who asked for it, where it stands, whose it is now."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models

from detector.errors import N_
from roaddamage.records.models.lengths import NAME


class Work(models.Model):
    """Something for a worker (`roaddamage.jobs`); one that lives says so every few seconds (`beat`).

    A kind says what it is called (`title`), and what else the records tell of its state (`now_is`).
    """

    class State(models.TextChoices):
        """Where it stands."""

        queued = "queued", N_("waiting")
        running = "running", N_("running")
        done = "done", N_("done")
        failed = "failed", N_("failed")
        cancelled = "cancelled", N_("cancelled")

    OPEN: ClassVar = (State.queued, State.running)
    """States in which it is not over."""
    NOUN: ClassVar[str]
    """Before the verb in the log: "job" for "job.cancelled"."""
    FRESH: ClassVar[dict[str, Any]] = {}
    """Columns as an attempt finds them at its beginning."""

    state = models.CharField(max_length=16, choices=State.choices, default=State.queued, db_index=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="%(class)ss")
    at = models.DateTimeField(auto_now_add=True)
    started = models.DateTimeField(null=True, blank=True)
    finished = models.DateTimeField(null=True, blank=True)
    beat = models.DateTimeField(null=True, blank=True)
    worker = models.CharField(max_length=NAME, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    cancel_asked = models.BooleanField(default=False)
    problem = models.JSONField(default=dict)
    """What went wrong: an error's `template` and its `values` as texts, to be told in the reader's language."""

    class Meta:
        abstract = True
        ordering: ClassVar = ["-at"]

    @property
    def title(self) -> str:
        """What people call it."""
        raise NotImplementedError

    @property
    def priority(self) -> int:
        """In the queue, from -100 to 100."""
        return 0

    def now_is(self, state: str) -> None:
        """To be called in the transaction in which the state changes."""
