"""A drive that is the video files of one trip, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detector.chapters import Chapter
from detector.errors import N_, FootageError, TelemetryError
from detector.horizon import reduced
from detector.lenses import Lens, lens_of
from detector.picture_clock import Motion, pair_times, picture_motion
from detector.telemetry import LOG_SUFFIXES, find_log, read_embedded, read_log
from detector.telemetry.clock import Hints, Tie, tie_clocks
from detector.telemetry.fixes import Fixes, joined
from detector.trajectory import Trajectory
from detector.video import Frame, VideoReader, still_frames

NO_GPS = N_(
    "No GPS in or for {path}: put its log ({kinds}) beside it under the same name, or give it with --gps."
)
LOST_SHARE = 0.02
"""A drive that lost more of its frames than this was read only in part."""


class VideoDrive:
    """The files of one trip, and their logs; `gps` is a log to use in place of theirs.

    `others` counts the files that other cameras recorded meanwhile; `after_lost`: the files before
    the first one seem to be lost.
    """

    def __init__(
        self,
        chapters: list[Chapter],
        name: str,
        gps: Path | None,
        others: dict[str, int] | None = None,
        *,
        after_lost: bool = False,
    ) -> None:
        self.name, self.chapters, self.gps = name, chapters, gps
        self.others, self.after_lost = others or {}, after_lost
        self.path = chapters[0].video.path
        self._readers = [VideoReader(chapter.video.path) for chapter in chapters]
        self._wanted_s = [0.0] * len(chapters)
        self._without_gps: list[TelemetryError] = []

    @property
    def duration_s(self) -> float:
        last = self.chapters[-1]
        return last.begin_s + last.video.duration_s

    @property
    def size_px(self) -> tuple[int, int]:
        return self.chapters[0].video.width_px, self.chapters[0].video.height_px

    @property
    def lens(self) -> Lens | None:
        return lens_of(self.chapters[0].video.maker)

    @property
    def frame_s(self) -> float:
        return 1 / float(self.chapters[0].video.frame_rate)

    @property
    def _cut_off(self) -> list[int]:
        """The chapters that end before the last frame that was wanted of them."""
        return [
            index
            for index, (reader, wanted_s) in enumerate(zip(self._readers, self._wanted_s, strict=True))
            if reader.last_time_s < wanted_s - max(1.0, 0.01 * self.chapters[index].video.duration_s)
        ]

    @property
    def incomplete(self) -> bool:
        lost = sum(reader.damaged + reader.other_size for reader in self._readers)
        decoded = sum(reader.decoded for reader in self._readers)
        return bool(self._cut_off or self._without_gps or lost > LOST_SHARE * max(decoded, 1))

    @property
    def faults(self) -> list[FootageError]:
        faults: list[FootageError] = list(self._without_gps)
        if self.after_lost:
            faults.append(
                FootageError(
                    N_("files before {path} seem to be missing: look for them on the card"),
                    path=self.path.name,
                )
            )
        if damaged := sum(reader.damaged for reader in self._readers):
            faults.append(FootageError(N_("{count} damaged packets skipped"), count=damaged))
        if other_size := sum(reader.other_size for reader in self._readers):
            faults.append(FootageError(N_("frames of another size left out: {count}"), count=other_size))
        for index in self._cut_off:
            faults.append(
                FootageError(
                    N_("{path} ends at {end} s of {length} s: copy it from the card again"),
                    path=self.chapters[index].video.path.name,
                    end=round(self._readers[index].last_time_s),
                    length=round(self.chapters[index].video.duration_s),
                )
            )
        return faults

    def fixes(self, hints: Hints) -> Fixes:
        if self.gps is not None:
            log, start_utc_s = (
                read_log(self.gps, self.path, hints.columns),
                self.chapters[0].video.start_utc_s,
            )
            return tie_clocks(log, start_utc_s, self.duration_s, hints, self._motion(0))
        parts: list[Fixes] = []
        self._without_gps = []
        for index, chapter in enumerate(self.chapters):
            # One camera and one logger have one pair of clocks: the first file's motion tells of all.
            look = None if parts else self._motion(index)
            try:
                own = _chapter_fixes(chapter, hints, look)
                if own.clock == Tie.picture and own.clock_shift_s:
                    hints = replace(hints, gps_offset_s=own.clock_shift_s)
                parts.append(replace(own, time_s=own.time_s + chapter.begin_s))
            except TelemetryError as error:
                self._without_gps.append(error)
        if not parts:
            raise self._without_gps.pop(0)
        return joined(parts)

    def _motion(self, index: int) -> Callable[[float, float], Motion]:
        """What tells the motion of the picture from a chapter on, between two times since its first frame."""

        def motion(begin_s: float, end_s: float) -> Motion:
            frame_s = 1 / float(self.chapters[index].video.frame_rate)
            return picture_motion(self._frames_between(index, pair_times(begin_s, end_s, frame_s)), frame_s)

        return motion

    def _frames_between(self, first: int, times_s: NDArray[np.float64]) -> Iterator[Frame]:
        zero_s = self.chapters[first].begin_s
        for chapter in self.chapters[first:]:
            begin_s = chapter.begin_s - zero_s
            mine_s = times_s[(times_s >= begin_s) & (times_s < begin_s + chapter.video.duration_s)] - begin_s
            if len(mine_s):
                for frame in VideoReader(chapter.video.path).frames_at(mine_s):
                    yield replace(frame, time_s=frame.time_s + begin_s)

    def frames_at(self, times_s: NDArray[np.float64]) -> Iterator[Frame]:
        return self._frames_between(0, times_s)

    def looks(self, count: int) -> list[NDArray[np.uint8]]:
        each = -(-count // len(self.chapters))
        return [look for chapter in self.chapters for look in _looks(chapter, each)]

    def frames(self, trajectory: Trajectory, every_m: float, device: str = "cpu") -> Iterator[Frame]:
        times_s = trajectory.sample_times(every_m, self.duration_s)
        # What is wanted after a file's last frame is shown by the first frame of the next.
        edges_s = [-np.inf, *(chapter.begin_s - self.frame_s for chapter in self.chapters[1:]), np.inf]
        for index, chapter in enumerate(self.chapters):
            mine_s = times_s[(times_s >= edges_s[index]) & (times_s < edges_s[index + 1])]
            mine_s = (mine_s - chapter.begin_s).clip(0)
            mine_s = mine_s[mine_s <= chapter.video.duration_s]
            self._readers[index].device = device
            for frame in self._readers[index].frames_at(mine_s):
                yield replace(frame, time_s=frame.time_s + chapter.begin_s)
            self._wanted_s[index] = float(mine_s[-1]) if len(mine_s) else 0.0


def _chapter_fixes(chapter: Chapter, hints: Hints, motion: Callable[[float, float], Motion] | None) -> Fixes:
    """One file's fixes, of the log beside it or inside it, on the file's own time."""
    video = chapter.video
    if log := find_log(video.path):
        return tie_clocks(
            read_log(log, video.path, hints.columns), video.start_utc_s, video.duration_s, hints, motion
        )
    fixes = read_embedded(video.path, video.duration_s)
    if fixes is None:
        raise TelemetryError(
            NO_GPS,
            path=video.path,
            kinds=", ".join(suffix.removeprefix(".") for suffix in LOG_SUFFIXES),
        )
    return replace(fixes, time_s=fixes.time_s + hints.gps_offset_s)


def _looks(chapter: Chapter, count: int) -> list[NDArray[np.uint8]]:
    path = chapter.video.path
    times_s = np.linspace(0.03, 0.97, count) * chapter.video.duration_s
    seen = [reduced(frame.image) for frame in still_frames(path, times_s)]
    if len(seen) < count / 3:  # a short video with few key frames: reading it through costs little
        seen = [reduced(frame.image) for frame in VideoReader(path).frames_at(times_s)]
    return seen
