"""How well faces and number plates are masked, for administrators: the report that belongs to the networks in use."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from detector.errors import N_, ModelError
from detector.private import Kind
from roaddamage.web.model_words import told_of
from roaddamage.web.templating import say
from training import masking_text
from training.masking_report import LIGHT, PROMISED, SIZE, WHO, WORN, YAW, MaskingReport, read_report

LEFT, TOP, BASE, STEP = 52, 12, 172, 72
"""Of a plot, in its own units: its axis' place, where 100 % and 0 % are, and the way from a class to the next."""


@dataclass(frozen=True)
class Point:
    """A class of size in a plot: where it stands, its share and the interval's ends as heights, and what it tells."""

    x: float
    y: float
    low: float
    high: float
    name: str
    title: str


@dataclass(frozen=True)
class Plot:
    """Shares masked by size, from the smallest on, in a picture `width` wide; `promised` is the height of the promise."""

    width: int
    points: list[Point]
    lines: list[tuple[float, str]]
    promised: float


@dataclass(frozen=True)
class Part:
    """What is told of a kind: the promise, plot and table by size, and tables by what else may matter."""

    title: str
    promise: str
    plot: Plot
    sizes: masking_text.Rows
    from_px: int
    others: list[masking_text.Rows]


@require_GET
def masking(request: HttpRequest) -> HttpResponse:
    """The page."""
    try:
        report = read_report()
    except ModelError as error:
        return render(request, "web/masking.html", {"fault": told_of(error)})
    titles = {Kind.plate: N_("Number plates"), Kind.face: N_("Faces")}
    return render(request, "web/masking.html", {
        "report": report, "parts": [_part(report, kind, title) for kind, title in titles.items()],
        "method": masking_text.method_told(say), "in_metres": say(masking_text.IN_METRES),
        "distances": masking_text.distance_rows(report, say), "vain": masking_text.vain_rows(report, say),
        "damages": masking_text.damages_told(report, say), "cost": masking_text.cost_told(report, say),
        "limits": masking_text.LIMITS, "networks": masking_text.licensed(report),
    })  # fmt: skip


def _part(report: MaskingReport, kind: str, title: str) -> Part:
    return Part(
        say(title), masking_text.promise(report, kind, say), _plot(report, kind),
        masking_text.recall_rows(report, kind, SIZE, say), report.from_px[kind],
        [masking_text.recall_rows(report, kind, what, say) for what in (YAW, LIGHT, WORN, WHO) if report.by(kind, what)],
    )  # fmt: skip


def _plot(report: MaskingReport, kind: str) -> Plot:
    points = []
    for place, one in enumerate(report.by(kind, SIZE)):
        title = f"{one.name} px: {masking_text.percent(one.share)}"
        points.append(
            Point(LEFT + STEP * (place + 0.5), _y(one.share), _y(one.low), _y(one.high), one.name, title)
        )
    lines = [(_y(share / 4), f"{25 * share} %") for share in range(5)]
    return Plot(LEFT + STEP * len(points), points, lines, _y(PROMISED))


def _y(share: float) -> float:
    return round(BASE - share * (BASE - TOP), 1)
