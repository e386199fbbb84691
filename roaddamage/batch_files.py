"""Files of a batch: those that were handed in together, and lie together.

WORKSPACE/uploads/UID                 a file on its way
WORKSPACE/footage/BATCH/...           files that were handed in together, under their own names
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from django.conf import settings

from detector.errors import N_
from roaddamage.faults import is_full
from roaddamage.file_names import IntakeError, mark, safe_path
from roaddamage.records.models import FootageFile

BLOCK = 2**22
CLONE = 0x40049409
"""Linux' FICLONE."""


def batch_folder(batch: str) -> Path:
    """Where the files of a batch lie. Raises IntakeError for what is no batch's name."""
    if not is_batch(batch):
        raise IntakeError(N_("There is no such batch of files."))
    folder: Path = settings.WORKSPACE.footage / batch
    return folder


def is_batch(name: str) -> bool:
    """Whether this can be a batch's name."""
    return re.fullmatch(r"[0-9a-f]{32}", name) is not None


def put(source: Path, batch: str, name: str, *, keep: bool = False) -> Path:
    """Move a file (with `keep`, copy it) to its place in a batch; the place.

    Raises IntakeError, also where the disk is full; nothing half copied stays.
    """
    target = batch_folder(batch) / safe_path(name)
    part = target.with_name(f".part-{mark(target.name)}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if not keep:
            os.replace(source, target)
            return target
        _copy(source, part)
        os.replace(part, target)
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise not_kept(target.name, error) from error
    return target


def _copy(source: Path, target: Path) -> None:
    """A copy that shares nothing with its source: a card's next file often has the name of its last.

    Raises OSError, and IntakeError where somebody writes to the source.
    """
    before = source.stat()
    with source.open("rb") as file, target.open("wb") as copy:
        try:
            fcntl.ioctl(copy, CLONE, file.fileno())  # takes no room where the file system can do it
        except OSError:
            shutil.copyfileobj(file, copy, BLOCK)
    after = source.stat()
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        target.unlink()
        raise IntakeError(
            N_("{name} changed while it was copied. Take it in again once nothing writes to it."),
            name=source.name,
        )


def not_kept(name: str, error: OSError) -> IntakeError:
    """What a person is told of a file that the disk did not take."""
    if is_full(error):
        return IntakeError(
            N_("{name} was not kept: the server's disk is full. Ask the administrator to make room."),
            name=name,
        )
    return IntakeError(N_("{name} was not kept: {reason}."), name=name, reason=error.strerror or str(error))


def clear(batch: str) -> None:
    """Remove a batch's files that are part of no drive, and the folders that are empty then."""
    folder, place = batch_folder(batch), Path(settings.WORKSPACE.footage)
    kept = set(FootageFile.objects.filter(path__startswith=f"{batch}/").values_list("path", flat=True))
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir():
            with suppress(OSError):
                path.rmdir()
        elif path.relative_to(place).as_posix() not in kept:
            path.unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()


def tidy(paths: Sequence[Path]) -> None:
    """Remove files that became nothing."""
    for path in paths:
        path.unlink(missing_ok=True)
