"""Footage: what a crew hands over, recognised as drives.

A drive is one video file with a GPS log beside it, or a folder of geotagged pictures. Both kinds
answer the same four questions: how long, where (fixes), a few looks, and the frames along the way.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps

from detector.errors import N_, FootageError, RoadDamageError, TelemetryError
from detector.horizon import reduced
from detector.telemetry import LOG_SUFFIXES, find_log, read_embedded, read_log
from detector.telemetry.clock import Hints, tie_clocks
from detector.telemetry.exif import read_exif
from detector.telemetry.fixes import Fixes, Row, fixes_from_rows
from detector.trajectory import LONGEST_GAP_S, Trajectory
from detector.video import SUFFIXES, Frame, Video, VideoReader, probe, still_frames

PICTURE_SUFFIXES = frozenset((".jpg", ".jpeg"))
PAUSE_S = 60.0
"""Pictures further apart in time are of two stretches; nearer ones are at most `LONGEST_GAP_S` apart."""
LOST_SHARE = 0.02
"""A drive that lost more of its frames than this was read only in part."""
LONGEST_NAME_BYTES = 80


class Drive(Protocol):
    """One trip of one vehicle."""

    name: str
    path: Path

    @property
    def duration_s(self) -> float:
        """Seconds from the first frame to the last."""

    @property
    def faults(self) -> list[FootageError]:
        """What could not be read of it; empty when all could."""

    @property
    def incomplete(self) -> bool:
        """Whether part of the drive is missing for that reason."""

    def fixes(self, hints: Hints) -> Fixes:
        """The drive's fixes, tied to its own time."""

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height of its pictures."""

    def looks(self, count: int) -> list[NDArray[np.uint8]]:
        """A few pictures spread over the drive, cheaply, as `detector.horizon.reduced` gives them."""

    def frames(self, trajectory: Trajectory, every_m: float) -> Iterator[Frame]:
        """The frames along the way, one every `every_m` driven, none while parked."""


@dataclass(frozen=True)
class Refused:
    """A file that could not be used, and why."""

    path: Path
    error: RoadDamageError


class VideoDrive:
    """A video file and its log."""

    def __init__(self, path: Path, name: str, log: Path | None) -> None:
        self.name, self.path, self.log = name, path, log
        self.video: Video = probe(path)
        self._reader = VideoReader(path)
        self._wanted_s = 0.0

    @property
    def duration_s(self) -> float:
        return self.video.duration_s

    @property
    def _cut_off(self) -> bool:
        return self._reader.last_time_s < self._wanted_s - max(1.0, 0.01 * self.duration_s)

    @property
    def incomplete(self) -> bool:
        lost = self._reader.damaged + self._reader.other_size
        return self._cut_off or lost > LOST_SHARE * max(self._reader.decoded, 1)

    @property
    def faults(self) -> list[FootageError]:
        faults = []
        if self._reader.damaged:
            faults.append(FootageError(N_("{count} damaged packets skipped"), count=self._reader.damaged))
        if self._reader.other_size:
            faults.append(
                FootageError(N_("{count} frames of another size left out"), count=self._reader.other_size)
            )
        if self._cut_off:
            faults.append(
                FootageError(
                    N_("the file ends at {end} s of {length} s: copy it from the card again"),
                    end=round(self._reader.last_time_s),
                    length=round(self.duration_s),
                )
            )
        return faults

    def fixes(self, hints: Hints) -> Fixes:
        if self.log is not None:
            log = read_log(self.log, self.path)
            return tie_clocks(log, self.video.start_utc_s, self.duration_s, hints)
        fixes = read_embedded(self.path, self.duration_s)
        if fixes is None:
            raise TelemetryError(
                N_(
                    "No GPS in or for {path}: put its log ({kinds}) beside it under the same name, or"
                    " give it with --gps."
                ),
                path=self.path,
                kinds=", ".join(suffix.removeprefix(".") for suffix in LOG_SUFFIXES),
            )
        return replace(fixes, time_s=fixes.time_s + hints.gps_offset_s)

    @property
    def size_px(self) -> tuple[int, int]:
        return self.video.width_px, self.video.height_px

    def looks(self, count: int) -> list[NDArray[np.uint8]]:
        times_s = np.linspace(0.03, 0.97, count) * self.duration_s
        seen = [reduced(frame.image) for frame in still_frames(self.path, times_s)]
        if len(seen) < count / 3:  # a short video with few key frames: reading it through costs little
            seen = [reduced(frame.image) for frame in VideoReader(self.path).frames_at(times_s)]
        return seen

    def frames(self, trajectory: Trajectory, every_m: float) -> Iterator[Frame]:
        times_s = trajectory.sample_times(every_m, self.duration_s)
        yield from self._reader.frames_at(times_s)
        self._wanted_s = float(times_s[-1]) if len(times_s) else 0.0


class PictureDrive:
    """A folder of geotagged pictures, in order of time (of name, where they carry none)."""

    def __init__(self, folder: Path, name: str, pictures: list[Path]) -> None:
        self.name, self.path = name, folder
        self._unreadable: list[str] = []
        found: list[tuple[float, Path, Row]] = []
        for path in sorted(pictures):
            row = _exif_row(path)
            if row is None:
                self._unreadable.append(path.name)
            else:
                found.append((row.get("utc_s", row.get("local_s", np.nan)), path, row))
        if not found:
            raise TelemetryError(
                N_(
                    "None of the {count} pictures in {path} carries a GPS position. Switch on"
                    " location in the camera, or give the video and its log."
                ),
                count=len(pictures),
                path=folder,
            )
        if all(np.isfinite(moment_s) for moment_s, _, _ in found):
            found.sort(key=lambda one: (one[0], one[1]))
        self.pictures = [path for _, path, _ in found]
        apart_s = np.diff([moment_s for moment_s, _, _ in found])
        steps_s = np.where(np.isfinite(apart_s), np.clip(apart_s, 0.05, LONGEST_GAP_S), 1.0)
        steps_s[apart_s > PAUSE_S] = LONGEST_GAP_S + 1  # a gap in the trajectory: not driven through
        self.times_s = np.concatenate([[0.0], np.cumsum(steps_s)])
        self._rows = [
            row | {"time_s": float(time_s)} for (_, _, row), time_s in zip(found, self.times_s, strict=True)
        ]

    @cached_property
    def duration_s(self) -> float:
        return float(self.times_s[-1])

    @property
    def incomplete(self) -> bool:
        return bool(self._unreadable)

    @property
    def faults(self) -> list[FootageError]:
        if not self._unreadable:
            return []
        return [
            FootageError(
                N_("{count} pictures unreadable, without position or of another size: {names}"),
                count=len(self._unreadable),
                names=", ".join(self._unreadable[:5]),
            )
        ]

    def fixes(self, hints: Hints) -> Fixes:
        rows = [
            row | {"utc_s": row["local_s"] - hints.local_offset_s} if "local_s" in row else row
            for row in self._rows
        ]
        return tie_clocks(fixes_from_rows(rows, "exif"), None, self.duration_s)

    @cached_property
    def size_px(self) -> tuple[int, int]:
        sizes: Counter[tuple[int, int]] = Counter()
        for path in self.pictures:
            try:
                with Image.open(path) as picture:
                    turned = picture.getexif().get(ExifTags.Base.Orientation, 1) >= 5
                    sizes[picture.size[::-1] if turned else picture.size] += 1
            except (OSError, Image.DecompressionBombError):
                continue
        if not sizes:
            raise FootageError(N_("{path}: no picture in it can be decoded."), path=self.path)
        return sizes.most_common(1)[0][0]

    def looks(self, count: int) -> list[NDArray[np.uint8]]:
        step = max(1, len(self.pictures) // count)
        return [reduced(frame.image) for frame in self._read(range(0, len(self.pictures), step))]

    def frames(self, trajectory: Trajectory, every_m: float) -> Iterator[Frame]:
        wanted, last_m = [], -np.inf
        for index, time_s in enumerate(self.times_s):
            distance_m = trajectory.at(float(time_s)).distance_m
            if distance_m - last_m >= every_m:
                wanted.append(index)
                last_m = distance_m
        return self._read(wanted)

    def _read(self, indices: range | list[int]) -> Iterator[Frame]:
        for index in indices:
            try:
                with Image.open(self.pictures[index]) as picture:
                    upright = ImageOps.exif_transpose(picture).convert("RGB")
                if upright.size != self.size_px:
                    raise OSError("another size than the drive's other pictures")
                yield Frame(index, float(self.times_s[index]), np.asarray(upright, np.uint8))
            except (OSError, Image.DecompressionBombError):
                if self.pictures[index].name not in self._unreadable:
                    self._unreadable.append(self.pictures[index].name)


def _exif_row(path: Path) -> dict[str, float] | None:
    try:
        return read_exif(path)
    except (OSError, Image.DecompressionBombError, SyntaxError, ValueError):
        return None


def find_drives(paths: list[Path], gps: Path | None = None) -> Iterator[Drive | Refused]:
    """Each path's drives, or what is wrong with it; one bad file never stops the others.

    A folder is searched with its subfolders: every video in it is a drive; a folder that holds
    pictures and no video is one drive. A file given twice is one drive. `gps` is used for every video,
    in place of the log it may have of its own.
    """
    names: set[str] = set()
    seen: set[Path] = set()
    for path in paths:
        try:
            found = list(_footage_in(path))
        except RoadDamageError as error:
            yield Refused(path, error)
            continue
        for place, pictures in found:
            if place.resolve() in seen:
                continue
            seen.add(place.resolve())
            name = _unique(place.stem if not pictures else place.name, names)
            try:
                if pictures:
                    yield PictureDrive(place, name, pictures)
                else:
                    yield VideoDrive(place, name, gps or find_log(place))
            except RoadDamageError as error:
                yield Refused(place, error)


def _footage_in(path: Path) -> Iterator[tuple[Path, list[Path]]]:
    """(video, []) or (folder, its pictures) for everything under a path."""
    try:
        if not path.is_dir():
            if not path.exists():
                raise FootageError(N_("{path} does not exist."), path=path)
            if path.suffix.lower() in PICTURE_SUFFIXES:
                raise FootageError(
                    N_("{path} is a single picture. Give the folder of the drive's pictures."),
                    path=path,
                )
            yield path, []
            return
        list(path.iterdir())  # rglob passes over a folder it may not read without a word
        files = [file for file in sorted(path.rglob("*")) if _is_footage(file, path)]
    except OSError as error:
        raise FootageError(N_("{path} can't be read: {reason}."), path=path, reason=error.strerror) from error
    videos = [file for file in files if file.suffix.lower() in SUFFIXES]
    pictures: dict[Path, list[Path]] = {}
    for file in files:
        if file.suffix.lower() in PICTURE_SUFFIXES:
            pictures.setdefault(file.parent, []).append(file)
    if not files:
        raise FootageError(
            N_("{path} holds no video and no picture. Known are {kinds} and JPEG."),
            path=path,
            kinds=", ".join(sorted(SUFFIXES)),
        )
    yield from ((video, []) for video in videos)
    with_video = {video.parent for video in videos}
    yield from ((folder, them) for folder, them in pictures.items() if folder not in with_video)


def _is_footage(file: Path, top: Path) -> bool:
    """Whether a file is footage: not hidden, and not evidence that an earlier run wrote."""
    if file.suffix.lower() not in SUFFIXES | PICTURE_SUFFIXES or not file.is_file():
        return False
    hidden = any(part.startswith(".") for part in file.relative_to(top).parts)
    return not hidden and not (file.parent.parent / "report.json").exists()


def _unique(stem: str, taken: set[str]) -> str:
    """A name that is safe in a file name and not taken yet."""
    base = re.sub(r"[^\w.-]+", "_", stem).strip("._-")
    base = base.encode()[:LONGEST_NAME_BYTES].decode("utf-8", "ignore") or "drive"
    name, count = base, 1
    while name.lower() in taken:
        count += 1
        name = f"{base}-{count}"
    taken.add(name.lower())
    return name
