"""The rounds of labelling as one HTML page that needs nothing else: a plot and a table."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from detector.errors import N_, Translate
from training.evaluate import ALL
from training.evaluation_report import POLICY, STYLE
from training.rounds import Round, in_order, notes, table

WIDE_PX, HIGH_PX = 640, 300
COLOUR, SEEN_COLOUR = "#0072b2", "#9aa1a9"
_STEPS = (1, 2, 2.5, 5, 10)


def page(rounds: Sequence[Round], pictures: int, language: str, translate: Translate) -> str:
    """The whole page."""
    _ = translate
    title = _(N_("What the rounds of labelling brought"))
    heads, *rows = table(rounds, _)
    body = [
        f"<h1>{escape(title)}</h1>",
        f'<figure style="width:{WIDE_PX + 80}px">{plot(rounds, _)}</figure>',
        '<div class="scroll"><table><tr>' + "".join(f"<th>{escape(one)}</th>" for one in heads) + "</tr>",
        *("<tr>" + "".join(f"<td>{escape(one)}</td>" for one in row) + "</tr>" for row in rows),
        "</table></div>",
        *(f"<p>{escape(line)}</p>" for line in notes(rounds, pictures, _)),
    ]
    return (
        f'<!DOCTYPE html>\n<html lang="{language}"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body>"
        + "\n".join(body)
        + "</body></html>\n"
    )


def plot(rounds: Sequence[Round], translate: Translate) -> str:
    """Mean AP50 with its interval against frames labelled, as SVG; grey: learnt from the test part."""
    shown = [one for one in in_order(rounds) if one.ap50[ALL] is not None]
    most = _step_up(max((one.frames for one in shown), default=1))
    bounds = [
        bound
        for one in shown
        for bound in (one.interval or (one.ap50[ALL], one.ap50[ALL]))
        if bound is not None
    ]
    low = math.floor(max(min(bounds, default=0.0) - 0.02, 0.0) * 20) / 20
    high = math.ceil(min(max(bounds, default=1.0) + 0.02, 1.0) * 20) / 20
    across = [one.frames / most * WIDE_PX for one in shown]
    line = " ".join(
        f"{x:.1f},{_up(one.ap50[ALL] or 0.0, low, high):.1f}"
        for x, one in zip(across, shown, strict=True)
        if not one.seen
    )
    return (
        f'<svg viewBox="-56 -14 {WIDE_PX + 96} {HIGH_PX + 62}" font-size="12" role="img">'
        f"<title>{escape(translate(N_('Mean AP50 against frames labelled')))}</title>"
        + "".join(_axes(most, low, high, translate))
        + f'<polyline points="{line}" fill="none" stroke="{COLOUR}" stroke-width="1.5"/>'
        + "".join(_point(x, one, low, high) for x, one in zip(across, shown, strict=True))
        + "</svg>"
    )


def _up(value: float, low: float, high: float) -> float:
    return HIGH_PX * (1 - (value - low) / (high - low))


def _point(x: float, one: Round, low: float, high: float) -> str:
    mean = one.ap50[ALL] or 0.0
    y, y_low, y_high = (_up(value, low, high) for value in (mean, *(one.interval or (mean, mean))))
    colour = SEEN_COLOUR if one.seen else COLOUR
    # The name beside the point; on its left in the right half, so that none leaves the picture.
    anchor, aside = ("end", -7) if x > WIDE_PX / 2 else ("start", 7)
    return (
        f'<line x1="{x:.1f}" y1="{y_low:.1f}" x2="{x:.1f}" y2="{y_high:.1f}" stroke="{colour}" stroke-width="2"/>'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="{colour}"/>'
        f'<text x="{x + aside:.1f}" y="{y - 7:.1f}" text-anchor="{anchor}" fill="#222">{escape(one.name)}</text>'
    )


def _axes(most: float, low: float, high: float, _: Translate) -> Iterator[str]:
    for part in range(5):
        x = WIDE_PX * part / 4
        yield f'<line x1="{x}" y1="0" x2="{x}" y2="{HIGH_PX}" stroke="#eee"/>'
        yield f'<text x="{x}" y="{HIGH_PX + 17}" text-anchor="middle">{most * part / 4:,.4g}</text>'
    steps = round((high - low) / 0.05)
    for step in range(0, steps + 1, math.ceil(steps / 10)):
        y = _up(low + step * 0.05, low, high)
        yield f'<line x1="0" y1="{y:.1f}" x2="{WIDE_PX}" y2="{y:.1f}" stroke="#ddd"/>'
        yield f'<text x="-8" y="{y + 4:.1f}" text-anchor="end">{low + step * 0.05:.2f}</text>'
    across, up = _(N_("frames labelled")), _(N_("mean AP50"))
    yield f'<text x="{WIDE_PX / 2}" y="{HIGH_PX + 38}" text-anchor="middle">{escape(across)}</text>'
    yield f'<text transform="translate(-42 {HIGH_PX / 2}) rotate(-90)" text-anchor="middle">{escape(up)}</text>'


def _step_up(count: float) -> float:
    """The next round number from a count on."""
    ten: int = 10 ** math.floor(math.log10(max(count, 1)))
    return next(step * ten for step in _STEPS if step * ten >= count)
