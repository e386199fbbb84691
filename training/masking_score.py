"""How well masking works: what it misses by size, turn and light, what it covers in vain, and how long it takes.

    python -m training.masking_score --pictures 120 --seed 1 --roads road-damage/images --out detector/weights/masking.json

A face or plate counts as masked where nearly all of it is covered (`COVERED`). The pictures are made
(`datasets.private_pictures`), half of them on the held-out ones among the pictures of `--roads`, which are labelled too
(YOLO txt, in `labels/` beside).
"""

from __future__ import annotations

import argparse
import platform
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.private_pictures import PrivatePicture, clean_pictures, private_pictures
from detector.masking import Masker
from detector.private import distinct
from training.default_model import HELD_OUT
from training.masking_report import DamagesCovered, InVain, MaskingReport, networks, settings
from training.masking_shares import COVERED, FROM_PX, SIZES_PX, Seen, covered, recalls
from training.reliability import labelled

Bytes = NDArray[np.uint8]
Moved = Callable[[int], None]

ROADS = 40
"""So many real pictures are used as roads."""


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


def in_vain(masker: Masker, pictures: Iterable[tuple[Bytes, bool]], moved: Moved) -> tuple[InVain, ...]:
    """Masks where there is nothing to mask, one a place, without and with things that are like plates."""
    masks = {(kind, decoys): 0 for kind in SIZES_PX for decoys in (False, True)}
    looked = {False: 0, True: 0}
    for number, (picture, decoys) in enumerate(pictures, 1):
        found = masker.find(picture)
        looked[decoys] += 1
        for kind in SIZES_PX:
            mine = found.of(kind)
            masks[kind, decoys] += len(distinct(mine.xyxy, mine.score))
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
