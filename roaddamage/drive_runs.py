"""A drive's run: through the pipeline, and into the records.

The results of a drive reach the records with the end of its job in one transaction, and its evidence folder gets its name
just before that ends. Killed before, nothing of it counts, and what lies on the disk is replaced by the next run; killed
after, it is done.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from detector.kept_area import kept_area
from detector.vehicle import Vehicle as Known
from roaddamage import leaving as leaving_files
from roaddamage.faults import AWAY, is_full
from roaddamage.records.models import Drive, Job, Turn, Vehicle
from roaddamage.rerun_results import hand_over, replace_results, take_back, tell_of, withdraw
from roaddamage.runs import LeavingError, go_on, leaving, patiently, to_end

if TYPE_CHECKING:
    from detector.pipeline import DriveResult, Progress
    from maps.coverage import Way

TOLD_EVERY_S = 1.0


def run_drive(job: Job) -> None:
    """Put a drive through the pipeline, and its results into the records with its job's end."""
    from detector.model import Model
    from detector.pipeline import Options, detect_drive
    from roaddamage.gpus import device
    from roaddamage.masker_in_use import people_file
    from roaddamage.models import Models
    from roaddamage.understanding import footage_of, hints

    drive = job.drive
    staged = _staged(job)
    try:
        with device(waiting=lambda: go_on(job)) as where:
            model = Model(Models(settings.WORKSPACE.folder).current(), where)
            vehicle = known_vehicle(drive.vehicle) if drive.vehicle else Known()
            options = Options(
                hints=hints(drive.gps_offset_s), vehicle=vehicle, keep_frames=True, people=people_file()
            )
            result = detect_drive(footage_of(drive), model, options, staged, _watch(job))
        os.sync()  # the pictures are on the disk before a row names them
        # Where the disk is full, the pictures of this run are to make room before its end can be written.
        patiently(lambda: keep(job, result, model.image_px, model.name, staged), when_full=False)
    except AWAY as error:
        if is_full(error) and job.again:
            withdraw(job)
        elif is_full(error) and not staged.exists():
            shutil.rmtree(settings.WORKSPACE.evidence / str(drive.pk), ignore_errors=True)
        raise
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _staged(job: Job) -> Path:
    """A folder of this run alone for its pictures; those of earlier runs of the job that were killed go."""
    folder: Path = settings.WORKSPACE.evidence
    for left in folder.glob(f".part-{job.pk}-*"):
        shutil.rmtree(left, ignore_errors=True)
    staged = folder / f".part-{job.pk}-{job.worker}"
    staged.mkdir(parents=True)
    return staged


def known_vehicle(row: Vehicle) -> Known:
    """What a vehicle's drives taught of its camera, and the area of its pictures that is kept."""
    from detector.camera import Camera

    return Known(Camera(**row.camera) if row.camera else None, row.drives_seen, kept_area(row.kept))


def _watch(job: Job) -> Callable[[Progress], None]:
    """What is told of each frame: now and then the records hear of it, and whether to go on is asked."""
    told_at = time.monotonic()

    def watch(progress: Progress) -> None:
        nonlocal told_at
        if leaving.is_set():
            raise LeavingError
        if time.monotonic() - told_at < TOLD_EVERY_S:
            return
        told_at = time.monotonic()
        go_on(job, metres_done=progress.metres, metres_total=progress.metres_total)

    return watch


def keep(job: Job, result: DriveResult, image_px: int, model: str, staged: Path) -> None:
    """Put a drive's results into the records, with the end of its job, as a whole.

    Nothing is done where this run has done it. Raises LostError and CancelledError.
    """
    from roaddamage.detect import way_of
    from roaddamage.erased_pictures import hide_new
    from roaddamage.records.placing import roads_now

    drive = Drive.objects.get(pk=job.drive_id)
    way: Way = replace(way_of(result, image_px), drive=drive.name)
    evidence = settings.WORKSPACE.evidence / str(drive.pk)
    roads_now()  # read now, where they are not yet, so that nobody waits for that
    with transaction.atomic():
        Turn.take("counting")
        now = to_end(job)
        if now is None:
            return
        if not staged.exists():
            # An attempt before named the pictures, and then failed: since then more of them may have been erased.
            if job.again:
                take_back(job, staged)
            else:
                evidence.rename(staged)
        result = replace(result, sightings=hide_new(drive, result.sightings, staged))
        if job.again:
            replace_results(job, drive, way, result, model)
        else:
            fill(drive, way, result, model)
        now.state, now.finished = Job.State.done, timezone.now()
        now.metres_done = now.metres_total = result.metres
        now.save(update_fields=["state", "finished", "metres_done", "metres_total"])
        if job.again:
            hand_over(job, staged)
        else:
            name_evidence(staged, evidence)
    leaving_files.remove()


def fill(drive: Drive, way: Way, result: DriveResult, model: str) -> None:
    """A drive's rows: its way, its report, its damages, and what it taught of its vehicle's camera."""
    from dataclasses import asdict

    from roaddamage.detect import drive_report, driven_of
    from roaddamage.records.counting import count_in
    from roaddamage.records.rows import fill_drive

    fill_drive(drive, way, driven_of(result))
    drive.duration_s = result.drive.duration_s
    drive.report = drive_report(result, ZoneInfo(settings.TIME_ZONE), str)
    drive.model, drive.state = model, Drive.State.done
    drive.save()
    counted = count_in(drive, way, [replace(one, drive=drive.name) for one in result.sightings])
    drive.found, drive.found_new = counted.found, counted.new
    drive.save(update_fields=["found", "found_new"])
    tell_of(drive, counted.fresh)
    if drive.vehicle and result.vehicle.camera:
        Vehicle.objects.filter(pk=drive.vehicle.pk).update(
            camera=asdict(result.vehicle.camera), drives_seen=result.vehicle.drives
        )


def name_evidence(staged: Path, target: Path) -> None:
    """Give the pictures' folder its name."""
    shutil.rmtree(target, ignore_errors=True)  # what a worker left that died just before the end
    staged.rename(target)
