"""A drive that is a folder of geotagged pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps

from detector.errors import N_, FootageError, TelemetryError
from detector.horizon import reduced
from detector.lenses import Lens, lens_for_35mm
from detector.telemetry.clock import Hints, tie_clocks
from detector.telemetry.exif import read_exif, read_focal_mm
from detector.telemetry.fixes import Fixes, Row, fixes_from_rows
from detector.trajectory import LONGEST_GAP_S, Trajectory
from detector.video import Frame

NEAR_ENOUGH = 0.9
"""A picture this share of the wanted distance on from the last is taken: there is none in between."""
PAUSE_S = 60.0
"""Pictures further apart in time are of two stretches; nearer ones are at most `LONGEST_GAP_S` apart."""


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

    @property
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

    @property
    def lens(self) -> Lens | None:
        equivalent_mm = read_focal_mm(self.pictures[0])
        return lens_for_35mm(equivalent_mm) if equivalent_mm else None

    @property
    def frame_s(self) -> float:
        return float(np.median(np.diff(self.times_s))) if len(self.times_s) > 1 else 1.0

    def frames_at(self, times_s: NDArray[np.float64]) -> Iterator[Frame]:
        index = np.unique(np.searchsorted(self.times_s, times_s))
        return self._read([one for one in index.tolist() if one < len(self.pictures)])

    def frames(self, trajectory: Trajectory, every_m: float, device: str = "cpu") -> Iterator[Frame]:
        wanted, last_m = [], -np.inf
        for index, distance_m in enumerate(trajectory.distance_at(self.times_s)):
            if distance_m - last_m >= NEAR_ENOUGH * every_m:
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
