"""Who did what, and who is known by a password of somebody else."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django.conf import settings
from django.db import models

from roaddamage.records.models.lengths import NAME


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

    def forget(self, before: datetime) -> int:
        """Delete what is older than the municipality keeps its log; how many. That is an entry itself."""
        return models.QuerySet.delete(self.filter(at__lt=before))[0]


class AuditEntry(models.Model):
    """Who saw, decided, exported or deleted what, and when; rows are only ever added, until their time is over (`forget`)."""

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
