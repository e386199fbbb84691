"""The map: its page, the figure within, and what that asks for (docs/map-layer.md)."""

from __future__ import annotations

import math
import re
from typing import Any

from django.conf import settings
from django.core.exceptions import BadRequest
from django.db.models import Count, Max, Min, Sum
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from detector.errors import N_
from maps.basemap_layer import add_served
from maps.damage_layer import About, Begin, DamageUrlLayer
from maps.map_files import BaseMapError
from maps.offline import OfflineFigure
from maps.question import Bounds, bounds
from maps.tile_archive import open_archive
from maps.webmap import new_map
from roaddamage.language import translation
from roaddamage.records.models import Damage, Drive, Sighting
from roaddamage.records.selection import Selection, SelectionError, query_of, read
from roaddamage.records.viewport import answer, record
from roaddamage.web.chosen import besides, words_of
from roaddamage.web.evidence import KINDS
from roaddamage.web.templating import local, number, say

APART_DEG = 0.2
"""Drives further from one another are of two areas."""
AROUND_DEG = 0.0004
LONGEST_PIECE = 16 * 2**20
RANGE = re.compile(r"bytes=(\d{1,15})-(\d{1,15})")
PICTURE_OF = {field: kind for kind, field in KINDS.items()}


@require_safe
def map_page(request: HttpRequest) -> HttpResponse:
    """The map within our page, with ways to the list and back."""
    told = _selection(request)
    query = query_of(told)
    if "at" in request.GET:
        query["at"] = request.GET["at"][:12]
    frame = request.build_absolute_uri(reverse("map_frame"))
    values = {"frame": frame, "query": query, "words": words_of(told), "besides": besides(told)}
    return render(request, "web/damage_map.html", values)


@require_safe
def map_frame(request: HttpRequest) -> HttpResponse:
    """The figure: one file with its own, stricter, policy."""
    language = (get_language() or "ja")[:2]
    translate = translation(language)
    told = _selection(request)
    opened = request.GET.get("at", "")
    figure = OfflineFigure(translate("Road damage map"), language)
    figure.allow("connect-src", "'self'")
    page = new_map()
    figure.add_child(page)
    basemap = settings.WORKSPACE.basemap
    notices = []
    if basemap.is_file():
        try:
            archive = open_archive(basemap)
            add_served(figure, page, archive, reverse("basemap"), translate("Base map"))
        except BaseMapError as error:
            notices.append(error.message(translate))
    number_opened = int(opened) if opened.isascii() and opened.isdecimal() and len(opened) < 13 else None
    about = About(
        translate("Road damage map"), _facts(), notices, areas=_areas(told, number_opened), views=("damages",),
        evidence="",
    )  # fmt: skip
    also = {name: value for name, value in query_of(told).items() if name in besides(told)}
    begin = Begin(_chosen(told), also, number_opened, "/damages/")
    page.add_child(DamageUrlLayer(reverse("map_damages"), about, translate, begin))
    response = HttpResponse(figure.render())
    response.own_policy = True  # type: ignore[attr-defined]  # see roaddamage.web.middleware
    return response


@require_safe
def map_damages(request: HttpRequest) -> HttpResponse:
    """What the map shows."""
    try:
        box, zoom = bounds(request.GET.get("bbox", "")), int(request.GET.get("zoom", ""))
        told = read({name: values for name, values in request.GET.lists() if name not in ("bbox", "zoom")})
        return JsonResponse(answer(box, zoom, told))
    except (ValueError, SelectionError) as error:
        raise BadRequest from error


@require_safe
def map_damage(request: HttpRequest, number: int) -> HttpResponse:
    """All that is known of one damage."""
    try:
        return JsonResponse(record(number, _picture))
    except Damage.DoesNotExist as error:
        raise Http404 from error


@require_safe
def basemap(request: HttpRequest) -> HttpResponse:
    """A piece of the base map (HTTP range, RFC 9110, 14.2), as a PMTiles file is read by the page."""
    path = settings.WORKSPACE.basemap
    asked = RANGE.fullmatch(request.headers.get("Range", ""))
    if not path.is_file():
        raise Http404
    size, changed = path.stat().st_size, path.stat().st_mtime_ns
    if asked is None or int(asked[1]) > int(asked[2]) or int(asked[1]) >= size:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    first = int(asked[1])
    last = min(int(asked[2]), size - 1, first + LONGEST_PIECE - 1)
    with path.open("rb") as file:
        file.seek(first)
        piece = file.read(last - first + 1)
    headers = {
        "Content-Range": f"bytes {first}-{first + len(piece) - 1}/{size}", "Accept-Ranges": "bytes",
        "ETag": f'"{changed:x}-{size:x}"', "Cache-Control": "private, max-age=3600",
    }  # fmt: skip
    return HttpResponse(piece, "application/octet-stream", 206, headers=headers)


def _selection(request: HttpRequest) -> Selection:
    try:
        return read(dict(request.GET.lists()))
    except SelectionError as error:
        raise BadRequest(error.message(say)) from error


def _picture(seen: Sighting, name: str) -> str:
    if not getattr(seen, name):
        return ""
    return reverse("evidence", kwargs={"sighting": seen.pk, "kind": PICTURE_OF[name]})


def _chosen(told: Selection) -> dict[str, Any]:
    own = told.filter
    first, last = (int(day) if math.isfinite(day) else None for day in own.days)
    return {
        "class": sorted(own.class_), "severity": sorted(own.severity), "state": sorted(own.state),
        "also": {"confidence": round(100 * own.confidence), "from": first, "to": last},
    }  # fmt: skip


def _facts() -> list[str]:
    done = Drive.objects.filter(state=Drive.State.done)
    sums = done.aggregate(Sum("metres"), Count("pk"), Min("begin"), Max("begin"))
    if not sums["pk__count"]:
        return [say(N_("No drive has been run yet."))]
    days = [local(sums[name], "SHORT_DATE_FORMAT") for name in ("begin__min", "begin__max")]
    text = say(N_("{km} km, drives: {drives}")).format(
        km=number(sums["metres__sum"] / 1000, 1), drives=number(sums["pk__count"])
    )
    return [text, " – ".join(dict.fromkeys(days))]


def _areas(told: Selection, opened: int | None) -> list[Bounds]:
    """What to look at: the damage asked for, or the bounds, or where was driven, the most driven first."""
    row = Damage.objects.filter(pk=opened).first() if opened is not None else None
    if row is not None:
        reach = AROUND_DEG
        return [(row.lon - reach, row.lat - reach, row.lon + reach, row.lat + reach)]
    if told.area:
        lons, lats = zip(*told.area, strict=True)
        return [(min(lons), min(lats), max(lons), max(lats))]
    if told.bbox:
        return [told.bbox]
    found: list[tuple[int, Bounds]] = []
    drives = Drive.objects.filter(state=Drive.State.done, west__isnull=False)
    for box in drives.values_list("west", "south", "east", "north"):
        count, west, south, east, north = 1, *(float(part) for part in box if part is not None)
        near = [one for one in found if _near(one[1], (west, south, east, north))]
        for other, joined in near:
            count += other
            west, south = min(west, joined[0]), min(south, joined[1])
            east, north = max(east, joined[2]), max(north, joined[3])
        found = [one for one in found if one not in near] + [(count, (west, south, east, north))]
    return [box for _, box in sorted(found, reverse=True)]


def _near(one: Bounds, other: Bounds) -> bool:
    return all(one[k] <= other[k + 2] + APART_DEG and other[k] <= one[k + 2] + APART_DEG for k in (0, 1))
