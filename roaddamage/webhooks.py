"""Webhooks: systems inside the network are told of new, confirmed and repaired damages.

What is to be told is written down in the transaction that it comes from (`tell`), so that nothing is told that did not
happen, and nothing that happened is forgotten. `roaddamage.postman` brings it.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
import secrets
import socket
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import User
from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone

from detector.errors import N_, RoadDamageError
from roaddamage.records.audit import audited
from roaddamage.records.models import Delivery, Webhook

NEW, CONFIRMED, REPAIRED, TEST = "damages.new", "damage.confirmed", "damage.repaired", "test"
EVENTS = {
    NEW: N_("a drive found damages that nobody had seen before"),
    CONFIRMED: N_("a damage was confirmed"),
    REPAIRED: N_("a damage was recorded as repaired"),
}


class WebhookError(RoadDamageError):
    """A webhook that can't be."""


def make_webhook(address: str, events: Sequence[str], by: User) -> Webhook:
    """A new one, with a secret of its own. Raises WebhookError for an address that is none or leads outside."""
    chosen = [event for event in EVENTS if event in events]
    if not chosen:
        raise WebhookError(N_("Choose at least one event."))
    check(address)
    made = Webhook.objects.create(address=address, events=chosen, secret=secrets.token_urlsafe(32), by=by)
    audited(by, "webhook.made", address, events=chosen)
    return made


def check(address: str) -> None:
    """Raises WebhookError for an address that is none, is not found, or leads out of the network."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or len(address) > 500:
        raise WebhookError(
            N_("{address} is no address such as http://10.1.2.3/road-damage."), address=address[:200]
        )
    try:
        found = socket.getaddrinfo(parts.hostname, port or 443, type=socket.SOCK_STREAM)
    except OSError as error:
        raise WebhookError(
            N_("The name {host} is not known in this network."), host=parts.hostname
        ) from error
    if parts.hostname in settings.WEBHOOK_HOSTS:
        return
    for *_, place in found:
        if not ipaddress.ip_address(str(place[0]).partition("%")[0]).is_private:
            raise WebhookError(
                N_("{host} is outside of this network; nothing is sent there. An address that only looks so can be named in ROADDAMAGE_WEBHOOK_HOSTS."),
                host=parts.hostname,
            )  # fmt: skip


def tell(event: str, told: Mapping[str, Any], only: Webhook | None = None) -> None:
    """Write down what those who asked for it (or one `only`) are to be told, within the transaction that it comes from."""
    now = timezone.now()
    body = {"event": event, "at": now.isoformat(), **told}
    plain = json.loads(json.dumps(body, cls=DjangoJSONEncoder))
    Delivery.objects.bulk_create(
        Delivery(webhook=one, event=event, body=plain, due=now)
        for one in ([only] if only else Webhook.objects.filter(active=True))
        if only or event in one.events
    )


def signature(secret: str, body: bytes) -> str:
    """What the receiver holds against the header X-Roaddamage-Signature."""
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"
