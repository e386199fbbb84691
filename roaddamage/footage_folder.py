"""A folder of footage, such as a card's, copied in and made drives of."""

from __future__ import annotations

from collections.abc import Container
from contextlib import suppress
from pathlib import Path

from django.contrib.auth.models import User
from django.db import DatabaseError

from detector.errors import N_
from detector.footage import is_hidden
from roaddamage.batch_files import clear, put
from roaddamage.file_names import KNOWN, IntakeError
from roaddamage.intake import Taken, recognise
from roaddamage.problems import problem


def add_folder(
    folder: Path, by: User, batch: str, *, loose: bool = False, only: Container[str] | None = None
) -> Taken:
    """Take in what lies in a folder, copied; files of no use are passed over, links are refused.

    `loose`: only what lies in the folder itself; `only`: paths within it, for those alone. What did not become part
    of a drive is not kept: it is in the folder still.

    Raises IntakeError; nothing of the folder is then there.
    """
    if folder.is_file():
        text = N_("{path} is a file: give the folder that it lies in, together with its GPS log.")
        raise IntakeError(text, path=folder)
    files, links = _files_in(folder, loose, only)
    if not files and not links:
        raise IntakeError(N_("{path} holds no video, no picture and no GPS log."), path=folder)
    try:
        for path in files:
            put(path, batch, path.relative_to(folder).as_posix(), keep=True)
        taken = recognise(batch, by) if files else Taken()
    finally:
        with suppress(DatabaseError):  # else it is cleared later, see `batches.clear_abandoned`
            clear(batch)
    for path in links:
        error = IntakeError(N_("{path} is a link to another place: copy the file itself."), path=path.name)
        taken.refused.append({"name": path.relative_to(folder).as_posix(), **problem(error)})
    return taken


def _files_in(folder: Path, loose: bool, only: Container[str] | None = None) -> tuple[list[Path], list[Path]]:
    """The files of use in a folder, and the links among them, which might lead anywhere."""
    found = [
        path
        for path in sorted(folder.glob("*") if loose else folder.rglob("*"))
        if path.suffix.lower() in KNOWN
        and not is_hidden(path, folder)
        and (only is None or path.relative_to(folder).as_posix() in only)
    ]
    links = [path for path in found if path.is_symlink()]
    return [path for path in found if path.is_file() and not path.is_symlink()], links
