"""Boxes and timed samples of ISO base media files (mp4, mov): ISO/IEC 14496-12.

Sizes and offsets in a file are never trusted: a box that reaches past its parent is cut there, one
that claims nothing ends the walk, tables are read only as far as their box goes, and no more samples
are believed than the file has bytes for.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

CONTAINERS = frozenset((b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"udta"))
FIRST = frozenset((b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide"))
"""What such a file begins with."""
LARGEST_TABLE_BYTES = 64_000_000
MOST_BOXES = 100_000


@dataclass(frozen=True)
class Box:
    """One box: `start` is where its content begins in the file, `size` how long the content is."""

    kind: bytes
    start: int
    size: int


@dataclass(frozen=True)
class Sample:
    """One timed sample: `time_s` on the movie's timeline, edit list counted in."""

    time_s: float
    offset: int
    size: int


@dataclass
class Track:
    """One track: its handler (`vide`, `meta`, `sbtl` ...), sample format, and samples."""

    handler: bytes
    format: bytes
    samples: list[Sample] = field(default_factory=list)


class Container:
    """An open mp4 or mov file."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.size = file.seek(0, 2)
        self._tracks: list[Track] | None = None

    def read(self, offset: int, size: int) -> bytes:
        """Bytes at a place, fewer where the file ends."""
        if not 0 <= offset < self.size or size <= 0:
            return b""
        self.file.seek(offset)
        return self.file.read(min(size, self.size - offset))

    def boxes(self, start: int = 0, end: int | None = None) -> Iterator[Box]:
        """The boxes side by side in a stretch of the file; the whole file by default."""
        place, end = start, self.size if end is None else end
        for _ in range(MOST_BOXES):
            head = self.read(place, 16)
            if len(head) < 8 or place + 8 > end:
                return
            size, kind = struct.unpack(">I4s", head[:8])
            header = 8
            if size == 1 and len(head) == 16:
                size, header = struct.unpack(">Q", head[8:])[0], 16
            elif size == 0:
                size = end - place
            if size < header:
                return
            content = min(size - header, end - place - header)
            yield Box(kind, place + header, content)
            place += size

    def is_cut(self) -> bool:
        """Whether a box at the top reaches past the file's end: a file that was copied in part, or is being copied."""
        unbounded = 2**62
        boxes = list(self.boxes(0, unbounded))
        ends = (box.start + box.size for box in boxes)
        return bool(boxes) and boxes[0].kind in FIRST and any(self.size < end < unbounded for end in ends)

    def inside(self, box: Box) -> Iterator[Box]:
        """The boxes within a box."""
        return self.boxes(box.start, box.start + box.size)

    def content(self, box: Box | None) -> bytes:
        """A box's bytes; none for no box, and none for one too large to be a table."""
        if box is None or box.size > LARGEST_TABLE_BYTES:
            return b""
        return self.read(box.start, box.size)

    def find(self, box: Box | None, *path: bytes) -> Box | None:
        """The first box down a path of kinds from a box, or from the file's top."""
        for kind in path:
            within = self.boxes() if box is None else self.inside(box)
            box = next((one for one in within if one.kind == kind), None)
            if box is None:
                return None
        return box

    def tracks(self) -> list[Track]:
        """The tracks of the file's `moov`, read once; none where there is none."""
        if self._tracks is None:
            self._tracks = self._read_tracks()
        return self._tracks

    def _read_tracks(self) -> list[Track]:
        movie = self.find(None, b"moov")
        if movie is None:
            return []
        movie_scale = _scale(self.content(self.find(movie, b"mvhd")))
        found = []
        for box in self.inside(movie):
            if box.kind == b"trak" and (track := self._track(box, movie_scale)):
                found.append(track)
        return found

    def _track(self, trak: Box, movie_scale: int) -> Track | None:
        media = self.find(trak, b"mdia")
        table = self.find(media, b"minf", b"stbl") if media else None
        if media is None or table is None:
            return None
        scale = _scale(self.content(self.find(media, b"mdhd")))
        handler = self.content(self.find(media, b"hdlr"))[8:12]
        described = self.content(self.find(table, b"stsd"))
        tables = {box.kind: box for box in self.inside(table)}
        times = _times(self.content(tables.get(b"stts")), self.content(tables.get(b"ctts")))
        sizes = _sizes(self.content(tables.get(b"stsz")), self.size)
        offsets = _chunk_offsets(self.content(tables.get(b"stco")), self.content(tables.get(b"co64")))
        places = _places(self.content(tables.get(b"stsc")), offsets, sizes)
        shift_s = self._edit_shift_s(trak, movie_scale, scale)
        samples = [
            Sample(time / scale + shift_s, place, size)
            for time, place, size in zip(times, places, sizes, strict=False)
            if 0 <= place < self.size
        ]
        return Track(handler, described[12:16], samples)

    def _edit_shift_s(self, trak: Box, movie_scale: int, scale: int) -> float:
        """What the edit list adds to the media's times: an empty first edit, less the media skipped."""
        data = self.content(self.find(trak, b"edts", b"elst"))
        if len(data) < 8:
            return 0.0
        wide = data[0] == 1
        entry = struct.Struct(">qqi" if wide else ">Iii")
        shift_s = 0.0
        for place in range(8, len(data) - entry.size + 1, entry.size):
            duration, media_time, _ = entry.unpack_from(data, place)
            if media_time == -1:
                shift_s += duration / movie_scale
                continue
            return float(shift_s - media_time / scale)
        return shift_s


def _scale(header: bytes) -> int:
    """Units a second, from an `mvhd` or `mdhd`."""
    place = 20 if header[:1] == b"\1" else 12
    return int.from_bytes(header[place : place + 4], "big") or 1


def _pairs(table: bytes, form: str) -> Iterator[tuple[int, ...]]:
    """The rows of a table that begins with version, flags and a count; never more than it holds."""
    row = struct.Struct(form)
    count = int.from_bytes(table[4:8], "big")
    for index in range(min(count, (len(table) - 8) // row.size)):
        yield row.unpack_from(table, 8 + index * row.size)


def _times(stts: bytes, ctts: bytes) -> Iterator[int]:
    """Presentation time of each sample in the track's units; ends with the tables."""
    offsets = (offset for count, offset in _pairs(ctts, ">Ii") for _ in range(count))
    time = 0
    for count, step in _pairs(stts, ">II"):
        for _ in range(count):
            yield time + next(offsets, 0)
            time += step


def _sizes(stsz: bytes, file_size: int) -> list[int]:
    if len(stsz) < 12:
        return []
    common, count = struct.unpack_from(">II", stsz, 4)
    if common:
        return [common] * min(count, file_size // common)
    return [
        size for (size,) in struct.iter_unpack(">I", stsz[12 : 12 + 4 * min(count, (len(stsz) - 12) // 4)])
    ]


def _chunk_offsets(stco: bytes, co64: bytes) -> list[int]:
    return [offset for (offset,) in (_pairs(stco, ">I") if stco else _pairs(co64, ">Q"))]


def _places(stsc: bytes, offsets: list[int], sizes: list[int]) -> Iterator[int]:
    """Where each sample lies: chunk by chunk, one sample behind the other."""
    rows = list(_pairs(stsc, ">III"))
    sample = 0
    for index, (first, per_chunk, _) in enumerate(rows):
        last = rows[index + 1][0] - 1 if index + 1 < len(rows) else len(offsets)
        for chunk in range(max(first, 1) - 1, min(last, len(offsets))):
            place = offsets[chunk]
            for _ in range(per_chunk):
                if sample >= len(sizes):
                    return
                yield place
                place += sizes[sample]
                sample += 1
