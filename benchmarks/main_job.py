"""Seconds, peak memory and frames a second of the main job, by stage.

    python -m benchmarks.main_job [--minutes 1 10] [--drive VIDEO ...]

Makes 1080p30 H.264 clips of the given lengths (ffmpeg's moving test picture with noise, driven at
40 km/h), runs `roaddamage detect` on each and on any real drive named, each in a process of its
own, and prints one table. Memory must not grow with length: compare the rows.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import gpxpy.gpx

SPEED_MPS = 40 / 3.6
BEGIN = datetime(2024, 5, 14, 1, 30, tzinfo=UTC)
COLUMNS = (
    "drive",
    "s of video",
    "m",
    "frames",
    "s",
    "x real time",
    "peak MiB",
    "decode %",
    "model %",
    "else %",
)


def make_clip(folder: Path, minutes: float) -> Path:
    """A 1080p30 clip of that length with its GPX; one minute is encoded, longer ones repeat it."""
    minute = folder / "minute.mp4"
    if not minute.exists():
        _encode_minute(minute)
    clip = folder / f"clip-{minutes:g}min.mp4"
    _repeat(minute, clip, minutes)
    _write_gpx(clip.with_suffix(".gpx"), int(minutes * 60) + 1)
    return clip


def _encode_minute(path: Path) -> None:
    picture = "testsrc2=size=1920x1080:rate=30:duration=60,noise=alls=12:allf=t"
    with av.open(picture, format="lavfi") as source, av.open(str(path), "w") as target:
        stream = target.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 1920, 1080, "yuv420p"
        stream.options = {"preset": "veryfast", "crf": "27", "g": "30"}
        stream.thread_type = "AUTO"
        for index, frame in enumerate(source.decode(video=0)):
            frame.pts, frame.time_base = index, Fraction(1, 30)
            target.mux(stream.encode(frame))
        target.mux(stream.encode())


def _repeat(minute: Path, clip: Path, minutes: float) -> None:
    """The minute's packets again and again, their times moved on."""
    with av.open(str(clip), "w") as target:
        target.metadata["creation_time"] = BEGIN.isoformat()
        stream, shift = None, 0
        for _ in range(-(-int(minutes * 60) // 60)):
            with av.open(str(minute)) as source:
                own = source.streams.video[0]
                stream = stream or target.add_stream_from_template(own)
                length = int(60 / (own.time_base or Fraction(1, 30)))
                for packet in source.demux(own):
                    if packet.dts is None or packet.pts is None:
                        continue
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    packet.stream = stream
                    target.mux(packet)
                shift += length


def _write_gpx(path: Path, seconds: int) -> None:
    document, track = gpxpy.gpx.GPX(), gpxpy.gpx.GPXTrack()
    segment = gpxpy.gpx.GPXTrackSegment()
    for second in range(seconds):
        lat = 35.0 + second * SPEED_MPS / 110_950
        moment = BEGIN + timedelta(seconds=second)
        segment.points.append(gpxpy.gpx.GPXTrackPoint(lat, 139.75, time=moment))
    track.segments.append(segment)
    document.tracks.append(track)
    path.write_text(document.to_xml(), encoding="utf-8")


def measure(video: Path, out: Path) -> dict[str, Any]:
    """The report of one run in its own process, with that process's peak memory in MiB."""
    command = [sys.executable, "-m", "roaddamage", "detect", str(video), "--out", str(out), "--quiet"]
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{video}: exit code {process.returncode}")
    report: dict[str, Any] = json.loads((out / "report.json").read_text())
    return report | {"peak_mib": usage.ru_maxrss / 1024}


def row(report: dict[str, Any]) -> list[str]:
    """One row of the table."""
    seconds, drive = report["seconds"], report["drives"][0]
    total, shares = seconds["total"], [seconds["decode"], seconds["model"]]
    shares.append(total - sum(shares))
    return [
        drive["name"],
        f"{drive['duration_s']:.0f}",
        f"{report['driven_m']:.0f}",
        str(report["frames"]),
        f"{total:.1f}",
        f"{drive['duration_s'] / total:.2f}",
        f"{report['peak_mib']:.0f}",
        *(f"{100 * share / total:.0f}" for share in shares),
    ]


def by_stage(report: dict[str, Any]) -> str:
    """Frames judged a second, by stage, each stage taken alone."""
    parts = [
        f"{stage} {report['frames'] / value:.0f}"
        for stage, value in report["seconds"].items()
        if stage != "total" and value > 0
    ]
    return f"{report['drives'][0]['name']}: frames/s by stage: " + ", ".join(parts)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, nargs="*", default=[1, 10])
    parser.add_argument("--drive", type=Path, nargs="*", default=[])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        videos = [*options.drive, *(make_clip(folder, minutes) for minutes in options.minutes)]
        reports = [measure(video, folder / f"out{index}") for index, video in enumerate(videos)]
    rows = [list(COLUMNS), *(row(report) for report in reports)]
    widths = [max(len(line[column]) for line in rows) for column in range(len(COLUMNS))]
    for line in rows:
        print("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)))
    for report in reports:
        print(by_stage(report))


if __name__ == "__main__":
    main()
