"""A watched folder: what is put there and has stopped growing is taken in, each once.

A card is copied there by people: slowly, with pauses, and sometimes only in part. So nothing is taken that changed lately,
nor a video that says itself that it goes on; and of a folder that was taken before, only what is new.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from detector.telemetry import LOG_SUFFIXES
from detector.telemetry.boxes import Container
from roaddamage.file_names import KNOWN

EVERY_S, QUIET_S = 5.0, 30.0
"""How often is looked, and how long nothing must have changed."""
AGAIN_S = 300.0
"""What could not be taken for a reason that may pass is tried again after so long."""
MP4 = frozenset((".mp4", ".mov", ".m4v"))
Stamp = dict[str, list[int]]
"""Size and time of change of each file."""


@dataclass(frozen=True)
class Ready:
    """A place with files that can be taken: `new` are those that were not taken before, `cut` those copied in part."""

    place: Path
    stamp: Stamp
    new: frozenset[str]
    cut: frozenset[str]

    @property
    def whole(self) -> frozenset[str]:
        """What is to be taken now: new footage, with all logs, as the log of a video may have come before it."""
        footage = frozenset(name for name in self.new - self.cut if not _is_log(name))
        return footage | frozenset(filter(_is_log, self.stamp)) if footage else footage


@dataclass
class Watch:
    """What a folder held when it was last looked at; `kept` is a file that remembers what was taken."""

    folder: Path
    kept: Path
    quiet_s: float = QUIET_S
    clock: Callable[[], float] = time.monotonic
    _seen: dict[str, tuple[Stamp, float]] = field(default_factory=dict)
    _put_off: dict[str, tuple[Stamp, float]] = field(default_factory=dict)

    def ready(self) -> Iterator[Ready]:
        """Each subfolder, and the folder itself for files that lie in it loose, that has new files and grows no more.

        Raises OSError where the folder can't be read, as when its card was pulled out.
        """
        taken = self._taken()
        for place in (self.folder, *sorted(path for path in self.folder.iterdir() if _is_folder(path))):
            stamp, key = stamp_of(place, loose=place == self.folder), str(place.absolute())
            before = taken.get(key, {})
            new = frozenset(name for name, told in stamp.items() if before.get(name) != told)
            if new and self._is_quiet(key, stamp) and not self._is_put_off(key, stamp):
                yield Ready(place, stamp, new, frozenset(name for name in new if is_cut(place / name)))

    def _is_quiet(self, key: str, stamp: Stamp) -> bool:
        before, since = self._seen.get(key, ({}, 0.0))
        if stamp != before:
            since = self.clock()
            self._seen[key] = stamp, since
        return self.clock() - since >= self.quiet_s

    def _is_put_off(self, key: str, stamp: Stamp) -> bool:
        before, until = self._put_off.get(key, ({}, 0.0))
        return stamp == before and self.clock() < until

    def put_off(self, one: Ready, for_s: float = AGAIN_S) -> None:
        """Leave it for so long, or until it changes."""
        self._put_off[str(one.place.absolute())] = one.stamp, self.clock() + for_s

    def took(self, one: Ready) -> None:
        """Remember that this was taken, as far as it is whole. Raises OSError."""
        key, taken = str(one.place.absolute()), self._taken()
        taken[key] = {name: told for name, told in one.stamp.items() if name not in one.cut}
        part = self.kept.with_suffix(".part")
        part.write_text(json.dumps(taken))
        os.replace(part, self.kept)
        if one.cut:
            self.put_off(one, math.inf)

    def _taken(self) -> dict[str, Stamp]:
        try:
            return dict(json.loads(self.kept.read_text()))
        except (OSError, ValueError):
            return {}


def _is_log(name: str) -> bool:
    return PurePath(name).suffix.lower() in LOG_SUFFIXES


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink() and not path.name.startswith(".")


def stamp_of(place: Path, *, loose: bool = False) -> Stamp:
    """Of the files of use in a folder; `loose`: not in its subfolders. Nothing, where files go while they are looked at."""
    found: Stamp = {}
    try:
        for path in sorted(place.glob("*") if loose else place.rglob("*")):
            name = path.relative_to(place)
            hidden = any(part.startswith(".") for part in name.parts)
            if path.suffix.lower() in KNOWN and not hidden and path.is_file() and not path.is_symlink():
                told = path.stat()
                found[name.as_posix()] = [told.st_size, told.st_mtime_ns]
    except OSError:
        return {}
    return found


def is_cut(path: Path) -> bool:
    """Whether a video says itself that it is longer than the file, or can't be read at all."""
    if path.suffix.lower() not in MP4:
        return False
    try:
        with path.open("rb") as file:
            return Container(file).is_cut()
    except OSError:
        return True
