"""Faults: errors of the machine or of the program, as a person is told of them."""

from __future__ import annotations

import errno

from django.db import InterfaceError, OperationalError

from detector.errors import N_, RoadDamageError

AWAY = (OperationalError, InterfaceError)
"""What a database that is away, or busy for too long, raises."""
OF_TABLES = ("no such", "near ", "table ")
"""How SQLite begins to say what is no absence, but a fault of the program or of its tables."""


class FaultError(RoadDamageError):
    """What no user did."""


def is_away(error: BaseException) -> bool:
    """Whether the database did not answer, be it that its disk is full."""
    return isinstance(error, AWAY) and not str(error).startswith(OF_TABLES)


def is_full(error: BaseException | None) -> bool:
    """Whether a disk is full, or a quota used up: as files, SQLite and PostgreSQL say it."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    return isinstance(error, AWAY) and any(
        text in str(error) for text in ("disk is full", "No space left", "Disk quota")
    )


def fault_of(error: BaseException) -> FaultError:
    """What a person is told of an error that nobody foresaw."""
    if isinstance(error, OSError) and error.filename:
        return FaultError(
            N_("{path} can't be read or written ({reason}). Ask who looks after the server."),
            path=error.filename, reason=error.strerror,
        )  # fmt: skip
    return FaultError(
        N_("An unexpected fault: {kind}. The server's log says more."), kind=type(error).__name__
    )
