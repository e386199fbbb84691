"""Attendance: workers say now and then that they live, and the pages tell who does."""

from __future__ import annotations

import socket
from datetime import timedelta

from django.db.models import QuerySet
from django.utils import timezone

from roaddamage.records.models import Worker

SILENT = timedelta(seconds=60)
"""A worker that said nothing for so long is taken for gone; those that live say so four times as often."""
FORGOTTEN = timedelta(days=1)


def tell(name: str, *, trainings: bool) -> None:
    """Say that a worker of this machine lives; those that were killed long ago are forgotten."""
    now = timezone.now()
    Worker.objects.update_or_create(
        name=name, defaults={"host": socket.gethostname(), "trainings": trainings, "beat": now}
    )
    Worker.objects.filter(beat__lt=now - FORGOTTEN).delete()


def leave(name: str) -> None:
    """Say that it ended in order."""
    Worker.objects.filter(name=name).delete()


def living() -> QuerySet[Worker]:
    """Those that live."""
    return Worker.objects.filter(beat__gt=timezone.now() - SILENT)
