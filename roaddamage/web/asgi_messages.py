"""What a server and an application say to each other (ASGI), as far as this application looks at it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any

from django.conf import settings

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


def headers_of(scope: Message) -> dict[str, str]:
    """A request's headers, their names in small letters."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}


def cookies_of(headers: dict[str, str]) -> dict[str, str]:
    """A request's cookies; none where they can't be read."""
    try:
        return {name: one.value for name, one in SimpleCookie(headers.get("cookie", "")).items()}
    except CookieError:
        return {}


def language_of(headers: dict[str, str]) -> str:
    """The language that a person chose; Japanese where none was chosen."""
    chosen = cookies_of(headers).get(settings.LANGUAGE_COOKIE_NAME)
    return chosen if chosen in ("ja", "en") else "ja"


async def answer(send: Send, status: int, body: bytes, headers: dict[str, str]) -> None:
    """A whole answer; one of 204 has no length."""
    told = {"Cache-Control": "no-store", **headers}
    if status != 204:
        told["Content-Length"] = str(len(body))
    pairs = [(name.lower().encode(), value.encode()) for name, value in told.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})
