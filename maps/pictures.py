"""Pictures in the page: evidence made small and put inside, the gravest first, up to a size.

What has no room stays in the evidence folder beside the page, and is shown from there.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maps.damage import Damage

WIDTH_PX = 420
CROP_PX = 180
"""Width of the small pictures that show one damage over time."""
QUALITY = 72
ROOM_BYTES = 5_000_000
"""Pictures go into the page up to this much, base64 counted."""


def inside(damages: Sequence[Damage], evidence: Path, room: int = ROOM_BYTES) -> dict[str, str]:
    """data: addresses by file name: every damage's picture first, then its crops where drives saw it again."""
    found: dict[str, str] = {}
    there = {path.name for path in evidence.iterdir()} if evidence.is_dir() else set()
    for name, width in _wanted(sorted(damages, key=lambda d: (-d.severity, -d.confidence))):
        if name in found or name not in there or (address := small_picture(evidence / name, width)) is None:
            continue
        room -= len(address)
        if room < 0:
            break
        found[name] = address
    return found


def _wanted(damages: Sequence[Damage]) -> Iterator[tuple[str, int]]:
    for damage in damages:
        yield damage.best.evidence, WIDTH_PX
    for damage in damages:
        if len(damage.sightings) > 1:
            yield from ((seen.crop, CROP_PX) for seen in damage.sightings)


def small_picture(path: Path, width: int) -> str | None:
    """A picture's file as a data: address of a JPEG so many pixels wide; None for what is no picture."""
    try:
        with Image.open(path) as picture:
            rgb = np.asarray(picture.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    return small_address(np.ascontiguousarray(rgb[..., ::-1]), width)


def small_address(image: NDArray[np.uint8], width: int) -> str:
    """A picture (H, W, 3) BGR as a data: address of a JPEG so many pixels wide."""
    height = max(round(image.shape[0] * width / image.shape[1]), 1)
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
    return "data:image/jpeg;base64," + base64.b64encode(data).decode()
