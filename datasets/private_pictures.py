"""Made pictures of streets with faces and number plates in them, of known sizes, to measure what masking misses.

Faces are portraits (`portraits/`), plates are drawn as Japanese ones are: 330 x 165 mm, region and class number above, kana
and up to four digits below (Road Transport Vehicle Act, ordinance's form 1). Each is turned, lit, smeared and compressed as
a dashcam's picture is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from itertools import cycle
from pathlib import Path

import cv2
import matplotlib_fontja
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from datasets.synthetic import labelled_frames

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]

PORTRAITS = Path(__file__).parent / "portraits"
FACES = {
    "biden": (0.273, 0.205, 0.728, 0.673),
    "collins": (0.276, 0.223, 0.731, 0.681),
    "hopper": (0.274, 0.228, 0.728, 0.683),
    "obama": (0.273, 0.137, 0.728, 0.646),
}
"""Where the face is in each portrait, xyxy in shares of it, from hair to chin."""
FACE_PX, PLATE_PX = (6.0, 160.0), (10.0, 260.0)
"""Heights of faces, and widths of plates, that are drawn; all ratios alike often."""
EACH = 3
"""So many faces, and plates, a picture."""
PLATES = (
    ((250, 250, 247), (20, 90, 60)),
    ((250, 250, 247), (20, 90, 60)),
    ((245, 200, 30), (20, 20, 20)),
    ((20, 100, 70), (245, 245, 245)),
    ((25, 25, 25), (245, 200, 30)),
)
"""Ground and letters: private cars (most), light ones, commercial ones, light commercial ones."""
REGIONS = (
    "品川",
    "練馬",
    "足立",
    "多摩",
    "世田谷",
    "横浜",
    "川崎",
    "大宮",
    "千葉",
    "名古屋",
    "なにわ",
    "神戸",
    "札幌",
)
KANA = "あいうえかきくけこさすせそたちつてとなにぬねのはひふほまみむめもやゆよらりるれろわ"


@dataclass(frozen=True)
class PrivatePicture:
    """A picture, (H, W, 3) uint8 RGB, and what shows a person in it: `xyxy` (n, 4) px and which are `plate` (n,).

    `clean` is the same picture without any of it.
    """

    image: Bytes
    clean: Bytes
    xyxy: Floats
    plate: NDArray[np.bool_]

    @property
    def size_px(self) -> Floats:
        """The height of each face and the width of each plate, (n,)."""
        width, height = (self.xyxy[:, 2:] - self.xyxy[:, :2]).T
        return np.asarray(np.where(self.plate, width, height))


def private_pictures(
    count: int, seed: int, size_px: tuple[int, int] = (1280, 720), roads: Iterable[Bytes] = ()
) -> Iterator[PrivatePicture]:
    """`count` pictures, on `roads` by turns (pictures (H, W, 3) uint8 RGB), or on made ones where there are none."""
    rng = np.random.default_rng(seed)
    given = list(roads)
    made = cycle(given) if given else (one.image for one in labelled_frames(count, seed, size_px))
    for _, road in zip(range(count), made, strict=False):
        scene = road.copy()
        boxes: list[Floats] = []
        plates: list[bool] = []
        for plate in [True, False] * EACH:
            put = _put(scene, boxes, rng, plate=plate)
            if put is not None:
                boxes.append(put)
                plates.append(plate)
        seen, clean = _filmed((scene, road), rng)
        yield PrivatePicture(seen, clean, np.array(boxes).reshape(-1, 4), np.array(plates, bool))


def _put(scene: Bytes, others: list[Floats], rng: np.random.Generator, *, plate: bool) -> Floats | None:
    """Draw a face or a plate where there is room; its box, or None where none was found."""
    least, most = PLATE_PX if plate else FACE_PX
    size_px = math.exp(rng.uniform(math.log(least), math.log(most)))
    picture, box = _car(rng) if plate else _head(rng)
    scale = size_px / (box[2] - box[0] if plate else box[3] - box[1])
    how = _turned(picture.shape, scale, rng)
    corners = cv2.perspectiveTransform(
        _corners(np.array([0, 0, picture.shape[1], picture.shape[0]], float)), how
    )[0]
    low, high = corners.min(0), corners.max(0)
    room = np.array([scene.shape[1], scene.shape[0]]) - (high - low)
    if (room < 1).any():
        return None
    for _ in range(20):
        place = rng.uniform((0, 0.2 * room[1]), (room[0], room[1]))
        whole = np.concatenate([place, place + high - low])
        if all((whole[2:] < other[:2]).any() or (whole[:2] > other[2:]).any() for other in others):
            break
    else:
        return None
    move = np.array([[1, 0, place[0] - low[0]], [0, 1, place[1] - low[1]], [0, 0, 1]]) @ how
    size = scene.shape[1::-1]
    # A picture that is made much smaller is smoothed first, as a lens would.
    soft = cv2.GaussianBlur(picture, (0, 0), max(0.4 / scale, 0.01)) if scale < 1 else picture
    laid = cv2.warpPerspective(soft, move, size, flags=cv2.INTER_LINEAR)
    cover = cv2.warpPerspective(np.ones(picture.shape[:2], np.float32), move, size, flags=cv2.INTER_LINEAR)
    scene[:] = (scene * (1 - cover[..., None]) + laid * cover[..., None]).astype(np.uint8)
    at = cv2.perspectiveTransform(_corners(box), move)[0]
    return np.concatenate([at.min(0), at.max(0)])


def _corners(box: Floats) -> Floats:
    x1, y1, x2, y2 = box
    return np.array([[[x1, y1], [x2, y1], [x2, y2], [x1, y2]]], np.float64)


def _turned(shape: tuple[int, ...], scale: float, rng: np.random.Generator) -> Floats:
    """A picture scaled, turned sideways by up to 45 degrees and tilted by up to 8, as a 3 x 3 homography."""
    height, width = shape[:2]
    yaw, roll = math.radians(rng.uniform(-45, 45)), math.radians(rng.uniform(-8, 8))
    middle = np.array([[1, 0, -width / 2], [0, 1, -height / 2], [0, 0, 1]])
    side = np.array(
        [[math.cos(yaw), 0, 0], [0, 1, 0], [0.6 * math.sin(yaw) / width, 0, 1]]
    )  # seen from 1.7 widths away
    turn = np.array([[math.cos(roll), -math.sin(roll), 0], [math.sin(roll), math.cos(roll), 0], [0, 0, 1]])
    return np.asarray(np.diag([scale, scale, 1.0]) @ turn @ side @ middle)


def _head(rng: np.random.Generator) -> tuple[Bytes, Floats]:
    """A portrait, mirrored half the time, and where the face is, px."""
    name = str(rng.choice(sorted(FACES)))
    picture = _portrait(name)
    height, width = picture.shape[:2]
    box = np.array(FACES[name]) * [width, height, width, height]
    if rng.random() < 0.5:
        picture = np.ascontiguousarray(picture[:, ::-1])
        box = np.array([width - box[2], box[1], width - box[0], box[3]])
    return picture, box


@cache
def _portrait(name: str) -> Bytes:
    return np.asarray(Image.open(PORTRAITS / f"{name}.jpg").convert("RGB"))


def _car(rng: np.random.Generator) -> tuple[Bytes, Floats]:
    """The back of a car with its plate, and where that is, px."""
    width, height = 1200, 760
    paint = tuple(int(part) for part in rng.integers(20, 230) + rng.integers(-15, 16, 3))
    car = Image.new("RGB", (width, height), paint)
    draw = ImageDraw.Draw(car)
    draw.rectangle((90, 40, width - 90, 300), fill=(35, 42, 50))
    for left in (20, width - 170):
        draw.rectangle((left, 330, left + 150, 430), fill=(170, 25, 30))
    draw.rectangle((0, 620, width, height), fill=(30, 30, 32))
    left, top = int(rng.integers(360, 510)), int(rng.integers(400, 560))
    car.paste(plate(rng), (left, top))
    return np.asarray(car), np.array([left, top, left + 330, top + 165], float)


def plate(rng: np.random.Generator) -> Image.Image:
    """A Japanese number plate, a pixel a millimetre."""
    ground, ink = PLATES[int(rng.integers(len(PLATES)))]
    drawn = Image.new("RGB", (330, 165), ground)
    draw = ImageDraw.Draw(drawn)
    draw.rounded_rectangle((2, 2, 327, 162), 8, outline=tuple(part // 2 + 60 for part in ground), width=2)
    region, number = str(rng.choice(REGIONS)), f"{int(rng.choice((3, 5)))}{int(rng.integers(0, 100)):02d}"
    draw.text((165, 31), f"{region} {number}", ink, _font(44), anchor="mm")
    digits = f"{int(rng.integers(1, 10000)):4d}".replace(" ", "・")
    draw.text((34, 110), str(rng.choice(list(KANA))), ink, _font(38), anchor="mm")
    draw.text((190, 108), f"{digits[:2]}-{digits[2:]}", ink, _font(86), anchor="mm")
    return drawn


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(Path(matplotlib_fontja.__file__).parent / "fonts" / "ipaexg.ttf"), size)


def _filmed(pictures: tuple[Bytes, Bytes], rng: np.random.Generator) -> list[Bytes]:
    """Pictures as a dashcam keeps them: its light, its smear, its noise and its compression, alike for all."""
    gain, smear, noise_sd = rng.uniform(0.3, 1.15), int(rng.integers(1, 6)), rng.uniform(0.5, 6)
    quality = int(rng.integers(45, 93))
    kernel = np.zeros((smear, smear), np.float32)
    kernel[smear // 2] = 1 / smear
    noise = rng.normal(0, noise_sd, pictures[0].shape)
    made = []
    for picture in pictures:
        lit = np.clip(cv2.filter2D(picture, -1, kernel) * gain + noise, 0, 255).astype(np.uint8)
        _, data = cv2.imencode(".jpg", lit[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
        made.append(np.asarray(Image.open(BytesIO(data.tobytes()))))
    return made
