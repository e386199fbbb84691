"""Labels as other tools write them, read into one form; RDD2022, COCO and YOLO here, others in modules of their own.

Each reader is given a folder or file and yields a `Labelled` for every picture that it knows of. What no person
can have meant (broken files, boxes in pixels where shares are due, classes that the file does not define) raises
DatasetError with the file, and the line or number in it. What is merely of no use here is left to
`datasets.importing` to count.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

import yaml

from datasets.dataset import DatasetError, Picture, read_labels
from detector.classes import CLASSES, CODES
from detector.errors import N_

JUDGED = "judged"
"""What a rectangle is called, in CVAT and Label Studio, within which a person said what is there."""
PICTURE = "picture"
"""What the tag is called, in CVAT, that carries a picture's id."""
LOOKALIKES = (
    "Repair", "D44", "D50", "shadow", "manhole", "patch", "joint", "marking", "wet", "other",
)  # fmt: skip
"""What looks like damage and is none, as labels call it: of RDD2022, and what people reject proposals as."""
SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"))
Xyxy = tuple[float, float, float, float]


@dataclass(frozen=True)
class Box:
    """One box: its class as the tool calls it, and left, top, right, bottom in its picture's `unit`.

    `id` is the one it was exported with, or its tool gave it; `drawn` says that the tool knows it as drawn anew.
    """

    label: str
    xyxy: Xyxy
    id: str = ""
    drawn: bool = False


@dataclass(frozen=True)
class Labelled:
    """One picture as a tool labelled it.

    `name` is what the labels call the picture, `image` its file or None where there is none. `boxes` is None
    where nobody labelled it, empty where somebody found nothing in it. `unit` is the picture's width and height
    in the boxes' own measure, None for pixels; `size_px` the size the labels state. `not_boxes` counts outlines
    and the like. `told_in` is the file that says so.

    What an export of ours carries there and back: `picture_id`; `labelled`, whether the whole picture was judged or
    part of it ("" where the file doesn't say); the areas `judged`, in `unit`; `negatives`, None where it doesn't say.
    """

    name: str
    image: Path | None
    boxes: tuple[Box, ...] | None
    told_in: Path
    unit: tuple[float, float] | None = None
    size_px: tuple[int, int] | None = None
    not_boxes: int = 0
    country: str = ""
    picture_id: str = ""
    labelled: str = ""
    judged: tuple[Xyxy, ...] = ()
    negatives: tuple[str, ...] | None = None


def lookalikes_of(pictures: Iterable[Picture]) -> list[str]:
    """All that pictures may be said to hold that looks like damage and is none.

    Raises DatasetError for a name that means something else in an export.
    """
    marked = {name for one in pictures for name in one.negatives.split(",") if name}
    if wrong := marked & {JUDGED, PICTURE, *CODES}:
        raise DatasetError(
            N_("{name} is no name of what looks like damage and is none: it means something else."),
            name=min(wrong),
        )
    return sorted(marked.union(LOOKALIKES))


class PictureFiles:
    """The picture files below a folder, found by the names that labels give them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.paths = sorted(p for p in root.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
        self._by_name: dict[str, list[Path]] = {}
        for path in self.paths:
            self._by_name.setdefault(path.name, []).append(path)

    def find(self, name: str, beside: Path) -> Path | None:
        """The file whose path ends as `name` does; of several, the only one nearest to the file `beside`.

        Only files below the folder are ever found, whatever a name says.
        """
        parts = [
            part for part in PurePosixPath(name.replace("\\", "/")).parts if part not in ("/", ".", "..")
        ]
        found = self._by_name.get(parts[-1], []) if parts else []
        if not found:
            return None

        def agreement(path: Path) -> tuple[int, int]:
            ending = _alike(path.parts[::-1], parts[::-1])
            return ending, _alike(path.parts, beside.parts)

        best = max(map(agreement, found))
        nearest = [path for path in found if agreement(path) == best]
        return nearest[0] if len(nearest) == 1 else None


def _alike(one: tuple[str, ...] | list[str], other: tuple[str, ...] | list[str]) -> int:
    """How many parts two paths begin with in common."""
    for count, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return count
    return min(len(one), len(other))


def plain(label: str) -> str:
    """A class's name without what tools change in it: case, and the signs between words."""
    return " ".join(re.split(r"[\s_-]+", label.strip().casefold()))


_CLASS_IDS = {plain(row.code): index for index, row in enumerate(CLASSES)} | {
    plain(row.name): index for index, row in enumerate(CLASSES)
}


def class_of(label: str) -> int | None:
    """The row of the class table that a label names, by code (D40) or English name; None where there is none."""
    return _CLASS_IDS.get(plain(label))


def read_rdd2022(path: Path, pictures: PictureFiles) -> Iterator[Labelled]:
    """Pascal VOC files in the layouts of the Road Damage Datasets of 2018, 2020 and 2022.

    Pictures beside labelled ones that have no file of their own, such as those of the `test` folders, are
    yielded as unlabelled.
    """
    known: set[Path] = set()
    for xml in sorted(path.rglob("*.xml")):
        folder = xml.parent.parent if xml.parent.name == "xmls" else xml.parent
        one = _voc(xml, pictures, _country(folder.parent))
        known |= {one.image} if one.image else set()
        yield one
    for image in pictures.paths:
        if image not in known and image.parent.name in ("images", "JPEGImages"):
            country = _country(image.parent.parent)
            yield Labelled(image.name, image, None, image.parent, country=country)


def _country(folder: Path) -> str:
    """The country of a folder that holds annotations and pictures: its own name, or its parent's."""
    folder = folder.resolve()
    return folder.parent.name if folder.name.lower() in ("train", "test", "val") else folder.name


def _voc(path: Path, pictures: PictureFiles, country: str) -> Labelled:
    root = xml_root(path)
    if root.tag != "annotation":
        raise DatasetError(N_("{path} is not a Pascal VOC file."), path=path)
    name = root.findtext("filename") or f"{path.stem}.jpg"
    # RDD2020 has files whose <filename> is another picture's; the file's own name is the surer.
    named = [pictures.find(f"{path.stem}{suffix}", path) for suffix in sorted(SUFFIXES)]
    image = next(filter(None, named), None) or pictures.find(name, path)
    boxes = []
    for thing in root.iter("object"):
        corners = [pixels(thing.findtext(f"bndbox/{key}"), path) for key in ("xmin", "ymin", "xmax", "ymax")]
        boxes.append(Box(thing.findtext("name") or "", four(corners)))
    size = size_of(root.findtext("size/width"), root.findtext("size/height"))
    return Labelled(image.name if image else name, image, tuple(boxes), path, size_px=size, country=country)


def read_yolo(path: Path, pictures: PictureFiles) -> Iterator[Labelled]:
    """Pictures below `images` folders with labels below `labels` beside them, or pictures beside their labels.

    Class numbers are those of `names` in data.yaml where there is one, else rows of the class table. A picture
    without a label file is unlabelled; an empty file says that it is clean.
    """
    names = _yolo_names(path)
    in_folders = [one for one in pictures.paths if "images" in one.relative_to(path).parts[:-1]]
    known: set[Path] = set()
    for image in in_folders or pictures.paths:
        labels = image.with_suffix(".txt")
        if in_folders:
            parts = list(image.relative_to(path).parts)
            last = len(parts) - 2 - parts[-2::-1].index("images")
            labels = path.joinpath(*parts[:last], "labels", *parts[last + 1 :]).with_suffix(".txt")
        known.add(labels)
        yield _yolo(labels, names, image.name, image)
    for labels in sorted(path.rglob("*.txt")):
        if labels not in known and "labels" in labels.relative_to(path).parts[:-1]:
            yield _yolo(labels, names, labels.stem, None)


def _yolo(labels: Path, names: list[str], name: str, image: Path | None) -> Labelled:
    if not labels.exists():
        return Labelled(name, image, None, labels)
    xyxy, class_id = read_labels(labels, len(names))
    boxes = (Box(names[c], four(box)) for box, c in zip(xyxy.tolist(), class_id.tolist(), strict=True))
    return Labelled(name, image, tuple(boxes), labels, unit=(1, 1))


def _yolo_names(folder: Path) -> list[str]:
    """The class names of a YOLO dataset, by number."""
    path = next((p for name in ("data.yaml", "data.yml") if (p := folder / name).exists()), None)
    if path is None:
        return list(CODES)
    try:
        told = yaml.safe_load(path.read_text(encoding="utf-8"))
        names = told["names"]
        names = [names[number] for number in range(len(names))]
    except (OSError, ValueError, yaml.YAMLError, RecursionError, LookupError, TypeError) as error:
        raise DatasetError(N_("{path} names no classes (`names`, from 0 up)."), path=path) from error
    return [str(name) for name in names]


def read_coco(path: Path, pictures: PictureFiles) -> Iterator[Labelled]:
    """A COCO file of boxes in pixels, or every one below a folder."""
    files = files_of(path, "*.json")
    found = [(one, told) for one in files if isinstance(told := json_of(one), dict) and "images" in told]
    if not found:
        raise DatasetError(N_("{path} holds no COCO file (with `images` and `annotations`)."), path=path)
    for file, told in found:
        yield from _coco(file, told, pictures)


def _coco(path: Path, told: dict[str, Any], pictures: PictureFiles) -> Iterator[Labelled]:
    boxes: dict[Any, list[Box]] = {}
    where = "images, categories"
    try:
        labels = {one["id"]: str(one["name"]) for one in told.get("categories", [])}
        boxes = {one["id"]: [] for one in told["images"]}
        for one in told.get("annotations", []):
            where = f"annotation {one['id']}"
            x, y, width, height = (finite(value) for value in one["bbox"])
            boxes[one["image_id"]].append(Box(labels[one["category_id"]], (x, y, x + width, y + height)))
        where = "images"
        listed = [
            (str(one["file_name"]), one["id"], one.get("width"), one.get("height")) for one in told["images"]
        ]
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise DatasetError(
            N_("{path}, {where}: not COCO ({reason})."), path=path, where=where, reason=said(error)
        ) from error
    every = [max(box.xyxy) for one in boxes.values() for box in one]
    if every and max(every) <= 1:
        raise DatasetError(
            N_("{path}: boxes are shares of the picture; COCO's are due in pixels."), path=path
        )
    for name, number, width, height in listed:
        image = pictures.find(name, path)
        yield Labelled(name, image, tuple(boxes[number]), path, size_px=size_of(width, height))


def files_of(path: Path, pattern: str) -> list[Path]:
    """The file itself, or those below a folder."""
    return [path] if path.is_file() else sorted(path.rglob(pattern))


def json_of(path: Path) -> Any:
    """What a JSON file holds. Raises DatasetError where it is none."""
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise DatasetError(N_("{path} is not JSON ({reason})."), path=path, reason=error) from error


def xml_root(path: Path) -> Element:
    """The root of an XML file. A document type, and with it every entity, is refused."""
    tree = TreeBuilder()
    parser = expat.ParserCreate()

    def refuse(*_: object) -> None:
        raise DatasetError(N_("{path} carries a document type (DTD), which labels don't need."), path=path)

    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = tree.start
    parser.EndElementHandler = tree.end
    parser.CharacterDataHandler = tree.data
    try:
        parser.Parse(path.read_bytes(), True)
        return tree.close()
    except expat.ExpatError as error:
        raise DatasetError(
            N_("{path}, line {line}: not XML ({reason})."),
            path=path,
            line=error.lineno,
            reason=expat.ErrorString(error.code),
        ) from error
    except OSError as error:
        raise DatasetError(
            N_("{path} can't be read ({reason})."), path=path, reason=error.strerror
        ) from error


def pixels(text: str | None, path: Path) -> float:
    """A number of pixels. Raises DatasetError, naming the file, where it is none."""
    try:
        return finite(text)
    except (ValueError, TypeError) as error:
        raise DatasetError(N_("{path}: {text} is not a number of pixels."), path=path, text=text) from error


def finite(value: Any) -> float:
    """A finite number. Raises ValueError or TypeError for anything else."""
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{number}")
    return number


def four(values: list[float]) -> Xyxy:
    """Four numbers as a box."""
    left, top, right, bottom = values
    return left, top, right, bottom


def size_of(width: Any, height: Any) -> tuple[int, int] | None:
    """A stated size in pixels; None where none, or no size, is stated."""
    try:
        size = int(width), int(height)
    except (TypeError, ValueError):
        return None
    return size if min(size) > 0 else None


def turned(box: Xyxy, turn_rad: float, about: tuple[float, float]) -> Xyxy:
    """The upright box around a box that is turned clockwise about a point."""
    if not turn_rad:
        return box
    cos, sin = math.cos(turn_rad), math.sin(turn_rad)
    corners = [(x - about[0], y - about[1]) for x in (box[0], box[2]) for y in (box[1], box[3])]
    xs = [about[0] + x * cos - y * sin for x, y in corners]
    ys = [about[1] + x * sin + y * cos for x, y in corners]
    return min(xs), min(ys), max(xs), max(ys)


def said(error: Exception) -> str:
    """What a failed look-up or conversion complains of, with its kind: a bare key says little."""
    return f"{type(error).__name__}: {error}"
