"""Bad days: a worker killed at any moment, full disks, footage and models gone, the database away."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bad_day
import pytest
from apart import Apart, apart, database
from bad_day import is_erased
from command import as_command
from conftest import until
from django.contrib.sessions.backends.db import SessionStore
from django.db import OperationalError
from django.test import Client
from postgresql import Postgres

from roaddamage.language import translation

JAPANESE = translation("ja")


def worker(
    workspace: Path, moment: str, run: Path, url: str | None = None
) -> subprocess.CompletedProcess[str]:
    return apart(bad_day.day, workspace, moment, run, env=database(url))


def added(sample: Path, workspace: Path, url: str | None = None) -> None:
    """A new workspace in which the drive waits for a worker."""
    done = apart(as_command, "add", sample.parent, "--workspace", workspace, env=database(url))
    assert done.returncode == 0, done.stderr


def told_by(one: Apart, lines: int) -> None:
    until(lambda: len(one.lines()) >= lines, f"line {lines} of a worker")


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A server of PostgreSQL."""
    with tempfile.TemporaryDirectory(prefix="roads-", dir="/tmp") as folder:
        made = Postgres.made(Path(folder))
        yield made
        made.stop()


@pytest.fixture
def waiting(first_run: Path) -> Path:
    """A workspace in which a drive waits for a worker."""
    return first_run / "waiting"


@pytest.fixture
def undisturbed(first_run: Path) -> tuple[Path, dict[str, Any]]:
    """A run from which others take what the detector told, and how the records look after it."""
    return first_run, json.loads((first_run / "told.json").read_text())


def test_an_undisturbed_run_is_whole(undisturbed: tuple[Path, dict[str, Any]]) -> None:
    told = undisturbed[1]
    assert told["damages"] > 4
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


Undisturbed = tuple[Path, dict[str, Any]]


@pytest.mark.parametrize("moment", ["pictures", "records"])
def test_a_full_disk_is_said_and_leaves_nothing_behind(
    moment: str, waiting: Path, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    run, whole = undisturbed
    folder = tmp_path / "workspace"
    shutil.copytree(waiting, folder)
    full = json.loads(worker(folder, moment, run).stdout)
    assert full["jobs"][0][0] == full["drives"][0][0] == "failed"
    assert "The disk is full" in full["jobs"][0][1]["template"]
    assert (full["damages"], full["sightings"], full["files"]) == (0, [], [])
    again = json.loads(worker(folder, "again", run).stdout)
    assert [job[0] for job in again.pop("jobs")] == ["done", "failed"]
    assert again == {name: value for name, value in whole.items() if name != "jobs"}


def gone(folder: Path) -> None:
    next((folder / "footage").rglob("*.mp4")).unlink()


def broken(folder: Path) -> None:
    next((folder / "footage").rglob("*.mp4")).write_bytes(b"")


def no_model(folder: Path) -> None:
    (folder / "models").mkdir()
    event = {"at": "2026-01-01", "by": "x", "kind": "promotion", "model": "lost"}
    (folder / "models" / "history.json").write_text(json.dumps([event]))


def broken_model(folder: Path) -> None:
    no_model(folder)
    (folder / "models" / "lost").mkdir()
    (folder / "models" / "lost" / "lost.pt").write_bytes(b"no model")


@pytest.mark.parametrize("harm", [gone, broken, no_model, broken_model])
def test_what_a_run_needs_is_gone(harm: Callable[[Path], None], waiting: Path, tmp_path: Path) -> None:
    folder = tmp_path / "workspace"
    shutil.copytree(waiting, folder)
    harm(folder)
    done = worker(folder, "really", tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["jobs"][0][0], told["drives"][0][0], told["damages"], told["files"]) == (
        "failed",
        "failed",
        0,
        [],
    )
    kept = told["jobs"][0][1]
    assert JAPANESE(kept["template"]) != kept["template"]
    assert "unexpected" not in kept["template"]
    assert str(tmp_path) not in json.dumps(kept["values"])


@pytest.mark.parametrize("records", ["sqlite", "postgresql"])
def test_two_workers_at_once_count_each_damage_once(
    records: str,
    waiting: Path,
    brief_sample: Path,
    undisturbed: Undisturbed,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    run, whole = undisturbed
    folder, url = tmp_path / "workspace", None
    if records == "sqlite":
        shutil.copytree(waiting, folder)
    else:
        url = request.getfixturevalue("postgres").url
        added(brief_sample, folder, url)
    assert worker(folder, "twice", run, url).returncode == 0
    both = [Apart(bad_day.day, folder, "none", run, env=database(url)) for _ in range(2)]
    ends = [one.end() for one in both]
    assert [one.returncode for one in ends] == [0, 0], ends
    told = json.loads(worker(folder, "none", run, url).stdout)
    assert [job[0] for job in told["jobs"]] == ["done", "done"]
    assert told["damages"] == whole["damages"]
    assert len(told["sightings"]) == 2 * len(whole["sightings"])
    assert sorted(new for *_, new in told["drives"]) == [0, whole["damages"]]


def test_an_erasure_between_two_attempts_is_heeded(
    waiting: Path, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    run, whole = undisturbed
    folder = tmp_path / "workspace"
    shutil.copytree(waiting, folder)
    done = worker(folder, "torn", run)
    assert "trying again" in done.stderr
    told = json.loads(done.stdout)
    assert told["jobs"] == [["done", {}]]
    assert len(told["sightings"]) == len(whole["sightings"])
    shown = [path for path in (folder / "evidence").rglob("*.jpg") if not is_erased(path)]
    assert (shown, len(told["files"]) > 5) == ([], True)


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_a_worker_that_is_to_end_hands_its_drive_back(
    sign: int, waiting: Path, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    run, whole = undisturbed
    folder = tmp_path / "workspace"
    shutil.copytree(waiting, folder)
    one = Apart(bad_day.day, folder, "slow", run)
    told_by(one, 1)
    one.send_signal(sign)
    (folder / bad_day.GO).touch()
    done = one.end()
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["jobs"], told["drives"], told["files"]) == ([["queued", {}]], [["queued", 0, 0]], [])
    assert json.loads(worker(folder, "none", run).stdout)["damages"] == whole["damages"]


def test_the_database_goes_away_under_a_worker(
    brief_sample: Path, undisturbed: Undisturbed, postgres: Postgres, tmp_path: Path
) -> None:
    run, whole = undisturbed
    folder = tmp_path / "workspace"
    url = postgres.fresh("away")
    added(brief_sample, folder, url)
    one = Apart(bad_day.day, folder, "slow", run, env=database(url))
    told_by(one, 1)
    postgres.stop()
    (folder / bad_day.GO).touch()
    told_by(one, 8)  # it went on
    postgres.start()
    done = one.end()
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["jobs"], told["damages"]) == ([["done", {}]], whole["damages"])
    assert told["files"] == whole["files"]


@pytest.mark.django_db
def test_pages_say_that_the_database_is_away(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    client.raise_request_exception = False
    client.cookies["sessionid"] = "a" * 32

    def away(*_: object) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(SessionStore, "load", away)
    for language, words in (("ja", "データベースに接続できません"), ("en", "The database does not answer")):
        client.cookies["language"] = language
        answer = client.get("/")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
        assert words in answer.content.decode()
