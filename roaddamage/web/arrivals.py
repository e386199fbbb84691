"""Arrivals: how much of an upload is really there, and a whole one's way into its batch."""

from __future__ import annotations

import json
import os
from pathlib import Path

from django.conf import settings

from detector.errors import N_
from roaddamage.batch_files import put
from roaddamage.records.models import Upload
from roaddamage.web.admission import Asked, UploadError


def really_there(asked: Asked) -> int:
    """How many bytes of an upload are kept; what a killed server wrote past its last note of that is cut off.

    An upload that was whole when the server ended before it said so is put in its place. Raises UploadError.
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


def forget(uid: str) -> None:
    """An upload that a person gave up."""
    Upload.objects.filter(uid=uid, state=Upload.State.arriving).delete()
