"""The command line as a user calls it: within this process, or in one of its own."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from roaddamage.__main__ import main

LOCALE = {"LC_ALL": "C.UTF-8"}


def roaddamage(
    *arguments: object, env: dict[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """`roaddamage ARGUMENTS` within this process, which has loaded the libraries already; a fault is raised."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        for name, value in (LOCALE | (env or {})).items():
            patch.setenv(name, value)
        if cwd:
            patch.chdir(cwd)
        patch.setattr(sys, "argv", ["roaddamage", *map(str, arguments)])
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
    return subprocess.CompletedProcess(sys.argv, code, out.getvalue(), err.getvalue())


def roaddamage_apart(
    *arguments: object, env: dict[str, str] | None = None, **more: Any
) -> subprocess.CompletedProcess[str]:
    """`roaddamage ARGUMENTS` in a process of its own, from its very beginning."""
    return subprocess.run(
        [sys.executable, "-m", "roaddamage", *map(str, arguments)],
        capture_output=True, text=True, env=os.environ | LOCALE | (env or {}), **more,
    )  # fmt: skip


def as_command(*arguments: object) -> None:
    """`roaddamage ARGUMENTS` where this process is to be that and nothing else (see `apart`)."""
    sys.argv = ["roaddamage", *map(str, arguments)]
    main()
