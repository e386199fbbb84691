"""Pictures as a dashcam keeps them: the light they were taken in, smear, noise, and the compression of JPEG or H.264."""

from __future__ import annotations

import math
from enum import StrEnum
from io import BytesIO

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from detector.errors import N_

Bytes = NDArray[np.uint8]
Floats32 = NDArray[np.float32]


class Light(StrEnum):
    """What a picture is taken in; `headlights` is the dark, with plates that shine back."""

    day = N_("day")
    dusk = N_("dusk, low sun")
    backlight = N_("backlight")
    dark = N_("dark")
    headlights = N_("dark, headlights on the plate")


def filmed(picture: Bytes, light: Light, shining: Bytes, rng: np.random.Generator) -> Bytes:
    """A picture (H, W, 3) uint8 RGB in that light; where `shining` (H, W) uint8 is over 0, a plate throws light back."""
    gain, veil = _lit(picture.shape[:2], light, rng)
    if shining.any():
        back = cv2.GaussianBlur(shining.astype(np.float32) / 255, (0, 0), 1.5)
        gain = np.asarray(np.maximum(gain, back * rng.uniform(0.7, 1.8)), np.float32)
        veil = np.asarray(veil + 60 * cv2.GaussianBlur(back, (0, 0), 12)[..., None], np.float32)
    lit = np.asarray(picture * gain[..., None] + veil, np.float32)
    seen = np.asarray(cv2.filter2D(lit, -1, smear(rng.uniform(0, 9), rng.uniform(0, 180))), np.float32)
    dim = light in (Light.dark, Light.headlights)
    noise = rng.normal(0, rng.uniform(3, 9) if dim else rng.uniform(0.5, 4), picture.shape)
    kept = np.clip(seen + noise, 0, 255).astype(np.uint8)
    return (
        _jpeg(kept, int(rng.integers(45, 93)))
        if rng.random() < 0.5
        else _h264(kept, int(rng.integers(22, 34)))
    )


def _lit(shape: tuple[int, int], light: Light, rng: np.random.Generator) -> tuple[Floats32, Floats32]:
    """How much of the colours is left, (H, W), and what is added over them, (H, W, 3) of 255."""
    height, width = shape
    y, x = (axis.astype(np.float32) for axis in np.mgrid[:height, :width])
    flat = np.ones(shape, np.float32)
    none = np.zeros((height, width, 3), np.float32)
    if light is Light.day:
        return flat * rng.uniform(0.7, 1.15), none
    if light in (Light.dusk, Light.backlight):
        sun_x, sun_y = rng.uniform(0, width), rng.uniform(0.1, 0.4) * height
        near = np.exp(-(np.hypot(x - sun_x, y - sun_y) / (rng.uniform(0.1, 0.3) * width)))
        warm = np.array([1.0, 0.85, 0.6] if light is Light.dusk else [1.0, 1.0, 0.97], np.float32)
        haze = 10 if light is Light.dusk else 35
        return flat * rng.uniform(0.35, 0.6), (rng.uniform(120, 230) * near + haze)[..., None] * warm
    cone = np.exp(-(((x - width / 2) / (0.35 * width)) ** 2) - ((y - 0.62 * height) / (0.25 * height)) ** 2)
    return (rng.uniform(0.12, 0.25) + rng.uniform(0.15, 0.4) * cone).astype(np.float32), none


def smear(length_px: float, angle_deg: float) -> Floats32:
    """What blurs a picture along a line, as movement does: a kernel whose sum is 1."""
    half = math.ceil(length_px / 2)
    kernel = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
    steps = np.linspace(-length_px / 2, length_px / 2, 8 * half + 1)
    rows = np.round(half + steps * math.sin(math.radians(angle_deg))).astype(int)
    columns = np.round(half + steps * math.cos(math.radians(angle_deg))).astype(int)
    np.add.at(kernel, (rows, columns), 1)
    return np.asarray(kernel / kernel.sum(), np.float32)


def _jpeg(picture: Bytes, quality: int) -> Bytes:
    data = BytesIO()
    Image.fromarray(picture).save(data, "JPEG", quality=quality)
    return np.asarray(Image.open(data))


def _h264(picture: Bytes, crf: int) -> Bytes:
    """The second of two frames, the first being the same a little aside: predicted from it, as most frames are."""
    data = BytesIO()
    with av.open(data, "w", "mp4") as made:
        stream = made.add_stream("libx264", rate=10, options={"crf": str(crf), "preset": "veryfast"})
        stream.height, stream.width = (side - side % 2 for side in picture.shape[:2])
        stream.pix_fmt = "yuv420p"
        for frame in (np.roll(picture, 3, 1), picture):
            even = np.ascontiguousarray(frame[: stream.height, : stream.width])
            made.mux(stream.encode(av.VideoFrame.from_ndarray(even, format="rgb24")))
        made.mux(stream.encode())
    data.seek(0)
    with av.open(data, "r") as kept:
        *_, last = kept.decode(video=0)
        seen = last.to_ndarray(format="rgb24")
    edges = [(0, have - got) for have, got in zip(picture.shape[:2], seen.shape[:2], strict=True)]
    return np.asarray(np.pad(seen, (*edges, (0, 0)), "edge"), np.uint8)
