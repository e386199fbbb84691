"""`roaddamage train`, `evaluate`, `promote` and what else is done with models. Heavy imports wait inside."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from detector.errors import N_
from roaddamage.common_options import DEVICE, MODEL, WORKSPACE, Language, errors_said, model_in_use, working
from roaddamage.language import preferred_language, translation

if TYPE_CHECKING:
    from roaddamage.models import Event
    from training.promotion import Comparison

app = typer.Typer()

TRAIN_HELP = N_(
    """Train a model on a dataset's train part; val says which epoch was best, test is left alone.

A run that was broken off goes on where it stopped, by the same command. The folder holds settings, the
data's hash, losses and the model (model.pt, with what its scores are worth beside it).

It begins from the model in use. --init names another checkpoint, --model an architecture of ultralytics',
which begins from nothing, or with --init from those of its tensors that fit.

Examples:

roaddamage train --data damage --out runs/monday --epochs 30

roaddamage train --data damage --model yolo11s --device 0,1 --batch 64 --image-px 640 --log tensorboard
"""
)
EVALUATE_HELP = N_(
    """Score a model on labelled pictures: writes report.html and scores.json.

For each class, all of them, each source and each size: average precision, precision, recall and F1
with intervals by road; false alarms on clean pictures; what the scores are worth; what was
taken for what; the pictures with most mistakes.

Examples:

roaddamage evaluate --data datasets/city

roaddamage evaluate --model new.pt --data datasets/city --part val --out scores/new
"""
)
SCORE_DRIVE_HELP = N_(
    """Score what `detect` found on a drive whose damages are known, in blocks of 20 m.

RESULTS is the folder that `roaddamage detect` wrote; TRUTH holds the true damages as points or lines with a
column "class" (GeoJSON, GeoPackage, Shapefile). Told are the measures of the national trials of road inspection:
the share of damaged blocks that were found (detection) and of named blocks that are damaged (hit), for each
class and for all; and false alarms by kilometre.

Example:

roaddamage score-drive out --truth sample/sample.truth.geojson
"""
)
PROMOTE_HELP = N_(
    """Put CANDIDATE in use, if it is better than the model in use on the test part of a dataset.

Both are scored on the same pictures, side by side, with intervals by road. The candidate is promoted only when its
mean AP50 is better and no class is significantly worse; --force promotes it all the same and keeps the reason.
Its confidence is fitted on the val part, a model card is written, and the model before is kept for `rollback`.

Examples:

roaddamage promote runs/monday/model.pt --data damage

roaddamage promote new.pt --data damage --force "sees wet roads; D10 is rare here"
"""
)
ROLLBACK_HELP = N_(
    """Return to the model that was in use before.

Example:

roaddamage rollback --reason "false alarms at crossings"
"""
)
MODELS_HELP = N_(
    """List the models of a workspace: which is in use, which were, and why.

Example:

roaddamage models
"""
)
ROUNDS_HELP = N_(
    """Show what each round of labelling brought: RUN... are folders of trainings.

Each run's model is scored on the test part of a dataset, once; then the mean AP50 with its interval is set against
the frames that were labelled by then, as a table and, in OUT, as a plot (rounds.html).

Example:

roaddamage rounds runs/round1 runs/round2 runs/round3 --data damage
"""
)
EXPORT_HELP = N_(
    """Write a model in another form, and check that it finds the same: ONNX, OpenVINO or TensorRT.

The forms run faster than PyTorch; each is used like the model itself, with --model.
TensorRT engines run only on the kind of GPU they were made on.

Examples:

roaddamage export-model onnx --out exported

roaddamage export-model openvino --model new.pt --out exported
"""
)


class ModelForm(StrEnum):
    """Forms that a model can be written in."""

    onnx = "onnx"
    openvino = "openvino"
    engine = "engine"


class Log(StrEnum):
    """What else a training can be told to."""

    tensorboard = "tensorboard"
    mlflow = "mlflow"


DATA = typer.Option(metavar="DATASET", help=N_("Folder of labelled pictures."))


@app.command(help=TRAIN_HELP)
def train(
    data: Annotated[Path, typer.Option(metavar="DATASET", help=N_("Dataset with train and val parts."))],
    out: Annotated[Path, typer.Option(metavar="DIR", help=N_("Folder of the run."))] = Path("training-run"),
    init: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help=N_("Checkpoint to begin from [default: the model in use].")),
    ] = None,
    model: Annotated[
        str,
        typer.Option(metavar="NAME", help=N_("Architecture of ultralytics', such as yolo11n or yolo26s.")),
    ] = "",
    epochs: Annotated[int, typer.Option(min=1, help=N_("How often each picture is learnt from."))] = 50,
    image_px: Annotated[int, typer.Option(min=32, help=N_("Longer side the pictures are learnt at."))] = 512,
    batch: Annotated[int, typer.Option(min=1, help=N_("Pictures at once."))] = 16,
    device: Annotated[str, typer.Option(metavar="cpu|N|N,M", help=N_("CPU, a GPU, or several."))] = "cpu",
    seed: Annotated[int, typer.Option(help=N_("Same seed, same run on the same machine."))] = 0,
    log: Annotated[
        list[Log] | None, typer.Option(help=N_("Also keep the course for TensorBoard or MLflow, in DIR."))
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help=N_("Any setting of ultralytics' trainer, as mosaic=0.5.")
        ),
    ] = None,
    workspace: Annotated[Path, WORKSPACE] = Path("workspace"),
) -> None:
    """Train a model."""
    from roaddamage.train import run_training
    from training.train import Settings

    translate = translation(preferred_language())
    with errors_said(translate):
        begin = init or ("" if model else model_in_use(None, workspace))
        wanted = Settings(
            str(begin), model, epochs, image_px, batch, device, seed, tuple(one.value for one in log or ()), _pairs(settings)
        )  # fmt: skip
        path = run_training(data, out, wanted, translate)
    typer.echo(translate(N_("Model: {path}")).format(path=path.absolute()))


def _pairs(settings: list[str] | None) -> dict[str, Any]:
    """NAME=VALUE, the value read as YAML reads it; what is none is bad usage."""
    import yaml

    told = {}
    for one in settings or ():
        name, equals, value = one.partition("=")
        if not name.isidentifier() or not equals:
            raise typer.BadParameter(f"--set: {one!r} is not NAME=VALUE")
        told[name] = yaml.safe_load(value)
    return told


@app.command(help=EVALUATE_HELP)
def evaluate(
    data: Annotated[Path, DATA],
    model: Annotated[Path | None, MODEL] = None,
    part: Annotated[str, typer.Option(metavar="train|val|test", help=N_("Part to score on."))] = "test",
    out: Annotated[Path, typer.Option(metavar="DIR", help=N_("Folder for the results."))] = Path(
        "evaluation"
    ),
    device: Annotated[str, DEVICE] = "auto",
    precision: Annotated[
        float,
        typer.Option(metavar="P", min=0.01, max=0.99, help=N_("Precision to find the least score for.")),
    ] = 0.5,
    lang: Annotated[
        Language | None, typer.Option(help=N_("Language of the results [default: the terminal's]."))
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help=N_("Print the scores as JSON on standard output."))
    ] = False,
    workspace: Annotated[Path, WORKSPACE] = Path("workspace"),
) -> None:
    """Score a model."""
    from roaddamage.evaluate import write_evaluation
    from training.evaluation_report import summary

    language = (lang or Language(preferred_language())).value
    translate = translation(language)
    with working(translate, out) as moved:
        path = model_in_use(model, workspace)
        told = write_evaluation(path, data, part, out, device, precision, language, translate, moved)
    if as_json:
        typer.echo(told.to_json())
    else:
        typer.echo(summary(told, translate))
        report = (out / "report.html").absolute()
        typer.echo(translate(N_("Report: {path}")).format(path=report))


@app.command(help=SCORE_DRIVE_HELP)
def score_drive(
    results: Annotated[Path, typer.Argument(metavar="RESULTS", help=N_("Folder that `detect` wrote."))],
    truth: Annotated[Path, typer.Option(metavar="FILE", help=N_("The true damages, with a column class."))],
    near_m: Annotated[
        float,
        typer.Option(
            metavar="METRES", min=0.1, max=50, help=N_("How far from a true damage a right one may lie.")
        ),
    ] = 5.0,
    as_json: Annotated[
        bool, typer.Option("--json", help=N_("Print the scores as JSON on standard output."))
    ] = False,
) -> None:
    """Score a drive."""
    import dataclasses
    import json

    from training.drive_score import read_drive_score, summary

    translate = translation(preferred_language())
    with errors_said(translate):
        told = read_drive_score(results, truth, near_m)
    typer.echo(json.dumps(dataclasses.asdict(told)) if as_json else summary(told, translate))


@app.command(help=PROMOTE_HELP)
def promote(
    candidate: Annotated[Path, typer.Argument(metavar="CANDIDATE", help=N_("Checkpoint to put in use."))],
    data: Annotated[Path, DATA],
    workspace: Annotated[Path, WORKSPACE] = Path("workspace"),
    name: Annotated[
        str,
        typer.Option(metavar="NAME", help=N_("What to call it [default: its file, or its run's folder].")),
    ] = "",
    force: Annotated[
        str, typer.Option(metavar="REASON", help=N_("Promote it even if it is not better, for this reason."))
    ] = "",
    new_test: Annotated[
        bool, typer.Option("--new-test", help=N_("From now on go by this dataset's test part."))
    ] = False,
    device: Annotated[str, DEVICE] = "auto",
    lang: Annotated[
        Language | None, typer.Option(help=N_("Language of the results [default: the terminal's]."))
    ] = None,
) -> None:
    """Promote a model."""
    from datasets.dataset import read_dataset
    from roaddamage.models import Models

    language = (lang or Language(preferred_language())).value
    translate = translation(language)
    with working(translate, workspace) as moved:
        path = Models(workspace).promote(
            candidate,
            read_dataset(data),
            device=device,
            name=name,
            reason=force.strip(),
            new_test=new_test,
            language=language,
            translate=translate,
            moved=moved,
            compared=lambda told: _show(told, language),
        )
    typer.echo(translate(N_("In use now: {path}")).format(path=path.absolute()))


def _show(told: Comparison, language: str) -> None:
    """The comparison on standard output."""
    from training.model_card import comparison_rows, remarks

    translate = translation(language)
    _show_table(comparison_rows(told, translate), remarks(told, translate))


def _show_table(table: list[list[str]], lines: list[str]) -> None:
    """A table, its first row the headings, and lines below it."""
    from rich.console import Console
    from rich.table import Table

    heads, *rows = table
    shown = Table(*heads, box=None, header_style="bold")
    for row in rows:
        shown.add_row(*row)
    console = Console(width=None if Console().is_terminal else 120)
    console.print(shown)
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)


@app.command(help=ROLLBACK_HELP)
def rollback(
    workspace: Annotated[Path, WORKSPACE] = Path("workspace"),
    reason: Annotated[str, typer.Option(metavar="TEXT", help=N_("Why; it is kept."))] = "",
    past_missing: Annotated[
        bool, typer.Option("--past-missing", help=N_("Pass over models whose files are gone."))
    ] = False,
) -> None:
    """Roll back."""
    from roaddamage.models import Models

    translate = translation(preferred_language())
    with errors_said(translate):
        path = Models(workspace).rollback(reason, past_missing=past_missing)
    typer.echo(translate(N_("In use now: {path}")).format(path=path.absolute()))


@app.command(help=MODELS_HELP)
def models(workspace: Annotated[Path, WORKSPACE] = Path("workspace")) -> None:
    """List the models."""
    from roaddamage.models import Models

    translate = translation(preferred_language())
    with errors_said(translate):
        kept = Models(workspace)
        for event in kept.history():
            typer.echo(_told(event))
        typer.echo(translate(N_("In use: {path}")).format(path=kept.current()))


def _told(event: Event) -> str:
    """One line of a workspace's history."""
    translate = translation(preferred_language())
    kinds = {"promotion": N_("promoted"), "rollback": N_("rolled back to")}
    parts = [
        event.at,
        event.by,
        translate(kinds[event.kind]),
        event.model or translate(N_("the package's model")),
    ]
    if event.ap50 is not None and event.before_ap50 is not None:
        text = translate(N_("mean AP50 {ap50} (before {before})"))
        parts.append(text.format(ap50=f"{event.ap50:.3f}", before=f"{event.before_ap50:.3f}"))
    if event.forced:
        parts.append(translate(N_("forced")))
    if event.reason:
        parts.append(event.reason)
    return "  ".join(parts)


@app.command(help=ROUNDS_HELP)
def rounds(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help=N_("Folders of finished trainings."))],
    data: Annotated[Path, DATA],
    out: Annotated[Path, typer.Option(metavar="DIR", help=N_("Folder for the results."))] = Path("rounds"),
    device: Annotated[str, DEVICE] = "auto",
    lang: Annotated[
        Language | None, typer.Option(help=N_("Language of the results [default: the terminal's]."))
    ] = None,
) -> None:
    """Show what rounds of labelling brought."""
    from roaddamage.rounds import write_rounds
    from training.rounds import notes, table

    language = (lang or Language(preferred_language())).value
    translate = translation(language)
    with working(translate, out) as moved:
        told, pictures = write_rounds(runs, data, out, device, language, translate, moved)
    _show_table(table(told, translate), notes(told, pictures, translate))
    typer.echo(translate(N_("Plot: {path}")).format(path=(out / "rounds.html").absolute()))


@app.command(help=EXPORT_HELP)
def export_model(
    form: Annotated[
        ModelForm, typer.Argument(metavar="onnx|openvino|engine", help=N_("Form to write the model in."))
    ],
    model: Annotated[Path | None, MODEL] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help=N_("Folder for the results."))] = Path("exported"),
    device: Annotated[str, DEVICE] = "auto",
    workspace: Annotated[Path, WORKSPACE] = Path("workspace"),
) -> None:
    """Export a model."""
    from roaddamage.export_model import write_export

    translate = translation(preferred_language())
    with errors_said(translate):
        path = model_in_use(model, workspace)
        typer.echo(write_export(path, form.value, out, device, translate))
