"""What the line from boxes to damages is worth, against a made city whose damages are known.

    python -m benchmarks.truth [--seeds 5]

Boxes, fixes and camera errors come from `datasets.city`; trajectory, tracking, sightings and merging are the
ones that ship. Figures are means over seeds with 95 % intervals (t distribution).
"""

from __future__ import annotations

import argparse
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from datasets.city import HOME, City, CityDrive, Receiver
from detector.camera import Camera
from detector.pipeline import sighting_of
from detector.sightings import Sighting
from detector.tracking import Track, Tracker
from detector.trajectory import trajectory_from_fixes

CAMERA = Camera(1280, 720, 1004.0, 1.3, math.radians(3.0), focal_sd_ratio=0.03, yaw_sd_rad=math.radians(1.0))
ROUTE_M = 1500.0
PASS_M, PASS_S = 12.0, 10.0
"""A damage is passed when it is in view at this distance or nearer; again when that is so after this long."""


@dataclass(frozen=True)
class Seen:
    """What one drive gave: its sightings, which damage each is (-1: none), and how often it drove past which."""

    sightings: list[Sighting]
    truth: NDArray[np.int64]
    passes: Counter[int]


def drive_through(city: City, drive: CityDrive, name: str) -> Seen:
    """Run one made drive through trajectory, tracking and sightings."""
    trajectory = trajectory_from_fixes(drive.fixes())
    tracker, tracks = Tracker(drive.camera), list[Track]()
    owner: dict[tuple[int, bytes], int] = {}
    passes, last_s = Counter[int](), dict[int, float]()
    there = city.damages.there(drive.day)
    for view in drive.views():
        east, north, heading = drive.pose(view.frame.time_s)
        near = np.array([i for i in city.tree.query_ball_point((east, north), 25.0) if there[i]], int)
        for i in near[drive.in_view(near, east, north, heading, PASS_M)].tolist() if len(near) else []:
            passes[i] += view.frame.time_s - last_s.get(i, -np.inf) > PASS_S
            last_s[i] = view.frame.time_s
        for box, truth in zip(view.detections.xyxy, view.truth, strict=True):
            owner[view.frame.index, box.tobytes()] = int(truth)
        tracks.extend(tracker.update(view.frame, trajectory.at(view.frame.time_s), view.detections))
    tracks.extend(tracker.finish())
    sightings = [sighting_of(track, name, trajectory, "city") for track in tracks]
    truth = [owner[track.looked_best.frame.index, track.looked_best.xyxy.tobytes()] for track in tracks]
    return Seen(sightings, np.array(truth, np.int64), passes)


def position_misses(city: City, seen: Seen) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distance of each true sighting from its damage in metres, and in squared standard errors."""
    metres, squared = [], []
    for sighting, truth in zip(seen.sightings, seen.truth, strict=True):
        if truth < 0:
            continue
        east, north = HOME.to_metres(sighting.lon, sighting.lat)
        miss = np.array(
            [float(east) - city.damages.east_m[truth], float(north) - city.damages.north_m[truth]]
        )
        metres.append(float(np.hypot(*miss)))
        squared.append(float(miss @ np.linalg.inv(np.array(sighting.covariance_m2)) @ miss))
    return np.array(metres), np.array(squared)


def interval(values: list[float], form: str = "{:.3f}") -> str:
    """Mean ± the half-width of its 95 % interval."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return form.format(mean)
    half = float(stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / math.sqrt(len(values)))
    return f"{form.format(mean)} ± {form.format(half)}"


def within_drives(seeds: int) -> None:
    """Recovery and overcount within a drive, by frame rate and speed."""
    print(
        "\nwithin a drive (damage every 15 m): share of damages driven past that are found; sightings a pass"
    )
    print(f"{'km/h':>6}{'fps':>5}  {'recovery':18}{'overcount':18}{'false of all':18}")
    for kmh in (20.0, 40.0, 60.0):
        for fps in (2.0, 5.0, 10.0, 30.0):
            recovery, overcount, false = [], [], []
            for seed in range(seeds):
                city = City(seed)
                rng = np.random.default_rng(1000 + seed)
                drive = CityDrive(city, city.route(rng, ROUTE_M), rng, CAMERA, kmh=kmh, fps=fps)
                seen = drive_through(city, drive, "drive")
                counts = Counter(seen.truth[seen.truth >= 0].tolist())
                found = set(counts) & set(seen.passes)
                recovery.append(len(found) / len(seen.passes))
                overcount.append(sum(counts[i] for i in found) / sum(seen.passes[i] for i in found))
                false.append(float(np.mean(seen.truth < 0)))
            print(
                f"{kmh:6.0f}{fps:5.0f}  {interval(recovery):18}{interval(overcount):18}{interval(false):18}"
            )


def positions(seeds: int) -> None:
    """Position errors and whether the stated ellipses hold."""
    print("\nposition of sightings (5 fps, 40 km/h)")
    print(f"{'receiver':34}{'median m':16}{'95 % m':16}{'inside 68 %':18}{'inside 95 %':18}")
    receivers = {
        "3 m wander, 0.2 s clock": Receiver(),
        "1 m wander, 0.2 s clock": Receiver(wander_m=1.0),
        "6 m wander, 0.2 s clock": Receiver(wander_m=6.0),
        "0.02 m wander, 0.2 s clock": Receiver(wander_m=0.02, noise_m=0.01),
    }
    bounds = stats.chi2.ppf([0.6827, 0.95], 2)
    for name, receiver in receivers.items():
        rows = []
        for seed in range(seeds * 4):  # a drive has one bias: many short drives tell more than few long ones
            city = City(seed)
            rng = np.random.default_rng(2000 + seed)
            drive = CityDrive(city, city.route(rng, ROUTE_M / 2), rng, CAMERA, receiver=receiver)
            metres, squared = position_misses(city, drive_through(city, drive, "drive"))
            rows.append(
                (np.median(metres), np.quantile(metres, 0.95), *(np.mean(squared <= b) for b in bounds))
            )
        columns = [interval([float(v) for v in column], "{:.2f}") for column in zip(*rows, strict=True)]
        print(f"{name:34}{columns[0]:16}{columns[1]:16}{columns[2]:18}{columns[3]:18}")


PARTS: dict[str, Callable[[int], None]] = {"within": within_drives, "positions": positions}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", choices=PARTS)
    options = parser.parse_args()
    for name, part in PARTS.items():
        if options.only in (None, name):
            part(options.seeds)


if __name__ == "__main__":
    main()
