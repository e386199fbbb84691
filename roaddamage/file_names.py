"""Names of files that are handed in: which can be of use, and what they are called here.

Whatever a browser or a card calls a file, its path is never outside of its batch, and fits the records.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from pathlib import Path, PurePosixPath

from detector.errors import N_, RoadDamageError
from detector.footage import PICTURE_SUFFIXES
from detector.telemetry import LOG_SUFFIXES
from detector.video import SUFFIXES

KNOWN = frozenset((*SUFFIXES, *PICTURE_SUFFIXES, *LOG_SUFFIXES))
"""Endings of files that can be of use; others are refused before their first byte."""
LONGEST_NAME, LONGEST_FOLDER, MOST_FOLDERS = 120, 40, 6
"""Bytes of a file's stem and of a folder's name, and folders above a file; paths fit `FootageFile.path` so."""


class IntakeError(RoadDamageError):
    """A file that can't be taken in."""


def safe_path(name: str) -> PurePosixPath:
    """The path of a file within its batch, of what a browser or a card calls it: never outside, never hidden.

    Raises IntakeError where nothing is left of it, or its ending is none of `KNOWN`.
    """
    text = unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode()).replace("\\", "/")
    clean = (
        re.sub(
            r'[\x00-\x1f\x7f<>:"|?*\x80-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]', "_", part
        ).strip(" .")
        for part in text.split("/")
    )
    parts = [part for part in clean if part]
    if not parts:
        raise IntakeError(N_("A file without a name can't be taken."))
    *folders, last = parts
    stem, dot, ending = last.rpartition(".")
    if f".{ending}".lower() not in KNOWN or not stem:
        raise IntakeError(
            N_("{name} is no video, no JPEG and no GPS log. Known are: {kinds}."),
            name=_shortened(last, LONGEST_NAME), kinds=", ".join(sorted(KNOWN)),
        )  # fmt: skip
    if len(folders) > MOST_FOLDERS:
        left_out = "/".join(folders[:-MOST_FOLDERS])
        folders = [f"{folders[-MOST_FOLDERS]}-{mark(left_out)}", *folders[1 - MOST_FOLDERS :]]
    return PurePosixPath(
        *(_shortened(one, LONGEST_FOLDER) for one in folders),
        f"{_shortened(stem, LONGEST_NAME)}{dot}{ending}",
    )


def _shortened(text: str, longest: int) -> str:
    """A name cut to so many bytes; two that begin alike stay two."""
    if len(text.encode()) <= longest:
        return text
    return f"{text.encode()[: longest - 9].decode('utf-8', 'ignore')}-{mark(text)}"


def mark(text: str) -> str:
    """A few characters that tell names apart."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def log_name(name: str) -> str:
    """What a GPS log may be called here, of what a browser calls it. Raises IntakeError for a file that is none."""
    if Path(name).suffix.lower() not in LOG_SUFFIXES:
        raise IntakeError(
            N_("{name} is no GPS log. Known are: {kinds}."),
            name=Path(name).name,
            kinds=", ".join(LOG_SUFFIXES),
        )
    return safe_path(name).name
