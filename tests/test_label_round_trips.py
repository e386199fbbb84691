"""Decisions become frames, go out to tools, and come back: taken over as a whole, or kept as a second opinion."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import pytest
from django.utils import timezone
from made_records import made_damage, made_drive
from tools_of_others import cvat_box, through_cvat, through_label_studio

from datasets.exporting import export
from datasets.formats import PictureFiles
from datasets.readers import READERS
from detector.classes import POTHOLE, TRANSVERSE_CRACK
from detector.errors import RoadDamageError
from roaddamage.records.decisions import Decision, decide
from roaddamage.records.frame_dataset import as_dataset
from roaddamage.records.label_imports import agreement_of, discard, keep_opinion, merged, read, take
from roaddamage.records.models import Damage, FrameChange, LabelImport, LabelledBox, LabelledFrame, Opinion
from roaddamage.records.taking_back import undo
from roaddamage.records.whole_frames import say_whole
from roaddamage.workspace import Workspace

pytestmark = pytest.mark.django_db
BOX = [0.4, 0.5, 0.6, 0.8]
Trip = Callable[..., Path]


@pytest.fixture
def rows(people: dict[str, Any], workspace: Workspace) -> list[Damage]:
    """A confirmed pothole in a whole frame, a shadow, and a transverse crack."""
    who, drive = people["engineer"], made_drive(people["crew"])
    made = [made_damage(drive, place, pictures=True) for place in range(3)]
    decide(made[0].pk, who, Decision("confirm"))
    decide(made[1].pk, who, Decision("reject", rejected_as="shadow"))
    decide(made[2].pk, who, Decision("reclass", class_id=TRANSVERSE_CRACK))
    say_whole(LabelledFrame.objects.order_by("pk")[0], people["ml"], True)
    return made


def out(kind: str, folder: Path, **values: Any) -> Path:
    """All frames, exported for a tool."""
    dataset = as_dataset(LabelledFrame.objects.all(), folder / "dataset", **values)
    export(kind, dataset, folder / kind)
    return folder / kind


def cvat(folder: Path, person: Callable[[list[Element]], None] = lambda images: None, **values: Any) -> Path:
    """There and back through CVAT; its pictures in the order of the damages."""
    order = [f"{uid}.jpg" for uid in LabelledFrame.objects.order_by("pk").values_list("uid", flat=True)]

    def changed(images: dict[str, Element]) -> None:
        person([images[name] for name in order])

    return through_cvat(out("cvat", folder, **values), folder / "back/annotations.xml", changed)


def label_studio(
    folder: Path, person: Callable[[list[Any]], None] = lambda tasks: None, **values: Any
) -> Path:
    """The same through Label Studio."""
    order = list(LabelledFrame.objects.order_by("pk").values_list("uid", flat=True))

    def changed(tasks: dict[str, Any]) -> None:
        person([tasks[uid] for uid in order])

    return through_label_studio(out("labelstudio", folder, **values), folder / "back/project.json", changed)


TRIPS = {"cvat": cvat, "labelstudio": label_studio}


def handed_in(path: Path, who: Any, base: datetime | None = None, **values: Any) -> LabelImport:
    return read(path, path.name, who, base or timezone.now(), **values)


@pytest.mark.parametrize("kind", TRIPS)
def test_what_nobody_touched_changes_nothing(
    kind: str, rows: list[Damage], people: dict[str, Any], tmp_path: Path
) -> None:
    back = handed_in(TRIPS[kind](tmp_path), people["ml"])
    assert (back.told["faults"], len(back.differences)) == ({}, 3)
    assert all(one["before"] == one["after"] for one in back.differences)
    before = FrameChange.objects.count()
    assert take(back, people["ml"]) == 0
    assert FrameChange.objects.count() == before


def cvat_moved(images: list[Element]) -> None:
    images[0].findall("box")[0].set("xtl", "64.00")


def label_studio_moved(tasks: list[Any]) -> None:
    tasks[0][0]["value"] |= {"x": 10.0, "width": 50.0}


@pytest.mark.parametrize(("trip", "person"), [
    pytest.param(cvat, cvat_moved, id="cvat"), pytest.param(label_studio, label_studio_moved, id="label studio"),
])  # fmt: skip
def test_one_box_changed(
    trip: Trip, person: Any, rows: list[Damage], people: dict[str, Any], tmp_path: Path
) -> None:
    back = handed_in(trip(tmp_path, person), people["ml"])
    assert back.told["counts"] | {"moved": 1, "changed": 1} == back.told["counts"]
    box = LabelledBox.objects.get(damage=rows[0])
    assert box.xyxy == BOX, "only shown so far"
    assert take(back, people["ml"]) == 1
    moved = LabelledBox.objects.get(pk=box.pk)
    assert moved.xyxy == pytest.approx([0.1, *BOX[1:]], abs=1e-4)
    assert (moved.uid, moved.class_id, moved.damage) == (box.uid, POTHOLE, rows[0])
    assert moved.frame.whole
    change = moved.frame.changes.last()
    assert change is not None
    assert (change.by, change.taken_from, change.review) == (people["ml"], back, None)
    assert change.before["boxes"][box.uid]["xyxy"] == BOX
    with pytest.raises(RoadDamageError):
        discard(back, people["ml"])


def cvat_much(images: list[Element]) -> None:
    """A box said to be a manhole, another box drawn, one deleted, and a picture that is whole now."""
    images[0].findall("box")[0].set("label", "manhole")
    images[1].append(cvat_box("D20", 10, 200, 200, 300))
    images[2].remove(images[2].findall("box")[0])
    for attribute in images[1].iter("attribute"):
        attribute.text = "whole" if attribute.get("name") == "labelled" else attribute.text


def test_much_changed(rows: list[Damage], people: dict[str, Any], tmp_path: Path) -> None:
    take(handed_in(cvat(tmp_path, cvat_much), people["ml"]), people["ml"])
    first, second, third = LabelledFrame.objects.order_by("pk")
    assert list(first.boxes.values_list("class_id", "rejected_as")) == [(None, "manhole")]
    assert set(second.boxes.values_list("class_id", "rejected_as")) == {(None, "shadow"), (2, "")}
    assert second.whole
    assert list(third.boxes.values_list("class_id", "rejected_as")) == [(None, "")], "nothing is there"
    decide(rows[2].pk, people["engineer"], Decision("confirm"))
    assert list(third.boxes.values_list("class_id", "rejected_as")) == [(None, "")], "a person said so"


def test_what_was_decided_since_stands(rows: list[Damage], people: dict[str, Any], tmp_path: Path) -> None:
    base = timezone.now()
    path = cvat(tmp_path, cvat_moved)
    decide(rows[0].pk, people["engineer"], Decision("reject", rejected_as="patch"))
    decide(rows[2].pk, people["engineer"], Decision("confirm"))
    back = handed_in(path, people["ml"], base)
    assert back.told["counts"]["moved"] == 1
    assert sum(one.decided_since for one in merged(back)) == 1
    take(back, people["ml"])
    box = LabelledBox.objects.get(damage=rows[0])
    assert (box.xyxy, box.rejected_as) == (BOX, "patch")
    undo(people["engineer"])


def other_size(images: list[Element]) -> None:
    images[0].set("width", "500")
    images[1].set("name", "unknown.jpg")
    for attribute in images[1].iter("attribute"):
        attribute.text = "unknown"
    images[2].append(cvat_box("elephant", 1, 1, 50, 50))


def test_each_fault_is_told(rows: list[Damage], people: dict[str, Any], tmp_path: Path) -> None:
    back = handed_in(cvat(tmp_path, other_size), people["ml"])
    faults = {name: fault["count"] for name, fault in back.told["faults"].items()}
    assert faults == {"other_size": 1, "unknown": 1, "other_class": 1}
    assert str(tmp_path) not in json.dumps(back.told)
    assert take(back, people["ml"]) == 0


@pytest.mark.parametrize(("name", "content"), [
    pytest.param("labels.txt", b"x", id="no labels"),
    pytest.param("labels.zip", b"PK no zip", id="no zip"),
    pytest.param("labels.xml", b"<annotations><image", id="broken xml"),
    pytest.param("labels.xml", b"<annotations/>", id="no picture"),
    pytest.param("labels.json", b'[{"data": {"image": "strange.jpg"}, "annotations": []}]', id="no frame of ours"),
    pytest.param("labels.json", b"{", id="broken json"),
])  # fmt: skip
def test_what_can_not_be_read_is_refused(
    name: str, content: bytes, rows: list[Damage], people: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(RoadDamageError):
        handed_in(tmp_path / name, people["ml"])
    assert not LabelImport.objects.exists()


def test_a_zip_as_the_tool_makes_it(rows: list[Damage], people: dict[str, Any], tmp_path: Path) -> None:
    path = cvat(tmp_path, cvat_moved)
    with zipfile.ZipFile(tmp_path / "task.zip", "w") as file:
        file.write(path, "../../annotations.xml")
        file.writestr("labels.json", "[]")
    assert handed_in(tmp_path / "task.zip", people["ml"]).told["counts"]["moved"] == 1


def drawn(images: list[Element]) -> None:
    """A second person, who sees no boxes, draws the first one nearly alike, and finds all else empty."""
    images[0].append(cvat_box("D40", 260, 182, 384, 288))
    for image in images:
        for attribute in image.iter("attribute"):
            attribute.text = "whole" if attribute.get("name") == "labelled" else attribute.text


def test_a_second_opinion(rows: list[Damage], people: dict[str, Any], tmp_path: Path) -> None:
    path = cvat(tmp_path, drawn, blind=True)
    assert "D40" not in (tmp_path / "cvat/annotations.xml").read_text().split("</labels>")[1]
    back = handed_in(path, people["administrator"], blind=True)
    assert keep_opinion(back, people["administrator"]) == 3
    assert LabelledBox.objects.get(damage=rows[0]).xyxy == BOX, "the first one's stay"
    found = agreement_of(Opinion.objects.select_related("frame"))
    assert found is not None
    assert (found.pictures, found.matched, found.boxes) == (3, 1, (2, 1))
    assert found.presence.value == pytest.approx(2 / 3, abs=1e-3)


@pytest.mark.parametrize("kind", ["coco", "yolo"])
def test_forms_that_know_no_ids(kind: str, rows: list[Damage], tmp_path: Path) -> None:
    path = out(kind, tmp_path)
    (told,) = READERS[kind](path, PictureFiles(path))
    assert [box.label for box in told.boxes or ()] == ["D40"]


def test_states_of_before(rows: list[Damage], people: dict[str, Any], tmp_path: Path) -> None:
    moment = timezone.now()
    decide(rows[0].pk, people["engineer"], Decision("reject", rejected_as="wet"))
    frames = LabelledFrame.objects.all()
    now, then, never = (
        as_dataset(frames, tmp_path / name, at)
        for name, at in (("now", None), ("then", moment), ("never", moment - timedelta(days=1)))
    )
    assert [len(one.pictures) for one in (now, then, never)] == [3, 3, 0]
    assert (now.pictures[0].negatives, then.pictures[0].negatives) == ("wet", "")
    assert [one.labelled for one in then.pictures] == ["whole", "part", "part"]
