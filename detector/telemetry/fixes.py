"""GPS fixes as parallel columns."""

from __future__ import annotations

from dataclasses import dataclass, replace

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


@dataclass(frozen=True)
class Fixes:
    """Fixes in order of time, (n,) each; NaN where a log does not say.

    `time_s` counts from the footage's first frame and is NaN until the clocks are tied; `utc_s` is
    POSIX time; lon and lat are EPSG:4326; `accuracy_m` is the standard error of one axis;
    `heading_deg` is clockwise from true north.
    """

    lon: Floats
    lat: Floats
    utc_s: Floats
    time_s: Floats
    accuracy_m: Floats
    speed_mps: Floats
    heading_deg: Floats
    reader: str
    clock: str = ""
    """How media time and the log's clock were tied, in words."""
    clock_residual_s: float = np.nan
    """Median distance of the fixes' own clock from that tie."""

    def __post_init__(self) -> None:
        columns = (self.lat, self.utc_s, self.time_s, self.accuracy_m, self.speed_mps, self.heading_deg)
        for column in columns:
            if column.shape != self.lon.shape:
                raise ValueError(f"columns of fixes differ: {column.shape} and {self.lon.shape}")

    def __len__(self) -> int:
        return len(self.lon)

    def chosen(self, which: NDArray[np.bool_] | NDArray[np.intp]) -> Fixes:
        """The fixes that an index or a mask picks."""
        return replace(
            self,
            lon=self.lon[which],
            lat=self.lat[which],
            utc_s=self.utc_s[which],
            time_s=self.time_s[which],
            accuracy_m=self.accuracy_m[which],
            speed_mps=self.speed_mps[which],
            heading_deg=self.heading_deg[which],
        )


def joined(parts: list[Fixes]) -> Fixes:
    """Fixes of several logs as one, in order of media time; how they were tied is the first's."""
    both = replace(
        parts[0],
        lon=np.concatenate([part.lon for part in parts]),
        lat=np.concatenate([part.lat for part in parts]),
        utc_s=np.concatenate([part.utc_s for part in parts]),
        time_s=np.concatenate([part.time_s for part in parts]),
        accuracy_m=np.concatenate([part.accuracy_m for part in parts]),
        speed_mps=np.concatenate([part.speed_mps for part in parts]),
        heading_deg=np.concatenate([part.heading_deg for part in parts]),
    )
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
