"""Files that leave: first the records say so, in the transaction in which they cease to name them; then the files go.

A program that is killed in between leaves rows of `Leaving`, and whoever looks next removes what they name.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path, PurePosixPath

from django.conf import settings

from roaddamage.records.models import FootageFile, Leaving, Sighting

FOOTAGE, EVIDENCE = "footage", "evidence"
log = logging.getLogger("roaddamage.retention")


def leave(paths: Iterable[str]) -> None:
    """Say that these, under the workspace, are to go; to be called in the transaction that takes their names away."""
    Leaving.objects.bulk_create([Leaving(path=path) for path in paths], batch_size=500)


def remove(after: int = 0) -> int:
    """Remove what is to go, of rows later than `after`; the last row looked at, so that none is tried twice in one go."""
    left, why, last = 0, "", after
    for row in Leaving.objects.filter(pk__gt=after).order_by("pk").iterator():
        last = row.pk
        try:
            parts = PurePosixPath(row.path).parts
            if parts[0] not in (FOOTAGE, EVIDENCE) or ".." in parts:
                raise OSError(0, "it is no file of footage or evidence")
            if not _is_named(row.path):
                _unlink(row.path)
            Leaving.objects.filter(pk=row.pk).delete()
        except OSError as error:
            left, why = left + 1, error.strerror or type(error).__name__
    if left:
        log.warning("%s files that are to go could not be removed, the last: %s", left, why)
    return last


def bytes_of(paths: Iterable[str]) -> int:
    """How long these files are together; those that are not there count nothing."""
    total = 0
    for path in paths:
        with suppress(OSError):
            total += (settings.WORKSPACE.folder / path).stat().st_size
    return total


def _is_named(path: str) -> bool:
    """Whether the records name the file all the same: a log of two drives, or a picture made anew under its name."""
    first, _, rest = path.partition("/")
    if first == FOOTAGE:
        return FootageFile.objects.filter(path=rest, drive__footage_deleted=None).exists()
    drive, _, name = rest.partition("/")
    mine = Sighting.objects.filter(drive_id=int(drive))
    return any(mine.filter(**{kind: name}).exists() for kind in Sighting.PICTURES)


def _unlink(path: str) -> None:
    """Remove a file, and the folders that are empty then. Raises OSError."""
    folder: Path = settings.WORKSPACE.folder
    (folder / path).unlink(missing_ok=True)
    for above in (folder / path).parents:
        if above.parent == folder:
            return
        with suppress(OSError):
            above.rmdir()
