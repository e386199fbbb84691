"""The workspace's masker: what its settings say is covered in every picture besides faces and number plates."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from detector.masking import Masker, masker


def people_file() -> Path | None:
    """The detector of people that the settings name; None where they name none."""
    path: Path | None = settings.CONFIGURATION.masking.people_file(settings.WORKSPACE.folder)
    return path


def masker_in_use() -> Masker:
    """The masker as the settings want it. Raises ModelError where it can't be had: then no picture may be written."""
    return masker(people_file())
