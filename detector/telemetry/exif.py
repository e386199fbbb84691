"""Position and time of one geotagged picture (Exif 2.32, GPS IFD), read by Pillow."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from PIL import ExifTags, Image

from detector.telemetry.fixes import METRES_PER_DOP, Row

UNREADABLE = (KeyError, TypeError, ValueError, ZeroDivisionError, AttributeError, IndexError, OverflowError)
"""What fields that are not what the standard has there lead to."""


def read_exif(path: Path) -> Row | None:
    """One fix as a row for `fixes_from_rows`, or None where the picture carries no position.

    `utc_s` is GPS time, or the camera's clock where that states its zone; a clock without one gives
    `local_s` instead. Raises OSError for a file that is not a picture.
    """
    with Image.open(path) as picture:
        exif = picture.getexif()
    gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
    try:
        row = {
            "lat": _degrees(gps[ExifTags.GPS.GPSLatitude], gps[ExifTags.GPS.GPSLatitudeRef], "S"),
            "lon": _degrees(gps[ExifTags.GPS.GPSLongitude], gps[ExifTags.GPS.GPSLongitudeRef], "W"),
        }
    except UNREADABLE:
        return None
    details = exif.get_ifd(ExifTags.IFD.Exif) | dict(exif)
    for reader, source in ((_accuracy, gps), (_heading, gps), (_camera_time, details), (_gps_time, gps)):
        try:
            row |= reader(source)
        except UNREADABLE:
            continue
    return row


def read_focal_mm(path: Path) -> float | None:
    """The focal length's 35 mm equivalent that a picture states; None where it states none that can be."""
    try:
        with Image.open(path) as picture:
            stated = float(picture.getexif().get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.FocalLengthIn35mmFilm])
    except (OSError, Image.DecompressionBombError, SyntaxError, *UNREADABLE):
        return None
    return stated if 8 <= stated <= 200 else None


def _degrees(parts: tuple[float, float, float], side: str, negative: str) -> float:
    degrees, minutes, seconds = (float(part) for part in parts)
    value = degrees + minutes / 60 + seconds / 3600
    return -value if side.upper().startswith(negative) else value


def _accuracy(gps: Mapping[int, object]) -> Row:
    return {"accuracy_m": float(gps[ExifTags.GPS.GPSDOP]) * METRES_PER_DOP}  # type: ignore[arg-type]


def _heading(gps: Mapping[int, object]) -> Row:
    if gps[ExifTags.GPS.GPSImgDirectionRef] != "T":
        return {}
    return {"heading_deg": float(gps[ExifTags.GPS.GPSImgDirection])}  # type: ignore[arg-type]


def _gps_time(gps: Mapping[int, object]) -> Row:
    day, clock = str(gps[ExifTags.GPS.GPSDateStamp]), gps[ExifTags.GPS.GPSTimeStamp]
    hours, minutes, seconds = (float(part) for part in clock)  # type: ignore[attr-defined]
    start = datetime.strptime(day.strip("\0 "), "%Y:%m:%d").replace(tzinfo=UTC)
    return {"utc_s": start.timestamp() + hours * 3600 + minutes * 60 + seconds}


def _camera_time(details: Mapping[int, object]) -> Row:
    text = details.get(ExifTags.Base.DateTimeOriginal) or details[ExifTags.Base.DateTime]
    zone = str(details.get(ExifTags.Base.OffsetTimeOriginal, "")).strip("\0 ")
    moment = datetime.strptime(str(text).strip("\0 ") + (zone or "+00:00"), "%Y:%m:%d %H:%M:%S%z")
    fraction = str(details.get(ExifTags.Base.SubsecTimeOriginal, "")).strip("\0 ")
    seconds = moment.timestamp() + (float(f"0.{fraction}") if fraction.isdigit() else 0.0)
    return {"utc_s" if zone else "local_s": seconds}
