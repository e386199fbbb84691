"""Photos that repair crews take: looked at, masked, made anew without what a camera writes into them, and kept.

    WORKSPACE/photos/LIST/STOP-RANDOM.jpg

Nothing of what a browser sends but the picture's own pixels gets into the workspace: no name, no place, no owner.
"""

from __future__ import annotations

import os
import re
import secrets
import warnings
from pathlib import Path
from typing import IO

import numpy as np
from django.conf import settings
from PIL import Image, ImageOps

from detector.errors import N_, RoadDamageError
from roaddamage.masker_in_use import masker_in_use
from roaddamage.records.models import Stop

FORMATS = ("JPEG", "PNG", "WEBP")
MOST_BYTES = 25 * 2**20
MOST_PIXELS = 64_000_000
"""More than phones take, and as much as is opened at all."""
SIDE_PX = 2_000
QUALITY = 85
MEGA = 1_000_000


class PhotoError(RoadDamageError):
    """A file that can't be kept as a photo."""


def keep(file: IO[bytes], size: int, stop: Stop) -> str:
    """Keep a photo; its name in the workspace's `photos/`. Raises PhotoError, also where it can't be written."""
    if size > MOST_BYTES:
        raise PhotoError(
            N_("The photo has {size} MB; {most} MB are the most. Take it again with a smaller picture size."),
            size=round(size / 2**20), most=MOST_BYTES // 2**20,
        )  # fmt: skip
    picture = _opened(file)
    name = f"{stop.work_list_id}/{stop.pk}-{secrets.token_hex(8)}.jpg"
    path = settings.WORKSPACE.photos / name
    part = path.with_suffix(".part")
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        picture.save(part, "JPEG", quality=QUALITY)
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise PhotoError(
            N_("The photo can't be kept: {reason}. Tell the administrator; the repair is not recorded yet."),
            reason=error.strerror or str(error),
        ) from error
    return name


def photo_file(name: str) -> Path | None:
    """Where a photo of that name lies; None where there is none."""
    if not re.fullmatch(r"\d+/\d+-[0-9a-f]{16}\.jpg", name):
        return None
    path: Path = settings.WORKSPACE.photos / name
    return path if path.is_file() else None


def discard(name: str) -> None:
    """Remove a photo that nothing names any more."""
    if path := photo_file(name):
        path.unlink(missing_ok=True)


def _opened(file: IO[bytes]) -> Image.Image:
    """The picture, upright, RGB and of no more than `SIDE_PX` a side, without anything else. Raises PhotoError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its size is held against our own limit
            with Image.open(file, formats=FORMATS) as picture:
                _check(picture)
                picture.draft("RGB", (SIDE_PX, SIDE_PX))
                upright = ImageOps.exif_transpose(picture).convert("RGB")
    except PhotoError:
        raise
    except Exception as error:  # broken files make Pillow raise many kinds
        raise PhotoError(N_("This is no photo that can be read. JPEG, PNG and WebP are known.")) from error
    upright.thumbnail((SIDE_PX, SIDE_PX))
    return Image.fromarray(masker_in_use().masked(np.asarray(upright)).image)


def _check(picture: Image.Image) -> None:
    pixels = picture.width * picture.height
    if pixels > MOST_PIXELS:
        raise PhotoError(
            N_("The photo has {size} million pixels; {most} million are the most. Take it again smaller."),
            size=round(pixels / MEGA), most=MOST_PIXELS // MEGA,
        )  # fmt: skip
