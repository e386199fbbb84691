"""Bad days: a worker killed at any moment, full disks, footage and models gone, the database away."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import bad_day
import pytest

TESTS = Path(__file__).parent


def python(*args: str | Path) -> subprocess.CompletedProcess[str]:
    env = {
        name: value
        for name, value in os.environ.items()
        if name not in ("DATABASE_URL", "DJANGO_SETTINGS_MODULE")
    }
    env["PYTHONPATH"] = os.pathsep.join((str(TESTS.parent), str(TESTS)))
    return subprocess.run(
        [sys.executable, *map(str, args)], env=env, capture_output=True, text=True, check=False
    )


def worker(workspace: Path, moment: str, run: Path) -> subprocess.CompletedProcess[str]:
    return python(TESTS / "bad_day.py", workspace, moment, run)


@pytest.fixture(scope="session")
def waiting(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace in which the sample drive waits for a worker."""
    folder = tmp_path_factory.mktemp("waiting") / "workspace"
    done = python("-m", "roaddamage", "add", sample.parent, "--workspace", folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def undisturbed(waiting: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A run from which others take what the detector told, and how the records look after it."""
    run = tmp_path_factory.mktemp("run")
    folder = run / "workspace"
    shutil.copytree(waiting, folder)
    done = worker(folder, "none", run)
    assert done.returncode == 0, done.stderr
    return run, json.loads(done.stdout)


def test_an_undisturbed_run_is_whole(undisturbed: tuple[Path, dict[str, Any]]) -> None:
    told = undisturbed[1]
    assert told["damages"] > 10
    assert told["drives"] == [["done", told["damages"], told["damages"]]]
    assert told["jobs"] == [["done", {}]]
    assert told["places"] == ["SUCCESSFUL"]
    assert not [name for name in told["files"] if name.startswith(".part")]


@pytest.mark.parametrize("moment", bad_day.MOMENTS)
def test_a_worker_killed_at_any_moment_changes_nothing(
    moment: str, waiting: Path, undisturbed: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    run, whole = undisturbed
    folder = tmp_path / "workspace"
    shutil.copytree(waiting, folder)
    assert worker(folder, moment, run).returncode == -9
    again = worker(folder, "none", run)
    assert again.returncode == 0, again.stderr
    told = json.loads(again.stdout)
    assert told.pop("places") in ([], ["SUCCESSFUL"])
    assert told == {name: value for name, value in whole.items() if name != "places"}
