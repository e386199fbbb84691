"""GPS fixes as parallel columns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

Row = dict[str, float]
"""One fix on its way into `Fixes`: its columns' names and values, those it has."""

DEFAULT_ACCURACY_M = 4.0
"""Standard error of one axis of a consumer receiver in a street, where the log says nothing."""
WORST_ACCURACY_M = 1000.0
"""An accuracy beyond this, or of nothing, is no accuracy."""
METRES_PER_DOP = 2.5
"""Standard error of one axis for HDOP 1 (user equivalent range error of a single-frequency set)."""


COLUMNS = ("lon", "lat", "utc_s", "time_s", "accuracy_m", "speed_mps", "heading_deg", "kind")


class FixKind(IntEnum):
    """What a receiver had to go by."""

    none = 0
    flat = 2
    """Three satellites: the height is assumed (2D)."""
    full = 3
    """Four satellites and more (3D)."""
    differential = 4
    """Corrected by a reference station or satellite (DGPS, SBAS)."""
    rtk = 5
    """Corrected by carrier phase, to centimetres or decimetres."""


@dataclass(frozen=True)
class Fixes:
    """Fixes in order of time, (n,) each; NaN where a log does not say.

    `time_s` counts from the footage's first frame and is NaN until the clocks are tied; `utc_s` is
    POSIX time; lon and lat are EPSG:4326; `accuracy_m` is the standard error of one axis;
    `heading_deg` is clockwise from true north; `kind` is one of `FixKind`.
    """

    lon: Floats
    lat: Floats
    utc_s: Floats
    time_s: Floats
    accuracy_m: Floats
    speed_mps: Floats
    heading_deg: Floats
    kind: Floats
    reader: str
    clock: str = ""
    """How media time and the log's clock were tied, one of `detector.telemetry.clock.Tie`."""
    clock_shift_s: float = 0.0
    """What the footage's own clock was found to be ahead of the log's."""
    clock_residual_s: float = np.nan
    """Median distance of the fixes' own clock from that tie, or the standard error of the tie."""
    clock_checked: bool = False
    """Whether the picture's motion agrees with it."""

    def __post_init__(self) -> None:
        for name in COLUMNS:
            if getattr(self, name).shape != self.lon.shape:
                raise ValueError(
                    f"columns of fixes differ: {name} {getattr(self, name).shape}, lon {self.lon.shape}"
                )

    def __len__(self) -> int:
        return len(self.lon)

    def chosen(self, which: NDArray[np.bool_] | NDArray[np.intp]) -> Fixes:
        """The fixes that an index or a mask picks."""
        return replace(self, **{name: getattr(self, name)[which] for name in COLUMNS})


def joined(parts: list[Fixes]) -> Fixes:
    """Fixes of several logs as one, in order of media time; how they were tied is the first's."""
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts]) for name in COLUMNS
    }
    both = replace(parts[0], **columns)
    return both.chosen(np.argsort(both.time_s, kind="stable"))


def fixes_from_rows(rows: list[Row], reader: str) -> Fixes:
    """Fixes from one dict a fix; missing keys become NaN (accuracy: the default).

    Positions no receiver gives (0/0, off the globe, not a number) are left out.
    """
    rows = usable(rows)

    def column(name: str, default: float = np.nan) -> Floats:
        return np.array([row.get(name, default) for row in rows], float)

    accuracy = column("accuracy_m")
    return Fixes(
        lon=column("lon"),
        lat=column("lat"),
        utc_s=column("utc_s"),
        time_s=column("time_s"),
        accuracy_m=np.where((accuracy > 0) & (accuracy < WORST_ACCURACY_M), accuracy, DEFAULT_ACCURACY_M),
        speed_mps=column("speed_mps"),
        heading_deg=column("heading_deg"),
        kind=column("kind"),
        reader=reader,
    )


def usable(rows: list[Row]) -> list[Row]:
    """The rows whose position is one on the globe, and not the 0/0 of a receiver without a fix."""
    return [
        row
        for row in rows
        if abs(row.get("lat", np.nan)) <= 90
        and abs(row.get("lon", np.nan)) <= 180
        and (row["lat"] != 0 or row["lon"] != 0)
    ]
