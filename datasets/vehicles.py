"""Backs and fronts of vehicles around their number plates, and what stands along roads that is like a plate but is none.

All are flat pictures, a pixel a millimetre for vehicles. What is like a plate (`decoy`) has letters, two colours, or the
shape and shine of a plate: signs, boards of shops, delineators, markings, vending machines.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from datasets.plates import BLACK, BLUE, GREEN, PX_PER_MM, REGIONS, WHITE, YELLOW, Colour, _font, plate

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]
CAR_MM, TWO_WHEELS_MM = (1500, 950), (620, 900)
WORDS = (
    "止まれ",
    "徐行",
    "駐車場",
    "月極",
    "空車",
    "営業中",
    "薬",
    "コンビニ",
    "産婦人科",
    "不動産",
    "ラーメン",
    "そば処",
    "駅前通り",
)


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
        (width // 2, 350), str(rng.choice(("A", "○", "H", "◇", "M"))), (190, 190, 195), _font(60), anchor="mm"
    )
    draw.text(
        (260, 480),
        str(rng.choice(("GL", "4WD", "TURBO", "e:HYBRID", ""))),
        (180, 180, 185),
        _font(44),
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


def decoy(rng: np.random.Generator) -> Bytes:
    """Something along a road that a plate could be mistaken for, (H, W, 3) uint8 RGB."""
    draws: tuple[Callable[[np.random.Generator], Image.Image], ...] = (
        _guide_sign, _shop_board, _shop_board, _round_sign, _stop_sign, _delineator, _marking, _machine, _house_number,
    )  # fmt: skip
    return np.asarray(draws[int(rng.integers(len(draws)))](rng))


def _board(size: tuple[int, int], ground: Colour, ink: Colour, lines: list[str], letters: int) -> Image.Image:
    made = Image.new("RGB", size, ground)
    draw = ImageDraw.Draw(made)
    draw.rectangle((4, 4, size[0] - 5, size[1] - 5), outline=ink, width=4)
    for row, line in enumerate(lines, 1):
        draw.text((size[0] // 2, size[1] * row // (len(lines) + 1)), line, ink, _font(letters), anchor="mm")
    return made


def _guide_sign(rng: np.random.Generator) -> Image.Image:
    place, km = str(rng.choice(REGIONS)), int(rng.integers(1, 60))
    return _board((420, 240), BLUE, WHITE, [f"↑ {place}", f"{km} km"], 70)


def _shop_board(rng: np.random.Generator) -> Image.Image:
    grounds = (
        (WHITE, BLACK), (WHITE, GREEN), (YELLOW, BLACK), (GREEN, WHITE), (BLACK, YELLOW), ((200, 30, 40), WHITE), (BLUE, WHITE),
    )  # fmt: skip
    ground, ink = grounds[int(rng.integers(len(grounds)))]
    telephone = f"{int(rng.integers(10, 99))}-{int(rng.integers(1000, 9999))}"
    lines = [str(rng.choice(WORDS)), telephone][: int(rng.integers(1, 3))]
    return _board((int(rng.integers(240, 620)), int(rng.integers(140, 320))), ground, ink, lines, 62)


def _round_sign(rng: np.random.Generator) -> Image.Image:
    made = Image.new("RGB", (220, 220), (120, 130, 140))
    draw = ImageDraw.Draw(made)
    draw.ellipse((5, 5, 215, 215), WHITE, (200, 20, 30), 26)
    draw.text((110, 110), str(rng.choice(("30", "40", "50", "60"))), BLUE, _font(96), anchor="mm")
    return made


def _stop_sign(_: np.random.Generator) -> Image.Image:
    made = Image.new("RGB", (260, 230), (120, 130, 140))
    draw = ImageDraw.Draw(made)
    draw.polygon([(5, 5), (255, 5), (130, 225)], (205, 25, 35))
    draw.text((130, 75), "止まれ", WHITE, _font(58), anchor="mm")
    return made


def _delineator(rng: np.random.Generator) -> Image.Image:
    made = Image.new("RGB", (90, 420), WHITE)
    draw = ImageDraw.Draw(made)
    colour = ((240, 120, 30), (200, 30, 30), (30, 120, 60))[int(rng.integers(3))]
    for y in range(20, 420, 130):
        draw.rectangle((0, y, 90, y + 60), colour)
    return made


def _marking(rng: np.random.Generator) -> Image.Image:
    made = Image.new("RGB", (420, 240), (92, 92, 94))
    draw = ImageDraw.Draw(made)
    if rng.random() < 0.5:
        draw.text(
            (210, 120),
            str(rng.choice(("止まれ", "40", "スクール"))),
            (225, 225, 220),
            _font(110),
            anchor="mm",
        )
    else:
        for x in range(20, 420, 90):
            draw.rectangle((x, 10, x + 45, 230), (225, 225, 220))
    return made  # fmt: skip


def _machine(rng: np.random.Generator) -> Image.Image:
    made = Image.new("RGB", (300, 480), ((200, 30, 40), (240, 240, 240), (30, 70, 150))[int(rng.integers(3))])
    draw = ImageDraw.Draw(made)
    for y in (40, 130, 220):
        for x in range(30, 270, 34):
            draw.rectangle((x, y, x + 24, y + 70), tuple(int(one) for one in rng.integers(60, 250, 3)))
    draw.rectangle((40, 380, 260, 440), (20, 20, 20))
    return made


def _house_number(rng: np.random.Generator) -> Image.Image:
    numbers = f"{int(rng.integers(1, 40))}-{int(rng.integers(1, 30))}"
    return _board((330, 165), BLUE if rng.random() < 0.5 else GREEN, WHITE, [numbers], 84)
