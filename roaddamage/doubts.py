"""What a person should know before trusting a drive's positions, in words."""

from __future__ import annotations

import math

from detector.errors import N_, Translate
from detector.telemetry.clock import Tie
from detector.telemetry.fixes import Fixes

LARGE_RESIDUAL_S = 1.0
WHOLE_HOURS = N_("the camera's clock is taken to run in another zone ({shift}): check a known place")
TOGETHER = N_("the video states no time: the GPS log is taken to begin with it (else give --gps-offset)")
EVEN = N_("the GPS records carry no time: they are spread evenly over the video (else give --gps-offset)")
IN_PAGE = {
    TOGETHER: N_(
        "The video states no time: the GPS log is taken to begin with it. Check a known place below."
    ),
    EVEN: N_(
        "The GPS records carry no time: they are spread evenly over the video. Check a known place below."
    ),
}
"""What a page says in place of what names an option of the command line."""


def clock_doubts(fixes: Fixes, translate: Translate) -> list[str]:
    """How a drive's clocks were tied where that needs saying; empty where they agree."""
    return [translate(doubt).format(**_values(fixes)) for doubt in _doubts(fixes)]


def doubts_kept(fixes: Fixes) -> list[dict[str, object]]:
    """The same to be kept and told later, as `roaddamage.problems` has it."""
    return [
        {"template": IN_PAGE.get(doubt, doubt), "values": dict(_values(fixes))} for doubt in _doubts(fixes)
    ]


def _values(fixes: Fixes) -> dict[str, str]:
    return {
        "shift": f"{fixes.clock_shift_s / 3600:+g} h",
        "seconds": f"{fixes.clock_shift_s:+.1f}",
        "residual": f"{fixes.clock_residual_s:.1f}",
    }


def _doubts(fixes: Fixes) -> list[str]:
    doubts = []
    if fixes.clock == Tie.together:
        doubts.append(TOGETHER)
    elif fixes.clock == Tie.even:
        doubts.append(EVEN)
    elif fixes.clock == Tie.zone and not fixes.clock_checked:
        doubts.append(WHOLE_HOURS)
    elif fixes.clock == Tie.picture and fixes.clock_shift_s:
        doubts.append(
            N_("the video's clock is {seconds} s off the GPS log's, as the picture's motion shows: mended")
        )
    elif fixes.clock == Tie.picture:
        doubts.append(N_("the clocks were tied by the picture's motion against the speed, to ± {residual} s"))
    elif fixes.clock_residual_s > LARGE_RESIDUAL_S:
        doubts.append(N_("the clocks of video and GPS differ by {residual} s and more: check a known place"))
    return doubts


def finite(value: float) -> float | None:
    """A number as JSON has it: None for one that is none."""
    return round(value, 3) if math.isfinite(value) else None
