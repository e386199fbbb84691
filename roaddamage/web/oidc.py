"""Log-in by the municipality's OpenID Connect provider: allauth talks to it, and all that people see is ours.

Of allauth's views only the two are there that the provider needs: off to it, and back. Both end in pages of ours, before
allauth would sign anybody up, look at e-mail addresses, or keep what the provider told.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp, SocialLogin
from allauth.socialaccount.providers.base.constants import AuthError
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView, OAuth2LoginView
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.contrib.auth import login
from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST
from requests import RequestException

from detector.errors import N_
from roaddamage.identity_provider import provider
from roaddamage.web.oidc_faults import CANCELLED, STALE, Fault, fault_of, refusal
from roaddamage.web.oidc_users import BACKEND, ID, LogInError, user_of
from roaddamage.web.templating import say

PLACE = {"provider_id": ID}
SESSION = "oidc"
"""In a session: what is needed to log out of the provider as well."""
NO_PROVIDER = (
    RequestException, OAuth2Error, ImproperlyConfigured, IntegrityError, LookupError, TypeError, ValueError, AttributeError
)  # fmt: skip
"""What answers come to that no provider would give, or that come twice."""
MOST_SAID = 500
"""What of an answer is written into the log, in characters: it may be a whole page."""
log = logging.getLogger("roaddamage.oidc")


class Provider(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]
    """The provider's answers, of which nothing is kept but the subject."""

    def complete_login(self, request: HttpRequest, app: SocialApp, token: Any, **kwargs: Any) -> SocialLogin:
        """What was told of whom. Raises OAuth2Error where its parts are of two people."""
        made = super().complete_login(request, app, token, **kwargs)
        told = made.account.extra_data
        if "id_token" not in told or told["userinfo"].get("sub") != told["id_token"].get("sub"):
            raise OAuth2Error("id_token and userinfo are not of one subject")
        made.claims = told["id_token"] | told["userinfo"]
        made.account.extra_data = {}
        made.ending = {
            "address": self.openid_config.get("end_session_endpoint", ""),
            "id_token": kwargs["response"]["id_token"],
        }
        return made


class Adapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """What allauth asks of us."""

    def list_apps(self, request: HttpRequest, provider: Any = None, client_id: Any = None) -> list[SocialApp]:
        """The provider as the settings have it, never one of the records."""
        oidc = settings.OIDC
        if oidc is None:
            return []
        kept = {"server_url": oidc.server_url, "scope": oidc.scopes, "oauth_pkce_enabled": True}
        secret = oidc.secret(settings.WORKSPACE.folder)
        return [
            SocialApp(
                provider=OpenIDConnectProvider.id, provider_id=ID, name=oidc.label, client_id=oidc.client_id,
                secret=secret, settings=kept,
            )
        ]  # fmt: skip

    def get_requests_session(self) -> Any:
        """Requests to the provider: they end after a while, and trust the authority of the settings."""
        session = super().get_requests_session()
        authority = provider().authority(settings.WORKSPACE.folder)
        session.request = partial(session.request, verify=authority or True)
        return session

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Log in, or refuse; allauth's own ways end here."""
        raise ImmediateHttpResponse(_let_in(request, sociallogin))

    def on_authentication_error(
        self, request: HttpRequest, provider: Any, error: Any = None, exception: Exception | None = None,
        extra_context: dict[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """Tell in words what went wrong."""
        if error == AuthError.CANCELLED:
            fault = CANCELLED
        elif "state_id" in (extra_context or {}):
            fault = STALE
        else:
            fault = fault_of(exception)
        raise ImmediateHttpResponse(_told(request, fault, exception))


@require_POST
def log_in(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Off to the provider, with what proves that the answer belongs to this browser."""
    _only_where_wanted()
    try:
        answer = OAuth2LoginView.adapter_view(Provider(request, provider_id))(request)
    except NO_PROVIDER as error:
        return _told(request, fault_of(error), error)
    return onward(request, answer["Location"]) if "Location" in answer.headers else answer


@require_GET
def back(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Back from the provider."""
    _only_where_wanted()
    try:
        answer: HttpResponse = OAuth2CallbackView.adapter_view(Provider(request, provider_id))(request)
    except NO_PROVIDER as error:
        return _told(request, fault_of(error), error)
    return answer


def onward(request: HttpRequest, address: str, title: str = N_("On to {label}")) -> HttpResponse:
    """A page that goes on to the provider by itself.

    Not a redirection: a browser would hold it, and every one after it, against the policy of forms, and a provider may
    send people on to another one.
    """
    values = {"title": title, "address": address, "label": provider().label, "here": reverse("login")}
    answer = render(request, "web/oidc_onward.html", values)
    answer.headers["Refresh"] = f"0; url={address}"
    return answer


def _only_where_wanted() -> None:
    """Raises Http404 without a provider in the settings."""
    if settings.OIDC is None:
        raise Http404


def _let_in(request: HttpRequest, told: SocialLogin) -> HttpResponse:
    try:
        user = user_of(told.account, told.claims)
    except LogInError as error:
        return refusal(request, 403, say(N_("You were not logged in")), error.message(say))
    login(request, user, backend=BACKEND)
    request.session[SESSION] = told.ending
    return redirect(told.get_redirect_url(request) or settings.LOGIN_REDIRECT_URL)


def _told(request: HttpRequest, fault: Fault, error: Exception | None) -> HttpResponse:
    reason = f"{type(error).__name__}: {error}"[:MOST_SAID] if error else fault.title
    log.warning("log-in by %s failed: %s", provider().server_url, reason)
    return refusal(request, fault.status, say(fault.title), say(fault.text).format(label=provider().label))
