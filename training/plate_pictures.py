"""Pictures to learn number plates from: plates drawn onto vehicles drawn onto parts of pictures of roads.

Nothing here is shared with `datasets.private_pictures`, which measures: other letters, vehicles, light and smear.
Needs the fonts of Debian's `fonts-noto-cjk`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]
Colour = tuple[int, ...]

TILE_PX = 640
PLATE_PX = (11.0, 300.0)
"""Widths of plates; all ratios alike often, small ones a little more."""
LEAST_LABELLED_PX = 10.0
CJK = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc")
LATIN = tuple(
    Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name
    for name in ("DejaVuSans-Bold.ttf", "DejaVuSans.ttf", "DejaVuSansMono-Bold.ttf")
)
JAPANESE = tuple(
    "品川練馬足立多摩世田谷横浜相模湘南大宮春日部千葉野田名古屋豊橋大阪神戸姫路京都札幌仙台福岡北九州"
)
KANA = tuple("あいうえかきくけこさすせそたちつてとなにぬねのはひふほまみむめもやゆよらりるろれわ")
GROUNDS: tuple[tuple[Colour, Colour], ...] = (
    ((248, 248, 246), (10, 75, 50)),
    ((248, 248, 246), (10, 75, 50)),
    ((250, 205, 40), (15, 15, 15)),
    ((10, 90, 60), (248, 248, 248)),
    ((20, 20, 20), (250, 205, 40)),
)


def plate(rng: np.random.Generator) -> Image.Image:
    """A plate, drawn large: mostly Japanese, else a one-line plate as other countries have."""
    return _two_lines(rng) if rng.random() < 0.75 else _one_line(rng)


def _two_lines(rng: np.random.Generator) -> Image.Image:
    ground, ink = GROUNDS[int(rng.integers(len(GROUNDS)))]
    width, height = (330, 165) if rng.random() < 0.85 else (230, 125)
    drawn = Image.new("RGB", (width, height), ground)
    draw = ImageDraw.Draw(drawn)
    if rng.random() < 0.15:  # a pale picture behind, as those with a motif have
        for _ in range(6):
            x, y, r = (int(rng.integers(low, high)) for low, high in ((0, width), (0, height), (10, 90)))
            draw.ellipse((x - r, y - r, x + r, y + r), tuple(int(v) for v in rng.integers(180, 250, 3)))
    cjk, latin = _font(CJK, round(height * rng.uniform(0.2, 0.27))), _latin(height * 0.25, rng)
    region = "".join(rng.choice(JAPANESE, int(rng.integers(2, 4))))
    draw.text((width * 0.44, height * 0.19), region, ink, cjk, anchor="mm")
    draw.text((width * 0.75, height * 0.19), str(rng.integers(10, 999)), ink, latin, anchor="mm")
    draw.text((width * 0.1, height * 0.66), str(rng.choice(KANA)), ink, cjk, anchor="mm")
    digits = f"{int(rng.integers(1, 10000)):4d}".replace(" ", "・")
    dash = "-" if rng.random() < 0.9 else ""
    large = _font(CJK, round(height * 0.55)) if "・" in digits else _latin(height * 0.55, rng)
    _fit(draw, f"{digits[:2]}{dash}{digits[2:]}", (0.18, 0.38, 0.97, 0.97), drawn.size, ink, large)
    return drawn


def _one_line(rng: np.random.Generator) -> Image.Image:
    grounds = ((245, 245, 245), (240, 200, 40), (30, 70, 160), (170, 175, 178))
    ground = grounds[int(rng.integers(4))]
    ink = (240, 240, 240) if ground[0] < 100 else (20, 20, 25)
    drawn = Image.new("RGB", (520, 115) if rng.random() < 0.5 else (400, 130), ground)
    letters = list("ABCDEFGHJKLMNPRSTUVWXYZ0123456789")
    text = "".join(rng.choice(letters, int(rng.integers(6, 9))))
    _fit(
        ImageDraw.Draw(drawn), text, (0.06, 0.1, 0.95, 0.9), drawn.size, ink, _latin(drawn.height * 0.8, rng)
    )
    return drawn


def _fit(
    draw: ImageDraw.ImageDraw, text: str, place: tuple[float, float, float, float], size: tuple[int, int],
    ink: Colour, font: ImageFont.FreeTypeFont,
) -> None:  # fmt: skip
    """Text in the middle of a place (shares of a size), smaller where it would not fit."""
    x1, y1, x2, y2 = (share * side for share, side in zip(place, size * 2, strict=True))
    room = (x2 - x1) / max(draw.textlength(text, font), 1)
    if room < 1:
        font = font.font_variant(size=max(round(font.size * room), 6))
    draw.text(((x1 + x2) / 2, (y1 + y2) / 2), text, ink, font, anchor="mm")


def _latin(size: float, rng: np.random.Generator) -> ImageFont.FreeTypeFont:
    return _font(LATIN[int(rng.integers(len(LATIN)))], round(size))


@cache
def _font(path: Path, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(path), size)


def _dim(rng: np.random.Generator, low: int = 10, high: int = 240) -> Colour:
    return tuple(int(v) for v in np.clip(rng.integers(low, high) + rng.integers(-25, 26, 3), 0, 255))


def vehicle(rng: np.random.Generator, *, bare: bool) -> tuple[Image.Image, Floats | None]:
    """A vehicle's front or back with its plate (none where `bare`), and where that is, px."""
    width, height = 1100, int(rng.integers(620, 1300))
    paint = tuple(int(v) for v in rng.integers(0, 256, 3)) if rng.random() < 0.3 else _dim(rng)
    car = Image.new("RGB", (width, height), paint)
    draw = ImageDraw.Draw(car)
    shade = rng.uniform(0.5, 1.0)
    for y in range(0, height, 8):
        k = 1 - (1 - shade) * y / height
        draw.rectangle((0, y, width, y + 8), tuple(int(v * k) for v in paint))
    glass = (
        rng.uniform(0.06, 0.14) * width,
        0.04 * height,
        rng.uniform(0.86, 0.94) * width,
        rng.uniform(0.25, 0.45) * height,
    )
    draw.rounded_rectangle(glass, 30, _dim(rng, 15, 90))
    lamp = ((175, 25, 30), (225, 225, 215), (210, 120, 30))[int(rng.integers(3))]
    lamp_y, lamp_h, lamp_w = (
        rng.uniform(0.42, 0.6) * height,
        rng.uniform(0.06, 0.2) * height,
        rng.uniform(0.1, 0.2) * width,
    )
    for left in (0.02 * width, 0.98 * width - lamp_w):
        draw.rounded_rectangle((left, lamp_y, left + lamp_w, lamp_y + lamp_h), 20, lamp)
    bumper = rng.uniform(0.68, 0.85) * height
    draw.rectangle((0, bumper, width, height), _dim(rng, 10, 120) if rng.random() < 0.6 else paint)
    if rng.random() < 0.4:  # a maker's name, which is no plate
        draw.text(
            (rng.uniform(0.3, 0.6) * width, lamp_y),
            "".join(rng.choice(list("ADEHIMNOSTUY"), 5)),
            _dim(rng, 120, 250),
            _latin(60, rng),
        )
    if bare:
        return car, None
    drawn = plate(rng)
    scale = rng.uniform(0.75, 1.1)
    drawn = drawn.resize((round(drawn.width * scale), round(drawn.height * scale)))
    left = int((width - drawn.width) * np.clip(rng.normal(0.5, 0.12), 0, 1))
    top = int(np.clip(rng.uniform(0.45, 0.92) * height, 0, height - drawn.height))
    if rng.random() < 0.6:
        m = int(rng.integers(4, 30))
        draw.rounded_rectangle(
            (left - m, top - m, left + drawn.width + m, top + drawn.height + m), 10, _dim(rng, 5, 110)
        )
    car.paste(drawn, (left, top))
    if rng.random() < 0.5:  # the shadow of what is above
        dark = Image.new("L", car.size, 0)
        ImageDraw.Draw(dark).rectangle(
            (0, top - 40, width, top + int(rng.integers(5, drawn.height))), int(rng.integers(40, 150))
        )
        car.paste(Image.new("RGB", car.size), mask=dark.filter(ImageFilter.GaussianBlur(6)))
    return car, np.array([left, top, left + drawn.width, top + drawn.height], float)


def decoy(rng: np.random.Generator) -> Image.Image:
    """What is no plate, though it has letters, edges or a plate's shape: signs, boards, windows, markings."""
    width, height = int(rng.integers(150, 700)), int(rng.integers(120, 600))
    drawn = Image.new("RGB", (width, height), tuple(int(v) for v in rng.integers(0, 256, 3)))
    draw = ImageDraw.Draw(drawn)
    kind = int(rng.integers(4))
    if kind == 0:  # a board with lines of text
        for y in range(10, height, int(rng.integers(40, 110))):
            text = "".join(rng.choice(JAPANESE + KANA, int(rng.integers(3, 14))))
            draw.text((10, y), text, _dim(rng, 0, 255), _font(CJK, int(rng.integers(24, 80))))
    elif kind == 1:  # windows
        for x in range(15, width, 90):
            for y in range(15, height, 80):
                draw.rectangle((x, y, x + 60, y + 50), _dim(rng))
    elif kind == 2:  # an arrow or a bar
        draw.polygon(
            [(width * 0.2, height * 0.5), (width * 0.5, height * 0.1), (width * 0.8, height * 0.5)],
            _dim(rng, 180, 256),
        )
        draw.rectangle((width * 0.4, height * 0.5, width * 0.6, height), _dim(rng, 180, 256))
    else:  # plain, or in stripes, with a rim
        for x in range(0, width, 80):
            draw.polygon([(x, 0), (x + 40, 0), (x + 80, height), (x + 40, height)], _dim(rng))
        draw.rectangle((0, 0, width - 1, height - 1), outline=_dim(rng), width=12)
    return drawn


@dataclass(frozen=True)
class Tile:
    """A picture to learn from, (`TILE_PX`, `TILE_PX`, 3) uint8 RGB, and its plates, `xyxy` (n, 4) px."""

    image: Bytes
    xyxy: Floats


def tile(road: Bytes, rng: np.random.Generator) -> Tile:
    """A part of a road picture with vehicles, decoys and bare plates drawn on it, filmed."""
    scene = _part(road, rng)
    taken: list[Floats] = []
    plates: list[Floats] = []
    for _ in range(int(rng.integers(0, 3))):
        _lay(scene, decoy(rng), None, float(np.exp(rng.uniform(math.log(20), math.log(260)))), taken, rng)
    for _ in range(int(rng.choice((0, 1, 2, 3, 4, 5), p=(0.12, 0.2, 0.23, 0.2, 0.15, 0.1)))):
        size = float(np.exp(rng.uniform(math.log(PLATE_PX[0]), math.log(PLATE_PX[1])) * 0.5
                     + 0.5 * rng.uniform(math.log(PLATE_PX[0]), math.log(120))))  # fmt: skip
        if rng.random() < 0.25:
            bare = plate(rng)
            picture, box = bare, np.array([0, 0, bare.width, bare.height], float)
        else:
            picture, found = vehicle(rng, bare=rng.random() < 0.1)
            if found is None:
                _lay(scene, picture, None, size * 3.5, taken, rng)
                continue
            box = found
        at = _lay(scene, picture, box, size * picture.width / (box[2] - box[0]), taken, rng)
        if at is not None:
            plates.append(at)
    kept = [box for box in plates if box[2] - box[0] >= LEAST_LABELLED_PX]
    return Tile(_filmed(scene, rng), np.array(kept).reshape(-1, 4))


def _part(road: Bytes, rng: np.random.Generator) -> Bytes:
    scale = rng.uniform(0.8, 2.2) * TILE_PX / min(road.shape[:2])
    scale = max(scale, TILE_PX / min(road.shape[:2]))
    large = cv2.resize(road, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
    top, left = (int(rng.integers(0, side - TILE_PX + 1)) for side in large.shape[:2])
    part = large[top : top + TILE_PX, left : left + TILE_PX]
    return np.ascontiguousarray(part[:, ::-1] if rng.random() < 0.5 else part)


def _lay(
    scene: Bytes, picture: Image.Image, box: Floats | None, width_px: float, taken: list[Floats],
    rng: np.random.Generator,
) -> Floats | None:  # fmt: skip
    """Draw a picture that wide, turned, where none is yet; where `box` of it then lies, cut at the edges."""
    scale = width_px / picture.width
    small = np.asarray(picture)
    if scale < 0.7:  # area averaging first, as a sensor does
        shrink = max(scale * 1.4, 2 / min(small.shape[:2]))
        small = cv2.resize(small, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        scale /= shrink
        box = None if box is None else box * shrink
    height, width = small.shape[:2]
    squeeze, shear, roll = rng.uniform(0.55, 1.0), rng.normal(0, 0.06), rng.normal(0, 0.05)
    turn = np.array([[math.cos(roll), -math.sin(roll)], [math.sin(roll), math.cos(roll)]])
    linear = turn @ np.array([[squeeze, 0], [shear * squeeze, 1]]) * scale
    tilt = np.array([rng.normal(0, 0.15) / width, rng.normal(0, 0.08) / height])
    how = np.eye(3)
    how[:2, :2], how[2, :2] = linear, tilt
    how = how @ np.array([[1, 0, -width / 2], [0, 1, -height / 2], [0, 0, 1]])
    corners = cv2.perspectiveTransform(
        np.array([[[0, 0], [width, 0], [width, height], [0, height]]], float), how
    )[0]
    low, size = corners.min(0), corners.max(0) - corners.min(0)
    for _ in range(12):
        place = rng.uniform(-0.3 * size, TILE_PX - 0.7 * size)
        whole = np.concatenate([place, place + size])
        if all((whole[2:] < other[:2]).any() or (whole[:2] > other[2:]).any() for other in taken):
            break
    else:
        return None
    taken.append(whole)
    move = np.array([[1, 0, place[0] - low[0]], [0, 1, place[1] - low[1]], [0, 0, 1]]) @ how
    laid = cv2.warpPerspective(small, move, (TILE_PX, TILE_PX), flags=cv2.INTER_LINEAR)
    cover = cv2.warpPerspective(np.ones((height, width), np.float32), move, (TILE_PX, TILE_PX))[..., None]
    scene[:] = (scene * (1 - cover) + laid * cover).astype(np.uint8)
    if box is None:
        return None
    x1, y1, x2, y2 = box
    at = cv2.perspectiveTransform(np.array([[[x1, y1], [x2, y1], [x2, y2], [x1, y2]]]), move)[0]
    seen = np.clip(np.concatenate([at.min(0), at.max(0)]), 0, TILE_PX)
    whole_px = (at.max(0) - at.min(0)).prod()
    return seen if (seen[2:] - seen[:2]).prod() > 0.4 * whole_px else None


def _filmed(scene: Bytes, rng: np.random.Generator) -> Bytes:
    """Light, haze, lens, movement, noise and compression."""
    lit: NDArray[Any] = scene.astype(np.float32) / 255
    lit = lit ** rng.uniform(0.6, 1.8) * rng.uniform(0.25, 1.25) * rng.uniform(0.9, 1.1, 3)
    haze = rng.uniform(0, 0.35) * (rng.random() < 0.4)
    lit = lit * (1 - haze) + haze * rng.uniform(0.4, 0.9)
    if rng.random() < 0.6:
        lit = cv2.GaussianBlur(lit, (0, 0), rng.uniform(0.3, 1.6))
    if rng.random() < 0.6:
        lit = cv2.filter2D(lit, -1, _smear(rng.uniform(1, 7), rng.uniform(0, math.pi)))
    lit += rng.normal(0, rng.uniform(0.002, 0.03), lit.shape)
    made = (np.clip(lit, 0, 1) * 255).astype(np.uint8)
    for _ in range(int(rng.integers(1, 3))):
        _, data = cv2.imencode(".jpg", made, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(30, 95))])
        made = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return made


def _smear(length_px: float, angle_rad: float) -> NDArray[np.float32]:
    kernel = np.zeros((9, 9), np.float32)
    for along in np.linspace(-length_px / 2, length_px / 2, 30):
        kernel[round(4 + along * math.sin(angle_rad)), round(4 + along * math.cos(angle_rad))] += 1
    return np.asarray(kernel / kernel.sum(), np.float32)
