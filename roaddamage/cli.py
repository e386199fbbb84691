"""The command line. Heavy imports wait inside the commands, so that --help answers at once."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from detector.errors import N_, FootageError, RoadDamageError, Translate
from roaddamage import (
    __version__,
    add_cli,
    backup_cli,
    basemap_cli,
    dataset_cli,
    erase_cli,
    export_cli,
    mask_cli,
    model_cli,
    rerun_cli,
    retention_cli,
    roads_cli,
    server_cli,
)
from roaddamage.common_options import (
    BASEMAP,
    DEVICE,
    KEEP_AREA,
    MODEL,
    PEOPLE,
    ROADS,
    ROADS_CRS,
    TIMEZONE,
    WORKSPACE,
    Language,
    area_named,
    basemap_named,
    errors_said,
    model_in_use,
    roads_named,
    zone_named,
)
from roaddamage.language import preferred_language, translation

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    import shapely
    from typer._click.core import Command

    from detector.lenses import Lens
    from detector.telemetry.clock import Hints
    from roaddamage.detect import Job

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help=N_("Road damage from dashcam video: drives in, a map and lists of damages out."),
    epilog=N_(
        "Exit codes: 0 done, 1 failed (nothing changed), 2 bad usage,"
        " 3 a file was refused or could be read only in part."
    ),
)
app.add_typer(dataset_cli.app, name="dataset")
app.add_typer(model_cli.app)
app.add_typer(backup_cli.app)
app.add_typer(retention_cli.app)
app.add_typer(erase_cli.app)
app.add_typer(basemap_cli.app, name="basemap")
app.add_typer(export_cli.app)
app.add_typer(server_cli.app)
app.add_typer(roads_cli.app)
app.add_typer(add_cli.app)
app.add_typer(rerun_cli.app)
app.add_typer(mask_cli.app)


DETECT_HELP = N_(
    """Find damages in FOOTAGE: writes map.html, lists, evidence pictures and a report.

The folder then holds map.html, damages.gpkg, damages.geojson, damages.csv, evidence/ and
report.json.

Examples:

roaddamage detect drive.mp4

roaddamage detect /media/card --out out/2024-05-14 --lang ja

roaddamage detect clip.mp4 --gps walk.gpx --camera-height 1.25 --hfov 105

roaddamage detect /media/card --vehicle patrol-1.json --keep-area 0,5,100,85"""
)
SAMPLE_HELP = N_(
    """Render the built-in sample drive: a video, its GPX log, and where its damages really are.

A drive that is there already is kept.

Example:

roaddamage sample --out sample"""
)


PROBE_HELP = N_(
    """Tell what is in FOOTAGE: drives, files, GPS, clocks, gaps; nothing is detected.

Examples:

roaddamage probe /media/card

roaddamage probe drive.mp4 --map way.html
"""
)
CAMERA_HELP = N_(
    """Draw the grid that the camera is taken to see onto pictures of FOOTAGE, to check it by eye.

Right is: the lines along the road meet where the road vanishes, and a lane is as wide as lanes are
(two to two and a half squares of 1.5 m). Else give --horizon, --hfov or --camera-height.

Example:

roaddamage camera drive.mp4 --camera-height 1.25 --out grid.jpg
"""
)
TELEMETRY_HELP = N_(
    """Write the GPS fixes of FOOTAGE, as they were read and tied to the video's time.

Examples:

roaddamage telemetry drive.mp4 --out drive.gpx

roaddamage telemetry /media/card --to csv --out fixes.csv
"""
)


class Form(StrEnum):
    """Forms that fixes can be written in."""

    gpx = "gpx"
    csv = "csv"
    geojson = "geojson"
    json = "json"


@app.callback(invoke_without_command=True)
def main(version: Annotated[bool, typer.Option("--version", help=N_("Show the version."))] = False) -> None:
    """Road damage from dashcam video."""
    if version:
        typer.echo(f"roaddamage {__version__}")
        raise typer.Exit


FOOTAGE = typer.Argument(
    metavar="FOOTAGE...",
    help=N_(
        "Video files, folders of them, or folders of geotagged JPEGs. GPS is read from the video, or"
        " from a log (GPX, NMEA, CSV, KML, IGC, SRT) beside it under the same name."
    ),
)
GPS = typer.Option(metavar="FILE", help=N_("GPS log to use, in place of those in the videos or beside them."))
GPS_OFFSET = typer.Option(metavar="SECONDS", help=N_("Added to every GPS time, where the clocks differ."))
GPS_COLUMNS = typer.Option(
    metavar="NAME=HEADING,...",
    help=N_("Which columns of a CSV log are which, where that can't be told: lat=..,lon=..,time=.."),
)
CAMERA_HEIGHT = typer.Option(
    metavar="METRES", help=N_("Lens above the road [default: found in how the road moves, near 1.3].")
)
HFOV = typer.Option(
    metavar="DEGREES", help=N_("Horizontal field of view [default: the known camera's, else 80, roughly].")
)
HORIZON = typer.Option(
    metavar="SHARE",
    help=N_(
        "Horizon's place from the picture's top, as a share of its height; may be negative"
        " [default: found in how the road moves, or in the lane lines]."
    ),
)
LENS = typer.Option(
    metavar="NAME",
    help=N_("Make and model, where the file does not tell: one of those `camera --list` shows."),
)
VEHICLE = typer.Option(
    metavar="FILE",
    help=N_(
        "What is known of this vehicle's camera, and the area kept of its pictures: read if it is there, and sharpened by"
        " each drive."
    ),
)
WITHIN = typer.Option(
    metavar="FILE",
    envvar="ROADDAMAGE_WITHIN",
    help=N_("The municipality's ground (polygons): damages outside it are listed beside the map, not drawn."),
)


@app.command(help=DETECT_HELP)
def detect(
    footage: Annotated[list[Path], FOOTAGE],
    gps: Annotated[Path | None, GPS] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help=N_("Folder for the results."))] = Path("out"),
    model: Annotated[Path | None, MODEL] = None,
    device: Annotated[str, DEVICE] = "auto",
    every_m: Annotated[
        float,
        typer.Option(
            metavar="METRES", min=0.1, max=100, help=N_("Judge a frame every so many metres driven.")
        ),
    ] = 2.5,
    confidence: Annotated[
        float, typer.Option(metavar="P", min=0.01, max=0.99, help=N_("Least confidence of a detection."))
    ] = 0.25,
    gps_offset: Annotated[float, GPS_OFFSET] = 0.0,
    gps_columns: Annotated[str | None, GPS_COLUMNS] = None,
    camera_height: Annotated[float | None, CAMERA_HEIGHT] = None,
    hfov: Annotated[float | None, HFOV] = None,
    horizon: Annotated[float | None, HORIZON] = None,
    camera_model: Annotated[str | None, LENS] = None,
    vehicle: Annotated[Path | None, VEHICLE] = None,
    keep_area: Annotated[str | None, KEEP_AREA] = None,
    mask_people: Annotated[Path | None, PEOPLE] = None,
    basemap: Annotated[str | None, BASEMAP] = None,
    within: Annotated[Path | None, WITHIN] = None,
    roads: Annotated[Path | None, ROADS] = None,
    roads_crs: Annotated[str | None, ROADS_CRS] = None,
    timezone: Annotated[str, TIMEZONE] = "Asia/Tokyo",
    lang: Annotated[
        Language | None, typer.Option(help=N_("Language of the results [default: the terminal's]."))
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help=N_("Replace earlier results in DIR."))
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help=N_("Say nothing but errors."))] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help=N_("Print the report as JSON on standard output."))
    ] = False,
    workspace: Annotated[Path, WORKSPACE] = Path("workspace"),
) -> None:
    """Run the main job."""
    from detector.pipeline import Options
    from roaddamage.detect import Job

    zone = zone_named(timezone)
    _check_camera(camera_height, hfov, horizon)
    kept = area_named(keep_area)
    language = (lang or Language(preferred_language())).value
    translate = translation(language)
    with errors_said(translate):
        under, path = basemap_named(basemap), model_in_use(model, workspace)
        ground = _ground(within)
        network = roads_named(roads, roads_crs)
    options = Options(
        every_m=every_m,
        confidence=confidence,
        hints=_hints(gps_offset, zone, gps_columns),
        camera_height_m=camera_height,
        hfov_deg=hfov,
        horizon=horizon,
        lens=_lens(camera_model),
        people=mask_people,
    )
    job = Job(
        footage=footage,
        out=out,
        gps=gps,
        model=path,
        device=device,
        options=options,
        overwrite=overwrite,
        zone=zone,
        language=language,
        vehicle=vehicle,
        kept=kept,
        basemap=under,
        within=ground,
        roads=network,
    )
    raise typer.Exit(_detect(job, translate, quiet=quiet or as_json, as_json=as_json))


def _detect(job: Job, translate: Translate, *, quiet: bool, as_json: bool) -> int:
    """Run the job, say how it went, and give the exit code."""
    import json

    from rich.console import Console

    from roaddamage.detect import reasons, run, summary
    from roaddamage.progress import Terminal

    console = Console(stderr=True, soft_wrap=True)
    try:
        with Terminal(console, translate, quiet=quiet) as terminal:
            outcome = run(job, translate, terminal)
    except RoadDamageError as error:
        message = error.message(translate)
        console.print(message, markup=False, style="red")
        if as_json:
            refused = reasons(getattr(error, "refused", []), translate)
            typer.echo(json.dumps({"error": message, "refused": refused}))
        return error.exit_code
    if as_json:
        typer.echo(json.dumps(outcome.report))
    elif not quiet:
        typer.echo(summary(outcome.report, translate))
        typer.echo(translate(N_("Map: {path}")).format(path=(job.out / "map.html").absolute()))
        if outcome.basemap:
            typer.echo(outcome.basemap, err=True)
    return 0 if outcome.complete else FootageError.exit_code


@app.command(help=PROBE_HELP)
def probe(
    footage: Annotated[list[Path], FOOTAGE],
    gps: Annotated[Path | None, GPS] = None,
    gps_offset: Annotated[float, GPS_OFFSET] = 0.0,
    gps_columns: Annotated[str | None, GPS_COLUMNS] = None,
    timezone: Annotated[str, TIMEZONE] = "Asia/Tokyo",
    map_file: Annotated[
        Path | None, typer.Option("--map", metavar="FILE", help=N_("Also write a map of the ways driven."))
    ] = None,
    basemap: Annotated[str | None, BASEMAP] = None,
    as_json: Annotated[bool, typer.Option("--json", help=N_("Print JSON, a line a drive."))] = False,
) -> None:
    """Tell what was found."""
    import json

    from maps.exports import Driven
    from maps.webmap import write_map
    from roaddamage.detect import reasons
    from roaddamage.probe import Located, described, facts, locate

    language = preferred_language()
    translate, zone = translation(language), zone_named(timezone)
    with errors_said(translate):
        under = basemap_named(basemap) if map_file else None
    driven: list[Driven] = []
    refused = []
    for found in locate(footage, gps, _hints(gps_offset, zone, gps_columns)):
        if not isinstance(found, Located):
            refused.append(found)
            reason = json.dumps(reasons([found], translate)[0]) if as_json else found.message(translate)
            typer.echo(reason, err=not as_json)
            continue
        told = facts(found, zone)
        typer.echo(json.dumps(told) if as_json else described(found, told, translate))
        ways = found.trajectory.ways(found.trajectory.spans(found.drive.duration_s))
        driven.append(Driven(found.drive.name, ways, told["driven_m"], found.trajectory.utc_at(0.0)))
    if map_file and driven:
        try:
            drawn = write_map(
                map_file, None, driven, map_file.parent,
                zone=zone, language=language, translate=translate, basemap=under,
            )  # fmt: skip
        except OSError as error:
            typer.echo(f"{map_file}: {error.strerror}", err=True)
            raise typer.Exit(1) from error
        if note := drawn.told(translate):
            typer.echo(note, err=True)
    raise typer.Exit(FootageError.exit_code if refused else 0)


@app.command(help=CAMERA_HELP)
def camera(
    footage: Annotated[list[Path] | None, FOOTAGE] = None,
    gps_offset: Annotated[float, GPS_OFFSET] = 0.0,
    camera_height: Annotated[float | None, CAMERA_HEIGHT] = None,
    hfov: Annotated[float | None, HFOV] = None,
    horizon: Annotated[float | None, HORIZON] = None,
    camera_model: Annotated[str | None, LENS] = None,
    keep_area: Annotated[str | None, KEEP_AREA] = None,
    list_models: Annotated[bool, typer.Option("--list", help=N_("List the cameras that are known."))] = False,
    out: Annotated[
        Path,
        typer.Option(metavar="FILE", help=N_("JPEG to write; a drive's name is added for each further one.")),
    ] = Path("camera.jpg"),
) -> None:
    """Show the camera's grid."""
    from detector.kept_area import KeptArea
    from detector.lenses import LENSES
    from detector.pipeline import Options
    from detector.telemetry.clock import Hints
    from detector.vehicle import Vehicle
    from roaddamage.camera import write_grids

    if list_models:
        typer.echo("\n".join(lens.name for lens in LENSES))
        raise typer.Exit
    if not footage:
        raise typer.BadParameter("FOOTAGE is missing: give a video, or --list")
    _check_camera(camera_height, hfov, horizon)
    options = Options(
        hints=Hints(gps_offset),
        camera_height_m=camera_height,
        hfov_deg=hfov,
        horizon=horizon,
        lens=_lens(camera_model),
        vehicle=Vehicle(kept=area_named(keep_area) or KeptArea()),
    )
    translate = translation(preferred_language())
    code = 0
    for line, error in write_grids(footage, options, out, translate):
        typer.echo(line, err=error)
        code = FootageError.exit_code if error else code
    raise typer.Exit(code)


@app.command(help=TELEMETRY_HELP)
def telemetry(
    footage: Annotated[list[Path], FOOTAGE],
    to: Annotated[Form, typer.Option(help=N_("Form to write the fixes in."))] = Form.gpx,
    gps: Annotated[Path | None, GPS] = None,
    gps_offset: Annotated[float, GPS_OFFSET] = 0.0,
    gps_columns: Annotated[str | None, GPS_COLUMNS] = None,
    timezone: Annotated[str, TIMEZONE] = "Asia/Tokyo",
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help=N_("File to write to [default: standard output]."))
    ] = None,
) -> None:
    """Write the fixes."""
    from roaddamage.probe import Located, fixes_text, locate

    translate = translation(preferred_language())
    located, code = [], 0
    for found in locate(footage, gps, _hints(gps_offset, zone_named(timezone), gps_columns)):
        if isinstance(found, Located):
            located.append(found)
        else:
            code = FootageError.exit_code
            typer.echo(found.message(translate), err=True)
    if located:
        text = fixes_text(located, to.value)
        try:
            if out:
                out.write_text(text, encoding="utf-8")
            else:
                typer.echo(text)
        except OSError as error:
            typer.echo(f"{out}: {error.strerror}", err=True)
            raise typer.Exit(1) from error
    raise typer.Exit(code)


def _ground(path: Path | None) -> shapely.Geometry | None:
    """The municipality's ground of an option. Raises PlacesError."""
    from maps.placing import read_ground

    return read_ground(path) if path else None


def _check_camera(height_m: float | None, hfov_deg: float | None, horizon: float | None) -> None:
    """A camera that can be none is bad usage."""
    from detector.camera import camera_for

    try:
        camera_for(1280, 720, height_m=height_m, hfov_deg=hfov_deg, horizon=horizon)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _lens(name: str | None) -> Lens | None:
    """The lens of a camera by name; one that is not known is bad usage."""
    from detector.lenses import lens_named

    if name is None:
        return None
    if lens := lens_named(name):
        return lens
    raise typer.BadParameter(
        f"--camera-model: {name!r} is not known; `roaddamage camera --list` shows those that are"
    )


def _hints(gps_offset_s: float, zone: ZoneInfo, columns: str | None) -> Hints:
    """What the command line says of the log; columns that are none are bad usage."""
    from datetime import datetime, timedelta

    from detector.telemetry.clock import Hints
    from detector.telemetry.delimited import HEADINGS

    pairs = [pair.partition("=") for pair in columns.split(",")] if columns else []
    for name, _, heading in pairs:
        if name.strip() not in HEADINGS or not heading:
            raise typer.BadParameter(
                f"--gps-columns: {name!r} is none of {', '.join(HEADINGS)}, or names no heading"
            )
    zone_s = (datetime.now(zone).utcoffset() or timedelta()).total_seconds()
    return Hints(gps_offset_s, zone_s, {name.strip(): heading for name, _, heading in pairs} or None)


@app.command(help=SAMPLE_HELP)
def sample(
    out: Annotated[Path, typer.Option(metavar="DIR", help=N_("Folder to write it to."))] = Path("sample"),
) -> None:
    """Write the sample drive."""
    from datasets.sample_drive import write_sample_drive

    try:
        video = write_sample_drive(out)
    except OSError as error:
        typer.echo(f"{out}: {error.strerror}", err=True)
        raise typer.Exit(1) from error
    typer.echo(video)


def localised(command: Command, translate: Translate) -> Command:
    """The command with its help, and that of its options and subcommands, in another language."""
    if command.help:
        told = translate(command.help)
        # Typer takes off the line break that ends a long text, and with which the catalogue knows it.
        command.help = told if told != command.help else translate(f"{command.help}\n").rstrip()
    command.epilog = translate(command.epilog) if command.epilog else None
    for parameter in command.params:
        if text := getattr(parameter, "help", None):
            setattr(parameter, "help", translate(text))  # noqa: B010  (only options have one)
    for inner in getattr(command, "commands", {}).values():
        localised(inner, translate)
    return command
