"""The condition of the roads and its change, as they were worked out last (`roaddamage.export_runs`)."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from maps.change import Change
from roaddamage.asked_exports import LANGUAGES
from roaddamage.export_runs import give_up_dead
from roaddamage.records.models import Damage, Export
from roaddamage.web.export_form import ExportForm
from roaddamage.web.exports import choices, told_of

AROUND_DEG = 0.0005
"""What a map shows around a stretch of road."""


@require_safe
def survey(request: HttpRequest) -> HttpResponse:
    """Hot spots and the worst segments, of 100 m or of 20 m."""
    length = "20m" if request.GET.get("length") == "20" else "100m"
    values = _last(request, Export.Kind.survey)
    told = values["told"]
    rows = {
        "hot": _placed(told.get("hot_spots", [])),
        "segments": _placed(told.get(f"segments_{length}", [])),
    }
    return render(request, "web/survey.html", {**values, **rows, "length": length})


@require_safe
def survey_change(request: HttpRequest) -> HttpResponse:
    """What changed between two periods."""
    values = _last(request, Export.Kind.change)
    told = values["told"]
    damages = told.get("change_damages", [])
    there = set(Damage.objects.filter(pk__in=[row["id"] for row in damages]).values_list("pk", flat=True))
    return render(request, "web/survey_change.html", {
        **values, "changes": [(one.name, str(one)) for one in Change], "damages": _placed(damages),
        "segments": _placed(told.get("change_segments", [])), "there": there,
    })  # fmt: skip


def _last(request: HttpRequest, kind: str) -> dict[str, Any]:
    """The last export of a kind, what it tells in the reader's language, and those that are being made."""
    give_up_dead()
    rows = Export.objects.filter(kind=kind).select_related("by")
    done = rows.filter(state=Export.State.done).first()
    latest = rows.exclude(state=Export.State.running).first()
    failed = [told_of(latest)] if latest and latest.state == Export.State.failed else []
    language = (get_language() or "ja").split("-")[0]
    told = done.told.get(language if language in LANGUAGES else "en", {}) if done else {}
    return {
        "last": told_of(done) if done else None, "told": told, "form": ExportForm(kind), "kind": kind,
        "running": [told_of(row) for row in rows.filter(state=Export.State.running)], "failed": failed, **choices(),
    }  # fmt: skip


def _placed(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows with the bounds that a map is to show (`bbox` of its address)."""
    around = (-AROUND_DEG, -AROUND_DEG, AROUND_DEG, AROUND_DEG)
    return [
        row
        | {"bbox": ",".join(f"{edge + more:.5f}" for edge, more in zip(row["bounds"], around, strict=True))}
        for row in rows
    ]
