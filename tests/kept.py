"""What tests make or find once, for all their processes: those of one run, or of all runs that ONCE names a folder for."""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from detector import masking
from detector.private import NETWORKS, Found, Kind
from roaddamage import locks

if TYPE_CHECKING:
    import pytest  # processes apart do without it

ONCE = "TESTS_KEEP_IN"
MASKS = "TESTS_KEEP_MASKS_IN"


def shared_folder(factory: pytest.TempPathFactory) -> Path:
    """The folder that all of the tests' processes share."""
    if given := os.environ.get(ONCE):
        return Path(given)
    folder = factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


def once(factory: pytest.TempPathFactory, name: str, fill: Callable[[Path], object]) -> Path:
    """A folder that the first process that needs it fills. It is all tests': to be read, or copied."""
    folder = shared_folder(factory) / name
    with locks.turn(folder.with_name(f"{name}.lock")):
        if not (whole := folder.with_name(f"{name}.whole")).exists():
            shutil.rmtree(folder, ignore_errors=True)  # of one that failed
            folder.mkdir()
            fill(folder)
            whole.touch()
    return folder


def found_once(folder: Path, find: Callable[..., Found]) -> Callable[..., Found]:
    """`Masker.find` with its answers kept in a folder, a file a picture: the same pixels have the same answer."""

    @wraps(find)
    def found(self: masking.Masker, image: NDArray[np.uint8]) -> Found:
        if self._people:  # tests make such networks themselves
            return find(self, image)
        networks = [network.sha256 for network in NETWORKS.values()]
        asked = repr((image.shape, self._fine, masking.LEAST, networks)).encode()
        key = hashlib.blake2b(np.ascontiguousarray(image).tobytes() + asked, digest_size=16)
        path = folder / f"{key.hexdigest()}.npz"
        if not path.exists():
            told = find(self, image)
            part = folder / f".{os.getpid()}-{threading.get_ident()}.npz"
            np.savez(part, xyxy=told.xyxy, kind=np.array(told.kind, "U32"), score=told.score)
            os.replace(part, path)
        with np.load(path) as kept:
            return Found(kept["xyxy"], tuple(Kind(kind) for kind in kept["kind"].tolist()), kept["score"])

    return found
