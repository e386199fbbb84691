"""Workers: processes that run jobs, and those that `serve` keeps beside the pages.

Asked to end (SIGTERM, Ctrl-C, or the end of the process that started it), a worker hands the job in hand back to the
queue, uncounted, as a drive may take an hour: the next worker runs it from its beginning. Only where its results are
being kept already does it finish. Ctrl-C a second time ends it at once, as a kill would; its job is then taken over.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from multiprocessing.process import BaseProcess
from types import FrameType

from django.db import connection
from django_tasks_db.management.commands.db_worker import Worker as Queue

from roaddamage import attendance, locks, runs
from roaddamage.faults import AWAY
from roaddamage.jobs import DRIVES, TRAININGS, Watch, lock_of

LOOK_EVERY_S = 15.0
AWAY_S = 5.0
GRACE_S = 20.0
"""So long workers may take to hand their jobs back."""
KEEP_EVERY_S = 1.0
AGAIN_AFTER_S, AGAIN_AT_MOST_S = 5.0, 300.0
"""A worker that ended by itself is started again after so long; twice as long each time, up to the second."""
SETTLED_S = 600.0
"""After so long a worker is thought to be well."""
log = logging.getLogger("roaddamage.jobs")


class Worker(Queue):
    """django-tasks' worker, which a database that is away does not end."""

    def __init__(self, name: str, *, once: bool, trainings: bool = False) -> None:
        super().__init__(
            queue_names=[TRAININGS if trainings else DRIVES], interval=1.0, batch=once, backend_name="default", startup_delay=False, max_tasks=None,
            worker_id=name, excluded_queue_names=[],
        )  # fmt: skip
        self.asked: set[int] = set()

    def shutdown(self, signum: int, frame: FrameType | None) -> None:
        """End soon; asked the same a second time, at once."""
        if signum in self.asked:
            os._exit(1)
        self.asked.add(signum)
        self.running = False
        runs.leaving.set()
        if not self.running_task:
            sys.exit(0)

    def run(self) -> None:
        """Take jobs until asked to end, or none waits."""
        while self.running:
            try:
                super().run()
            except AWAY as error:
                log.warning("the database is away: %s", error)
                connection.close()
                time.sleep(AWAY_S)
            else:
                return


def new_name() -> str:
    """A name for a worker, which no other has."""
    return f"{socket.gethostname()[:32]}-{os.getpid()}-{uuid.uuid4().hex[:8]}"


def work(*, once: bool = False, trainings: bool = False) -> None:
    """Be a worker, of drives or of trainings, until asked to end; with `once`, until nothing waits."""
    name = new_name()
    lock = lock_of(name)
    runs.leaving.clear()
    with locks.held(lock):
        watch, over = Watch(), threading.Event()
        look = partial(_look, watch, name, trainings)
        look()
        looking = threading.Thread(target=_looking, args=(look, over), daemon=True)
        looking.start()
        worker = Worker(name, once=once, trainings=trainings)
        if threading.current_thread() is threading.main_thread():
            worker.configure_signals()
        end_with_parent()
        try:
            worker.run()
        finally:
            over.set()
            lock.unlink(missing_ok=True)
            with suppress(*AWAY):
                attendance.leave(name)


def _looking(look: Callable[[], None], over: threading.Event) -> None:
    while not over.wait(LOOK_EVERY_S):
        look()
        connection.close()


def _look(watch: Watch, name: str, trainings: bool) -> None:
    try:
        attendance.tell(name, trainings=trainings)
        watch.look()
    except Exception as error:  # the database is away: the next look is soon
        log.warning("jobs of dead workers could not be looked for: %s", error)


def end_with_parent() -> None:
    """Where another process of ours started this one: end with it, however that ends."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def wait() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(GRACE_S)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


class Kept:
    """A worker that is started again when it ends by itself: soon, and ever later while that does not help."""

    def __init__(self, start: Callable[[], BaseProcess], clock: Callable[[], float] = time.monotonic) -> None:
        self._start, self._clock = start, clock
        self._wait_s, self._begun, self._ended = AGAIN_AFTER_S, clock(), False
        self.process = start()

    def look(self) -> None:
        """Whether it lives; to be called now and then."""
        past_s = self._clock() - self._begun
        if self._ended:
            if past_s >= self._wait_s:
                self._wait_s = min(2 * self._wait_s, AGAIN_AT_MOST_S)
                self._begun, self._ended = self._clock(), False
                self.process = self._start()
        elif not self.process.is_alive():
            self._wait_s = AGAIN_AFTER_S if past_s > SETTLED_S else self._wait_s
            self._begun, self._ended = self._clock(), True
            text = "worker %s ended (%s); another one is started in %.0f s"
            log.error(text, self.process.pid, self.process.exitcode, self._wait_s)


class Workers:
    """Workers in processes of their own, each kept going."""

    def __init__(self, count: int, start: Callable[[], BaseProcess]) -> None:
        self._over = threading.Event()
        self._kept = [Kept(start) for _ in range(count)]
        self._keeping = threading.Thread(target=self._keep, daemon=True)
        self._keeping.start()

    def _keep(self) -> None:
        while not self._over.wait(KEEP_EVERY_S):
            for one in self._kept:
                one.look()

    def stop(self) -> None:
        """Ask all to end, and wait until they have."""
        self._over.set()
        self._keeping.join()
        processes = [one.process for one in self._kept]
        for process in processes:
            process.terminate()
        until = time.monotonic() + GRACE_S
        for process in processes:
            process.join(max(until - time.monotonic(), 0.1))
            if process.is_alive():
                process.kill()
