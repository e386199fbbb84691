"""`roaddamage serve`, `worker` and `doctor`: the application. Heavy imports wait inside."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from detector.errors import N_, Translate
from roaddamage.common_options import WORKSPACE, errors_said
from roaddamage.language import preferred_language, translation

SERVE_HELP = N_(
    """Run the application: pages, uploads, one worker for drives and one for trainings, on this machine.

The workspace is made where it is not there. On the first start the administrator's one-time password is printed. Other
machines of the network reach it with --host 0.0.0.0 and their name for it in ROADDAMAGE_HOSTS. Records are in SQLite in
the workspace, or in PostgreSQL where DATABASE_URL names it.

Examples:

roaddamage serve

ROADDAMAGE_HOSTS=roads.city.lg.jp roaddamage serve --host 0.0.0.0 --workspace /srv/roaddamage
"""
)
WORKER_HELP = N_(
    """Run one more worker, also on another machine where DATABASE_URL is PostgreSQL and the workspace is shared.

A worker runs drives, or, with --trainings, trainings: those take hours, and no drive is to wait behind one.

Example:

roaddamage worker --workspace /srv/roaddamage
"""
)
DOCTOR_HELP = N_(
    """Look at this machine: GPU, codecs, fonts, disk, database, clock; and say what to do. Exit code 1 for a fault.

Example:

roaddamage doctor --workspace /srv/roaddamage
"""
)
SETTINGS_HELP = N_(
    """Print the settings as they are without a file, each with what it is for.

Write them to WORKSPACE/settings.toml and change there what is to be changed; what is left out stays usual. They are
checked when `serve` or a worker starts, and by `roaddamage doctor`.

Example:

roaddamage settings > /srv/roaddamage/settings.toml
"""
)
app = typer.Typer()


@app.command(help=SERVE_HELP)
def serve(
    workspace: Annotated[Path, WORKSPACE] = Path("workspace"),
    host: Annotated[str, typer.Option(help=N_("Address to listen on."))] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help=N_("Port to listen on."))] = 8000,
    workers: Annotated[
        int, typer.Option(min=0, max=16, help=N_("Workers on this machine; a GPU runs one job at a time."))
    ] = 1,
) -> None:
    """Run the application."""
    from roaddamage import server

    translate = translation(preferred_language())
    with errors_said(translate, workspace):
        place = server.listening(host, port)
        server.prepare(workspace)
    tell_first_administrator(translate)
    from roaddamage.postman import Postman
    from roaddamage.workers import Workers

    started = Workers(workers, lambda: server.start_worker(workspace.absolute()))
    training = Workers(min(workers, 1), lambda: server.start_worker(workspace.absolute(), trainings=True))
    postman = Postman()
    postman.start()
    shown = "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104
    ready = translate(N_("Ready: {address} (Ctrl-C ends it)")).format(address=f"http://{shown}:{port}/")
    try:
        server.serve_pages(place, lambda: typer.echo(ready))
    finally:
        postman.stop()
        training.stop()
        started.stop()


def tell_first_administrator(translate: Translate) -> None:
    """Where there is no user yet, make one, and print its one-time password, which is not told again."""
    from roaddamage import server

    if password := server.first_administrator():
        text = translate(N_("First administrator: user {user}, one-time password {password}"))
        typer.echo(text.format(user=server.FIRST, password=password))


@app.command(help=WORKER_HELP)
def worker(
    workspace: Annotated[Path, WORKSPACE] = Path("workspace"),
    once: Annotated[bool, typer.Option("--once", help=N_("End when nothing waits."))] = False,
    trainings: Annotated[
        bool, typer.Option("--trainings", help=N_("Train models; without it, run drives."))
    ] = False,
) -> None:
    """Run a worker."""
    from roaddamage import server

    with errors_said(translation(preferred_language()), workspace):
        server.run_worker(workspace, once, trainings)


@app.command(help=DOCTOR_HELP)
def doctor(workspace: Annotated[Path, WORKSPACE] = Path("workspace")) -> None:
    """Look at this machine."""
    from roaddamage.doctor import Word, examined

    translate = translation(preferred_language())
    faults = 0
    for finding in examined(workspace):
        typer.echo(finding.line(translate))
        faults += finding.word is Word.fault
    raise typer.Exit(1 if faults else 0)


@app.command(help=SETTINGS_HELP)
def settings() -> None:
    """Print the usual settings."""
    from roaddamage.configuration import as_toml

    typer.echo(as_toml(), nl=False)
