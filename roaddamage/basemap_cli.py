"""`roaddamage basemap`: the map under the damages, from data a municipality has. Heavy imports wait inside."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from detector.errors import N_, OutputTakenError, Translate
from roaddamage.common_options import errors_said
from roaddamage.language import preferred_language, translation

app = typer.Typer(
    no_args_is_help=True,
    help=N_("The base map under the damages: built from map data, or one that is there."),
)

BUILD_HELP = N_(
    """Build a base map from map data: one PMTiles file, for detect and probe (--basemap).

SOURCE is OpenStreetMap (.osm.pbf), 基盤地図情報 (GML, as downloaded: .zip or .xml), a Shapefile or a
GeoPackage, or a folder or zip of them. Several make one map. Where a file's name does not tell what it
holds, say it before: roads=, rail=, buildings=, water=, green=, boundaries= or places=.

Examples:

roaddamage basemap build shikoku-latest.osm.pbf --out basemap.pmtiles

roaddamage basemap build FG-GML-533945-ALL.zip roads=daicho.shp --crs EPSG:6677 --out basemap.pmtiles
"""
)
ADD_HELP = N_(
    """Take a base map that is there: a PMTiles or MBTiles file, or the address of your own tile server.

It is checked, given its attribution, and written to --out: a file as PMTiles, an address as TileJSON.
Either is then given to detect and probe as --basemap. From an address the tiles are asked for while a
page is looked at: its map then needs that server, and the server has to allow it (CORS) for PMTiles and
vector tiles.

Examples:

roaddamage basemap add city.mbtiles --attribution "○○市都市計画基本図" --out basemap.pmtiles

roaddamage basemap add "http://gis.example.lg.jp/tiles/{z}/{x}/{y}.png" --attribution "○○市" --out basemap.json
"""
)
ATTRIBUTION = typer.Option(metavar="TEXT", help=N_("Shown in the map's corner: whose data it is."))
OVERWRITE = typer.Option("--overwrite", help=N_("Replace the file that is there."))


@app.command(help=BUILD_HELP)
def build(
    sources: Annotated[
        list[str], typer.Argument(metavar="SOURCE...", help=N_("Files, folders or zips of map data."))
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help=N_("PMTiles file to write."))] = Path(
        "basemap.pmtiles"
    ),
    crs: Annotated[
        str | None,
        typer.Option(
            metavar="EPSG:N", help=N_("Coordinate system of the sources that state none, such as EPSG:6677.")
        ),
    ] = None,
    attribution: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help=N_(
                "Shown in the map's corner: whose data it is"
                " [default: what OpenStreetMap and 国土地理院 ask for]."
            ),
        ),
    ] = None,
    overwrite: Annotated[bool, OVERWRITE] = False,
) -> None:
    """Build a base map."""
    _check_crs(crs)
    translate = translation(preferred_language())
    with _told(translate, out) as watch:
        _check_free(out, overwrite=overwrite)
        from maps.basemap import build as make

        built = make(sources, out, crs=crs, attribution=attribution, watch=watch)
    for source in built.empty:
        typer.echo(translate(N_("{source}: nothing in it is drawn.")).format(source=source), err=True)
    if not built.features["roads"]:
        typer.echo(translate(N_("There is no road in it: the map shows none.")), err=True)
    if not built.attribution:
        typer.echo(translate(N_("It has no attribution; --attribution gives it one.")), err=True)
    counts = ", ".join(f"{layer} {count:,}" for layer, count in sorted(built.features.items()))
    text = translate(N_("Base map: {path} ({size} MB; {counts})"))
    typer.echo(text.format(path=out, size=f"{built.size_bytes / 1e6:.1f}", counts=counts))


@app.command(help=ADD_HELP)
def add(
    source: Annotated[
        str, typer.Argument(metavar="FILE|URL", help=N_("PMTiles or MBTiles file, or address of tiles."))
    ],
    attribution: Annotated[str, ATTRIBUTION],
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help=N_("File to write [default: basemap.pmtiles, or basemap.json].")),
    ] = None,
    min_zoom: Annotated[int, typer.Option(min=0, max=24, help=N_("First zoom the address has."))] = 0,
    max_zoom: Annotated[int, typer.Option(min=0, max=24, help=N_("Deepest zoom the address has."))] = 18,
    overwrite: Annotated[bool, OVERWRITE] = False,
) -> None:
    """Take a base map that is there."""
    translate = translation(preferred_language())
    url = "://" in source
    target = out or Path("basemap.json" if url else "basemap.pmtiles")
    with _told(translate, target):
        _check_free(target, overwrite=overwrite)
        from maps.basemap import add_archive, add_service

        if url:
            add_service(source, target, attribution, min_zoom, max_zoom)
        else:
            add_archive(Path(source), target, attribution)
    typer.echo(translate(N_("Base map: {path}")).format(path=target))


def _check_crs(crs: str | None) -> None:
    """A coordinate system that is none is bad usage."""
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    try:
        if crs is not None:
            CRS.from_user_input(crs)
    except CRSError as error:
        raise typer.BadParameter(f"--crs: there is no coordinate system {crs!r}; one is EPSG:6677") from error


def _check_free(out: Path, *, overwrite: bool) -> None:
    if out.is_dir() or (out.exists() and not overwrite):
        raise OutputTakenError(N_("{path} is there already. Give another --out, or --overwrite."), path=out)


@contextmanager
def _told(translate: Translate, out: Path) -> Iterator[Callable[[str, float | None], None]]:
    """A bar on standard error while it takes long; a user's error is said, and ends with its exit code."""
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True, soft_wrap=True)
    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn()
    names = {"tiles": translate(N_("tiles"))}
    with (
        errors_said(translate, out),
        Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress,
    ):
        task = progress.add_task("", total=None)

        def watch(what: str, share: float | None) -> None:
            total = None if share is None else 1.0
            progress.update(
                task, description=escape(names.get(what, what)), total=total, completed=share or 0.0
            )

        yield watch
