"""Log-ins, log-outs, wrong passwords and lock-outs, written into the audit log."""

from __future__ import annotations

from typing import Any

from axes.signals import user_locked_out
from django.contrib.auth import BACKEND_SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.http import HttpRequest

from roaddamage.records.audit import audited
from roaddamage.web.oidc_users import BACKEND, ID


def listen() -> None:
    """To be called once, when Django starts."""
    user_logged_in.connect(_logged_in, dispatch_uid="audit")
    user_logged_out.connect(_logged_out, dispatch_uid="audit")
    user_login_failed.connect(_failed, dispatch_uid="audit")
    user_locked_out.connect(_locked, dispatch_uid="audit")


def _logged_in(user: User, request: HttpRequest, **_: Any) -> None:
    by_provider = request.session.get(BACKEND_SESSION_KEY) == BACKEND
    audited(user, "user.logged_in", user.get_username(), **{"way": ID} if by_provider else {})


def _logged_out(user: User | None, **_: Any) -> None:
    if user is not None:
        audited(user, "user.logged_out", user.get_username())


def _failed(credentials: dict[str, Any], **_: Any) -> None:
    audited(None, "user.log_in_failed", _known(credentials.get("username")))


def _locked(username: str | None, **_: Any) -> None:
    audited(None, "user.locked", _known(username))


def _known(name: str | None) -> str:
    """The name where there is such a user: people type their password there too, which is not to be kept."""
    return str(name) if name and User.objects.filter(username=name).exists() else ""
