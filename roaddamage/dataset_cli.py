"""`roaddamage dataset`: labelled pictures in and out. Heavy imports wait inside the commands."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from detector.errors import N_
from roaddamage.common_options import DEVICE, MODEL, WORKSPACE, Language, model_in_use, working
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
    """Write a dataset in the form of another tool: yolo, coco, cvat or labelstudio.

In CVAT and Label Studio people then correct the labels; `roaddamage dataset correct` takes them back.
labels.json and labels.xml hold the labels to set up there. yolo and coco can't say what nobody
judged: pictures not labelled as a whole are left out.

Examples:

roaddamage dataset export yolo damage --out damage-yolo

roaddamage dataset export cvat damage --out damage-cvat
"""
)
CORRECT_HELP = N_(
    """Take back what people corrected in CVAT or Label Studio: PATH is what was exported there.

Boxes are told by their ids: moved, deleted, added, given another class, or said to be no damage
(label shadow, manhole, ...). What changed, and what could not be taken, is named in
DATASET/reports/corrections-NNNN.json. The dataset is changed as a whole or not at all.

Examples:

roaddamage dataset correct cvat annotations.xml --data damage --look

roaddamage dataset correct labelstudio project-1.json --data damage
"""
)
AGREE_HELP = N_(
    """Tell how far two people agree on the same pictures: ONE and OTHER are their datasets.

Boxes at the same place (IoU from 0.5) are matched first, then compared. With --data, ONE and OTHER are
instead what each corrected of that dataset: "CVAT for images 1.1" (.xml) or Label Studio's JSON.

Examples:

roaddamage dataset agree damage-sato damage-suzuki

roaddamage dataset agree sato.xml suzuki.xml --data damage
"""
)
SHOW_HELP = N_(
    """Draw pictures of a dataset with their boxes onto one sheet, and print counts and sizes of boxes.

Example:

roaddamage dataset show damage --out sheet.jpg --class D40 --part test
"""
)
CHOOSE_HELP = N_(
    """Choose the frames of FOOTAGE (videos, pictures or folders) that are most worth labelling, and say why.

What counts: how unsure the model is of what it finds, how far two opinions differ (of --other, or of the model on
the mirrored picture, and from frame to frame), and how unlike a frame is to what is labelled or chosen already. Near
duplicates of those are never chosen. OUT is a dataset whose boxes are the model's proposals; nothing is trained on
them before a person labelled the pictures. choice.csv names the frames in order, with the reasons.

Examples:

roaddamage dataset choose drives --labelled damage --budget 200 --out to-label

roaddamage dataset choose pictures --other runs/monday/model.pt --weights 0.6,0.2,0.2 --out to-label
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
    labelstudio = "labelstudio"


class Corrected(StrEnum):
    """Tools whose corrections can be taken back."""

    cvat = "cvat"
    labelstudio = "labelstudio"


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
    ] = "D44,D50,Repair,shadow,manhole,patch,joint,marking,wet",
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
    form: Annotated[Form, typer.Argument(metavar="FORM", help=N_("yolo, coco, cvat or labelstudio."))],
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
    text = translate(N_("Pictures written to {out}: {count}"))
    typer.echo(text.format(count=f"{len(read.pictures) - len(left_out):,}", out=out))
    if left_out:
        text = translate(
            N_("{count} pictures not labelled as a whole were left out: {form} can't say what nobody judged.")
        )
        typer.echo(text.format(count=f"{len(left_out):,}", form=form.value), err=True)
    without = {one.name for one in left_out}
    if unsplit := sum(not one.part and one.name not in without for one in read.pictures):
        text = translate(
            N_(
                "{count} of them have no part: they are under {name}, which no training uses."
                " `roaddamage dataset split` gives them one."
            )
        )
        typer.echo(text.format(count=f"{unsplit:,}", name=UNSPLIT), err=True)


@app.command(help=CORRECT_HELP)
def correct(
    kind: Annotated[Corrected, typer.Argument(metavar="KIND", help=N_("cvat or labelstudio."))],
    path: Annotated[Path, typer.Argument(metavar="PATH", help=N_("Folder or file of the labels."))],
    data: Annotated[Path, typer.Option(metavar="DATASET", help=N_("Dataset that was corrected."))],
    look: Annotated[bool, typer.Option("--look", help=N_("Only tell what would change."))] = False,
    as_json: Annotated[bool, typer.Option("--json", help=N_("Print the report as JSON."))] = False,
) -> None:
    """Take corrections back."""
    translate = translation(preferred_language())
    with working(translate, data):
        from datasets.card import write_card
        from datasets.corrections import FAULTS, read_corrections, write_corrections
        from datasets.dataset import read_dataset

        dataset = read_dataset(data)
        found = read_corrections(kind.value, path, dataset)
        if not look:
            written = write_corrections(dataset, found)
            write_card(read_dataset(data), translate)
    if as_json:
        typer.echo(found.as_json())
        return
    text = translate(
        N_(
            "{changed} of {pictures} pictures changed; boxes added: {added}, deleted: {deleted} (of these no damage:"
            " {rejected}), moved: {moved}, of another class: {reclassed}; judged as a whole now: {now_whole}"
        )
    )
    typer.echo(text.format(**{name: f"{count:,}" for name, count in found.counts().items()}))
    for fault, what in found.faults.items():
        if what:
            typer.echo(f"  {translate(FAULTS[fault])}: {len(what):,} ({what[0]})")
    if not look:
        typer.echo(translate(N_("Each change is named in {path}")).format(path=written))


@app.command(help=AGREE_HELP)
def agree(
    one: Annotated[Path, typer.Argument(metavar="ONE", help=N_("Labels of the first."))],
    other: Annotated[Path, typer.Argument(metavar="OTHER", help=N_("Labels of the second."))],
    data: Annotated[
        Path | None, typer.Option(metavar="DATASET", help=N_("Dataset whose corrections ONE and OTHER are."))
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help=N_("Print the report as JSON."))] = False,
) -> None:
    """Compare two people's labels."""
    translate = translation(preferred_language())
    with working(translate, one):
        from datasets.agreement import agreement
        from datasets.corrections import corrected
        from datasets.dataset import read_dataset

        if data is None:
            both = read_dataset(one).pictures, read_dataset(other).pictures
        else:
            dataset = read_dataset(data)
            both = corrected(one, dataset), corrected(other, dataset)
        found = agreement(*both)
    typer.echo(found.as_json() if as_json else found.as_text(translate))


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


@app.command(help=CHOOSE_HELP)
def choose(
    footage: Annotated[
        list[Path], typer.Argument(metavar="FOOTAGE...", help=N_("Videos, pictures or folders."))
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help=N_("New folder to write to."))],
    labelled: Annotated[
        Path | None, typer.Option(metavar="DATASET", help=N_("What is labelled already."))
    ] = None,
    budget: Annotated[int, typer.Option(min=1, help=N_("How many frames at most."))] = 200,
    model: Annotated[Path | None, MODEL] = None,
    other: Annotated[
        Path | None, typer.Option(metavar="PATH", help=N_("A second model to differ from."))
    ] = None,
    every_s: Annotated[
        float,
        typer.Option(
            metavar="SECONDS", min=0.04, help=N_("Look at a frame of a video every so many seconds.")
        ),
    ] = 1.0,
    weights: Annotated[
        str,
        typer.Option(
            metavar="U,D,N", help=N_("What uncertainty, disagreement and novelty count for, by proportion.")
        ),
    ] = "0.4,0.2,0.4",
    seed: Annotated[int, typer.Option(help=N_("Decides between frames that are worth the same."))] = 0,
    device: Annotated[str, DEVICE] = "auto",
    lang: Annotated[
        Language | None, typer.Option(help=N_("Language of the results [default: the terminal's]."))
    ] = None,
    workspace: Annotated[Path, WORKSPACE] = Path("workspace"),
) -> None:
    """Choose frames to label."""
    parts = _weights(weights)
    translate = translation((lang or Language(preferred_language())).value)
    with working(translate, out) as bar:
        from detector.model import Model
        from roaddamage.choose import write_choice
        from training.choosing import Weights

        told = write_choice(
            footage, out, Model(model_in_use(model, workspace), device), Model(other, device) if other else None,
            labelled, every_s=every_s, budget=budget, weights=Weights(*parts), seed=seed, translate=translate,
            moved=lambda done: bar(done, None),
        )  # fmt: skip
    for refused in told.refused:
        typer.echo(refused.message(translate), err=True)
    text = translate(N_("{chosen} of {count} frames chosen: {out}"))
    typer.echo(text.format(chosen=len(told.chosen), count=f"{told.looked_at:,}", out=out))
    for name, one in told.chosen[:5]:
        typer.echo(f"  {name}: " + "; ".join(reason.text(translate) for reason in one.reasons))


def _weights(text: str) -> tuple[float, float, float]:
    """Three proportions, none below nought and not all nought; others are bad usage."""
    try:
        one, two, three = (float(part) for part in text.split(","))
    except ValueError as error:
        raise typer.BadParameter(f"--weights: {text!r} is not three numbers with commas") from error
    if not (min(one, two, three) >= 0 and 0 < one + two + three < float("inf")):
        raise typer.BadParameter(f"--weights: {text!r} has a number below nought, or nothing above it")
    return one, two, three
