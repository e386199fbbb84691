"""What is known of how well masking works: the report that comes with the networks, and belongs to them alone.

It says of each size how many faces and plates were covered, with 95 % intervals, and from which size on that is promised. Sizes are in a picture 1280 px wide. `training.masking_score` makes it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from detector import masking, private
from detector.errors import N_, ModelError
from detector.private import Kind

REPORT = private.WEIGHTS / "masking.json"
PROMISED = 0.9
"""A size is promised where, from it on, in each class at least this share is masked, as far as the interval goes."""
SIZE, YAW, LIGHT, WHO, WORN = "size", "yaw", "light", "who", "worn"
REAL_MM = {Kind.face: 230, Kind.plate: 330}
"""The height of a face from hair to chin, about, and the width of a car's plate."""


@dataclass(frozen=True)
class Recall:
    """Of `count` things of a kind in the class `name` of `by`, `masked` were; `low` and `high` bound the share.

    `begin` and `end` are the limits of classes of size (px) and of yaw (degrees), `end` not counted in.
    """

    kind: str
    by: str
    name: str
    begin: int
    end: int
    count: int
    masked: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """What was masked, from 0 to 1."""
        return self.masked / self.count


@dataclass(frozen=True)
class InVain:
    """Masks of a kind where there is nothing to mask, in so many pictures; `decoys`: with signs and boards in them."""

    kind: str
    decoys: bool
    pictures: int
    masks: int

    @property
    def each(self) -> float:
        """Masks a picture."""
        return self.masks / self.pictures


@dataclass(frozen=True)
class DamagesCovered:
    """Labelled damages of real pictures: `touched` by any mask, and the `share` of their boxes' area that is covered."""

    pictures: int
    damages: int
    touched: int
    share: float


@dataclass(frozen=True)
class MaskingReport:
    """A measuring: its day, the files and settings it was made with, its pictures, and what came of them."""

    day: str
    networks: dict[str, str]
    settings: dict[str, Any]
    pictures: int
    real_roads: int
    seed: int
    size_px: tuple[int, int]
    from_px: dict[str, int]
    """Sizes from which on things are compared by all but size."""
    recalls: tuple[Recall, ...]
    in_vain: tuple[InVain, ...]
    damages: DamagesCovered | None
    cpu_seconds: float
    processor: str

    def by(self, kind: str, what: str) -> list[Recall]:
        """The classes of a kind by size, yaw, light, or who they are of."""
        return [one for one in self.recalls if one.kind == kind and one.by == what]

    def promised_px(self, kind: str) -> int | None:
        """The size from which on enough is masked, by the intervals' lower ends; None where none is."""
        least: int | None = None
        for one in reversed(self.by(kind, SIZE)):
            if one.low < PROMISED:
                break
            least = one.begin
        return least

    @property
    def belongs(self) -> bool:
        """Whether it was made with the networks and settings of today."""
        return self.networks == networks() and self.settings == settings()

    def as_json(self) -> str:
        return json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"


def networks() -> dict[str, str]:
    """The networks' files, and the SHA-256 of their content."""
    return {one.file: one.sha256 for one in private.NETWORKS.values()}


def settings() -> dict[str, Any]:
    """What decides, beside the networks, what is masked; as JSON has it."""
    told = {
        "work_px": masking.WORK_PX,
        "most_px": masking.MOST_PX,
        "sizes": masking.SIZES,
        "least": masking.LEAST,
        "grow": masking.GROW,
    }
    return dict(json.loads(json.dumps(told)))


def read_report(path: Path | None = None) -> MaskingReport:
    """A report, by default the one that is kept with the networks. Raises ModelError where it is missing or none."""
    path = path or REPORT
    try:
        return _report(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ModelError(
            N_("The report on masking, {path}, can't be read ({reason}). Install the program again."),
            path=path,
            reason=getattr(error, "strerror", None) or type(error).__name__,
        ) from error


def _report(told: Mapping[str, Any]) -> MaskingReport:
    parts = dict(told)
    parts["size_px"] = tuple(told["size_px"])
    parts["recalls"] = tuple(Recall(**one) for one in told["recalls"])
    parts["in_vain"] = tuple(InVain(**one) for one in told["in_vain"])
    parts["damages"] = DamagesCovered(**told["damages"]) if told["damages"] else None
    return MaskingReport(**parts)


def seen_px(size_mm: float, distance_m: float, hfov_deg: float, width_px: int) -> float:
    """How many px something across the view has at a distance, in the middle of a picture through a plain lens."""
    focal_px = width_px / 2 / math.tan(math.radians(hfov_deg) / 2)
    return size_mm / 1000 * focal_px / distance_m


def farthest_m(size_mm: float, least_px: float, hfov_deg: float, width_px: int) -> float:
    """Up to which distance something has that many px; the other way round of `seen_px`."""
    return seen_px(size_mm, 1.0, hfov_deg, width_px) / least_px
