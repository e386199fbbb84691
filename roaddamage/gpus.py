"""GPUs of this machine, each lent to one job or training at a time: a lock that ends with its process, however that ends.

GPUs go by their number, so all workers of a machine are to see the same ones.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from detector.model import gpu_count
from roaddamage import locks

WAIT_S = 2.0


@contextmanager
def device(folder: Path | None = None, waiting: Callable[[], None] = lambda: None) -> Iterator[str]:
    """A device for one job: a GPU of its own, waited for where all are taken; the CPU where there is none.

    `waiting` is called every few seconds of waiting; what it raises ends that.
    """
    count = gpu_count()
    if not count:
        yield "cpu"
        return
    folder = folder or locks.place()
    while True:
        for number in range(count):
            with locks.held(folder / f"roaddamage-gpu-{number}.lock") as mine:
                if mine:
                    yield f"cuda:{number}"
                    return
        waiting()
        time.sleep(WAIT_S)


@contextmanager
def claimed(
    devices: str, folder: Path | None = None, waiting: Callable[[str], None] = lambda name: None
) -> Iterator[None]:
    """The devices of a training, cpu, 0 or 0,1, for it alone: waited for while a job or another training has them.

    Two trainings on one CPU would take turns at every step. `waiting` is called with the name of what is waited for,
    every few seconds; what it raises ends that.
    """
    folder = folder or locks.place()
    # In order, so that no two wait for one another.
    numbers = sorted({int(number) for number in re.findall(r"\d+", devices)})
    names = [f"gpu-{number}" for number in numbers] or ["training-cpu"]
    with ExitStack() as stack:
        for name in names:
            while not _held(stack, folder / f"roaddamage-{name}.lock"):
                waiting(name.removeprefix("training-").upper().replace("-", " "))
                time.sleep(WAIT_S)
        yield


class Lent:
    """A device that a training has: before all other trainings until its end, before drives one epoch at a time."""

    def __init__(self, name: str, lock: Path | None, waiting: Callable[[], None]) -> None:
        self.name, self._lock, self._waiting = name, lock, waiting
        self._stack = ExitStack()

    def take(self) -> None:
        """Wait for it."""
        while self._lock and not _held(self._stack, self._lock):
            self._waiting()
            time.sleep(WAIT_S)

    def step_aside(self) -> None:
        """Let a drive that waits for it go first. Without GPUs there is nothing to wait for."""
        if self._lock:
            self.give_back()
            time.sleep(2 * WAIT_S)  # whoever waits looks once in half that time
            self.take()

    def give_back(self) -> None:
        """Have it no more."""
        self._stack.close()


@contextmanager
def lent(waiting: Callable[[], None], folder: Path | None = None) -> Iterator[Lent]:
    """A device for a training: `name` is cpu, or a GPU's number. Trainings take turns, run by run.

    `waiting` is called every few seconds of waiting; what it raises ends that.
    """
    folder = folder or locks.place()
    names = [str(number) for number in range(gpu_count())] or ["cpu"]
    with ExitStack() as stack:
        while not (mine := next((one for one in names if _held(stack, _of_trainings(folder, one))), None)):
            waiting()
            time.sleep(WAIT_S)
        lock = None if mine == "cpu" else folder / f"roaddamage-gpu-{mine}.lock"
        device = Lent(mine, lock, waiting)
        stack.callback(device.give_back)
        device.take()
        yield device


def _of_trainings(folder: Path, name: str) -> Path:
    return folder / f"roaddamage-training-{'cpu' if name == 'cpu' else f'gpu-{name}'}.lock"


def _held(stack: ExitStack, path: Path) -> bool:
    """Whether the lock is held now, until the stack ends."""
    with ExitStack() as attempt:
        mine = attempt.enter_context(locks.held(path))
        if mine:
            stack.push(attempt.pop_all())
        return mine
