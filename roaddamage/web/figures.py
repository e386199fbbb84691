"""Weekly figures as a page and as CSV, and the hours of patrol that the municipality enters."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from detector.classes import CLASSES
from detector.errors import N_
from maps.texts import UTF_8
from roaddamage.records.audit import audited
from roaddamage.records.figures import Figures, by_class, in_all, saved, weekly
from roaddamage.records.models import PatrolFigures
from roaddamage.web.templating import day, number, say

WEEKS = (13, 26, 52, 104)
WIDTH, HEIGHT, BASE = 640, 170, 140
"""Of a picture of bars, in its own units; `BASE` is where bars stand."""
LEFT = 44
HEADINGS = (
    N_("week from"), N_("drives"), N_("km driven"), N_("km judged"), N_("damages found"), N_("new"), N_("confirmed"),
    N_("rejected"), N_("repaired"), N_("hours to decision (median)"), N_("share confirmed (%)"), N_("from (95 %)"),
    N_("to (95 %)"),
)  # fmt: skip
Measure = tuple[str, str, Callable[[Figures], float], int]
"""Name, class of its bars, value, digits."""
CHARTS: tuple[tuple[str, tuple[Measure, ...]], ...] = (
    (N_("Kilometres"), (
        (N_("driven"), "a", lambda week: week.km, 1),
        (N_("judged"), "b", lambda week: week.judged_km, 1),
    )),
    (N_("Damages"), (
        (N_("found"), "a", lambda week: float(week.found), 0),
        (N_("new"), "b", lambda week: float(week.new), 0),
    )),
    (N_("Decisions and repairs"), (
        (N_("confirmed"), "a", lambda week: float(week.share.confirmed), 0),
        (N_("rejected"), "c", lambda week: float(week.share.rejected), 0),
        (N_("repaired"), "b", lambda week: float(week.repaired), 0),
    )),
)  # fmt: skip


@dataclass(frozen=True)
class Bar:
    """One bar, in the picture's units, and what it tells."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    title: str


@dataclass(frozen=True)
class Chart:
    """Bars by week, from the oldest on; `lines` are heights with their value, `ticks` places with their week."""

    title: str
    keys: list[tuple[str, str]]
    bars: list[Bar]
    lines: list[tuple[float, str]]
    ticks: list[tuple[float, date]]


class PatrolForm(forms.ModelForm):  # type: ignore[type-arg]
    """Hours of a month; entered again they replace what was there."""

    month = forms.DateField(input_formats=["%Y-%m", "%Y/%m"])

    class Meta:
        model = PatrolFigures
        fields = ("month", "hours_before", "hours_now")

    def clean(self) -> dict[str, object]:
        """Hours are not negative, and no more than a fleet of a hundred has in a month."""
        given = self.cleaned_data
        for name in ("hours_before", "hours_now"):
            if not 0 <= given.get(name, 0) <= 74_400:
                self.add_error(name, say(N_("Hours of a month: 0 to 74,400.")))
        return given

    def validate_unique(self) -> None:
        """A month that is there is replaced."""


@require_GET
def figures(request: HttpRequest) -> HttpResponse:
    """The page."""
    weeks = _weeks(request)
    told = weekly(weeks)
    return render(request, "web/figures.html", {
        "weeks": told, "all": in_all(), "classes_told": list(zip(CLASSES, by_class(), strict=True)),
        "charts": [_chart(title, measures, told[::-1]) for title, measures in CHARTS], "choices": WEEKS,
        "chosen": weeks, "saved": saved(),
    })  # fmt: skip


@require_GET
def figures_csv(request: HttpRequest) -> HttpResponse:
    """The table as CSV: a row a week, the latest first."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([say(heading) for heading in HEADINGS])
    for week in weekly(_weeks(request)):
        low, high = week.share.interval or (None, None)
        writer.writerow([
            week.monday, week.drives, f"{week.km:.3f}", f"{week.judged_km:.3f}", week.found, week.new,
            week.share.confirmed, week.share.rejected, week.repaired, "" if week.hours is None else f"{week.hours:.1f}",
            *("" if value is None else f"{100 * value:.1f}" for value in (week.share.value, low, high)),
        ])  # fmt: skip
    audited(request.user, "figures.exported", weeks=_weeks(request))
    return HttpResponse(
        text.getvalue().encode(UTF_8), content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="weekly-figures.csv"'},
    )  # fmt: skip


@require_POST
def figures_patrol(request: HttpRequest) -> HttpResponse:
    """Enter a month's hours of patrol, or take them out."""
    if "remove" in request.POST:
        form = PatrolForm({"month": request.POST["remove"], "hours_before": 0, "hours_now": 0})
        if form.is_valid():
            month = form.cleaned_data["month"]
            PatrolFigures.objects.filter(month=month).delete()
            audited(request.user, "patrol.removed", str(month))
        return redirect("figures")
    form = PatrolForm(request.POST)
    if form.is_valid():
        given = form.cleaned_data
        values = {name: given[name] for name in ("hours_before", "hours_now")}
        PatrolFigures.objects.update_or_create(month=given["month"], defaults=values)
        audited(request.user, "patrol.entered", str(given["month"]), **values)
        messages.success(request, say(N_("The hours of the month were kept.")))
    else:
        messages.error(request, say(N_("Give a month and its hours of patrol before and now, as numbers.")))
    return redirect("figures")


def _weeks(request: HttpRequest) -> int:
    asked = request.GET.get("weeks", "")
    return int(asked) if asked.isdigit() and int(asked) in WEEKS else WEEKS[0]


def _chart(title: str, measures: tuple[Measure, ...], weeks: Sequence[Figures]) -> Chart:
    most = max([value(week) for week in weeks for _, _, value, _ in measures] + [1.0])
    top = _round_up(most)
    step = (WIDTH - LEFT) / len(weeks)
    wide = step * 0.8 / len(measures)
    bars = []
    for index, week in enumerate(weeks):
        for place, (name, kind, value, digits) in enumerate(measures):
            high = value(week) / top * (BASE - 12)
            told = f"{day(week.monday)} {say(name)} {number(value(week), digits)}"
            bars.append(
                Bar(round(LEFT + step * (index + 0.1) + wide * place, 2), round(BASE - high, 2), round(wide, 2),
                    round(high, 2), kind, told)
            )  # fmt: skip
    lines = [
        (round(BASE - share * (BASE - 12), 1), number(share * top, int(share * top != int(share * top))))
        for share in (0.0, 0.5, 1.0)
    ]
    every = max(len(weeks) // 6, 1)
    ticks = [
        (round(LEFT + step * (index + 0.5), 1), week.monday)
        for index, week in enumerate(weeks)
        if week.monday and (len(weeks) - 1 - index) % every == 0
    ]
    return Chart(title, [(name, kind) for name, kind, _, _ in measures], bars, lines, ticks)


def _round_up(value: float) -> float:
    """The least of 1, 2, 5, 10, 20, … that is no less."""
    ten = 1.0
    while True:
        for step in (1, 2, 5):
            if step * ten >= value:
                return step * ten
        ten *= 10
