"""GPUs of this machine, each lent to one job at a time: a lock that ends with its process, however that ends."""

from __future__ import annotations

import fcntl
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from detector.model import gpu_count

WAIT_S = 2.0


@contextmanager
def device(folder: Path | None = None, waiting: Callable[[], None] = lambda: None) -> Iterator[str]:
    """A device for one job: a GPU of its own, waited for where all are taken; the CPU where there is none."""
    count = gpu_count()
    if not count:
        yield "cpu"
        return
    folder = folder or Path(tempfile.gettempdir())
    while True:
        for number in range(count):
            with (folder / f"roaddamage-gpu-{number}.lock").open("w") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                yield f"cuda:{number}"
                return
        waiting()
        time.sleep(WAIT_S)
