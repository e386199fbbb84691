"""NMEA text in a file's own boxes: BlackVue's `free`/`gps `, and others that do alike.

BlackVue stamps each sentence with its camera's clock, `[1633961700000]$GNRMC,...` (milliseconds of
1970, in the camera's zone); the first stamp is the clip's first frame. The same text stands beside
the video as a `.gps` file.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path

from detector.telemetry.boxes import Box, Container
from detector.telemetry.fixes import Fixes, Row, fixes_from_rows
from detector.telemetry.nmea import read_sentences

SENTENCE = re.compile(rb"(?:\[(\d{10,16})\])?(\$G[A-Z]{4},[ -~]{10,120})")
LARGEST_TEXT_BYTES = 16_000_000
DEEPEST = 3
NO_TEXT = frozenset((b"mdat", b"trak", b"ftyp", b"stbl"))


def read_nmea_boxes(container: Container) -> list[Row]:
    """Rows of the first box that holds sentences."""
    for box in _boxes(container, container.boxes()):
        data = container.read(box.start, min(box.size, LARGEST_TEXT_BYTES))
        if (b"RMC," in data or b"GGA," in data) and (rows := stamped_rows(data)):
            return rows
    return []


def read_gps_file(path: Path) -> Fixes:
    """Fixes of a BlackVue `.gps` file beside its video."""
    with path.open("rb") as file:
        return fixes_from_rows(stamped_rows(file.read(LARGEST_TEXT_BYTES)), "blackvue")


def stamped_rows(data: bytes) -> list[Row]:
    """Rows of the sentences in a stretch of bytes, timed by their stamps where they have any."""
    found = [(match[1], match[2].decode("ascii")) for match in SENTENCE.finditer(data)]
    stamps = [int(stamp) / 1000 for stamp, _ in found if stamp]
    first_s = min(stamps, default=math.nan)
    return read_sentences((int(stamp) / 1000 - first_s if stamp else math.nan, text) for stamp, text in found)


def _boxes(container: Container, boxes: Iterator[Box], depth: int = 0) -> Iterator[Box]:
    """The boxes that may hold text, and those within them."""
    for box in boxes:
        if box.kind in NO_TEXT:
            continue
        if depth < DEEPEST and box.kind in (b"moov", b"udta", b"free", b"skip"):
            yield from _boxes(container, container.inside(box), depth + 1)
        if box.kind != b"moov" and box.size >= 20:
            yield box
