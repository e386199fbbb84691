"""How the application stands, in numbers from its records and its machine: what the page Health and /metrics both tell.

Nothing is counted in a process: whichever answers, and however often it was started anew, the numbers are the same.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Count, Min
from django.utils import timezone

from detector.errors import RoadDamageError
from roaddamage import attendance, locks
from roaddamage.models import Models
from roaddamage.records.models import AuditEntry, Batch, Delivery, Export, Leaving, Work, Worker

BACKUP = "backup.made"
FOLDERS = ("footage", "evidence", "frames", "datasets", "photos", "uploads", "exports", "models", "trainings")
"""Of the workspace; each may be a disk of its own."""
KINDS: dict[str, type[Work]] = {kind.NOUN: kind for kind in Work.__subclasses__()}
"""What workers do, by its noun."""


@dataclass(frozen=True)
class Waiting:
    """One kind of work: how much is in which state, and since when the oldest waits."""

    states: dict[str, int]
    oldest: datetime | None

    @property
    def wait_s(self) -> float:
        """How long the oldest waits already."""
        return max((timezone.now() - self.oldest).total_seconds(), 0.0) if self.oldest else 0.0


@dataclass(frozen=True)
class Gpu:
    """A GPU of this machine; `taken`: lent to a job or a training."""

    name: str
    used_bytes: int
    total_bytes: int
    taken: bool


@dataclass(frozen=True)
class Disk:
    """A disk and the folders that lie on it."""

    folders: tuple[str, ...]
    free_bytes: int
    total_bytes: int


def queue() -> dict[str, Waiting]:
    """What waits and runs, and what came of the rest, by kind."""
    told = {}
    for noun, kind in KINDS.items():
        every = kind._default_manager.order_by()
        states = dict(every.values_list("state").annotate(Count("pk")))
        oldest = every.filter(state=Work.State.queued).aggregate(at=Min("at"))["at"]
        told[noun] = Waiting({state: states.get(state, 0) for state in Work.State.values}, oldest)
    return told


def failures(days: int) -> list[tuple[str, Work]]:
    """What failed within so many days, the latest first, with its noun."""
    since = timezone.now() - timedelta(days=days)
    rows = [
        (noun, row)
        for noun, kind in KINDS.items()
        for row in kind._default_manager.filter(state=Work.State.failed, finished__gt=since)
    ]
    return sorted(rows, key=lambda row: row[1].finished or row[1].at, reverse=True)


def other_failures(days: int) -> tuple[int, int]:
    """How many exports, and how many batches of files, failed within so many days."""
    since = timezone.now() - timedelta(days=days)
    exports = Export.objects.filter(state=Export.State.failed, finished__gt=since).count()
    return exports, Batch.objects.filter(state=Batch.State.failed, at__gt=since).count()


def workers() -> list[Worker]:
    """Those that live, on whichever machine."""
    return list(attendance.living())


def gpus() -> list[Gpu]:
    """GPUs of this machine; none without NVIDIA's driver. Nothing of theirs is taken by asking."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []
    try:
        return [_gpu(pynvml, number) for number in range(pynvml.nvmlDeviceGetCount())]
    except pynvml.NVMLError:
        return []
    finally:
        with suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()


def _gpu(nvml: Any, number: int) -> Gpu:
    handle = nvml.nvmlDeviceGetHandleByIndex(number)
    memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    lock = locks.place() / f"roaddamage-gpu-{number}.lock"
    with locks.held(lock, make=False) as free:
        taken = not free and lock.exists()
    return Gpu(str(nvml.nvmlDeviceGetName(handle)), int(memory.used), int(memory.total), taken)


def disks() -> Iterator[Disk]:
    """The disks on which the workspace's folders lie."""
    folder = settings.WORKSPACE.folder
    found: dict[int, list[str]] = {}
    for name in ("", *FOLDERS):
        if (folder / name).is_dir():
            found.setdefault(os.stat(folder / name).st_dev, []).append(name)
    for names in found.values():
        told = shutil.disk_usage(folder / names[0])
        yield Disk(tuple(names), told.free, told.total)


def database() -> tuple[str, float]:
    """What keeps the records, and how long it takes to answer, seconds. Raises what the database does."""
    begun = time.perf_counter()
    AuditEntry.objects.order_by("-pk").values_list("pk").first()
    return connection.vendor, time.perf_counter() - begun


def ahead_s() -> float:
    """How far the newest record is ahead of the clock, which is then wrong; 0 where it is not."""
    newest = AuditEntry.objects.order_by("-pk").values_list("at", flat=True).first()
    return max((newest - timezone.now()).total_seconds(), 0.0) if newest else 0.0


def last_backup() -> AuditEntry | None:
    """The last one, as the log says it."""
    return AuditEntry.objects.filter(action=BACKUP).first()


def model_in_use() -> tuple[str, RoadDamageError | None]:
    """What it is called, and what is wrong with it."""
    try:
        return Models(settings.WORKSPACE.folder).current().stem, None
    except RoadDamageError as error:
        return "", error


def deliveries(days: int) -> dict[str, int]:
    """Webhooks' deliveries of the last days, by state."""
    since = timezone.now() - timedelta(days=days)
    rows = Delivery.objects.filter(at__gt=since).order_by().values_list("state").annotate(Count("pk"))
    told = dict(rows)
    return {state: told.get(state, 0) for state in Delivery.State.values}


def left_files() -> int:
    """Files that are deleted by the records, and on the disk still."""
    return Leaving.objects.count()
