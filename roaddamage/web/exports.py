"""Exports on pages: asked for, watched, downloaded, looked at and deleted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import PurePath

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from detector.errors import N_
from maps.exports import EVIDENCE
from roaddamage.asked_exports import FIRST, LAST, MAP, Asked
from roaddamage.export import writing
from roaddamage.export_runs import delete, folder_of, give_up_dead, progress, start
from roaddamage.records.audit import audited
from roaddamage.records.models import Export
from roaddamage.web.access import who
from roaddamage.web.downloads import sent
from roaddamage.web.export_form import (
    EDGES,
    ENCODINGS,
    FORMS,
    LANGUAGE_NAMES,
    PLANES,
    SYSTEMS,
    ExportForm,
    systems,
)
from roaddamage.web.templating import dated, say

SHOWN = 100
KINDS = {
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", ".pdf": "application/pdf",
    ".gpkg": "application/geopackage+sqlite3", ".kml": "application/vnd.google-earth.kml+xml", ".zip": "application/zip",
}  # fmt: skip
PAGES = {Export.Kind.survey: "survey", Export.Kind.change: "survey_change"}


@dataclass(frozen=True)
class Told:
    """An export as pages tell it; `left_s` is the time left, where that can be told."""

    row: Export
    asked: Asked
    words: list[str]
    kept_until: datetime
    share: float = 0.0
    left_s: float | None = None
    step: str = ""


def told_of(row: Export) -> Told:
    """An export in words."""
    asked = Asked.read(row.asked)
    kept_until = row.at + timedelta(days=settings.EXPORT_DAYS)
    if row.state != Export.State.running:
        return Told(row, asked, _words(asked), kept_until)
    steps = {one.key: one for one in (*FIRST, *LAST)}
    steps |= {form: writing(say(FORMS[form])) for form in asked.forms}
    step = steps[row.step].told(say) if row.step in steps else say(N_("waiting to begin"))
    return Told(row, asked, _words(asked), kept_until, *progress(row), step)


def _words(asked: Asked) -> list[str]:
    """What was asked for."""
    lines = []
    if asked.kind == Export.Kind.change:
        earlier = _period(asked.earlier_since, asked.earlier_until)
        lines.append(say(N_("{earlier} against {later}")).format(
            earlier=earlier, later=_period(asked.since, asked.until)
        ))  # fmt: skip
    else:
        all_drives = say(N_("all drives"))
        lines.append(_period(asked.since, asked.until) if asked.since or asked.until else all_drives)
    if asked.within:
        lines.append(say(N_("within {area}")).format(area=", ".join(f"{edge:g}" for edge in asked.within)))
    if asked.forms:
        lines.append(dict(systems())[asked.crs] if asked.crs in PLANES else SYSTEMS[asked.crs])
        lines.append(LANGUAGE_NAMES[asked.language])
    if {"csv", "shp"} & set(asked.forms):
        lines.append(ENCODINGS[asked.encoding])
    return lines


def _period(since: str, until: str) -> str:
    return f"{dated(since)} – {dated(until)}".strip()


def choices() -> dict[str, object]:
    """What the form's template chooses from."""
    return {
        "form_names": FORMS, "systems": systems(), "encodings": ENCODINGS, "languages": LANGUAGE_NAMES, "edges": EDGES,
    }  # fmt: skip


@require_safe
def exports(request: HttpRequest) -> HttpResponse:
    """All that were made, the latest first."""
    give_up_dead()
    rows = Export.objects.select_related("by")[:SHOWN]
    values = {"rows": [told_of(row) for row in rows], "days": settings.EXPORT_DAYS, "form_names": FORMS}
    return render(request, "web/exports.html", values)


@require_POST
def export_new(request: HttpRequest, kind: str) -> HttpResponse:
    """Begin one; a form that can't be is shown again with what is wrong."""
    if kind not in PAGES:
        raise Http404
    form = ExportForm(kind, request.POST)
    if not form.is_valid():
        values = {"form": form, "kind": kind, **choices()}
        return render(request, "web/export_again.html", values, status=422)
    start(form.asked().kept(), who(request))
    return redirect("exports")


@require_safe
def export_part(request: HttpRequest, number: int) -> HttpResponse:
    """The part of a page that changes while one is made."""
    give_up_dead()
    row = get_object_or_404(Export.objects.select_related("by"), pk=number)
    return render(request, "web/export_part.html", {"one": told_of(row), "form_names": FORMS})


@require_safe
def export_file(request: HttpRequest, number: int, kind: str) -> StreamingHttpResponse:
    """A form of an export as a download."""
    row = get_object_or_404(Export, pk=number)
    file = next((one for one in row.files if one["form"] == kind), None)
    if file is None:
        raise Http404
    name = PurePath(str(file["name"]))
    answer = sent(folder_of(row) / name, KINDS[name.suffix], f"{name.stem}-{row.pk}{name.suffix}")
    audited(request.user, "export.downloaded", str(row.pk), form=kind, bytes=file["bytes"], **_of(row))
    return answer


def _of(row: Export) -> dict[str, object]:
    return {name: value for name, value in row.asked.items() if value and name != "forms"}


def _with_map(number: int) -> Export:
    row = get_object_or_404(Export, pk=number)
    if not any(one["form"] == "html" for one in row.files):
        raise Http404
    return row


@require_safe
def export_map(request: HttpRequest, number: int) -> HttpResponse:
    """An export's map within our page."""
    row = _with_map(number)
    audited(request.user, "export.seen", str(row.pk), **_of(row))
    return render(request, "web/export_map.html", {"one": told_of(row)})


@require_safe
def export_map_frame(request: HttpRequest, number: int) -> StreamingHttpResponse:
    """The map itself: one file with its own, stricter, policy."""
    answer = sent(folder_of(_with_map(number)) / MAP, "text/html; charset=utf-8")
    answer.own_policy = True  # type: ignore[attr-defined]  # see roaddamage.web.middleware
    return answer


@require_safe
def export_map_picture(request: HttpRequest, number: int, name: str) -> StreamingHttpResponse:
    """A picture beside the map."""
    path = folder_of(_with_map(number)) / EVIDENCE / PurePath(name).name
    if path.suffix.lower() != ".jpg" or path.is_symlink():
        raise Http404
    return sent(path, "image/jpeg")


@require_POST
def export_delete(request: HttpRequest, number: int) -> HttpResponse:
    """Delete one with its files."""
    delete(get_object_or_404(Export, pk=number), who(request))
    messages.success(request, say(N_("The export was deleted.")))
    return redirect("exports")
