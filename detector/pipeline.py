"""From one drive to its sightings, as a stream: memory does not grow with the drive's length."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import islice
from pathlib import Path

import numpy as np

from detector.calibration import calibrated, strides
from detector.camera import Camera, camera_for
from detector.coverage import Coverage, common, without
from detector.drive import Drive
from detector.errors import N_, FootageError, TelemetryError
from detector.evidence import Writer
from detector.horizon import WORK_WIDTH_PX, find_vanishing_point
from detector.lenses import Lens
from detector.masking import masker
from detector.model import Detections, Model
from detector.orientation import astray
from detector.reliability import Reliability
from detector.sightings import AREA_M, Sighting, area
from detector.telemetry.clock import Hints
from detector.telemetry.fixes import Fixes
from detector.tracking import Track, Tracker
from detector.trajectory import Trajectory, trajectory_from_fixes
from detector.vehicle import Vehicle
from detector.video import Frame
from detector.visibility import Inspector

NO_OVERLAP = N_("The GPS log does not overlap the footage {path} in time. Check --gps-offset.")
LOOKS = 24
"""Frames looked at beforehand to find the horizon."""
CLOCK_SD_S = 0.2
ANTENNA_SD_M = 0.7
"""The receiver's place in the vehicle, against the camera's, is not known."""


@dataclass(frozen=True)
class Options:
    """What a run may be told; None means: estimate it, or use the default with a wide error."""

    every_m: float = 2.5
    confidence: float = 0.25
    hints: Hints = field(default_factory=Hints)
    camera_height_m: float | None = None
    hfov_deg: float | None = None
    horizon: float | None = None
    lens: Lens | None = None
    vehicle: Vehicle = field(default_factory=Vehicle)
    keep_frames: bool = False
    """Also keep each sighting's whole picture without its box, to label it."""
    people: Path | None = None
    """A general detector, with which whole people are covered in pictures too."""


class Source(StrEnum):
    """Where a drive's camera is known from, at best."""

    given = N_("given")
    motion = N_("found in how the road moves")
    vehicle = N_("known from the vehicle's earlier drives")
    lines = N_("found in the lane lines")
    default = N_("not found: a guess, with wide errors")


@dataclass(frozen=True)
class Progress:
    """How far a drive is: frames judged, metres done and in all, seconds since it began."""

    frames: int
    metres: float
    metres_total: float
    seconds: float


@dataclass
class Meter:
    """Counts and seconds of one drive, by stage (`decode`, `inspect`, `model`, `camera`, `track`, `mask`).

    `mask` is how long the pictures' masking was waited for at the end; it goes on beside the others.
    """

    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    frames_judged: int = 0
    boxes: int = 0

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Adds the time spent inside to a stage."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] += time.perf_counter() - start

    def timed(self, name: str, items: Iterable[Frame]) -> Iterator[Frame]:
        """The items, with the time each takes to come counted to a stage."""
        source = iter(items)
        while True:
            with self.stage(name):
                try:
                    item = next(source)
                except StopIteration:
                    return
            yield item


@dataclass(frozen=True)
class DriveResult:
    """What one drive gave: its sightings, its path, and how it was read."""

    drive: Drive
    sightings: list[Sighting]
    trajectory: Trajectory
    camera: Camera
    source: Source
    vehicle: Vehicle
    metres: float
    located_share: float
    fixes: Fixes
    coverage: Coverage
    meter: Meter

    @property
    def seen(self) -> list[tuple[float, float]]:
        """The stretches of the drive, seconds, in which the road could be judged."""
        return without(self.trajectory.spans(self.drive.duration_s), self.coverage.unseen)

    @property
    def unseen(self) -> list[tuple[float, float]]:
        """The stretches in which the way is known, but the road could not be judged."""
        return common(self.trajectory.spans(self.drive.duration_s), self.coverage.unseen)


def detect_drive(
    drive: Drive,
    model: Model,
    options: Options,
    evidence: Path,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> DriveResult:
    """Run one drive through the pipeline; evidence pictures land in the folder `evidence`.

    Raises FootageError or TelemetryError where the drive can't be used, OutputError where a picture
    can't be written, ModelError where the device gives up, or pictures can't be masked.
    """
    meter = Meter()
    started = time.perf_counter()
    fixes = drive.fixes(options.hints)
    trajectory = trajectory_from_fixes(fixes)
    moments = np.linspace(0, drive.duration_s, 200)
    located_share = float(trajectory.covers(moments).mean())
    if not located_share:
        raise TelemetryError(
            NO_OVERLAP,
            path=drive.path,
        )
    with meter.stage("camera"):
        camera, source, vehicle = find_camera(drive, options, trajectory)
    metres = trajectory.metres_driven(drive.duration_s)
    begin_m = float(trajectory.distance_at(0.0))
    tracker, sightings = Tracker(camera), list[Sighting]()
    coverage = Coverage(max(float(trajectory.time_s[0]), 0.0), begin_m)

    frames = meter.timed("decode", drive.frames(trajectory, options.every_m, model.device))
    clear = _clear(frames, trajectory, coverage, meter)
    with Writer(
        evidence, masker(options.people), frames=options.keep_frames, kept=options.vehicle.kept
    ) as pictures:

        def keep(tracks: Iterable[Track]) -> None:
            for track in tracks:
                sightings.append(sighting_of(track, drive.name, trajectory, model.name, model.reliability))
                pictures.put(f"{drive.name}-{len(sightings):04d}", track.looked_best, track.class_id)

        for frame, detections in _detections(clear, model, options, meter):
            pose = trajectory.at(frame.time_s)
            with meter.stage("track"):
                keep(tracker.update(frame, pose, detections))
            on_progress(
                Progress(
                    meter.frames_judged, pose.distance_m - begin_m, metres, time.perf_counter() - started
                )
            )
        with meter.stage("track"):
            keep(tracker.finish())
        with meter.stage("mask"):
            shown = pictures.written()
    sightings = [
        replace(
            one, evidence=seen.picture, crop=seen.crop, frame=seen.frame, box=seen.box, covered=seen.covered
        )
        for one, seen in zip(sightings, shown, strict=True)
    ]
    if not meter.frames_judged and not coverage.frames and metres > options.every_m:
        raise FootageError(N_("{path}: no picture along the way could be decoded."), path=drive.path)
    return DriveResult(
        drive, sightings, trajectory, camera, source, vehicle, metres, located_share,
        fixes, coverage, meter,
    )  # fmt: skip


def find_camera(
    drive: Drive, options: Options, trajectory: Trajectory | None
) -> tuple[Camera, Source, Vehicle]:
    """The drive's camera, where it is known from, and what is known of the vehicle's camera now.

    Without a trajectory only the lane lines can tell. Raises FootageError for a camera that does not
    look ahead.
    """
    width_px, height_px = drive.size_px
    camera = camera_for(
        width_px,
        height_px,
        height_m=options.camera_height_m,
        hfov_deg=options.hfov_deg,
        horizon=options.horizon,
        lens=options.lens or drive.lens,
    )
    source = Source.default if options.horizon is None else Source.given
    if source is Source.default and (point := find_vanishing_point(drive.looks(LOOKS))):
        scale = width_px / WORK_WIDTH_PX
        camera = camera.with_vanishing_point(point.u * scale, point.v * scale, point.sd_px * scale)
        source = Source.lines
    seen = strides(drive, trajectory) if trajectory else []
    if shown := calibrated(seen, camera):
        vehicle = options.vehicle.after(shown)
        return vehicle.camera or shown, Source.motion, vehicle
    if reason := astray(seen, camera):
        raise FootageError(reason, path=drive.path)
    if expected := options.vehicle.expected(width_px, height_px):
        return expected, Source.vehicle, options.vehicle
    return camera, source, options.vehicle


def _clear(
    frames: Iterable[Frame], trajectory: Trajectory, coverage: Coverage, meter: Meter
) -> Iterator[Frame]:
    """Frames in which the road can be judged; what the others are is noted in the coverage."""
    inspector = Inspector()
    for frame in frames:
        with meter.stage("inspect"):
            reason = inspector.why_unseen(frame.image)
            distance_m = float(trajectory.distance_at(frame.time_s))
            coverage.add(frame.time_s, distance_m, reason, inspector.light)
        if reason is None:
            yield frame


def _detections(
    frames: Iterator[Frame], model: Model, options: Options, meter: Meter
) -> Iterator[tuple[Frame, Detections]]:
    while batch := list(islice(frames, model.batch)):
        with meter.stage("model"):
            found = model.detect([frame.image for frame in batch], options.confidence)
        for frame, seen in zip(batch, found, strict=True):
            height, width = frame.image.shape[:2]
            detections = seen.of(options.vehicle.kept.holds(seen.xyxy, width, height))
            meter.frames_judged += 1
            meter.boxes += len(detections)
            yield frame, detections


def sighting_of(
    track: Track, drive: str, trajectory: Trajectory, model: str, reliability: Reliability | None = None
) -> Sighting:
    """A finished track as a sighting, as yet without evidence.

    The covariance is the sharpest single look's, not a mean's: what is wrong with the camera's
    height or pitch is wrong in every frame alike. GPS, clock and antenna are added to it.
    """
    best, sharp = track.looked_best, track.looked_sharpest
    pose = sharp.pose
    sin, cos = math.sin(pose.heading_rad), math.cos(pose.heading_rad)
    axes = np.array([[sin, cos], [cos, -sin]])  # columns: along the heading, to its right
    along_var = sharp.forward_sd_m**2 + (pose.speed_mps * CLOCK_SD_S) ** 2
    across_var = sharp.right_sd_m**2 + (sharp.forward_m * pose.heading_sd_rad) ** 2
    covariance = axes @ np.diag([along_var, across_var]) @ axes.T
    covariance += np.eye(2) * (pose.accuracy_m**2 + ANTENNA_SD_M**2)
    lon, lat = trajectory.frame.to_lonlat(track.east_m, track.north_m)
    size_m, size_sd_m = track.size
    area_m2, area_sd_m2 = None, None
    if sharp.forward_m <= AREA_M:
        near = [area_m2 for forward_m, area_m2 in track.areas if forward_m <= AREA_M]
        area_m2, area_sd_m2 = area(
            track.class_id, size_m, size_sd_m, float(np.median(near)) if near else None
        )
    (ee, en), (_, nn) = covariance.tolist()
    return Sighting(
        drive=drive,
        class_id=track.class_id,
        confidence=float((reliability or Reliability.unknown()).probability(track.class_id, track.score)),
        lon=float(lon),
        lat=float(lat),
        covariance_m2=((ee, en), (en, nn)),
        heading_deg=math.degrees(pose.heading_rad) % 360,
        length_m=float(size_m[0]),
        length_sd_m=float(size_sd_m[0]),
        width_m=float(size_m[1]),
        width_sd_m=float(size_sd_m[1]),
        area_m2=area_m2,
        area_sd_m2=area_sd_m2,
        time_s=best.frame.time_s,
        utc_s=trajectory.utc_at(best.frame.time_s),
        frames=track.footprints,
        model=model,
        evidence="",
        crop="",
        class_share=float(track.class_votes.max() / track.class_votes.sum()),
        common_sd_m=math.sqrt(pose.accuracy_m**2 + ANTENNA_SD_M**2 + (pose.speed_mps * CLOCK_SD_S) ** 2 / 2),
    )
