"""How well masking works: what it misses by size, and what it covers in vain, on pictures of known content.

A face or plate counts as masked where nearly all of its box is covered (`COVERED`). Intervals are Wilson's, 95 % ("Probable
inference", 1927). The pictures are made (`datasets.private_pictures`): they tell sizes, turns, light and compression, and
not how people and cars look everywhere.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from datasets.private_pictures import PrivatePicture
from detector.errors import N_, Translate
from detector.masking import Masker
from detector.private import Kind, distinct

COVERED = 0.8
SIZES_PX = {
    Kind.face: (6, 8, 10, 13, 16, 24, 32, 64, 161),
    Kind.plate: (10, 13, 16, 20, 25, 32, 48, 80, 261),
}
"""Limits of the classes of size: a face's height, a plate's width."""
PROMISED = 0.9
"""The smallest size is told from which on, in each class, at least this share is masked, as far as the interval goes."""


@dataclass(frozen=True)
class Recall:
    """Of `count` things of a kind from `from_px` to below `to_px`, `masked` were; `low` and `high` bound the share."""

    kind: str
    from_px: int
    to_px: int
    count: int
    masked: int
    low: float
    high: float

    @property
    def share(self) -> float:
        return self.masked / self.count


@dataclass(frozen=True)
class MaskingScore:
    """What came of `pictures` pictures: recalls by size, masks in vain a clean picture by kind, seconds a picture."""

    pictures: int
    size_px: tuple[int, int]
    recalls: tuple[Recall, ...]
    in_vain: dict[str, float]
    seconds: float

    def promised_px(self, kind: Kind) -> int | None:
        """The size from which on enough is masked, by the intervals' lower ends; None where none is."""
        least: int | None = None
        for one in reversed([one for one in self.recalls if one.kind == kind]):
            if one.low < PROMISED:
                break
            least = one.from_px
        return least

    def as_json(self) -> str:
        return json.dumps(asdict(self), indent=1) + "\n"

    def as_text(self, translate: Translate = str) -> str:
        """A table, in the language of `translate`."""
        _ = translate
        lines = [_(N_("{count} pictures of {width} x {height} px, {seconds:.2f} s each")).format(
            count=self.pictures, width=self.size_px[0], height=self.size_px[1], seconds=self.seconds,
        )]  # fmt: skip
        for kind in Kind:
            lines += ["", _(kind)]
            lines += [
                f"{one.from_px:>5}–{one.to_px - 1:<4} px  {one.share:6.1%}  [{one.low:.1%}, {one.high:.1%}]  n = {one.count}"
                for one in self.recalls
                if one.kind == kind
            ]
            lines.append(_(N_("masked in vain, a picture: {count:.2f}")).format(count=self.in_vain[kind]))
            promised = self.promised_px(kind)
            lines.append(
                _(N_("nothing is promised at any size"))
                if promised is None
                else _(N_("nothing is promised below {size} px")).format(size=promised)
            )
        return "\n".join(lines) + "\n"


def score(
    masker: Masker,
    pictures: Iterable[PrivatePicture],
    moved: Callable[[int], None] = lambda done: None,
) -> MaskingScore:
    """Mask pictures and see what stayed visible. Raises ValueError for none at all."""
    sizes: list[float] = []
    plates: list[bool] = []
    masked: list[bool] = []
    vain, seconds, count, size_px = dict.fromkeys(Kind, 0), 0.0, 0, (0, 0)
    for count, one in enumerate(pictures, 1):
        began = time.perf_counter()
        made = masker.masked(one.image)
        seconds += time.perf_counter() - began
        sizes += one.size_px.tolist()
        plates += one.plate.tolist()
        masked += [made.share_of(box) >= COVERED for box in one.xyxy]
        found = masker.find(one.clean)
        for kind in Kind:
            wanted = np.array([which == kind for which in found.kind], bool)
            vain[kind] += len(distinct(found.xyxy[wanted], found.score[wanted]))
        size_px = one.image.shape[1::-1]
        moved(count)
    if not count:
        raise ValueError("no pictures")
    recalls = _recalls(np.array(sizes), np.array(plates, bool), np.array(masked, bool))
    return MaskingScore(
        count, size_px, recalls, {str(kind): found / count for kind, found in vain.items()}, seconds / count
    )


def _recalls(
    size_px: NDArray[np.float64], plate: NDArray[np.bool_], masked: NDArray[np.bool_]
) -> tuple[Recall, ...]:
    made = []
    for kind, limits in SIZES_PX.items():
        for low, high in pairwise(limits):
            here = (plate == (kind is Kind.plate)) & (size_px >= low) & (size_px < high)
            if count := int(here.sum()):
                hits = int(masked[here].sum())
                interval = binomtest(hits, count).proportion_ci(method="wilson")
                made.append(
                    Recall(str(kind), low, high, count, hits, float(interval.low), float(interval.high))
                )
    return tuple(made)
