"""Files of labels as people hand them in: XML of CVAT, JSON of Label Studio, or a zip with one of the two."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path, PurePosixPath

from detector.errors import N_, RoadDamageError

MOST_BYTES = 300 * 2**20
"""Of labels, unpacked; pictures in a zip are not looked at."""
OURS = ("labels.xml", "labels.json")
"""What exports carry for setting a tool up; they are no labels."""


class LabelFileError(RoadDamageError):
    """A file that holds no labels of a tool that keeps ids."""


def laid_out(given: Path, name: str, folder: Path) -> str:
    """Put a file's labels into an empty folder; the tool that they are of (`datasets.corrections.KINDS`).

    Nothing of the names in a zip becomes a path. Raises LabelFileError.
    """
    suffix = PurePosixPath(name.replace("\\", "/")).suffix.lower()
    try:
        if suffix == ".zip":
            return _unpacked(given, name, folder)
        if suffix in (".xml", ".json"):
            shutil.copyfile(given, folder / f"labels-1{suffix}")
            return _tool(suffix)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise LabelFileError(
            N_("{name} can't be unpacked ({reason}). Export it again, and hand the file in as it is."),
            name=name, reason=error,
        ) from error  # fmt: skip
    raise LabelFileError(
        N_(
            '{name} is neither .xml of CVAT ("CVAT for images 1.1") nor .json of Label Studio, nor a zip of one.'
        ),
        name=name,
    )


def _tool(suffix: str) -> str:
    return "cvat" if suffix == ".xml" else "labelstudio"


def _unpacked(given: Path, name: str, folder: Path) -> str:
    with zipfile.ZipFile(given) as file:
        inside = [one for one in file.infolist() if PurePosixPath(one.filename).name not in OURS]
        for suffix in (".xml", ".json"):
            parts = [one for one in inside if one.filename.lower().endswith(suffix) and not one.is_dir()]
            if not parts:
                continue
            if sum(one.file_size for one in parts) > MOST_BYTES:
                raise LabelFileError(
                    N_("{name} holds more than {most} MB of labels. Hand it in in several parts."),
                    name=name, most=MOST_BYTES // 2**20,
                )  # fmt: skip
            left = MOST_BYTES
            for number, part in enumerate(parts, 1):
                with file.open(part) as source, (folder / f"labels-{number}{suffix}").open("wb") as target:
                    while piece := source.read(2**20):
                        left -= len(piece)
                        if left < 0:  # what a zip says of its sizes need not be so
                            raise LabelFileError(
                                N_("{name} holds more than {most} MB of labels. Hand it in in several parts."),
                                name=name, most=MOST_BYTES // 2**20,
                            )  # fmt: skip
                        target.write(piece)
            return _tool(suffix)
    raise LabelFileError(
        N_("There are no labels in {name}: no .xml of CVAT and no .json of Label Studio."), name=name
    )
