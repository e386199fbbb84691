"""`roaddamage backup`, `restore` and `upgrade`. Heavy imports wait inside."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from detector.errors import N_
from roaddamage.common_options import WORKSPACE, errors_said, working
from roaddamage.language import preferred_language, translation

BACKUP_HELP = N_(
    """Write the whole workspace into one file, while the application runs: records, evidence, models, roads, footage.

OUT is a file, or a folder in which one with the date in its name is made. What a crew is just sending is not in it.
Keep it on another disk, readable for administrators alone: it holds footage, and the key that signs log-ins.

Examples:

roaddamage backup --workspace /srv/roaddamage --out /mnt/backup

roaddamage backup --out /mnt/backup --without-footage
"""
)
RESTORE_HELP = N_(
    """Make a workspace out of a backup, in a folder that is not there yet.

With records in PostgreSQL set DATABASE_URL to a new, empty database. A backup of an earlier version is brought up to date.

Example:

roaddamage restore /mnt/backup/roaddamage-20260401-030000.tar --workspace /srv/roaddamage
"""
)
UPGRADE_HELP = N_(
    """Bring a workspace of an earlier version up to date; `serve` does it too.

End `serve` and all workers before. With records in SQLite a copy of them as they were is kept beside them.

Example:

roaddamage upgrade --workspace /srv/roaddamage
"""
)
app = typer.Typer()


@app.command(help=BACKUP_HELP)
def backup(
    out: Annotated[Path, typer.Option(help=N_("File, or folder for it."))],
    workspace: Annotated[Path, WORKSPACE] = Path("workspace"),
    without_footage: Annotated[
        bool,
        typer.Option(
            "--without-footage", help=N_("Leave out what crews handed in; it may be kept elsewhere.")
        ),
    ] = False,
) -> None:
    """Back up a workspace."""
    from roaddamage import server

    translate = translation(preferred_language())
    with working(translate, out, N_("bytes")) as watch:
        opened = server.open_workspace(workspace)
        from roaddamage.backup import back_up
        from roaddamage.measures import BACKUP
        from roaddamage.records.audit import audited

        made = back_up(opened, out, watch, footage=not without_footage)
        audited(None, BACKUP, made.name, bytes=made.stat().st_size, footage=not without_footage)
    size = f"{made.stat().st_size / 1e6:,.1f} MB"
    typer.echo(translate(N_("Backup: {path} ({size})")).format(path=made, size=size))


@app.command(help=RESTORE_HELP)
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help=N_("What `roaddamage backup` wrote."))],
    workspace: Annotated[Path, WORKSPACE] = Path("workspace"),
) -> None:
    """Restore a workspace."""
    from roaddamage import server

    translate = translation(preferred_language())
    with working(translate, workspace, N_("bytes")) as watch:
        server.start_django(workspace)
        from roaddamage.backup import restore as restored

        about = restored(file, workspace, watch)
    with errors_said(translate, workspace):
        server.prepare(workspace)
    text = translate(N_("Restored: {path}, as it was on {made} (version {version})"))
    typer.echo(text.format(path=workspace, made=about.made[:16].replace("T", " "), version=about.version))
    if not about.footage:
        typer.echo(
            translate(N_("The backup holds no footage: drives can't be run again until it is put back.")),
            err=True,
        )


@app.command(help=UPGRADE_HELP)
def upgrade(workspace: Annotated[Path, WORKSPACE] = Path("workspace")) -> None:
    """Bring a workspace up to date."""
    from roaddamage import __version__, server

    translate = translation(preferred_language())
    with errors_said(translate, workspace):
        server.open_workspace(workspace)
        from roaddamage.records import frames

        frames.catch_up()
    typer.echo(translate(N_("The workspace is up to date (version {version}).")).format(version=__version__))
