"""What every request is held against, and what every answer carries."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from detector.errors import N_
from roaddamage import metrics
from roaddamage.api.tokens import for_programs, refused
from roaddamage.web.access import PUBLIC, keep_groups, may, must_change_password
from roaddamage.web.templating import say

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self';"
    " font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'; media-src 'self'; frame-src 'self'"
)
UNKNOWN = N_("A token is needed here. Each user makes tokens on the page Tokens.")
LOGGED_OUT = N_("You are no longer logged in. Log in again to go on where you were.")
NOT_KEPT = N_(
    "You are no longer logged in, and what you sent last was not kept. Log in again, then send it once more."
)
DID, NOTED_EVERY_S = "did", 300.0
"""In a session: when its user did something last, to within so many seconds."""
Answer = Callable[[HttpRequest], HttpResponse]


class Guard:
    """Nobody gets past it who may not go there (`roaddamage.web.access`), and no page asks another server."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer a request."""
        response = self.get_response(request)
        # A map page is one file with its own, stricter, policy inside.
        if not getattr(response, "own_policy", False):
            response.headers.setdefault("Content-Security-Policy", POLICY)
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
        return response

    def process_view(self, request: HttpRequest, *_: Any) -> HttpResponse | None:
        """Let through, ask to log in, or refuse. Raises PermissionDenied."""
        match = request.resolver_match
        name = match.view_name if match else ""
        if name in PUBLIC or (name == "metrics" and metrics.known(request.META.get("REMOTE_ADDR", ""))):
            return None
        if not request.user.is_authenticated:
            if for_programs(request):
                return refused(401, say(UNKNOWN))
            return _log_in(request)
        _stay(request)
        keep_groups(request.user)
        if not may(request.user, name):
            if must_change_password(request.user) and not for_programs(request):
                return _elsewhere(request, reverse("password"))
            raise PermissionDenied
        return None


def _stay(request: HttpRequest) -> None:
    """Who does something stays logged in for `SESSION_COOKIE_AGE` from then on; a page that asks by itself does nothing."""
    by_itself = request.headers.get("HX-Request") and request.method == "GET"
    if by_itself or for_programs(request):
        return
    now = time.time()
    # Not at each request: SQLite lets one write at a time, and a page need not wait for a drive that is counted.
    if abs(now - request.session.get(DID, 0.0)) > NOTED_EVERY_S:
        request.session[DID] = now


def _log_in(request: HttpRequest) -> HttpResponse:
    """To the log-in, and from there back to the page that the request came from."""
    part, sent = bool(request.headers.get("HX-Request")), request.method not in ("GET", "HEAD")
    if sent or settings.SESSION_COOKIE_NAME in request.COOKIES:
        messages.warning(request, say(NOT_KEPT if sent else LOGGED_OUT))
    if part or sent:
        page = urlsplit(request.headers.get("HX-Current-URL" if part else "Referer", ""))
        back = f"{page.path or reverse('home')}?{page.query}".rstrip("?")
    else:
        back = request.get_full_path()
    response = redirect_to_login(back)
    # A part of a page can't show the log-in.
    return HttpResponse(status=401, headers={"HX-Redirect": response["Location"]}) if part else response


def _elsewhere(request: HttpRequest, address: str) -> HttpResponse:
    if request.headers.get("HX-Request"):
        return HttpResponse(status=403, headers={"HX-Redirect": address})
    return redirect(address)
