"""[oidc] of the configuration: the municipality's own OpenID Connect provider (Keycloak, Entra ID through a proxy, others)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

Ours = Literal["crew", "engineer", "ml", "administrator", "footage"]
LOCAL = ("localhost", "127.0.0.1", "::1")


def _address(text: str) -> str:
    """Raises ValueError: what is not encrypted can be read, and made up, by whoever is on the way."""
    parts = urlsplit(text)
    if not parts.hostname or parts.scheme not in ("https", "http"):
        raise ValueError("an address is needed, such as https://keycloak.city.lan/realms/city")
    if parts.scheme == "http" and parts.hostname not in LOCAL:
        raise ValueError("https is needed (http is for a provider on the same machine)")
    return text.rstrip("/")


class Oidc(BaseModel):
    """How people are known by the provider, and what they may do by it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    server_url: Annotated[
        str, AfterValidator(_address), Field(description="its address: the one before /.well-known/…")
    ]
    client_id: Annotated[str, Field(min_length=1, description="what this application is called there")]
    client_secret: Annotated[str, Field(description="the secret that belongs to it")] = ""
    client_secret_file: Annotated[
        str, Field(description="instead of the secret: a file with it (a path, or a name in the workspace)")
    ] = ""
    label: Annotated[str, Field(min_length=1, description="its name on the page Log in")] = "OpenID Connect"
    scopes: Annotated[list[str], Field(description="what it is asked for; openid is needed")] = [
        "openid", "profile",
    ]  # fmt: skip
    groups_claim: Annotated[
        str,
        Field(min_length=1, description="the claim with a user's groups there (realm_access.roles: a part)"),
    ] = "groups"
    groups: Annotated[
        dict[str, Ours], Field(min_length=1, description="its groups, and which of ours each is")
    ]
    make_users: Annotated[bool, Field(description="make users at their first log-in")] = True
    local_passwords: Annotated[
        bool, Field(description="passwords of our own go on for all; administrators always have theirs")
    ] = True
    ca_file: Annotated[
        str,
        Field(description="certificates that its TLS is trusted by, where it is an own authority's (PEM)"),
    ] = ""

    @model_validator(mode="after")
    def _one_secret(self) -> Oidc:
        if bool(self.client_secret) == bool(self.client_secret_file):
            raise ValueError("one of client_secret and client_secret_file is needed")
        if "openid" not in self.scopes:
            raise ValueError("scopes lack openid")
        return self

    def groups_of(self, claims: dict[str, Any]) -> tuple[frozenset[str], list[str]]:
        """Which of our groups a user's claims come to, and the groups that the provider told."""
        told = _listed(_claim(claims, self.groups_claim))
        return frozenset(self.groups[name] for name in told if name in self.groups), told

    def secret(self, folder: Path) -> str:
        """The client's secret. Raises OSError, and ValueError for an empty file."""
        if self.client_secret:
            return self.client_secret
        text = (folder / self.client_secret_file).read_text(encoding="utf-8").strip()
        if not text:
            raise ValueError("it is empty")
        return text

    def authority(self, folder: Path) -> str | None:
        """The file of certificates to trust; None for those that are usual. Raises OSError."""
        if not self.ca_file:
            return None
        path = folder / self.ca_file
        path.open("rb").close()
        return str(path)


EXAMPLE = Oidc(
    server_url="https://keycloak.city.lan/realms/city", client_id="roaddamage", client_secret_file="oidc-secret",  # noqa: S106  (a file's name)
    label="市の統合ログイン", groups={"road-engineers": "engineer", "road-administrators": "administrator"},
)  # fmt: skip


def provider() -> Oidc:
    """The one of the settings, where one is known to stand there. Raises LookupError."""
    from django.conf import settings

    found: Oidc | None = settings.OIDC
    if found is None:
        raise LookupError("no [oidc] in the settings")
    return found


def _claim(claims: dict[str, Any], name: str) -> Any:
    """A claim by its name, else by its path: Keycloak's roles are in realm_access.roles."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _listed(told: Any) -> list[str]:
    return [str(one) for one in told] if isinstance(told, list) else [told] if isinstance(told, str) else []
