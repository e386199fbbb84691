"""Jobs: work done by workers, one at a time each, whatever becomes of a worker.

What is said here of a job, a drive's run, holds for each kind of work (`roaddamage.records.models.Work`). A job waits
(`queued`), runs, and is then done, failed or cancelled. Its results reach the records in one transaction with its end,
or not at all (`roaddamage.runs`). Two workers never both finish a job: its end is written by the one whose name it
bears.

A worker that lives changes the job's `beat` every few seconds. Others look (`Watch`), and where a beat stays the same
for `DEAD_AFTER_S` of their own steady clock, or the worker's lock on this machine is free, the job is handed to another,
`MOST_ATTEMPTS` times at most. No two machines' clocks are compared: one that jumps neither loses a job nor runs it twice.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from django_tasks import task

from detector.errors import N_, RoadDamageError
from roaddamage import locks
from roaddamage.problems import problem
from roaddamage.records.audit import audited
from roaddamage.records.models import Drive, Job, Training, Work

DRIVES, TRAININGS = "default", "trainings"
"""Queues: a drive never waits behind a training, which takes hours, as each has workers of its own."""
DEAD_AFTER_S = 60.0
"""A worker that was silent for so long is taken for dead."""
MOST_ATTEMPTS = 3
"""So often a job is begun by itself; after that a person may have it run again."""
LEAST_TOLD_M = 50.0
"""Of a drive's way, before the time that is left is told."""
Kind = TypeVar("Kind", bound=Work)


class JobError(RoadDamageError):
    """A job that can't be begun, or go on."""


class FootageGoneError(JobError):
    """Files of a drive are not where they were put."""


def enqueue(drive: Drive, by: User) -> Job:
    """A job for a drive, also where one before failed or was cancelled.

    Raises JobError where it has one that is not over, or was run already.
    """
    try:
        with transaction.atomic():
            row = Drive.objects.select_for_update().get(pk=drive.pk)
            if row.state == Drive.State.done:
                raise JobError(N_("{drive} has been run already."), drive=drive.name)
            check_footage(row)
            job = Job.objects.create(drive=drive, by=by)
            put_in(job, by)
    except IntegrityError as error:
        raise JobError(N_("{drive} is waiting or running already."), drive=drive.name) from error
    drive.state = Drive.State.queued
    return job


def check_footage(drive: Drive) -> None:
    """Raises FootageGoneError where a drive's footage was deleted."""
    if drive.footage_deleted:
        day = f"{timezone.localtime(drive.footage_deleted):%Y-%m-%d}"
        raise FootageGoneError(
            N_("The footage of {drive} was deleted on {day}: it can't be run again."),
            drive=drive.name, day=day,
        )  # fmt: skip


def put_in(job: Work, by: User) -> None:
    """Put new work into the queue, within the transaction that made it."""
    job.now_is(job.state)
    audited(by, f"{job.NOUN}.queued", job.title)
    _place(job)


def _place(job: Work) -> None:
    """A place in the queue."""
    TASKS[type(job)].using(priority=job.priority).enqueue(job.pk)


def rows(job: Kind) -> QuerySet[Kind]:
    """The rows of its kind."""
    return type(job)._default_manager.all()


def cancel(job: Work, by: User) -> bool:
    """End a job: at once where it waits, else as soon as its worker hears of it; whether it was not over yet."""
    with transaction.atomic():
        row = rows(job).select_for_update().get(pk=job.pk)
        if row.state == Work.State.queued:
            end(row, Work.State.cancelled)
        elif row.state == Work.State.running:
            rows(row).filter(pk=row.pk).update(cancel_asked=True)
        else:
            return False
        audited(by, f"{job.NOUN}.cancelled", job.title)
    return True


def share_done(job: Job) -> float:
    """How much of its way a job has behind it, from 0 to 1."""
    return min(job.metres_done / job.metres_total, 1.0) if job.metres_total else 0.0


def seconds_left(job: Job) -> float | None:
    """How long a running job will take yet, by what it took so far; None where that can't be told."""
    left_m = job.metres_total - job.metres_done
    if job.state != Job.State.running or job.started is None or job.metres_done < LEAST_TOLD_M or left_m <= 0:
        return None
    so_far_s = (timezone.now() - job.started).total_seconds()
    return so_far_s / job.metres_done * left_m if so_far_s > 0 else None


def running_as(job: Kind, worker: str) -> QuerySet[Kind]:
    """The job, as long as it is this worker's."""
    return rows(job).filter(pk=job.pk, worker=worker, state=Work.State.running)


def claim(number: int, worker: str, kind: type[Kind] = Job) -> Kind | None:  # type: ignore[assignment]
    """The job for this worker alone; None where it waits no more."""
    now, every = timezone.now(), kind._default_manager.all()
    with transaction.atomic():
        claimed = every.filter(pk=number, state=Work.State.queued).update(
            state=Work.State.running, worker=worker, started=now, beat=now, attempts=F("attempts") + 1,
            problem={}, **kind.FRESH,
        )  # fmt: skip
        if not claimed:
            return None
        job = every.get(pk=number)
        job.now_is(Work.State.running)
    return job


def end(job: Work, state: str, error: RoadDamageError | None = None, **told: Any) -> None:
    """End a job that is still as it was read: that wins which is first. To be called within a transaction or alone."""
    with transaction.atomic():
        mine = rows(job).filter(pk=job.pk, state=job.state, worker=job.worker)
        kept = problem(error, **told) if error else {}
        if mine.update(state=state, finished=timezone.now(), problem=kept):
            job.now_is(state)


def hand_back(job: Work, *, counted: bool) -> bool:
    """Let another worker run a job that is still as it was read; `counted`: as one of its attempts."""
    with transaction.atomic():
        attempts = job.attempts if counted else max(job.attempts - 1, 0)
        mine = running_as(job, job.worker)
        if not mine.update(state=Work.State.queued, worker="", attempts=attempts, **job.FRESH):
            return False
        job.now_is(Work.State.queued)
        _place(job)
    return True


def give_up_or_back(job: Work, error: RoadDamageError) -> bool:
    """After a fault that may pass: let it run again, or fail with this error where that was tried often enough."""
    if job.cancel_asked:
        end(job, Work.State.cancelled)
    elif job.attempts >= MOST_ATTEMPTS:
        end(job, Work.State.failed, error)
    else:
        return hand_back(job, counted=True)
    return False


@task(takes_context=True)
def run_job(context: Any, number: int) -> str:
    """What a worker does with a drive; how the job ended."""
    from roaddamage.drive_runs import run_drive
    from roaddamage.runs import run

    return run(Job, number, context.task_result.worker_ids[-1], run_drive)


@task(queue_name=TRAININGS, takes_context=True)
def train(context: Any, number: int) -> str:
    """What a worker does with a training; how it ended."""
    from roaddamage.runs import run
    from roaddamage.training_runs import run_training

    return run(Training, number, context.task_result.worker_ids[-1], run_training)


TASKS: dict[type[Work], Any] = {Job: run_job, Training: train}
"""What workers do with each kind of work; it is called with its number."""


class Watch:
    """Looks for jobs whose worker is no more, and for places in the queue that got lost with one."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._seen: dict[tuple[Hashable, Any], tuple[object, float]] = {}

    def look(self) -> int:
        """Hand on what dead workers left; how many jobs. Raises what the database does; then all begins anew."""
        try:
            return self._taken_over() + self._queued_again()
        except Exception:
            self._seen.clear()  # nobody could write a beat: that silence tells nothing
            raise

    def _taken_over(self) -> int:
        count = 0
        for kind in TASKS:
            running = list(kind._default_manager.filter(state=Work.State.running))
            for job in running:
                key = kind, job.pk
                if ended(job.worker) or self._silent(key, (job.worker, job.beat)):
                    count += self._take_over(job)
            self._forget(kind, {job.pk for job in running})
        return count

    def _take_over(self, job: Work) -> int:
        error = JobError(
            N_("The program that ran this ended unexpectedly, {count} times. The server's log says more."),
            count=job.attempts,
        )  # fmt: skip
        with transaction.atomic():
            now = (
                rows(job)
                .select_for_update()
                .filter(pk=job.pk, state=job.state, worker=job.worker, beat=job.beat)
            )
            return int(give_up_or_back(row, error)) if (row := now.first()) else 0

    def _queued_again(self) -> int:
        """Places in the queue that a dead worker held are given up; a job that waits has one again."""
        return sum(self._placed_again(kind, task.module_path) for kind, task in TASKS.items())

    def _placed_again(self, kind: type[Work], path: str) -> int:
        from django_tasks_db.models import DBTaskResult

        every = kind._default_manager.all()
        open_rows = DBTaskResult.objects.filter(task_path=path, status__in=("READY", "RUNNING"))
        places: defaultdict[int, int] = defaultdict(int)
        living = dict(every.filter(state=Work.State.running).values_list("pk", "worker"))
        held = list(open_rows)
        for row in held:
            number, holder = row.args_kwargs["args"][0], (row.worker_ids or [""])[-1]
            lost = row.status == "RUNNING" and living.get(number) != holder
            if lost and (ended(holder) or self._silent((path, row.pk), holder)):
                open_rows.filter(pk=row.pk, status="RUNNING").update(
                    status="FAILED", finished_at=timezone.now()
                )
            else:
                places[number] += 1
        self._forget(path, {row.pk for row in held})
        lost_ones = [job for job in every.filter(state=Work.State.queued) if not places[job.pk]]
        for job in lost_ones:
            _place(job)
        return len(lost_ones)

    def _silent(self, key: tuple[Hashable, Any], sign: object) -> bool:
        """Whether this has been as it is for longer than a living worker leaves it."""
        before, since = self._seen.get(key, (None, 0.0))
        if before != sign:
            self._seen[key] = sign, self.clock()
            return False
        return self.clock() - since > DEAD_AFTER_S

    def _forget(self, kind: Hashable, left: set[Any]) -> None:
        self._seen = {key: told for key, told in self._seen.items() if key[0] != kind or key[1] in left}


def ended(worker: str) -> bool:
    """Whether a worker of this machine is no more; False for those of other machines, of which nothing is known."""
    if not worker:
        return False
    with locks.held(lock_of(worker), make=False) as free:
        return free


def lock_of(worker: str) -> Any:
    """The lock that a worker holds as long as it lives."""
    return locks.place() / f"roaddamage-worker-{worker}.lock"
