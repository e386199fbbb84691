"""Ties a log's clock to the footage's: gives each fix its time since the first frame."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from detector.errors import N_, TelemetryError
from detector.telemetry.fixes import Fixes

ASSUMED = "taken to begin together"
"""The clock of a log tied to a video that states no time."""
SLACK_S = 60.0
"""A log this much longer than its video is still taken to begin with it."""


def tie_clocks(fixes: Fixes, start_utc_s: float | None, duration_s: float, offset_s: float = 0.0) -> Fixes:
    """The fixes with `time_s`, and how that was found in `clock`.

    In order: a log that counts from the first frame itself; the UTC the video's container states
    for its first frame, also off by whole hours (a camera set to local time); else the log is taken
    to begin with the video, if their lengths allow that. `offset_s` is added to every fix's time.
    Raises TelemetryError where the log and the video can't belong together.
    """
    if np.isfinite(fixes.time_s).all():
        return replace(fixes, time_s=fixes.time_s + offset_s, clock="the log counts from the first frame")
    fixes = fixes.chosen(np.isfinite(fixes.utc_s))
    fixes = fixes.chosen(np.argsort(fixes.utc_s, kind="stable"))
    if not len(fixes):
        raise TelemetryError(N_("The GPS log holds no usable fix with a time."))
    first_s, last_s = float(fixes.utc_s[0]), float(fixes.utc_s[-1])
    if start_utc_s is None:
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
        return replace(
            fixes,
            time_s=fixes.utc_s - first_s + offset_s,
            clock=ASSUMED,
        )
    for hours in sorted(range(-12, 15), key=abs):
        zero_s = start_utc_s + hours * 3600 - offset_s
        common_s = min(last_s, zero_s + duration_s) - max(first_s, zero_s)
        if common_s >= 0.5 * min(duration_s, last_s - first_s):
            clock = "the container's start time" + (f", {hours:+d} h" if hours else "")
            return replace(fixes, time_s=fixes.utc_s - zero_s, clock=clock)
    raise TelemetryError(
        N_(
            "The GPS log does not overlap the video in time: the log runs from {log_start} to"
            " {log_end}, the video from {video_start} to {video_end} (UTC). Give the log of this"
            " trip, or correct a wrong clock with --gps-offset."
        ),
        log_start=_text(first_s),
        log_end=_text(last_s),
        video_start=_text(start_utc_s),
        video_end=_text(start_utc_s + duration_s),
    )


def _text(utc_s: float) -> str:
    return datetime.fromtimestamp(utc_s, UTC).strftime("%Y-%m-%d %H:%M:%S")
