"""Labelled pictures as this project keeps them: a folder with pictures, labels, and where each comes from.

    FOLDER/images/NAME.jpg    the picture (any format Pillow reads)
    FOLDER/labels/NAME.txt    YOLO: a box a line, `class cx cy width height` as shares of the picture
    FOLDER/manifest.csv       a row a picture: `COLUMNS`
    FOLDER/card.md            what is in it, for people

Classes are rows of `detector.classes.CLASSES`. A picture without boxes is a clean one, or holds only what must
not be taken for damage (`negatives`).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.classes import CLASSES
from detector.errors import N_, RoadDamageError

Floats = NDArray[np.float64]

PARTS = ("train", "val", "test")
SLACK = 1e-3
"""Rounding may put a box's edge this share of the picture beyond it."""


class DatasetError(RoadDamageError):
    """A dataset, or a file of one, that can't be used: names the file, and the line where there is one."""

    exit_code = 2


@dataclass(frozen=True)
class Picture:
    """One labelled picture: its row of the manifest, and its boxes.

    `name` is the file's under `images/`. `xyxy` (n, 4) are shares of the picture's width and height, 0 to 1,
    `class_id` (n,) rows of the class table. `road` is the road, block or drive that must stay on one side
    of a split; `negatives` names what is in the picture that looks like damage and is none (D44, D50,
    Repair). `phash` is the perceptual hash, 16 hexadecimal digits.
    """

    name: str
    width_px: int
    height_px: int
    source: str = ""
    licence: str = ""
    country: str = ""
    road: str = ""
    drive: str = ""
    captured_at: str = ""
    negatives: str = ""
    part: str = ""
    sha256: str = ""
    phash: str = ""
    xyxy: Floats = field(default_factory=lambda: np.empty((0, 4)))
    class_id: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))

    @property
    def label_name(self) -> str:
        """The label file's name under `labels/`."""
        return f"{Path(self.name).stem}.txt"

    @property
    def boxes_px(self) -> Floats:
        """The boxes in pixels, (n, 4) xyxy."""
        return self.xyxy * [self.width_px, self.height_px, self.width_px, self.height_px]


COLUMNS = tuple(one.name for one in fields(Picture) if one.name not in ("xyxy", "class_id"))


@dataclass(frozen=True)
class Dataset:
    """A dataset's folder and its pictures, by name."""

    folder: Path
    pictures: tuple[Picture, ...]

    def part(self, name: str) -> tuple[Picture, ...]:
        """The pictures of one part of the split: train, val or test."""
        return tuple(one for one in self.pictures if one.part == name)

    def image_path(self, picture: Picture) -> Path:
        return self.folder / "images" / picture.name


def read_dataset(folder: Path) -> Dataset:
    """A dataset with all its labels. Raises DatasetError, naming file and line, for what can't be right."""
    path = folder / "manifest.csv"
    try:
        with path.open(newline="", encoding="utf-8") as file:
            table = csv.DictReader(file)
            missing = set(COLUMNS) - set(table.fieldnames or ())
            rows = list(table)
    except OSError as error:
        raise DatasetError(
            N_("{path} can't be read ({reason}). Make a dataset with `roaddamage dataset import`."),
            path=path,
            reason=error.strerror,
        ) from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise DatasetError(N_("{path} is not a manifest: {reason}."), path=path, reason=error) from error
    if missing:
        raise DatasetError(
            N_("{path} is not a manifest: {reason}."), path=path, reason=f"no {', '.join(sorted(missing))}"
        )
    return Dataset(folder, tuple(_picture(folder, row, line) for line, row in enumerate(rows, 2)))


def _picture(folder: Path, row: dict[str, str], line: int) -> Picture:
    told: dict[str, Any] = {name: row[name] or "" for name in COLUMNS}
    try:
        for name in ("width_px", "height_px"):
            told[name] = int(told[name])
        picture = Picture(**told)
        if Path(picture.name).name != picture.name or min(picture.width_px, picture.height_px) < 1:
            raise ValueError(f"{picture.name!r}")
        if picture.part not in ("", *PARTS):
            raise ValueError(f"{picture.part!r}")
        if not re.fullmatch(r"([0-9a-f]{16})?", picture.phash):
            raise ValueError(f"{picture.phash!r}")
    except ValueError as error:
        raise DatasetError(
            N_("{path}, line {line}: not a row of a manifest ({reason})."),
            path=folder / "manifest.csv",
            line=line,
            reason=error,
        ) from error
    xyxy, class_id = read_labels(folder / "labels" / picture.label_name)
    return replace(picture, xyxy=xyxy, class_id=class_id)


def read_labels(path: Path, classes_known: int = len(CLASSES)) -> tuple[Floats, NDArray[np.int64]]:
    """Boxes (n, 4) xyxy as shares, and classes (n,), of a YOLO label file; none where there is no file.

    `classes_known` is how many classes there are, where they are not those of the class table. Raises DatasetError, naming file and line, for a class outside the table, boxes in pixels, or no box.
    """
    if not path.exists():
        return np.empty((0, 4)), np.empty(0, np.int64)
    boxes, classes = [], []
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        if not line.strip():
            continue
        try:
            class_text, *numbers = line.split()
            if len(numbers) > 5:  # a fifth is a detection's confidence; more are an outline
                raise ValueError(line)
            class_id, (x, y, width, height) = int(class_text), (float(value) for value in numbers[:4])
        except ValueError as error:
            raise DatasetError(
                N_("{path}, line {line}: not `class x y width height`."), path=path, line=number
            ) from error
        if not 0 <= class_id < classes_known:
            raise DatasetError(
                N_("{path}, line {line}: class {class_id} is outside the table (0 to {last})."),
                path=path,
                line=number,
                class_id=class_id,
                last=classes_known - 1,
            )
        box = np.array([x - width / 2, y - height / 2, x + width / 2, y + height / 2])
        if not (np.isfinite(box).all() and width > 0 and height > 0):
            raise DatasetError(N_("{path}, line {line}: a box without size."), path=path, line=number)
        if box.min() < -SLACK or box.max() > 1 + SLACK:
            raise DatasetError(
                N_("{path}, line {line}: a box outside the picture; shares from 0 to 1 are due, not pixels."),
                path=path,
                line=number,
            )
        boxes.append(np.clip(box, 0, 1))
        classes.append(class_id)
    return np.array(boxes, float).reshape(-1, 4), np.array(classes, np.int64)


def label_lines(picture: Picture) -> Iterator[str]:
    """A picture's boxes as lines of a YOLO label file."""
    for class_id, (x1, y1, x2, y2) in zip(picture.class_id.tolist(), picture.xyxy.tolist(), strict=True):
        yield f"{class_id} {(x1 + x2) / 2:.6f} {(y1 + y2) / 2:.6f} {x2 - x1:.6f} {y2 - y1:.6f}\n"


def write_manifest(folder: Path, pictures: Iterable[Picture]) -> None:
    """Write the manifest whole or not at all."""
    part = folder / "manifest.csv.part"
    with part.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, COLUMNS)
        table.writeheader()
        table.writerows({name: getattr(one, name) for name in COLUMNS} for one in pictures)
    part.replace(folder / "manifest.csv")


def write_labels(folder: Path, picture: Picture) -> None:
    """Write a picture's label file."""
    (folder / "labels" / picture.label_name).write_text("".join(label_lines(picture)), encoding="utf-8")
