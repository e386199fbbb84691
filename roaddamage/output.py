"""An output folder that is either as it was or complete: write aside, then rename."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from detector.errors import N_, OutputError, OutputTakenError

PARTS = ("map.html", "damages.gpkg", "damages.geojson", "damages.csv", "report.json", "evidence")
"""What a run writes; nothing else in the folder is ever touched."""


def check_free(out: Path, *, overwrite: bool) -> None:
    """Raise OutputError where `out` is a file, or holds anything and may not be written over."""
    if out.exists() and not out.is_dir():
        raise OutputTakenError(N_("{path} is a file, not a folder. Give another --out."), path=out)
    try:
        taken = out.is_dir() and any(out.iterdir())
    except OSError as error:
        raise _unwritable(out, error) from error
    if taken and not overwrite:
        raise OutputTakenError(
            N_("The folder {path} is not empty. Give another --out, or --overwrite."), path=out
        )


@contextmanager
def staged(out: Path) -> Iterator[Path]:
    """A folder to write the parts into; at the end they replace those in `out`.

    When anything goes wrong `out` is as it was. A full disk and the like become OutputError.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    except OSError as error:
        raise _unwritable(out, error) from error
    try:
        yield folder
        _swap(folder, out)
    except OSError as error:
        raise _unwritable(out, error) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _swap(folder: Path, out: Path) -> None:
    """Put the staged parts in place of the old ones; on an error put the old ones back."""
    out.mkdir(exist_ok=True)
    aside = folder / "earlier"
    aside.mkdir()
    moved: list[tuple[Path, Path]] = []
    try:
        for part in PARTS:
            for source, target in ((out / part, aside / part), (folder / part, out / part)):
                if source.exists():
                    source.rename(target)
                    moved.append((source, target))
    except OSError:
        for source, target in reversed(moved):
            target.rename(source)
        raise


def _unwritable(out: Path, error: OSError) -> OutputError:
    return OutputError(
        N_(
            "The results can't be written to {path}: {reason}. Nothing there was changed; make room"
            " or give another --out."
        ),
        path=out,
        reason=error.strerror or error,
    )
