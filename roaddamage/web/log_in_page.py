"""The page Log in, and logging out: by passwords of our own, and by the municipality's provider where there is one."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.auth.views import LoginView, LogoutView
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from detector.errors import N_
from roaddamage.identity_provider import provider
from roaddamage.records.audit import audited
from roaddamage.web.access import ADMINISTRATOR, groups_of
from roaddamage.web.oidc import SESSION, onward
from roaddamage.web.templating import say

BY_PROVIDER = N_("Passwords are for administrators here. Log in with {label}.")
OUT = N_("You are logged out here; on to {label}, to log out there too")


def passwords_are_for(user: Any) -> bool:
    """Whether a user may log in by a password of our own: administrators always may, so that nobody is locked out."""
    if settings.OIDC is None or settings.OIDC.local_passwords:
        return True
    return bool(user.is_superuser or ADMINISTRATOR in groups_of(user))


class LogInForm(AuthenticationForm):
    """User name and password."""

    def confirm_login_allowed(self, user: AbstractBaseUser) -> None:
        """Raises ValidationError for who may not."""
        super().confirm_login_allowed(user)  # type: ignore[arg-type]
        if not passwords_are_for(user):
            audited(None, "user.log_in_refused", user.get_username(), way="password")
            raise ValidationError(say(BY_PROVIDER).format(label=provider().label))


class LogInView(LoginView):
    """Log in."""

    template_name = "web/login.html"
    authentication_form = LogInForm

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With the provider, where there is one."""
        return super().get_context_data(**kwargs) | {"oidc": settings.OIDC}


class LogOutView(LogoutView):
    """Log out, and of the provider too where it logged one in: the next at this computer would be let in by its word."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Log out."""
        kept = request.session.get(SESSION) or {}
        answer = super().post(request, *args, **kwargs)
        if not kept.get("address") or settings.OIDC is None:
            return answer
        query = {
            "id_token_hint": kept["id_token"], "client_id": settings.OIDC.client_id,
            "post_logout_redirect_uri": request.build_absolute_uri(reverse("login")),
        }  # fmt: skip
        return onward(request, f"{kept['address']}?{urlencode(query)}", OUT)
