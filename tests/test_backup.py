"""Backup and restore, by losing the workspace; and a workspace of an earlier version brought up to date."""

from __future__ import annotations

import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from postgresql import Postgres

from roaddamage.backup import BackupError, restore

pytestmark = pytest.mark.database
ADD = """
import sys
from pathlib import Path
from roaddamage import server
workspace = server.prepare(Path(sys.argv[1]))
server.first_administrator()
from django.contrib.auth.models import User
from made_records import made_damage, made_drive
drive = made_drive(User.objects.get())
for place in range(3):
    made_damage(drive, place, pictures=True)
(workspace.footage / "a").mkdir()
(workspace.footage / "a" / "夜 1.mp4").write_bytes(b"video")
(workspace.uploads / "half").write_bytes(b"ha")
"""
LOOK = """
import sys, json
from pathlib import Path
from roaddamage import server
workspace = server.prepare(Path(sys.argv[1]))
from roaddamage.records.models import Damage, Sighting
from roaddamage.web.evidence import picture_of
print(json.dumps([Damage.objects.count(), all(picture_of(one, "crop") for one in Sighting.objects.all())]))
"""
POSTGRESQL = os.environ.get("DATABASE_URL", "").startswith("postgresql")


@pytest.fixture(scope="module")
def new_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], str]]:
    """Addresses of new databases: SQLite's where the tests run on that, else of a server of its own."""
    if not POSTGRESQL:
        yield lambda: ""
        return
    folder = tmp_path_factory.mktemp("postgresql")
    for part in (folder, *folder.parents[:3]):
        part.chmod(0o755)
    server, names = Postgres.made(folder), iter("abcdef")
    yield lambda: server.fresh(next(names))
    server.stop()


def run(*arguments: str | Path, url: str = "", script: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", script] if script else [sys.executable, "-m", "roaddamage"]
    here = str(Path(__file__).parent)
    env = {
        name: value
        for name, value in os.environ.items()
        if name not in ("DATABASE_URL", "DJANGO_SETTINGS_MODULE")
    }
    return subprocess.run(
        [*command, *map(str, arguments)], capture_output=True, text=True, check=False,
        env={**env, "LANG": "C.UTF-8", "PYTHONPATH": here, **({"DATABASE_URL": url} if url else {})},
    )  # fmt: skip


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[], str]) -> Path:
    """A backup of a workspace that is no more."""
    folder, url = tmp_path_factory.mktemp("backup"), new_database()
    made = run(folder / "lost", url=url, script=ADD)
    assert made.returncode == 0, made.stderr
    done = run("backup", "--workspace", folder / "lost", "--out", folder / "backup.tar", url=url)
    assert done.returncode == 0, done.stderr
    shutil.rmtree(folder / "lost")
    return folder / "backup.tar"


@pytest.fixture
def lost(written: Path, tmp_path: Path) -> Path:
    """A copy of it, for one test."""
    return Path(shutil.copy2(written, tmp_path / "backup.tar"))


def test_what_was_lost_is_there_again(lost: Path, tmp_path: Path, new_database: Callable[[], str]) -> None:
    workspace, url = tmp_path / "again", new_database()
    assert lost.stat().st_mode & 0o077 == 0
    done = run("restore", lost, "--workspace", workspace, url=url)
    assert done.returncode == 0, done.stderr
    assert json.loads(run(workspace, url=url, script=LOOK).stdout) == [3, True]
    assert (workspace / "footage" / "a" / "夜 1.mp4").read_bytes() == b"video"
    assert not (workspace / "uploads" / "half").exists()
    again = run("restore", lost, "--workspace", workspace, url=url)
    assert (again.returncode, "not empty" in again.stderr) == (1, True)
    if url:
        elsewhere = run("restore", lost, "--workspace", tmp_path / "third", url=url)
        assert (elsewhere.returncode, "not empty" in elsewhere.stderr) == (1, True)
        assert not (tmp_path / "third").exists()


def cut(file: Path, share: float) -> None:
    os.truncate(file, int(file.stat().st_size * share))


def cut_between_files(file: Path) -> None:
    with tarfile.open(file) as tar:
        last = tar.getmembers()[-2]
    os.truncate(file, last.offset)


def changed(file: Path, **values: object) -> None:
    with tarfile.open(file) as tar:
        members = [(one, tar.extractfile(one).read()) for one in tar if one.isfile()]  # type: ignore[union-attr]
    with tarfile.open(file, "w") as tar:
        for member, content in members:
            if member.name == "backup.json":
                content = json.dumps(json.loads(content) | values).encode()
                member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


def with_a_way_out(file: Path) -> None:
    with tarfile.open(file, "a") as tar:
        evil = tarfile.TarInfo("files/../../evil")
        tar.addfile(evil, io.BytesIO())


@pytest.mark.skipif(POSTGRESQL, reason="what a file may be is tried with SQLite")
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda file: cut(file, 0.5), "damaged"),
        (cut_between_files, "damaged"),
        (lambda file: file.write_bytes(b"x" * 5000), "no backup"),
        (lambda file: changed(file, migrations=["0999_of_next_year"]), "later version"),
        (lambda file: changed(file, sha256="0" * 64), "damaged"),
        (lambda file: changed(file, database="records.other"), "DATABASE_URL"),
        (with_a_way_out, "damaged"),
        (Path.unlink, "can't be restored"),
    ],
    ids=["half", "cut between files", "no archive", "newer", "other records", "other database", "way out", "gone"],
)  # fmt: skip
def test_a_backup_that_is_none_leaves_nothing(
    harm: Callable[[Path], object], said: str, lost: Path, tmp_path: Path
) -> None:
    harm(lost)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(BackupError, match=said):
        restore(lost, tmp_path / "again", lambda done, total: None)
    assert sorted(tmp_path.iterdir()) == before


def test_where_a_backup_can_not_go(lost: Path, tmp_path: Path, new_database: Callable[[], str]) -> None:
    workspace, url = tmp_path / "here", new_database()
    assert run(workspace, url=url, script=ADD).returncode == 0
    for out in (lost, workspace / "b.tar", tmp_path / "nowhere" / "b.tar", Path("/proc/b.tar")):
        done = run("backup", "--workspace", workspace, "--out", out, url=url)
        assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
    assert run("backup", "--workspace", tmp_path / "none", "--out", tmp_path, url=url).returncode == 2
    made = run("backup", "--workspace", workspace, "--out", tmp_path, "--without-footage", url=url)
    [file] = tmp_path.glob("roaddamage-*.tar")
    assert str(file) in made.stdout
    with tarfile.open(file) as tar:
        assert not [name for name in tar.getnames() if "footage" in name]


def test_records_of_an_earlier_version_are_brought_up_to_date(
    tmp_path: Path, new_database: Callable[[], str]
) -> None:
    workspace, url = tmp_path / "old", new_database()
    earlier = ADD + (
        "from django.core.management import call_command\n"
        "call_command('migrate', 'axes', '0007', verbosity=0)\n"
    )
    made = run(workspace, url=url, script=earlier)
    assert made.returncode == 0, made.stderr
    done = run("upgrade", "--workspace", workspace, url=url)
    assert done.returncode == 0, done.stderr
    assert json.loads(run(workspace, url=url, script=LOOK).stdout) == [3, True]
    kept = list(workspace.glob("records-before-*.sqlite3"))
    assert len(kept) == (0 if url else 1)
    for path in kept:
        with sqlite3.connect(path) as records:
            assert records.execute("SELECT count(*) FROM records_damage").fetchone() == (3,)
