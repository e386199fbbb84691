"""`roaddamage retention`. Heavy imports wait inside."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from detector.errors import N_
from roaddamage.common_options import WORKSPACE, errors_said
from roaddamage.language import preferred_language, translation

RETENTION_HELP = N_(
    """Delete what is older than the settings keep it ([keep] in settings.toml); `serve` does it every night.

With --dry-run only say what would go. Never gone are evidence of damages that live, footage of drives that wait or run,
labelled frames, and what a person keeps on a drive's page.

Examples:

roaddamage retention --dry-run --workspace /srv/roaddamage

roaddamage retention --workspace /srv/roaddamage
"""
)
KINDS = {
    "footage": N_("footage of drives"), "evidence": N_("pictures of damages"), "log": N_("entries of the log"),
    "uploads": N_("files that became part of no drive"), "exports": N_("exports"),
}  # fmt: skip
app = typer.Typer()


@app.command(help=RETENTION_HELP)
def retention(
    workspace: Annotated[Path, WORKSPACE] = Path("workspace"),
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help=N_("Delete nothing; say what would go."))
    ] = False,
) -> None:
    """Delete what is over its time."""
    from roaddamage import server

    translate = translation(preferred_language())
    with errors_said(translate, workspace):
        server.open_workspace(workspace)
        from roaddamage.problems import told
        from roaddamage.retention import due
        from roaddamage.retention_runs import begin, run

        for one in due():
            kept = translate(N_("{days} days")) if one.days else translate(N_("for ever"))
            line = translate(N_("{kind} (kept {kept}): {count} over their time, {mb} MB"))
            size = "–" if one.bytes is None else f"{one.bytes / 1e6:,.1f}"
            typer.echo(
                line.format(
                    kind=translate(KINDS[one.kind]), kept=kept.format(days=one.days), count=one.count, mb=size
                )
            )
        if dry_run:
            return
        done = run(begin(None))
    if done.problem:
        typer.echo(told(done.problem, translate), err=True)
        raise typer.Exit(1)
    typer.echo(translate(N_("Deleted.")))
