"""What is made aside: by a thread of the server that says that it lives, one of a kind at a time, while a page shows how far it is.

A server that was killed says nothing more, and then whoever looks next says so in its place. What needs much memory or
time is made in a process of its own, which ends with the server.
"""

from __future__ import annotations

import logging
import multiprocessing
import threading
from collections.abc import Callable
from datetime import timedelta
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from detector.errors import N_, RoadDamageError
from roaddamage.beating import beating
from roaddamage.faults import FaultError, fault_of, is_full
from roaddamage.problems import problem
from roaddamage.records.models.aside import Aside

BEAT_S = 3.0
DEAD_AFTER_S = 45.0
State = Aside.State
Kind = TypeVar("Kind", bound=Aside)
_turns: dict[type[Aside], threading.Lock] = {}
"""One of a kind at a time: each may need much memory."""
log = logging.getLogger("roaddamage.aside")


class LostError(Exception):
    """It was deleted, or given up, meanwhile."""


def running(kind: type[Kind], number: int) -> QuerySet[Kind]:
    """It, as long as it is being made."""
    return kind._default_manager.filter(pk=number, state=State.running)


def begin(kind: type[Aside], number: int, make: Callable[[int], None]) -> None:
    """Have it made in a thread; `make` is called with its number, and keeps its end."""
    threading.Thread(target=_wait_and_make, args=(kind, number, make), daemon=True).start()


def _wait_and_make(kind: type[Aside], number: int, make: Callable[[int], None]) -> None:
    mine, what = running(kind, number), f"{kind._meta.verbose_name} {number}"
    try:
        with (
            beating(lambda: mine.update(beat=timezone.now()), BEAT_S, what),
            _turns.setdefault(kind, threading.Lock()),
        ):
            if mine.exists():
                make(number)
    except Exception:
        log.exception("%s was not made", what)
    finally:
        connection.close()


def process_of(target: Callable[..., None], *told: Any) -> BaseProcess:
    """A process that was started for this workspace, and ends with this one."""
    process = multiprocessing.get_context("spawn").Process(
        target=target, args=(settings.WORKSPACE.folder, *told), daemon=True
    )
    process.start()
    return process


def in_process(target: Callable[..., None], *told: Any) -> int:
    """Do it in a process of its own; its exit code."""
    process = process_of(target, *told)
    process.join()
    return process.exitcode or 0


def end(kind: type[Aside], number: int, state: str, **values: object) -> bool:
    """End what is being made still; whether it was."""
    return bool(running(kind, number).update(state=state, finished=timezone.now(), **values))


def fail(kind: type[Aside], number: int, error: RoadDamageError) -> bool:
    """End what is being made still, and keep why; whether it was."""
    return end(kind, number, State.failed, problem=problem(error, settings.WORKSPACE.folder))


def problem_of(error: Exception) -> RoadDamageError:
    """What a person is told of an error in making something."""
    if is_full(error) or is_full(error.__cause__):
        return FaultError(N_("The disk is full. Free some space on the server, then make the export again."))
    return error if isinstance(error, RoadDamageError) else fault_of(error)


def give_up_dead(kind: type[Aside], interrupted: RoadDamageError) -> list[int]:
    """Say of what nobody makes any more that it was interrupted; which that was."""
    before = timezone.now() - timedelta(seconds=DEAD_AFTER_S)
    silent = kind._default_manager.filter(state=State.running, beat__lt=before)
    return [number for number in silent.values_list("pk", flat=True) if fail(kind, number, interrupted)]
