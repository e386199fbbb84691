"""Re-runs: a choice of drives run again on the model in use, cheapest first and after new footage.

Each drive has a job of its own (`Job.again`), so that workers run it, take it over and hand it back as any other; its results stay
until the new ones stand in their place (`roaddamage.rerun_results`). What was cancelled can be continued.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet

from detector.errors import N_
from detector.forms import model_name
from roaddamage.jobs import JobError, cancel, check_footage, put_in
from roaddamage.models import Models
from roaddamage.problems import problem
from roaddamage.records.audit import audited
from roaddamage.records.models import Drive, Job, Rerun, RerunDrive
from roaddamage.records.models.drives import LONG

LATELY = 50
"""Runs that tell how long a metre takes."""
FEWEST_M = 100.0
"""Of their way together, before that is told."""


class RerunError(JobError):
    """A re-run that can't be begun or continued."""


@dataclass(frozen=True)
class Progress:
    """How far a re-run is: drives by what became of them, metres, and seconds left (None where that can't be told)."""

    drives: int
    done: int
    failed: int
    open: int
    running: int
    metres: float
    metres_done: float
    left_s: float | None

    @property
    def state(self) -> str:
        """One of `Job.State`: running, queued, done, failed, or cancelled where it can be continued."""
        if self.open:
            return Job.State.running if self.running or self.done else Job.State.queued
        if self.done == self.drives:
            return Job.State.done
        return Job.State.failed if self.done + self.failed == self.drives else Job.State.cancelled


def model_in_use() -> str:
    """The name of the model that drives are run on now. Raises what `Models.current` does."""
    return model_name(Models(settings.WORKSPACE.folder).current())


def cheapest_first(drives: QuerySet[Drive]) -> QuerySet[Drive]:
    """Done drives, the shortest way first, which is what a run takes time by."""
    return drives.filter(state=Drive.State.done).order_by(F("metres") + F("unseen_m"), "pk")


def metres_of(drive: Drive) -> float:
    """Of its way, judged or not: frames are looked at along all of it."""
    return drive.metres + drive.unseen_m


def seconds_a_metre() -> float | None:
    """What the last runs took; None where too little was run."""
    done = Job.objects.filter(state=Job.State.done, started__isnull=False, finished__isnull=False)
    told = list(done.order_by("-finished").values_list("started", "finished", "metres_done")[:LATELY])
    metres = sum(each for *_, each in told)
    if metres < FEWEST_M:
        return None
    took_s = sum((end - begin).total_seconds() for begin, end, _ in told if begin and end)
    return max(took_s, 0.0) / metres


def begin(drives: QuerySet[Drive], by: User) -> Rerun:
    """Have these drives run again; those for which it can't be are told in it (`Rerun.left_out`).

    Raises JobError where there is none, and what `model_in_use` does.
    """
    model = model_in_use()
    with transaction.atomic():
        rerun = Rerun.objects.create(by=by, model=model)
        place, first = 0, None
        for drive in cheapest_first(drives).defer(*LONG):
            try:
                job = enqueue_again(drive, by)
            except JobError as error:
                rerun.left_out.append(problem(error))
                first = first or error
                continue
            RerunDrive.objects.create(
                rerun=rerun, drive=drive, place=place, job=job, model_before=drive.model
            )
            place += 1
        if not place:
            raise first or RerunError(N_("No drive that has been run passes this choice."))
        rerun.save(update_fields=["left_out"])
        audited(by, "rerun.begun", str(rerun.pk), drives=place, left_out=len(rerun.left_out), model=model)
    return rerun


def enqueue_again(drive: Drive, by: User) -> Job:
    """A job for a drive that is done. Raises JobError where its footage is gone, or it waits or runs already."""
    try:
        with transaction.atomic():
            row = Drive.objects.select_for_update().get(pk=drive.pk)
            if row.state != Drive.State.done:
                raise JobError(N_("{drive} was not run yet."), drive=row.name)
            check_footage(row)
            if any(not (settings.WORKSPACE.footage / path).is_file() for path in _paths(row)):
                raise JobError(N_("{drive}: its footage is not where it was put."), drive=row.name)
            job = Job.objects.create(drive=row, by=by, again=True)
            put_in(job, by)
    except IntegrityError as error:
        raise JobError(N_("{drive} is waiting or running already."), drive=drive.name) from error
    return job


def cancel_all(rerun: Rerun, by: User) -> int:
    """Cancel what waits or runs of it; how many drives. What is done stays."""
    left = Job.objects.filter(rerun_drive__rerun=rerun, state__in=Job.OPEN).select_related("drive")
    count = sum(cancel(job, by) for job in left.order_by("-rerun_drive__place"))
    if count:
        audited(by, "rerun.cancelled", str(rerun.pk), drives=count)
    return count


def go_on(rerun: Rerun, by: User) -> int:
    """Continue it: what was cancelled or failed is run; how many drives. Raises JobError where nothing can be."""
    with transaction.atomic():
        ours = Rerun.objects.select_for_update().get(pk=rerun.pk)
        left = ours.drives.filter(finished=None).exclude(job__state__in=Job.OPEN).select_related("drive")
        count, first = 0, None
        for one in left:
            try:
                one.job = enqueue_again(one.drive, by)
            except JobError as error:
                first = first or error
                continue
            one.save(update_fields=["job"])
            count += 1
        if not count:
            raise first or RerunError(N_("Nothing of this re-run is left to be done."))
        audited(by, "rerun.continued", str(rerun.pk), drives=count)
    return count


def progress_of(rerun: Rerun, rate: float | None) -> Progress:
    """How far it is; `rate` are seconds a metre (`seconds_a_metre`)."""
    rows = list(rerun.drives.select_related("drive", "job").defer(*_long("drive__")))
    states = [one.job.state if one.job else Job.State.cancelled for one in rows]
    left_m = done_m = 0.0
    for one, state in zip(rows, states, strict=True):
        whole = metres_of(one.drive)
        behind = (
            whole
            if one.finished
            else min(one.job.metres_done, whole)
            if state in Job.OPEN and one.job
            else 0.0
        )
        done_m += behind
        left_m += whole - behind if state in Job.OPEN else 0.0
    running = states.count(Job.State.running)
    return Progress(
        drives=len(rows), done=sum(one.finished is not None for one in rows), failed=states.count(Job.State.failed),
        open=sum(state in Job.OPEN for state in states), running=running, metres=sum(metres_of(one.drive) for one in rows),
        metres_done=done_m, left_s=rate * left_m / max(running, 1) if rate is not None and left_m else None,
    )  # fmt: skip


def _paths(drive: Drive) -> Iterable[str]:
    return drive.files.values_list("path", flat=True)


def _long(before: str) -> list[str]:
    return [f"{before}{name}" for name in LONG]
