"""What is made aside, while a page shows how far it is."""

from __future__ import annotations

from django.db import models

from detector.errors import N_


class Aside(models.Model):
    """Something that somebody asked for; whoever makes it says every few seconds that it lives (`roaddamage.aside`)."""

    class State(models.TextChoices):
        """How far it is."""

        running = "running", N_("running")
        done = "done", N_("done")
        failed = "failed", N_("failed")

    state = models.CharField(max_length=8, choices=State.choices, default=State.running)
    at = models.DateTimeField(auto_now_add=True)
    beat = models.DateTimeField()
    finished = models.DateTimeField(null=True)
    problem = models.JSONField(default=dict)
    """Why it failed (`roaddamage.problems`)."""

    class Meta:
        abstract = True
