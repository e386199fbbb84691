"""Whether the camera looks ahead at the road at all: told by how its picture moves while the vehicle drives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.calibration import FEWEST_STRIDES, Grey, Stride, calibrated
from detector.camera import Camera
from detector.errors import N_

FLOW_WIDTH_PX = 160
STRAIGHT_RAD = 0.02
"""Strides that turn by less than this show which way the camera looks."""
AGREE = 0.8
"""Share of the strides that must say the same."""
LEAST_FLOW_PX, STILL_PX = 0.4, 0.1
STILL_SHARE = 0.7
"""Where this much of the picture stands still, it shows what moves along."""


class Astray(StrEnum):
    """Why a camera's pictures are of no use."""

    upside_down = N_("{path}: the camera hangs upside down. Turn the picture in its settings.")
    backwards = N_("{path}: the camera looks backwards. Give the front camera's video.")
    aside = N_("{path}: the camera looks aside. Turn it to look ahead.")
    inside = N_(
        "{path}: the picture stands still while the vehicle drives. Either the camera looks into the"
        " vehicle, or the GPS log is another drive's."
    )


def astray(seen: Sequence[Stride], camera: Camera) -> Astray | None:
    """Why the road can't be where `camera` has it; None where nothing shows that.

    Called where the road's motion did not fit.
    """
    if calibrated(
        [replace(one, first=_turned(one.first), second=_turned(one.second)) for one in seen], camera
    ):
        return Astray.upside_down
    back = [
        replace(one, first=one.second, second=one.first, aside_m=-one.aside_m, turn_rad=-one.turn_rad)
        for one in seen
    ]
    if calibrated(back, camera):
        return Astray.backwards
    flows = [
        _flow(one.first, one.between)
        for one in seen
        if one.between is not None and abs(one.turn_rad) < STRAIGHT_RAD
    ]
    if len(flows) < FEWEST_STRIDES:
        return None
    if np.mean([_stands(flow) for flow in flows]) >= AGREE:
        return Astray.inside
    sides = np.array([_side(flow) for flow in flows])
    return Astray.aside if max(np.mean(sides > 0), np.mean(sides < 0)) >= AGREE else None


def _turned(picture: Grey) -> Grey:
    return np.ascontiguousarray(picture[::-1, ::-1])


def _flow(one: Grey, other: Grey) -> NDArray[np.float32]:
    size = (FLOW_WIDTH_PX, round(one.shape[0] * FLOW_WIDTH_PX / one.shape[1]))
    small = [cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.uint8) for image in (one, other)]
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    return np.asarray(flow.calc(*small, None), np.float32)  # type: ignore[call-overload]


def _stands(flow: NDArray[np.float32]) -> bool:
    return float((np.hypot(flow[..., 0], flow[..., 1]) < STILL_PX).mean()) > STILL_SHARE


def _side(flow: NDArray[np.float32]) -> int:
    """To which side both halves of the picture move, -1 or 1; 0 where they part, as they do seen ahead."""
    half = flow.shape[1] // 2
    left, right = float(np.median(flow[:, :half, 0])), float(np.median(flow[:, half:, 0]))
    together = left * right > 0 and min(abs(left), abs(right)) > LEAST_FLOW_PX
    return int(np.sign(left)) if together else 0
