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
from detector.telemetry.clock import Hints, Tie
from detector.telemetry.fixes import Fixes, FixKind
from detector.trajectory import Gap, Trajectory, trajectory_from_fixes
from detector.video_drive import VideoDrive
from maps.exports import local_time
from roaddamage.doubts import clock_doubts, finite

KINDS = frozenset(FixKind)
GAPS_SHOWN = 5
CAMERAS = {"rear": N_("rear"), "cabin": N_("cabin")}
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
        "other_cameras": drive.others if isinstance(drive, VideoDrive) else {},
        "duration_s": round(drive.duration_s, 1),
        "size_px": list(drive.size_px),
        "begin": local_time(path.utc_at(0.0), zone),
        "driven_m": round(path.metres_driven(drive.duration_s), 1),
        "gps": found.fixes.reader,
        "fixes": len(found.fixes),
        "fixes_dropped": {outlier.name: count for outlier, count in path.dropped.items()},
        "clock": Tie(found.fixes.clock).name,
        "clock_shift_s": round(found.fixes.clock_shift_s, 2),
        "clock_residual_s": finite(found.fixes.clock_residual_s),
        "clock_checked": found.fixes.clock_checked,
        "gaps": [_gap(gap) for gap in path.gaps(drive.duration_s)],
        "usable_share": round(known_s / drive.duration_s, 3) if drive.duration_s else 0.0,
        "faults": [str(fault) for fault in drive.faults],
    }


def described(found: Located, told: dict[str, Any], translate: Translate) -> str:
    """The same for a person: a line of what it is, a line of GPS, and a line for each doubt."""
    _ = translate
    width_px, height_px = told["size_px"]
    lines = [
        _(N_("{drive}: files: {files}, {length}, {size}, {km} km, from {begin}")).format(
            drive=told["drive"],
            files=max(len(told["files"]), 1),
            length=_clock(told["duration_s"]),
            size=f"{width_px} x {height_px}",
            km=f"{told['driven_m'] / 1000:.2f}",
            begin=told["begin"] or "-",
        ),
        _(N_("  GPS: {reader}, {fixes} fixes, usable {share}, gaps {gaps}, clock: {clock}")).format(
            reader=told["gps"],
            fixes=told["fixes"],
            share=f"{told['usable_share']:.0%}",
            gaps=len(told["gaps"]),
            clock=_(found.fixes.clock),
        ),
    ]
    if told["other_cameras"]:
        others = ", ".join(f"{_(CAMERAS[camera])} {count}" for camera, count in told["other_cameras"].items())
        lines.append(_(N_("  Other cameras, left out: {others}")).format(others=others))
    if found.trajectory.dropped:
        which = ", ".join(f"{_(outlier)} {count}" for outlier, count in found.trajectory.dropped.items())
        lines.append(_(N_("  Fixes left out: {which}")).format(which=which))
    for gap in found.trajectory.gaps(found.drive.duration_s)[:GAPS_SHOWN]:
        text = (
            N_("  No fixes from {begin} to {end} ({metres} m): bridged")
            if gap.bridged
            else N_("  No fixes from {begin} to {end} ({metres} m): left out")
        )
        lines.append(
            _(text).format(begin=_clock(gap.begin_s), end=_clock(gap.end_s), metres=f"{gap.metres:.0f}")
        )
    if found.fixes.clock_checked:
        lines.append(_(N_("  The picture's motion agrees with the clock")))
    lines.extend(f"  {doubt}" for doubt in clock_doubts(found.fixes, _))
    lines.extend(f"  {fault.message(_)}" for fault in found.drive.faults)
    return "\n".join(lines)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


def _gap(gap: Gap) -> dict[str, Any]:
    return {
        "begin_s": round(gap.begin_s, 1),
        "end_s": round(gap.end_s, 1),
        "m": round(gap.metres, 1),
        "bridged": gap.bridged,
    }


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
            "kind": [FixKind(int(kind)).name if kind in KINDS else "" for kind in fixes.kind],
            "reader": fixes.reader,
            "clock": Tie(fixes.clock).name,
            "clock_residual_s": round(fixes.clock_residual_s, 3),
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
