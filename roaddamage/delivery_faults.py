"""Why a webhook's delivery was not taken, in the words of who looks after the two machines."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import requests

from detector.errors import N_
from roaddamage.webhooks import WebhookError

TLS = N_(
    "The certificate of {host} was not accepted (TLS). Have the receiver use one that this server trusts, or give its"
    " http:// address."
)
NO_ANSWER = N_("{host} gave no answer within {seconds} s.")
REFUSED = N_("{host} refused the connection: nothing listens at port {port}.")
UNKNOWN = N_("The name {host} is not known in this network.")
BROKEN_OFF = N_("{host} broke the connection off without an answer.")
UNREACHED = N_("{host} can't be reached from this server.")
KINDS: tuple[tuple[type[BaseException], str], ...] = (
    (requests.exceptions.SSLError, TLS),
    (requests.exceptions.Timeout, NO_ANSWER),
    (socket.gaierror, UNKNOWN),
    (ConnectionRefusedError, REFUSED),
    (ConnectionError, BROKEN_OFF),
)
"""From what is raised, or what that comes from, to what is said; the first that fits."""


def fault_of(error: requests.RequestException, address: str, seconds: float) -> WebhookError:
    """What came of a try to reach an address that was given so many seconds to answer."""
    parts = urlsplit(address)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    causes = tuple(_causes(error))
    template = next((text for kind, text in KINDS if any(isinstance(one, kind) for one in causes)), UNREACHED)
    return WebhookError(template, host=parts.hostname, port=port, seconds=f"{seconds:g}")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and all that it was raised from; urllib3 hands some of these on as arguments."""
    yield error
    inner = [error.__cause__, error.__context__, getattr(error, "reason", None), *error.args]
    for one in inner:
        if isinstance(one, BaseException):
            yield from _causes(one)
