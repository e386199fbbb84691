"""Videos whose frames say which they are."""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray


def write_video(
    path: Path,
    times_s: NDArray[np.float64] | list[float],
    *,
    begin: datetime | None = None,
    size_px: tuple[int, int] = (320, 240),
    options: dict[str, str] | None = None,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    encoder: dict[str, str] | None = None,
) -> Path:
    """A video whose frame k, shown at times_s[k], carries k in the brightness of eight blocks.

    Behind the blocks noise comes down, so that no two frames look the same. `options` are the container's.
    """
    tick = Fraction(1, 90000 if codec == "libx264" else 30)
    rng = np.random.default_rng(1)
    ground = rng.integers(0, 120, (size_px[1] * 2, size_px[0], 3), np.uint8)
    with av.open(str(path), "w", options=options or {}) as container:
        if begin:
            container.metadata["creation_time"] = begin.isoformat()
        stream = container.add_stream(codec, rate=30)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = *size_px, pixels
        stream.options = {**(encoder or {"preset": "ultrafast", "crf": "18"})}
        stream.codec_context.time_base = stream.time_base = tick
        for index, time_s in enumerate(times_s):
            shift = (-index * 7) % size_px[1]
            picture = ground[shift : shift + size_px[1]].copy()
            for bit in range(8):
                picture[:40, bit * 40 : bit * 40 + 40] = 255 if index >> bit & 1 else 0
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = round(time_s / tick), tick
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_beginning(video: Path, path: Path, seconds: float) -> Path:
    """The first seconds of a video, its pictures as they are."""
    with av.open(str(video)) as source, av.open(str(path), "w") as target:
        stream = source.streams.video[0]
        written = target.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.dts is not None and float(packet.dts * packet.time_base) < seconds:
                packet.stream = written
                target.mux(packet)
    return path
