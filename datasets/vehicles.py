"""Backs and fronts of vehicles around their number plates: flat pictures, a pixel a millimetre."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from datasets.plates import PX_PER_MM, Colour, font, plate

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]
CAR_MM, TWO_WHEELS_MM = (1500, 950), (620, 900)


def vehicle(rng: np.random.Generator) -> tuple[Bytes, Floats, str]:
    """A vehicle's back or front, the plate's box in it (4,) px, and the plate's kind."""
    made = plate(rng)
    width, height = (side // PX_PER_MM for side in made.image.shape[1::-1])
    two_wheels = width < 300
    body = _two_wheels(rng) if two_wheels else _car(rng)
    left = (body.width - width) // 2 + int(rng.integers(-10, 11) if two_wheels else rng.integers(-160, 161))
    top = int(rng.integers(380, 520)) if two_wheels else int(rng.integers(430, 690))
    draw = ImageDraw.Draw(body)
    if rng.random() < 0.6:  # a recess or a holder
        tone = int(rng.integers(15, 70))
        draw.rectangle((left - 25, top - 20, left + width + 25, top + height + 15), (tone, tone, tone))
    smaller = cv2.resize(made.image, (width, height), interpolation=cv2.INTER_AREA)
    body.paste(Image.fromarray(np.asarray(smaller, np.uint8)), (left, top))
    return np.asarray(body), np.array([left, top, left + width, top + height], float), made.kind


def _car(rng: np.random.Generator) -> Image.Image:
    """A car's or a lorry's back or front: window, lamps, grille, bumper, a maker's sign; shaded from above."""
    width, height = CAR_MM
    body = Image.fromarray(_shaded(CAR_MM, rng))
    draw = ImageDraw.Draw(body)
    back, lorry = rng.random() < 0.6, rng.random() < 0.2
    if not lorry:
        draw.polygon([(200, 0), (width - 200, 0), (width - 110, 300), (110, 300)], _dark(rng))
    lamp = (165, 20, 28) if back else (225, 228, 230)
    wide, y = int(rng.integers(90, 260)), int(rng.integers(330, 430))
    for x in (15, width - 15 - wide):
        draw.rounded_rectangle((x, y, x + wide, y + int(rng.integers(60, 150))), 20, lamp, (40, 40, 40), 4)
    if not back or lorry:
        for bar in range(int(rng.integers(2, 6))):
            draw.rectangle((380, 340 + 22 * bar, width - 380, 350 + 22 * bar), _dark(rng))
    if back and lorry:
        for stripe in range(0, width, 120):
            draw.polygon(
                [(stripe, 780), (stripe + 60, 780), (stripe + 30, 850), (stripe - 30, 850)], (220, 30, 30)
            )
    draw.rectangle((0, 800 + int(rng.integers(-80, 80)), width, height), _dark(rng))
    draw.text(
        (width // 2, 350), str(rng.choice(("A", "○", "H", "◇", "M"))), (190, 190, 195), font(60), anchor="mm"
    )
    draw.text(
        (260, 480),
        str(rng.choice(("GL", "4WD", "TURBO", "e:HYBRID", ""))),
        (180, 180, 185),
        font(44),
        anchor="mm",
    )
    return body  # fmt: skip


def _two_wheels(rng: np.random.Generator) -> Image.Image:
    """A motorcycle's back: lamp, mudguard, wheel."""
    width, height = TWO_WHEELS_MM
    body = Image.fromarray(_shaded(TWO_WHEELS_MM, rng))
    draw = ImageDraw.Draw(body)
    draw.rounded_rectangle((150, 180, width - 150, 300), 40, (175, 20, 25), (30, 30, 30), 6)
    draw.rectangle((240, 560, width - 240, height), (25, 25, 27))
    for x in (40, width - 120):
        draw.ellipse((x, 200, x + 80, 280), (235, 140, 30))
    return body


def _shaded(size: tuple[int, int], rng: np.random.Generator) -> Bytes:
    paint = rng.integers(15, 240) + rng.integers(-20, 21, 3)
    if rng.random() < 0.4:
        paint = rng.integers(10, 235, 3)
    fall = np.linspace(1.15, 0.7, size[1])[:, None, None] * np.linspace(0.92, 1.05, size[0])[None, :, None]
    return np.asarray((paint * fall).clip(0, 255), np.uint8)


def _dark(rng: np.random.Generator) -> Colour:
    tone = int(rng.integers(15, 60))
    return tone, tone + 3, tone + 6
