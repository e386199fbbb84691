"""What a drive of the records is understood to be before it runs: its files opened again, its way, its clock."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from django.conf import settings

from detector.drive import Drive as Footage
from detector.errors import N_, RoadDamageError
from detector.footage import PICTURE_SUFFIXES, Refused, find_drives
from detector.picture_drive import PictureDrive
from detector.telemetry.clock import Hints, Tie
from detector.telemetry.fixes import Fixes
from detector.trajectory import Trajectory, trajectory_from_fixes
from detector.video_drive import VideoDrive
from roaddamage.doubts import doubts_kept
from roaddamage.jobs import FootageGoneError, check_footage
from roaddamage.probe import Located, facts
from roaddamage.problems import problem
from roaddamage.records.models import Drive, FootageFile

PREVIEW_POINTS = 600
MARGIN_S = 180.0
"""Of the track, so much before and after the footage is kept for a person to slide it along."""


def hints(offset_s: float) -> Hints:
    """What is known of a drive's clocks: the municipality's zone, and a person's correction."""
    zone = ZoneInfo(settings.TIME_ZONE)
    return Hints(offset_s, (datetime.now(zone).utcoffset() or timedelta()).total_seconds(), None)


def understand(found: Footage, offset_s: float) -> tuple[dict[str, object], list[list[list[float]]]]:
    """What a drive is told to be before it runs, and its way; `problem` where it has no usable positions.

    Beside `roaddamage.probe.facts`: `doubts` of the clock and `faults` of the files (problems), `shift_s` that the clocks were found to be
    apart without a person, and `track`, [time_s, lon, lat] a second.
    """
    told: dict[str, object]
    try:
        fixes = found.fixes(hints(offset_s))
        path = trajectory_from_fixes(fixes)
        told = facts(Located(found, fixes, path), ZoneInfo(settings.TIME_ZONE))
        told.pop("path")
        told |= {"doubts": doubts_kept(fixes), "shift_s": offset_s or _shift_s(fixes),
                 "track": _track(path, found.duration_s)}  # fmt: skip
        ways = [_thinned(line.tolist()) for line in path.ways([(0.0, found.duration_s)]) if len(line)]
    except RoadDamageError as error:
        width_px, height_px = found.size_px
        told = {
            "drive": found.name, "duration_s": round(found.duration_s, 1), "size_px": [width_px, height_px],
            "driven_m": 0.0, "problem": problem(error, _batch_of(found)),
        }  # fmt: skip
        ways = []
    told["faults"] = [problem(fault, _batch_of(found)) for fault in found.faults]
    if isinstance(found, VideoDrive):
        told |= {"other_cameras": found.others, "after_lost": found.after_lost}
    return told, ways


def _batch_of(found: Footage) -> Path:
    """The folder of its batch, whose name tells nobody anything."""
    place, path = Path(settings.WORKSPACE.footage), found.path
    return place / path.relative_to(place).parts[0] if path.is_relative_to(place) and path != place else place


def _shift_s(fixes: Fixes) -> float:
    """What the picture's motion was found to add to the log's times; 0 where it was not asked."""
    if fixes.clock != Tie.picture:
        return 0.0
    return round(fixes.clock_shift_s or float(fixes.time_s[0]), 2)


def _track(path: Trajectory, end_s: float) -> list[list[float]]:
    begin_s = max(float(path.time_s[0]), -MARGIN_S)
    last_s = min(float(path.time_s[-1]), end_s + MARGIN_S)
    times_s = np.linspace(begin_s, last_s, max(2, min(int(last_s - begin_s) + 1, 4 * PREVIEW_POINTS)))
    east_m, north_m = (np.interp(times_s, path.time_s, line) for line in (path.east_m, path.north_m))
    lon, lat = path.frame.to_lonlat(east_m, north_m)
    return [
        [round(float(time_s), 2), round(float(x), 6), round(float(y), 6)]
        for time_s, x, y in zip(times_s, lon, lat, strict=True)
    ]


def _thinned(line: list[list[float]]) -> list[list[float]]:
    step = max(len(line) // PREVIEW_POINTS, 1)
    return [[round(lon, 6), round(lat, 6)] for lon, lat in (*line[::step], line[-1])]


def footage_of(drive: Drive) -> Footage:
    """A drive's files opened again, as they were recognised. Raises RoadDamageError where they can't be read."""
    check_footage(drive)
    kinds, place = FootageFile.Kind, Path(settings.WORKSPACE.footage)
    files = list(drive.files.all())
    footage = [place / file.path for file in files if file.kind == kinds.footage]
    gone = next((path for path in footage if not path.is_file()), None)
    if gone or not footage:
        raise FootageGoneError(N_("The footage of {drive} is gone."), drive=drive.name)
    if footage[0].suffix.lower() in PICTURE_SUFFIXES:
        return PictureDrive(footage[0].parent, drive.name, footage)
    # A log that a person attached is for the whole drive; else each video has its own beside it.
    attached = next((place / file.path for file in files if file.kind == kinds.attached), None)
    for found in find_drives(footage, attached):
        if isinstance(found, Refused):
            raise found.error
        if isinstance(found, VideoDrive):
            found.others = drive.understood.get("other_cameras", {})
            found.after_lost = bool(drive.understood.get("after_lost"))
        found.name = drive.name
        return found
    raise FootageGoneError(N_("The footage of {drive} is gone."), drive=drive.name)


def look_again(drive: Drive) -> None:
    """Tell anew what a drive is, with its log and its clock's correction."""
    drive.understood, drive.preview = understand(footage_of(drive), drive.gps_offset_s)
    drive.metres, drive.begin = float(str(drive.understood["driven_m"])), begin_of(drive.understood)
    drive.save(update_fields=["understood", "preview", "metres", "begin", "gps_offset_s"])


def begin_of(told: dict[str, object]) -> datetime | None:
    """When a drive began, by its log; None where that is not known."""
    return datetime.fromisoformat(str(told["begin"])) if told.get("begin") else None
