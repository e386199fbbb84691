"""GoPro metadata (GPMF): GPS5, GPS9, and the Karma drone's GPRI.

Layout: https://github.com/gopro/gpmf-parser (README, "GPMF Deeper Dive"): key, type, size, repeat, data
padded to four bytes; type 0 nests. Values are divided by SCAL; a type "?" is described by TYPE.
Read here with struct rather than by a parser library: an eight-byte header may announce 65,535 empty
elements, and what is announced must not become memory.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import UTC, datetime

from detector.telemetry.boxes import Container, Sample
from detector.telemetry.fixes import METRES_PER_DOP, Row

KINDS = {
    b"b": "b", b"B": "B", b"s": "h", b"S": "H", b"l": "i", b"L": "I", b"j": "q", b"J": "Q",
    b"f": "f", b"d": "d",
}  # fmt: skip
DEEPEST = 4
EPOCH_2000_S = datetime(2000, 1, 1, tzinfo=UTC).timestamp()
Entry = tuple[bytes, int, int, bytes]
"""Type, element size, repeat, data."""


def read_gpmf(container: Container) -> list[Row]:
    """Rows of the file's `gpmd` track; GPS9 where both it and GPS5 are there."""
    for track in container.tracks():
        if track.format != b"gpmd":
            continue
        found: dict[bytes, list[Row]] = {}
        for sample, length_s in _timed(track.samples):
            for key, rows in _payload(container.read(sample.offset, sample.size)):
                for index, row in enumerate(rows):
                    row["time_s"] = sample.time_s + length_s * index / len(rows)
                found.setdefault(key, []).extend(rows)
        for key in (b"GPS9", b"GPS5", b"GPRI"):
            if found.get(key):
                return found[key]
    return []


def _timed(samples: list[Sample]) -> Iterator[tuple[Sample, float]]:
    """Each sample with the seconds to the next one."""
    length_s = 1.0
    for index, sample in enumerate(samples):
        if index + 1 < len(samples):
            length_s = samples[index + 1].time_s - sample.time_s
        yield sample, length_s


def entries(data: bytes) -> Iterator[tuple[bytes, Entry]]:
    """The entries side by side in a stretch of GPMF; stops where one claims more than is there."""
    place = 0
    while place + 8 <= len(data):
        key, kind, size, repeat = struct.unpack_from(">4scBH", data, place)
        length = size * repeat
        if place + 8 + length > len(data) or key == b"\0\0\0\0":
            return
        yield key, (kind, size, repeat, data[place + 8 : place + 8 + length])
        place += 8 + (length + 3) // 4 * 4


def _payload(data: bytes, depth: int = 0) -> Iterator[tuple[bytes, list[Row]]]:
    """The positions in one payload: the stream's key, and its rows."""
    inner = list(entries(data))
    stream = dict(inner)
    clock = [entry for key, entry in inner if key == b"STRM"]
    for key, entry in inner:
        if entry[0] == b"\0" and depth < DEEPEST:
            for name, rows in _payload(entry[3], depth + 1):
                if name == b"GPRI":
                    _add_karma_clock(rows, clock)
                yield name, rows
        elif key == b"GPS5":
            yield key, list(_gps5(stream))
        elif key == b"GPS9":
            yield key, list(_gps9(stream))
        elif key == b"GPRI":
            yield key, list(_gpri(stream))


def _numbers(entry: Entry, form: str | None = None) -> Iterator[tuple[float, ...]]:
    """The elements of an entry as numbers, one tuple an element."""
    kind, size, _, data = entry
    if form is None:
        letter = KINDS.get(kind)
        form = letter * (size // struct.calcsize(letter)) if letter else None
    if not form or struct.calcsize(">" + form) != size:
        return iter(())
    return struct.iter_unpack(">" + form, data)


def _scaled(stream: dict[bytes, Entry], key: bytes) -> Iterator[tuple[float, ...]]:
    """A stream's elements divided by its SCAL."""
    scale = [row[0] for row in _numbers(stream[b"SCAL"])] if b"SCAL" in stream else []
    form = None
    if stream[key][0] == b"?":
        letters = [KINDS.get(bytes([letter])) for letter in stream.get(b"TYPE", (b"", 0, 0, b""))[3]]
        form = "".join(letter or "x" for letter in letters)
    for row in _numbers(stream[key], form):
        if len(scale) == len(row) and all(scale):
            yield tuple(value / by for value, by in zip(row, scale, strict=True))


def _gps5(stream: dict[bytes, Entry]) -> Iterator[Row]:
    """latitude, longitude, altitude, 2D and 3D speed; fix kind, DOP and UTC once a payload."""
    if (fix := next(_numbers(stream[b"GPSF"]), (3,))[0] if b"GPSF" in stream else 3) < 2:
        return
    dop = next(_numbers(stream[b"GPSP"]), (200,))[0] / 100 if b"GPSP" in stream else 2.0
    moment = _utc_s(stream[b"GPSU"][3]) if b"GPSU" in stream else None
    for lat, lon, _, speed, _ in (row for row in _scaled(stream, b"GPS5") if len(row) == 5):
        row = {"lat": lat, "lon": lon, "speed_mps": speed, "accuracy_m": dop * METRES_PER_DOP, "kind": fix}
        if moment is not None:
            row["utc_s"] = moment
            moment = None  # it is the first row's
        yield row


def _gps9(stream: dict[bytes, Entry]) -> Iterator[Row]:
    """As GPS5, then days since 2000, seconds of the day, DOP and fix kind, every row its own."""
    for row in _scaled(stream, b"GPS9"):
        if len(row) == 9 and row[8] >= 2:
            yield {
                "lat": row[0],
                "lon": row[1],
                "speed_mps": row[3],
                "utc_s": EPOCH_2000_S + row[5] * 86400 + row[6],
                "accuracy_m": row[7] * METRES_PER_DOP,
                "kind": row[8],
            }


def _gpri(stream: dict[bytes, Entry]) -> Iterator[Row]:
    """Karma: seconds since boot, lat, lon, altitude, two accuracies, speed, course, fix, satellites."""
    for row in _scaled(stream, b"GPRI"):
        if len(row) == 10 and row[8] >= 2:
            yield {
                "boot_s": row[0],
                "lat": row[1],
                "lon": row[2],
                "accuracy_m": max(row[4], 0.5),
                "speed_mps": row[6],
                "heading_deg": row[7],
                "kind": row[8],
            }


def _add_karma_clock(rows: list[Row], streams: list[Entry]) -> None:
    """UTC of Karma's rows: its SYST pairs seconds since boot with seconds since 1970."""
    for entry in streams:
        stream = dict(entries(entry[3]))
        if b"SYST" in stream:
            for boot_s, utc_s in (row for row in _scaled(stream, b"SYST") if len(row) == 2):
                for row in rows:
                    row["utc_s"] = utc_s + row["boot_s"] - boot_s
                return


def _utc_s(text: bytes) -> float | None:
    """GPSU: yymmddhhmmss.sss."""
    try:
        return datetime.strptime(text[:16].decode("ascii"), "%y%m%d%H%M%S.%f").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None
