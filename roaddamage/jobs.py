"""Jobs: drives run by workers, one at a time each, whatever becomes of a worker.

A job waits (`queued`), runs, and is then done, failed or cancelled. Its results reach the records in one transaction
with its end, or not at all. A worker that lives says so every few seconds; the jobs of one that does not are handed
to another, a few times. Two workers never both finish a job: its end is written by the one whose name it bears.
"""

from __future__ import annotations

import logging
import os
import shutil
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from django_tasks import task

from detector.errors import N_, RoadDamageError
from detector.vehicle import Vehicle as Known
from roaddamage.problems import problem
from roaddamage.records.audit import audited
from roaddamage.records.models import Drive, Job, Turn, Vehicle

if TYPE_CHECKING:
    from detector.pipeline import DriveResult, Progress
    from maps.coverage import Way

BEAT_S = 5.0
DEAD_AFTER_S = 60.0
"""A worker that was silent for so long is taken for dead."""
MOST_ATTEMPTS = 3
log = logging.getLogger("roaddamage.jobs")


class JobError(RoadDamageError):
    """A job that can't be begun, or go on."""


class CancelledError(Exception):
    """Somebody asked the job to end."""


class LostError(Exception):
    """The job is another worker's now."""


def enqueue(drive: Drive, by: User) -> Job:
    """A job for a drive. Raises JobError where it has one that is not over, or was run already."""
    States = Drive.State  # noqa: N806
    if drive.state == States.done:
        raise JobError(N_("{drive} has been run already."), drive=drive.name)
    try:
        with transaction.atomic():
            job = Job.objects.create(drive=drive, by=by)
            Drive.objects.filter(pk=drive.pk).update(state=States.queued)
            audited(by, "job.queued", drive.name)
            run_job.enqueue(job.pk)
    except IntegrityError as error:
        raise JobError(N_("{drive} is waiting or running already."), drive=drive.name) from error
    drive.state = States.queued
    return job


def cancel(job: Job, by: User) -> None:
    """End a job: at once where it waits, else as soon as its worker hears of it."""
    with transaction.atomic():
        waiting = Job.objects.filter(pk=job.pk, state=Job.State.queued)
        if waiting.update(state=Job.State.cancelled, finished=timezone.now()):
            Drive.objects.filter(pk=job.drive_id).update(state=Drive.State.cancelled)
        else:
            Job.objects.filter(pk=job.pk, state=Job.State.running).update(cancel_asked=True)
        audited(by, "job.cancelled", job.drive.name)


def take_over() -> int:
    """Hand the jobs of workers that are no more to others; how many there were."""
    dead = timezone.now() - timedelta(seconds=DEAD_AFTER_S)
    count = 0
    for job in Job.objects.filter(state=Job.State.running, beat__lt=dead).select_related("drive"):
        with transaction.atomic():
            mine = Job.objects.filter(pk=job.pk, state=Job.State.running, beat=job.beat)
            if job.cancel_asked:
                _end(mine, job, Job.State.cancelled, Drive.State.cancelled)
            elif job.attempts >= MOST_ATTEMPTS:
                error = JobError(
                    N_("Its worker ended unexpectedly {count} times. Look at the server's log."),
                    count=job.attempts,
                )
                _end(mine, job, Job.State.failed, Drive.State.failed, problem(error))
            elif mine.update(state=Job.State.queued, worker=""):
                Drive.objects.filter(pk=job.drive_id).update(state=Drive.State.queued)
                run_job.enqueue(job.pk)
                count += 1
    return count


def _end(
    which: object, job: Job, state: str, drive_state: str, told: dict[str, object] | None = None
) -> None:
    if which.update(state=state, finished=timezone.now(), problem=told or {}):  # type: ignore[attr-defined]
        Drive.objects.filter(pk=job.drive_id).update(state=drive_state)


@task()
def run_job(number: int) -> str:
    """What a worker does; how the job ended."""
    worker = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    claimed = Job.objects.filter(pk=number, state=Job.State.queued).update(
        state=Job.State.running, worker=worker, started=timezone.now(), beat=timezone.now()
    )
    if not claimed:
        return "not waiting"
    job = Job.objects.select_related("drive__vehicle").get(pk=number)
    job.attempts += 1
    job.save(update_fields=["attempts"])
    Drive.objects.filter(pk=job.drive_id).update(state=Drive.State.running)
    mine = Job.objects.filter(pk=number, worker=worker, state=Job.State.running)
    try:
        with _beating(number, worker):
            _run(job, worker)
    except CancelledError:
        _end(mine, job, Job.State.cancelled, Drive.State.cancelled)
    except LostError:
        return "another worker's"
    except RoadDamageError as error:
        _end(mine, job, Job.State.failed, Drive.State.failed, problem(error, settings.WORKSPACE.folder))
    except Exception as error:
        log.exception("job %s failed", number)
        kept = JobError(
            N_("An unexpected fault: {kind}. The server's log says more."), kind=type(error).__name__
        )
        _end(mine, job, Job.State.failed, Drive.State.failed, problem(kept))
    return str(Job.objects.values_list("state", flat=True).get(pk=number))


@contextmanager
def _beating(number: int, worker: str) -> Iterator[None]:
    """Say every few seconds that this worker lives."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(BEAT_S):
            try:
                Job.objects.filter(pk=number, worker=worker).update(beat=timezone.now())
            except Exception:  # the database is away for a while; the next beat tries again
                log.warning("no beat of job %s could be written", number, exc_info=True)
            finally:
                connection.close()

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(BEAT_S)


def _run(job: Job, worker: str) -> None:
    from detector.model import Model
    from detector.pipeline import Options, detect_drive
    from roaddamage.gpus import device
    from roaddamage.intake import footage_of, hints
    from roaddamage.models import Models

    drive = job.drive
    staged: Path = settings.WORKSPACE.evidence / f".part-{job.pk}"
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir(parents=True)
    try:
        with device(waiting=lambda: _still_mine(job, worker)) as where:
            model = Model(Models(settings.WORKSPACE.folder).current(), where)
            vehicle = known_vehicle(drive.vehicle) if drive.vehicle else Known()
            options = Options(hints=hints(drive.gps_offset_s), vehicle=vehicle, keep_frames=True)
            result = detect_drive(footage_of(drive), model, options, staged, _watch(job, worker))
        _keep(job, worker, result, model.image_px, model.name, staged)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def known_vehicle(row: Vehicle) -> Known:
    """What a vehicle's drives taught of its camera."""
    from detector.camera import Camera

    return Known(Camera(**row.camera), row.drives_seen) if row.camera else Known()


def _watch(job: Job, worker: str) -> Callable[[Progress], None]:
    """What is told of each frame: now and then the records hear of it, and whether to go on is asked."""
    told_at = [timezone.now()]

    def watch(progress: Progress) -> None:
        now = timezone.now()
        if abs((now - told_at[0]).total_seconds()) < 1.0:
            return
        told_at[0] = now
        _still_mine(job, worker, metres_done=progress.metres, metres_total=progress.metres_total)

    return watch


def _still_mine(job: Job, worker: str, **values: float) -> None:
    """Raises CancelledError and LostError."""
    mine = Job.objects.filter(pk=job.pk, worker=worker, state=Job.State.running)
    if not mine.update(beat=timezone.now(), **values):
        raise LostError
    if mine.filter(cancel_asked=True).exists():
        raise CancelledError


def _keep(job: Job, worker: str, result: DriveResult, image_px: int, model: str, staged: Path) -> None:
    """Put a drive's results into the records, with the end of its job, as a whole."""
    from dataclasses import asdict

    from roaddamage.detect import drive_report, driven_of, way_of
    from roaddamage.records.counting import count_in
    from roaddamage.records.rows import fill_drive

    drive = job.drive
    way: Way = replace(way_of(result, image_px), drive=drive.name)
    sightings = [replace(one, drive=drive.name) for one in result.sightings]
    target: Path = settings.WORKSPACE.evidence / str(drive.pk)
    with transaction.atomic():
        Turn.take("counting")
        job = Job.objects.select_for_update().get(pk=job.pk)
        if job.worker != worker or job.state != Job.State.running:
            raise LostError
        if job.cancel_asked:
            raise CancelledError
        fill_drive(drive, way, driven_of(result))
        drive.duration_s = result.drive.duration_s
        drive.report = drive_report(result, ZoneInfo(settings.TIME_ZONE), str)
        drive.model, drive.state = model, Drive.State.done
        drive.save()
        counted = count_in(drive, way, sightings)
        drive.found, drive.found_new = counted.found, counted.new
        drive.save(update_fields=["found", "found_new"])
        if drive.vehicle and result.vehicle.camera:
            Vehicle.objects.filter(pk=drive.vehicle.pk).update(
                camera=asdict(result.vehicle.camera), drives_seen=result.vehicle.drives
            )
        job.state, job.finished = Job.State.done, timezone.now()
        job.metres_done = job.metres_total = result.metres
        job.save(update_fields=["state", "finished", "metres_done", "metres_total"])
        shutil.rmtree(target, ignore_errors=True)  # what a worker left that died just before the end
        staged.rename(target)


def work(*, once: bool = False) -> None:
    """A worker: takes jobs until it is asked to end (SIGTERM: after the job in hand); with `once`, those that wait."""
    from django_tasks_db.management.commands.db_worker import Worker

    over = threading.Event()

    def look() -> None:
        while True:
            try:
                take_over()
            except Exception:
                log.warning("jobs of dead workers could not be looked for", exc_info=True)
            finally:
                connection.close()
            if over.wait(BEAT_S * 3):
                return

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    worker = Worker(
        queue_names=["*"], interval=1.0, batch=once, backend_name="default", startup_delay=False, max_tasks=None,
        worker_id=uuid.uuid4().hex, excluded_queue_names=[],
    )  # fmt: skip
    if threading.current_thread() is threading.main_thread():
        worker.configure_signals()
    try:
        worker.run()
    finally:
        over.set()
