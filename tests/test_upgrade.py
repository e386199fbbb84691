"""A workspace of the release before, brought to the present; and one of a later release, refused. See tests/data/README.md."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from apart import apart, database
from command import as_command
from PIL import Image
from postgresql import Postgres

from datasets.private_pictures import FACES, PORTRAITS
from roaddamage import server
from roaddamage.earlier_pictures import LIST

pytestmark = pytest.mark.database
POSTGRESQL = os.environ.get("DATABASE_URL", "").startswith("postgresql")
BEFORE = (
    Path(__file__).parent / "data" / f"workspace-of-0001.{'postgresql' if POSTGRESQL else 'sqlite'}.tar.gz"
)
REVIEWS = [
    "comment", *["confirm"] * 5, "priority", "reclass", "reject", "repair", "same", "same", *["schedule"] * 3, "undo",
]  # fmt: skip
THERE = {
    "kinds": sorted([*REVIEWS, "confirm"]), "statuses": [200], "counts": [23, 23, 3, 1, 22], "pictures": True,
    "decided": "confirmed", "on_roads": 23, "people": ["admin", "ml", "suzuki", "tanaka"], "job": "done", "left": 0,
    "comment": "雨の後にもう一度見る",
}  # fmt: skip
"""All that was there, and one more decision."""


def look_after(*command: object) -> None:
    """After a command: what is there, what pages answer, and whether a damage can be decided."""
    try:
        as_command(*command)
    except SystemExit as end:
        if end.code:
            raise
    from django.conf import settings
    from django.contrib.auth.models import User
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor
    from django.test import Client
    from django.urls import reverse

    from roaddamage.records.models import (
        Damage,
        Drive,
        Job,
        Passage,
        Review,
        RoadsFile,
        Sighting,
        Stop,
        WorkList,
    )
    from roaddamage.web.evidence import KINDS, picture_of

    settings.ALLOWED_HOSTS.append("testserver")
    client = Client()
    client.force_login(User.objects.get(username="tanaka"))
    pages: list[tuple[str, list[int]]] = [
        (name, [])
        for name in ("home", "drives", "damages", "review", "map", "work_lists", "survey", "figures")
    ]
    pages += [("drive", [Drive.objects.get().pk]), ("work_list", [WorkList.objects.get().pk])]
    pages += [("damage", [row.pk]) for row in Damage.objects.order_by("pk")[:10]]
    statuses = {client.get(reverse(name, args=args)).status_code for name, args in pages}
    row = Damage.objects.filter(state="proposed").order_by("pk")[0]
    client.post(reverse("decide", args=[row.pk]), {"kind": "confirm", "version": row.version})
    executor = MigrationExecutor(connection)
    told = {
        "kinds": sorted(Review.objects.values_list("kind", flat=True)), "statuses": sorted(statuses),
        "counts": [model.objects.count() for model in (Damage, Sighting, Stop, RoadsFile, Passage)],
        "pictures": all(picture_of(one, kind) for one in Sighting.objects.all() for kind in KINDS),
        "decided": Damage.objects.get(pk=row.pk).state, "job": Job.objects.get().state,
        "on_roads": Damage.objects.filter(road="市道1号線").count(),
        "people": sorted(User.objects.values_list("username", flat=True)),
        "left": len(executor.migration_plan(executor.loader.graph.leaf_nodes())),
        "comment": Review.objects.get(kind="comment").comment,
    }  # fmt: skip
    print(json.dumps(told))


def make_later(folder: Path) -> None:
    """A workspace of a later release."""
    server.prepare(folder)
    from django.db import connection
    from django.db.migrations.recorder import MigrationRecorder

    MigrationRecorder(connection).record_applied("records", "0999_of_next_year")


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres | None]:
    if not POSTGRESQL:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="roads-", dir="/tmp") as folder:
        made = Postgres.made(Path(folder))
        yield made
        made.stop()


@pytest.fixture
def new_database(postgres: Postgres | None, request: pytest.FixtureRequest) -> Callable[[], str]:
    """The address of a database for this test alone; "" for SQLite in the workspace."""
    return lambda: postgres.fresh(request.node.name[7:60]) if postgres else ""


def run(call: Callable[..., object], *arguments: object, url: str) -> subprocess.CompletedProcess[str]:
    return apart(call, *arguments, env={"LANG": "C.UTF-8", **database(url)})


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    """What the release before wrote."""
    path = tmp_path / "backup.tar"
    path.write_bytes(gzip.decompress(BEFORE.read_bytes()))
    return path


@pytest.fixture
def before(
    backup: Path, tmp_path: Path, postgres: Postgres | None, new_database: Callable[[], str]
) -> tuple[Path, str]:
    """A workspace as the release before left it, and its database; its pictures are masked already, which takes long."""
    with tarfile.open(backup) as tar:
        tar.extractall(tmp_path / "unpacked", filter="data")
    workspace, url = tmp_path / "workspace", new_database()
    shutil.move(tmp_path / "unpacked" / "files", workspace)
    if postgres:
        shutil.copy(tmp_path / "unpacked" / "records.dump", postgres.data.parent / "dump")
        (postgres.data.parent / "dump").chmod(0o644)
        postgres._run("pg_restore", "--no-owner", "-d", url, str(postgres.data.parent / "dump"))
    else:
        shutil.move(tmp_path / "unpacked" / "records.sqlite3", workspace)
    list_masked(workspace)
    return workspace, url


def list_masked(workspace: Path, *but: Path) -> None:
    """As an upgrade that was ended leaves a workspace."""
    done = [path for path in workspace.rglob("*.jpg") if path not in but]
    (workspace / LIST).write_text("".join(f"{path.relative_to(workspace).as_posix()}\n" for path in done))


def seen(*arguments: str | Path, url: str) -> tuple[dict[str, Any], str]:
    """What is there after a command, and what that said on standard error."""
    done = run(look_after, *arguments, url=url)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]), done.stderr


def test_a_workspace_of_the_release_before(before: tuple[Path, str]) -> None:
    workspace, url = before
    there, said = seen("upgrade", "--workspace", workspace, url=url)
    assert there == THERE
    assert " INFO roaddamage.requests " in said
    assert not re.search("WARNING|ERROR|Traceback", said)
    assert len(list(workspace.glob("records-before-*.sqlite3"))) == (0 if url else 1)


def test_pictures_of_the_release_before_are_masked_before_anyone_sees_them(before: tuple[Path, str]) -> None:
    workspace, url = before
    shown, broken, known = sorted((workspace / "evidence").rglob("*-frame.jpg"))[:3]
    with Image.open(shown) as picture, Image.open(PORTRAITS / "obama.jpg") as face:
        picture.paste(face.resize((200, 250)), (100, 100))
        picture.save(shown)
        left, top, right, bottom = (
            round(100 + share * side) for share, side in zip(FACES["obama"], (200, 250) * 2, strict=True)
        )
    broken.write_bytes(b"no picture")
    list_masked(workspace, shown, broken)
    was = known.read_bytes()
    seen("upgrade", "--workspace", workspace, url=url)
    with Image.open(shown) as masked:
        assert np.asarray(masked)[top + 8 : bottom - 8, left + 8 : right - 8].std(axis=(0, 1)).max() < 8
    with Image.open(broken) as grey:
        assert grey.convert("RGB").getpixel((3, 3)) == pytest.approx((128, 128, 128), abs=3)
    assert known.read_bytes() == was
    assert not (workspace / LIST).exists()


def test_a_backup_of_the_release_before(
    backup: Path, tmp_path: Path, new_database: Callable[[], str]
) -> None:
    workspace, url = tmp_path / "again", new_database()
    there, said = seen("restore", backup, "--workspace", workspace, url=url)
    assert there == THERE
    assert "no footage" in said


def test_a_workspace_of_a_later_release_is_refused(before: tuple[Path, str]) -> None:
    workspace, url = before
    assert run(make_later, workspace, url=url).returncode == 0
    files = sorted(workspace.rglob("*"))
    done = run(as_command, "upgrade", "--workspace", workspace, url=url)
    assert (done.returncode, done.stdout) == (1, "")
    assert "later version of the application (0999_of_next_year)" in done.stderr
    assert sorted(workspace.rglob("*")) == files


def test_a_backup_of_a_later_release_is_refused(
    backup: Path, tmp_path: Path, new_database: Callable[[], str]
) -> None:
    later = tmp_path / "later.tar"
    with tarfile.open(backup) as old, tarfile.open(later, "w") as new:
        for member in old:
            content = old.extractfile(member).read()  # type: ignore[union-attr]
            if member.name == "backup.json":
                told = json.loads(content)
                content = json.dumps(
                    told | {"version": "9.0.0", "migrations": [*told["migrations"], "0999_x"]}
                ).encode()
                member.size = len(content)
            new.addfile(member, io.BytesIO(content))
    done = run(as_command, "restore", later, "--workspace", tmp_path / "again", url=new_database())
    assert done.returncode == 1
    assert "later version of the application (9.0.0). Install that, then restore." in done.stderr
    assert not (tmp_path / "again").exists()
