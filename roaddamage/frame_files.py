"""The pictures of labelled frames, `frames/UID.jpg` of the workspace: each a file of its own, whole or not there."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import time
from pathlib import Path

from django.conf import settings
from PIL import Image

from roaddamage.records.models import LabelledFrame
from roaddamage.records.portions import portions

UNUSED_S = 86_400.0
"""A file that no row names is of a decision that failed, unless it is as young as this."""
log = logging.getLogger("roaddamage.frames")


def file_of(uid: str) -> Path:
    """Where a frame's picture lies."""
    path: Path = settings.WORKSPACE.frames / f"{uid}.jpg"
    return path


def take_in(source: Path, uid: str) -> tuple[int, int] | None:
    """Keep a picture, for good; its width and height, px. None, and a line in the log, where it can't be kept.

    A hard link where the disk has them, so that it costs no room while the evidence is there too.
    """
    part = settings.WORKSPACE.frames / f".{uid}-{secrets.token_hex(4)}.part"
    try:
        with Image.open(source, formats=("JPEG",)) as picture:
            width_px, height_px = picture.size
        part.parent.mkdir(mode=0o700, exist_ok=True)
        try:
            os.link(source, part)
        except OSError:
            shutil.copyfile(source, part)
        # Of two names of one file, rename leaves both.
        if not (file_of(uid).exists() and file_of(uid).samefile(part)):
            part.replace(file_of(uid))
    except (OSError, ValueError, SyntaxError) as error:
        log.warning("the picture of a labelled frame could not be kept: %s", error)
        return None
    finally:
        part.unlink(missing_ok=True)
    return width_px, height_px


def clear_unused() -> int:
    """Remove files that no frame names; how many."""
    folder: Path = settings.WORKSPACE.frames
    before = time.time() - UNUSED_S
    old = [path for path in folder.glob("*") if path.is_file() and path.stat().st_mtime < before]
    count = 0
    for some in portions([path for path in old if path.suffix in (".jpg", ".part")]):
        known = set(
            LabelledFrame.objects.filter(uid__in=[path.stem for path in some]).values_list("uid", flat=True)
        )
        for path in some:
            if path.suffix == ".part" or path.stem not in known:
                path.unlink(missing_ok=True)
                count += 1
    return count
