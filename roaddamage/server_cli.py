"""`roaddamage serve`, `worker` and `add`: the application. Heavy imports wait inside."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from detector.errors import N_
from roaddamage.common_options import WORKSPACE, errors_said
from roaddamage.language import preferred_language, translation

SERVE_HELP = N_(
    """Run the application: pages, uploads and one worker, on this machine.

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

Example:

roaddamage worker --workspace /srv/roaddamage
"""
)
ADD_HELP = N_(
    """Take a folder of footage into the workspace, as an upload would, and let its drives run.

Examples:

roaddamage add /media/card

roaddamage add /srv/incoming --watch
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
        server.prepare(workspace)
    if password := server.first_administrator():
        text = translate(N_("First administrator: user {user}, one-time password {password}"))
        typer.echo(text.format(user=server.FIRST, password=password))
    from roaddamage.workers import Workers

    started = Workers(workers, lambda: server.start_worker(workspace.absolute()))
    shown = "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104
    typer.echo(translate(N_("Ready: {address} (Ctrl-C ends it)")).format(address=f"http://{shown}:{port}/"))
    try:
        server.serve_pages(host, port)
    finally:
        started.stop()


@app.command(help=WORKER_HELP)
def worker(
    workspace: Annotated[Path, WORKSPACE] = Path("workspace"),
    once: Annotated[bool, typer.Option("--once", help=N_("End when nothing waits."))] = False,
) -> None:
    """Run a worker."""
    from roaddamage import server

    with errors_said(translation(preferred_language()), workspace):
        server.run_worker(workspace, once)


@app.command(help=ADD_HELP)
def add(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help=N_("Folder of footage, such as a card's."))
    ],
    workspace: Annotated[Path, WORKSPACE] = Path("workspace"),
    user: Annotated[str, typer.Option(help=N_("User whose upload it is."))] = "admin",
) -> None:
    """Take a folder in."""
    import uuid

    from roaddamage import server

    translate = translation(preferred_language())
    with errors_said(translate, folder):
        server.prepare(workspace)
        server.first_administrator()
        from django.contrib.auth.models import User

        from roaddamage.intake import add_folder
        from roaddamage.jobs import enqueue
        from roaddamage.problems import told

        by = User.objects.filter(username=user).first()
        if by is None:
            raise typer.BadParameter(f"--user: there is no user {user!r}")
        taken = add_folder(folder, by, uuid.uuid4().hex)
        for drive in taken.drives:
            if "problem" in drive.understood:
                typer.echo(f"{drive.name}: {told(drive.understood['problem'], translate)}", err=True)
                continue
            enqueue(drive, by)
            typer.echo(
                translate(N_("{drive}: {km} km, waiting for a worker")).format(
                    drive=drive.name, km=f"{drive.metres / 1000:.2f}"
                )
            )
        for drive in taken.known:
            typer.echo(translate(N_("{drive} is there already")).format(drive=drive.name))
        for one in taken.refused:
            typer.echo(f"{one['name']}: {told(one, translate)}", err=True)
    raise typer.Exit(3 if taken.refused else 0)
