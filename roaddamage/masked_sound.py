"""Masked sound: a video's sound, where it is asked for, written as AAC beside the masked pictures."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av


class Sound:
    """The sound of a video, which goes into another file bit by bit; nothing where it has none."""

    def __init__(self, source: Path, out: av.container.OutputContainer, zero_s: float) -> None:
        """`zero_s` is when the first picture is shown on the source's own clock: sound before it is left out."""
        self._source, self._out, self._zero_s = (
            av.open(str(source.absolute()), metadata_errors="replace"),
            out,
            zero_s,
        )
        self._stream: av.AudioStream | None = None
        self._next: av.AudioFrame | None = None
        told = self._source.streams.best("audio")
        if isinstance(told, av.AudioStream):
            self._stream = out.add_stream("aac", rate=told.rate)
            self._stream.layout = "mono" if told.layout.nb_channels == 1 else "stereo"
            self._frames = self._read(told)
            self._next = next(self._frames, None)

    def until(self, time_s: float) -> None:
        """Write the sound up to a time since the first picture."""
        while self._stream and self._next is not None and (self._next.time or 0.0) - self._zero_s < time_s:
            frame = self._next
            start_s = (frame.time or 0.0) - self._zero_s
            if start_s >= 0:
                frame.pts, frame.time_base = (
                    round(start_s * frame.sample_rate),
                    Fraction(1, frame.sample_rate),
                )
                self._out.mux(self._stream.encode(frame))
            self._next = next(self._frames, None)

    def finish(self) -> None:
        """Write what the encoder still holds."""
        if self._stream:
            self._out.mux(self._stream.encode())

    def close(self) -> None:
        """Close the source."""
        self._source.close()

    def _read(self, stream: av.AudioStream) -> Iterator[av.AudioFrame]:
        """What can be decoded of it."""
        for packet in self._source.demux(stream):
            try:
                yield from packet.decode()
            except av.InvalidDataError:
                continue
