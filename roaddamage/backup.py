"""Backup: a workspace as one file, and a workspace out of it again.

The file is a tar archive: `backup.json` (what it is), the records as their database gives them out while it is used, every
other file under its path, and `end.json` (how many). It is there whole or not at all, and so is what is restored.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone

from detector.errors import N_, RoadDamageError
from roaddamage import __version__
from roaddamage.digests import sha256_of
from roaddamage.workspace import Workspace

ABOUT, END = "backup.json", "end.json"
SQLITE, POSTGRESQL = "records.sqlite3", "records.dump"
FORMAT = 1
FOOTAGE = "footage"
LEFT_OUT = ("uploads", "roaddamage.lock")
"""Files that are still on their way: whoever sends them sends them again."""
Watch = Callable[[int, int], None]
"""Told how many bytes of how many are done."""


class BackupError(RoadDamageError):
    """A backup that can't be made, or not be restored."""


@dataclass(frozen=True)
class About:
    """What a backup holds."""

    format: int
    version: str
    made: str
    database: str
    sha256: str
    migrations: list[str]
    footage: bool


def back_up(workspace: Workspace, out: Path, watch: Watch, *, footage: bool = True) -> Path:
    """Write a backup, into a folder under a name of its own; the file.

    Raises BackupError where it can't be written, or would replace something.
    """
    if out.is_dir():
        out = out / f"roaddamage-{timezone.localtime():%Y%m%d-%H%M%S}.tar"
    if out.exists():
        raise BackupError(N_("{path} is there already. Give another --out."), path=out)
    if out.resolve().is_relative_to(workspace.folder.resolve()):
        raise BackupError(
            N_("{path} is inside the workspace: the backup is to outlive it. Give another --out."), path=out
        )
    part = out.with_name(f".{out.name}.part")
    try:
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=".roaddamage-") as folder:
            dump = dumped(Path(folder))
            # What is written after this is of later records, and only more than they know of.
            paths = list(_files(workspace, footage=footage))
            about = About(
                FORMAT, __version__, timezone.now().isoformat(), _kind(), sha256_of(dump), _migrations(), footage,
            )  # fmt: skip
            _write(part, workspace, about, dump, paths, watch)
        os.replace(part, out)
    except OSError as error:
        raise BackupError(
            N_("The backup can't be written to {path}: {reason}."),
            path=out.parent,
            reason=error.strerror or error,
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return out


def _write(
    part: Path, workspace: Workspace, about: About, dump: Path, paths: list[Path], watch: Watch
) -> None:
    total, done, count = sum(path.stat().st_size for path in paths if path.exists()), 0, 0
    # It holds the key that signs sessions: for its owner alone.
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file, tarfile.open(fileobj=file, mode="w") as tar:
        told = dump.with_name(ABOUT)
        told.write_text(json.dumps(asdict(about), indent=1), encoding="utf-8")
        tar.add(told, ABOUT)
        tar.add(dump, about.database)
        for path in paths:
            try:
                tar.add(path, f"files/{path.relative_to(workspace.folder).as_posix()}")
            except FileNotFoundError:  # taken away meanwhile, and from the records too
                continue
            count += 1
            done += path.stat().st_size if path.exists() else 0
            watch(done, total)
        told.write_text(json.dumps({"files": count}), encoding="utf-8")
        tar.add(told, END)
        tar.close()  # which writes the end marks
        file.flush()
        os.fsync(file.fileno())


def _files(workspace: Workspace, *, footage: bool) -> Iterator[Path]:
    left_out = {*LEFT_OUT, *(() if footage else (FOOTAGE,))}
    for path in sorted(workspace.folder.rglob("*")):
        first = path.relative_to(workspace.folder).parts[0]
        is_records = first.startswith(workspace.records.name)
        if first not in left_out and not is_records and path.is_file() and not path.is_symlink():
            yield path


def dumped(folder: Path) -> Path:
    """The records as one file, as they are at one moment. Raises BackupError."""
    if connection.vendor == "sqlite":
        path = folder / f".{SQLITE}.part"
        with (
            closing(sqlite3.connect(settings.DATABASES["default"]["NAME"])) as source,
            closing(sqlite3.connect(path)) as target,
        ):
            source.backup(target)
        return path
    path = folder / POSTGRESQL
    _postgresql("pg_dump", "--format=custom", "--no-owner", f"--file={path}")
    return path


def _postgresql(program: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs on the database in use. Raises BackupError."""
    known = connection.get_connection_params()
    names = {
        "host": "PGHOST",
        "port": "PGPORT",
        "user": "PGUSER",
        "password": "PGPASSWORD",
        "dbname": "PGDATABASE",
    }
    place = {name: str(known[key]) for key, name in names.items() if known.get(key)}
    found = shutil.which(program) or next(
        map(str, sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))[-1:]), None
    )
    if found is None:
        raise BackupError(
            N_(
                "{program} is needed for records in PostgreSQL: install its client programs (Debian: postgresql-client)."
            ),
            program=program,
        )
    done = subprocess.run(  # noqa: S603
        [found, *arguments], env={**os.environ, **place}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BackupError(
            N_("{program} failed: {reason}"), program=program, reason=done.stderr.strip()[-500:]
        )


def _kind() -> str:
    """What the records of the database in use are called in a backup."""
    return SQLITE if connection.vendor == "sqlite" else POSTGRESQL


def _migrations() -> list[str]:
    return sorted(
        name for app, name in MigrationLoader(connection).applied_migrations or () if app == "records"
    )


def restore(file: Path, folder: Path, watch: Watch) -> About:
    """Make a workspace of a backup, in a folder that is empty or not there; what the backup is.

    Raises BackupError for a file that is none, is damaged or of a later version, and for a place that is taken.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BackupError(
            N_("{path} is not empty. Restore into a folder that is not there yet."), path=folder
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    try:
        with _opened(file) as tar:
            about = _about(tar, file)
            _check(about)
            _unpack(tar, part, about, file, watch)
        _put_records(part / about.database, part / "files" / SQLITE)
        os.replace(part / "files", folder)
    except OSError as error:
        raise BackupError(
            N_("{path} can't be restored: {reason}."), path=file, reason=error.strerror or error
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return about


@contextmanager
def _opened(file: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(file, "r:") as tar:
            yield tar
    except (tarfile.TarError, EOFError) as error:
        raise BackupError(
            N_("{path} is no backup, or is damaged: {reason}."), path=file, reason=error
        ) from error


def _about(tar: tarfile.TarFile, file: Path) -> About:
    try:
        first = tar.next()
        told: Any = tar.extractfile(first) if first and first.name == ABOUT else None
        return About(**json.load(told))
    except (AttributeError, ValueError, TypeError) as error:
        raise BackupError(N_("{path} is no backup of a workspace."), path=file) from error


def _check(about: About) -> None:
    """Raises BackupError for a backup of a later version, or of another kind of database."""
    known = {name for app, name in MigrationLoader(None).graph.nodes if app == "records"}
    if about.format > FORMAT or not set(about.migrations) <= known:
        raise BackupError(
            N_(
                "The backup is of a later version of the application ({version}). Install that, then restore."
            ),
            version=about.version,
        )
    if about.database != _kind():
        raise BackupError(
            N_("The backup's records are {kind}: set DATABASE_URL for PostgreSQL, leave it out for SQLite."),
            kind=about.database,
        )
    if connection.vendor == "postgresql" and connection.introspection.table_names():
        raise BackupError(N_("The database that DATABASE_URL names is not empty. Make a new one."))


def _unpack(tar: tarfile.TarFile, part: Path, about: About, file: Path, watch: Watch) -> None:
    total, count = file.stat().st_size, 0
    (part / "files").mkdir(mode=0o700)
    for member in tar:
        if member.name in (about.database, END) or member.name.startswith("files/"):
            tar.extract(member, part, filter="data")
            count += member.name.startswith("files/")
            watch(tar.offset, total)
    dump, end = part / about.database, part / END
    if not (
        end.is_file() and json.loads(end.read_text()) == {"files": count} and sha256_of(dump) == about.sha256
    ):
        raise BackupError(N_("{path} is damaged: it does not hold what it says."), path=file)


def _put_records(dump: Path, place: Path) -> None:
    if connection.vendor == "sqlite":
        os.replace(dump, place)
    else:
        _postgresql(
            "pg_restore",
            "--no-owner",
            "--exit-on-error",
            "--single-transaction",
            f"--dbname={connection.settings_dict['NAME']}",
            str(dump),
        )
