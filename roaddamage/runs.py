"""A run: a worker's work on one job, from its claim to its end.

The results of a drive reach the records with the end of its job in one transaction, and its evidence folder gets its name
just before that ends. Killed before, nothing of it counts, and what lies on the disk is replaced by the next run; killed
after, it is done. The database may be away for a while: a run goes on without it, and waits for it at its end.
"""

from __future__ import annotations

import logging
import os
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from detector.errors import N_, RoadDamageError
from detector.vehicle import Vehicle as Known
from roaddamage.beating import beating
from roaddamage.faults import AWAY, fault_of, is_away, is_full
from roaddamage.jobs import JobError, claim, end, give_up_or_back, hand_back, running_as
from roaddamage.records.models import Damage, Drive, Job, Turn, Vehicle

if TYPE_CHECKING:
    from detector.pipeline import DriveResult, Progress
    from maps.coverage import Way

BEAT_S = 5.0
TOLD_EVERY_S = 1.0
WAITS_S = (1.0, 2.0, 5.0, *[10.0] * 60)
"""Between attempts to write the end of a run: some ten minutes in all."""
log = logging.getLogger("roaddamage.jobs")
leaving = threading.Event()
"""Set where this process is to end: the job in hand goes back to the queue."""
Told = TypeVar("Told")


class CancelledError(Exception):
    """Somebody asked the job to end."""


class LostError(Exception):
    """The job is another worker's now."""


class LeavingError(Exception):
    """The worker is to end."""


class FullError(JobError):
    """A disk that is full."""

    template = N_(
        "The disk is full, so that the results could not be kept. Free some space on the server, then have the drive run again."
    )


def run(number: int, worker: str) -> str:
    """Run a job, where it waits still; how it ended. Raises `AWAY` where the database stays away."""
    job = claim(number, worker)
    if job is None:
        return "not waiting"
    try:
        with beating(
            lambda: running_as(job, job.worker).update(beat=timezone.now()), BEAT_S, f"job {job.pk}"
        ):
            _run(job)
    except CancelledError:
        patiently(lambda: end(job, Job.State.cancelled))
    except LostError:
        return "another worker's"
    except LeavingError:
        patiently(lambda: hand_back(job, counted=False))
    except Exception as error:
        _failed(job, error)
    state = Job.objects.filter(pk=number).values_list("state", flat=True).first()
    return str(state or "deleted")


def _failed(job: Job, error: Exception) -> None:
    told = problem_of(error)
    if isinstance(error, RoadDamageError | OSError):
        log.warning("job %s: %s", job.pk, told)
    else:
        log.error("job %s failed", job.pk, exc_info=error)
    if is_away(error) and not is_full(error):
        patiently(lambda: give_up_or_back(job, told))
    else:
        patiently(lambda: end(job, Job.State.failed, told, folder=settings.WORKSPACE.folder))


def problem_of(error: BaseException) -> RoadDamageError:
    """What a person is told of an error."""
    if is_full(error) or is_full(error.__cause__):
        return FullError()
    if isinstance(error, RoadDamageError):
        return error
    if is_away(error):
        return JobError(
            N_("The database did not answer for too long. Once it does again, have the drive run again.")
        )
    if isinstance(error, MemoryError):
        return JobError(
            N_("The server's memory did not suffice. Run fewer workers, or on a machine with more of it.")
        )
    return fault_of(error)


def patiently(write: Callable[[], Told], *, when_full: bool = True) -> Told:
    """What `write` does, tried anew while the database is away (`when_full`: also while its disk is full).

    Raises `AWAY` after some ten minutes.
    """
    for wait_s in WAITS_S:
        try:
            return write()
        except AWAY as error:
            if not is_away(error) or (is_full(error) and not when_full):
                raise
            log.warning("the database is away (%s); trying again", error)
            connection.close()
            time.sleep(wait_s)
    return write()


def _run(job: Job) -> None:
    from detector.model import Model
    from detector.pipeline import Options, detect_drive
    from roaddamage.gpus import device
    from roaddamage.models import Models
    from roaddamage.understanding import footage_of, hints

    drive = job.drive
    staged = _staged(job)
    try:
        with device(waiting=lambda: go_on(job)) as where:
            model = Model(Models(settings.WORKSPACE.folder).current(), where)
            vehicle = known_vehicle(drive.vehicle) if drive.vehicle else Known()
            options = Options(hints=hints(drive.gps_offset_s), vehicle=vehicle, keep_frames=True)
            result = detect_drive(footage_of(drive), model, options, staged, _watch(job))
        os.sync()  # the pictures are on the disk before a row names them
        # Where the disk is full, the pictures of this run are to make room before its end can be written.
        patiently(lambda: keep(job, result, model.image_px, model.name, staged), when_full=False)
    except AWAY as error:
        if is_full(error) and not staged.exists():
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
    """What a vehicle's drives taught of its camera."""
    from detector.camera import Camera

    return Known(Camera(**row.camera), row.drives_seen) if row.camera else Known()


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


def go_on(job: Job, **values: float) -> None:
    """Say how far it is. Raises CancelledError, LostError and LeavingError; a database that is away is no reason."""
    if leaving.is_set():
        raise LeavingError
    try:
        asked = running_as(job, job.worker).values_list("cancel_asked", flat=True).first()
        if asked is not None and values:
            running_as(job, job.worker).update(**values)
    except AWAY as error:
        log.warning("job %s goes on, though the database is away: %s", job.pk, error)
        connection.close()
        return
    if asked is None:
        raise LostError
    if asked:
        raise CancelledError


def keep(job: Job, result: DriveResult, image_px: int, model: str, staged: Path) -> None:
    """Put a drive's results into the records, with the end of its job, as a whole.

    Nothing is done where this run has done it: a connection that broke at the very end leaves that untold. Raises
    LostError and CancelledError.
    """
    from roaddamage.detect import way_of
    from roaddamage.records.placing import roads_now

    drive = Drive.objects.get(pk=job.drive_id)
    way: Way = replace(way_of(result, image_px), drive=drive.name)
    roads_now()  # read now, where they are not yet, so that nobody waits for that
    with transaction.atomic():
        Turn.take("counting")
        now = Job.objects.select_for_update().get(pk=job.pk)
        if now.worker == job.worker and now.state == Job.State.done:
            return
        if now.worker != job.worker or now.state != Job.State.running:
            raise LostError
        if now.cancel_asked:
            raise CancelledError
        fill(drive, way, result, model)
        now.state, now.finished = Job.State.done, timezone.now()
        now.metres_done = now.metres_total = result.metres
        now.save(update_fields=["state", "finished", "metres_done", "metres_total"])
        name_evidence(staged, settings.WORKSPACE.evidence / str(drive.pk))


def fill(drive: Drive, way: Way, result: DriveResult, model: str) -> None:
    """A drive's rows: its way, its report, its damages, and what it taught of its vehicle's camera."""
    from dataclasses import asdict

    from roaddamage.detect import drive_report, driven_of
    from roaddamage.records.counting import count_in
    from roaddamage.records.facts import damage_of
    from roaddamage.records.rows import fill_drive
    from roaddamage.webhooks import NEW, tell

    fill_drive(drive, way, driven_of(result))
    drive.duration_s = result.drive.duration_s
    drive.report = drive_report(result, ZoneInfo(settings.TIME_ZONE), str)
    drive.model, drive.state = model, Drive.State.done
    drive.save()
    counted = count_in(drive, way, [replace(one, drive=drive.name) for one in result.sightings])
    drive.found, drive.found_new = counted.found, counted.new
    drive.save(update_fields=["found", "found_new"])
    if counted.fresh:
        fresh = Damage.objects.filter(pk__in=counted.fresh).select_related("assignee").order_by("pk")
        told = {
            "drive": {"number": drive.pk, "name": drive.name},
            "damages": [damage_of(row) for row in fresh],
        }
        tell(NEW, told)
    if drive.vehicle and result.vehicle.camera:
        Vehicle.objects.filter(pk=drive.vehicle.pk).update(
            camera=asdict(result.vehicle.camera), drives_seen=result.vehicle.drives
        )


def name_evidence(staged: Path, target: Path) -> None:
    """Give the pictures' folder its name. Where an attempt before did, and its transaction failed, it stays."""
    if staged.exists():
        shutil.rmtree(target, ignore_errors=True)  # what a worker left that died just before the end
        staged.rename(target)
