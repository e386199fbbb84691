"""Pictures worth labelling first: asked for with a budget, listed in order, then reviewed one after another or exported."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from detector.errors import RoadDamageError
from roaddamage import frame_choices, frame_exports
from roaddamage.records.frames import frame_for
from roaddamage.records.models import FrameChoice, Sighting, Turn
from roaddamage.records.numbers import number_in
from roaddamage.web.access import who
from roaddamage.web.templating import say
from training.choosing import Reason

BUDGET, SHOWN = 50, 20


@dataclass(frozen=True)
class Shown:
    """A chosen picture: its sighting, which may be gone by now, the proposals in it, and why."""

    seen: Sighting | None
    damages: list[int]
    score: float
    reasons: list[str]


@require_safe
def frames_choose(request: HttpRequest) -> HttpResponse:
    """The form, and what was chosen, the latest in full."""
    frame_choices.give_up_dead()
    rows = FrameChoice.objects.select_related("by")
    number = number_in(request.GET.get("choice", ""))
    row = rows.first() if number is None else rows.filter(pk=number).first()
    return render(request, "web/frame_choosing.html", {
        "row": row, "shown": _shown(row) if row else [], "rows": rows.defer("chosen")[:SHOWN], "budget": BUDGET,
        "most": frame_choices.MOST_BUDGET, "blind_forms": [(name, frame_exports.FORMS[name]) for name in frame_exports.BLIND],
    })  # fmt: skip


def _shown(row: FrameChoice) -> list[Shown]:
    seen = Sighting.objects.in_bulk([one["sighting"] for one in row.chosen])
    return [
        Shown(
            seen.get(one["sighting"]), one["damages"], one["score"],
            [Reason(why["template"], why["values"]).text(say) for why in one["reasons"]],
        )
        for one in row.chosen
    ]  # fmt: skip


@require_POST
def frames_choose_new(request: HttpRequest) -> HttpResponse:
    """Begin a choice."""
    text = request.POST.get("budget", "")
    try:
        frame_choices.start(int(text) if text.isdecimal() and len(text) < 7 else 0, who(request))
    except RoadDamageError as error:
        messages.error(request, error.message(say))
    return redirect("frames_choose")


@require_safe
def frame_choice_part(request: HttpRequest, number: int) -> HttpResponse:
    """The part of the page that changes while pictures are looked at; once they are, the page is loaded anew."""
    frame_choices.give_up_dead()
    row = get_object_or_404(FrameChoice.objects.select_related("by").defer("chosen"), pk=number)
    answer = render(request, "web/frame_choice_part.html", {"row": row})
    if row.state != FrameChoice.State.running:
        answer.headers["HX-Refresh"] = "true"
    return answer


@require_POST
def frame_choice_export(request: HttpRequest, number: int) -> HttpResponse:
    """Export the chosen pictures, of which nothing is said yet, to be labelled in a tool."""
    row = get_object_or_404(FrameChoice, pk=number, state=FrameChoice.State.done)
    kind = request.POST.get("form", "")
    seen = Sighting.objects.filter(pk__in=[one["sighting"] for one in row.chosen]).select_related("damage")
    with transaction.atomic():
        Turn.take("counting")
        frames = [frame_for(one, one.damage.road_id or one.damage.road) for one in seen]
    keys = [frame.pk for frame in frames if frame is not None]
    try:
        if kind in frame_exports.BLIND:
            frame_exports.start(kind, keys, who(request), blind=True)
    except RoadDamageError as error:
        messages.error(request, error.message(say))
        return redirect("frames_choose")
    return redirect("frames")
