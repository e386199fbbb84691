"""Made pictures of streets with faces and number plates in them, of known sizes, to measure what masking misses.

Faces are portraits (`portraits/`), plates are drawn (`datasets.plates`) on vehicles (`datasets.vehicles`). Each is turned
(`datasets.laying`), and the picture lit, smeared and compressed as a dashcam's is (`datasets.filmed`). Nothing here is what a network learnt from.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from datasets.decoys import decoy
from datasets.filmed import Light, filmed
from datasets.laying import lay, moved, through, turned
from datasets.plates import KINDS
from datasets.synthetic import labelled_frames
from datasets.vehicles import vehicle

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
FACE_PX, PLATE_PX = (8.0, 140.0), (10.0, 230.0)
"""Heights of faces, and widths of plates seen squarely, that are drawn; all ratios alike often."""
EACH = 12
"""So many faces, and plates, a picture, as far as there is room."""
DECOYS = 8
ROADS = 12
"""So many made roads are drawn; after that they come again."""


@dataclass(frozen=True)
class Thing:
    """A face or plate in a picture: `corners` (4, 2) px; `size_px`: a face's height, a plate's width as if seen squarely.

    `yaw_deg` is how far it is turned sideways, `who` a person's or a plate kind's name, `worn` whether the face wears a mask.
    """

    corners: Floats
    plate: bool
    size_px: float
    yaw_deg: float
    who: str
    worn: bool

    @property
    def xyxy(self) -> Floats:
        """The box around it, (4,) px."""
        return np.concatenate([self.corners.min(0), self.corners.max(0)])


@dataclass(frozen=True)
class PrivatePicture:
    """A picture, (H, W, 3) uint8 RGB, the light it was taken in, and what shows a person in it."""

    image: Bytes
    light: Light
    things: tuple[Thing, ...]


def private_pictures(
    count: int, seed: int, size_px: tuple[int, int] = (1280, 720), roads: Sequence[Bytes] = ()
) -> Iterator[PrivatePicture]:
    """`count` pictures: every second on one of `roads` (pictures (H, W, 3) uint8 RGB) where there are any, else on made ones."""
    rng = np.random.default_rng(seed)
    for road, light in _roads(count, rng, seed, size_px, roads):
        scene, shining = road.copy(), np.zeros(road.shape[:2], np.uint8)
        sizes = [(_size(limits, rng), limits is PLATE_PX) for limits in (PLATE_PX, FACE_PX) * EACH]
        things: list[Thing] = []
        for size, is_plate in sorted(sizes, reverse=True):
            made = _put(scene, things, size, rng, plate=is_plate)
            if made is not None:
                things.append(made)
                if is_plate and _shines(light, made.who):
                    cv2.fillConvexPoly(shining, made.corners.round().astype(np.int32), 255)
        yield PrivatePicture(filmed(scene, light, shining, rng), light, tuple(things))


def _shines(light: Light, kind: str) -> bool:
    """Whether a plate is brighter than the dark around it: lit by headlights, or from behind its letters."""
    return light is Light.headlights or (light is Light.dark and KINDS[kind].lit)


def clean_pictures(
    count: int, seed: int, size_px: tuple[int, int] = (1280, 720), roads: Sequence[Bytes] = ()
) -> Iterator[tuple[Bytes, bool]]:
    """`count` pictures without any face or plate, and whether things like plates are in them: every second time two."""
    rng = np.random.default_rng(seed)
    for number, (road, light) in enumerate(_roads(count, rng, seed, size_px, roads)):
        scene, decoys = road.copy(), number % 4 > 1
        for _ in range(DECOYS * decoys):
            picture = decoy(rng)
            width_px = _size(PLATE_PX, rng)
            how, _ = turned(picture.shape, width_px / picture.shape[1], rng)
            lay(scene, picture, np.ones(picture.shape[:2], np.float32), moved(how, picture.shape, scene, rng))
        yield filmed(scene, light, np.zeros(road.shape[:2], np.uint8), rng), decoys


def _roads(
    count: int, rng: np.random.Generator, seed: int, size_px: tuple[int, int], given: Sequence[Bytes]
) -> Iterator[tuple[Bytes, Light]]:
    """Roads, given and made ones by turns, each in a light: day half the time."""
    made = [one.image for one in labelled_frames(min(ROADS, -(-count // (2 if given else 1))), seed, size_px)]
    for number in range(count):
        of = given if given and number % 2 else made
        road = of[(number // 2 if given else number) % len(of)]
        scale = size_px[0] / road.shape[1]
        if scale != 1:
            road = np.asarray(
                cv2.resize(road, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC), np.uint8
            )
        lights = list(Light)
        light = Light.day if rng.random() < 0.4 else lights[int(rng.integers(1, len(lights)))]
        yield (road[:, ::-1] if rng.random() < 0.5 else road), light  # fmt: skip


def _size(limits: tuple[float, float], rng: np.random.Generator) -> float:
    least, most = limits
    return math.exp(rng.uniform(math.log(least), math.log(most)))


def _put(
    scene: Bytes, others: list[Thing], size_px: float, rng: np.random.Generator, *, plate: bool
) -> Thing | None:
    """Draw a face or a vehicle with its plate where there is room; None where none was found."""
    picture, cover, box, who, worn = _vehicle(rng) if plate else _head(rng)
    how, yaw = turned(picture.shape, size_px / (box[2] - box[0] if plate else box[3] - box[1]), rng)
    height, width = scene.shape[:2]
    for _ in range(40):
        move = moved(how, picture.shape, scene, rng)
        whole, corners = (through(move, part) for part in (np.array([0, 0, *picture.shape[1::-1]]), box))
        inside = (corners.min(0) >= 1).all() and (corners.max(0) < [width - 1, height - 1]).all()
        if inside and not any(_touch(whole, other.corners) for other in others):
            lay(scene, picture, cover, move)
            return Thing(corners, plate, size_px, yaw, who, worn)
    return None


def _touch(one: Floats, other: Floats) -> bool:
    """Whether the boxes around them overlap, a little room counted in."""
    room = 0.2 * (other.max(0) - other.min(0))
    return bool((one.max(0) > other.min(0) - room).all() and (other.max(0) + room > one.min(0)).all())


def _vehicle(rng: np.random.Generator) -> tuple[Bytes, NDArray[np.float32], Floats, str, bool]:
    picture, box, kind = vehicle(rng)
    return picture, np.ones(picture.shape[:2], np.float32), box, kind, False


def _head(rng: np.random.Generator) -> tuple[Bytes, NDArray[np.float32], Floats, str, bool]:
    """A person's head and shoulders, mirrored half the time, with a mask on the mouth a quarter of the time."""
    name = str(rng.choice(sorted(FACES)))
    picture, cover = _portrait(name)
    height, width = picture.shape[:2]
    x1, y1, x2, y2 = box = np.array(FACES[name]) * [width, height, width, height]
    worn = bool(rng.random() < 0.25)
    if worn:
        picture = picture.copy()
        white = rng.uniform(200, 250)
        middle, half = ((x1 + x2) / 2, y1 + 0.78 * (y2 - y1)), (0.4 * (x2 - x1), 0.22 * (y2 - y1))
        cv2.ellipse(picture, (middle, (2 * half[0], 2 * half[1]), 0), (white, white, white), -1)
    if rng.random() < 0.5:
        picture, cover = np.ascontiguousarray(picture[:, ::-1]), np.ascontiguousarray(cover[:, ::-1])
        box = np.array([width - x2, y1, width - x1, y2])
    return picture, cover, box, name, worn


@cache
def _portrait(name: str) -> tuple[Bytes, NDArray[np.float32]]:
    """A portrait and where the person is in it, from 0 to 1: cut out of what is behind (GrabCut, Rother et al. 2004)."""
    picture = np.asarray(Image.open(PORTRAITS / f"{name}.jpg").convert("RGB"))
    height, width = picture.shape[:2]
    x1, y1, x2, y2 = (np.array(FACES[name]) * [width, height, width, height]).round().astype(int)
    guess = np.full((height, width), cv2.GC_PR_BGD, np.uint8)
    guess[y1 : y2 + height // 20, x1:x2] = cv2.GC_PR_FGD
    guess[y2:, width // 5 : -width // 5] = cv2.GC_PR_FGD
    cv2.ellipse(
        guess, ((x1 + x2) // 2, (y1 + y2) // 2), ((x2 - x1) // 2, (y2 - y1) // 2), 0, 0, 360, cv2.GC_FGD, -1
    )
    guess[: height // 3, : width // 20] = guess[: height // 3, -width // 20 :] = cv2.GC_BGD
    cv2.setRNGSeed(1)
    rough = (
        np.random.default_rng(1).normal(picture, 3).clip(0, 255).astype(np.uint8)
    )  # one flat colour has no spread
    behind, person = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(rough, guess, (0, 0, 1, 1), behind, person, 4, cv2.GC_INIT_WITH_MASK)
    there = np.isin(guess, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)
    return picture, np.asarray(cv2.GaussianBlur(there, (0, 0), 1.5), np.float32)  # fmt: skip
