"""An output folder that is either as it was or complete: write aside, then rename."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from detector.errors import N_, OutputError, OutputTakenError
from detector.swap import swap

REPORT = "report.json"
PARTS = ("map.html", "damages.gpkg", "damages.geojson", "damages.csv", "evidence", REPORT)
"""What a run writes; nothing else in the folder is ever touched."""
STAGE = ".unfinished-"
"""Begins the name of the folder that a run writes into, within the output folder; its number follows."""


def check_free(out: Path, inputs: list[Path], *, overwrite: bool) -> None:
    """Raise OutputTakenError where `out` can't be written to, or holds what must not be replaced.

    With `overwrite`, only the parts of an earlier run may be replaced, and never a run's own inputs.
    """
    check_folder(out)
    try:
        taken = [path for path in out.iterdir() if not path.name.startswith(STAGE)] if out.is_dir() else []
    except OSError as error:
        raise _unwritable(out, error) from error
    if taken and not overwrite:
        raise OutputTakenError(
            N_("The folder {path} is not empty. Give another --out, or --overwrite."), path=out
        )
    parts = [path for path in taken if path.name in PARTS]
    if parts and not (out / REPORT).is_file():
        raise OutputTakenError(
            N_("{path} is not from an earlier run (no report.json beside it), and is not replaced."),
            path=parts[0],
        )
    for part in parts:
        for given in inputs:
            if given.resolve().is_relative_to(part.resolve()):
                raise OutputTakenError(
                    N_("{path} is footage, and would be replaced by the results. Give another --out."),
                    path=given,
                )


def check_folder(out: Path) -> None:
    """Raise OutputTakenError where `out` is something other than a folder."""
    if out.exists() and not out.is_dir():
        raise OutputTakenError(N_("{path} is a file, not a folder. Give another --out."), path=out)


@contextmanager
def staged(out: Path, parts: Sequence[str] = PARTS) -> Iterator[Path]:
    """A folder to write the parts into; at the end they replace those in `out`.

    When anything goes wrong `out` is as it was. A full disk and the like become OutputError. What a
    killed run left behind is cleared away.
    """
    made = [path for path in (out, *out.parents) if not path.exists()]
    try:
        out.mkdir(parents=True, exist_ok=True)
        _clear_abandoned(out)
        stage = Path(tempfile.mkdtemp(prefix=f"{STAGE}{os.getpid()}-", dir=out))
    except OSError as error:
        raise _unwritable(out, error) from error
    try:
        yield stage
        swap(stage, out, parts)
        made = []
    except OSError as error:
        raise _unwritable(out, error) from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)
        for folder in made:
            folder.rmdir()


def _clear_abandoned(out: Path) -> None:
    """Remove the stages of runs that are no more."""
    for stage in out.glob(f"{STAGE}*"):
        number = stage.name.removeprefix(STAGE).partition("-")[0]
        if number.isdigit() and not _runs(int(number)):
            shutil.rmtree(stage, ignore_errors=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _unwritable(out: Path, error: OSError) -> OutputError:
    return OutputError(
        N_(
            "The results can't be written to {path}: {reason}. Nothing there was changed; make room"
            " or give another --out."
        ),
        path=out,
        reason=error.strerror or error,
    )
