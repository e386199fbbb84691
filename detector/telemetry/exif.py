"""Position and time of one geotagged picture (Exif 2.32, GPS IFD), read by Pillow."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from PIL import ExifTags, Image

from detector.telemetry.fixes import METRES_PER_DOP


def read_exif(path: Path) -> dict[str, float] | None:
    """One fix as a row for `fixes_from_rows`, or None where the picture carries no position.

    Time is GPS time where given, else the camera's own clock taken as UTC. Raises OSError for a
    file that is not a picture.
    """
    with Image.open(path) as picture:
        exif = picture.getexif()
    gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
    try:
        row = {
            "lat": _degrees(gps[ExifTags.GPS.GPSLatitude], gps[ExifTags.GPS.GPSLatitudeRef], "S"),
            "lon": _degrees(gps[ExifTags.GPS.GPSLongitude], gps[ExifTags.GPS.GPSLongitudeRef], "W"),
        }
        if ExifTags.GPS.GPSDOP in gps:
            row["accuracy_m"] = float(gps[ExifTags.GPS.GPSDOP]) * METRES_PER_DOP
        if gps.get(ExifTags.GPS.GPSImgDirectionRef) == "T":
            row["heading_deg"] = float(gps[ExifTags.GPS.GPSImgDirection])
        moment = _gps_time(gps) or _camera_time(exif)
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    return row | ({"utc_s": moment.timestamp()} if moment else {})


def _degrees(parts: tuple[float, float, float], side: str, negative: str) -> float:
    degrees, minutes, seconds = (float(part) for part in parts)
    value = degrees + minutes / 60 + seconds / 3600
    return -value if side.upper().startswith(negative) else value


def _gps_time(gps: dict[int, object]) -> datetime | None:
    day, clock = gps.get(ExifTags.GPS.GPSDateStamp), gps.get(ExifTags.GPS.GPSTimeStamp)
    if not isinstance(day, str) or not isinstance(clock, tuple):
        return None
    hours, minutes, seconds = (float(part) for part in clock)
    start = datetime.strptime(day.strip("\0 "), "%Y:%m:%d").replace(tzinfo=UTC)
    return datetime.fromtimestamp(start.timestamp() + hours * 3600 + minutes * 60 + seconds, UTC)


def _camera_time(exif: Image.Exif) -> datetime | None:
    details = exif.get_ifd(ExifTags.IFD.Exif)
    text = details.get(ExifTags.Base.DateTimeOriginal) or exif.get(ExifTags.Base.DateTime)
    if not isinstance(text, str):
        return None
    moment = datetime.strptime(text.strip("\0 "), "%Y:%m:%d %H:%M:%S").replace(tzinfo=UTC)
    fraction = details.get(ExifTags.Base.SubsecTimeOriginal)
    share = float(f"0.{fraction}") if isinstance(fraction, str) and fraction.isdigit() else 0.0
    return datetime.fromtimestamp(moment.timestamp() + share, UTC)
