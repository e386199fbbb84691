"""Admission of uploads: whose a request of the protocol is, of which upload, and whether there is room for it."""

from __future__ import annotations

import base64
import binascii
import shutil
import uuid
from dataclasses import dataclass
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest
from django.http.request import validate_host

from detector.errors import N_, RoadDamageError
from roaddamage.file_names import IntakeError, safe_path
from roaddamage.records.models import Batch, Upload
from roaddamage.web.access import may
from roaddamage.web.asgi_messages import cookies_of

PREFIX = "/files"
LARGEST_BYTES = 512 * 2**30
KEPT_FREE_BYTES = 2**30
"""Room on the disk that uploads leave to the records."""


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
    by: int | None = None
    """The user's number."""


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
    whole, offset = upload.state != Upload.State.arriving, _offset(headers)
    if method == "PATCH" and not whole:
        _check_length(headers, upload, offset)
    if whole and method == "DELETE":
        raise UploadError(409, N_("{name} has arrived already."), name=upload.name)
    return Asked(method, uid, offset, upload.size, whole, by=user.pk)


def _check_length(headers: dict[str, str], upload: Upload, offset: int) -> None:
    """A piece says how long it is, and is no longer than what is missing. Raises UploadError."""
    text = headers.get("content-length", "")
    if not text.isdecimal():
        raise UploadError(411, N_("An upload says how long it is, and comes in one piece."))
    if offset + int(text) > upload.size:
        raise UploadError(413, N_("More was sent of {name} than it is long."), name=upload.name)
    _check_room(int(text), upload.name)


def _offset(headers: dict[str, str]) -> int:
    text = headers.get("upload-offset", "0")
    return int(text) if text.isdecimal() else -1


def _user(headers: dict[str, str]) -> Any:
    """Who a session's cookie is of, as Django has it; None for nobody."""
    key = cookies_of(headers).get(settings.SESSION_COOKIE_NAME)
    if not key:
        return None
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(key)
    user = get_user(request)
    return user if user.is_authenticated and user.is_active else None


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
    return Asked("POST", upload.uid, size=size, path=upload.path, by=user.pk)


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
