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


def _held(stack: ExitStack, path: Path) -> bool:
    """Whether the lock is held now, until the stack ends."""
    with ExitStack() as attempt:
        mine = attempt.enter_context(locks.held(path))
        if mine:
            stack.push(attempt.pop_all())
        return mine
