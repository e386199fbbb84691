"""What is in a folder of footage: per drive its files, length, GPS, clock, gaps, and how much is usable."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import gpxpy.gpx
import numpy as np
import pandas

from detector.drive import Drive
from detector.errors import N_, RoadDamageError, Translate
from detector.footage import Refused, find_drives
from detector.telemetry.clock import ASSUMED, SHIFTED, Hints
from detector.telemetry.fixes import Fixes
from detector.trajectory import Trajectory, trajectory_from_fixes
from detector.video_drive import VideoDrive
from maps.exports import local_time

FORMATS = ("gpx", "csv", "geojson", "json")


@dataclass(frozen=True)
class Located:
    """A drive with its fixes and the path they make."""

    drive: Drive
    fixes: Fixes
    trajectory: Trajectory


def locate(paths: list[Path], gps: Path | None, hints: Hints) -> Iterator[Located | Refused]:
    """Each drive with where it went, or why that can't be told."""
    for drive in find_drives(paths, gps):
        if isinstance(drive, Refused):
            yield drive
            continue
        try:
            fixes = drive.fixes(hints)
            yield Located(drive, fixes, trajectory_from_fixes(fixes))
        except RoadDamageError as error:
            yield Refused(drive.path, error)


def facts(found: Located, zone: ZoneInfo) -> dict[str, Any]:
    """What `probe` tells of a drive, as JSON has it."""
    drive, path = found.drive, found.trajectory
    spans = path.spans(drive.duration_s)
    known_s = sum(high - low for low, high in spans)
    files = [chapter.video.path.name for chapter in drive.chapters] if isinstance(drive, VideoDrive) else []
    return {
        "drive": drive.name,
        "path": str(drive.path),
        "files": files,
        "duration_s": round(drive.duration_s, 1),
        "size_px": list(drive.size_px),
        "begin": local_time(path.utc_at(0.0), zone),
        "driven_m": round(path.metres_driven(drive.duration_s), 1),
        "gps": found.fixes.reader,
        "fixes": len(found.fixes),
        "fixes_dropped": path.dropped,
        "clock": found.fixes.clock,
        "clock_residual_s": _or_none(found.fixes.clock_residual_s),
        "gaps": max(len(spans) - 1, 0),
        "usable_share": round(known_s / drive.duration_s, 3) if drive.duration_s else 0.0,
        "faults": [str(fault) for fault in drive.faults],
    }


def described(told: dict[str, Any], translate: Translate) -> str:
    """The same for a person: a line of what it is, a line of GPS, and a line for each doubt."""
    minutes, seconds = divmod(round(told["duration_s"]), 60)
    width_px, height_px = told["size_px"]
    lines = [
        translate(N_("{drive}: {files} files, {length}, {size}, {km} km, from {begin}")).format(
            drive=told["drive"],
            files=max(len(told["files"]), 1),
            length=f"{minutes}:{seconds:02d}",
            size=f"{width_px} x {height_px}",
            km=f"{told['driven_m'] / 1000:.2f}",
            begin=told["begin"] or "-",
        ),
        translate(N_("  GPS: {reader}, {fixes} fixes, usable {share}, gaps {gaps}, clock: {clock}")).format(
            reader=told["gps"],
            fixes=told["fixes"],
            share=f"{told['usable_share']:.0%}",
            gaps=told["gaps"],
            clock=told["clock"],
        ),
    ]
    residual_s = told["clock_residual_s"]
    if told["clock"] == ASSUMED or told["clock"].startswith(SHIFTED) or (residual_s or 0) > 1:
        lines.append(translate(N_("  Doubt: check the clock at a known place (--gps-offset mends it)")))
    lines.extend(f"  {fault}" for fault in told["faults"])
    return "\n".join(lines)


def fixes_text(found: list[Located], form: str) -> str:
    """The fixes of the drives in one of `FORMATS`; positions in EPSG:4326, longitude first."""
    if form == "gpx":
        return _gpx(found)
    table = pandas.concat([_table(one) for one in found], ignore_index=True)
    if form == "csv":
        return str(table.to_csv(index=False))
    rows = json.loads(table.to_json(orient="records", double_precision=10))
    if form == "json":
        return json.dumps(rows)
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [row.pop("lon"), row.pop("lat")]},
            "properties": row,
        }
        for row in rows
    ]
    return json.dumps({"type": "FeatureCollection", "features": features})


def _table(found: Located) -> pandas.DataFrame:
    fixes = found.fixes
    return pandas.DataFrame(
        {
            "drive": found.drive.name,
            "time_s": np.round(fixes.time_s, 3),
            "utc": [
                "" if moment is pandas.NaT else moment.isoformat(timespec="milliseconds")
                for moment in pandas.to_datetime(fixes.utc_s, unit="s", utc=True)
            ],
            "lon": np.round(fixes.lon, 8),
            "lat": np.round(fixes.lat, 8),
            "accuracy_m": np.round(fixes.accuracy_m, 2),
            "speed_mps": np.round(fixes.speed_mps, 2),
            "heading_deg": np.round(fixes.heading_deg, 1),
            "reader": fixes.reader,
        }
    )


def _gpx(found: list[Located]) -> str:
    document = gpxpy.gpx.GPX()
    document.creator = "roaddamage"
    for one in found:
        track, segment = gpxpy.gpx.GPXTrack(name=one.drive.name), gpxpy.gpx.GPXTrackSegment()
        for lon, lat, utc_s in zip(one.fixes.lon, one.fixes.lat, one.fixes.utc_s, strict=True):
            moment = (
                pandas.Timestamp(utc_s, unit="s", tz="UTC").to_pydatetime() if np.isfinite(utc_s) else None
            )
            segment.points.append(gpxpy.gpx.GPXTrackPoint(float(lat), float(lon), time=moment))
        track.segments.append(segment)
        document.tracks.append(track)
    return str(document.to_xml())


def _or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
