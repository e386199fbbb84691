"""A worker on its own, that is killed at a moment of a run: what tests call in a process apart."""

from __future__ import annotations

import errno
import json
import os
import pickle
import shutil
import signal
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from django.db import OperationalError, connection
from PIL import Image

from detector.errors import OutputError
from roaddamage import server

MOMENTS = ("claimed", "midway", "counted", "rows", "named", "kept")


def dead(*_: object, **__: object) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


GO = "go"
"""A file in a workspace: a slow run waits for it when it has begun."""


def replayed(workspace: Path, run: Path, moment: str) -> None:
    from detector import model, pipeline

    kept = run / "result.pickle"
    really = pipeline.detect_drive

    def recorded(drive: Any, used: Any, options: Any, evidence: Path, watch: Any) -> Any:
        result = really(drive, used, options, evidence, watch)
        shutil.copytree(evidence, run / "evidence")
        kept.write_bytes(pickle.dumps(result))
        return result

    def again(_drive: Any, _used: Any, _options: Any, evidence: Path, watch: Any) -> Any:
        for number, path in enumerate(sorted((run / "evidence").iterdir())):
            shutil.copy(path, evidence)
            watch(pipeline.Progress(number, number, 100.0, number))
            if number == 5 and moment == "midway":
                dead()
            if moment == "slow":
                print(f"{number}", flush=True)
                while not (workspace / GO).exists():
                    time.sleep(0.02)
                time.sleep(0.2)
            if number == 5 and moment == "pictures":
                raise OutputError("{path}", path=path) from OSError(errno.ENOSPC, "No space left on device")
        return pickle.loads(kept.read_bytes())  # noqa: S301

    if moment == "really":
        return
    if kept.exists():
        pipeline.detect_drive = again
        model.Model = lambda *_: SimpleNamespace(image_px=640, name="made")  # type: ignore[misc, assignment]
    else:
        pipeline.detect_drive = recorded


def killed_at(moment: str) -> None:
    from detector import pipeline
    from roaddamage import drive_runs as runs
    from roaddamage.records import counting

    if moment == "claimed":
        pipeline.detect_drive = dead
    if moment == "counted":
        counting.count_in = after(counting.count_in)
    if moment == "rows":
        runs.name_evidence = dead
    if moment == "named":
        runs.name_evidence = after(runs.name_evidence)
    if moment == "kept":
        runs.keep = after(runs.keep)
    if moment == "torn":
        torn("name_evidence")
    if moment == "records":
        counting.count_in = filled(counting.count_in)


def torn(name: str) -> None:
    """A run's end fails once when its pictures have their names (by `name`); before the next attempt all of its drive is erased."""
    from roaddamage import drive_runs as runs

    named, to_end, failed = getattr(runs, name), runs.to_end, list[bool]()

    def fails_once(*args: Any) -> None:
        named(*args)
        if not failed:
            failed.append(True)
            raise OperationalError("server closed the connection unexpectedly")

    def erased_first(job: Any) -> Any:
        if failed:
            erase(job.drive)
        return to_end(job)

    setattr(runs, name, fails_once)
    runs.to_end = erased_first


def erase(drive: Any) -> None:
    from django.utils import timezone

    from roaddamage.records.models import Erased, Erasure

    now = timezone.now()
    asked = Erasure.objects.create(by=drive.by, lon=0, lat=0, radius_m=1, since=now, until=now)
    Erased.objects.create(erasure=asked, by=drive.by, kind="span", drive=drive, begin_s=0, end_s=1e6)


def is_erased(path: Path) -> bool:
    """Whether a file holds the grey picture that stands in an erased one's place."""
    with Image.open(path) as picture:
        return bool((abs(np.asarray(picture.convert("L")).astype(int) - 128) < 6).mean() > 0.7)


def filled(really: Any) -> Any:
    def wrapped(*args: Any) -> Any:
        with connection.cursor() as cursor:  # no page more than there are
            cursor.execute("PRAGMA page_count")
            cursor.execute(f"PRAGMA max_page_count={cursor.fetchone()[0]}")
        told = really(*args)
        with connection.cursor() as cursor:  # few rows may find room in the pages that are there
            cursor.execute("CREATE TABLE more AS SELECT randomblob(1000000) AS bytes")
        return told

    return wrapped


def twice() -> None:
    """The same trip a second time, as a drive of its own."""
    from roaddamage.jobs import enqueue
    from roaddamage.records.models import Drive, FootageFile

    drive = Drive.objects.get()
    files = list(drive.files.all())
    drive.pk, drive.name, drive.digest, drive.state = None, "again", "again", "recognised"
    drive.save()
    for file in files:
        file.pk, file.drive = None, drive
    FootageFile.objects.bulk_create(files)
    enqueue(drive, drive.by)


def queued_again() -> None:
    """As a person would have it run again."""
    from roaddamage.jobs import enqueue
    from roaddamage.records.models import Drive

    drive = Drive.objects.get()
    enqueue(drive, drive.by)


def after(really: Any) -> Any:
    def wrapped(*args: Any, **kwargs: Any) -> None:
        really(*args, **kwargs)
        dead()

    return wrapped


def summary(workspace: Path) -> dict[str, Any]:
    from django_tasks_db.models import DBTaskResult

    from roaddamage.records.models import Damage, Drive, Job, Passage, Sighting

    ranks = {pk: rank for rank, pk in enumerate(Damage.objects.order_by("pk").values_list("pk", flat=True))}
    fields = "damage", "class_id", "lon", "lat", "utc_s", "evidence", "frame"
    rows = [(ranks[first], *rest) for first, *rest in Sighting.objects.order_by("pk").values_list(*fields)]
    evidence = workspace / "evidence"
    return {
        "sightings": [list(row) for row in rows],
        "damages": len(ranks),
        "passages": Passage.objects.count(),
        "drives": list(Drive.objects.values_list("state", "found", "found_new")),
        "jobs": list(Job.objects.values_list("state", "problem")),
        "files": sorted(path.relative_to(evidence).as_posix() for path in evidence.rglob("*")),
        "places": sorted(set(DBTaskResult.objects.values_list("status", flat=True)) - {"FAILED"}),
    }


def day(workspace: Path, moment: str, run: Path) -> None:
    """Work until nothing waits, with what happens at a moment, and tell what there is then.

    `run` is a folder in which the first run is kept, and from which the others take what the detector told.
    """
    server.prepare(workspace)
    if moment == "twice":
        twice()
        return
    if moment == "again":
        queued_again()
    replayed(workspace, run, moment)
    killed_at(moment)
    from roaddamage import runs, workers

    if moment == "slow":
        runs.BEAT_S = 0.2
    workers.work(once=True)
    print(json.dumps(summary(workspace)))
