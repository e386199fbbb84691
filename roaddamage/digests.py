"""Digests: files told by their content."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

BLOCK = 2**22
Told = Callable[[int], None]
"""Is told of bytes that were read."""


def sha256_of(path: Path, told: Told = lambda _: None) -> str:
    """Of a file's content."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
            told(len(block))
    return digest.hexdigest()
