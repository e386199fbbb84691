"""GPS in, fixes out: one module a format, and the functions that tell which one a file is."""

from __future__ import annotations

import glob
from collections.abc import Callable, Mapping
from pathlib import Path

from detector.errors import N_, TelemetryError
from detector.telemetry import seventy_mai
from detector.telemetry.blackvue import read_gps_file
from detector.telemetry.cues import read_srt
from detector.telemetry.delimited import read_csv
from detector.telemetry.embedded import read_embedded
from detector.telemetry.fixes import Fixes
from detector.telemetry.gpx import read_gpx
from detector.telemetry.igc import read_igc
from detector.telemetry.kml import read_kml
from detector.telemetry.nmea import read_nmea

__all__ = ["LOG_SUFFIXES", "find_log", "read_embedded", "read_log"]

READERS: dict[str, Callable[[Path], Fixes]] = {
    ".gpx": read_gpx,
    ".nmea": read_nmea,
    ".nma": read_nmea,
    ".log": read_nmea,
    ".txt": read_nmea,
    ".csv": read_csv,
    ".tsv": read_csv,
    ".kml": read_kml,
    ".igc": read_igc,
    ".gps": read_gps_file,
    ".srt": read_srt,
}
LOG_SUFFIXES = tuple(READERS)
LARGEST_LOG_BYTES = 200_000_000


def read_log(path: Path, footage: Path | None = None, columns: Mapping[str, str] | None = None) -> Fixes:
    """Fixes of a log file, by its suffix; of a log for several clips, those of `footage`.

    `columns` names the headings of a table's columns where they can't be told.

    Raises TelemetryError for a file that is missing, too large, of no known kind, or without a fix.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise TelemetryError(
            N_("{path} is no known kind of GPS log. Known are: {kinds}."),
            path=path,
            kinds=", ".join(READERS),
        )
    try:
        if path.stat().st_size > LARGEST_LOG_BYTES:
            raise TelemetryError(
                N_("{path} is too large for a GPS log ({size} MB). Cut it to this trip."),
                path=path,
                size=path.stat().st_size // 1_000_000,
            )
        if reader is read_nmea and _begins_with(path, seventy_mai.HEAD):
            fixes = seventy_mai.read_gps_data(path, footage)
        elif reader is read_csv:
            fixes = read_csv(path, columns)
        else:
            fixes = reader(path)
    except OSError as error:
        raise TelemetryError(
            N_("The GPS log {path} can't be read: {reason}."), path=path, reason=error.strerror
        ) from error
    if not len(fixes):
        raise TelemetryError(
            N_("{path} holds no usable fix. Check that the receiver had a position."), path=path
        )
    return fixes


def find_log(footage: Path) -> Path | None:
    """The log that belongs to a video.

    Beside it, with the same stem and a known suffix in either case; else its card's `GPSData*.txt`.
    """
    beside = {
        path.suffix.lower(): path
        for path in footage.parent.glob(glob.escape(footage.stem) + ".*")
        if path != footage and path.stem == footage.stem
    }
    found = next((beside[suffix] for suffix in READERS if suffix in beside), None)
    return found or seventy_mai.find_gps_data(footage)


def _begins_with(path: Path, text: str) -> bool:
    with path.open("rb") as file:
        return file.read(len(text)) == text.encode()
