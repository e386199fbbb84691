"""`roaddamage roads`: the municipality's roads for the application. Heavy imports wait inside."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from detector.errors import N_, Translate
from roaddamage.common_options import (
    ROADS_COLUMNS,
    ROADS_CRS,
    WORKSPACE,
    columns_named,
    crs_named,
    errors_said,
    working,
)
from roaddamage.language import preferred_language, translation

if TYPE_CHECKING:
    from roaddamage.records.models import RoadsFile

HELP = N_(
    """Give the application the municipality's roads: damages then have their road and chainage, and priorities its kind.

FILE is the road ledger (道路台帳) as Shapefile, GeoPackage or GeoJSON, or OpenStreetMap. It is read, checked and kept in the
workspace, and all damages are placed on it, while the application runs too; the roads before are replaced, or stay where
the file is refused. Where this is ended in the middle, give the same file again. Without FILE: which roads are in use.
--remove puts none in use: damages lose road and chainage, and what their road counted for their priority.

Examples:

roaddamage roads daicho.shp --roads-crs EPSG:6677 --workspace /srv/roaddamage

roaddamage roads

roaddamage roads --remove
"""
)
app = typer.Typer()


@app.command("roads", help=HELP)
def roads(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help=N_("The roads' centre lines."), show_default=False)
    ] = None,
    workspace: Annotated[Path, WORKSPACE] = Path("workspace"),
    roads_crs: Annotated[str | None, ROADS_CRS] = None,
    roads_columns: Annotated[str | None, ROADS_COLUMNS] = None,
    remove: Annotated[bool, typer.Option("--remove", help=N_("Put no roads in use any more."))] = False,
) -> None:
    """Put roads in use, take them out of use, or say which are."""
    from roaddamage import server

    if remove and file is not None:
        raise typer.BadParameter(translation(preferred_language())(N_("Give FILE or --remove, not both.")))
    translate = translation(preferred_language())
    crs, columns = crs_named(roads_crs), columns_named(roads_columns)
    with errors_said(translate, workspace):
        server.prepare(workspace)
    from roaddamage.records.placing import place_all, remove_roads
    from roaddamage.roads import give_roads, roads_in_use

    if remove:
        with working(translate, workspace, N_("taking damages off their roads")) as watch:
            name = remove_roads(watch)
        typer.echo(translate(N_("The roads of {name} are in use no more.")).format(name=name))
        return
    if file is not None:
        with working(translate, workspace, N_("placing damages, drive by drive")) as watch:
            give_roads(file, crs, columns)
            place_all(watch)
    row = roads_in_use()
    if row is None:
        typer.echo(translate(N_("No roads are in use. Give the road ledger: roaddamage roads FILE")))
        return
    _tell(row, translate)


def _tell(row: RoadsFile, translate: Translate) -> None:
    """The roads in use, what was left out of their file, and how many damages lie on them."""
    from django.utils import timezone

    from roaddamage.problems import told
    from roaddamage.records.models import Damage
    from roaddamage.records.placing import waiting

    for remark in row.remarks:
        typer.echo(told(remark, translate), err=True)
    text = translate(N_("Roads in use: {name}, given on {at} ({lines} lines, {km} km)"))
    at = f"{timezone.localtime(row.at):%Y-%m-%d %H:%M}"
    typer.echo(text.format(name=row.name, at=at, lines=row.lines, km=f"{row.metres / 1000:.1f}"))
    shown = Damage.objects.filter(shown=True)
    text = translate(N_("Damages on these roads: {count} of {all}"))
    typer.echo(text.format(count=shown.filter(chainage_m__isnull=False).count(), all=shown.count()))
    if left := waiting(row.digest).count():
        text = translate(N_("Drives that are not placed on them yet: {count}. Give the same file again."))
        typer.echo(text.format(count=left), err=True)
