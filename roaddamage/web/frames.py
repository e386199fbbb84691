"""The list of labelled frames: filtered, paged, and exported for tools; and their pictures."""

from __future__ import annotations

import io
from collections.abc import Callable

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_POST, require_safe
from PIL import Image

from detector.errors import RoadDamageError
from roaddamage import frame_exports, frame_files
from roaddamage.records.audit import audited
from roaddamage.records.decisions import REJECTED_AS
from roaddamage.records.frame_selection import counts_of, read
from roaddamage.records.models import Drive, FrameExport, LabelledFrame
from roaddamage.records.paging import Order, page_of
from roaddamage.web.access import who
from roaddamage.web.downloads import sent
from roaddamage.web.evidence import jpeg
from roaddamage.web.frame_drawing import drawn
from roaddamage.web.templating import say

A_PAGE = 48
ORDER = Order(("-changed", "-pk"))
MOST_DRIVES, SHOWN_EXPORTS = 300, 5
SMALL_PX = 360


@require_safe
def frames(request: HttpRequest) -> HttpResponse:
    """The page."""
    frame_exports.give_up_dead()
    told = read(request.GET.dict())
    rows = told.rows()
    shown = rows.prefetch_related("boxes")
    page = page_of(
        shown,
        ORDER,
        A_PAGE,
        request.GET.get("after", ""),
        request.GET.get("before", ""),
        "last" in request.GET,
    )
    exports = FrameExport.objects.select_related("by").defer("frames")[:SHOWN_EXPORTS]
    return render(request, "web/frames.html", {
        "told": told, "page": page, "counts": counts_of(rows), "query": told.query(), "query_text": urlencode(told.query()),
        "drawn": {frame.pk: drawn(frame) for frame in page.rows}, "as_what": REJECTED_AS, "exports": exports, "forms": frame_exports.FORMS,
        "blind_forms": frame_exports.BLIND, "most": frame_exports.MOST,
        "drives": Drive.objects.filter(labelled_frames__judged=True).only("name").order_by("-begin").distinct()[:MOST_DRIVES],
        "users": User.objects.filter(frame_changes__isnull=False).distinct().order_by("last_name", "username"),
    })  # fmt: skip


@require_POST
def frames_export(request: HttpRequest) -> HttpResponse:
    """Begin an export of all frames of a filter."""
    told = read(request.POST.dict())
    back = f"{reverse('frames')}?{urlencode(told.query())}"
    kind = request.POST.get("form", "")
    if kind not in frame_exports.FORMS:
        return redirect(back)
    keys = list(told.rows().order_by("pk").values_list("pk", flat=True)[: frame_exports.MOST + 1])
    try:
        frame_exports.start(kind, keys, who(request), blind=request.POST.get("blind") == "yes")
    except RoadDamageError as error:
        messages.error(request, error.message(say))
        return redirect(back)
    return redirect(f"{back}#exports")


@require_safe
def frame_export_part(request: HttpRequest, number: int) -> HttpResponse:
    """The part of the page that changes while an export is made."""
    frame_exports.give_up_dead()
    row = get_object_or_404(FrameExport.objects.select_related("by").defer("frames"), pk=number)
    return render(request, "web/frame_export_part.html", {"one": row, "forms": frame_exports.FORMS})


@require_safe
def frame_export_file(request: HttpRequest, number: int) -> StreamingHttpResponse:
    """An export's zip."""
    row = get_object_or_404(FrameExport.objects.defer("frames"), pk=number, bytes__isnull=False)
    answer = sent(
        frame_exports.file_of(row), "application/zip", f"{frame_exports.name_of(row)}-{row.kind}.zip"
    )
    audited(request.user, "frames.downloaded", str(row.pk), form=row.kind, bytes=row.bytes)
    return answer


@require_safe
def frame_picture(request: HttpRequest, number: int) -> HttpResponse:
    """A frame's picture."""
    return _picture(request, number)


@require_safe
def frame_small(request: HttpRequest, number: int) -> HttpResponse:
    """The same, small."""
    return _picture(request, number, _small)


def _picture(request: HttpRequest, number: int, made: Callable[[bytes], bytes] = bytes) -> HttpResponse:
    path = frame_files.file_of(get_object_or_404(LabelledFrame, pk=number).uid)
    try:
        return jpeg(request, path, made)
    except OSError as error:
        raise Http404 from error


def _small(data: bytes) -> bytes:
    made = io.BytesIO()
    with Image.open(io.BytesIO(data), formats=("JPEG",)) as picture:
        picture.draft("RGB", (SMALL_PX, SMALL_PX))
        small = picture.convert("RGB")
        small.thumbnail((SMALL_PX, SMALL_PX))
        small.save(made, "JPEG", quality=80)
    return made.getvalue()
