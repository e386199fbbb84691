"""Ties a log's clock to the footage's: gives each fix its time since the first frame."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from pyproj import Geod

from detector.errors import N_, TelemetryError
from detector.picture_clock import LEAST_SPREAD_MPS, Motion, agreement
from detector.telemetry.fixes import Fixes

Floats = NDArray[np.float64]


class Tie(StrEnum):
    """How media time and a log's clock were tied."""

    fix = N_("each fix has its media time")
    counted = N_("the log counts from the first frame")
    records = N_("the median of UTC over the clip's records, one a second")
    even = N_("the records carry no time: spread evenly over the clip")
    container = N_("the container's start time")
    zone = N_("the container's start time, set to another zone or day")
    picture = N_("the picture's motion against the log's speed")
    together = N_("taken to begin together")


APART = N_(
    "The GPS log does not overlap the video in time: the log runs from {log_start} to"
    " {log_end}, the video from {video_start} to {video_end} (UTC). Give the log of this"
    " trip, or correct a wrong clock with --gps-offset."
)
LONG_LOG = N_(
    "The GPS log covers {log} s and the video {video} s, and the video does not say"
    " when it began. Give --gps-offset: minus the seconds from the log's first fix"
    " to the video's first frame."
)
"""Both errors tell `apart_s` too: the offset with which log and video begin together."""
LEAST_OFFSET_S = 0.01
LARGEST_SLIP_S, LEAST_SLIP_S = 90.0, 0.5
"""How far off a container's start time is looked for in the picture, and what is put down to rounding."""
LONGEST_LOOK_S = 300.0
"""So much of the footage is looked at for its motion."""
FASTEST_MPS = 70.0
WGS84 = Geod(ellps="WGS84")
SLACK_S = 60.0
"""A log this much longer than its video is still taken to begin with it."""
DATELESS_S = 20 * 86_400
"""Times before this are seconds of a day that nobody named."""


@dataclass(frozen=True)
class Hints:
    """What a person knows of a drive's log: seconds to add to its times, the local zone, its columns."""

    gps_offset_s: float = 0.0
    local_offset_s: float = 9 * 3600
    """What the municipality's clocks are ahead of UTC; Japan's by default."""
    columns: Mapping[str, str] | None = None
    """Headings of a table's columns, by our names for them."""


def tie_clocks(
    fixes: Fixes,
    start_utc_s: float | None,
    duration_s: float,
    hints: Hints | None = None,
    motion: Callable[[float, float], Motion] | None = None,
) -> Fixes:
    """The fixes with `time_s`, and how that was found in `clock`.

    In order: a log that counts from the first frame itself; the UTC the video's container states
    for its first frame; the same for a camera set to local time, to a neighbouring day, or to
    another zone where only one fits; else the log is taken to begin with the video, if their
    lengths allow that. `motion` gives the picture's motion between two times of the footage: where
    it fits the log's speed at one offset clearly better than at any other, that offset is taken
    instead. An offset that a person gave (`hints`) is not questioned.
    Raises TelemetryError where the log and the video can't belong together.
    """
    hints = hints or Hints()
    offset_s = hints.gps_offset_s
    if np.isfinite(fixes.time_s).all():
        return replace(fixes, time_s=fixes.time_s + offset_s, clock=Tie.counted)
    fixes = fixes.chosen(np.isfinite(fixes.utc_s))
    fixes = fixes.chosen(np.argsort(fixes.utc_s, kind="stable"))
    if not len(fixes):
        raise TelemetryError(N_("The GPS log holds no usable fix with a time."))
    if start_utc_s is not None:
        fixes = _dated(fixes, start_utc_s)
    try:
        if start_utc_s is None:
            tied = _begin_together(fixes, duration_s, offset_s)
        else:
            tied = _by_container(fixes, start_utc_s, duration_s, hints)
    except TelemetryError:
        seen = None if offset_s or motion is None else by_picture(fixes, None, duration_s, motion)
        if seen is None:
            raise
        if start_utc_s is None:
            return seen
        return replace(seen, clock_shift_s=start_utc_s - float(np.median(fixes.utc_s - seen.time_s)))
    if offset_s or motion is None:
        return tied
    slip_s = None if start_utc_s is None else LARGEST_SLIP_S
    return by_picture(tied, slip_s, duration_s, motion) or tied


def by_picture(
    fixes: Fixes, slip_s: float | None, duration_s: float, motion: Callable[[float, float], Motion]
) -> Fixes | None:
    """The fixes tied by the picture's motion; None where that tells nothing, or nothing new.

    Looked for within `slip_s` of their present tie; with None, wherever half of the video lies
    within the log. A drift of the clocks is taken out where begin and end of a long video show it.
    """
    clock_s, speed_mps = log_speeds(fixes)
    zero_s = float(np.median(fixes.utc_s - fixes.time_s)) if np.isfinite(fixes.time_s).all() else 0.0
    clock_s = clock_s + fixes.utc_s[0]
    half_s = duration_s / 2
    least_s, most_s = (
        (float(clock_s[0]) - half_s, float(clock_s[-1]) - half_s)
        if slip_s is None
        else (zero_s - slip_s, zero_s + slip_s)
    )
    if np.std(speed_mps) < LEAST_SPREAD_MPS:
        return None
    log_s = clock_s - clock_s[0]
    look_s = min(duration_s, LONGEST_LOOK_S)
    found = agreement(motion(0.0, look_s), log_s, speed_mps, least_s - clock_s[0], most_s - clock_s[0])
    if found is None:
        return None
    new_zero_s, drift = found.zero_s + float(clock_s[0]), 0.0
    if duration_s > 2 * LONGEST_LOOK_S:
        end = motion(duration_s - look_s, duration_s)
        late = agreement(end, log_s, speed_mps, found.zero_s - LARGEST_SLIP_S, found.zero_s + LARGEST_SLIP_S)
        if late and abs(late.zero_s - found.zero_s) > max(
            LEAST_SLIP_S, 3 * math.hypot(late.sd_s, found.sd_s)
        ):
            drift = (late.zero_s - found.zero_s) / (duration_s - look_s)
    shift_s = zero_s - new_zero_s
    if slip_s is not None and not drift and abs(shift_s) < max(LEAST_SLIP_S, 3 * found.sd_s):
        return replace(fixes, clock_residual_s=found.sd_s, clock_checked=True)
    return replace(
        fixes,
        time_s=(fixes.utc_s - new_zero_s + drift * look_s / 2) / (1 + drift),
        utc_s=fixes.utc_s if fixes.utc_s[-1] > DATELESS_S else np.full(len(fixes), np.nan),
        clock=Tie.picture,
        clock_shift_s=shift_s if slip_s is not None else 0.0,
        clock_residual_s=found.sd_s,
        clock_checked=True,
    )


def log_speeds(fixes: Fixes) -> tuple[Floats, Floats]:
    """Seconds since the first fix, and speed in m/s then: the log's own, else from its positions."""
    clock_s = fixes.utc_s - fixes.utc_s[0]
    keep = np.concatenate([[True], np.diff(clock_s) > 1e-3])
    clock_s, speed, lon, lat = clock_s[keep], fixes.speed_mps[keep], fixes.lon[keep], fixes.lat[keep]
    if len(clock_s) < 2 or np.isfinite(speed).mean() > 0.9:
        return clock_s, np.nan_to_num(speed)
    _, _, way_m = WGS84.inv(lon[:-1], lat[:-1], lon[1:], lat[1:])
    speed = np.asarray(way_m) / np.diff(clock_s)
    return (clock_s[1:] + clock_s[:-1]) / 2, np.minimum(speed, FASTEST_MPS)


def _by_container(fixes: Fixes, start_utc_s: float, duration_s: float, hints: Hints) -> Fixes:
    zero_s = start_utc_s - hints.gps_offset_s
    hours = _zone_hours(fixes, zero_s, duration_s, hints.local_offset_s / 3600)
    if hours is None:
        raise TelemetryError(
            APART,
            apart_s=round(start_utc_s - float(fixes.utc_s[0]), 2),
            log_start=_text(float(fixes.utc_s[0])),
            log_end=_text(float(fixes.utc_s[-1])),
            video_start=_text(start_utc_s),
            video_end=_text(start_utc_s + duration_s),
        )
    return replace(
        fixes,
        time_s=fixes.utc_s - (zero_s - hours * 3600),
        clock=Tie.zone if hours else Tie.container,
        clock_shift_s=hours * 3600,
    )


def _begin_together(fixes: Fixes, duration_s: float, offset_s: float) -> Fixes:
    first_s, last_s = float(fixes.utc_s[0]), float(fixes.utc_s[-1])
    if last_s - first_s > 1.5 * duration_s + SLACK_S and not offset_s:
        raise TelemetryError(
            LONG_LOG,
            apart_s=LEAST_OFFSET_S,
            log=round(last_s - first_s),
            video=round(duration_s),
        )
    utc_s = fixes.utc_s if first_s > DATELESS_S else np.full(len(fixes), np.nan)
    return replace(fixes, time_s=fixes.utc_s - first_s + offset_s, utc_s=utc_s, clock=Tie.together)


def _dated(fixes: Fixes, start_utc_s: float) -> Fixes:
    """Times of day get the day that brings them nearest to the video's start."""
    if fixes.utc_s[-1] > DATELESS_S:
        return fixes
    days = round((start_utc_s - float(fixes.utc_s[0])) / 86_400)
    return replace(fixes, utc_s=fixes.utc_s + days * 86_400)


def _zone_hours(fixes: Fixes, zero_s: float, duration_s: float, local_h: float) -> float | None:
    """Hours the video's clock is ahead of UTC: none, the municipality's, or the only one that fits.

    A clock set to a neighbouring day is ahead or behind by 24.
    """
    first_s, last_s = float(fixes.utc_s[0]), float(fixes.utc_s[-1])

    def fits(hours: float) -> bool:
        begin_s = zero_s - hours * 3600
        common_s = min(last_s, begin_s + duration_s) - max(first_s, begin_s)
        return common_s > 0 and common_s >= 0.5 * min(duration_s, last_s - first_s)

    for hours in (0.0, local_h):
        if fits(hours):
            return hours
    others = [
        float(hours) for hours in (*range(-12, 15), -24 + local_h, -24, 24, 24 + local_h) if fits(hours)
    ]
    return others[0] if len(others) == 1 else None


def _text(utc_s: float) -> str:
    if not math.isfinite(utc_s):
        return "-"
    return datetime.fromtimestamp(utc_s, UTC).strftime("%Y-%m-%d %H:%M:%S")
