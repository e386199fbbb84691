"""Frames of a video file at their true presentation times (PyAV).

`time_s` counts from the file's first frame, as its presentation timestamps say: right for variable
frame rates and for files whose clock does not begin at zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from detector.errors import N_, FootageError

SUFFIXES = frozenset(
    [
        ".mp4",
        ".mov",
        ".m4v",
        ".avi",
        ".mkv",
        ".webm",
        ".ts",
        ".mts",
        ".m2ts",
        ".mpg",
        ".mpeg",
        ".3gp",
        ".wmv",
        ".asf",
    ]
)


@dataclass(frozen=True)
class Frame:
    """One decoded picture: `image` is (H, W, 3) uint8 RGB."""

    index: int
    time_s: float
    image: NDArray[np.uint8]


@dataclass(frozen=True)
class Video:
    """What a video file says of itself; `start_utc_s` is POSIX time, None where it does not say."""

    path: Path
    width_px: int
    height_px: int
    duration_s: float
    frame_rate: Fraction
    codec: str
    start_utc_s: float | None


def probe(path: Path) -> Video:
    """Open a video and decode its first frame.

    Raises FootageError for a file that is missing, empty, no video, or can't be decoded.
    """
    try:
        if path.stat().st_size == 0:
            raise FootageError(N_("{path} is empty (0 bytes). Copy it from the card again."), path=path)
        with av.open(str(path), metadata_errors="replace") as container:
            if not container.streams.video:
                raise FootageError(
                    N_("{path} holds no picture, only sound or data. Give the camera's video file."),
                    path=path,
                )
            stream = container.streams.video[0]
            first = next(container.decode(stream), None)
            if first is None:
                raise FootageError(N_("{path}: no picture in it can be decoded."), path=path)
            upright = first.rotation % 180 == 0
            return Video(
                path=path,
                width_px=first.width if upright else first.height,
                height_px=first.height if upright else first.width,
                duration_s=_duration_s(container, stream),
                frame_rate=stream.average_rate or stream.guessed_rate or Fraction(30),
                codec=stream.codec_context.name,
                start_utc_s=_start_utc_s(container.metadata | stream.metadata),
            )
    except av.FFmpegError as error:
        raise FootageError(
            N_(
                "{path} is not a video that can be read, or it is cut off ({reason})."
                " Copy it from the card again."
            ),
            path=path,
            reason=error.strerror,
        ) from error
    except OSError as error:
        raise FootageError(N_("{path} can't be read: {reason}."), path=path, reason=error.strerror) from error


def _duration_s(container: av.container.InputContainer, stream: av.VideoStream) -> float:
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return (container.duration or 0) / 1_000_000


def _start_utc_s(metadata: dict[str, str]) -> float | None:
    """The container's creation time; dates before 2000 are a clock that was never set."""
    try:
        moment = datetime.fromisoformat(metadata["creation_time"])
    except (KeyError, ValueError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.timestamp() if moment.year >= 2000 else None


class VideoReader:
    """Reads one video's frames in order; `damaged` counts the packets that could not be decoded."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.decoded = 0
        self.damaged = 0
        self.last_time_s = 0.0

    def frames_at(self, times_s: Iterable[float]) -> Iterator[Frame]:
        """The first frame at or after each wanted time, each frame once; times ascend.

        Decoding goes on past damaged packets. Raises FootageError where the file can't be opened.
        """
        wanted = iter(times_s)
        target_s = next(wanted, None)
        for frame, time_s in self._decode():
            if target_s is None:
                return
            if time_s < target_s:
                continue
            yield Frame(self.decoded - 1, time_s, upright_rgb(frame))
            while target_s is not None and target_s <= time_s:
                target_s = next(wanted, None)

    def _decode(self) -> Iterator[tuple[av.VideoFrame, float]]:
        try:
            with av.open(str(self.path), metadata_errors="replace") as container:
                stream = container.streams.video[0]
                stream.thread_type = "AUTO"
                zero: float | None = None
                for packet in container.demux(stream):
                    try:
                        frames = packet.decode()
                    except av.InvalidDataError:
                        self.damaged += 1
                        continue
                    for frame in frames:
                        if frame.time is None:
                            continue
                        zero = frame.time if zero is None else zero
                        self.decoded += 1
                        self.last_time_s = frame.time - zero
                        yield frame, self.last_time_s
        except av.FFmpegError as error:
            if not self.decoded:
                raise FootageError(
                    N_("{path}: decoding failed ({reason})."), path=self.path, reason=error.strerror
                ) from error
            self.damaged += 1


def still_frames(path: Path, times_s: Iterable[float]) -> Iterator[Frame]:
    """The key frame before each wanted time, by seeking: cheap looks at a drive, not exact."""
    with av.open(str(path), metadata_errors="replace") as container:
        stream = container.streams.video[0]
        start_s = float((stream.start_time or 0) * (stream.time_base or Fraction(1)))
        seen = -1.0
        for index, time_s in enumerate(times_s):
            try:
                container.seek(int((time_s + start_s) * 1_000_000), backward=True)
                frame = next(container.decode(stream), None)
            except av.FFmpegError:
                continue
            if frame is None or frame.time is None or frame.time == seen:
                continue
            seen = frame.time
            yield Frame(index, frame.time - start_s, upright_rgb(frame))


def upright_rgb(frame: av.VideoFrame) -> NDArray[np.uint8]:
    """The frame as (H, W, 3) uint8 RGB, turned as its display matrix says."""
    image = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
    turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(image, turns)) if turns else image
