"""A watched folder: what is put there and has stopped growing is taken in, each once."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from roaddamage.intake import KNOWN

EVERY_S, QUIET_S = 5.0, 30.0
"""How often is looked, and how long nothing must have changed."""
Stamp = dict[str, list[int]]
"""Size and time of change of each file."""


@dataclass
class Watch:
    """What a folder held when it was last looked at; `kept` is a file that remembers what was taken."""

    folder: Path
    kept: Path
    quiet_s: float = QUIET_S
    clock: Callable[[], float] = time.monotonic
    _seen: dict[str, tuple[Stamp, float]] = field(default_factory=dict)

    def ready(self) -> Iterator[tuple[Path, Stamp]]:
        """Each subfolder, and the folder itself for files that lie in it loose, that is new and grows no more."""
        taken = self._taken()
        for place in (self.folder, *sorted(path for path in self.folder.iterdir() if _is_folder(path))):
            stamp = stamp_of(place, loose=place == self.folder)
            key = str(place.absolute())
            if not stamp or stamp == taken.get(key):
                continue
            before, since = self._seen.get(key, ({}, self.clock()))
            if stamp != before:
                before, since = stamp, self.clock()
            self._seen[key] = before, since
            if self.clock() - since >= self.quiet_s:
                yield place, stamp

    def took(self, place: Path, stamp: Stamp) -> None:
        """Remember that this was taken. Raises OSError."""
        taken = self._taken() | {str(place.absolute()): stamp}
        part = self.kept.with_suffix(".part")
        part.write_text(json.dumps(taken))
        os.replace(part, self.kept)

    def _taken(self) -> dict[str, Stamp]:
        try:
            return dict(json.loads(self.kept.read_text()))
        except (OSError, ValueError):
            return {}


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink() and not path.name.startswith(".")


def stamp_of(place: Path, *, loose: bool = False) -> Stamp:
    """Of the files of use in a folder; `loose`: not in its subfolders."""
    found: Stamp = {}
    for path in sorted(place.glob("*") if loose else place.rglob("*")):
        if path.suffix.lower() in KNOWN and path.is_file() and not path.is_symlink():
            told = path.stat()
            found[path.relative_to(place).as_posix()] = [told.st_size, told.st_mtime_ns]
    return found
