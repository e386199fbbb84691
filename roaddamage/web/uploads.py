"""Uploads that go on where they were cut off: the tus protocol, beside Django in the same process.

tuspyserver keeps the bytes. Before it sees a request, this door asks Django who it is of (the session's user, the table
of `roaddamage.web.access`), whose upload it is, whether it came from our own page, and whether there is room; so nobody
writes a byte who may not. One request at a time writes to an upload: a later one ends an earlier, which may have
been forgotten by a phone that lost its network.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import logging
import os
import shutil
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import get_user
from django.db import close_old_connections
from django.db.utils import OperationalError
from django.http import HttpRequest
from django.http.request import validate_host
from django.utils.translation import override
from fastapi import FastAPI, Request
from tuspyserver import create_tus_router

from detector.errors import N_, RoadDamageError
from roaddamage.batches import clear_abandoned
from roaddamage.intake import IntakeError, put, safe_path
from roaddamage.records.models import Batch, Upload
from roaddamage.web.access import may
from roaddamage.web.templating import say

PREFIX = "/files"
LARGEST_BYTES = 512 * 2**30
KEPT_FREE_BYTES = 2**30
"""Room on the disk that uploads leave to the records."""
IDLE_S = 60.0
"""A connection that sends nothing for so long is taken for lost."""
TUS_DAYS = 14
CLEAR_EVERY_S = 6 * 3600.0
T = TypeVar("T")
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
log = logging.getLogger("roaddamage.uploads")


class UploadError(RoadDamageError):
    """A request that is not served; `status` is HTTP's."""

    def __init__(self, status: int, template: str, **values: object) -> None:
        self.status = status
        super().__init__(template, **values)


@dataclass(frozen=True)
class Asked:
    """A request that may be served: of which upload, and what to do with it."""

    method: str
    uid: str
    offset: int = 0
    size: int = 0
    whole: bool = False
    """The upload has arrived; nothing more is to be written."""
    path: str = ""


def _uid_of(request: Request) -> Callable[[dict[str, str]], dict[str, str]]:
    """Where tuspyserver puts an upload, and how it is called."""
    place = {"files_dir": str(settings.WORKSPACE.uploads), "uid": request.scope["upload_uid"]}
    return lambda _: place


async def _arrived(path: str, _: dict[str, str]) -> None:
    await asyncio.to_thread(_in_thread, keep, Path(path).name)


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


async def serve(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
    """Answer one request of the protocol."""
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    language = _cookies(headers).get(settings.LANGUAGE_COOKIE_NAME, "ja")
    try:
        asked = await asyncio.to_thread(_in_thread, admit, scope["method"], scope["path"], headers)
        await _answer(asked, scope, receive, send)
    except RoadDamageError as error:
        with override(language if language in ("ja", "en") else "ja"):
            await _say(send, getattr(error, "status", 400), error.message(say))
    except OperationalError:
        log.warning("the database does not answer", exc_info=True)
        await _say(send, 503, "")


async def _answer(asked: Asked, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
    if asked.method == "POST":
        await tus(_rewritten(scope, asked), receive, _with_own_address(send, asked.uid))
        return
    while before := _writing.get(asked.uid):
        before.to_end.set()
        await before.over.wait()
    mine = _writing[asked.uid] = Writing()
    try:
        offset = await asyncio.to_thread(_in_thread, _really_there, asked)
        if asked.method == "HEAD":
            await _say(send, 200, "", {"Upload-Offset": str(offset), "Upload-Length": str(asked.size)})
        elif asked.method == "PATCH" and (asked.whole or offset == asked.size):
            await _say(send, 204, "", {"Upload-Offset": str(asked.size)})
        else:
            await tus(_rewritten(scope, asked), mine.receive(receive), send)
            if asked.method == "DELETE":
                await asyncio.to_thread(_in_thread, _forget, asked.uid)
    finally:
        del _writing[asked.uid]
        mine.over.set()


def _rewritten(scope: MutableMapping[str, Any], asked: Asked) -> MutableMapping[str, Any]:
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


def _in_thread(do: Callable[..., T], *args: Any) -> T:
    """Use the database in a thread that Django does not know."""
    close_old_connections()
    try:
        return do(*args)
    finally:
        close_old_connections()


def admit(method: str, path: str, headers: dict[str, str]) -> Asked:
    """Whether a request may be served. Raises UploadError and IntakeError."""
    user = _user(headers)
    if user is None:
        raise UploadError(401, N_("You are logged out. Log in again: the upload goes on from where it was."))
    if not may(user, "upload"):
        raise UploadError(403, N_("You may not hand in footage."))
    host = headers.get("host", "")
    if not validate_host(urlsplit(f"//{host}").hostname or "", settings.ALLOWED_HOSTS):
        raise UploadError(400, N_("This server is not reached by that name."))
    if method != "HEAD" and urlsplit(headers.get("origin", "")).netloc != host:
        raise UploadError(403, N_("Uploads are taken from this server's own pages only."))
    uid = path.removeprefix(PREFIX).strip("/")
    if method == "POST" and not uid:
        return _begun(user, headers)
    upload = Upload.objects.filter(uid=uid, by=user).first() if uid else None
    if upload is None or method not in ("HEAD", "PATCH", "DELETE"):
        raise UploadError(404, N_("There is no such upload."))
    if method == "PATCH":
        _check_room(int(headers.get("content-length", "0") or 0), upload.name)
    whole = upload.state != Upload.State.arriving
    if whole and method == "DELETE":
        raise UploadError(409, N_("{name} has arrived already."), name=upload.name)
    return Asked(method, uid, _offset(headers), upload.size, whole)


def _offset(headers: dict[str, str]) -> int:
    text = headers.get("upload-offset", "0")
    return int(text) if text.isdecimal() else -1


def _user(headers: dict[str, str]) -> Any:
    """Who a session's cookie is of, as Django has it; None for nobody."""
    key = _cookies(headers).get(settings.SESSION_COOKIE_NAME)
    if not key:
        return None
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(key)
    user = get_user(request)
    return user if user.is_authenticated and user.is_active else None


def _cookies(headers: dict[str, str]) -> dict[str, str]:
    try:
        return {name: one.value for name, one in SimpleCookie(headers.get("cookie", "")).items()}
    except CookieError:
        return {}


def _begun(user: Any, headers: dict[str, str]) -> Asked:
    """A row for a new upload."""
    if "upload-concat" in headers or not headers.get("upload-length", "").isdecimal():
        raise UploadError(400, N_("An upload says how long it is, and comes in one piece."))
    if headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
        raise UploadError(400, N_("An upload says how long it is, and comes in one piece."))
    size, told = int(headers["upload-length"]), _metadata(headers.get("upload-metadata", ""))
    path = safe_path(told.get("relativePath") or told.get("filename", ""))
    if not size:
        raise IntakeError(N_("{name} is empty (0 bytes). Copy it from the card again."), name=path.name)
    if size > LARGEST_BYTES:
        raise UploadError(413, N_("{name} is larger than an upload may be."), name=path.name)
    _check_room(size, path.name)
    batch = Batch.objects.filter(uid=told.get("batch", ""), by=user).first()
    if batch is None:
        raise UploadError(404, N_("There is no such batch of files."))
    upload = Upload.objects.create(
        uid=uuid.uuid4().hex, batch=batch.uid, name=path.name, path=path.as_posix(), size=size, by=user
    )
    return Asked("POST", upload.uid, size=size, path=upload.path)


def _metadata(text: str) -> dict[str, str]:
    told = {}
    for pair in text.split(","):
        key, _, value = pair.strip().partition(" ")
        try:
            told[key] = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            continue
    return told


def _check_room(wanted: int, name: str) -> None:
    free = free_bytes()
    if wanted > free:
        raise UploadError(
            507,
            N_(
                "The server's disk has no room for {name}: {free} GB are free, {wanted} GB are needed."
                " Ask the administrator to make room."
            ),
            name=name, free=f"{free / 1e9:.1f}", wanted=f"{wanted / 1e9:.1f}",
        )  # fmt: skip


def free_bytes() -> int:
    """Room for uploads."""
    return max(shutil.disk_usage(settings.WORKSPACE.uploads).free - KEPT_FREE_BYTES, 0)


def _really_there(asked: Asked) -> int:
    """How many bytes of an upload are kept; what a killed server wrote past its last note of that is cut off.

    An upload that was whole when the server ended before it said so is put in its place.
    """
    if asked.whole:
        return asked.size
    file: Path = settings.WORKSPACE.uploads / asked.uid
    try:
        noted = int(json.loads(file.with_name(f"{asked.uid}.info").read_text())["offset"])
        if file.stat().st_size < noted:
            raise ValueError
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UploadError(404, N_("There is no such upload.")) from error
    if file.stat().st_size > noted:
        os.truncate(file, noted)
    if noted == asked.size:
        keep(asked.uid)
    return noted


def keep(uid: str) -> None:
    """Put a file that has arrived into its batch. Raises IntakeError."""
    upload = Upload.objects.get(uid=uid)
    if upload.state != Upload.State.arriving:
        return
    file: Path = settings.WORKSPACE.uploads / uid
    put(file, upload.batch, upload.path)
    Upload.objects.filter(pk=upload.pk).update(state=Upload.State.arrived)
    file.with_name(f"{uid}.info").unlink(missing_ok=True)


def _forget(uid: str) -> None:
    Upload.objects.filter(uid=uid, state=Upload.State.arriving).delete()


async def _say(send: Send, status: int, text: str, headers: dict[str, str] | None = None) -> None:
    body = text.encode()
    told = {
        "Tus-Resumable": "1.0.0",
        "Cache-Control": "no-store",
        "Content-Type": "text/plain; charset=utf-8",
    }
    if status != 204:
        told["Content-Length"] = str(len(body))
    pairs = [(name.lower().encode(), value.encode()) for name, value in (told | (headers or {})).items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})


async def clearing() -> None:
    """Clear abandoned files now and then."""
    while True:
        try:
            await asyncio.to_thread(_in_thread, clear_abandoned)
        except Exception:
            log.warning("abandoned uploads could not be cleared", exc_info=True)
        await asyncio.sleep(CLEAR_EVERY_S)


async def lifespan(receive: Receive, send: Send) -> None:
    """From the server's start to its end."""
    task: asyncio.Task[None] | None = None
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            task = asyncio.create_task(clearing())
        elif task:
            task.cancel()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
