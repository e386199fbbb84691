"""Ties a log's clock to the footage's: gives each fix its time since the first frame."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from detector.errors import N_, TelemetryError
from detector.telemetry.fixes import Fixes

ASSUMED = "taken to begin together"
"""The clock of a log tied to a video that states no time."""
SHIFTED = "the container's start time, in another zone:"
"""The clock of a log tied to a video whose camera was set to some local time; its hours follow."""
SLACK_S = 60.0
"""A log this much longer than its video is still taken to begin with it."""
DATELESS_S = 20 * 86_400
"""Times before this are seconds of a day that nobody named."""


@dataclass(frozen=True)
class Hints:
    """What is known of a drive's clocks: seconds to add to every GPS time, and the local zone."""

    gps_offset_s: float = 0.0
    local_offset_s: float = 9 * 3600
    """What the municipality's clocks are ahead of UTC; Japan's by default."""


def tie_clocks(
    fixes: Fixes, start_utc_s: float | None, duration_s: float, hints: Hints | None = None
) -> Fixes:
    """The fixes with `time_s`, and how that was found in `clock`.

    In order: a log that counts from the first frame itself; the UTC the video's container states
    for its first frame; the same for a camera set to local time, or to another zone where only one
    fits; else the log is taken to begin with the video, if their lengths allow that.
    Raises TelemetryError where the log and the video can't belong together.
    """
    hints = hints or Hints()
    offset_s = hints.gps_offset_s
    if np.isfinite(fixes.time_s).all():
        return replace(fixes, time_s=fixes.time_s + offset_s, clock="the log counts from the first frame")
    fixes = fixes.chosen(np.isfinite(fixes.utc_s))
    fixes = fixes.chosen(np.argsort(fixes.utc_s, kind="stable"))
    if not len(fixes):
        raise TelemetryError(N_("The GPS log holds no usable fix with a time."))
    if start_utc_s is None:
        return _begin_together(fixes, duration_s, offset_s)
    fixes = _dated(fixes, start_utc_s)
    hours = _zone_hours(fixes, start_utc_s - offset_s, duration_s, hints.local_offset_s / 3600)
    if hours is None:
        raise TelemetryError(
            N_(
                "The GPS log does not overlap the video in time: the log runs from {log_start} to"
                " {log_end}, the video from {video_start} to {video_end} (UTC). Give the log of this"
                " trip, or correct a wrong clock with --gps-offset."
            ),
            log_start=_text(float(fixes.utc_s[0])),
            log_end=_text(float(fixes.utc_s[-1])),
            video_start=_text(start_utc_s),
            video_end=_text(start_utc_s + duration_s),
        )
    clock = f"{SHIFTED} {hours:+g} h" if hours else "the container's start time"
    return replace(fixes, time_s=fixes.utc_s - (start_utc_s - offset_s - hours * 3600), clock=clock)


def _begin_together(fixes: Fixes, duration_s: float, offset_s: float) -> Fixes:
    first_s, last_s = float(fixes.utc_s[0]), float(fixes.utc_s[-1])
    if last_s - first_s > 1.5 * duration_s + SLACK_S and not offset_s:
        raise TelemetryError(
            N_(
                "The GPS log covers {log} s and the video {video} s, and the video does not say"
                " when it began. Give --gps-offset: minus the seconds from the log's first fix"
                " to the video's first frame."
            ),
            log=round(last_s - first_s),
            video=round(duration_s),
        )
    utc_s = fixes.utc_s if first_s > DATELESS_S else np.full(len(fixes), np.nan)
    return replace(fixes, time_s=fixes.utc_s - first_s + offset_s, utc_s=utc_s, clock=ASSUMED)


def _dated(fixes: Fixes, start_utc_s: float) -> Fixes:
    """Times of day get the day that brings them nearest to the video's start."""
    if fixes.utc_s[-1] > DATELESS_S:
        return fixes
    days = round((start_utc_s - float(fixes.utc_s[0])) / 86_400)
    return replace(fixes, utc_s=fixes.utc_s + days * 86_400)


def _zone_hours(fixes: Fixes, zero_s: float, duration_s: float, local_h: float) -> float | None:
    """Hours the video's clock is ahead of UTC: none, the municipality's, or the only one that fits."""
    first_s, last_s = float(fixes.utc_s[0]), float(fixes.utc_s[-1])

    def fits(hours: float) -> bool:
        begin_s = zero_s - hours * 3600
        common_s = min(last_s, begin_s + duration_s) - max(first_s, begin_s)
        return common_s > 0 and common_s >= 0.5 * min(duration_s, last_s - first_s)

    for hours in (0.0, local_h):
        if fits(hours):
            return hours
    others = [float(hours) for hours in range(-12, 15) if fits(hours)]
    return others[0] if len(others) == 1 else None


def _text(utc_s: float) -> str:
    if not math.isfinite(utc_s):
        return "-"
    return datetime.fromtimestamp(utc_s, UTC).strftime("%Y-%m-%d %H:%M:%S")
