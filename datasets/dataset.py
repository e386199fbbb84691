"""Labelled pictures as this project keeps them: a folder with pictures, labels, and where each comes from.

    FOLDER/images/NAME.jpg    the picture (any format Pillow reads)
    FOLDER/labels/NAME.txt    YOLO: a box a line, `class cx cy width height` as shares of the picture
    FOLDER/labels/NAME.json   where there is more to tell: {"box_id": [text, ...], "judged": [[x1, y1, x2, y2], ...]}
    FOLDER/manifest.csv       a row a picture: `COLUMNS`
    FOLDER/card.md            what is in it, for people

Classes are rows of `detector.classes.CLASSES`. The column `labelled` is `whole` where a person judged all of a
picture: one without boxes is then a clean one, or holds only what must not be taken for damage (`negatives`). It is
`part` where a person judged areas of it (`judged`, shares of the picture): what is elsewhere nobody knows.
It is `nobody` where the boxes are a model's proposals and no person has looked yet.
Manifests of before, without the columns `id` and `labelled`, are read as whole.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
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
STATES = WHOLE, PARTLY, NOBODY = "whole", "part", "nobody"
SLACK = 1e-3
"""Rounding may put a box's edge this share of the picture beyond it."""
ID_DIGITS = 16
"""So much of a picture's hash is its id where it is given none."""


class DatasetError(RoadDamageError):
    """A dataset, or a file of one, that can't be used: names the file, and the line where there is one."""

    exit_code = 2


@dataclass(frozen=True)
class Picture:
    """One labelled picture: its row of the manifest, and its boxes.

    `name` is the file's under `images/`. `xyxy` (n, 4) are shares of the picture's width and height, 0 to 1,
    `class_id` (n,) rows of the class table. `road` is the road, block or drive that must stay on one side
    of a split; `negatives` names what is in the picture that looks like damage and is none (D44, D50,
    Repair; or what a proposal was rejected as). `phash` is the perceptual hash, 16 hexadecimal digits.

    `id` names the picture for good, and `box_id` (n,) its boxes, each unlike all others of the dataset; where none
    are given the picture's is made of its hash (or name), a box's of that and its place.

    `judged` is None where a person judged the whole picture; else (m, 4) xyxy as shares: the areas in which a person
    said what is there. Outside of them, and of the boxes, nobody knows. Such a picture can be no one's test:
    ValueError for a part other than train, or ids that are not one a box.

    `proposed`: the boxes are a model's proposals, and no person has judged any of it; ValueError for one with a part.
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
    id: str = ""
    xyxy: Floats = field(default_factory=lambda: np.empty((0, 4)))
    class_id: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    box_id: tuple[str, ...] = ()
    judged: Floats | None = None
    proposed: bool = False

    def __post_init__(self) -> None:
        if not self.id:
            object.__setattr__(self, "id", self.sha256[:ID_DIGITS] or self.name)
        if not self.box_id:
            object.__setattr__(self, "box_id", self.plain_ids)
        if len(self.box_id) != len(self.xyxy) or len(set(self.box_id)) != len(self.box_id):
            raise ValueError(f"{self.name!r}: {len(self.xyxy)} boxes, ids {self.box_id}")
        if self.judged is not None and self.part not in ("", "train"):
            raise ValueError(f"{self.name!r} is labelled in part, and in the part {self.part!r}")
        if self.proposed and (self.part or self.judged is not None):
            raise ValueError(f"{self.name!r} is labelled by nobody, and in the part {self.part!r}")

    @property
    def plain_ids(self) -> tuple[str, ...]:
        """The ids that boxes have when none are given."""
        return tuple(f"{self.id}-{number}" for number in range(1, 1 + len(self.xyxy)))

    @property
    def labelled(self) -> str:
        """Whether a person judged the whole picture, part of it, or nobody any."""
        if self.proposed:
            return NOBODY
        return WHOLE if self.judged is None else PARTLY

    @property
    def judged_px(self) -> Floats:
        """The areas judged in pixels, (m, 4) xyxy; none where the whole picture was."""
        judged = np.empty((0, 4)) if self.judged is None else self.judged
        return judged * [self.width_px, self.height_px, self.width_px, self.height_px]

    @property
    def known(self) -> Floats | None:
        """The areas in which it is known what is there, (m + n, 4) as shares: `judged` and the boxes; None: all."""
        if self.proposed:
            return np.empty((0, 4))
        return None if self.judged is None else np.concatenate([self.judged, self.xyxy])

    @property
    def label_name(self) -> str:
        """The label file's name under `labels/`."""
        return f"{Path(self.name).stem}.txt"

    @property
    def boxes_px(self) -> Floats:
        """The boxes in pixels, (n, 4) xyxy."""
        return self.xyxy * [self.width_px, self.height_px, self.width_px, self.height_px]


_BESIDE = ("xyxy", "class_id", "box_id", "judged", "proposed")
COLUMNS = (*(one.name for one in fields(Picture) if one.name not in _BESIDE), "labelled")
_LATER = ("id", "labelled")
"""Columns that the first manifests lack."""


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
            missing = set(COLUMNS) - set(_LATER) - set(table.fieldnames or ())
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
    _name_twins(rows)
    pictures = tuple(_picture(folder, row, line) for line, row in enumerate(rows, 2))
    _check_ids(path, pictures)
    return Dataset(folder, pictures)


def _name_twins(rows: list[dict[str, str]]) -> None:
    """Give rows without an id whose pictures are the same, byte for byte, their names for ids."""
    bare = [row for row in rows if not row.get("id")]
    counts = Counter(row.get("sha256") for row in bare)
    for row in bare:
        if counts[row.get("sha256")] > 1:
            row["id"] = row.get("name") or ""


def _picture(folder: Path, row: dict[str, str], line: int) -> Picture:
    told: dict[str, Any] = {name: row.get(name) or "" for name in COLUMNS}
    labelled = told.pop("labelled") or WHOLE
    try:
        for name in ("width_px", "height_px"):
            told[name] = int(told[name])
        picture = Picture(**told, proposed=labelled == NOBODY)
        if Path(picture.name).name != picture.name or min(picture.width_px, picture.height_px) < 1:
            raise ValueError(f"{picture.name!r}")
        if picture.part not in ("", *PARTS):
            raise ValueError(f"{picture.part!r}")
        if not re.fullmatch(r"([0-9a-f]{16})?", picture.phash):
            raise ValueError(f"{picture.phash!r}")
        if labelled not in STATES:
            raise ValueError(f"{labelled!r}")
        if labelled == PARTLY and picture.part not in ("", "train"):
            raise ValueError(f"labelled in part, and in {picture.part}")
    except ValueError as error:
        raise DatasetError(
            N_("{path}, line {line}: not a row of a manifest ({reason})."),
            path=folder / "manifest.csv",
            line=line,
            reason=error,
        ) from error
    path = folder / "labels" / picture.label_name
    xyxy, class_id = read_labels(path)
    beside = path.with_suffix(".json")
    try:
        box_id, judged = _read_beside(beside)
        if (labelled == PARTLY) != (judged is not None):
            raise ValueError(f"`judged`; the manifest says {labelled!r}")
        return replace(picture, xyxy=xyxy, class_id=class_id, box_id=box_id, judged=judged)
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise DatasetError(
            N_("{path} does not fit the boxes and the manifest's row of {name} ({reason})."),
            path=beside,
            name=picture.name,
            reason=error,
        ) from error


def _read_beside(path: Path) -> tuple[tuple[str, ...], Floats | None]:
    """Ids of boxes and judged areas, of the file beside the labels; neither where there is no file."""
    if not path.exists():
        return (), None
    told = json.loads(path.read_text(encoding="utf-8"))
    box_id, judged = tuple(told.get("box_id", ())), told.get("judged")
    if not all(isinstance(one, str) and one for one in box_id):
        raise ValueError("`box_id`")
    return box_id, None if judged is None else checked_areas(judged)


def checked_areas(areas: Any) -> Floats:
    """Areas (n, 4) xyxy as shares of a picture, at its edge where they go beyond. Raises ValueError for none."""
    judged: Floats = np.array(areas, float).reshape(-1, 4)
    inside: Floats = np.clip(judged, 0, 1)
    if not (np.abs(inside - judged) <= SLACK).all() or not (inside[:, :2] < inside[:, 2:]).all():
        raise ValueError(f"areas {judged.tolist()}")
    return inside


def _check_ids(path: Path, pictures: Iterable[Picture]) -> None:
    """Raise DatasetError where two pictures, or boxes of two pictures, have one id."""
    seen: dict[tuple[str, str], str] = {}
    for one in pictures:
        for key in (("picture", one.id), *(("box", box_id) for box_id in one.box_id)):
            if other := seen.get(key):
                raise DatasetError(
                    N_("{path}: {name} and {other} both have the id {id}; an id names one thing only."),
                    path=path,
                    id=key[1],
                    name=one.name,
                    other=other,
                )
            seen[key] = one.name


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


def known_lines(picture: Picture) -> Iterator[str]:
    """All that a picture says to a model, as text: its boxes, and the areas judged if not the whole was."""
    yield from label_lines(picture)
    if picture.judged is not None:
        yield "judged\n"
        yield from (f"{' '.join(f'{share:.6f}' for share in area)}\n" for area in picture.judged.tolist())


def write_manifest(folder: Path, pictures: Iterable[Picture]) -> None:
    """Write the manifest whole or not at all."""
    part = folder / "manifest.csv.part"
    with part.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, COLUMNS)
        table.writeheader()
        table.writerows({name: getattr(one, name) for name in COLUMNS} for one in pictures)
    part.replace(folder / "manifest.csv")


def write_labels(folder: Path, picture: Picture) -> None:
    """Write a picture's label file, and beside it what that can't hold, if there is any."""
    path = folder / "labels" / picture.label_name
    path.write_text("".join(label_lines(picture)), encoding="utf-8")
    beside = path.with_suffix(".json")
    if picture.judged is None and picture.box_id == picture.plain_ids:
        beside.unlink(missing_ok=True)
        return
    judged = None if picture.judged is None else picture.judged.round(6).tolist()
    beside.write_text(
        json.dumps({"box_id": picture.box_id, "judged": judged}, ensure_ascii=False) + "\n", encoding="utf-8"
    )
