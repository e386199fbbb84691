"""The pages for what can't be answered: not allowed, not there, not understood, not sent from our own page."""

from __future__ import annotations

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from detector.errors import N_
from roaddamage.api.tokens import for_programs, refused
from roaddamage.web.templating import say

FORBIDDEN = (
    N_("You may not go there"),
    N_(
        "This page is for other groups of users than yours. If you need it for your work, ask an administrator."
    ),
)
NOT_FOUND = (
    N_("This page is not there"),
    N_("The address may be mistyped, or what it showed was taken away. Start again from the first page."),
)
BAD = (
    N_("The request was not understood"),
    N_("It was incomplete or too large. Go back, load the page again and try once more."),
)
TOO_LONG = (
    N_("Too much was sent at once"),
    N_("Nothing was changed. A GPS log may have 50 MB and a photo 25 MB; footage goes by the upload page."),
)
FORGED = (
    N_("The page was too old"),
    N_("Nothing was changed. Go back, load the page again and send it once more; cookies must be allowed."),
)
HOST = (
    N_("This server is not known by that name"),
    N_(
        "Ask who looks after the server to add {host} to the setting ROADDAMAGE_HOSTS and start the application again."
    ),
)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403."""
    return _page(request, 403, FORBIDDEN)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404."""
    return _page(request, 404, NOT_FOUND)


def csrf(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403: a form that did not come from our own page, or from one too old."""
    return _page(request, 403, FORGED)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400; for a name that is not ours, what to do about it. The page asks neither database nor session."""
    host = request.META.get("HTTP_HOST", "")[:100] if isinstance(exception, DisallowedHost) else ""
    title, text = HOST if host else BAD
    return HttpResponse(
        render_to_string("web/bad_request.html", {"title": title, "text": text, "host": host}), status=400
    )


def _page(request: HttpRequest, status: int, words: tuple[str, str]) -> HttpResponse:
    title, text = words
    if for_programs(request):
        return refused(status, f"{say(title)}. {say(text)}")
    return render(request, "web/refused.html", {"title": title, "text": text}, status=status)
