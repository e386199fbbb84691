"""Labels as CVAT keeps them, "CVAT for images 1.1", there and back without loss.

An XML element `image` holds a `box` for each damage, with its id in the attribute `box_id`, for each area judged
(label `judged`), and for each thing that a person says is no damage (label `shadow`, `manhole`, ...). A `tag` named
`picture` carries the picture's id and whether the whole of it was judged, or nobody has yet; a tag for each thing in the picture that
looks like damage and is none. CVAT numbers images anew and rounds to 0.01 px; names, attributes and tags it keeps.
<https://docs.cvat.ai/docs/dataset_management/formats/format-cvat/>
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

from datasets.dataset import STATES, WHOLE, DatasetError, Picture
from datasets.formats import (
    JUDGED,
    PICTURE,
    Box,
    Labelled,
    PictureFiles,
    files_of,
    four,
    lookalikes_of,
    pixels,
    size_of,
    turned,
    xml_root,
)
from detector.classes import CLASSES, CODES
from detector.errors import N_

BOX_ID = "box_id"
_OTHERS = ("polygon", "polyline", "points", "mask", "ellipse", "cuboid", "skeleton")


def read_cvat(path: Path, pictures: PictureFiles) -> Iterator[Labelled]:
    """A file "CVAT for images 1.1", or every one below a folder."""
    for file in files_of(path, "*.xml"):
        root = xml_root(file)
        if root.tag != "annotations" or root.find("track") is not None:
            raise DatasetError(N_('{path} is not of CVAT; export as "CVAT for images 1.1".'), path=file)
        for image in root.iter("image"):
            yield _image(image, file, pictures)


def _image(image: Element, file: Path, pictures: PictureFiles) -> Labelled:
    boxes = [_box(box, file) for box in image.iter("box")]
    tags = list(image.iter("tag"))
    told = {key: value for tag in tags if tag.get("label") == PICTURE for key, value in _attributes(tag)}
    ours = bool(told.get("id"))
    name = image.get("name", "")
    return Labelled(
        name,
        pictures.find(name, file),
        tuple(one for one in boxes if one.label != JUDGED),
        file,
        size_px=size_of(image.get("width"), image.get("height")),
        not_boxes=sum(len(image.findall(kind)) for kind in _OTHERS),
        picture_id=told.get("id", ""),
        labelled=one if (one := told.get("labelled", "")) in STATES else "",
        judged=tuple(one.xyxy for one in boxes if one.label == JUDGED),
        negatives=tuple(tag.get("label", "") for tag in tags if tag.get("label") != PICTURE)
        if ours
        else None,
    )


def _box(box: Element, file: Path) -> Box:
    corners = four([pixels(box.get(key), file) for key in ("xtl", "ytl", "xbr", "ybr")])
    turn = math.radians(pixels(box.get("rotation", "0"), file))
    middle = (corners[0] + corners[2]) / 2, (corners[1] + corners[3]) / 2
    box_id = dict(_attributes(box)).get(BOX_ID, "")
    return Box(box.get("label", ""), turned(corners, turn, middle), box_id)


def _attributes(element: Element) -> Iterator[tuple[str, str]]:
    for one in element.iter("attribute"):
        yield one.get("name", ""), (one.text or "").strip()


def write_cvat(pictures: Sequence[Picture], out: Path, name: str) -> None:
    """Write annotations.xml, and labels.json: what to paste under "Raw" where a task's labels are set.

    `name` is the task's.
    """
    labels = _labels(pictures)
    root = Element("annotations")
    SubElement(root, "version").text = "1.1"
    task = SubElement(SubElement(root, "meta"), "task")
    for key, text in {"name": name, "size": str(len(pictures)), "mode": "annotation"}.items():
        SubElement(task, key).text = text
    _write_labels(SubElement(task, "labels"), labels)
    # In the order of names, in which CVAT numbers a task's pictures.
    for number, one in enumerate(sorted(pictures, key=lambda picture: picture.name)):
        _write_image(root, number, one)
    indent(root)
    ElementTree(root).write(out / "annotations.xml", encoding="utf-8", xml_declaration=True)
    (out / "labels.json").write_text(json.dumps(labels, ensure_ascii=False, indent=1), encoding="utf-8")


def _write_image(root: Element, number: int, one: Picture) -> None:
    size = {"width": str(one.width_px), "height": str(one.height_px)}
    subset = {"subset": one.part} if one.part else {}
    image = SubElement(root, "image", {"id": str(number), "name": one.name} | subset | size)
    for box, class_id, box_id in zip(one.boxes_px.tolist(), one.class_id, one.box_id, strict=True):
        _attribute(_write_box(image, CODES[class_id], box), BOX_ID, box_id)
    for area in one.judged_px.tolist():
        _write_box(image, JUDGED, area)
    tag = SubElement(image, "tag", {"label": PICTURE, "source": "manual"})
    _attribute(tag, "id", one.id)
    _attribute(tag, "labelled", one.labelled)
    for name in filter(None, one.negatives.split(",")):
        SubElement(image, "tag", {"label": name, "source": "manual"})


def _write_box(image: Element, label: str, corners: list[float]) -> Element:
    at = {key: f"{x:.3f}" for key, x in zip(("xtl", "ytl", "xbr", "ybr"), corners, strict=True)}
    told = {"label": label, "source": "manual", "occluded": "0"} | at | {"z_order": "0"}
    return SubElement(image, "box", told)


def _attribute(element: Element, name: str, text: str) -> None:
    SubElement(element, "attribute", {"name": name}).text = text


def _labels(pictures: Sequence[Picture]) -> list[dict[str, Any]]:
    """The labels of a task that can hold all of the pictures, as CVAT's "Raw" has them."""
    ids = {"name": BOX_ID, "input_type": "text", "mutable": False, "default_value": "", "values": [""]}
    of_picture = [
        ids | {"name": "id"},
        ids | {"name": "labelled", "input_type": "select", "default_value": WHOLE, "values": list(STATES)},
    ]
    return [
        *(
            {"name": row.code, "color": row.colour, "type": "rectangle", "attributes": [ids]}
            for row in CLASSES
        ),
        {"name": JUDGED, "color": "#808080", "type": "rectangle", "attributes": []},
        *(
            {"name": name, "color": "#404040", "type": "any", "attributes": [ids]}
            for name in lookalikes_of(pictures)
        ),
        {"name": PICTURE, "color": "#ffffff", "type": "tag", "attributes": of_picture},
    ]


def _write_labels(parent: Element, labels: list[dict[str, Any]]) -> None:
    """The same within a file's `meta`."""
    for one in labels:
        label = SubElement(parent, "label")
        for key in ("name", "color", "type"):
            SubElement(label, key).text = one[key]
        attributes = SubElement(label, "attributes")
        for told in one["attributes"]:
            attribute = SubElement(attributes, "attribute")
            texts = told | {"mutable": str(told["mutable"]), "values": "\n".join(told["values"])}
            for key in ("name", "mutable", "input_type", "default_value", "values"):
                SubElement(attribute, key).text = texts[key]
