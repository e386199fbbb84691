"""Labels as Label Studio keeps them, its JSON of tasks, there and back without loss.

What a dataset knows goes there as predictions ("pre-annotations"), from which a person's annotation begins: regions
keep their ids, which are the boxes'. An area judged is a rectangle `judged`, one that is no damage a rectangle
`shadow`, `manhole` or the like. The choices `labelled` and `negatives` are of the picture; its id is in the task's data.
<https://labelstud.io/guide/task_format>, <https://labelstud.io/guide/predictions>
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

from datasets.dataset import PARTLY, WHOLE, DatasetError, Picture
from datasets.formats import (
    JUDGED,
    SUFFIXES,
    Box,
    Labelled,
    PictureFiles,
    files_of,
    finite,
    json_of,
    lookalikes_of,
    said,
    size_of,
    turned,
)
from detector.classes import CLASSES, CODES
from detector.errors import N_

TASKS = "tasks.json"
_LABELLED, _NEGATIVES = "labelled", "negatives"


def read_labelstudio(path: Path, pictures: PictureFiles) -> Iterator[Labelled]:
    """A JSON export of Label Studio, boxes in percent; of several annotations of a task the last one counts."""
    for file in files_of(path, "*.json"):
        tasks = json_of(file)
        if not isinstance(tasks, list):
            raise DatasetError(
                N_("{path} is not a JSON export of Label Studio (a list of tasks)."), path=file
            )
        for index, task in enumerate(tasks):
            where = f"task {task.get('id', index) if isinstance(task, dict) else index}"
            try:
                yield _task(task, file, pictures)
            except (LookupError, TypeError, ValueError, AttributeError) as error:
                raise DatasetError(
                    N_("{path}, {where}: not Label Studio's ({reason})."),
                    path=file,
                    where=where,
                    reason=said(error),
                ) from error


def _task(task: dict[str, Any], path: Path, pictures: PictureFiles) -> Labelled:
    data = task["data"]
    name = _picture_name(data)
    # An upload carries eight digits and a dash before its name.
    image = pictures.find(name, path) or pictures.find(re.sub(r"(?:.*/)?[0-9a-f]{8}-", "", name), path)
    picture_id = str(data.get("picture_id") or "")
    meant = [one for one in task.get("annotations", []) if not one.get("was_cancelled")]
    one = Labelled(name, image, None, path, unit=(100, 100), picture_id=picture_id)
    if not meant:
        return one
    boxes: list[Box] = []
    chosen: dict[str, list[str]] = {_LABELLED: [], _NEGATIVES: []}
    for result in meant[-1]["result"]:
        if result["type"] == "rectanglelabels":
            one = replace(one, size_px=size_of(result.get("original_width"), result.get("original_height")))
            boxes.extend(_rectangle(result))
        elif picture_id and result["type"] == "choices" and result["from_name"] in chosen:
            chosen[result["from_name"]] += map(str, result["value"]["choices"])
        else:
            one = replace(one, not_boxes=one.not_boxes + ("from_name" in result))
    return replace(
        one,
        boxes=tuple(box for box in boxes if box.label != JUDGED),
        judged=tuple(box.xyxy for box in boxes if box.label == JUDGED),
        labelled=next((told for told in chosen[_LABELLED] if told in (WHOLE, PARTLY)), ""),
        negatives=tuple(chosen[_NEGATIVES]) if picture_id else None,
    )


def _rectangle(result: dict[str, Any]) -> Iterator[Box]:
    """The boxes of one drawn rectangle, in percent: one for each of its labels."""
    value = result["value"]
    left, top, width, height = (finite(value[key]) for key in ("x", "y", "width", "height"))
    if max(left, top, width, height) > 100 + 1e-6:
        raise ValueError(f"{max(left, top, width, height):g} %")
    box = left, top, left + width, top + height
    if turn := math.radians(finite(value.get("rotation", 0))):
        # A turn keeps angles in pixels, not in percent of two different lengths.
        stretch = finite(result["original_height"]) / finite(result["original_width"])
        across = turned((left, top * stretch, box[2], box[3] * stretch), turn, (left, top * stretch))
        box = across[0], across[1] / stretch, across[2], across[3] / stretch
    for label in value["rectanglelabels"]:
        drawn = result.get("origin", "manual") == "manual"
        yield Box(str(label), box, unquote(str(result.get("id", ""))), drawn)


def _picture_name(data: dict[str, Any]) -> str:
    """The picture's name in a task: the first value that is a picture's path or address, `image` before others."""
    for value in (data.get("image"), *data.values()):
        if isinstance(value, str):
            address = urlsplit(value)
            name = unquote(parse_qs(address.query).get("d", [address.path])[0])
            if PurePosixPath(name).suffix.lower() in SUFFIXES:
                return name
    raise ValueError("data: no picture")


def write_labelstudio(pictures: Sequence[Picture], out: Path, name: str) -> None:
    """Write tasks.json, and labels.xml: a project's labelling interface.

    `name` is the folder's below the one that Label Studio serves local files from.
    """
    tasks = [_as_task(one, f"/data/local-files/?d={quote(f'{name}/images/{one.name}')}") for one in pictures]
    (out / TASKS).write_text(json.dumps(tasks, ensure_ascii=False, indent=1), encoding="utf-8")
    _write_interface(pictures, out / "labels.xml")


def _as_task(one: Picture, address: str) -> dict[str, Any]:
    results = [
        _region(one, CODES[class_id], box, _plain(box_id))
        for class_id, box, box_id in zip(one.class_id, one.xyxy.tolist(), one.box_id, strict=True)
    ]
    if one.judged is not None:
        results += [
            _region(one, JUDGED, area, f"{JUDGED}-{number}")
            for number, area in enumerate(one.judged.tolist(), 1)
        ]
    if not one.proposed:  # what a person then submits is that person's judgement
        results.append(_choice(_LABELLED, [one.labelled]))
    if one.negatives:
        results.append(_choice(_NEGATIVES, one.negatives.split(",")))
    return {
        "data": {"image": address, "picture_id": one.id},
        "predictions": [{"model_version": "roaddamage", "result": results}],
    }


def _plain(box_id: str) -> str:
    """An id without the sign from which on Label Studio cuts ids off; `unquote` gives it back."""
    return box_id.replace("%", "%25").replace("#", "%23")


def _region(one: Picture, label: str, box: list[float], region_id: str) -> dict[str, Any]:
    left, top, right, bottom = (100 * share for share in box)
    sides = {"x": left, "y": top, "width": right - left, "height": bottom - top}
    return {
        "id": region_id,
        "type": "rectanglelabels",
        "from_name": "label",
        "to_name": "image",
        "original_width": one.width_px,
        "original_height": one.height_px,
        "image_rotation": 0,
        "value": {key: round(side, 6) for key, side in sides.items()}
        | {"rotation": 0, "rectanglelabels": [label]},
    }


def _choice(name: str, chosen: list[str]) -> dict[str, Any]:
    told = {"id": name, "type": "choices", "from_name": name, "to_name": "image"}
    return told | {"value": {"choices": chosen}}


def _write_interface(pictures: Sequence[Picture], path: Path) -> None:
    marked = lookalikes_of(pictures)
    view = Element("View")
    SubElement(view, "Image", {"name": "image", "value": "$image", "zoomControl": "true"})
    labels = SubElement(view, "RectangleLabels", {"name": "label", "toName": "image"})
    for row in CLASSES:
        SubElement(labels, "Label", {"value": row.code, "hint": row.name, "background": row.colour})
    for name in (JUDGED, *marked):
        SubElement(labels, "Label", {"value": name, "background": "#808080"})
    for name, choice, values in ((_LABELLED, "single", [WHOLE, PARTLY]), (_NEGATIVES, "multiple", marked)):
        told = {"name": name, "toName": "image", "choice": choice, "showInline": "true"}
        choices = SubElement(view, "Choices", told)
        for value in values:
            SubElement(choices, "Choice", {"value": value})
    indent(view)
    ElementTree(view).write(path, encoding="utf-8")
