"""How long the body of a request to a page may be. Django puts a body on the disk, whole, before it asks any page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import Resolver404, resolve
from django.utils.translation import override

from roaddamage.photos import MOST_BYTES
from roaddamage.web.asgi_messages import Message, Receive, Send, answer, headers_of, language_of
from roaddamage.web.labels import LARGEST_BYTES
from roaddamage.web.mending import LARGEST_LOG_BYTES
from roaddamage.web.middleware import POLICY
from roaddamage.web.refused import TOO_LONG

FORM_BYTES = 2**20
"""What a form has beside its file."""
FILES = {
    "labels_new": LARGEST_BYTES + FORM_BYTES,
    "drive_log": LARGEST_LOG_BYTES + FORM_BYTES,
    "stop_done": MOST_BYTES + FORM_BYTES,
}
"""Addresses that take a file, by name, and the bytes that may be sent there."""
App = Callable[[Message, Receive, Send], Awaitable[None]]


class BodyTooLongError(Exception):
    """More was sent than may be."""


async def bounded(pages: App, scope: Message, receive: Receive, send: Send) -> None:
    """Let pages answer, unless more is sent than the address takes."""
    headers, most = headers_of(scope), most_bytes(scope["path"])
    told, count = headers.get("content-length", "0"), 0

    async def counted() -> Message:
        nonlocal count
        message = await receive()
        count += len(message.get("body", b""))
        if count > most:
            raise BodyTooLongError
        return message

    try:
        if told.isdecimal() and int(told) > most:
            raise BodyTooLongError
        await pages(scope, counted, send)
    except BodyTooLongError:
        await _refuse(headers, send)


def most_bytes(path: str) -> int:
    """What may be sent to an address."""
    try:
        name = resolve(path).view_name
    except Resolver404:
        name = ""
    return FILES.get(name, int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE))


async def _refuse(headers: dict[str, str], send: Send) -> None:
    """Say so and hang up: what is still on its way is not read."""
    title, text = TOO_LONG
    with override(language_of(headers)):
        page = render_to_string("web/bad_request.html", {"title": title, "text": text, "host": ""})
    kept = {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": POLICY,
        "Connection": "close",
    }
    await answer(send, 413, page.encode(), kept)
