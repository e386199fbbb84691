"""Locks of this machine: each ends with the process that holds it, however that ends."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PLACE = Path("/run/lock")
"""The same for all processes of a machine, also for services that have a /tmp of their own."""


def place() -> Path:
    """Where lock files lie."""
    return PLACE if os.access(PLACE, os.W_OK) else Path(tempfile.gettempdir())


@contextmanager
def held(path: Path, *, make: bool = True) -> Iterator[bool]:
    """Hold a lock while inside; False where another process holds it, or, without `make`, there is none."""
    descriptor = _opened(path, make)
    if descriptor is None:
        yield False
        return
    try:
        yield _locked(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def turn(path: Path) -> Iterator[None]:
    """Hold a lock while inside, after all who have it before. Raises OSError where it can't be made."""
    descriptor = _made(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _opened(path: Path, make: bool) -> int | None:
    if make:
        return _made(path)
    try:
        return os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None


def _made(path: Path) -> int:
    # Read only, and by all users: a lock needs no more, and a file of another user may not be opened to be written.
    while True:
        try:
            return os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            pass
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError:
            continue
        os.fchmod(descriptor, 0o644)
        return descriptor


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
