"""Keeping: what of a file is handed on beside its masked pictures; nothing of it unless asked for."""

from __future__ import annotations

from enum import StrEnum


class Keep(StrEnum):
    """A video's sound, the time and the camera, the position."""

    audio = "audio"
    metadata = "metadata"
    gps = "gps"
