"""Jobs: drives run by workers, one at a time each, whatever becomes of a worker.

A job waits (`queued`), runs, and is then done, failed or cancelled. Its results reach the records in one transaction
with its end, or not at all (`roaddamage.runs`). Two workers never both finish a job: its end is written by the one
whose name it bears.

A worker that lives changes the job's `beat` every few seconds. Others look (`Watch`), and where a beat stays the same
for `DEAD_AFTER_S` of their own steady clock, or the worker's lock on this machine is free, the job is handed to another,
`MOST_ATTEMPTS` times at most. No two machines' clocks are compared: one that jumps neither loses a job nor runs it twice.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Hashable
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from django_tasks import task

from detector.errors import N_, RoadDamageError
from roaddamage import locks
from roaddamage.problems import problem
from roaddamage.records.audit import audited
from roaddamage.records.models import Drive, Job

DEAD_AFTER_S = 60.0
"""A worker that was silent for so long is taken for dead."""
MOST_ATTEMPTS = 3
"""So often a job is begun by itself; after that a person may have it run again."""
LEAST_TOLD_M = 50.0
"""Of a drive's way, before the time that is left is told."""


class JobError(RoadDamageError):
    """A job that can't be begun, or go on."""


def enqueue(drive: Drive, by: User) -> Job:
    """A job for a drive, also where one before failed or was cancelled.

    Raises JobError where it has one that is not over, or was run already.
    """
    try:
        with transaction.atomic():
            row = Drive.objects.select_for_update().get(pk=drive.pk)
            if row.state == Drive.State.done:
                raise JobError(N_("{drive} has been run already."), drive=drive.name)
            job = Job.objects.create(drive=drive, by=by)
            _drive_is(job, Drive.State.queued)
            audited(by, "job.queued", drive.name)
            run_job.enqueue(job.pk)
    except IntegrityError as error:
        raise JobError(N_("{drive} is waiting or running already."), drive=drive.name) from error
    drive.state = Drive.State.queued
    return job


def cancel(job: Job, by: User) -> bool:
    """End a job: at once where it waits, else as soon as its worker hears of it; whether it was not over yet."""
    with transaction.atomic():
        row = Job.objects.select_for_update().get(pk=job.pk)
        if row.state == Job.State.queued:
            end(row, Job.State.cancelled)
        elif row.state == Job.State.running:
            Job.objects.filter(pk=row.pk).update(cancel_asked=True)
        else:
            return False
        audited(by, "job.cancelled", job.drive.name)
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


def running_as(job: Job, worker: str) -> QuerySet[Job]:
    """The job, as long as it is this worker's."""
    return Job.objects.filter(pk=job.pk, worker=worker, state=Job.State.running)


def claim(number: int, worker: str) -> Job | None:
    """The job for this worker alone; None where it waits no more."""
    now = timezone.now()
    with transaction.atomic():
        claimed = Job.objects.filter(pk=number, state=Job.State.queued).update(
            state=Job.State.running, worker=worker, started=now, beat=now, attempts=F("attempts") + 1,
            metres_done=0.0, metres_total=0.0, problem={},
        )  # fmt: skip
        if not claimed:
            return None
        job = Job.objects.select_related("drive__vehicle").get(pk=number)
        _drive_is(job, Drive.State.running)
    return job


def end(job: Job, state: str, error: RoadDamageError | None = None, **told: Any) -> None:
    """End a job that is still as it was read: that wins which is first. To be called within a transaction or alone."""
    with transaction.atomic():
        mine = Job.objects.filter(pk=job.pk, state=job.state, worker=job.worker)
        kept = problem(error, **told) if error else {}
        if mine.update(state=state, finished=timezone.now(), problem=kept):
            _drive_is(job, state)


def hand_back(job: Job, *, counted: bool) -> bool:
    """Let another worker run a job that is still as it was read; `counted`: as one of its attempts."""
    with transaction.atomic():
        mine = Job.objects.filter(pk=job.pk, state=Job.State.running, worker=job.worker)
        attempts = job.attempts if counted else max(job.attempts - 1, 0)
        if not mine.update(state=Job.State.queued, worker="", attempts=attempts, metres_done=0.0):
            return False
        _drive_is(job, Drive.State.queued)
        run_job.enqueue(job.pk)
    return True


def give_up_or_back(job: Job, error: RoadDamageError) -> bool:
    """After a fault that may pass: let it run again, or fail with this error where that was tried often enough."""
    if job.cancel_asked:
        end(job, Job.State.cancelled)
    elif job.attempts >= MOST_ATTEMPTS:
        end(job, Job.State.failed, error)
    else:
        return hand_back(job, counted=True)
    return False


def _drive_is(job: Job, state: str) -> None:
    Drive.objects.filter(pk=job.drive_id).update(state=state)


@task(takes_context=True)
def run_job(context: Any, number: int) -> str:
    """What a worker does; how the job ended."""
    from roaddamage.runs import run

    return run(number, context.task_result.worker_ids[-1])


class Watch:
    """Looks for jobs whose worker is no more, and for places in the queue that got lost with one."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._seen: dict[Hashable, tuple[object, float]] = {}

    def look(self) -> int:
        """Hand on what dead workers left; how many jobs. Raises what the database does; then all begins anew."""
        try:
            return self._taken_over() + self._queued_again()
        except Exception:
            self._seen.clear()  # nobody could write a beat: that silence tells nothing
            raise

    def _taken_over(self) -> int:
        count = 0
        running = list(Job.objects.filter(state=Job.State.running))
        for job in running:
            if ended(job.worker) or self._silent(("job", job.pk), (job.worker, job.beat)):
                count += self._take_over(job)
        self._forget("job", {job.pk for job in running})
        return count

    def _take_over(self, job: Job) -> int:
        error = JobError(
            N_("The program that ran this drive ended unexpectedly, {count} times. The server's log says more."),
            count=job.attempts,
        )  # fmt: skip
        with transaction.atomic():
            now = Job.objects.select_for_update().filter(
                pk=job.pk, state=job.state, worker=job.worker, beat=job.beat
            )
            return int(give_up_or_back(row, error)) if (row := now.first()) else 0

    def _queued_again(self) -> int:
        """Places in the queue that a dead worker held are given up; a job that waits has one again."""
        from django_tasks_db.models import DBTaskResult

        open_rows = DBTaskResult.objects.filter(
            task_path=run_job.module_path, status__in=("READY", "RUNNING")
        )
        places: defaultdict[int, int] = defaultdict(int)
        living = dict(Job.objects.filter(state=Job.State.running).values_list("pk", "worker"))
        rows = list(open_rows)
        for row in rows:
            number, holder = row.args_kwargs["args"][0], (row.worker_ids or [""])[-1]
            lost = row.status == "RUNNING" and living.get(number) != holder
            if lost and (ended(holder) or self._silent(("row", row.pk), holder)):
                open_rows.filter(pk=row.pk, status="RUNNING").update(
                    status="FAILED", finished_at=timezone.now()
                )
            else:
                places[number] += 1
        self._forget("row", {row.pk for row in rows})
        count = 0
        for job in Job.objects.filter(state=Job.State.queued):
            if not places[job.pk]:
                run_job.enqueue(job.pk)
                count += 1
        return count

    def _silent(self, key: Hashable, sign: object) -> bool:
        """Whether this has been as it is for longer than a living worker leaves it."""
        before, since = self._seen.get(key, (None, 0.0))
        if before != sign:
            self._seen[key] = sign, self.clock()
            return False
        return self.clock() - since > DEAD_AFTER_S

    def _forget(self, kind: str, left: set[Any]) -> None:
        self._seen = {
            key: told for key, told in self._seen.items() if key[0] != kind or key[1] in left  # type: ignore[index]
        }  # fmt: skip


def ended(worker: str) -> bool:
    """Whether a worker of this machine is no more; False for those of other machines, of which nothing is known."""
    if not worker:
        return False
    with locks.held(lock_of(worker), make=False) as free:
        return free


def lock_of(worker: str) -> Any:
    """The lock that a worker holds as long as it lives."""
    return locks.place() / f"roaddamage-worker-{worker}.lock"
