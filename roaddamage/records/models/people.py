"""Who did what, and who is known by a password of somebody else."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.db import models

from roaddamage.records.models.added import Added, AddedRows
from roaddamage.records.models.lengths import NAME


class OneTimePassword(models.Model):
    """There while a user's password is one that somebody else gave; the first thing to do is to change it."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="one_time_password"
    )
    at = models.DateTimeField(auto_now_add=True)


class Entries(AddedRows["AuditEntry"]):
    """Entries of the log, until their time is over."""

    def forget(self, before: datetime) -> int:
        """Delete what is older than the municipality keeps its log; how many. That is an entry itself."""
        return models.QuerySet.delete(self.filter(at__lt=before))[0]


class AuditEntry(Added):
    """Who saw, decided, exported or deleted what, and when; rows are only ever added, until their time is over (`forget`)."""

    CALLED = "an audit entry"
    at = models.DateTimeField(auto_now_add=True, db_index=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="audit_entries")
    """None: the system itself, or nobody who is known."""
    action = models.CharField(max_length=40, db_index=True)
    target = models.CharField(max_length=NAME, blank=True)
    details = models.JSONField(default=dict)

    objects = Entries.as_manager()

    class Meta:
        ordering: ClassVar = ["-at", "-pk"]
