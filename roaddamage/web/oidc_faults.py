"""What can go wrong between this application and an OpenID Connect provider, in words for who wanted to log in."""

from __future__ import annotations

from dataclasses import dataclass

import jwt
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from requests.exceptions import ConnectionError as NoConnectionError
from requests.exceptions import HTTPError, RequestException, SSLError, Timeout

from detector.errors import N_


@dataclass(frozen=True)
class Fault:
    """A fault: what is said, and the answer's status."""

    status: int
    title: str
    text: str


_FAILED = N_("The log-in failed")
CANCELLED = Fault(
    400, N_("The log-in was cancelled"), N_("You were not logged in. Begin again when you want to.")
)
STALE = Fault(
    400, N_("The log-in was not finished in time"),
    N_("It took longer than ten minutes, or was begun in another window or browser. Begin again; cookies must be allowed."),
)  # fmt: skip
AWAY = Fault(
    502, N_("{label} does not answer"),
    N_("This server can't reach {label} at the moment. Try again later; if it goes on, tell an administrator."),
)  # fmt: skip
CERTIFICATE = Fault(
    502, _FAILED,
    N_("This server does not trust the certificate of {label}. Tell an administrator: its authority's certificates belong into"
       " the file that ca_file of [oidc] names."),
)  # fmt: skip
SECRET = Fault(
    502, _FAILED,
    N_("{label} does not accept this server. Tell an administrator: client_id or the client's secret in [oidc] is not the one"
       " that {label} has."),
)  # fmt: skip
CLOCK = Fault(
    502, _FAILED,
    N_("By this server's clock, the answer of {label} is not valid now. Tell an administrator: the clock of one of the two is"
       " wrong."),
)  # fmt: skip
NOT_UNDERSTOOD = Fault(
    502, _FAILED,
    N_("The answer of {label} can't be used. Tell an administrator: this server's log says why."),
)  # fmt: skip


def fault_of(error: Exception | None) -> Fault:
    """What is said of an error that allauth or requests raised."""
    cause = error.__cause__ if error else None
    if isinstance(cause, jwt.ExpiredSignatureError | jwt.ImmatureSignatureError):
        return CLOCK
    if isinstance(error, SSLError):
        return CERTIFICATE
    if isinstance(error, NoConnectionError | Timeout) or _is_busy(error):
        return AWAY
    said = str(error)
    if "invalid_client" in said or "unauthorized_client" in said:
        return SECRET
    return STALE if "invalid_grant" in said else NOT_UNDERSTOOD


def _is_busy(error: Exception | None) -> bool:
    """Whether something answers in the provider's place that says that it is away for now."""
    answer = error.response if isinstance(error, RequestException) else None
    return isinstance(error, HTTPError) and answer is not None and answer.status_code in (429, 502, 503, 504)


def refusal(request: HttpRequest, status: int, title: str, text: str) -> HttpResponse:
    """The page that says so, from which one begins again."""
    return render(
        request,
        "web/oidc_refused.html",
        {"title": title, "text": text, "here": reverse("login")},
        status=status,
    )
