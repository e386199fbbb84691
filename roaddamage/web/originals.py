"""Original footage, where nobody is masked: for those who have the right to it, with a reason, for a while."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_POST, require_safe

from roaddamage.problems import problem, told
from roaddamage.records.models import Drive, FootageFile
from roaddamage.records.openings import (
    GOOD_FOR,
    LONGEST_REASON,
    OpeningError,
    ends,
    note_file,
    open_footage,
    opening_of,
)
from roaddamage.web.access import who
from roaddamage.web.ranges import first_byte, part_of
from roaddamage.web.templating import say

A_PAGE = 50
KINDS = {
    ".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/quicktime", ".webm": "video/webm", ".mkv": "video/x-matroska",
    ".3gp": "video/3gpp", ".jpg": "image/jpeg", ".jpeg": "image/jpeg",
}  # fmt: skip
"""What browsers are told of a file, by its ending; others can be saved only."""
SAVED_ONLY = "application/octet-stream"


@require_safe
def originals(request: HttpRequest, number: int) -> HttpResponse:
    """A drive's files of footage; a form that asks why, where the user has not said so lately."""
    row = get_object_or_404(Drive, pk=number)
    opening = None if row.footage_deleted else opening_of(who(request), row)
    kept: dict[str, Any] = {
        "drive": row, "opening": opening, "most": LONGEST_REASON,
        "minutes": int(GOOD_FOR.total_seconds() // 60),
    }  # fmt: skip
    if opening:
        files = row.files.filter(kind=FootageFile.Kind.footage)
        page = Paginator(files, A_PAGE).get_page(request.GET.get("page"))
        kept |= {"until": ends(opening), "page": page, "kinds": {one.pk: _kind(one) for one in page}}
        chosen = request.GET.get("file", "")
        if chosen.isdecimal() and (shown := files.filter(pk=int(chosen[:18])).first()):
            kept |= {"shown": shown, "shown_kind": _kind(shown)}
    return render(request, "web/originals.html", kept)


@require_POST
def originals_open(request: HttpRequest, number: int) -> HttpResponse:
    """Say why, and see a drive's footage for a while."""
    row = get_object_or_404(Drive, pk=number)
    try:
        open_footage(who(request), row, request.POST.get("reason", ""))
    except OpeningError as error:
        messages.error(request, told(problem(error, settings.WORKSPACE.footage), say))
    return redirect("originals", number=number)


@require_safe
def original(request: HttpRequest, number: int, file: int) -> HttpResponseBase:
    """A file as it was handed in, or a part of it; with `download` to be saved. To the form, where nobody said why."""
    row = get_object_or_404(Drive, pk=number)
    opening = None if row.footage_deleted else opening_of(who(request), row)
    if opening is None:
        return redirect("originals", number=number)
    named = get_object_or_404(FootageFile, pk=file, drive=row, kind=FootageFile.Kind.footage)
    asked, kind = request.headers.get("Range", ""), _kind(named)
    saved = "download" in request.GET or kind == SAVED_ONLY
    answer = part_of(_path(named), kind, asked)
    if request.method == "GET":
        note_file(opening, named, "download" if saved else "page", begins=first_byte(asked) == 0)
    header = content_disposition_header(saved, named.name)
    answer.headers["Content-Disposition"] = header or "inline"
    return answer


def _kind(file: FootageFile) -> str:
    return KINDS.get(Path(file.name).suffix.lower(), SAVED_ONLY)


def _path(file: FootageFile) -> Path:
    """Where a file lies, in the workspace's footage and nowhere else. Raises Http404."""
    place = Path(settings.WORKSPACE.footage).resolve()
    path = (place / file.path).resolve()
    if not path.is_relative_to(place):
        raise Http404
    return path
