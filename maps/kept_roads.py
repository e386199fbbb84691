"""Roads kept: one file that is quick to read again, with all that was read and checked of a road file."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

import numpy as np
import shapely

from detector.errors import N_
from maps.roads import Roads, RoadsError

TEXTS = ("road_id", "name", "kind")
NUMBERS = ("width_m", "lanes", "oneway", "traffic", "level")


def write_kept(path: Path, roads: Roads) -> None:
    """Write roads into a file, which is on the disk when this returns. Raises OSError."""
    points, of = shapely.get_coordinates(roads.lines, return_index=True)
    texts = json.dumps({name: getattr(roads, name) for name in TEXTS}, ensure_ascii=False).encode()
    with path.open("wb") as file:
        np.savez(
            file, points=points, of=of, texts=np.frombuffer(texts, np.uint8),
            **{name: getattr(roads, name) for name in NUMBERS},
        )  # fmt: skip
        file.flush()
        os.fsync(file.fileno())


def read_kept(path: Path) -> Roads:
    """The roads that `write_kept` wrote. Raises RoadsError."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            lines = shapely.linestrings(kept["points"], indices=kept["of"])
            texts = json.loads(kept["texts"].tobytes())
            return Roads(
                np.asarray(lines, object).reshape(-1),
                **{name: texts[name] for name in TEXTS},
                **{name: kept[name] for name in NUMBERS},
            )
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise RoadsError(
            N_("The roads kept in {path} can't be read ({reason}). Give the road file again: roaddamage roads FILE."),
            path=path, reason=getattr(error, "strerror", None) or type(error).__name__,
        ) from error  # fmt: skip
