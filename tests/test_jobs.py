"""Jobs: who may begin, end and take one over, and what is told of what went wrong."""

from __future__ import annotations

import errno
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import InterfaceError, OperationalError
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from detector.errors import FootageError, OutputError
from roaddamage import gpus, jobs, locks, runs
from roaddamage.jobs import Watch, cancel, claim, end, enqueue, hand_back, running_as, seconds_left
from roaddamage.language import translation
from roaddamage.records.models import AuditEntry, Drive, Job

pytestmark = pytest.mark.django_db
JAPANESE = translation("ja")


@pytest.fixture
def crew() -> User:
    return User.objects.create_user("crew")


@pytest.fixture
def drive(crew: User) -> Drive:
    return Drive.objects.create(name="d1", digest="1", by=crew)


class Clock:
    """A steady clock that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def state(job: Job) -> tuple[str, str, int]:
    row = Job.objects.select_related("drive").get(pk=job.pk)
    return row.state, row.drive.state, row.attempts


def test_a_drive_has_one_open_job(drive: Drive, crew: User) -> None:
    enqueue(drive, crew)
    with pytest.raises(jobs.JobError, match="waiting or running"):
        enqueue(drive, crew)
    assert (Job.objects.count(), DBTaskResult.objects.count()) == (1, 1)


@pytest.mark.parametrize("last", ["failed", "cancelled"])
def test_what_failed_or_was_cancelled_may_run_again(last: str, drive: Drive, crew: User) -> None:
    job = enqueue(drive, crew)
    end(job, last)
    assert state(job)[:2] == (last, last)
    assert state(enqueue(drive, crew)) == ("queued", "queued", 0)


def test_what_is_done_runs_no_more(drive: Drive, crew: User) -> None:
    Drive.objects.update(state="done")  # by another worker, after this row was read
    with pytest.raises(jobs.JobError, match="already"):
        enqueue(drive, crew)
    assert not Job.objects.exists()


def test_of_two_workers_one_has_the_job(drive: Drive, crew: User) -> None:
    job = enqueue(drive, crew)
    assert claim(job.pk, "one") is not None
    assert claim(job.pk, "other") is None
    assert state(job) == ("running", "running", 1)


def test_cancel(drive: Drive, crew: User) -> None:
    job = enqueue(drive, crew)
    assert cancel(job, crew)
    assert state(job)[0] == "cancelled"
    assert not cancel(job, crew)
    assert AuditEntry.objects.filter(action="job.cancelled").count() == 1
    assert claim(job.pk, "one") is None
    running = claim(enqueue(drive, crew).pk, "one")
    assert running
    assert cancel(running, crew)
    assert state(running)[0] == "running"
    with pytest.raises(runs.CancelledError):
        runs.go_on(running)


@pytest.mark.parametrize(
    "jump", [timedelta(0), timedelta(days=3), timedelta(days=-3)], ids=["steady", "ahead", "back"]
)
def test_a_silent_worker_loses_its_job_whatever_clocks_do(
    jump: timedelta, drive: Drive, crew: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = claim(enqueue(drive, crew).pk, "elsewhere")
    assert job
    clock, really = Clock(), timezone.now
    watch = Watch(clock)
    watch.look()
    monkeypatch.setattr(timezone, "now", lambda: really() + jump)
    for clock.now in (50.0, 100.0, 150.0):  # it beats, by whatever clock
        running_as(job, "elsewhere").update(beat=timezone.now())
        assert watch.look() == 0
    clock.now = 205.0
    assert watch.look() == 0
    clock.now = 211.0
    assert watch.look() == 1
    assert state(job) == ("queued", "queued", 1)
    again = claim(job.pk, "another")
    assert again
    with pytest.raises(runs.LostError):
        runs.go_on(job)
    end(job, "failed")  # what the first one has to say of it counts no more
    assert not hand_back(job, counted=False)
    assert state(job) == ("running", "running", 2)


def test_silence_while_nobody_could_write_tells_nothing(
    drive: Drive, crew: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = claim(enqueue(drive, crew).pk, "elsewhere")
    assert job
    clock = Clock()
    watch = Watch(clock)
    watch.look()
    clock.now = 50.0
    with monkeypatch.context() as away, pytest.raises(OperationalError):
        away.setattr(watch, "_taken_over", lambda: throw(OperationalError("away")))
        watch.look()
    clock.now = 70.0
    assert watch.look() == 0
    assert state(job)[0] == "running"


def throw(error: Exception) -> Any:
    raise error


def test_a_job_that_kills_its_workers_fails_in_the_end(drive: Drive, crew: User) -> None:
    job = enqueue(drive, crew)
    clock = Clock()
    watch = Watch(clock)
    for attempt in range(jobs.MOST_ATTEMPTS):
        assert claim(job.pk, f"worker {attempt}")
        watch.look()
        clock.now += 61.0
        watch.look()
    assert state(job) == ("failed", "failed", jobs.MOST_ATTEMPTS)
    assert "3" in str(Job.objects.get(pk=job.pk).problem["values"])


def test_a_cancelled_job_of_a_dead_worker_is_not_run_again(drive: Drive, crew: User) -> None:
    job = claim(enqueue(drive, crew).pk, "elsewhere")
    assert job
    cancel(job, crew)
    clock = Clock()
    watch = Watch(clock)
    watch.look()
    clock.now = 61.0
    assert watch.look() == 0
    assert state(job)[0] == "cancelled"


def test_a_place_in_the_queue_is_not_lost_with_a_worker(drive: Drive, crew: User) -> None:
    job = enqueue(drive, crew)
    DBTaskResult.objects.get().claim("elsewhere")  # and then it died
    clock = Clock()
    watch = Watch(clock)
    assert watch.look() == 0
    clock.now = 61.0
    assert watch.look() == 1
    assert sorted(DBTaskResult.objects.values_list("status", flat=True)) == ["FAILED", "READY"]
    assert watch.look() == 0
    assert state(job)[0] == "queued"


def test_a_worker_that_is_to_end_hands_its_job_back_uncounted(drive: Drive, crew: User) -> None:
    job = claim(enqueue(drive, crew).pk, "one")
    assert job
    assert hand_back(job, counted=False)
    assert state(job) == ("queued", "queued", 0)


@pytest.mark.parametrize(
    ("done_m", "minutes", "left_s"),
    [(500.0, 100.0, 6000.0), (10.0, 1.0, None), (1000.0, 1.0, None), (500.0, -5.0, None)],
    ids=["half", "hardly begun", "all", "clock went back"],
)
def test_time_left(done_m: float, minutes: float, left_s: float | None, drive: Drive, crew: User) -> None:
    job = Job(
        drive=drive, by=crew, state="running", started=timezone.now() - timedelta(minutes=minutes),
        metres_done=done_m, metres_total=1000.0,
    )  # fmt: skip
    assert seconds_left(job) == (None if left_s is None else pytest.approx(left_s, abs=60.0))


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


FULL = runs.FullError.template


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/x"), "disk is full"),
        (caused(OutputError("{path}", path="/x"), OSError(errno.EDQUOT, "quota")), "disk is full"),
        (OperationalError("database or disk is full"), "disk is full"),
        (OperationalError("could not extend file: No space left on device"), "disk is full"),
        (OperationalError("connection refused"), "database did not answer"),
        (InterfaceError("the connection is closed"), "database did not answer"),
        (OperationalError("no such table: x"), "OperationalError"),
        (MemoryError(), "memory"),
        (PermissionError(errno.EACCES, "Permission denied", "/x/y"), "/x/y"),
        (FootageError("{path} is gone", path="a.mp4"), "a.mp4 is gone"),
        (ZeroDivisionError(), "ZeroDivisionError"),
    ],
)
def test_what_is_told_of_an_error(error: Exception, says: str) -> None:
    told = runs.problem_of(error)
    assert says in told.message()
    if not isinstance(error, FootageError):
        assert told.message(JAPANESE) != told.message()


def test_the_end_of_a_run_waits_for_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(runs.time, "sleep", waited.append)
    monkeypatch.setattr(runs.connection, "close", lambda: None)
    answers: list[Callable[[], str]] = [lambda: throw(OperationalError("gone"))] * 2 + [lambda: "written"]
    assert runs.patiently(lambda: answers.pop(0)()) == "written"
    assert waited == list(runs.WAITS_S[:2])
    with pytest.raises(OperationalError):
        runs.patiently(lambda: throw(OperationalError("disk is full")), when_full=False)


def test_no_more_jobs_than_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpus, "gpu_count", lambda: 2)
    monkeypatch.setattr(gpus, "WAIT_S", 0.01)
    with gpus.device(tmp_path) as one:
        with gpus.device(tmp_path) as other:
            assert {one, other} == {"cuda:0", "cuda:1"}
            with pytest.raises(TimeoutError), gpus.device(tmp_path, lambda: throw(TimeoutError())):
                raise AssertionError
        got: list[str] = []
        over = threading.Event()

        def waiting() -> None:
            raise AssertionError

        with gpus.device(tmp_path, waiting) as free:
            got.append(free)
            over.set()
        assert got == [other]


def test_without_a_gpu_jobs_run_on_the_processor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpus, "gpu_count", lambda: 0)
    with gpus.device(tmp_path) as one, gpus.device(tmp_path) as other:
        assert one == other == "cpu"


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    code = f"import pathlib, sys\nfrom roaddamage import locks\nwith locks.held(pathlib.Path({str(path)!r})) as mine:\n"
    code += "    print(mine, flush=True)\n    sys.stdin.read()\n"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout
        assert other.stdout.readline() == b"True\n"
        with locks.held(path) as mine:
            assert not mine
        other.kill()
        other.wait()
    with locks.held(path) as mine:
        assert mine
    with locks.held(tmp_path / "none", make=False) as mine:
        assert not mine
