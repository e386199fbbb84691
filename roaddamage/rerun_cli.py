"""`roaddamage rerun`: drives run again on the model in use. Heavy imports wait inside."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from detector.errors import N_
from roaddamage.common_options import WORKSPACE, errors_said
from roaddamage.language import preferred_language, translation

HELP = N_(
    """Have drives of the workspace run again on the model in use, the shortest first and after new footage.

Their results stay until the new ones stand in their place; people's decisions stand. What changed is on the page
of the re-run.

Examples:

roaddamage rerun --older-models

roaddamage rerun 2026-04-01-morning RS290 --workspace /srv/roaddamage
"""
)
app = typer.Typer()


@app.command(help=HELP)
def rerun(
    drives: Annotated[
        list[str] | None,
        typer.Argument(metavar="[DRIVE]...", help=N_("Names of drives."), show_default=False),
    ] = None,
    workspace: Annotated[Path, WORKSPACE] = Path("workspace"),
    every: Annotated[bool, typer.Option("--all", help=N_("All drives that have been run."))] = False,
    older_models: Annotated[
        bool,
        typer.Option("--older-models", help=N_("Those that another model than the one in use ran last.")),
    ] = False,
    user: Annotated[str, typer.Option(help=N_("User who asks for it."))] = "admin",
) -> None:
    """Have drives run again."""
    from roaddamage import server

    if bool(drives) + every + older_models != 1:
        raise typer.BadParameter("name drives, or give either --all or --older-models")
    translate = translation(preferred_language())
    with errors_said(translate, workspace):
        server.open_workspace(workspace)
        from django.contrib.auth.models import User

        from roaddamage.problems import told
        from roaddamage.records.models import Drive
        from roaddamage.reruns import begin, metres_of, model_in_use

        by = User.objects.filter(username=user).first()
        if by is None:
            raise typer.BadParameter(f"--user: there is no user {user!r}")
        chosen = Drive.objects.all()
        if drives:
            chosen = chosen.filter(name__in=drives)
            unknown = sorted({*drives} - {*chosen.values_list("name", flat=True)})
            if unknown:
                raise typer.BadParameter(f"no drive of this name: {', '.join(unknown)}")
        elif older_models:
            chosen = chosen.exclude(model=model_in_use())
        made = begin(chosen, by)
        for problem in made.left_out:
            typer.echo(told(problem, translate), err=True)
        rows = list(made.drives.select_related("drive"))
        km = sum(metres_of(one.drive) for one in rows) / 1000
        text = translate(N_("Re-run {number}: {count} drives, {km} km, waiting for a worker; model {model}"))
        typer.echo(text.format(number=made.pk, count=len(rows), km=f"{km:.2f}", model=made.model))
        if made.left_out:
            raise typer.Exit(3)
