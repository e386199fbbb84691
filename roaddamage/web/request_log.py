"""A line and a count for each request: method, the address' name, status, time, the user's number. Nothing else."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponseBase

from roaddamage import metrics
from roaddamage.logs import REQUESTS

METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
"""Others are one: a method may be any word."""
log = logging.getLogger(REQUESTS)


class Requests:
    """Outermost: tells of what all others answered."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer a request."""
        begun = time.perf_counter()
        response = self.get_response(request)
        match = request.resolver_match
        answered(
            request.method or "",
            match.view_name if match else "",
            response.status_code,
            begun,
            _number(request),
        )
        return response


def answered(method: str, route: str, status: int, begun: float, user: int | None) -> None:
    """Tell of an answer to a request that came at `begun` (`time.perf_counter`); `route` is the address' name."""
    method = method if method in METHODS else "other"
    metrics.requests.labels(method, str(status)).inc()
    ms = round((time.perf_counter() - begun) * 1000, 1)
    figures = {"method": method, "route": route, "status": status, "ms": ms, "user": user}
    log.info("request", extra=figures)


def _number(request: HttpRequest) -> int | None:
    """The user's number, where it was asked for: nobody asks the database for a line of the log."""
    user = request.__dict__.get("user")
    user = user if isinstance(user, User) else getattr(request, "_cached_user", None)
    return user.pk if isinstance(user, User) else None
