"""GPUs of this machine, each lent to one job at a time: a lock that ends with its process, however that ends.

GPUs go by their number, so all workers of a machine are to see the same ones.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
