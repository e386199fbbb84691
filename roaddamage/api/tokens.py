"""Tokens: programs are let in by what a user gave them, under the API's addresses alone."""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone

from detector.errors import N_, RoadDamageError
from roaddamage.records.audit import audited
from roaddamage.records.models import Token
from roaddamage.web.templating import say

PLACES = ("/api/", "/ogc/", "/metrics")
"""Where a token is good for anything."""
LONGEST_DAYS, USUAL_DAYS = 3 * 366, 366
SEEN_EVERY = timedelta(minutes=1)
"""`Token.used` is no more exact, so that a busy program does not write at each request."""
REFUSED = N_(
    "This token is not known, has expired, or belongs to somebody who can't log in any more. Make a new one."
)
READS_ONLY = N_("This token may read only. Make one that may change things too.")


class TokenError(RoadDamageError):
    """A token that can't be made."""


def make_token(user: User, name: str, days: int = USUAL_DAYS, *, writes: bool = False) -> tuple[Token, str]:
    """A new token, and its secret, which is told this once. Raises TokenError."""
    if not name.strip():
        raise TokenError(N_("Say what the token is for, such as QGIS on the GIS computer."))
    if not 1 <= days <= LONGEST_DAYS:
        raise TokenError(N_("A token is good for 1 to {most} days."), most=LONGEST_DAYS)
    secret = secrets.token_urlsafe(32)
    token = Token.objects.create(
        user=user, name=name.strip()[:200], digest=_digest(secret), begins=secret[:6], writes=writes,
        expires=timezone.now() + timedelta(days=days),
    )  # fmt: skip
    audited(user, "token.made", token.name, days=days, writes=writes)
    return token, secret


def withdraw(token: Token, by: User) -> None:
    """Make a token good for nothing."""
    audited(by, "token.withdrawn", token.name, user=token.user.username)
    token.delete()


def for_programs(request: HttpRequest) -> bool:
    """Whether a request is to an address that programs read."""
    return request.path.startswith(PLACES)


def token_of(request: HttpRequest) -> str | None:
    """The secret that a request shows: as a bearer, or, for programs that know no other way, as a basic password."""
    kind, _, value = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return value.strip()
    if kind.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return None


def known(secret: str, now: datetime) -> Token | None:
    """The token of this secret, where it is good."""
    good = Token.objects.filter(digest=_digest(secret), expires__gt=now, user__is_active=True)
    token = good.select_related("user").first()
    if token is not None:
        old = Q(used__isnull=True) | Q(used__lt=now - SEEN_EVERY)
        Token.objects.filter(old, pk=token.pk).update(used=now)
    return token


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


class ByToken:
    """Makes the token's user the request's; what that user may, the table tells as for a person."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer a request."""
        secret = token_of(request) if for_programs(request) else None
        if secret is not None:
            token = known(secret, timezone.now())
            if token is None:
                return refused(401, say(REFUSED))
            if request.method not in ("GET", "HEAD", "OPTIONS") and not token.writes:
                return refused(403, say(READS_ONLY))
            request.user = token.user
            request._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]  # no browser sends it by itself
        return self.get_response(request)


def refused(status: int, text: str) -> JsonResponse:
    """What a program is told that may not; with 401, how to be known."""
    answer = JsonResponse({"detail": text}, status=status)
    if status == 401:
        answer.headers["WWW-Authenticate"] = 'Bearer realm="roaddamage", Basic realm="roaddamage"'
    return answer
