"""Masked videos: every frame masked, masks held over neighbouring frames, encoded anew as H.264 in an MP4 file.

Frames keep their times. They are upright and their pixels square, so that nothing has to be told beside them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from detector.errors import N_, FootageError, OutputError
from detector.held import MOST_WAITING, Looked, held
from detector.kept_area import KeptArea
from detector.masking import Masker, cover
from detector.private import Kind
from detector.video import Video, VideoReader
from roaddamage.keeping import Keep
from roaddamage.masked_picture import counted
from roaddamage.masked_sound import Sound

Bytes = NDArray[np.uint8]

TICK = Fraction(1, 90_000)
ENCODER = {"crf": "20", "preset": "veryfast"}
BT_601, TV_RANGE = 6, 1
"""The colours that RGB is turned to here, and that players are told of."""
WAITING_BYTES, LEAST_WAITING = 400_000_000, 8
"""So much memory those frames take that wait for what comes after them, and so many wait for certain."""
CAMERA = ("creation_time", "make", "model", "com.apple.quicktime.make", "com.apple.quicktime.model")
PLACE = ("location", "location-eng", "com.apple.quicktime.location.ISO6709")


@dataclass(frozen=True)
class VideoDone:
    """Frames written, how many of each kind were covered in them, and how many frames could not be used."""

    frames: int
    covered: Counter[Kind]
    lost: int


def mask_video(
    video: Video,
    target: Path,
    masker: Masker,
    kept: KeptArea,
    keep: frozenset[Keep],
    moved: Callable[[], None] = lambda: None,
) -> VideoDone:
    """Write a video masked; `moved` is called after each frame.

    Raises FootageError for what can't be decoded, and OutputError where it can't be written.
    """
    reader = VideoReader(video.path)
    covered, frames = Counter[Kind](), 0
    most = WAITING_BYTES // (video.width_px * video.height_px * 3)
    waiting = min(max(most, LEAST_WAITING), MOST_WAITING)
    try:
        with _Writer(video, target, keep) as writer:
            for one in held(_looked(reader, masker, kept), waiting):
                writer.put(cover(one.frame, one.found).image, one.time_s, reader.zero_s)
                covered += counted(one.found)
                frames += 1
                moved()
            if not frames:
                raise FootageError(N_("{path}: no picture in it can be decoded."), path=video.path)
    except av.FFmpegError as error:
        raise OutputError(
            N_("{path} can't be written: {reason}."), path=target.name, reason=error.strerror
        ) from error
    return VideoDone(frames, covered, reader.damaged + reader.other_size)


def _looked(reader: VideoReader, masker: Masker, kept: KeptArea) -> Iterator[Looked[Bytes]]:
    for frame in reader.every_frame():
        shown = kept.cut(frame.image)
        yield Looked(frame.time_s, masker.find(shown), shown)


class _Writer:
    """An MP4 file that grows by pictures, (H, W, 3) uint8 RGB, all of one size."""

    def __init__(self, video: Video, target: Path, keep: frozenset[Keep]) -> None:
        self._video, self._keep = video, keep
        # Without the last flag the file names the program that made it; without the first, tags of cameras get lost.
        options = {"movflags": "+use_metadata_tags+faststart", "fflags": "+bitexact"}
        self._out = av.open(str(target.absolute()), "w", format="mp4", options=options)
        self._stream: av.VideoStream | None = None
        self._sound: Sound | None = None
        self._last = -1

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None and self._stream is not None:
                self._out.mux(self._stream.encode())
                if self._sound:
                    self._sound.finish()
        finally:
            if self._sound:
                self._sound.close()
            self._out.close()

    def put(self, image: Bytes, time_s: float, zero_s: float) -> None:
        """Add a picture at its time; sound up to then goes before it."""
        even = np.pad(image, ((0, image.shape[0] % 2), (0, image.shape[1] % 2), (0, 0)), "edge")
        stream = self._stream = self._stream or self._begin(even, zero_s)
        if self._sound:
            self._sound.until(time_s)
        frame = av.VideoFrame.from_ndarray(even, format="rgb24").reformat(format="yuv420p")
        self._last = max(round(time_s / TICK), self._last + 1)
        frame.pts, frame.time_base = self._last, TICK
        self._out.mux(stream.encode(frame))

    def _begin(self, image: Bytes, zero_s: float) -> av.VideoStream:
        stream = self._out.add_stream("libx264", rate=self._video.frame_rate, options=ENCODER)
        stream.height, stream.width = image.shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.colorspace, stream.codec_context.color_range = BT_601, TV_RANGE
        stream.codec_context.time_base = stream.time_base = TICK
        if Keep.audio in self._keep:
            self._sound = Sound(self._video.path, self._out, zero_s)
        self._out.metadata.update(_told(self._video.path, self._keep))
        return stream


def _told(path: Path, keep: frozenset[Keep]) -> dict[str, str]:
    """What is kept of what a video says of itself."""
    names = CAMERA * (Keep.metadata in keep) + PLACE * (Keep.gps in keep)
    if not names:
        return {}
    with av.open(str(path.absolute()), metadata_errors="replace") as container:
        return {name: container.metadata[name] for name in names if name in container.metadata}
