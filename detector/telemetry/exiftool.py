"""Positions by ExifTool, for the cameras that no reader of our own knows; only where it is installed.

ExifTool (Phil Harvey) reads some seventy kinds of timed metadata. Older versions pass over most of them
and give some speeds in other units, so at least `OLDEST` is asked for, and a speed is taken only in the
unit that its own positions bear out.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from pyproj import Geod

from detector.telemetry.fixes import METRES_PER_DOP, Row, usable

OLDEST = (13, 50)
TAGS = ("GPSLatitude", "GPSLongitude", "GPSDateTime", "GPSSpeed", "GPSTrack", "GPSDOP", "SampleTime")
LONGEST_S = 300
FASTEST_MPS, LEAST_MPS = 70.0, 2.0
UNITS_MPS = (1.0, 1 / 3.6, 1852 / 3600, 1609.344 / 3600)
"""Metres a second, km/h, knots, miles an hour."""
UNIT_MATCH = 0.12
"""How far a speed's median ratio to the way driven may be from one for its unit to be believed."""
WGS84 = Geod(ellps="WGS84")


def read_exiftool(path: Path) -> list[Row]:
    """Rows of the positions that ExifTool finds; none where it is not there, too old, or fails."""
    program = _program()
    if program is None:
        return []
    command = [program, "-ee3", "-n", "-j", "-G3", "-a", "-api", "LargeFileSupport=1"]
    command += [f"-{tag}" for tag in TAGS]
    try:
        # An absolute path can't be taken for an option.
        done = subprocess.run(  # noqa: S603
            [*command, str(path.absolute())], capture_output=True, timeout=LONGEST_S, check=False
        )
        (told,) = json.loads(done.stdout)
    except (OSError, subprocess.TimeoutExpired, ValueError):
        return []
    return _with_speeds(usable([_row(document) for document in _documents(told)]))


def is_usable() -> bool:
    """Whether ExifTool is there and new enough."""
    return _program() is not None


@cache
def _program() -> str | None:
    program = shutil.which("exiftool")
    if program is None:
        return None
    try:
        done = subprocess.run([program, "-ver"], capture_output=True, text=True, timeout=30, check=True)  # noqa: S603
        whole, part = done.stdout.strip().split(".")[:2]
        return program if (int(whole), int(part)) >= OLDEST else None
    except (OSError, subprocess.SubprocessError, ValueError):
        return None


def _documents(told: dict[str, Any]) -> list[dict[str, Any]]:
    """One dict a sample, in the file's order, from tags named `Doc3-1:GPSSpeed`."""
    documents: dict[str, dict[str, Any]] = {}
    for name, value in told.items():
        document, _, tag = name.partition(":")
        if document.startswith("Doc") and tag in TAGS:
            documents.setdefault(document, {}).setdefault(tag, value)
    return list(documents.values())


def _row(document: dict[str, Any]) -> Row:
    names = {"GPSLatitude": "lat", "GPSLongitude": "lon", "GPSSpeed": "speed", "GPSTrack": "heading_deg"}
    names |= {"SampleTime": "nominal_s", "GPSDOP": "dop"}
    row = {
        own: float(document[tag]) for tag, own in names.items() if isinstance(document.get(tag), int | float)
    }
    if "dop" in row:
        row["accuracy_m"] = row.pop("dop") * METRES_PER_DOP
    utc_s = _utc_s(str(document.get("GPSDateTime", "")))
    if utc_s is not None:
        row["utc_s"] = utc_s
    return row


def _utc_s(text: str) -> float | None:
    match = re.fullmatch(r"(\d{4}):(\d\d):(\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?)Z?", text)
    if match is None:
        return None
    try:
        moment = datetime.fromisoformat("{}-{}-{}T{}".format(*match.groups()))
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC).timestamp()


def _with_speeds(rows: list[Row]) -> list[Row]:
    """The rows with their speeds in m/s where the unit can be told, and else without."""
    scale = _unit_mps(rows)
    for row in rows:
        speed = row.pop("speed", np.nan)
        if scale is not None and np.isfinite(speed):
            row["speed_mps"] = speed * scale
    return rows


def _unit_mps(rows: list[Row]) -> float | None:
    """The unit of the speeds, as the ways between the positions bear it out; None where none does."""
    column = {
        name: np.array([row.get(name, np.nan) for row in rows])
        for name in ("lon", "lat", "speed", "utc_s", "nominal_s")
    }
    time_s = column["utc_s"] if np.isfinite(column["utc_s"]).all() else column["nominal_s"]
    if len(rows) < 3 or not np.isfinite(time_s).all():
        return None
    _, _, way_m = WGS84.inv(column["lon"][:-1], column["lat"][:-1], column["lon"][1:], column["lat"][1:])
    step_s = np.diff(time_s)
    told = (column["speed"][1:] + column["speed"][:-1]) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        driven = np.asarray(way_m) / step_s
        ratio = driven / told
    moving = (driven > LEAST_MPS) & (driven < FASTEST_MPS) & np.isfinite(ratio)
    if moving.sum() < 3:
        return None
    middle = float(np.median(ratio[moving]))
    nearest = min(UNITS_MPS, key=lambda unit: abs(np.log(middle / unit)))
    return nearest if abs(middle / nearest - 1) < UNIT_MATCH else None
