"""Each telemetry family: fixes, position error at frame times, seconds to read, MB/s.

    python -m benchmarks.telemetry [--large-mb 2000]

Files are written by the tests' own writers from one known track at 40 km/h, 20 s at 15 frames a second;
the error is against the true position at every frame from the first fix on.
"""

from __future__ import annotations

import argparse
import struct
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from detector.telemetry import read_embedded
from detector.trajectory import Trajectory, trajectory_from_fixes
from tests import telemetry_files as files
from tests.made_videos import write_video

TIMES_S = np.arange(files.SECONDS * 15) / 15
DEVICES = {
    "plain": files.Device(),
    "first fix 5 s late": files.Device(first_s=5),
    "clock leaps 1.5 s": files.Device(leap_s=-1.5),
}


def written(folder: Path, device: files.Device) -> Iterator[tuple[str, Path]]:
    """Every family's file."""
    base = write_video(folder / "base.mp4", TIMES_S)
    path = folder / "v.mp4"
    for family, (handler, form, length_s, write) in files.TRACKS.items():
        yield family, files.add_track(base, path, handler, form, write(device), length_s)
    for family, put in files.FILES.items():
        yield family, put(base, path, device)
    yield "70mai", files.seventy_mai(base, path, device)
    base_ts = write_video(folder / "base.ts", TIMES_S + 7)
    yield "Novatek, TS", files.add_transport_packets(base_ts, folder / "v.ts", device)


def _large(folder: Path, size_mb: int) -> None:
    """Seconds and MB/s where the same GPS lies in a file as large as a drive's."""
    print(f"\nthe same in files of {size_mb} MB")
    for family, path in written(folder, files.Device()):
        with path.open("ab") as file:  # a box of nothing, as players pass over it; no disk is needed for it
            length = size_mb * 1_000_000 - path.stat().st_size
            if path.suffix == ".mp4":
                file.write(struct.pack(">I4sQ", 1, b"mdat", length))
            file.truncate(size_mb * 1_000_000)
        started = time.perf_counter()
        fixes = read_embedded(path, files.SECONDS)
        seconds = time.perf_counter() - started
        count = len(fixes) if fixes is not None else 0
        print(f"{family:42}{count:6}{seconds:27.3f}{size_mb / seconds:8.0f}")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large-mb", type=int, default=2000)
    large_mb = parser.parse_args().large_mb
    print(f"{'family':22}{'device':20}{'fixes':>6}{'median m':>10}{'worst m':>9}{'s':>8}{'MB/s':>8}")
    for device_name, device in DEVICES.items():
        with tempfile.TemporaryDirectory() as name:
            for family, path in written(Path(name), device):
                started = time.perf_counter()
                fixes = read_embedded(path, files.SECONDS)
                seconds = time.perf_counter() - started
                if fixes is None:
                    print(f"{family:22}{device_name:20}  nothing read")
                    continue
                misses = _misses_m(trajectory_from_fixes(fixes), device.first_s)
                rate = path.stat().st_size / 1e6 / seconds
                print(
                    f"{family:22}{device_name:20}{len(fixes):6}{np.median(misses):10.2f}"
                    f"{max(misses):9.2f}{seconds:8.3f}{rate:8.0f}"
                )
    with tempfile.TemporaryDirectory() as name:
        _large(Path(name), large_mb)


def _misses_m(path: Trajectory, first_s: float) -> list[float]:
    """Distance from the truth at each frame, metres."""
    misses = []
    for time_s in TIMES_S[(first_s + 0.1 <= TIMES_S) & (files.SECONDS - 1.2 >= TIMES_S)]:
        pose = path.at(float(time_s))
        lon, lat = path.frame.to_lonlat(pose.east_m, pose.north_m)
        true_lon, true_lat, _ = files.truth(float(time_s))
        misses.append(files.GEOD.inv(float(lon), float(lat), true_lon, true_lat)[2])
    return misses


if __name__ == "__main__":
    main()
