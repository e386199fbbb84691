"""Frames of a video file at their true presentation times (PyAV).

`time_s` counts from the file's first frame, as its presentation timestamps say: right for variable
frame rates and for files whose clock does not begin at zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.stream import Disposition
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

SMALLEST_PX, LARGEST_PX = 64, 16_384


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
        with _opened(path) as (container, stream):
            first = next(container.decode(stream), None)
            if first is None:
                raise FootageError(N_("{path}: no picture in it can be decoded."), path=path)
            height_px, width_px = upright_rgb(first, stream).shape[:2]
            if not min(width_px, height_px) >= SMALLEST_PX or max(width_px, height_px) > LARGEST_PX:
                raise FootageError(
                    N_("{path} has pictures of {width} x {height} pixels: no camera's. Give its video."),
                    path=path,
                    width=width_px,
                    height=height_px,
                )
            return Video(
                path=path,
                width_px=width_px,
                height_px=height_px,
                duration_s=_duration_s(container, stream, first.time or 0.0),
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


@contextmanager
def _opened(path: Path) -> Iterator[tuple[av.container.InputContainer, av.VideoStream]]:
    """The file and its moving pictures; a cover picture is not one.

    Raises FootageError where it has none.
    """
    # Absolute, because "12:30 drive.mp4" would be taken for an address.
    with av.open(str(path.absolute()), metadata_errors="replace") as container:
        stream = container.streams.best("video")
        if not isinstance(stream, av.VideoStream) or stream.disposition & Disposition.attached_pic:
            raise FootageError(
                N_("{path} holds no picture, only sound or data. Give the camera's video file."), path=path
            )
        yield container, stream


def _duration_s(container: av.container.InputContainer, stream: av.VideoStream, first_s: float) -> float:
    """What the stream states, else the time of the last packet that is there."""
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    container.seek(2**62, any_frame=False, backward=True)
    last_s = first_s
    for packet in container.demux(stream):
        if packet.pts is not None and packet.time_base is not None:
            last_s = max(last_s, float((packet.pts + (packet.duration or 0)) * packet.time_base))
    return last_s - first_s


def _start_utc_s(metadata: dict[str, str]) -> float | None:
    """The container's creation time; dates before 2000 are a clock that was never set."""
    try:
        moment = datetime.fromisoformat(metadata["creation_time"])
    except (KeyError, ValueError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.timestamp() if moment.year >= 2000 else None


class VideoReader:
    """Reads one video's frames in order.

    `damaged` counts the packets that could not be decoded, `other_size` the frames left out because
    their size differs from the first one's.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.decoded = 0
        self.damaged = 0
        self.other_size = 0
        self._shape: tuple[int, ...] | None = None
        self._stream: av.VideoStream
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
            image = upright_rgb(frame, self._stream)
            self._shape = self._shape or image.shape
            if image.shape != self._shape:
                self.other_size += 1
                continue
            yield Frame(self.decoded - 1, time_s, image)
            while target_s is not None and target_s <= time_s:
                target_s = next(wanted, None)

    def _decode(self) -> Iterator[tuple[av.VideoFrame, float]]:
        try:
            with _opened(self.path) as (container, stream):
                self._stream = stream
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
    with _opened(path) as (container, stream):
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
            yield Frame(index, frame.time - start_s, upright_rgb(frame, stream))


def upright_rgb(frame: av.VideoFrame, stream: av.VideoStream) -> NDArray[np.uint8]:
    """The frame as (H, W, 3) uint8 RGB, its pixels square, turned as its display matrix says."""
    image = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
    aspect = stream.sample_aspect_ratio or Fraction(1)
    if aspect != 1 and Fraction(1, 4) < aspect < 4:
        size = (round(image.shape[1] * aspect), image.shape[0])
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(image, turns)) if turns else image
