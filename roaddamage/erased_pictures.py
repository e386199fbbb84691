"""Pictures without what was erased: a plain grey one that says so, or areas of one covered flat.

A file is written aside and renamed over the name: another name of the same file (a hard link) keeps the old picture
until it is written anew, or removed, itself.
"""

from __future__ import annotations

import io
import os
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path, PurePath

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from detector.evidence import FRAME_WIDTH_PX, JPEG_QUALITY, crop_bounds
from detector.sightings import Sighting as Seen
from maps.pdf import font_file
from roaddamage.records.erased import WHOLE, Area, hidden_of
from roaddamage.records.models import Drive, Sighting

GREY, LINE, INK = (128, 128, 128), (150, 150, 150), (245, 245, 245)
LINES_PX = 12
UNREADABLE_PX = 320, 180
MORE_PX = 4
"""So much more is covered on each side: what a JPEG's block smears over an edge."""
SAYS = "請求により消去", "Erased on request"


def grey_picture(width_px: int, height_px: int) -> Image.Image:
    """The picture that stands in an erased one's place, and says so as far as there is room."""
    made = Image.new("RGB", (width_px, height_px), GREY)
    draw = ImageDraw.Draw(made)
    size = max(min(width_px // 16, height_px // 5, 40), 9)
    for line, text in enumerate(SAYS):
        y = height_px / 2 + (line - 0.5) * 1.5 * size
        draw.text((width_px / 2, y), text, INK, _font(size), anchor="mm")
    return made


def covered(picture: Image.Image, areas: Sequence[Area]) -> Image.Image:
    """A picture without these areas: nothing of what was there goes into the new one."""
    if WHOLE in areas:
        return grey_picture(*picture.size)
    image = np.array(picture.convert("RGB"))
    height, width = image.shape[:2]
    for x1, y1, x2, y2 in areas:
        left, top = (max(int(np.floor(edge)) - MORE_PX, 0) for edge in (x1 * width, y1 * height))
        right, bottom = int(np.ceil(x2 * width)) + MORE_PX, int(np.ceil(y2 * height)) + MORE_PX
        part = image[top:bottom, left:right]
        row, column = np.mgrid[: part.shape[0], : part.shape[1]]
        part[:] = np.where(((row + column) % LINES_PX < 2)[..., None], LINE, GREY)
    return Image.fromarray(image)


def shown(image: NDArray[np.uint8], areas: Sequence[Area]) -> NDArray[np.uint8]:
    """The same of a picture (H, W, 3) uint8 RGB."""
    return np.asarray(covered(Image.fromarray(image), areas), np.uint8) if areas else image


def in_crop(
    area: Area, box: Sequence[float], crop_px: tuple[int, int], frame_px: tuple[int, int]
) -> Area | None:
    """An area of a frame as shares of the crop around a damage's box; None where it lies beside that.

    `box` and `area` are shares of the frame, which is `frame_px` wide and high where the crop was cut from it. All of the
    crop is meant where its own size says that it was cut otherwise.
    """
    width, height = frame_px
    x1, y1, x2, y2 = (round(share * side) for share, side in zip(box, (width, height) * 2, strict=True))
    left, top, right, bottom = crop_bounds((x1, y1, x2, y2), width, height)
    if (right - left, bottom - top) != crop_px:
        return WHOLE
    first, second = crop_px
    found = (
        (area[0] * width - left) / first, (area[1] * height - top) / second,
        (area[2] * width - left) / first, (area[3] * height - top) / second,
    )  # fmt: skip
    beside = MORE_PX / min(crop_px)
    if found[2] < -beside or found[3] < -beside or found[0] > 1 + beside or found[1] > 1 + beside:
        return None
    return (max(found[0], 0.0), max(found[1], 0.0), min(found[2], 1.0), min(found[3], 1.0))


def frame_size(told: Sequence[int] | None, written_px: tuple[int, int]) -> tuple[int, int]:
    """How large a frame was, px, of which the picture that was written of it is no wider than evidence is."""
    if written_px[0] < FRAME_WIDTH_PX or not told:
        return written_px
    return int(told[0]), int(told[1])


def rewrite(path: Path, areas: Sequence[Area]) -> None:
    """Write a picture's file anew without these areas; nothing where it is not there. Raises OSError."""
    if areas and path.is_file():
        remake(path, lambda picture: covered(picture, areas))


def remake(path: Path, make: Callable[[Image.Image], Image.Image | None]) -> None:
    """Write a picture's file anew as `make` has it, in its own form; it stays where that is None. Raises OSError.

    One that can't be read becomes a small grey picture: what it shows nobody can tell.
    """
    try:
        with Image.open(path) as picture:
            kind, made = picture.format or "JPEG", make(picture)
    except (OSError, ValueError, SyntaxError):
        kind, made = "JPEG", grey_picture(*UNREADABLE_PX)
    if made is None:
        return
    data = io.BytesIO()
    made.save(data, kind, quality=JPEG_QUALITY)
    put(path, data.getvalue())


def put(path: Path, data: bytes) -> None:
    """Give a file other content under its name, whole or not at all. Raises OSError."""
    part = path.with_name(f".{path.stem}-{secrets.token_hex(4)}.part")
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def hide_evidence(folder: Path, seen: Sighting | Seen, areas: Sequence[Area], drive: Drive | None) -> None:
    """Write a sighting's pictures in a folder anew without these areas of their frame. Raises OSError."""
    picture, crop, frame = (folder / PurePath(getattr(seen, kind)).name for kind in Sighting.PICTURES)
    own = list(areas)
    if WHOLE not in areas and seen.crop and crop.is_file():
        own = [one for area in areas if (one := _in_crop(area, seen, picture, crop, drive))]
    for path, mine in ((picture, areas), (frame, areas), (crop, own)):
        if path != folder:
            rewrite(path, mine)


def _in_crop(
    area: Area, seen: Sighting | Seen, picture: Path, crop: Path, drive: Drive | None
) -> Area | None:
    try:
        with Image.open(picture) as one, Image.open(crop) as other:
            written_px, crop_px = one.size, other.size
    except (OSError, ValueError, SyntaxError):
        return WHOLE
    told = drive.understood.get("size_px") if drive else None
    return in_crop(area, seen.box, crop_px, frame_size(told, written_px)) if seen.box else WHOLE


def hide_new(drive: Drive, sightings: Sequence[Seen], folder: Path) -> list[Seen]:
    """What a run wrote of a drive's footage, without what was erased of it; to be called in the transaction that keeps it.

    Pictures that are not shown at all have no clean one: nobody labels them. Raises OSError.
    """
    hidden = hidden_of(drive)
    told = []
    for seen in sightings:
        areas = hidden.areas_at(seen.time_s)
        if WHOLE in areas and seen.frame:
            (folder / PurePath(seen.frame).name).unlink(missing_ok=True)
            seen = replace(seen, frame="")
        if areas:
            hide_evidence(folder, seen, areas, drive)
        told.append(seen)
    return told


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(font_file()), size)
