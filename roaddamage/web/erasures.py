"""Erase requests: asked by place and time, looked through, and carried out, picture by picture or all at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from detector.errors import N_, RoadDamageError
from maps.map_files import BaseMapError
from maps.tile_archive import open_archive
from roaddamage import erasing
from roaddamage.erasing import ask, cover_area, erase_photo, erase_picture, erase_span
from roaddamage.erasure_search import Moment, find, seen_at
from roaddamage.photos import photo_file
from roaddamage.records.audit import audited
from roaddamage.records.models import Drive, Erased, Erasure, LabelledFrame, Stop
from roaddamage.records.numbers import number_in
from roaddamage.web.access import who
from roaddamage.web.audit_words import ACTIONS
from roaddamage.web.erasure_form import ErasureForm
from roaddamage.web.evidence import picture_of
from roaddamage.web.templating import say

SHOWN = 100
MOST_WAYS, WAY_POINTS = 300, 60
"""Of the latest drives, on the map on which a place is chosen."""


@dataclass(frozen=True)
class Shown:
    """A picture as a page shows it: its address, and what it is called in a form."""

    address: str
    key: str


@require_safe
def erasures(request: HttpRequest) -> HttpResponse:
    """All requests, the latest first, and the form of a new one."""
    return render(request, "web/erasures.html", _values(ErasureForm()))


def _values(form: ErasureForm) -> dict[str, Any]:
    rows = Erasure.objects.select_related("by").prefetch_related("parts")[:SHOWN]
    previews = Drive.objects.order_by("-pk").values_list("preview", flat=True)[:MOST_WAYS]
    ways = [_thinned(line) for lines in previews for line in lines if line]
    return {"form": form, "rows": rows, "ways": ways, "basemap": _basemap(), "zone": settings.TIME_ZONE}


def _thinned(line: list[list[float]]) -> list[list[float]]:
    """A way as it is seen on a map of the town."""
    step = max(len(line) // WAY_POINTS, 1)
    return [[round(lon, 5), round(lat, 5)] for lon, lat in (*line[::step], line[-1])]


def _basemap() -> str:
    """The attribution of the base map; "" where there is none."""
    try:
        return (
            open_archive(settings.WORKSPACE.basemap).attribution
            if settings.WORKSPACE.basemap.is_file()
            else ""
        )
    except (BaseMapError, OSError):
        return ""


@require_POST
def erasure_new(request: HttpRequest) -> HttpResponse:
    """Keep a request, and look what it is of; a form that can't be is shown again with what is wrong."""
    form = ErasureForm(request.POST)
    if not form.is_valid():
        return render(request, "web/erasures.html", _values(form), status=422)
    row = Erasure(by=who(request), **form.values())
    ask(row)
    return redirect("erasure", row.pk)


@require_safe
def erasure(request: HttpRequest, number: int) -> HttpResponse:
    """A request: what was found, what was done, and what held it."""
    row = get_object_or_404(Erasure.objects.select_related("by"), pk=number)
    audited(request.user, "erasure.seen", row.reference, request=row.pk)
    found = find(row)
    parts = list(row.parts.select_related("by", "drive", "stop__work_list"))
    shown = {(one.drive.pk, one.time_ms): _shown(one) for one in found.moments}
    photos = [_photo(one) for one in found.stops]
    return render(request, "web/erasure.html", {
        "row": row, "found": found, "shown": shown, "parts": parts, "held": _held(parts), "left": [one for one in parts if one.finished is None],
        "actions": ACTIONS, "photos": photos,
        "left_to_erase": any(there and not gone for _, there, gone, _ in photos) or any(not one.is_gone for one in found.moments),
    })  # fmt: skip


def _photo(stop: Stop) -> tuple[Stop, bool, bool, list[Erased]]:
    """A stop, whether its photo's file is there, whether nothing of it is shown any more, and what was erased of it."""
    erased = list(stop.erased.all())
    return stop, photo_file(stop.photo) is not None, any(row.xyxy is None for row in erased), erased


def _shown(one: Moment) -> Shown:
    """The cleanest picture there is of a moment."""
    key = f"{one.drive.pk}-{one.time_ms}"
    for kind in ("frame", "picture"):
        seen = next((seen for seen in one.sightings if picture_of(seen, kind)), None)
        if seen:
            return Shown(reverse("evidence", args=[seen.pk, kind]), key)
    return Shown(reverse("frame_picture", args=[one.frame.pk]) if one.frame else "", key)


def _held(parts: list[Erased]) -> dict[str, list[dict[str, Any]]]:
    """What held the pictures of all parts, each copy once; `when` is a time."""
    told: dict[str, list[dict[str, Any]]] = {}
    for part in parts:
        for kind, rows in part.held.items():
            known = told.setdefault(kind, [])
            known += [row for row in rows if row not in known]
    return {kind: [row | _when(row) for row in rows] for kind, rows in told.items()}


def _when(row: dict[str, Any]) -> dict[str, datetime]:
    return {"when": datetime.fromisoformat(row["at"])} if "at" in row else {}


@require_POST
def erasure_pictures(request: HttpRequest, number: int) -> HttpResponse:
    """Erase the pictures and photos that are ticked, as a whole."""
    row = get_object_or_404(Erasure, pk=number)
    chosen = _ticked(request.POST)
    for one in chosen:
        if isinstance(one, Stop):
            erase_photo(row, who(request), one)
        else:
            erase_picture(row, who(request), one.drive, one.time_ms)
    if chosen:
        messages.success(request, say(N_("Erased: {count}.")).format(count=len(chosen)))
    else:
        messages.error(request, say(N_("Tick the pictures that are to be erased.")))
    return redirect("erasure", number)


def _ticked(form: QueryDict) -> list[Moment | Stop]:
    """Pictures that a form names. Raises Http404 for what names none."""
    photos = [f"photo-{key}" for key in form.getlist("photo")]
    return [_target(key) for key in dict.fromkeys([*form.getlist("picture"), *photos])]


@require_POST
def erasure_span(request: HttpRequest, number: int) -> HttpResponse:
    """Erase a stretch of a drive with all its pictures; with `footage` its original footage too."""
    row = get_object_or_404(Erasure, pk=number)
    drive = get_object_or_404(Drive, pk=number_in(request.POST.get("drive", "")))
    try:
        begin_s, end_s = (float(request.POST.get(name, "")) for name in ("begin_s", "end_s"))
        erase_span(row, who(request), drive, begin_s, end_s, footage="footage" in request.POST)
    except (RoadDamageError, ValueError) as error:
        told = error if isinstance(error, RoadDamageError) else erasing.ErasureError(erasing.NO_STRETCH)
        messages.error(request, told.message(say))
    else:
        messages.success(request, say(N_("The stretch was erased.")))
    return redirect("erasure", number)


@require_http_methods(["GET", "HEAD", "POST"])
def erasure_cover(request: HttpRequest, number: int, key: str) -> HttpResponse:
    """Draw an area of a picture, and cover it; `key` is a drive and a moment, or "photo" and a stop."""
    row = get_object_or_404(Erasure, pk=number)
    target = _target(key)
    if request.method == "POST":
        try:
            area = [float(edge) for edge in request.POST.get("area", "").split(",") if edge]
            if isinstance(target, Stop):
                erase_photo(row, who(request), target, area)
            else:
                cover_area(row, who(request), target.drive, target.time_ms, area)
        except (RoadDamageError, ValueError) as error:
            told = error if isinstance(error, RoadDamageError) else erasing.ErasureError(erasing.NO_AREA)
            messages.error(request, told.message(say))
        else:
            messages.success(request, say(N_("The area was covered.")))
            return redirect("erasure", number)
    address = reverse("photo", args=[target.pk]) if isinstance(target, Stop) else _shown(target).address
    return render(request, "web/erasure_cover.html", {
        "row": row, "key": key, "address": address, "is_moment": isinstance(target, Moment),
    })  # fmt: skip


def _target(key: str) -> Moment | Stop:
    """The picture that an address names. Raises Http404 for none."""
    first, _, second = key.partition("-")
    if first == "photo":
        return get_object_or_404(Stop.objects.exclude(photo=""), pk=number_in(second))
    drive, time_ms = get_object_or_404(Drive, pk=number_in(first)), number_in(second)
    if time_ms is None:
        raise Http404
    seen = list(seen_at(drive, time_ms))
    frame = LabelledFrame.objects.filter(drive=drive, time_ms=time_ms).first()
    if not (seen or frame):
        raise Http404
    return Moment(drive, time_ms, seen, frame)
