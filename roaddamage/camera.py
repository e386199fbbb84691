"""The camera of a drive, shown: a grid on a picture of the road, and what it is taken to be in words."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from detector.drive import Drive
from detector.errors import N_, RoadDamageError, TelemetryError, Translate
from detector.footage import Refused, find_drives
from detector.grid import with_grid
from detector.masking import masker
from detector.pipeline import LOOKS, Options, find_camera
from detector.trajectory import Trajectory, trajectory_from_fixes

WIDTH_PX = 1280


def write_grids(
    footage: list[Path], options: Options, out: Path, translate: Translate
) -> Iterator[tuple[str, bool]]:
    """Writes a picture for each drive; yields a line on each, and whether it is an error."""
    written = 0
    for drive in find_drives(footage):
        if isinstance(drive, Refused):
            yield drive.message(translate), True
            continue
        try:
            camera, source, _ = find_camera(drive, options, _trajectory(drive, options))
            looks = drive.looks(LOOKS)
        except RoadDamageError as error:
            yield Refused(drive.path, error).message(translate), True
            continue
        if not looks:
            yield translate(N_("{path}: no picture in it can be decoded.")).format(path=drive.path), True
            continue
        look = looks[len(looks) // 2]
        size = (WIDTH_PX, round(WIDTH_PX * look.shape[0] / look.shape[1]))
        scaled = camera.resized(*size)
        picture = with_grid(
            masker()
            .masked(
                np.asarray(cv2.resize(look, size, interpolation=cv2.INTER_CUBIC), np.uint8),
                options.vehicle.kept,
            )
            .image,
            scaled,
        )
        path = out.with_stem(f"{out.stem}-{drive.name}") if written else out
        done = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1]
        try:
            path.write_bytes(done.tobytes())
        except OSError as error:
            yield f"{path}: {error.strerror}", True
            return
        written += 1
        told = translate(
            N_(
                "{drive}: camera {source}: pitch {pitch}° ± {pitch_sd}°, yaw {yaw}°, roll {roll}°,"
                " height {height} m ± {height_sd} m, field of view {hfov}°, horizon at {horizon}: {path}"
            )
        )
        yield (
            told.format(
                drive=drive.name,
                horizon=f"{camera.horizon_px / camera.height_px:.2f}",
                source=translate(source),
                pitch=f"{math.degrees(camera.pitch_rad):.1f}",
                pitch_sd=f"{math.degrees(camera.pitch_sd_rad):.1f}",
                yaw=f"{math.degrees(camera.yaw_rad):.1f}",
                roll=f"{math.degrees(camera.roll_rad):.1f}",
                hfov=f"{camera.hfov_deg:.0f}",
                height=f"{camera.height_m:.2f}",
                height_sd=f"{camera.height_sd_m:.2f}",
                path=path,
            ),
            False,
        )


def _trajectory(drive: Drive, options: Options) -> Trajectory | None:
    """Where the drive went; None where no log tells, as the grid can be drawn without."""
    try:
        return trajectory_from_fixes(drive.fixes(options.hints))
    except TelemetryError:
        return None
