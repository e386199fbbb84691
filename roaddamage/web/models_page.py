"""Models on pages: the one in use, how it came to that, what the rounds of labelling brought; and the way back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_POST, require_safe
from markupsafe import Markup

from detector.errors import N_
from detector.model import DEFAULT_MODEL
from roaddamage.models import Event, HistoryError, Models, PromotionError
from roaddamage.records.audit import audited
from roaddamage.records.models import Training
from roaddamage.web.access import who
from roaddamage.web.downloads import sent
from roaddamage.web.model_words import told_of
from roaddamage.web.templating import say
from training.rounds import Round, notes, table
from training.rounds_page import plot

SHOWN = 50
FILES = {
    "report": ("report.html", "text/html; charset=utf-8"), "card": ("card.md", "text/plain; charset=utf-8"),
    "data": ("data.md", "text/plain; charset=utf-8"), "comparison": ("comparison.json", "application/json"),
}  # fmt: skip
"""What stands beside a promoted model."""


@dataclass(frozen=True)
class Rounds:
    """What the rounds of labelling brought, as a plot and a table; the first row is the headings."""

    plot: Markup
    rows: list[list[str]]
    notes: list[str]


def models_of(request: HttpRequest) -> Models:
    """The workspace's models; what is changed is changed by this user."""
    return Models(settings.WORKSPACE.folder, who(request).get_username())


@require_safe
def models(request: HttpRequest) -> HttpResponse:
    """All there is to know of the models."""
    return _page(request)


def _page(request: HttpRequest, status: int = 200, **more: Any) -> HttpResponse:
    kept = models_of(request)
    values: dict[str, Any] = {"using": "", "gone": "", "events": [], "broken": ""}
    try:
        events = kept.history()
        names = [one.model for one in events if one.kind == "promotion"]
        values |= {
            "using": kept.current_name(), "events": [(one, parse_datetime(one.at)) for one in reversed(events)],
            "there": {name for name in names if (kept.folder / name / "report.html").is_file()},
        }  # fmt: skip
        kept.current()
    except HistoryError as error:
        values["gone" if values["events"] else "broken"] = told_of(error)
    trainings = Training.objects.select_related("by")[:SHOWN]
    values |= {"trainings": trainings, "rounds": rounds(), "package": DEFAULT_MODEL.stem}
    return render(request, "web/models.html", values | more, status=status)


def rounds() -> Rounds | None:
    """The trainings that were compared on the test part of the last one; None where there is none."""
    done = Training.objects.exclude(round={}).exclude(test_sha256="")
    last = done.order_by("-finished", "-pk").first()
    if last is None:
        return None
    rows = done.filter(test_sha256=last.test_sha256)
    told = [_round(one) for one in rows]
    return Rounds(
        Markup(plot(told, say)),  # noqa: S704  (an SVG of ours; names are escaped in it)
        table(told, say),
        notes(told, int(last.data.get("pictures", {}).get("test", 0)), say),
    )


def _round(row: Training) -> Round:
    values = dict(row.round)
    values["samples"] = tuple(values["samples"])
    values["interval"] = tuple(values["interval"]) if values["interval"] else None
    return Round(**values)


@require_safe
def model_file(request: HttpRequest, name: str, kind: str) -> StreamingHttpResponse:
    """A report or card of a promoted model."""
    kept = models_of(request)
    if kind not in FILES or not any(_promoted(one, name) for one in kept.history()):
        raise Http404
    file, mime = FILES[kind]
    answer = sent(kept.folder / name / file, mime)
    answer.own_policy = kind == "report"  # type: ignore[attr-defined]  # see roaddamage.web.middleware
    audited(request.user, "model.seen", name, form=kind)
    return answer


def _promoted(event: Event, name: str) -> bool:
    return event.kind == "promotion" and event.model == name


@require_POST
def rollback(request: HttpRequest) -> HttpResponse:
    """Return to the model before, for a reason."""
    reason = request.POST.get("reason", "").strip()[:500]
    if not reason:
        return _page(request, 422, refused=say(N_("Say why: it is kept in the history.")))
    kept = models_of(request)
    try:
        before = kept.current_name()
        kept.rollback(reason, past_missing=bool(request.POST.get("past_missing")))
    except (PromotionError, HistoryError) as error:
        return _page(request, 422, refused=told_of(error), reason=reason)
    after = kept.current_name()
    audited(request.user, "model.rolled_back", after or DEFAULT_MODEL.stem, before=before, reason=reason)
    messages.success(
        request, say(N_("In use now: {name}.")).format(name=after or say(N_("the package's model")))
    )
    return redirect("models")
