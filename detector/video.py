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
from functools import cache
from pathlib import Path

import av
import cv2
import numpy as np
from av.codec.hwaccel import HWAccel
from av.stream import Disposition
from numpy.typing import NDArray

from detector.errors import N_, FootageError
from detector.picture_groups import Everything, Wanted, groups_of_pictures

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

MOST_SAID = 300
"""Characters of what a file says of its camera."""
SMALLEST_PX, LARGEST_PX = 64, 16_384
INDEXED = frozenset(("mov", "mp4", "matroska", "webm"))
"""Containers that can be entered at any key frame for sure."""
SEEK_S = 15.0
"""A stretch longer than this in which nothing is wanted is not read at all, where that is sure."""


@dataclass(frozen=True)
class Frame:
    """One decoded picture: `image` is (H, W, 3) uint8 RGB."""

    index: int
    time_s: float
    image: NDArray[np.uint8]


@dataclass(frozen=True)
class Video:
    """What a video file says of itself; `start_utc_s` is POSIX time, None where it does not say.

    `maker` is all it says of the camera that made it.
    """

    path: Path
    width_px: int
    height_px: int
    duration_s: float
    frame_rate: Fraction
    codec: str
    start_utc_s: float | None
    maker: str = ""


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
                maker=_maker(container.metadata | stream.metadata),
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
def _opened(path: Path, device: str = "cpu") -> Iterator[tuple[av.container.InputContainer, av.VideoStream]]:
    """The file and its moving pictures; a cover picture is not one.

    Raises FootageError where it has none.
    """
    # Absolute, because "12:30 drive.mp4" would be taken for an address.
    with av.open(str(path.absolute()), metadata_errors="replace", hwaccel=_hardware(device)) as container:
        stream = container.streams.best("video")
        if not isinstance(stream, av.VideoStream) or stream.disposition & Disposition.attached_pic:
            raise FootageError(
                N_("{path} holds no picture, only sound or data. Give the camera's video file."), path=path
            )
        yield container, stream


@cache
def _hardware(device: str) -> HWAccel | None:
    """NVDEC for a CUDA device, where there is one; what it can't decode the processor does."""
    if not device.startswith("cuda"):
        return None
    card = HWAccel("cuda", device.partition(":")[2] or "0", allow_software_fallback=True)
    try:
        card.create(av.Codec("h264"))
    except (av.FFmpegError, NotImplementedError):
        return None
    return card


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


def _maker(metadata: dict[str, str]) -> str:
    """Make, model, firmware and encoder, in that order, of whatever tags there are."""
    said = [
        value.strip()
        for part in ("make", "manufacturer", "model", "firmware", "encoder", "handler_name")
        for key, value in sorted(metadata.items())
        if key.lower().rpartition(".")[2] == part
    ]
    return " ".join(said)[:MOST_SAID]


def _start_utc_s(metadata: dict[str, str]) -> float | None:
    """The container's creation time; dates before 2000 are a clock that was never set."""
    try:
        moment = datetime.fromisoformat(metadata["creation_time"])
    except (KeyError, ValueError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.timestamp() if moment.year >= 2000 else None


class VideoReader:
    """Reads one video's frames in order, decoding no more than the wanted times need.

    `decoded` counts the frames decoded, `damaged` the packets and frames that could not be used,
    `other_size` the frames left out because their size differs from the first one's. On a CUDA
    `device` the graphics card decodes (NVDEC) what it can, the processor the rest.
    """

    def __init__(self, path: Path, device: str = "cpu") -> None:
        self.path = path
        self.decoded = 0
        self.damaged = 0
        self.other_size = 0
        self.last_time_s = 0.0
        self.device = device
        self._shape: tuple[int, ...] | None = None
        self._zero_s: float | None = None

    @property
    def zero_s(self) -> float:
        """When the first frame is shown on the file's own clock, known once it was read."""
        return self._zero_s or 0.0

    def frames_at(self, times_s: Iterable[float]) -> Iterator[Frame]:
        """The first frame at or after each wanted time, each frame once; times ascend.

        Where a key frame comes a little later than that, it is taken instead, as it costs nothing
        extra. Decoding goes on past damaged packets. Raises FootageError where the file can't be
        opened.
        """
        return self._frames(Wanted(np.fromiter(times_s, float)))

    def every_frame(self) -> Iterator[Frame]:
        """All frames that can be decoded. Raises FootageError where the file can't be opened."""
        return self._frames(Everything())

    def _frames(self, wanted: Wanted) -> Iterator[Frame]:
        index = 0
        try:
            with _opened(self.path, self.device) as (container, stream):
                stream.thread_type = "AUTO"
                for frame, time_s in self._decode(container, stream, wanted):
                    if not wanted.due(time_s):
                        continue
                    image = upright_rgb(frame, stream)
                    self._shape = self._shape or image.shape
                    if image.shape != self._shape:
                        self.other_size += 1
                        continue
                    yield Frame(index, time_s, image)
                    index += 1
                    wanted.served(time_s)
        except av.FFmpegError as error:
            if not self.decoded:
                raise FootageError(
                    N_("{path}: decoding failed ({reason})."), path=self.path, reason=error.strerror
                ) from error
            self.damaged += 1

    def _decode(
        self, container: av.container.InputContainer, stream: av.VideoStream, wanted: Wanted
    ) -> Iterator[tuple[av.VideoFrame, float]]:
        """The frames that had to be decoded, each with its time; the wanted ones are among them."""
        has_index = not INDEXED.isdisjoint(container.format.name.split(","))
        follows_on = True  # the decoder holds all that comes before the next packet
        groups = groups_of_pictures(container, stream)
        while not wanted.done and (group := next(groups, None)):
            needed = wanted.packets(group, self._zero_s, follows_on=follows_on)
            cut = len(needed) if group.continues else int(np.flatnonzero(needed).max(initial=-1)) + 1
            for packet, need in zip(group.packets[:cut], needed[:cut], strict=True):
                # Frames that no other is made from can be passed over one by one.
                stream.codec_context.skip_frame = "DEFAULT" if need else "NONREF"
                yield from self._shown(stream, packet)
            follows_on = cut == len(needed)
            if not follows_on:
                yield from self._shown(stream, None)
                stream.codec_context.flush_buffers()
                next_s = wanted.next_s + (self._zero_s or 0.0)
                if has_index and group.end_s + SEEK_S < next_s < np.inf:
                    container.seek(int(next_s * 1_000_000))
                    groups = groups_of_pictures(container, stream)
        yield from self._shown(stream, None)

    def _shown(
        self, stream: av.VideoStream, packet: av.Packet[av.VideoStream] | None
    ) -> Iterator[tuple[av.VideoFrame, float]]:
        """What the decoder gives for a packet; for None, all that it still holds."""
        try:
            frames = stream.codec_context.decode(packet)
        except av.EOFError:
            return
        except av.InvalidDataError:
            self.damaged += 1
            return
        for frame in frames:
            if frame.is_corrupt:
                self.damaged += 1
            elif frame.pts is not None and stream.time_base is not None:
                time_s = float(frame.pts * stream.time_base)
                self._zero_s = time_s if self._zero_s is None else self._zero_s
                self.decoded += 1
                self.last_time_s = time_s - self._zero_s
                yield frame, self.last_time_s


def still_frames(path: Path, times_s: Iterable[float]) -> Iterator[Frame]:
    """The key frame before each wanted time, by seeking: cheap looks at a drive, not exact."""
    with _opened(path) as (container, stream):
        start_s = float((stream.start_time or 0) * (stream.time_base or Fraction(1)))
        seen: int | None = None
        for index, time_s in enumerate(times_s):
            try:
                container.seek(int((time_s + start_s) * 1_000_000), backward=True)
                packet = next(container.demux(stream))
                if packet.pts is None or packet.pts == seen:
                    continue
                seen = packet.pts
                stream.codec_context.flush_buffers()
                frames = stream.codec_context.decode(packet) + stream.codec_context.decode(None)
            except (StopIteration, av.FFmpegError):
                continue
            for frame in frames[:1]:
                yield Frame(index, float(seen * packet.time_base) - start_s, upright_rgb(frame, stream))


def upright_rgb(frame: av.VideoFrame, stream: av.VideoStream) -> NDArray[np.uint8]:
    """The frame as (H, W, 3) uint8 RGB, its pixels square, turned as its display matrix says."""
    image = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
    if frame.interlaced_frame:  # its two halves were taken at two moments: one of them is used
        image = np.asarray(cv2.resize(image[::2], image.shape[1::-1]), np.uint8)
    aspect = stream.sample_aspect_ratio or Fraction(1)
    if aspect != 1 and Fraction(1, 4) < aspect < 4:
        size = (round(image.shape[1] * aspect), image.shape[0])
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(image, turns)) if turns else image
