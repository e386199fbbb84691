"""Lenses known by make and model: the one place where fields of view and distortions of cameras stand.

Sources: `gyroflow` is gyroflow/gyroflow, resources/camera_presets, whose fisheye calibrations were fitted
with Brown's formula up to the picture's corner (within 8 px of 1,920); `angles` are the maker's stated
horizontal, vertical and diagonal angles, from which focal length and k1, k2 follow; `equivalent` is the
maker's 35 mm equivalent focal length. A diagonal angle alone gives no focal length of a wide lens, so
cameras of which only that is published are not here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def bent(radius: Floats, k1: float, k2: float, k3: float) -> Floats:
    """Brown's formula: radii (n,) in focal lengths as a lens without distortion has them, to those in the picture."""
    return np.asarray(radius * (1 + k1 * radius**2 + k2 * radius**4 + k3 * radius**6), float)


@dataclass(frozen=True)
class Lens:
    """One row: `focal` is the focal length in picture widths, with its relative error; Brown's k1, k2, k3.

    `written` is what files of such a camera say of themselves, as a pattern; empty: nothing that tells.
    """

    name: str
    written: str
    focal: float
    k1: float = 0.0
    k2: float = 0.0
    k3: float = 0.0
    focal_sd_ratio: float = 0.03


STABILISED_SD_RATIO = 0.08
"""A stabilised picture is cut out of the lens's, by a share that the file does not state."""

LENSES = (
    # gyroflow: GoPro/GoPro_HERO5 Black_Wide_NO-EIS_16by9.json, the same for 6 and 7
    Lens("GoPro HERO5-7 Wide", r"HD[567]\.", 0.4458, -0.197, 0.036, -0.0027, STABILISED_SD_RATIO),
    # gyroflow: GoPro/GoPro_HERO8 Black_Wide_NO-EIS_16by9.json
    Lens("GoPro HERO8 Wide", r"HD8\.", 0.4471, -0.198, 0.037, -0.0029, STABILISED_SD_RATIO),
    # gyroflow: GoPro/GoPro_HERO9 Black_Wide_16by9.json, the same for 10 and 11
    Lens("GoPro HERO9-11 Wide", r"HD9\.|H2[12]\.0", 0.4582, -0.206, 0.041, -0.0035, STABILISED_SD_RATIO),
    # gyroflow: GoPro/GoPro_HERO10 Black_Linear_16by9.json, HERO8 Black_Linear_NO-EIS_16by9.json
    Lens("GoPro HERO8-11 Linear", "", 0.4778, focal_sd_ratio=STABILISED_SD_RATIO),
    # gyroflow: GoPro/GoPro_HERO7 Black_Linear_NO-EIS_16by9.json
    Lens("GoPro HERO7 Linear", "", 0.5415, focal_sd_ratio=STABILISED_SD_RATIO),
    # gyroflow/lens_profiles: DJI/DJI_action 3__50_4k_16by9_3840x2160-25.00fps.json
    Lens("DJI Osmo Action 3", r"DJI ?OsmoAction ?3", 0.3768, -0.122, 0.012, -0.0006, STABILISED_SD_RATIO),
    # equivalent: 26 mm
    Lens("DJI Osmo Pocket", r"DJI ?OsmoPocket(?! ?[23])", 0.735, focal_sd_ratio=0.05),
    # gyroflow: Insta360/Insta360_OneRS_Ultrawide 88_EIS_4k_16by9_3840x2160-29.97fps.json
    Lens(
        "Insta360 ONE RS 4K Boost", r"Insta360 ?One ?RS", 0.4913, -0.223, 0.060, -0.007, STABILISED_SD_RATIO
    ),
    # angles: 113 / 60 / 133 degrees (ascii.jp 1871800)
    Lens("Comtec ZDR026", r"ZDR-?026", 0.52, -0.207, 0.020),
    # angles: 112 / 58 / 137 degrees (goodspress.jp 457255)
    Lens("Carrozzeria VREC-DZ800DC rear", "", 0.54, -0.214, 0.019),
    # gyroflow profile of the main camera's 4K60; other main cameras by their equivalents of 24 to 28 mm
    Lens("iPhone 24 mm", r"Apple iPhone 1[4-9] Pro", 0.68, focal_sd_ratio=0.05),
    Lens("iPhone 26 mm", r"Apple iPhone (?:X|1\d)", 0.74, focal_sd_ratio=0.06),
    Lens("iPhone 28 mm", r"Apple iPhone [678]\b", 0.80, focal_sd_ratio=0.06),
    # mapillary/OpenSfM, opensfm/data/camera_calibration.yaml
    Lens("Sony HDR-AS300", r"HDR-AS300", 0.3958, -0.1496, 0.0201),
    Lens("Xiaomi Yi", r"Xiaomi ?Yi|\bYDXJ", 0.50, -0.19, 0.028, focal_sd_ratio=0.05),
)
PHONE = re.compile(r"\b(?:Apple|samsung|Google|Sony|SHARP|Xiaomi|HUAWEI|OPPO|FCNT)\b", re.IGNORECASE)
PHONE_LENS = Lens("phone", "", 0.73, focal_sd_ratio=0.08)
"""Main cameras of phones are equivalent to 24 to 28 mm."""


def lens_of(written: str) -> Lens | None:
    """The lens of the camera whose file says that of itself; None where it is not known."""
    for lens in LENSES:
        if lens.written and re.search(lens.written, written, re.IGNORECASE):
            return lens
    return PHONE_LENS if PHONE.search(written) else None


def lens_named(name: str) -> Lens | None:
    """The lens of that name in the table, however it is spaced and cased; None where there is none."""

    def plain(text: str) -> str:
        return re.sub(r"[\W_]+", "", text).lower()

    return next((lens for lens in LENSES if plain(lens.name) == plain(name)), None)


def lens_for_35mm(equivalent_mm: float) -> Lens:
    """The lens of a picture whose file states the 35 mm equivalent of its focal length (Exif 2.32)."""
    return Lens(f"{equivalent_mm:g} mm", "", equivalent_mm / 36, focal_sd_ratio=0.06)
