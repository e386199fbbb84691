"""What several commands share: options, how errors are said, which model is meant."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

import typer

from detector.errors import N_, RoadDamageError, Translate


class Language(StrEnum):
    """Language of texts and files."""

    ja = "ja"
    en = "en"


MODEL = typer.Option(
    metavar="PATH", help=N_("YOLO model [default: the workspace's, else the one in the package].")
)
DEVICE = typer.Option(metavar="auto|cpu|cuda:N", help=N_("Where the model runs."))
WORKSPACE = typer.Option(
    metavar="DIR", envvar="ROADDAMAGE_WORKSPACE", help=N_("Folder that keeps the models in use.")
)


@contextmanager
def errors_said(translate: Translate, folder: Path | None = None) -> Iterator[None]:
    """A user's error is said on standard error, and ends the command with its exit code.

    So is a full disk and the like, where it is about a file, or `folder` is what is written to.
    """
    try:
        yield
    except RoadDamageError as error:
        typer.echo(error.message(translate), err=True)
        raise typer.Exit(error.exit_code) from error
    except OSError as error:
        typer.echo(f"{error.filename or folder or ''}: {error.strerror or error}", err=True)
        raise typer.Exit(1) from error


@contextmanager
def working(translate: Translate, folder: Path | None = None) -> Iterator[Callable[[int, int], None]]:
    """`errors_said`, and a bar on standard error that is told pictures done, and all there are."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True, soft_wrap=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with (
        errors_said(translate, folder),
        Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress,
    ):
        task = progress.add_task(translate(N_("pictures")), total=None, visible=False)
        yield lambda done, total: progress.update(task, completed=done, total=total, visible=True)


def model_in_use(wanted: Path | None, workspace: Path) -> Path:
    """The model asked for, else the workspace's, else the package's. Raises HistoryError where that is gone."""
    from roaddamage.models import Models

    return wanted or Models(workspace).current()
