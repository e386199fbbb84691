"""What is known of a vehicle's camera: a file that each drive sharpens, and that says what of its pictures is kept."""

from __future__ import annotations

import json
import math
import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from detector.camera import Camera
from detector.errors import N_, RoadDamageError
from detector.kept_area import KeptArea, KeptAreaError, kept_area

PITCH_CHANGE_RAD = YAW_CHANGE_RAD = math.radians(0.4)
ROLL_CHANGE_RAD = math.radians(0.3)
RANGE_CHANGE = 0.02
"""How a mount changes from one drive to the next: load, tyres, a hand on the camera (standard errors)."""
REMOUNTED_SD = 4.0
"""A drive that differs by more standard errors than this in anything tells that the camera was moved."""


class VehicleError(RoadDamageError):
    """A vehicle's file that can't be used."""

    exit_code = 2


@dataclass(frozen=True)
class Vehicle:
    """The camera as the last drives had it, and how many drives it stands on; 0: nothing is known yet.

    `kept` is the area of its pictures that is kept, as a person said.
    """

    camera: Camera | None = None
    drives: int = 0
    kept: KeptArea = field(default_factory=KeptArea)

    def expected(self, width_px: int, height_px: int) -> Camera | None:
        """The camera that the next drive should have; None where that is not known for such pictures."""
        camera = self.camera
        if camera is None or abs(camera.width_px * height_px / (camera.height_px * width_px) - 1) > 0.02:
            return None
        return replace(
            camera.resized(width_px, height_px),
            range_sd_ratio=math.hypot(camera.range_error, RANGE_CHANGE),
            pitch_sd_rad=math.hypot(camera.pitch_sd_rad, PITCH_CHANGE_RAD),
            yaw_sd_rad=math.hypot(camera.yaw_sd_rad, YAW_CHANGE_RAD),
            roll_sd_rad=math.hypot(camera.roll_sd_rad, ROLL_CHANGE_RAD),
        )

    def after(self, own: Camera) -> Vehicle:
        """What is known after a drive that showed its camera to be `own`.

        Both are averaged by their precision, unless the camera was moved; the focal length stays what
        it was taken to be on the first drive, as later ones tell no more of it.
        """
        expected = self.expected(own.width_px, own.height_px)
        if expected is None:
            return replace(self, camera=own, drives=1)
        own = own.refocused(expected.focal_px / own.focal_px)
        values, sds = (np.array([part(one) for one in (expected, own)]) for part in (_values, _sds))
        if (np.abs(values[1] - values[0]) > REMOUNTED_SD * np.hypot(*sds)).any():
            return replace(self, camera=own, drives=1)
        weight = 1 / sds**2
        log_height, pitch_rad, yaw_rad, roll_rad = ((values * weight).sum(0) / weight.sum(0)).tolist()
        range_sd, pitch_sd, yaw_sd, roll_sd = np.sqrt(1 / weight.sum(0)).tolist()
        height_m = math.exp(log_height)
        camera = replace(
            expected,
            height_m=height_m,
            height_sd_m=expected.height_sd_m * height_m / expected.height_m,
            pitch_rad=pitch_rad,
            yaw_rad=yaw_rad,
            roll_rad=roll_rad,
            range_sd_ratio=range_sd,
            pitch_sd_rad=pitch_sd,
            yaw_sd_rad=yaw_sd,
            roll_sd_rad=roll_sd,
        )
        return replace(self, camera=camera, drives=self.drives + 1)


def _values(camera: Camera) -> tuple[float, ...]:
    return math.log(camera.height_m), camera.pitch_rad, camera.yaw_rad, camera.roll_rad


def _sds(camera: Camera) -> tuple[float, ...]:
    return camera.range_error, camera.pitch_sd_rad, camera.yaw_sd_rad, camera.roll_sd_rad


def read_vehicle(path: Path) -> Vehicle:
    """What a vehicle's file holds; nothing where there is none yet. Raises VehicleError for another file."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        camera = Camera(**told["camera"]) if told["camera"] else None
        return Vehicle(camera, int(told["drives"]), kept_area(told.get("kept")))
    except FileNotFoundError:
        return Vehicle()
    except OSError as error:
        raise VehicleError(N_("{path} can't be read: {reason}."), path=path, reason=error.strerror) from error
    except (ValueError, KeyError, TypeError, AttributeError, KeptAreaError) as error:
        raise VehicleError(
            N_("{path} is not a vehicle's file as this program writes it. Name another, or delete it."),
            path=path,
        ) from error


def write_vehicle(path: Path, vehicle: Vehicle) -> None:
    """Write it whole or not at all. Raises VehicleError where that can't be done."""
    if vehicle == Vehicle() and not path.exists():
        return
    told = {
        "drives": vehicle.drives,
        "camera": asdict(vehicle.camera) if vehicle.camera else None,
        "kept": vehicle.kept.shares,
    }
    text = json.dumps(told, indent=1)
    part = path.with_name(f"{path.name}.part")
    try:
        part.write_text(text + "\n", encoding="utf-8")
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise VehicleError(
            N_("{path} can't be written: {reason}."), path=path, reason=error.strerror
        ) from error
