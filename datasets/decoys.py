"""What stands along roads that is like a number plate but is none: signs, boards of shops, delineators, markings, machines."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from datasets.plates import BLACK, BLUE, GREEN, REGIONS, WHITE, YELLOW, Colour, font

Bytes = NDArray[np.uint8]
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
        draw.text((size[0] // 2, size[1] * row // (len(lines) + 1)), line, ink, font(letters), anchor="mm")
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
    draw.text((110, 110), str(rng.choice(("30", "40", "50", "60"))), BLUE, font(96), anchor="mm")
    return made


def _stop_sign(_: np.random.Generator) -> Image.Image:
    made = Image.new("RGB", (260, 230), (120, 130, 140))
    draw = ImageDraw.Draw(made)
    draw.polygon([(5, 5), (255, 5), (130, 225)], (205, 25, 35))
    draw.text((130, 75), "止まれ", WHITE, font(58), anchor="mm")
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
            font(110),
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
