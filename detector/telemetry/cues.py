"""Positions in text tracks: NMEA (Thinkware and others), DJI's lines, and Garmin's PNDM records.

Layouts: the samples of 3GPP timed text (TS 26.245: a 16-bit length, then UTF-8) and of plain text;
Garmin by ExifTool, QuickTimeStream.pl (Process_text, "PNDM"). A cue's own time is its fix's.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable
from pathlib import Path

from detector.telemetry.boxes import Container
from detector.telemetry.fixes import Fixes, Row, fixes_from_rows
from detector.telemetry.nmea import read_sentences

LARGEST_CUE_BYTES = 4096
METRES_PER_SECOND_IN_A_MPH = 0.44704
SENTENCE = re.compile(r"\$?(G[NPABL](?:RMC|GGA),[ -~]{10,120})")
NUMBER = r"([-+]?\d{1,3}\.\d+)"
DJI = (
    re.compile(rf"\[?latitude\s*:\s*{NUMBER}\]?.{{0,8}}\[?longt?itude\s*:\s*{NUMBER}", re.S),
    re.compile(r"GPS\s*\(\s*(?P<lon>[-+]?\d{1,3}\.\d+)\s*,\s*(?P<lat>[-+]?\d{1,3}\.\d+)"),
)
SRT_TIME = re.compile(r"(\d+):(\d\d):(\d\d)[,.](\d{1,3})\s*-->")


def read_cues(container: Container) -> list[Row]:
    """Rows of the first track whose samples are cues with positions."""
    for track in container.tracks():
        if track.handler in (b"vide", b"soun") or track.format in (b"gpmd", b"camm", b"ssmd"):
            continue
        cues = (
            (sample.time_s, container.read(sample.offset, sample.size))
            for sample in track.samples
            if sample.size <= LARGEST_CUE_BYTES
        )
        if rows := rows_of_cues(cues):
            return rows
    return []


def read_srt(path: Path) -> Fixes:
    """Fixes of an SRT file beside its video, as DJI writes them."""
    rows, cues = [], []
    for block in re.split(r"\n\s*\n", path.read_text("utf-8", errors="replace").replace("\r", "")):
        if match := SRT_TIME.search(block):
            hours, minutes, seconds, fraction = match.groups()
            time_s = int(hours) * 3600 + int(minutes) * 60 + int(seconds) + int(fraction.ljust(3, "0")) / 1000
            cues.append((time_s, block.encode()))
    rows = rows_of_cues(cues)
    return fixes_from_rows(rows, "srt")


def rows_of_cues(cues: Iterable[tuple[float, bytes]]) -> list[Row]:
    """Rows of cues (time, bytes); NMEA first, as it carries UTC."""
    sentences: list[tuple[float, str]] = []
    positions: list[Row] = []
    for time_s, data in cues:
        if row := _pndm(data):
            positions.append(row | {"time_s": time_s})
            continue
        text = data.decode("utf-8", "replace")
        sentences.extend((time_s, "$" + match[1]) for match in SENTENCE.finditer(text))
        if row := _dji(text):
            positions.append(row | {"time_s": time_s})
    return read_sentences(sentences) or positions


def _pndm(data: bytes) -> Row | None:
    """Garmin: speed in miles an hour, then latitude and longitude in 2^-31 half circles."""
    start = data.find(b"PNDM", 0, 8)
    if start < 0 or len(data) < start + 20:
        return None
    speed_mph, lat, lon = struct.unpack_from("<Hxxii", data, start + 8)
    row = {"lat": lat * 180 / 2**31, "lon": lon * 180 / 2**31}
    return row | {"speed_mps": speed_mph * METRES_PER_SECOND_IN_A_MPH}


def _dji(text: str) -> Row | None:
    if match := DJI[0].search(text):
        return {"lat": float(match[1]), "lon": float(match[2])}
    if match := DJI[1].search(text):
        return {"lat": float(match["lat"]), "lon": float(match["lon"])}
    return None
