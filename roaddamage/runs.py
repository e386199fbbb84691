"""A run: a worker's work on one job, of whatever kind, from its claim to its end.

The database may be away for a while: a run goes on without it, and waits for it at its end.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from django.conf import settings
from django.db import connection
from django.utils import timezone

from detector.errors import N_, RoadDamageError
from roaddamage.beating import beating
from roaddamage.faults import AWAY, fault_of, is_away, is_full
from roaddamage.jobs import JobError, Kind, claim, end, give_up_or_back, hand_back, rows, running_as
from roaddamage.records.models import Work

BEAT_S = 5.0
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
        "The disk is full, so that the results could not be kept. Free some space on the server, then have it run again."
    )


def run(kind: type[Kind], number: int, worker: str, do: Callable[[Kind], None]) -> str:
    """Run a job, where it waits still; how it ended. Raises `AWAY` where the database stays away.

    `do` writes its results and its end in one transaction; it asks now and then whether it is to `go_on`.
    """
    job = claim(number, worker, kind)
    if job is None:
        return "not waiting"
    try:
        with beating(
            lambda: running_as(job, job.worker).update(beat=timezone.now()), BEAT_S, f"{job.NOUN} {job.pk}"
        ):
            do(job)
    except CancelledError:
        patiently(lambda: end(job, Work.State.cancelled))
    except LostError:
        return "another worker's"
    except LeavingError:
        patiently(lambda: hand_back(job, counted=False))
    except Exception as error:
        _failed(job, error)
    state = kind._default_manager.filter(pk=number).values_list("state", flat=True).first()
    return str(state or "deleted")


def to_end(job: Kind) -> Kind | None:
    """The job's row, locked, to be ended with its results; to be called in the transaction that writes them.

    None where this run has ended it already: a connection that broke at the very end leaves that untold. Raises LostError
    and CancelledError.
    """
    now = rows(job).select_for_update().get(pk=job.pk)
    if now.worker == job.worker and now.state == Work.State.done:
        return None
    if now.worker != job.worker or now.state != Work.State.running:
        raise LostError
    if now.cancel_asked:
        raise CancelledError
    return now


def _failed(job: Work, error: Exception) -> None:
    told = problem_of(error)
    if isinstance(error, RoadDamageError | OSError):
        log.warning("%s %s: %s", job.NOUN, job.pk, told)
    else:
        log.error("%s %s failed", job.NOUN, job.pk, exc_info=error)
    if is_away(error) and not is_full(error):
        patiently(lambda: give_up_or_back(job, told))
    else:
        patiently(lambda: end(job, Work.State.failed, told, folder=settings.WORKSPACE.folder))


def problem_of(error: BaseException) -> RoadDamageError:
    """What a person is told of an error."""
    if is_full(error) or is_full(error.__cause__):
        return FullError()
    if isinstance(error, RoadDamageError):
        return error
    if is_away(error):
        return JobError(
            N_("The database did not answer for too long. Once it does again, have it run again.")
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


def go_on(job: Work, **values: Any) -> None:
    """Say how far it is. Raises CancelledError, LostError and LeavingError; a database that is away is no reason."""
    if leaving.is_set():
        raise LeavingError
    try:
        asked = running_as(job, job.worker).values_list("cancel_asked", flat=True).first()
        if asked is not None and values:
            running_as(job, job.worker).update(**values)
    except AWAY as error:
        log.warning("%s %s goes on, though the database is away: %s", job.NOUN, job.pk, error)
        connection.close()
        return
    if asked is None:
        raise LostError
    if asked:
        raise CancelledError
