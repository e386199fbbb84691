"""Processes of their own for tests, forked from one that has loaded the libraries already: each begins at once."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

from kept import MASKS, found_once

from detector import masking

LOADED = [
    "torch", "scipy.stats", "scipy.optimize", "geopandas", "pyogrio", "av", "jinja2", "uvicorn", "django.db.models",
    "django.core.management", "detector.pipeline", "detector.model", "maps.exports", "maps.hot_spots", "maps.passes",
    "maps.webmap", "roaddamage.cli", "roaddamage.detect",
]  # fmt: skip
"""What takes long to load, and reads no settings of Django's when it is."""
HIDDEN = ("DATABASE_URL", "DJANGO_SETTINGS_MODULE")
"""What a process apart gets only where it is given."""

_forking = multiprocessing.get_context("forkserver")
_forking.set_forkserver_preload(LOADED)


class Apart:
    """A call in a process of its own; what it writes to its two streams is kept until its end."""

    def __init__(self, call: Callable[..., object], *args: object, env: dict[str, str] | None = None) -> None:
        self._kept = Path(tempfile.mkdtemp(prefix="apart-"))
        for name in ("out", "err"):
            (self._kept / name).touch()
        given = {name: value for name, value in os.environ.items() if name not in HIDDEN} | (env or {})
        self._process: BaseProcess = _forking.Process(target=_called, args=(self._kept, given, call, args))
        self._process.start()

    def lines(self) -> list[str]:
        """The whole lines that it has written so far."""
        return (self._kept / "out").read_text().rpartition("\n")[0].splitlines()

    def send_signal(self, number: int) -> None:
        assert self._process.pid
        os.kill(self._process.pid, number)

    def end(self, seconds: float = 600.0) -> subprocess.CompletedProcess[str]:
        """Wait for its end."""
        self._process.join(seconds)
        code = self._process.exitcode
        assert code is not None, "it did not end"
        out, err = ((self._kept / name).read_text() for name in ("out", "err"))
        shutil.rmtree(self._kept)
        return subprocess.CompletedProcess([], code, out, err)


def database(url: str | None) -> dict[str, str]:
    """What names a database to a process apart; None or "": SQLite in the workspace."""
    return {"DATABASE_URL": url} if url else {}


def _called(kept: Path, env: dict[str, str], call: Callable[..., object], args: tuple[object, ...]) -> None:
    for name, stream in (("out", 1), ("err", 2)):
        file = os.open(kept / name, os.O_WRONLY)
        os.dup2(file, stream)
        os.close(file)
    os.environ.clear()
    os.environ.update(env)
    if folder := os.environ.get(MASKS):
        masking.Masker.find = found_once(Path(folder), masking.Masker.find)  # type: ignore[method-assign]
    call(*args)


def apart(
    call: Callable[..., object], *args: object, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Call it in a process of its own, to its end."""
    return Apart(call, *args, env=env).end()
