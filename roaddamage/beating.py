"""Beating: who works on something says every few seconds that it lives, whatever else it does meanwhile."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import connection

log = logging.getLogger("roaddamage.beating")


@contextmanager
def beating(beat: Callable[[], object], every_s: float, what: str) -> Iterator[None]:
    """Call `beat`, which writes to the records, every so often in a thread of its own; `what` names it in the log."""
    over = threading.Event()

    def beats() -> None:
        while not over.wait(every_s):
            try:
                beat()
            except Exception as error:  # the database is away for a while; the next beat tries again
                log.warning("no beat of %s could be written: %s", what, error)
            finally:
                connection.close()

    thread = threading.Thread(target=beats, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(every_s)
