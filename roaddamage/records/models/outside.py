"""Other systems: by what they may read, and what they are told."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

from roaddamage.records.models.lengths import NAME


class Token(models.Model):
    """What a program shows instead of a person's password; only a hash of it is kept."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=NAME)
    """What it is for."""
    digest = models.CharField(max_length=64, unique=True)
    """SHA-256 of the secret, which is random and long: it needs no salt."""
    begins = models.CharField(max_length=8)
    """The secret's first letters, by which a person knows it again."""
    writes = models.BooleanField(default=False)
    at = models.DateTimeField(auto_now_add=True)
    expires = models.DateTimeField()
    used = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-at"]


class Webhook(models.Model):
    """An address inside the network that is told of events."""

    address = models.URLField(max_length=500)
    secret = models.CharField(max_length=64)
    """What deliveries are signed with (HMAC-SHA256)."""
    events = models.JSONField(default=list)
    """Of `roaddamage.webhooks.EVENTS`."""
    active = models.BooleanField(default=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="webhooks")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["pk"]


class Delivery(models.Model):
    """One event for one webhook, kept until it was taken, or given up."""

    class State(models.TextChoices):
        """How far it is."""

        waiting = "waiting"
        taken = "taken"
        given_up = "given_up"

    webhook = models.ForeignKey(Webhook, models.CASCADE, related_name="deliveries")
    event = models.CharField(max_length=40)
    body = models.JSONField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.waiting)
    at = models.DateTimeField(auto_now_add=True)
    due = models.DateTimeField()
    """When it is tried next."""
    tries = models.PositiveSmallIntegerField(default=0)
    told = models.CharField(max_length=NAME, blank=True)
    """The last answer: its status."""
    problem = models.JSONField(default=dict)
    """Why there was none (`roaddamage.problems`)."""

    class Meta:
        ordering: ClassVar = ["-pk"]
        indexes: ClassVar = [models.Index(fields=["state", "due"])]
