"""CVAT and Label Studio as far as labels go: what each makes of an import, and writes when it exports again."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

Json = dict[str, Any]


def through_cvat(exported: Path, back: Path, person: Callable[[dict[str, Element]], None]) -> Path:
    """A CVAT task made of an export: what it has no label or attribute for is dropped, pictures are numbered anew,
    pixels rounded to 0.01. `person` may change the pictures, by name."""
    specs = {
        one["name"]: {attribute["name"]: attribute for attribute in one["attributes"]}
        for one in json.loads((exported / "labels.json").read_text())
    }
    root = ElementTree.fromstring((exported / "annotations.xml").read_text())  # noqa: S314
    for number, image in enumerate(root.iter("image"), 100):
        image.set("id", str(number))
        for one in [*image.iter("box"), *image.iter("tag")]:
            spec = specs[one.get("label", "")]
            for attribute in one.findall("attribute"):
                allowed = spec.get(attribute.get("name", ""))
                if allowed is None:
                    one.remove(attribute)
                elif allowed["input_type"] == "select":
                    assert attribute.text in allowed["values"]
            for key in {"xtl", "ytl", "xbr", "ybr"} & set(one.keys()):
                one.set(key, f"{float(one.get(key, '')):.2f}")
    person({image.get("name", ""): image for image in root.iter("image")})
    back.parent.mkdir(parents=True, exist_ok=True)
    ElementTree.ElementTree(root).write(back)
    return back


def cvat_box(label: str, *corners: float, box_id: str | None = None) -> Element:
    """A box that a person drew in CVAT, attributes empty unless given."""
    at = {key: f"{x:.2f}" for key, x in zip(("xtl", "ytl", "xbr", "ybr"), corners, strict=True)}
    box = Element("box", {"label": label, "source": "manual", "occluded": "0"} | at)
    ElementTree.SubElement(box, "attribute", {"name": "box_id"}).text = box_id
    return box


def through_label_studio(exported: Path, back: Path, person: Callable[[dict[str, list[Json]]], None]) -> Path:
    """A Label Studio project of an export: a person's annotation begins with the prediction, whose regions keep their
    ids up to a `#`. `person` may change the results, by picture id; a picture taken out is one nobody worked on."""
    interface = ElementTree.fromstring((exported / "labels.xml").read_text())  # noqa: S314
    values = {one.get("value") for one in interface.iter()}
    tasks = json.loads((exported / "tasks.json").read_text())
    drafts = {}
    for task in tasks:
        results = json.loads(json.dumps(task["predictions"][0]["result"]))
        for one in results:
            assert set(one["value"].get("rectanglelabels", one["value"].get("choices"))) <= values
            one |= {"id": re.sub("#.*", "", one["id"]), "origin": "prediction"}
        drafts[task["data"]["picture_id"]] = results
    person(drafts)
    for number, task in enumerate(tasks):
        # As a PostgreSQL database gives JSON back: keys by length.
        task["data"] = dict(sorted(task["data"].items(), key=lambda item: (len(item[0]), item[0])))
        result = drafts.get(task["data"]["picture_id"])
        task |= {"id": 900 + number, "annotations": []}
        if result is not None:
            task["annotations"] = [{"id": number, "was_cancelled": False, "result": result}]
    back.parent.mkdir(parents=True, exist_ok=True)
    back.write_text(json.dumps(tasks))
    return back


def region(label: str, region_id: str, x: float, y: float, width: float, height: float) -> Json:
    """A rectangle that a person drew in Label Studio, in percent of a picture of 200 x 100 px."""
    value = {"x": x, "y": y, "width": width, "height": height, "rotation": 0, "rectanglelabels": [label]}
    told = {"id": region_id, "type": "rectanglelabels", "from_name": "label", "to_name": "image"}
    return told | {"original_width": 200, "original_height": 100, "origin": "manual", "value": value}
