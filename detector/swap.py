"""Swap: staged files put in place of earlier ones, all of them or none."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def swap(stage: Path, folder: Path, names: Iterable[str]) -> None:
    """Put staged files or folders in place of the old ones; where that fails, put the old ones back.

    `names` are their paths in both, and what is named but not staged is gone then. Moving needs no room. The old ones
    lie in `stage` then, which is the caller's to remove.
    """
    aside = stage / "earlier"
    moved: list[tuple[Path, Path]] = []
    try:
        for name in names:
            (aside / name).parent.mkdir(parents=True, exist_ok=True)
            for source, target in ((folder / name, aside / name), (stage / name, folder / name)):
                if source.exists():
                    source.rename(target)
                    moved.append((source, target))
    except BaseException:  # also when asked to end in the middle
        for source, target in reversed(moved):
            target.rename(source)
        raise
