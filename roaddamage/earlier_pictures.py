"""Pictures of a workspace from before pictures were masked: masked before its tables are brought up to date.

Nothing serves or runs on tables of before, so nobody sees such a picture. Which files are masked stands in a list that
goes last of all: a run that was ended goes on where it was. What had been made of such pictures (exports, papers) goes.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from django.db import transaction
from PIL import Image

from datasets.formats import SUFFIXES
from detector.errors import N_
from detector.masking import Masker
from roaddamage.workspace import Workspace

SINCE = "records", "0003_masking"
"""The change of tables that came with masking."""
LIST = "pictures-masked.txt"
CUT = N_("It held pictures from before faces and number plates were masked. Make it again.")


def mask_files(workspace: Workspace, masker: Masker, moved: Callable[[int, int], object]) -> None:
    """Mask every picture that is not on the list yet; `moved` is told how many of how many. Raises OSError."""
    listed = workspace.folder / LIST
    done = set(listed.read_text(encoding="utf-8").split("\n")) if listed.is_file() else set[str]()
    names = [path.relative_to(workspace.folder).as_posix() for path in _pictures(workspace)]
    with listed.open("a", encoding="utf-8") as told:
        for count, name in enumerate(names, 1):
            if name not in done:
                _mask(workspace.folder / name, masker)
                told.write(f"{name}\n")
                told.flush()
            moved(count, len(names))


def is_unfinished(workspace: Workspace) -> bool:
    """Whether pictures were masked of which the records do not know yet."""
    return (workspace.folder / LIST).is_file()


def forget_what_was_made(workspace: Workspace) -> None:
    """Take away what was made of those pictures, and have the digests of labelled frames taken anew."""
    from roaddamage import export_runs, frame_exports
    from roaddamage.problems import problem
    from roaddamage.records.models import Export, FrameExport, LabelledFrame

    with transaction.atomic():
        for kind, error, gone in (
            (Export, export_runs.ExportRunError(CUT), {"files": []}),
            (FrameExport, frame_exports.FrameExportError(CUT), {"bytes": None}),
        ):
            kind.objects.update(state=kind.State.failed, problem=problem(error, workspace.folder), **gone)
        LabelledFrame.objects.update(sha256="", phash="")
    for folder in (workspace.exports, workspace.frames / "exports", workspace.folder / "papers"):
        shutil.rmtree(folder, ignore_errors=True)
    (workspace.folder / LIST).unlink()


def _pictures(workspace: Workspace) -> Iterator[Path]:
    """Pictures of drives, labelled frames and repairs, and the frames that datasets and trainings hold."""
    frames = {path.name for path in workspace.frames.rglob("*")}
    for folder, some in (
        (workspace.evidence, None), (workspace.frames, None), (workspace.photos, None),
        (workspace.datasets, frames), (workspace.trainings, frames),
    ):  # fmt: skip
        for path in sorted(folder.rglob("*")):
            if path.suffix.lower() in SUFFIXES and path.is_file() and (some is None or path.name in some):
                yield path


def _mask(path: Path, masker: Masker) -> None:
    """A picture in which nothing is found stays as it is, to the byte."""
    from roaddamage.erased_pictures import remake

    def masked(picture: Image.Image) -> Image.Image | None:
        made = masker.masked(np.asarray(picture.convert("RGB")))
        return Image.fromarray(made.image) if made.kind else None

    remake(path, masked)
