"""`roaddamage mask`. Heavy imports wait inside."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from detector.errors import N_, FootageError, Translate
from roaddamage.common_options import KEEP_AREA, PEOPLE, area_named, errors_said, working
from roaddamage.keeping import Keep
from roaddamage.language import preferred_language, translation

if TYPE_CHECKING:
    from detector.footage import Refused
    from roaddamage.mask import MaskedFile

MASK_HELP = N_(
    """Mask faces and number plates in pictures and whole videos, to hand them on.

Writes each JPEG, PNG and WebP, and each video (as MP4, H.264), masked into DIR, under the name it has; folders are searched
with their subfolders. In videos a mask is held over the frames before and after, so that one that was missed does not show.
Position, time, camera, sound and whatever else a file carries are left out unless --keep asks for them; previews in a
picture never go on. File names stay: look whether they tell a place or a name. No detector finds everything: look at the
result before it leaves the house; the masking report says how much is missed, by size.

A file that can't be used is named, and the others go on. What lies in DIR already stays, unless --overwrite is given: so a
call that was broken off can be made again and goes on where it was.

Examples:

roaddamage mask /media/card/0514 --out request-2024-17

roaddamage mask drive.mp4 --out request-2024-18 --keep audio --keep metadata

roaddamage mask photos/ --out for-contractor --keep gps --keep-area 0,5,100,85
"""
)
app = typer.Typer()


@app.command("mask", help=MASK_HELP)
def mask_files(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="FOOTAGE...", help=N_("Video files, pictures, or folders of them.")),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help=N_("Folder for the masked files."))],
    keep: Annotated[
        list[Keep] | None,
        typer.Option(
            help=N_(
                "What goes on beside the masked pictures: audio, metadata (time and camera), gps (the position in a"
                " picture or at a video's beginning; a drive's track is written by `roaddamage telemetry`); may be given"
                " several times [default: nothing]."
            )
        ),
    ] = None,
    people: Annotated[Path | None, PEOPLE] = None,
    keep_area: Annotated[str | None, KEEP_AREA] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help=N_("Replace files of the same name in DIR."))
    ] = False,
) -> None:
    """Mask files."""
    from detector.kept_area import KeptArea
    from detector.masking import masker
    from roaddamage.mask import MaskedFile, MaskJob, mask, planned

    translate = translation(preferred_language())
    job = MaskJob(paths, out, area_named(keep_area) or KeptArea(), frozenset(keep or ()), overwrite)
    done: list[MaskedFile] = []
    refused: list[Refused] = []
    with errors_said(translate, out):
        cover, plan = masker(people, fine=True), planned(job)
    refused += plan.refused
    try:
        with working(translate, out, N_("frames")) as moved:
            for one in mask(job, plan, cover, lambda frames: moved(frames, max(plan.frames, frames))):
                if isinstance(one, MaskedFile):
                    done.append(one)
                else:
                    refused.append(one)
    finally:
        _tell(done, refused, plan.others, translate)
    if refused or not done or any(one.lost for one in done):
        raise typer.Exit(FootageError.exit_code)


def _tell(done: list[MaskedFile], refused: list[Refused], others: Counter[str], translate: Translate) -> None:
    """What came of it: a table of the files on standard output, and beside it what is missing."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from detector.private import Kind

    if done:
        table = Table(box=box.SIMPLE_HEAD, show_footer=True)
        total = sum((one.covered for one in done), Counter[Kind]())
        kinds = [kind for kind in Kind if kind in total or kind in (Kind.face, Kind.plate)]
        table.add_column(translate(N_("file")), str(len(done)), overflow="fold")
        table.add_column(translate(N_("frames")), f"{sum(one.frames for one in done):,}", justify="right")
        for kind in kinds:
            table.add_column(translate(kind), f"{total[kind]:,}", justify="right")
        table.add_column(
            translate(N_("seconds")), f"{sum(one.seconds for one in done):,.1f}", justify="right"
        )
        for one in done:
            counts = [f"{one.covered[kind]:,}" for kind in kinds]
            table.add_row(_printable(one.name), f"{one.frames:,}", *counts, f"{one.seconds:,.1f}")
        Console(soft_wrap=True).print(table)
    for one in done:
        if one.lost:
            lost = N_("{name}: {count} frames could not be decoded and are missing.")
            typer.echo(translate(lost).format(name=_printable(one.name), count=one.lost), err=True)
    for bad in refused:
        typer.echo(bad.message(translate), err=True)
    if others:
        kinds_left = ", ".join(f"{suffix} ({count})" for suffix, count in others.most_common())
        left = N_("Left out, as only videos and JPEG, PNG and WebP pictures are masked: {kinds}")
        typer.echo(translate(left).format(kinds=kinds_left), err=True)


def _printable(name: Path) -> str:
    """A file's name as any terminal takes it."""
    from rich.markup import escape

    return escape(str(name).encode("utf-8", "backslashreplace").decode())
