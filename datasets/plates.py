"""Japanese number plates, drawn as the ordinance has them (Road Transport Vehicle Act's enforcement, forms 1 to 5).

Sizes are in millimetres: 330 x 165 for cars, 440 x 220 for large lorries and buses, 230 x 125 for motorcycles, and 200 x
100 for mopeds, whose plates are their municipality's. Above stand the region and the number of the class, 40 mm high;
below a kana, 40 mm, and up to four digits, 80 mm high and 40 mm wide.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import matplotlib_fontja
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from detector.errors import N_

Bytes = NDArray[np.uint8]
Colour = tuple[int, int, int]
Box = tuple[float, float, float, float]

PX_PER_MM = 2
WHITE, GREEN, YELLOW, BLACK, BLUE = (248, 248, 244), (18, 88, 62), (244, 196, 28), (22, 22, 24), (30, 50, 130)
PINK, GLOW, AMBER, PALE = (240, 176, 190), (40, 170, 100), (205, 95, 20), (232, 240, 246)
CAR, LARGE, MOTORCYCLE, MOPED = (330, 165), (440, 220), (230, 125), (200, 100)
REGIONS = (
    "品川", "練馬", "足立", "多摩", "横浜", "川崎", "大宮", "千葉", "札幌", "神戸", "京都", "福岡", "広島", "仙台", "新潟",
    "世田谷", "名古屋", "なにわ", "尾張小牧", "富士山", "伊勢志摩", "つくば", "いわき", "とちぎ",
)  # fmt: skip
PRIVATE_KANA, COMMERCIAL_KANA = (
    "さすせそたちつてとなにぬねのはひふほまみむめもやゆよらりるろ",
    "あいうえかきくけこを",
)


@dataclass(frozen=True)
class PlateKind:
    """Ground and letters, size in mm, the kana that it may have, how often it is drawn, and what is peculiar to it."""

    ground: Colour
    ink: Colour
    share: float
    kana: str = PRIVATE_KANA
    size_mm: tuple[int, int] = CAR
    classes: str = "35"
    border: Colour | None = None
    pictured: bool = False
    lit: bool = False
    barred: bool = False


KINDS = {
    N_("private car, white"): PlateKind(WHITE, GREEN, 5),
    N_("light car, yellow"): PlateKind(YELLOW, BLACK, 4),
    N_("commercial, green"): PlateKind(GREEN, WHITE, 2, COMMERCIAL_KANA, classes="128"),
    N_("light commercial, black"): PlateKind(BLACK, YELLOW, 1.5, "りれ", classes="4"),
    N_("rental car (わ, れ)"): PlateKind(WHITE, GREEN, 1, "われ"),
    N_("large plate, green"): PlateKind(GREEN, WHITE, 1, COMMERCIAL_KANA, LARGE, "12"),
    N_("large plate, white"): PlateKind(WHITE, GREEN, 0.7, size_mm=LARGE, classes="12"),
    N_("motorcycle over 250 cc"): PlateKind(WHITE, GREEN, 1, size_mm=MOTORCYCLE, classes="", border=GREEN),
    N_("motorcycle up to 250 cc"): PlateKind(WHITE, GREEN, 0.7, size_mm=MOTORCYCLE, classes="1"),
    N_("moped up to 50 cc"): PlateKind(WHITE, BLUE, 0.7, size_mm=MOPED, classes=""),
    N_("moped up to 125 cc"): PlateKind(PINK, BLUE, 0.5, size_mm=MOPED, classes=""),
    N_("with a motif"): PlateKind(PALE, GREEN, 1.2, pictured=True),
    N_("light car with a motif"): PlateKind(PALE, BLACK, 1, border=YELLOW, pictured=True),
    N_("letters lit from behind"): PlateKind(WHITE, GLOW, 0.7, lit=True),
    N_("light car, letters lit from behind"): PlateKind(YELLOW, AMBER, 0.5, lit=True),
    N_("temporary, with a red bar"): PlateKind(WHITE, BLACK, 0.4, classes="", barred=True),
}


@dataclass(frozen=True)
class Plate:
    """A plate, (H, W, 3) uint8 RGB at `PX_PER_MM`, and the name of its kind."""

    image: Bytes
    kind: str


def plate(rng: np.random.Generator, kind: str = "") -> Plate:
    """A plate of that kind, or of any, the more common ones more often."""
    if not kind:
        shares = np.array([one.share for one in KINDS.values()])
        kind = str(rng.choice(list(KINDS), p=shares / shares.sum()))
    told = KINDS[kind]
    width, height = (PX_PER_MM * side for side in told.size_mm)
    drawn = _scenery(told, rng) if told.pictured else Image.new("RGB", (width, height), told.ground)
    draw = ImageDraw.Draw(drawn)
    if told.barred:
        draw.line((0, height, width, 0), (215, 40, 40), width // 9)
    edge, thick = (told.border, 12) if told.border else (_mixed(told.ground, told.ink), 3)
    draw.rounded_rectangle((3, 3, width - 4, height - 4), 16, outline=edge, width=thick)
    _letters(drawn, told, rng)
    _bolts(draw, told, rng)
    return Plate(_embossed(np.asarray(drawn)), kind)


def _letters(drawn: Image.Image, told: PlateKind, rng: np.random.Generator) -> None:
    """Region and class above, kana and digits below, where the form for 330 x 165 mm has them, in shares of it."""
    region, digits = str(rng.choice(REGIONS)), f"{int(rng.integers(1, 10000))}".rjust(4, "・")
    number = str(rng.choice(list(told.classes))) if told.classes else ""
    if len(number) and told.size_mm in (CAR, LARGE):
        number += str(rng.choice(("00", "01", "12", "30", "31", "54", "80", "0A", "3C")))
    small = told.size_mm in (MOTORCYCLE, MOPED)
    top, bottom = ((0.08, 0.38), (0.45, 0.93)) if small else ((0.09, 0.34), (0.41, 0.91))
    above = (number + region) if small else region + " " + number
    half = min(0.055 * len(above), 0.28)
    _fitted(drawn, above, (0.5 - half, top[0], 0.5 + half, top[1]), told.ink, bold=1)
    if len(told.classes) or small:
        _fitted(drawn, str(rng.choice(list(told.kana))), (0.045, 0.55, 0.155, 0.8), told.ink, bold=2)
    places = (0.21, 0.39, 0.62, 0.80)
    for left, digit in zip(places, digits, strict=True):
        box = (left, bottom[0], left + 0.135, bottom[1])
        if digit == "・":
            box = (left + 0.045, 0.62, left + 0.09, 0.71)
        _fitted(drawn, digit, box, told.ink, bold=4)
    if "・" not in digits:
        _fitted(drawn, "―", (0.545, 0.63, 0.605, 0.69), told.ink, bold=6)


def _fitted(drawn: Image.Image, text: str, box: Box, ink: Colour, bold: int) -> None:
    """Write a text so that it fills a box (shares of the plate), as letters on plates do."""
    width, height = drawn.size
    x1, y1, x2, y2 = (round(part * side) for part, side in zip(box, (width, height) * 2, strict=True))
    x0, y0, right, low = font(120).getbbox(text, stroke_width=bold)
    letters = Image.new("L", (round(right - x0), round(low - y0)))
    ImageDraw.Draw(letters).text((-x0, -y0), text, 255, font(120), stroke_width=bold)
    drawn.paste(ink, (x1, y1), letters.resize((max(x2 - x1, 1), max(y2 - y1, 1))))


def _bolts(draw: ImageDraw.ImageDraw, told: PlateKind, rng: np.random.Generator) -> None:
    """Two bolts, and over the left one the seal that the backs of cars have."""
    width, height = (PX_PER_MM * side for side in told.size_mm)
    sealed = told.size_mm in (CAR, LARGE) and rng.random() < 0.5
    for share, radius in ((0.18, 22 if sealed else 9), (0.82, 9)):
        x, y, grey = share * width, 0.13 * height, int(rng.integers(90, 190))
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), (grey, grey, grey), (70, 70, 70), 2)


def _scenery(told: PlateKind, rng: np.random.Generator) -> Image.Image:
    """A pale picture: soft spots of colour, as regions' plates with mountains, flowers and seas have."""
    spots = rng.integers(120, 256, (3, 6, 3)).astype(np.uint8)
    size = (PX_PER_MM * told.size_mm[0], PX_PER_MM * told.size_mm[1])
    wide = cv2.resize(spots, size, interpolation=cv2.INTER_CUBIC).astype(float)
    return Image.fromarray((0.55 * wide + 0.45 * np.array(told.ground)).clip(0, 255).astype(np.uint8))


def _embossed(image: Bytes) -> Bytes:
    """The letters stand out from the metal: light on their upper edges, shade on the lower ones."""
    grey = image.mean(2).astype(np.float32)
    relief = cv2.GaussianBlur(grey - np.roll(grey, 3, 0), (0, 0), 1.5) * 0.25
    return np.asarray((image + relief[..., None]).clip(0, 255), np.uint8)


def _mixed(one: Colour, other: Colour) -> Colour:
    return (one[0] + other[0]) // 2, (one[1] + other[1]) // 2, (one[2] + other[2]) // 2


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """The letters of all that is drawn, so many px high."""
    return ImageFont.truetype(str(Path(matplotlib_fontja.__file__).parent / "fonts" / "ipaexg.ttf"), size)
