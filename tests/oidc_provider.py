"""An OpenID Connect provider of others' making, in a thread of the tests, and what is set so that it is used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from django.test import Client

from roaddamage.identity_provider import Oidc

GROUPS = {"road-engineers": "engineer", "road-crews": "crew", "it": "administrator"}


@dataclass
class Provider:
    """It, with its people."""

    address: str

    def oidc(self, back: str, **changed: Any) -> Oidc:
        """[oidc] for an application that is reached at `back`, where it is known from now on."""
        wanted = {
            "redirect_uris": [f"{back}/login/oidc/back/"],
            "token_endpoint_auth_method": "client_secret_post",
        }
        told = requests.post(f"{self.address}/oauth2/clients", json=wanted, timeout=30).json()
        told = {"client_id": told["client_id"], "client_secret": told["client_secret"]}
        return Oidc.model_validate(
            {"server_url": self.address, "label": "市の統合ログイン", "groups": GROUPS, **told, **changed}
        )

    def person(self, subject: str, *groups: str, **claims: Any) -> None:
        """Somebody whom it knows."""
        told = {"preferred_username": subject, "groups": list(groups), **claims}
        requests.put(f"{self.address}/users/{subject}", json=told, timeout=30).raise_for_status()

    def vouches(self, address: str, subject: str) -> str:
        """What a browser is sent back to after somebody logged in there: path and query."""
        answer = requests.post(address, data={"sub": subject}, allow_redirects=False, timeout=30)
        back = urlsplit(answer.headers["Location"])
        return f"{back.path}?{back.query}"


def begun(client: Client, **sent: str) -> str:
    """The address at the provider to which a browser is sent."""
    answer = client.post("/login/oidc/", sent)
    assert answer.status_code == 200, answer.content.decode()
    return str(answer.headers["Refresh"].removeprefix("0; url="))


@contextmanager
def running() -> Iterator[Provider]:
    """One that is there for a while."""
    from oidc_provider_mock import run_server_in_thread

    with run_server_in_thread(require_client_registration=True) as server:
        yield Provider(f"http://localhost:{server.server_port}")
