"""The built-in sample drive: a made-up street, filmed and logged, with its damages' true places beside it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datasets.drive_files import Truth, write_gpx, write_truth, write_video
from datasets.pavement import PaintedDamage, Pavement
from datasets.synthetic import WGS84, Centreline, Scene, paint, scatter_decoys
from detector.camera import Camera
from detector.classes import CODES
from detector.telemetry.fixes import METRES_PER_DOP, Fixes, fixes_from_rows

Floats = NDArray[np.float64]
Bytes = NDArray[np.uint8]

SAMPLE_SEED = 20240514
SAMPLE_SIZE_PX = (960, 540)
SAMPLE_HFOV_DEG = 65.0
SAMPLE_HEIGHT_M = 1.3
SAMPLE_PITCH_DEG = 9.0
SAMPLE_RATE = Fraction(30)
SAMPLE_BEGIN = datetime(2024, 5, 14, 1, 30, tzinfo=UTC)
SAMPLE_LONLAT = (139.7421, 35.6572)
"""A made-up street in Minato ward; the road there is not the one in the pictures."""
LANE_M = -1.75
GPS_SD_M = 1.0


def sample_camera() -> Camera:
    """The sample drive's camera, as it truly is."""
    width_px, height_px = SAMPLE_SIZE_PX
    focal_px = width_px / 2 / math.tan(math.radians(SAMPLE_HFOV_DEG) / 2)
    return Camera(width_px, height_px, focal_px, SAMPLE_HEIGHT_M, math.radians(SAMPLE_PITCH_DEG))


def sample_road(seed: int = SAMPLE_SEED) -> tuple[Pavement, Centreline]:
    """The sample's road, painted, with some thirty damages at known places, and its course."""
    rng = np.random.default_rng(seed)
    pavement = Pavement(250.0, rng)
    pavement.street()
    scatter_decoys(pavement, rng, 8)
    for along_m in np.arange(12.0, 225.0, 7.5):
        class_id = int(rng.choice(4, p=[0.2, 0.2, 0.3, 0.3]))
        paint(pavement, class_id, along_m + rng.uniform(-1.5, 1.5), rng.uniform(-2.6, -0.9))
    along = np.arange(250.0)
    bend = 0.006 * np.exp(-(((along - 80) / 22) ** 2)) - 0.008 * np.exp(-(((along - 175) / 25) ** 2))
    return pavement, Centreline(SAMPLE_LONLAT, 62.0, bend)


def sample_speed_mps(time_s: Floats) -> Floats:
    """28 km/h, with a stop of four seconds at a light."""
    stop = np.clip(np.minimum(np.abs(time_s - 14.0) - 2.0, 3.0) / 3.0, 0, 1)
    return np.asarray(7.8 * stop * np.clip(time_s / 2.0 + 0.25, 0, 1))


def write_sample_drive(folder: Path, seconds: float = 30.0) -> Path:
    """Write sample.mp4, sample.gpx and sample.truth.geojson; returns the video's path.

    What is there already is kept. Raises OSError where the folder can't be written.
    """
    video = folder / "sample.mp4"
    if video.exists():
        return video
    folder.mkdir(parents=True, exist_ok=True)
    pavement, road = sample_road()
    times_s = np.arange(0, seconds, float(1 / SAMPLE_RATE))
    along_m = 4.0 + np.concatenate([[0], np.cumsum(sample_speed_mps(times_s))[:-1]]) / float(SAMPLE_RATE)
    write_gpx(folder / "sample.gpx", _fixes(road, times_s, along_m), "roaddamage sample drive")
    write_truth(folder / "sample.truth.geojson", _truths(road, pavement.damages))
    scene = Scene(pavement, sample_camera(), np.random.default_rng(SAMPLE_SEED))
    write_video(video, _pictures(scene, road, along_m), SAMPLE_SIZE_PX, SAMPLE_RATE, SAMPLE_BEGIN)
    return video


def _pictures(scene: Scene, road: Centreline, along_m: Floats) -> Iterator[Bytes]:
    for here_m in along_m:
        bend = float(road.curvature_per_m[min(int(here_m) + 6, len(road.curvature_per_m) - 1)])
        yield scene.frame(float(here_m), LANE_M, bend)


def _fixes(road: Centreline, times_s: Floats, along_m: Floats) -> Fixes:
    """One fix a second; the receiver's error wanders (first-order Gauss-Markov, 20 s)."""
    rng = np.random.default_rng(SAMPLE_SEED)
    error = rng.normal(0, GPS_SD_M, 2)
    keep = math.exp(-1 / 20)
    rows = []
    for second in range(int(times_s[-1]) + 1):
        error = keep * error + math.sqrt(1 - keep**2) * rng.normal(0, GPS_SD_M, 2)
        here_m = float(np.interp(second, times_s, along_m))
        lon, lat = road.to_lonlat(here_m, LANE_M)
        azimuth = math.degrees(math.atan2(error[0], error[1]))
        lon, lat, _ = WGS84.fwd(lon, lat, azimuth, float(np.hypot(*error)))
        utc_s = SAMPLE_BEGIN.timestamp() + second
        rows.append({"lon": lon, "lat": lat, "utc_s": utc_s, "accuracy_m": 0.8 * METRES_PER_DOP})
    return fixes_from_rows(rows, "sample")


def _truths(road: Centreline, damages: list[PaintedDamage]) -> Iterator[Truth]:
    for damage in damages:
        length_m, width_m = np.ptp(damage.outline, axis=0)
        properties = {
            "class": CODES[damage.class_id],
            "along_m": round(damage.centre[0], 2),
            "length_m": round(float(length_m), 2),
            "width_m": round(float(width_m), 2),
        }
        yield road.to_lonlat(*damage.centre), properties
