"""Footage in which somebody can be recognised, and whether a picture shows that somebody: a face and a number plate."""

from __future__ import annotations

import base64
import io
import re
import shutil
import zipfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
from conftest import write_frames
from numpy.typing import NDArray
from PIL import Image

from datasets.plates import plate
from datasets.private_pictures import FACES, PORTRAITS

Picture = NDArray[np.uint8]
FACE_AT, FACE_PX = (250, 300), 64
PLATE_AT, PLATE_PX = (560, 380), 120
"""Where in the sample's frames they are pasted, left and top, and how high the face is and how wide the plate."""
ALIKE = {"face": 0.7, "plate": 0.53}
"""Correlations from which a picture shows somebody. Frames without anybody reach 0.56 and 0.41, and those with somebody,
180 px wide as JPEG, 0.83 and 0.55.
"""
LOOKED_PX = 24.0
"""Faces and plates are looked for at this height, in pictures made larger or smaller for that."""
SIZES = np.geomspace(11, 90, 30)
"""Heights, px, at which they may be in a picture; who is smaller is nobody's to recognise."""
WIDEST_PX = 1400
"""Nothing is looked for in pictures made larger than this: they would have to be made of very many small ones."""
DATA = re.compile(rb"data:image/(?:jpeg|png);base64,([A-Za-z0-9+/=]{200,})")
BEGINS = re.compile(rb"\xff\xd8\xff[\xe0\xe1\xdb\xc0\xee\xfe]|\x89PNG\r\n\x1a\n")


def portrait() -> Picture:
    """A portrait, its face `FACE_PX` high."""
    picture = Image.open(PORTRAITS / "obama.jpg").convert("RGB")
    _, top, _, bottom = FACES["obama"]
    scale = FACE_PX / (picture.height * (bottom - top))
    return np.asarray(picture.resize((round(picture.width * scale), round(picture.height * scale))))


def number_plate() -> Picture:
    """A number plate on the dark back of a car."""
    back = np.full((PLATE_PX, PLATE_PX * 2, 3), 45, np.uint8)
    drawn = _resized(plate(np.random.default_rng(4)).image, PLATE_PX / 660)
    back[PLATE_PX // 4 : PLATE_PX // 4 + drawn.shape[0], PLATE_PX // 2 : PLATE_PX // 2 * 3] = drawn
    return back


def somebody() -> dict[str, Picture]:
    """What makes somebody known: the face without what is around it, and the plate, as they are pasted."""
    picture = portrait()
    height, width = picture.shape[:2]
    x1, y1, x2, y2 = (
        round(part * side) for part, side in zip(FACES["obama"], (width, height) * 2, strict=True)
    )
    back = number_plate()
    return {
        "face": picture[y1:y2, x1:x2],
        "plate": back[PLATE_PX // 4 : PLATE_PX // 4 * 3, PLATE_PX // 2 : PLATE_PX // 2 * 3],
    }


def with_somebody(frame: Picture) -> Picture:
    """A frame of the sample with a face beside the road and a plate ahead."""
    made = frame.copy()
    for picture, (left, top) in ((portrait(), FACE_AT), (number_plate(), PLATE_AT)):
        made[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return made


def footage(folder: Path, sample: Path, seconds: int = 5) -> Path:
    """The sample's video and log, as far as it goes, with somebody in each frame of it."""
    folder.mkdir()
    shutil.copy(sample.with_suffix(".gpx"), folder / "street.gpx")
    with av.open(str(sample)) as container:
        rate = int(container.streams.video[0].average_rate or 30)
        frames = islice(container.decode(video=0), seconds * rate)
        shown = (with_somebody(frame.to_ndarray(format="rgb24")) for frame in frames)
        return write_frames(folder / "street.mp4", shown, rate)


def shows(picture: Picture) -> set[str]:
    """Who is to be recognised in a picture (H, W, 3) RGB: "face", "plate"."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    found = set()
    for name, whole in somebody().items():
        scale = LOOKED_PX / whole.shape[0]
        small = _resized(cv2.cvtColor(whole, cv2.COLOR_RGB2GRAY), scale)
        for size in SIZES:
            width, height = (side * LOOKED_PX / size for side in grey.shape[::-1])
            if width > WIDEST_PX or height < small.shape[0] + 1 or width < small.shape[1] + 1:
                continue
            looked = _resized(grey, LOOKED_PX / size)
            if cv2.matchTemplate(looked, small, cv2.TM_CCOEFF_NORMED).max() >= ALIKE[name]:
                found.add(name)
                break
    return found


def _resized(picture: Picture, scale: float) -> Picture:
    size = tuple(max(1, round(side * scale)) for side in picture.shape[1::-1])
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, size, interpolation=how), np.uint8)


def pictures_in(content: bytes) -> Iterator[Picture]:
    """The pictures that are in a file or an answer of any kind: itself, in a zip, as data: address, or as they are."""
    if content[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                yield from pictures_in(archive.read(name))
        return
    for found in DATA.finditer(content):
        yield from pictures_in(base64.b64decode(found[1]))
    for found in BEGINS.finditer(content):
        try:
            with Image.open(io.BytesIO(content[found.start() :]), formats=("JPEG", "PNG")) as one:
                yield np.asarray(one.convert("RGB"))
        except (OSError, ValueError, SyntaxError):
            continue
