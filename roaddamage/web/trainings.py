"""Trainings on pages: asked for, watched, compared with the model in use, and put in use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import get_language
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from datasets.dataset import read_dataset
from detector.errors import N_, RoadDamageError
from detector.model import DEFAULT_MODEL
from roaddamage.jobs import cancel
from roaddamage.models import HistoryError, Models
from roaddamage.records.audit import audited
from roaddamage.records.models import LabelledFrame, Training, Work
from roaddamage.training_data import OWN, there
from roaddamage.training_runs import again, begin, comparison_of, folder_of, model_of
from roaddamage.web.access import who
from roaddamage.web.model_words import told_of, verdict
from roaddamage.web.models_page import models_of
from roaddamage.web.templating import say
from roaddamage.web.training_form import CURRENT, TrainingForm
from training.model_card import comparison_rows


@require_http_methods(["GET", "HEAD", "POST"])
def training_new(request: HttpRequest) -> HttpResponse:
    """The form; a training that waits for a worker."""
    datasets = there(settings.WORKSPACE.datasets)
    if OWN not in datasets and LabelledFrame.objects.filter(judged=True, whole=True).exists():
        datasets[OWN] = Counter()
    form = TrainingForm(datasets, request.POST if request.method == "POST" else None)
    kept, refused = models_of(request), ""
    if form.is_valid():
        given = dict(form.cleaned_data)
        try:
            given["begin_from"] = _start(kept) if given["begin_from"] == CURRENT else ""
            return redirect("training", begin(who(request), **given).pk)
        except RoadDamageError as error:
            refused = told_of(error)
    values = {
        "form": form, "datasets": datasets, "using": _name(kept), "package": DEFAULT_MODEL.stem, "refused": refused,
        "frames": LabelledFrame.objects.filter(judged=True).count(), "folder": settings.WORKSPACE.datasets.name,
    }  # fmt: skip
    return render(request, "web/training_new.html", values, status=422 if request.method == "POST" else 200)


def _start(kept: Models) -> str:
    """The model in use. Raises HistoryError where its file is gone."""
    kept.current()
    return kept.current_name()


def _name(kept: Models) -> str:
    try:
        return kept.current_name()
    except HistoryError:
        return ""


@require_safe
def training(request: HttpRequest, number: int) -> HttpResponse:
    """How far it is, and what came of it."""
    return _page(request, _row(number))


def _row(number: int) -> Training:
    return get_object_or_404(Training.objects.select_related("by"), pk=number)


def _page(request: HttpRequest, row: Training, status: int = 200, **more: Any) -> HttpResponse:
    values = {**_told(row), **_compared(request, row), **more}
    return render(request, "web/training.html", values, status=status)


def _told(row: Training) -> dict[str, Any]:
    last = row.course[-1] if row.course else None
    return {"row": row, "last": last, "open": row.state in Work.OPEN, "package": DEFAULT_MODEL.stem}


def _compared(request: HttpRequest, row: Training) -> dict[str, Any]:
    """The comparison in words, and whether it is with the model in use still."""
    told = comparison_of(row) if row.promotable is not None else None
    if told is None:
        return {"told": None}
    heads, *rows = comparison_rows(told, say)
    text, lines = verdict(told)
    kept = models_of(request)
    try:
        tests = [one.test_sha256 for one in kept.history() if one.test_sha256]
        current = kept.current_name()
    except HistoryError as error:
        return {"told": None, "refused": told_of(error)}
    return {
        "told": told, "heads": heads, "rows": rows, "verdict": text, "lines": lines,
        "stale": row.against != current and current != row.promoted_as,
        "may_promote": row.state == Work.State.done and row.against == current != row.promoted_as,
        "other_test": bool(tests) and tests[-1] != row.test_sha256,
    }  # fmt: skip


@require_safe
def training_part(request: HttpRequest, number: int) -> HttpResponse:
    """The part that changes while it runs; the page as a whole once it is over."""
    row = _row(number)
    answer = render(request, "web/training_part.html", _told(row))
    if row.state not in Work.OPEN:
        answer.headers["HX-Refresh"] = "true"
    return answer


@require_POST
def training_cancel(request: HttpRequest, number: int) -> HttpResponse:
    """End one: at once where it waits, else as soon as its worker hears of it."""
    cancel(_row(number), who(request))
    return redirect("training", number)


@require_POST
def training_again(request: HttpRequest, number: int) -> HttpResponse:
    """Have one go on where it was, or be compared anew."""
    row = _row(number)
    return _tried(request, row, lambda: again(row, who(request)))


@require_POST
def training_promote(request: HttpRequest, number: int) -> HttpResponse:
    """Put its model in use; one that is not better only for a reason."""
    row = _row(number)
    return _tried(request, row, lambda: _promote(request, row))


def _tried(request: HttpRequest, row: Training, change: Callable[[], object]) -> HttpResponse:
    try:
        change()
    except RoadDamageError as error:
        return _page(request, row, 422, refused=told_of(error), reason=request.POST.get("reason", ""))
    return redirect("training", row.pk)


def _promote(request: HttpRequest, row: Training) -> None:
    told = comparison_of(row)
    if row.state in Work.OPEN or told is None:
        raise RoadDamageError(N_("It has not been compared with the model in use yet."))
    reason = request.POST.get("reason", "").strip()[:500]
    path = models_of(request).promote_compared(
        model_of(row),
        read_dataset(folder_of(row) / "data"),
        told,
        name=row.name,
        reason=reason,
        new_test=bool(request.POST.get("new_test")),
        language=(get_language() or "ja")[:2],
        translate=say,
    )
    Training.objects.filter(pk=row.pk).update(promoted_as=path.stem)
    audited(
        request.user, "model.promoted", path.stem, training=row.pk, forced=not told.promotable, reason=reason
    )
    messages.success(request, say(N_("In use now: {name}.")).format(name=path.stem))
