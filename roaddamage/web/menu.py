"""The menu: which entry the page asked for belongs to."""

from __future__ import annotations

from django.http import HttpRequest
from django.urls import reverse

BELOW = {
    "drives": ("/vehicles/",),
    "work_lists": ("/stops/",),
    "models": ("/reruns/",),
    "people": ("/log/", "/health/", "/masking/", "/retention/", "/erasures/", "/tokens/", "/webhooks/"),
}
"""Where else the pages of an entry lie, besides below its own address."""


def current(request: HttpRequest, name: str) -> str:
    """An entry's `aria-current`: the page itself, that which the page belongs to, or "" for others."""
    address = reverse(name)
    if request.path == address:
        return "page"
    belongs = request.path.startswith((address, *BELOW.get(name, ())))
    return "true" if belongs else ""
