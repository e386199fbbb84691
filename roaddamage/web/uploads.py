"""Uploads that go on where they were cut off: the tus protocol, beside Django in the same process.

tuspyserver keeps the bytes. Before it sees a request, this door asks Django who it is of (the session's user, the table
of `roaddamage.web.access`), whose upload it is, whether it came from our own page, and whether there is room; so nobody
writes a byte who may not. One request at a time writes to an upload: a later one ends an earlier, which may have
been forgotten by a phone that lost its network.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from django.conf import settings
from django.db import close_old_connections
from django.db.utils import OperationalError
from django.utils.translation import override
from fastapi import FastAPI, Request
from tuspyserver import create_tus_router

from detector.errors import RoadDamageError
from roaddamage.web.admission import LARGEST_BYTES, PREFIX, Asked, admit
from roaddamage.web.arrivals import forget, keep, really_there
from roaddamage.web.asgi_messages import Message, Receive, Send, answer, headers_of, language_of
from roaddamage.web.request_log import answered
from roaddamage.web.templating import say

IDLE_S = 60.0
"""A connection that sends nothing for so long is taken for lost."""
TUS_DAYS = 14
ROUTE = "uploads"
"""What this door is called in the log of requests."""
T = TypeVar("T")
log = logging.getLogger("roaddamage.uploads")


def _uid_of(request: Request) -> Callable[[dict[str, str]], dict[str, str]]:
    """Where tuspyserver puts an upload, and how it is called."""
    place = {"files_dir": str(settings.WORKSPACE.uploads), "uid": request.scope["upload_uid"]}
    return lambda _: place


async def _arrived(path: str, _: dict[str, str]) -> None:
    await asyncio.to_thread(in_thread, keep, Path(path).name)


_options: dict[str, Any] = {
    "files_dir": str(settings.WORKSPACE.uploads), "max_size": LARGEST_BYTES, "days_to_keep": TUS_DAYS,
    "on_upload_complete": _arrived, "file_dep": _uid_of,
}  # fmt: skip
tus = FastAPI(openapi_url=None)
tus.include_router(create_tus_router(prefix=PREFIX, **_options))


class Writing:
    """A request that writes to an upload, until it is over or another one asks it to end."""

    def __init__(self) -> None:
        self.to_end, self.over = asyncio.Event(), asyncio.Event()

    def receive(self, receive: Receive) -> Receive:
        """The same bytes, until the connection is silent for too long or another one came."""

        async def until_ended() -> Message:
            if self.to_end.is_set():
                return {"type": "http.disconnect"}
            bytes_, end = asyncio.ensure_future(receive()), asyncio.ensure_future(self.to_end.wait())
            done, _ = await asyncio.wait({bytes_, end}, timeout=IDLE_S, return_when="FIRST_COMPLETED")
            end.cancel()
            if bytes_ in done:
                return bytes_.result()
            bytes_.cancel()
            return {"type": "http.disconnect"}

        return until_ended


_writing: dict[str, Writing] = {}


async def serve(scope: Message, receive: Receive, send: Send) -> None:
    """Answer one request of the protocol."""
    headers, begun, statuses, by = headers_of(scope), time.perf_counter(), [500], None

    async def noted(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])
        await send(message)

    try:
        asked = await asyncio.to_thread(in_thread, admit, scope["method"], scope["path"], headers)
        by = asked.by
        await _answer(asked, scope, receive, noted)
    except RoadDamageError as error:
        with override(language_of(headers)):
            await _say(noted, getattr(error, "status", 400), error.message(say))
    except OperationalError:
        log.warning("the database does not answer", exc_info=True)
        await _say(noted, 503, "")
    finally:
        answered(scope["method"], ROUTE, statuses[-1], begun, by)


async def _answer(asked: Asked, scope: Message, receive: Receive, send: Send) -> None:
    if asked.method == "POST":
        await tus(_rewritten(scope, asked), receive, _with_own_address(send, asked.uid))
        return
    while before := _writing.get(asked.uid):
        before.to_end.set()
        await before.over.wait()
    mine = _writing[asked.uid] = Writing()
    try:
        offset = await asyncio.to_thread(in_thread, really_there, asked)
        if asked.method == "HEAD":
            await _say(send, 200, "", {"Upload-Offset": str(offset), "Upload-Length": str(asked.size)})
        elif asked.method == "PATCH" and (asked.whole or offset == asked.size):
            await _say(send, 204, "", {"Upload-Offset": str(asked.size)})
        else:
            await tus(_rewritten(scope, asked), mine.receive(receive), send)
            if asked.method == "DELETE":
                await asyncio.to_thread(in_thread, forget, asked.uid)
    finally:
        del _writing[asked.uid]
        mine.over.set()


def _rewritten(scope: Message, asked: Asked) -> Message:
    """The request as tuspyserver may see it: by its checked name, and without what could change its meaning."""
    dropped = (b"x-http-method-override", b"upload-metadata", b"upload-concat", b"upload-defer-length")
    headers = [(name, value) for name, value in scope["headers"] if name.lower() not in dropped]
    if asked.method == "POST":
        name = base64.b64encode(asked.path.encode())
        headers.append((b"upload-metadata", b"filename " + name + b",filetype " + base64.b64encode(b"file")))
    return {**scope, "headers": headers, "upload_uid": asked.uid}


def _with_own_address(send: Send, uid: str) -> Send:
    """Whatever proxies say of how we are reached, a page finds its upload on the server that it came from."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [(name, value) for name, value in message["headers"] if name.lower() != b"location"]
            message = {**message, "headers": [*kept, (b"location", f"{PREFIX}/{uid}".encode())]}
        await send(message)

    return sending


def in_thread(do: Callable[..., T], *args: Any) -> T:
    """Use the database in a thread that Django does not know."""
    close_old_connections()
    try:
        return do(*args)
    finally:
        close_old_connections()


async def _say(send: Send, status: int, text: str, headers: dict[str, str] | None = None) -> None:
    told = {"Tus-Resumable": "1.0.0", "Content-Type": "text/plain; charset=utf-8"}
    await answer(send, status, text.encode(), told | (headers or {}))
