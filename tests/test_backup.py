"""Backup and restore, by losing the workspace; and a workspace of an earlier version brought up to date."""

from __future__ import annotations

import io
import json
import os
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from apart import apart, database
from command import as_command
from postgresql import Postgres

from roaddamage import server
from roaddamage.backup import BackupError, restore

pytestmark = pytest.mark.database
POSTGRESQL = os.environ.get("DATABASE_URL", "").startswith("postgresql")


@pytest.fixture(scope="module")
def new_database() -> Iterator[Callable[[], str]]:
    """Addresses of new databases: SQLite's where the tests run on that, else of a server of its own."""
    if not POSTGRESQL:
        yield lambda: ""
        return
    # Not below the tests' own folder, which others of pytest's runs shut to the server's user.
    with tempfile.TemporaryDirectory(prefix="roads-", dir="/tmp") as folder:
        made, names = Postgres.made(Path(folder)), iter("abcdef")
        yield lambda: made.fresh(next(names))
        made.stop()


def add(folder: Path) -> None:
    """A workspace with three damages, footage, and an upload that is half there."""
    workspace = server.prepare(folder)
    server.first_administrator()
    from django.contrib.auth.models import User
    from made_records import made_damage, made_drive

    drive = made_drive(User.objects.get())
    for place in range(3):
        made_damage(drive, place, pictures=True)
    (workspace.footage / "a").mkdir()
    (workspace.footage / "a" / "夜 1.mp4").write_bytes(b"video")
    (workspace.uploads / "half").write_bytes(b"ha")


def add_as_before(folder: Path) -> None:
    """The same, with tables of an earlier version."""
    add(folder)
    from django.core.management import call_command

    call_command("migrate", "axes", "0007", verbosity=0)


def look(folder: Path) -> None:
    """Tell how many damages there are, and whether all have their pictures."""
    server.prepare(folder)
    from roaddamage.records.models import Damage, Sighting
    from roaddamage.web.evidence import picture_of

    print(
        json.dumps([Damage.objects.count(), all(picture_of(one, "crop") for one in Sighting.objects.all())])
    )


def run(call: Callable[..., object], *arguments: object, url: str = "") -> subprocess.CompletedProcess[str]:
    return apart(call, *arguments, env={"LANG": "C.UTF-8", **database(url)})


def roaddamage(*arguments: object, url: str = "") -> subprocess.CompletedProcess[str]:
    return run(as_command, *arguments, url=url)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[], str]) -> Path:
    """A backup of a workspace that is no more."""
    folder, url = tmp_path_factory.mktemp("backup"), new_database()
    made = run(add, folder / "lost", url=url)
    assert made.returncode == 0, made.stderr
    done = roaddamage("backup", "--workspace", folder / "lost", "--out", folder / "backup.tar", url=url)
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
    done = roaddamage("restore", lost, "--workspace", workspace, url=url)
    assert done.returncode == 0, done.stderr
    assert json.loads(run(look, workspace, url=url).stdout) == [3, True]
    assert (workspace / "footage" / "a" / "夜 1.mp4").read_bytes() == b"video"
    assert not (workspace / "uploads" / "half").exists()
    again = roaddamage("restore", lost, "--workspace", workspace, url=url)
    assert (again.returncode, "not empty" in again.stderr) == (1, True)
    if url:
        elsewhere = roaddamage("restore", lost, "--workspace", tmp_path / "third", url=url)
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
    assert run(add, workspace, url=url).returncode == 0
    for out in (lost, workspace / "b.tar", tmp_path / "nowhere" / "b.tar", Path("/proc/b.tar")):
        done = roaddamage("backup", "--workspace", workspace, "--out", out, url=url)
        assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
    assert roaddamage("backup", "--workspace", tmp_path / "none", "--out", tmp_path, url=url).returncode == 2
    made = roaddamage("backup", "--workspace", workspace, "--out", tmp_path, "--without-footage", url=url)
    [file] = tmp_path.glob("roaddamage-*.tar")
    assert str(file) in made.stdout
    with tarfile.open(file) as tar:
        assert not [name for name in tar.getnames() if "footage" in name]


def test_records_of_an_earlier_version_are_brought_up_to_date(
    tmp_path: Path, new_database: Callable[[], str]
) -> None:
    workspace, url = tmp_path / "old", new_database()
    made = run(add_as_before, workspace, url=url)
    assert made.returncode == 0, made.stderr
    done = roaddamage("upgrade", "--workspace", workspace, url=url)
    assert done.returncode == 0, done.stderr
    assert json.loads(run(look, workspace, url=url).stdout) == [3, True]
    kept = list(workspace.glob("records-before-*.sqlite3"))
    assert len(kept) == (0 if url else 1)
    for path in kept:
        with sqlite3.connect(path) as records:
            assert records.execute("SELECT count(*) FROM records_damage").fetchone() == (3,)
