"""`roaddamage dataset`: labelled pictures in and out. Heavy imports wait inside the commands."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from detector.errors import N_
from roaddamage.common_options import working
from roaddamage.language import preferred_language, translation

app = typer.Typer(
    no_args_is_help=True, help=N_("Labelled pictures: in from other tools, split, looked at, and out again.")
)

IMPORT_HELP = N_(
    """Add labelled pictures of KIND from PATH to a dataset, checked while they are read.

A dataset that is not there is made. Every picture and box that is not taken as it stands is counted
and named in the report (DATASET/reports); card.md tells what the dataset holds. The road of a
picture is the first group of --road-pattern that fits its path.

Examples:

roaddamage dataset import rdd2022 RDD2022 --out damage --licence "CC BY 4.0"

roaddamage dataset import yolo pictures --out damage --road-pattern "^images/([A-Z]+[0-9]+)_"
"""
)
SPLIT_HELP = N_(
    """Split a dataset into train, val and test by road, drive or source, never by frame.

Near duplicates stay on one side. Pictures that have a part keep it, so that a test set stays the
same while the dataset grows. DATASET/reports/split.json and split.txt tell what the split is worth.

Example:

roaddamage dataset split damage --test 0.2 --val 0.1
"""
)
EXPORT_HELP = N_(
    """Write a dataset in the form of another tool: yolo, coco or cvat.

Example:

roaddamage dataset export yolo damage --out damage-yolo
"""
)
SHOW_HELP = N_(
    """Draw pictures of a dataset with their boxes onto one sheet, and print counts and sizes of boxes.

Example:

roaddamage dataset show damage --out sheet.jpg --class D40 --part test
"""
)


class Kind(StrEnum):
    """Labels that can be imported."""

    rdd2022 = "rdd2022"
    coco = "coco"
    yolo = "yolo"
    cvat = "cvat"
    labelstudio = "labelstudio"


class Form(StrEnum):
    """Forms that a dataset can be exported in."""

    yolo = "yolo"
    coco = "coco"
    cvat = "cvat"


class By(StrEnum):
    """What a split keeps together."""

    road = "road"
    drive = "drive"
    source = "source"


class Part(StrEnum):
    """Parts of a split."""

    train = "train"
    val = "val"
    test = "test"


class ClassCode(StrEnum):
    """Codes of the damage classes."""

    D00 = "D00"
    D10 = "D10"
    D20 = "D20"
    D40 = "D40"


DATASET = typer.Argument(metavar="DATASET", help=N_("Folder of the dataset."))


@app.command("import", help=IMPORT_HELP)
def import_command(
    kind: Annotated[Kind, typer.Argument(metavar="KIND", help=N_("What the labels are of."))],
    path: Annotated[Path, typer.Argument(metavar="PATH", help=N_("Folder or file of the labels."))],
    out: Annotated[
        Path, typer.Option(metavar="DATASET", help=N_("Dataset to add them to; made if it is not there."))
    ],
    images: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help=N_("Where the pictures are [default: beside the labels].")),
    ] = None,
    source: Annotated[
        str, typer.Option(metavar="NAME", help=N_("Where they come from [default: the name of PATH]."))
    ] = "",
    licence: Annotated[str, typer.Option(metavar="NAME", help=N_("Licence of the pictures."))] = "",
    country: Annotated[
        str, typer.Option(metavar="NAME", help=N_("Country of the roads [default: rdd2022's folder]."))
    ] = "",
    road_pattern: Annotated[
        str | None,
        typer.Option(
            metavar="REGEX",
            help=N_("Regular expression whose first group that fits is the road in a picture's path."),
        ),
    ] = None,
    negatives: Annotated[
        str,
        typer.Option(
            metavar="CLASS,...",
            help=N_(
                "Classes that look like damage and are none: marked for the picture, their boxes left out."
            ),
        ),
    ] = "D44,D50,Repair",
) -> None:
    """Import labelled pictures."""
    translate = translation(preferred_language())
    with working(translate, out) as bar:
        from datasets.card import write_card
        from datasets.dataset import read_dataset
        from datasets.importing import FAULTS, About, import_pictures
        from datasets.importing import road_pattern as compiled

        about = About(
            source=source,
            licence=licence,
            country=country,
            road_pattern=compiled(road_pattern) if road_pattern else None,
            negatives=tuple(filter(None, negatives.split(","))),
        )
        report = import_pictures(kind.value, path, out, about, images=images, progress=bar)
        write_card(read_dataset(out), translate)
    text = translate(N_("{added} of {found} pictures added to {out}; boxes: {boxes}"))
    boxes = ", ".join(f"{code} {count:,}" for code, count in report.boxes.items())
    typer.echo(
        text.format(
            added=f"{report.pictures_added:,}", found=f"{report.pictures_found:,}", out=out, boxes=boxes
        )
    )
    for fault, what in report.faults.items():
        if what:
            typer.echo(f"  {translate(FAULTS[fault])}: {len(what):,} ({what[0]})")
    counted = report.other_classes.most_common()
    if counted:
        names = ", ".join(f"{name} {count:,}" for name, count in counted)
        typer.echo(translate(N_("  classes that were left out: {names}")).format(names=names))


@app.command(help=SPLIT_HELP)
def split(
    dataset: Annotated[Path, DATASET],
    by: Annotated[By, typer.Option(help=N_("What must stay on one side."))] = By.road,
    test: Annotated[float, typer.Option(metavar="SHARE", help=N_("Share of the pictures to test on."))] = 0.2,
    val: Annotated[
        float, typer.Option(metavar="SHARE", help=N_("Share of the pictures to choose a model on."))
    ] = 0.1,
    seed: Annotated[int, typer.Option(help=N_("Another one gives another split."))] = 0,
    anew: Annotated[
        bool, typer.Option("--anew", help=N_("Forget the parts that pictures have: a new test set."))
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help=N_("Print the report as JSON."))] = False,
) -> None:
    """Split a dataset."""
    translate = translation(preferred_language())
    with working(translate, dataset):
        from datasets.card import write_card
        from datasets.dataset import Dataset, read_dataset, write_manifest
        from datasets.splitting import split as split_pictures

        pictures, leakage = split_pictures(
            read_dataset(dataset).pictures, by=by.value, test=test, val=val, seed=seed, anew=anew
        )
        reports = dataset / "reports"
        reports.mkdir(exist_ok=True)
        write_manifest(dataset, pictures)
        (reports / "split.json").write_text(leakage.as_json() + "\n", encoding="utf-8")
        (reports / "split.txt").write_text(leakage.as_text(translate) + "\n", encoding="utf-8")
        write_card(Dataset(dataset, pictures), translate)
    typer.echo(leakage.as_json() if as_json else leakage.as_text(translate))


@app.command(help=EXPORT_HELP)
def export(
    form: Annotated[Form, typer.Argument(metavar="FORM", help=N_("yolo, coco or cvat."))],
    dataset: Annotated[Path, DATASET],
    out: Annotated[Path, typer.Option(metavar="DIR", help=N_("New folder to write to."))],
) -> None:
    """Export a dataset."""
    translate = translation(preferred_language())
    with working(translate, out):
        from datasets.dataset import read_dataset
        from datasets.exporting import UNSPLIT
        from datasets.exporting import export as write

        read = read_dataset(dataset)
        left_out = write(form.value, read, out)
    text = translate(N_("{count} pictures written to {out}"))
    typer.echo(text.format(count=f"{len(read.pictures) - len(left_out):,}", out=out))
    if left_out:
        text = translate(
            N_("{count} pictures labelled in part were left out: {form} can't say what nobody judged.")
        )
        typer.echo(text.format(count=f"{len(left_out):,}", form=form.value), err=True)
    if unsplit := sum(not one.part for one in read.pictures if one not in left_out):
        text = translate(
            N_(
                "{count} of them have no part: they are under {name}, which no training uses."
                " `roaddamage dataset split` gives them one."
            )
        )
        typer.echo(text.format(count=f"{unsplit:,}", name=UNSPLIT), err=True)


@app.command(help=SHOW_HELP)
def show(
    dataset: Annotated[Path, DATASET],
    out: Annotated[Path, typer.Option(metavar="FILE", help=N_("JPEG or PNG to write."))] = Path("sheet.jpg"),
    code: Annotated[
        ClassCode | None, typer.Option("--class", help=N_("Only pictures with such damage."))
    ] = None,
    part: Annotated[Part | None, typer.Option(help=N_("Only pictures of this part."))] = None,
    count: Annotated[int, typer.Option(min=1, max=600, help=N_("How many pictures at most."))] = 24,
    seed: Annotated[int, typer.Option(help=N_("Another one gives other pictures."))] = 0,
) -> None:
    """Show pictures of a dataset."""
    translate = translation(preferred_language())
    with working(translate, out):
        from datasets.card import size_table
        from datasets.contact_sheet import chosen, write_sheet
        from datasets.dataset import read_dataset
        from datasets.splitting import counted, counts_text
        from detector.classes import CODES

        read = read_dataset(dataset)
        class_id = CODES.index(code.value) if code else None
        pictures = chosen(read, class_id=class_id, part=part or "", count=count, seed=seed)
        write_sheet(read, pictures, out)
        shown = read.part(part.value) if part else read.pictures
    typer.echo(counts_text(counted(shown), translate))
    typer.echo(size_table(shown, translate))
    typer.echo(translate(N_("Contact sheet of {count} pictures: {out}")).format(count=len(pictures), out=out))
