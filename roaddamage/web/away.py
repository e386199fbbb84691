"""The pages of bad days: the database is away, or something unforeseen went wrong. They ask the database nothing."""

from __future__ import annotations

import sys

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from roaddamage.faults import AWAY, is_full

RETRY_S = 30


def failed(request: HttpRequest) -> HttpResponse:
    """What to tell of an error that nobody handled: 503 where it passes by itself, else 500."""
    error = sys.exc_info()[1]
    away = isinstance(error, AWAY) and not is_full(error)
    text = render_to_string("web/away.html", {"away": away, "full": is_full(error)})
    response = HttpResponse(text, status=503 if away else 500)
    if away:
        response.headers["Retry-After"] = str(RETRY_S)
    return response
