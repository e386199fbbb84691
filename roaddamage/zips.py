"""Zips of what is sent to people."""

from __future__ import annotations

import zipfile
from pathlib import Path


def zipped(target: Path, base: Path, *parts: Path) -> Path:
    """A zip of files and folders, by their paths in `base`; pictures are as small as they get already."""
    with zipfile.ZipFile(target, "w") as file:
        for part in parts:
            for path in sorted(part.rglob("*")) if part.is_dir() else [part]:
                if path.is_file():
                    small = path.suffix in (".jpg", ".png")
                    file.write(
                        path, path.relative_to(base), zipfile.ZIP_STORED if small else zipfile.ZIP_DEFLATED
                    )
    return target
