"""`roaddamage add`: footage from a folder, once or for as long as it is watched. Heavy imports wait inside."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Container
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from detector.errors import N_, RoadDamageError, Translate
from roaddamage.common_options import WORKSPACE, errors_said
from roaddamage.language import preferred_language, translation
from roaddamage.server_cli import tell_first_administrator

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from roaddamage.records.models import Drive
    from roaddamage.watching import Ready, Watch

HELP = N_(
    """Take a folder of footage into the workspace, as an upload would, and let its drives run.

Examples:

roaddamage add /media/card

roaddamage add /srv/incoming --watch
"""
)
app = typer.Typer()


@app.command(help=HELP)
def add(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help=N_("Folder of footage, such as a card's."))
    ],
    workspace: Annotated[Path, WORKSPACE] = Path("workspace"),
    user: Annotated[str, typer.Option(help=N_("User whose upload it is."))] = "admin",
    watch: Annotated[
        bool, typer.Option("--watch", help=N_("Go on, and take in what is put there once it grows no more."))
    ] = False,
) -> None:
    """Take a folder in."""
    from roaddamage import server

    translate = translation(preferred_language())
    with errors_said(translate, folder):
        # What is half copied is cleared when the program is asked to end.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0 if watch else 128 + signal.SIGTERM))
        server.prepare(workspace)
        tell_first_administrator(translate)
        from django.contrib.auth.models import User

        by = User.objects.filter(username=user).first()
        if by is None:
            raise typer.BadParameter(f"--user: there is no user {user!r}")
        if not watch:
            raise typer.Exit(3 if _take(folder, by, translate) else 0)
        _watch(folder, workspace, by, translate)


def _take(
    folder: Path, by: User, translate: Translate, *, loose: bool = False, only: Container[str] | None = None
) -> int:
    """Take in what lies in a folder, and say what became of it; how many files were refused."""
    import uuid

    from roaddamage.footage_folder import add_folder
    from roaddamage.problems import told

    taken = add_folder(folder, by, uuid.uuid4().hex, loose=loose, only=only)
    for drive in taken.drives:
        _queued(drive, by, translate)
    for drive in taken.known:
        if _left_by_us(drive, by):
            _queued(drive, by, translate)
        else:
            typer.echo(translate(N_("{drive} is there already")).format(drive=drive.name))
    for one in taken.refused:
        typer.echo(f"{one['name']}: {told(one, translate)}", err=True)
    return len(taken.refused)


def _queued(drive: Drive, by: User, translate: Translate) -> None:
    from roaddamage.jobs import enqueue
    from roaddamage.problems import told

    if "problem" in drive.understood:
        typer.echo(f"{drive.name}: {told(drive.understood['problem'], translate)}", err=True)
        return
    enqueue(drive, by)
    text = translate(N_("{drive}: {km} km, waiting for a worker"))
    typer.echo(text.format(drive=drive.name, km=f"{drive.metres / 1000:.2f}"))


def _left_by_us(drive: Drive, by: User) -> bool:
    """Whether this command took it in before, and was ended before it was queued."""
    from roaddamage.records.models import Batch

    waits = drive.state == drive.State.recognised and "problem" not in drive.understood
    return waits and drive.by_id == by.pk and not Batch.objects.filter(drives=drive).exists()


def _watch(folder: Path, workspace: Path, by: User, translate: Translate) -> None:
    """Take in whatever comes, until asked to end; what can't be taken is said, and tried again when it changes."""
    from roaddamage.watching import EVERY_S, Watch

    if not folder.is_dir():
        raise RoadDamageError(N_("{path} is no folder."), path=folder)
    watch = Watch(folder, workspace.absolute() / "watched.json")
    typer.echo(translate(N_("Watching {path} (Ctrl-C ends it)")).format(path=folder))
    away = False
    while True:
        try:
            for one in watch.ready():
                _take_watched(watch, one, by, translate)
        except OSError as error:
            if not away:
                typer.echo(f"{error.filename or folder}: {error.strerror}", err=True)
            away = True
        else:
            away = False
        time.sleep(EVERY_S)


def _take_watched(watch: Watch, one: Ready, by: User, translate: Translate) -> None:
    """Take in what is whole of a place; where disk or database do not let it, that is tried again."""
    from django.db import connection

    from roaddamage.faults import AWAY

    for name in sorted(one.cut):
        text = translate(N_("{name} was copied in part only: it is taken in once the rest is there."))
        typer.echo(text.format(name=name), err=True)
    try:
        if one.whole:
            _take(one.place, by, translate, loose=one.place == watch.folder, only=one.whole)
        watch.took(one)
    except RoadDamageError as error:
        typer.echo(error.message(translate), err=True)
        watch.put_off(one)
    except (OSError, *AWAY) as error:
        typer.echo(str(error).strip(), err=True)
        connection.close()
        watch.put_off(one)
