"""What several commands share: options, how errors are said, which model is meant."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from detector.errors import N_, RoadDamageError, Translate
from roaddamage.language import preferred_language, translation

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from pyproj import CRS

    from detector.kept_area import KeptArea
    from maps.basemap_layer import BaseMap
    from maps.roads import Roads


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

BASEMAP = typer.Option(
    metavar="FILE|URL",
    envvar="ROADDAMAGE_BASEMAP",
    help=N_("Base map under the damages, of `roaddamage basemap` [default: none, the ways driven alone]."),
)
TIMEZONE = typer.Option(metavar="ZONE", help=N_("Zone of the times shown, and of cameras set to local time."))

KEEP_AREA = typer.Option(
    metavar="LEFT,TOP,RIGHT,BOTTOM",
    help=N_(
        "Area of the pictures to keep, in percent of their width and height; what lies outside (bonnet, band of text) is"
        " filled, and no damage is looked for there. 0,5,100,85 leaves out the uppermost 5 % and the lowest 15 %"
        " [default: the vehicle's, else all]."
    ),
)

PEOPLE = typer.Option(
    metavar="WEIGHTS",
    help=N_(
        "Cover whole people too, found by this general detector: a YOLO checkpoint with a class person. None comes with the"
        " program, and how many one misses was not measured."
    ),
)

ROADS = typer.Option(
    metavar="FILE",
    envvar="ROADDAMAGE_ROADS",
    help=N_("The roads' centre lines [default: the ways driven]."),
)
ROADS_CRS = typer.Option(
    metavar="EPSG:N", help=N_("Coordinate system of a road file that states none, such as EPSG:6677.")
)
ROADS_COLUMNS = typer.Option(
    metavar="NAME=COLUMN,...",
    help=N_(
        "Which columns of the road file are which, where that can't be told: id=..,name=..,kind=..,width=..,"
        "lanes=..,oneway=..,traffic=..,level=.."
    ),
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
def working(
    translate: Translate, folder: Path | None = None, things: str = N_("pictures")
) -> Iterator[Callable[[int, int | None], None]]:
    """`errors_said`, and a bar on standard error that is told things done, and all there are (None: not known)."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True, soft_wrap=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with (
        errors_said(translate, folder),
        Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress,
    ):
        task = progress.add_task(translate(things), total=None, visible=False)
        yield lambda done, total: progress.update(task, completed=done, total=total, visible=True)


def model_in_use(wanted: Path | None, workspace: Path) -> Path:
    """The model asked for, else the workspace's, else the package's. Raises HistoryError where that is gone."""
    from roaddamage.models import Models

    return wanted or Models(workspace).current()


def basemap_named(where: str | None) -> BaseMap | None:
    """The base map of an option, looked at before anything else is done. Raises BaseMapError."""
    from maps.basemap_layer import open_basemap

    return open_basemap(where) if where else None


def zone_named(name: str) -> ZoneInfo:
    """The time zone of a name; a wrong one is bad usage."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError) as error:
        raise typer.BadParameter(f"there is no time zone {name!r}; one is Asia/Tokyo") from error


def crs_named(text: str | None) -> CRS | None:
    """The coordinate system of a name; a wrong one is bad usage."""
    import pyproj
    from pyproj.exceptions import CRSError

    if text is None:
        return None
    try:
        return pyproj.CRS.from_user_input(text)
    except CRSError as error:
        raise typer.BadParameter(
            f"--roads-crs: {text!r} is no coordinate system; one is EPSG:6677"
        ) from error


def columns_named(text: str | None) -> dict[str, str] | None:
    """Columns of a road file by `maps.roads.COLUMNS`' names; what is none is bad usage."""
    from maps.roads import COLUMNS

    if text is None:
        return None
    pairs = [pair.partition("=") for pair in text.split(",")]
    for name, _, column in pairs:
        if name.strip() not in COLUMNS or not column:
            raise typer.BadParameter(
                f"--roads-columns: {name!r} is none of {', '.join(COLUMNS)}, or names no column"
            )
    return {name.strip(): column.strip() for name, _, column in pairs}


def area_named(text: str | None) -> KeptArea | None:
    """The area of an option; what is none is bad usage."""
    from detector.kept_area import KeptAreaError, kept_area_of

    try:
        return None if text is None else kept_area_of(text)
    except KeptAreaError as error:
        raise typer.BadParameter(
            f"--keep-area: {error.message(translation(preferred_language()))}"
        ) from error


def roads_named(path: Path | None, crs: str | None) -> Roads | None:
    """The roads of an option. Raises RoadsError."""
    from maps.roads import read_roads

    return read_roads(path, crs_named(crs)) if path else None
