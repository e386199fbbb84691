"""Tokens: what a user's programs show instead of a password; each user has their own, administrators see all."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from detector.errors import N_
from roaddamage.api.tokens import USUAL_DAYS, TokenError, make_token, withdraw
from roaddamage.records.models import Token
from roaddamage.web.access import ADMINISTRATOR, groups_of, who
from roaddamage.web.templating import say


@require_GET
def tokens(request: HttpRequest) -> HttpResponse:
    """All that the user may see, and a form for one more."""
    values = {"tokens": _of(request), "now": timezone.now(), "days": USUAL_DAYS, "all": _all(request)}
    return render(request, "web/tokens.html", values)


@require_POST
def token_new(request: HttpRequest) -> HttpResponse:
    """Make a token; its secret is shown here, and nowhere again."""
    days = request.POST.get("days", "")
    try:
        token, secret = make_token(
            who(request), request.POST.get("name", ""), int(days) if days.isdecimal() and len(days) < 9 else 0,
            writes="writes" in request.POST,
        )  # fmt: skip
    except TokenError as error:
        messages.error(request, error.message(say))
        return redirect("tokens")
    return render(request, "web/token.html", {"token": token, "secret": secret})


@require_POST
def token_withdraw(request: HttpRequest, number: int) -> HttpResponse:
    """Make a token good for nothing."""
    token = get_object_or_404(_of(request), pk=number)
    withdraw(token, who(request))
    messages.success(request, say(N_("The token {name} is good for nothing now.")).format(name=token.name))
    return redirect("tokens")


def _all(request: HttpRequest) -> bool:
    return ADMINISTRATOR in groups_of(request.user)


def _of(request: HttpRequest) -> QuerySet[Token]:
    """Those that the user may see."""
    every = Token.objects.select_related("user")
    return every if _all(request) else every.filter(user=who(request))
