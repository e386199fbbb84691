"""A worker that runs a drive again, and is killed at a moment of that: what tests call in a process apart."""

from __future__ import annotations

import functools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import bad_day

from roaddamage import server

MOMENTS = ("replaced", "handed over", "kept", "removed")


def day(workspace: Path, moment: str, run: Path) -> None:
    """Have the drive run again, where nobody asked for that yet, work until nothing waits, and tell what there is then.

    `run` is a folder in which its first run is kept; of that every second sighting is seen again. `really`: by the detector, which is
    to be surer.
    """
    server.prepare(workspace)
    from detector import pipeline
    from roaddamage import leaving, workers
    from roaddamage.records.models import Drive, Rerun
    from roaddamage.reruns import begin

    if moment != "look":
        if not Rerun.objects.exists():
            begin(Drive.objects.all(), Drive.objects.get().by)
        bad_day.replayed(workspace, run, moment)
        if moment == "really":
            pipeline.Options = functools.partial(pipeline.Options, confidence=0.6)  # type: ignore[misc, assignment]
        else:
            pipeline.detect_drive = halved(pipeline.detect_drive)
        killed_at(moment)
        workers.work(once=True)
        leaving.remove()  # as retention does each night
    changes = Rerun.objects.get().drives.get().changes
    told = bad_day.summary(workspace)
    print(json.dumps(told | {"changes": sorted(changes.values_list("kind", "number", "judged"))}))


def halved(really: Any) -> Any:
    def wrapped(*args: Any) -> Any:
        result = really(*args)
        return replace(result, sightings=result.sightings[::2])

    return wrapped


def killed_at(moment: str) -> None:
    from roaddamage import drive_runs as runs

    for name, function in (("replaced", "replace_results"), ("handed over", "hand_over"), ("kept", "keep")):
        if moment == name:
            setattr(runs, function, bad_day.after(getattr(runs, function)))
    if moment == "torn":
        bad_day.torn("hand_over")
    if moment == "removed":
        runs.leaving_files.remove = bad_day.dead
