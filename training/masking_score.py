"""How well masking works: what it misses by size, turn and light, what it covers in vain, and how long it takes.

    python -m training.masking_score --pictures 120 --seed 1 --roads road-damage/images --out detector/weights/masking.json

A face or plate counts as masked where nearly all of it is covered (`COVERED`). The pictures are made
(`datasets.private_pictures`), half of them on the held-out ones among the pictures of `--roads`, which are labelled too
(YOLO txt, in `labels/` beside).
"""

from __future__ import annotations

import argparse
import math
import platform
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.private_pictures import PrivatePicture, Thing, clean_pictures, private_pictures
from detector.errors import N_
from detector.masking import Masked, Masker
from detector.private import Kind, distinct
from training.default_model import HELD_OUT
from training.masking_report import (
    LIGHT,
    SIZE,
    WHO,
    WORN,
    YAW,
    DamagesCovered,
    InVain,
    MaskingReport,
    Recall,
    networks,
    settings,
)
from training.reliability import labelled

Bytes = NDArray[np.uint8]
Moved = Callable[[int], None]

COVERED = 0.8
Z = 1.96
SIZES_PX = {
    Kind.face: (8, 12, 16, 24, 32, 48, 72, 141),
    Kind.plate: (10, 13, 16, 20, 25, 32, 48, 80, 231),
}
"""Limits of the classes of size: a face's height, a plate's width seen squarely."""
FROM_PX = {Kind.face: 24, Kind.plate: 25}
"""Of things from this size on, what misses are due to besides size is looked at."""
YAWS_DEG = (0, 20, 40, 61)
ROADS = 40
"""So many real pictures are used as roads."""


@dataclass(frozen=True)
class Seen:
    """A thing, the number of its picture, the light it was in, and whether it was masked."""

    thing: Thing
    picture: int
    light: str
    masked: bool


def seen(masker: Masker, pictures: Iterable[PrivatePicture]) -> Iterator[tuple[list[Seen], float]]:
    """What became of the things of each picture, and the seconds of the processor that masking took."""
    for number, one in enumerate(pictures):
        began = time.process_time()
        made = masker.masked(one.image)
        took = time.process_time() - began
        yield (
            [Seen(thing, number, str(one.light), covered(made, thing) >= COVERED) for thing in one.things],
            took,
        )


def covered(made: Masked, thing: Thing) -> float:
    """How much of a thing's own shape, not of the box around it, is covered, from 0 to 1."""
    left, top, right, bottom = (int(side) for side in np.concatenate([thing.xyxy[:2], thing.xyxy[2:] + 1]))
    y, x = np.mgrid[top:bottom, left:right] + 0.5
    inside = np.ones(x.shape, bool)
    for (ax, ay), (bx, by) in zip(thing.corners, np.roll(thing.corners, -1, 0), strict=True):
        inside &= (bx - ax) * (y - ay) >= (by - ay) * (x - ax)
    hidden = np.zeros(x.shape, bool)
    for x1, y1, x2, y2 in made.xyxy.tolist():
        hidden |= (x > x1) & (x < x2) & (y > y1) & (y < y2)
    return float(hidden[inside].mean())


def recalls(all_seen: list[Seen]) -> tuple[Recall, ...]:
    """Shares of what was masked, by size, and beyond `FROM_PX` by yaw, light, person or kind, and masks worn."""
    made: list[Recall] = []
    for kind in SIZES_PX:
        ours = [one for one in all_seen if one.thing.plate == (kind is Kind.plate)]
        large = [one for one in ours if one.thing.size_px >= FROM_PX[kind]]
        parts: list[tuple[str, str, int, int, list[Seen]]] = [
            (SIZE, f"{low}–{high - 1}", low, high, [one for one in ours if low <= one.thing.size_px < high])
            for low, high in pairwise(SIZES_PX[kind])
        ]
        parts += [
            (YAW, f"{low}–{high - high % 10}", low, high, [one for one in large if low <= one.thing.yaw_deg < high])
            for low, high in pairwise(YAWS_DEG)
        ]  # fmt: skip
        named: list[tuple[str, Callable[[Seen], str]]] = [
            (LIGHT, lambda one: one.light),
            (WHO, lambda one: one.thing.who),
        ]
        if kind is Kind.face:
            named.append((WORN, lambda one: N_("mask worn") if one.thing.worn else N_("no mask worn")))
        for what, name_of in named:
            for name in sorted({name_of(one) for one in large}):
                parts.append((what, name, 0, 0, [one for one in large if name_of(one) == name]))
        made += [_recall(str(kind), *part) for part in parts if part[-1]]
    return tuple(made)


def _recall(kind: str, what: str, name: str, begin: int, end: int, ones: list[Seen]) -> Recall:
    hits = sum(one.masked for one in ones)
    low, high = interval(
        np.array([one.picture for one in ones]), np.array([one.masked for one in ones], float)
    )
    return Recall(kind, what, name, begin, end, len(ones), hits, round(low, 4), round(high, 4))


def interval(picture: NDArray[np.int64], hit: NDArray[np.float64]) -> tuple[float, float]:
    """Wilson's 95 % interval of a share, by as many things as are worth it: those of one picture are alike.

    The number is divided by the design effect, the ratio estimator's variance over pictures to that of a simple sample
    (Cochran, "Sampling Techniques", 1977, 6.4), which is taken as 1 where it comes out smaller.
    """
    count, share = len(hit), float(hit.mean())
    _, of = np.unique(picture, return_inverse=True)
    groups = int(of.max()) + 1
    apart = np.bincount(of, hit - share)
    effect = 1.0
    if 0 < share < 1 and groups > 1:
        effect = max(1.0, float((apart**2).sum()) * groups / (groups - 1) / (count * share * (1 - share)))
    worth = Z**2 * effect / count
    middle = (share + worth / 2) / (1 + worth)
    half = math.sqrt(worth * share * (1 - share) + worth**2 / 4) / (1 + worth)
    return max(0.0, middle - half), min(1.0, middle + half)


def in_vain(masker: Masker, pictures: Iterable[tuple[Bytes, bool]], moved: Moved) -> tuple[InVain, ...]:
    """Masks where there is nothing to mask, one a place, without and with things that are like plates."""
    masks = {(kind, decoys): 0 for kind in SIZES_PX for decoys in (False, True)}
    looked = {False: 0, True: 0}
    for number, (picture, decoys) in enumerate(pictures, 1):
        found = masker.find(picture)
        looked[decoys] += 1
        for kind in SIZES_PX:
            wanted = np.array([which == kind for which in found.kind], bool)
            masks[kind, decoys] += len(distinct(found.xyxy[wanted], found.score[wanted]))
        moved(number)
    return tuple(
        InVain(str(kind), decoys, looked[decoys], count)
        for (kind, decoys), count in masks.items()
        if looked[decoys]
    )


def damages_covered(masker: Masker, paths: Iterable[Path], moved: Moved) -> DamagesCovered | None:
    """How much of the labelled damages of real pictures masks cover; None where there is no damage."""
    pictures, shares = 0, list[float]()
    for pictures, (path, boxes, _) in enumerate(map(labelled, paths), 1):
        if (image := _picture(path)) is not None:
            made = masker.masked(image)
            shares += [made.share_of(box) for box in boxes]
        moved(pictures)
    touched = sum(share > 0 for share in shares)
    return (
        DamagesCovered(pictures, len(shares), touched, round(float(np.mean(shares)), 5)) if shares else None
    )


def measured(
    masker: Masker, pictures: int, seed: int, real: list[Path], told: Callable[[str], None]
) -> MaskingReport:
    """The whole report: `pictures` with faces and plates, a third as many without, and half as many labelled ones of `real`.

    `told` is given each step's progress in English.
    """  # fmt: skip
    rng = np.random.default_rng(seed)
    chosen = [real[at] for at in rng.permutation(len(real))]
    roads = [picture for path in chosen[:ROADS] if (picture := _picture(path)) is not None]
    all_seen, busy, size_px = list[Seen](), 0.0, (1280, 720)
    for number, (ones, took) in enumerate(seen(masker, private_pictures(pictures, seed, size_px, roads)), 1):
        all_seen += ones
        busy += took
        told(f"masked {number} of {pictures} pictures")
    count = -(-pictures // 12) * 4
    vain = in_vain(
        masker,
        clean_pictures(count, seed + 1, size_px, roads),
        lambda done: told(f"looked at {done} of {count} pictures without any"),
    )
    damages = damages_covered(
        masker, chosen[: pictures // 2], lambda done: told(f"looked at {done} labelled pictures")
    )
    return MaskingReport(
        day=f"{datetime.now(UTC):%Y-%m-%d}",
        networks=networks(),
        settings=settings(),
        pictures=pictures,
        real_roads=len(roads),
        seed=seed,
        size_px=size_px,
        from_px={str(kind): size for kind, size in FROM_PX.items()},
        recalls=recalls(all_seen),
        in_vain=vain,
        damages=damages,
        cpu_seconds=round(busy / pictures, 2),
        processor=_processor(),
    )


def _picture(path: Path) -> Bytes | None:
    image = cv2.imread(str(path))
    return None if image is None else np.asarray(image[..., ::-1], np.uint8)


def _processor() -> str:
    """The processor's name, as Linux has it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def main() -> None:
    """Measure, and write the report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--roads", type=Path, help="pictures of roads; only held-out ones are used")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    real = sorted(options.roads.iterdir()) if options.roads else []
    real = [path for path in real if HELD_OUT.match(path.name)]
    if options.roads and not real:
        parser.error(f"{options.roads}: none of these pictures is held out")
    told = measured(
        Masker(), options.pictures, options.seed, real, lambda line: print(line, file=sys.stderr, flush=True)
    )
    options.out.write_text(told.as_json(), "utf-8")


if __name__ == "__main__":
    main()
