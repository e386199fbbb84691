"""Masked pictures: a JPEG, PNG or WebP made anew from its pixels, masked, with nothing of what a camera writes beside them.

Files carry more pictures than the one that is shown (previews, depths, all of them unmasked): nothing of a file goes on
but its pixels and, where asked for, the few tags named here.
"""

from __future__ import annotations

import warnings
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from detector.errors import N_, FootageError
from detector.kept_area import KeptArea
from detector.masking import Masker, cover
from detector.private import Found, Kind, distinct
from roaddamage.keeping import Keep

FORMATS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WEBP"}
MOST_PIXELS = 170_000_000
"""More than cameras give; a picture of that size takes 3 GB of memory."""
QUALITY = 92
LEAST = np.float32(0.01)
"""The score of what was not found, but held, so that it is counted."""
GPS, EXIF = 0x8825, 0x8769
SHOT = (0x0132, 0x010F, 0x0110)
"""Tags of time, make and model."""
EXPOSED = (0x9003, 0x9011, 0x9291, 0x829A, 0x829D, 0x8827, 0x920A, 0xA405)
"""Tags of the moment with its zone, exposure, aperture, sensitivity and focal lengths."""


def mask_picture(
    source: Path, target: Path, masker: Masker, kept: KeptArea, keep: frozenset[Keep]
) -> Counter[Kind]:
    """Write a picture masked, upright, in the form that its name says; how many of each kind were covered.

    Raises FootageError for what is no picture, and OSError where it can't be written.
    """
    image, exif = _read(source, keep)
    shown = kept.cut(image)
    found = masker.find(shown)
    told = {"exif": exif} if len(exif) else {}
    form = FORMATS[source.suffix.lower()]
    Image.fromarray(cover(shown, found).image).save(target, form, quality=QUALITY, **told)
    return counted(found)


def counted(found: Found) -> Counter[Kind]:
    """How many things of each kind that is; boxes over one another are of one."""
    told = Counter[Kind]()
    for kind in set(found.kind):
        mine = found.of(kind)
        told[kind] = len(distinct(mine.xyxy, np.maximum(mine.score, LEAST)))
    return told


def _read(source: Path, keep: frozenset[Keep]) -> tuple[NDArray[np.uint8], Image.Exif]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its size is held against our own limit
            with Image.open(source, formats=tuple(set(FORMATS.values()))) as picture:
                if picture.width * picture.height > MOST_PIXELS:
                    raise ValueError(f"{picture.width} x {picture.height}")
                if picture.format != "MPO" and getattr(picture, "n_frames", 1) > 1:
                    raise ValueError("animated")
                exif = _exif(picture.getexif(), keep)
                return np.asarray(_plain(ImageOps.exif_transpose(picture)), np.uint8), exif
    except Exception as error:  # broken files make Pillow raise many kinds
        raise FootageError(
            N_("{path} is no picture that can be read ({reason}). JPEG, PNG and WebP with one picture are."),
            path=source,
            reason=getattr(error, "strerror", None) or error,
        ) from error


def _plain(picture: Image.Image) -> Image.Image:
    """RGB; what was transparent is white, as what lies under it was not to be seen."""
    if picture.mode.startswith("I"):  # 16 bits of grey, which Pillow would cut off at 255
        return Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8)).convert("RGB")
    if picture.has_transparency_data:
        shown = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", shown.size, "white"), shown).convert("RGB")
    return picture.convert("RGB")


def _exif(told: Image.Exif, keep: frozenset[Keep]) -> Image.Exif:
    """What is kept of a picture's tags: never its preview, nor what its maker alone can read."""
    made = Image.Exif()
    if Keep.metadata in keep:
        made.update({tag: told[tag] for tag in SHOT if tag in told})
        exposed = told.get_ifd(EXIF)
        if inner := {tag: exposed[tag] for tag in EXPOSED if tag in exposed}:
            made[EXIF] = inner
    if Keep.gps in keep and (place := told.get_ifd(GPS)):
        made[GPS] = dict(place)
    return made
