"""GPS logs in, fixes out: one module a format, and the function that tells which one a file is."""

from __future__ import annotations

import glob
from collections.abc import Callable
from pathlib import Path

from detector.errors import N_, TelemetryError
from detector.telemetry.delimited import read_csv
from detector.telemetry.fixes import Fixes
from detector.telemetry.gpx import read_gpx
from detector.telemetry.nmea import read_nmea

READERS: dict[str, Callable[[Path], Fixes]] = {
    ".gpx": read_gpx,
    ".nmea": read_nmea,
    ".nma": read_nmea,
    ".log": read_nmea,
    ".txt": read_nmea,
    ".csv": read_csv,
    ".tsv": read_csv,
}
LARGEST_LOG_BYTES = 200_000_000


def read_log(path: Path) -> Fixes:
    """Fixes of a log file, by its suffix.

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
    """The log beside a video: same folder, same stem, a known suffix in either case."""
    beside = {
        path.suffix.lower(): path
        for path in footage.parent.glob(glob.escape(footage.stem) + ".*")
        if path != footage
    }
    return next((beside[suffix] for suffix in READERS if suffix in beside), None)
