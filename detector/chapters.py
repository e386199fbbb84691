"""Which video files are one trip: a dashcam cuts a trip into files of a minute or five.

Told by what the files state: the front camera, the same folder, size and codec, and a start that
follows on the end of the one before, by the container's clock or by the time in the name; GoPro's
chapters by their numbers. Files that state neither stay drives of their own.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from detector.video import Video

OVERLAP_S, PAUSE_S = 3.0, 5.0
"""A file may begin this long before the end of the one before it, or after it."""
SHORTEST_FILE_S, MOST_MISSING = 20.0, 10.5
"""Shorter files are not cut by a clock; after more lost ones it is another trip."""
NAME_TIME = re.compile(r"(20\d\d)[_-]?(\d\d)[_-]?(\d\d)[_-]?(\d\d)[_-]?(\d\d)[_-]?(\d\d)")
NAME_CAMERA = re.compile(r"\d{6}(?:[_-]\d+)?[_-]?[NEPMA]?([FRBI])$")
GOPRO = re.compile(r"^G[HXPL](\d\d)(\d{4})$")
FOLDERS = {
    "rear": "rear",
    "back": "rear",
    "behind": "rear",
    "interior": "cabin",
    "cabin": "cabin",
    "inside": "cabin",
}
LETTERS = {"F": "front", "R": "rear", "B": "rear", "I": "cabin"}


@dataclass(frozen=True)
class Chapter:
    """One file of a trip; `begin_s` is its first frame's time since the trip's first."""

    video: Video
    begin_s: float


def camera_of(path: Path) -> str:
    """front, rear or cabin, by the file's name or its folder's; front where neither tells."""
    if match := NAME_CAMERA.search(path.stem.upper()):
        return LETTERS[match[1]]
    return FOLDERS.get(path.parent.name.lower(), "front")


def trips(videos: list[Video]) -> list[list[Chapter]]:
    """The videos as trips, each in order; trips in order of their first file's path."""
    found: list[list[Chapter]] = []
    for video in sorted(videos, key=lambda one: (one.path.parent, _start_s(one) or 0.0, _gopro_key(one))):
        last = found[-1][-1] if found else None
        begin_s = _follows(last, video) if last else None
        if begin_s is None:
            found.append([Chapter(video, 0.0)])
        else:
            found[-1].append(Chapter(video, begin_s))
    return sorted(found, key=lambda trip: trip[0].video.path)


def missing_before(trip: list[Chapter], before: list[Chapter]) -> bool:
    """Whether files between two trips seem to be lost: the second goes on where they would end.

    Told by GoPro's chapter numbers, or by a pause of whole file lengths, as dashcams that record
    without a break leave it.
    """
    last, first = before[-1].video, trip[0].video
    if last.path.parent != first.path.parent or camera_of(last.path) != camera_of(first.path):
        return False
    one, other = GOPRO.match(last.path.stem.upper()), GOPRO.match(first.path.stem.upper())
    if one and other:
        return one[2] == other[2] and int(other[1]) > int(one[1]) + 1
    begin_s, next_s = _start_s(last), _start_s(first)
    if begin_s is None or next_s is None or last.duration_s < SHORTEST_FILE_S:
        return False
    files = (next_s - begin_s) / last.duration_s - 1
    return 0.9 < files < MOST_MISSING and abs(files - round(files)) * last.duration_s < PAUSE_S


def other_cameras(trip: list[Chapter], others: list[Video]) -> dict[str, int]:
    """How many files of each other camera were recorded while the trip lasted."""
    begin_s, last = _start_s(trip[0].video), trip[-1]
    if begin_s is None:
        return {}
    end_s = begin_s + last.begin_s + last.video.duration_s
    starts = [(camera_of(video.path), _start_s(video)) for video in others]
    return dict(
        Counter(
            camera
            for camera, start_s in starts
            if start_s is not None and begin_s - PAUSE_S <= start_s <= end_s
        )
    )


def _follows(last: Chapter, video: Video) -> float | None:
    """When the video begins in the trip that `last` ends; None where it is not of that trip."""
    before = last.video
    if (before.path.parent, before.codec, before.width_px, before.height_px) != (
        video.path.parent, video.codec, video.width_px, video.height_px,
    ) or camera_of(before.path) != camera_of(video.path):  # fmt: skip
        return None
    one, other = GOPRO.match(before.path.stem.upper()), GOPRO.match(video.path.stem.upper())
    if one and other:
        follows = one[2] == other[2] and int(other[1]) == int(one[1]) + 1
        return last.begin_s + before.duration_s if follows else None
    start_s, next_s = _start_s(before), _start_s(video)
    if start_s is None or next_s is None:
        return None
    pause_s = next_s - start_s - before.duration_s
    if not -OVERLAP_S <= pause_s <= PAUSE_S:
        return None
    return last.begin_s + next_s - start_s


def _start_s(video: Video) -> float | None:
    """When a video began, by its container, else by its name (in whatever zone)."""
    if video.start_utc_s is not None:
        return video.start_utc_s
    if match := NAME_TIME.search(video.path.stem):
        try:
            return datetime(*(int(part) for part in match.groups()), tzinfo=UTC).timestamp()  # type: ignore[misc,arg-type]
        except ValueError:
            return None
    return None


def _gopro_key(video: Video) -> str:
    """A name that sorts GoPro's chapters behind one another."""
    stem = video.path.stem.upper()
    return f"{match[2]}{match[1]}" if (match := GOPRO.match(stem)) else stem
