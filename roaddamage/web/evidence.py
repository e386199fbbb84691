"""Evidence pictures, for those who may see them: found by their sighting, never by a path of the request."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePath

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.cache import get_conditional_response
from django.utils.http import quote_etag
from django.views.decorators.http import require_safe

from roaddamage.records.models import Sighting

KINDS = {"picture": "evidence", "crop": "crop", "frame": "frame"}
"""What a picture is called in an address → the sighting's field that names its file."""


def picture_of(seen: Sighting, kind: str) -> Path | None:
    """The file of a sighting's picture, within its drive's folder; None where there is none."""
    name = PurePath(getattr(seen, KINDS[kind])).name
    path: Path = settings.WORKSPACE.evidence / str(seen.drive_id) / name
    return path if name and path.is_file() and not path.is_symlink() else None


@require_safe
def evidence(request: HttpRequest, sighting: int, kind: str) -> HttpResponse:
    """A picture of a sighting: `picture` with its box drawn, `crop`, or `frame` without a box."""
    seen = get_object_or_404(Sighting, pk=sighting)
    path = picture_of(seen, kind) if kind in KINDS else None
    if path is None:
        raise Http404
    return jpeg(request, path)


def jpeg(request: HttpRequest, path: Path, made: Callable[[bytes], bytes] = bytes) -> HttpResponse:
    """A picture's file, or what is made of it. Browsers ask anew each time: another run, or an erasure, makes it another.

    Raises OSError where it is gone.
    """
    tag = quote_etag(f"{path.name}-{path.stat().st_mtime_ns}")
    answer = get_conditional_response(request, etag=tag) or HttpResponse(
        made(path.read_bytes()), "image/jpeg"
    )
    answer.headers["Cache-Control"], answer.headers["ETag"] = "private, no-cache", tag
    return answer
