"""Labels go to CVAT and Label Studio and back without loss; what a person changed there is told box by box."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, SubElement

import numpy as np
import pytest
from command import roaddamage
from labelled_files import SIZE, picture
from tools_of_others import cvat_box, region, through_cvat, through_label_studio

import datasets.corrections
from datasets.corrections import Corrections, Difference, read_corrections, write_corrections
from datasets.dataset import Dataset, DatasetError, Picture, read_dataset, write_labels, write_manifest
from datasets.exporting import export
from datasets.formats import LOOKALIKES
from datasets.importing import About, import_pictures
from roaddamage.records.decisions import REJECTED_AS

BOXES = np.array([[0.1, 0.2, 0.3, 0.6], [0.5, 0.123456, 0.876543, 0.9], [0.02, 0.7, 0.1, 0.95]])
PICTURES = (
    Picture(
        "a.png", *SIZE, id="drive 7/frame 12", part="train", negatives="D44,shadow", xyxy=BOXES,
        class_id=np.array([3, 0, 3]), box_id=("sighting-1", "50%#2 道", "x3"),
        judged=np.array([[0.05, 0.1, 0.95, 1.0], [0.0, 0.0, 0.123456, 0.05]]),
    ),
    Picture("b.png", *SIZE, part="test", negatives="Repair", xyxy=BOXES[:1], class_id=np.array([2])),
    Picture("道 c.png", *SIZE, part="val"),
    Picture("d.png", *SIZE, judged=np.empty((0, 4)), negatives="other"),
)  # fmt: skip


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """Pictures labelled whole and in part, with and without boxes, with ids of all sorts."""
    folder = tmp_path / "d"
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
    for seed, one in enumerate(PICTURES):
        picture(folder / "images" / one.name, seed)
        write_labels(folder, one)
    write_manifest(folder, PICTURES)
    return read_dataset(folder)


Person = Callable[[Any], None]


def back(kind: str, dataset: Dataset, person: Person = lambda pictures: None) -> Path:
    """An export that went through a tool, beside the dataset."""
    out = dataset.folder.parent / "out"
    export(kind, dataset, out)
    if kind == "cvat":
        return through_cvat(out, out.parent / "back/annotations.xml", person)
    return through_label_studio(out, out.parent / "back/project-1.json", person)


def faults(found: Corrections) -> dict[str, int]:
    return {kind: len(what) for kind, what in found.faults.items() if what}


def of(found: Corrections, name: str) -> Difference:
    return next(one for one in found.differences if one.before.name == name)


def same(one: Picture, other: Picture) -> bool:
    """Whether two pictures say the same, edges to 0.01 px."""
    return (
        (one.id, one.box_id, one.negatives, one.labelled) == (other.id, other.box_id, other.negatives, other.labelled)
        and one.class_id.tolist() == other.class_id.tolist()
        and np.allclose(one.boxes_px, other.boxes_px, atol=0.01)
        and np.allclose(one.judged_px, other.judged_px, atol=0.01)
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["cvat", "labelstudio"])
def test_there_and_back_nothing_is_lost(dataset: Dataset, kind: str) -> None:
    path = back(kind, dataset)
    found = read_corrections(kind, path, dataset)
    assert faults(found) == {}
    assert len(found.differences) == found.pictures_found == len(PICTURES)
    assert found.changed == []
    anew = dataset.folder.parent / "anew"
    report = import_pictures(kind, path, anew, About(), images=dataset.folder / "images")
    assert {name for name, what in report.faults.items() if what} <= {"near_duplicate"}
    imported = {one.id: one for one in read_dataset(anew).pictures}
    for one in dataset.pictures:
        assert same(imported[one.id], one), one.name


def test_what_the_application_rejects_as_is_known_to_exports() -> None:
    assert set(REJECTED_AS) <= set(LOOKALIKES)


def cvat_person(pictures: dict[str, Element]) -> None:
    """One box moved and of another class, one said to be a shadow, one added; another picture is whole now."""
    moved, shadow, _ = pictures["a.png"].findall("box")[:3]
    moved.set("xtl", "10.00")
    moved.set("label", "D20")
    shadow.set("label", "manhole")
    pictures["a.png"].append(cvat_box("D10", 100, 20, 150, 40))
    for attribute in pictures["d.png"].iter("attribute"):
        attribute.text = "whole" if attribute.get("name") == "labelled" else attribute.text
    pictures["b.png"].remove(pictures["b.png"].findall("box")[0])


def label_studio_person(results: dict[str, list[dict[str, Any]]]) -> None:
    """The same in Label Studio."""
    moved, shadow = results["drive 7/frame 12"][:2]
    moved["value"] |= {"x": 5, "width": 25, "rectanglelabels": ["D20"]}
    shadow["value"]["rectanglelabels"] = ["manhole"]
    results["drive 7/frame 12"].append(region("D10", "Dx_aB91ISN", 50, 20, 25, 20))
    for one in results["d.png"]:
        if one["from_name"] == "labelled":
            one["value"]["choices"] = ["whole"]
    results["b.png"] = [one for one in results["b.png"] if one["type"] == "choices"]


@pytest.mark.parametrize(("kind", "person"), [("cvat", cvat_person), ("labelstudio", label_studio_person)])
def test_what_a_person_changed_is_told_by_id(dataset: Dataset, kind: str, person: Person) -> None:
    path = back(kind, dataset, person)
    found = read_corrections(kind, path, dataset)
    assert faults(found) == {}
    one = of(found, "a.png")
    (new,) = one.added
    assert new == "Dx_aB91ISN" or new.startswith("drive 7/frame 12-")
    assert (one.deleted, one.rejected) == (("50%#2 道",), (("50%#2 道", "manhole"),))
    assert one.moved == one.reclassed == ("sighting-1",)
    assert one.after.box_id == ("sighting-1", "x3", new)
    assert one.after.class_id.tolist() == [2, 3, 1]
    assert one.after.boxes_px[[0, 2]] == pytest.approx(np.array([[10, 20, 60, 60], [100, 20, 150, 40]]))
    assert one.after.xyxy[1].tolist() == pytest.approx(BOXES[2], abs=1e-6)
    assert one.after.negatives == "D44,manhole,shadow"
    # Where the box was, a person has now said that no damage is.
    assert one.after.judged is not None
    assert one.after.judged[-1] == pytest.approx(BOXES[1], abs=1e-4)
    assert of(found, "b.png").deleted == dataset.pictures[1].box_id
    assert of(found, "d.png").judged_anew
    assert of(found, "d.png").after.judged is None
    assert not of(found, "道 c.png").changed
    assert found.counts() == {
        "pictures": 4, "changed": 3, "added": 1, "deleted": 2, "moved": 1, "reclassed": 1, "rejected": 1,
        "now_whole": 1,
    }  # fmt: skip
    report = json.loads(write_corrections(dataset, found).read_text())
    assert report["pictures"][0]["changed"]["sighting-1"]["after"]["class"] == "D20"
    after = read_dataset(dataset.folder)
    for picture_ in after.pictures:
        assert same(picture_, of(found, picture_.name).after)
    # The same file once more changes nothing.
    again = read_corrections(kind, path, after)
    assert (again.changed, faults(again)) == ([], {})


def test_the_areas_judged_can_be_drawn_anew(dataset: Dataset) -> None:
    def person(pictures: dict[str, Element]) -> None:
        area = [box for box in pictures["a.png"].iter("box") if box.get("label") == "judged"][-1]
        area.set("xbr", "120.00")

    found = read_corrections("cvat", back("cvat", dataset, person), dataset)
    assert [one.before.name for one in found.changed] == ["a.png"]
    assert found.changed[0].judged_anew
    assert found.changed[0].after.judged_px[-1].tolist() == [0, 0, 120, 5]


def test_without_our_tag_a_picture_stays_what_it_was(dataset: Dataset) -> None:
    def person(pictures: dict[str, Element]) -> None:
        for image in pictures.values():
            for tag in image.findall("tag"):
                image.remove(tag)

    found = read_corrections("cvat", back("cvat", dataset, person), dataset)
    assert found.changed == []


def test_what_nobody_worked_on_stays(dataset: Dataset) -> None:
    found = read_corrections(
        "labelstudio", back("labelstudio", dataset, lambda results: results.clear()), dataset
    )
    assert (found.differences, faults(found)) == ([], {"unlabelled": 4})


@pytest.mark.parametrize("kind", ["cvat", "labelstudio"])
def test_a_model_s_proposals_are_labels_once_a_person_says_so(dataset: Dataset, kind: str) -> None:
    """In CVAT by the tag, in Label Studio by submitting."""
    proposed = replace(dataset.pictures[0], judged=None, proposed=True, part="", box_id=("p1", "p2", "p3"))
    write_labels(dataset.folder, proposed)
    write_manifest(dataset.folder, [proposed, *dataset.pictures[1:]])
    dataset = read_dataset(dataset.folder)

    def looked(pictures: Any) -> None:
        if kind == "cvat":
            for attribute in pictures["a.png"].iter("attribute"):
                attribute.text = "whole" if attribute.text == "nobody" else attribute.text

    untouched = back("cvat", dataset)
    found = read_corrections("cvat", untouched, dataset)
    assert (faults(found), found.changed) == ({"unlabelled": 1}, [])
    anew = dataset.folder.parent / "anew"
    import_pictures("cvat", untouched, anew, About(), images=dataset.folder / "images")
    assert [one.labelled for one in read_dataset(anew).pictures] == ["nobody", "whole", "part", "whole"]
    shutil.rmtree(dataset.folder.parent / "out")
    one = of(read_corrections(kind, back(kind, dataset, looked), dataset), "a.png")
    assert (one.changed, one.after.labelled, one.added, one.moved) == (True, "whole", (), ())


def bad_cvat(pictures: dict[str, Element]) -> None:
    a, b, c, d = (pictures[name] for name in ("a.png", "b.png", "道 c.png", "d.png"))
    first, second, third = a.findall("box")[:3]
    first.set("label", "rutting")
    second.set("xbr", second.get("xtl", ""))
    third.set("ytl", "120.00")
    third.set("ybr", "130.00")
    a.append(cvat_box("rutting", 1, 1, 9, 9))
    copied = b.findall("box")[0].findtext("attribute")
    b.append(cvat_box("D40", 100, 50, 120, 60, box_id=copied))
    b.append(cvat_box("D40", 100, 70, 120, 80, box_id="x3"))
    b.append(cvat_box("D40", 10, 70, 20, 80, box_id="of another dataset"))
    for attribute in c.iter("attribute"):
        attribute.text = "part" if attribute.get("name") == "labelled" else attribute.text
    d.set("width", "100")


def test_what_can_not_be_taken_is_counted_and_leaves_things_as_they_were(dataset: Dataset) -> None:
    found = read_corrections("cvat", back("cvat", dataset, bad_cvat), dataset)
    assert faults(found) == {
        "other_class": 2, "no_size": 1, "outside": 1, "duplicate_id": 1, "other_picture": 1, "unknown_id": 1,
        "tested": 1, "other_size": 1,
    }  # fmt: skip
    assert not of(found, "a.png").changed
    b = of(found, "b.png")
    assert (len(b.added), b.deleted, b.moved) == (3, (), ())
    assert b.after.box_id[0] == dataset.pictures[1].box_id[0]
    assert "of another dataset" in b.added
    write_corrections(dataset, found)
    assert read_dataset(dataset.folder).pictures[1].box_id == b.after.box_id


def test_of_two_copies_the_nearer_one_is_the_box(dataset: Dataset) -> None:
    def person(pictures: dict[str, Element]) -> None:
        box = pictures["b.png"].findall("box")[0]
        pictures["b.png"].insert(0, cvat_box("D40", 100, 50, 120, 60, box_id=box.findtext("attribute")))

    found = read_corrections("cvat", back("cvat", dataset, person), dataset)
    one = of(found, "b.png")
    assert (one.moved, one.reclassed, len(one.added)) == ((), (), 1)
    assert one.after.boxes_px[1].tolist() == [100, 50, 120, 60]


def other_ids(pictures: dict[str, Element]) -> None:
    for image in pictures.values():
        for attribute in image.iter("attribute"):
            if attribute.get("name") == "id":
                attribute.text = f"another {attribute.text}"


def test_pictures_of_another_dataset(dataset: Dataset) -> None:
    path = back("cvat", dataset, other_ids)
    with pytest.raises(DatasetError, match="None of the 4 pictures"):
        read_corrections("cvat", path, dataset)
    root = path.read_text()
    path.write_text(root.replace("another b.png", "b.png"))
    found = read_corrections("cvat", path, dataset)
    assert (len(found.differences), faults(found)) == (1, {"unknown": 3})


def test_a_picture_that_comes_back_twice(dataset: Dataset) -> None:
    path = back("cvat", dataset)
    shutil.copy(path, path.with_name("job-2.xml"))
    found = read_corrections("cvat", path.parent, dataset)
    assert (len(found.differences), faults(found)) == (4, {"twice": 4})


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("<html/>", "not of CVAT"),
        ("<annotations>", "not XML"),
        ('<annotations><image name="a.png" width="200" height="100"><box label="D40"/></image></annotations>', "pixels"),
        ("<annotations/>", "None of the 0 pictures"),
    ],
)  # fmt: skip
def test_what_is_no_export_is_refused(dataset: Dataset, tmp_path: Path, text: str, word: str) -> None:
    (tmp_path / "x.xml").write_text(text)
    with pytest.raises(DatasetError, match=word):
        read_corrections("cvat", tmp_path / "x.xml", dataset)
    with pytest.raises(DatasetError, match="does not exist"):
        read_corrections("cvat", tmp_path / "none.xml", dataset)


@pytest.mark.parametrize("breaks_at", range(6))
def test_corrections_are_there_whole_or_not_at_all(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch, breaks_at: int
) -> None:
    found = read_corrections("cvat", back("cvat", dataset, cvat_person), dataset)
    (dataset.folder / "reports").mkdir()
    before = {path: path.read_bytes() for path in dataset.folder.rglob("*") if path.is_file()}
    rename, done = Path.rename, [0]

    def fails_once(self: Path, target: Path) -> Path:
        done[0] += 1
        if done[0] == breaks_at + 1:
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fails_once)
    with pytest.raises(KeyboardInterrupt):
        write_corrections(dataset, found)
    assert {path: path.read_bytes() for path in dataset.folder.rglob("*") if path.is_file()} == before


def test_a_full_disk_changes_nothing(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    found = read_corrections("cvat", back("cvat", dataset, cvat_person), dataset)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(datasets.corrections, "write_manifest", full)
    with pytest.raises(OSError, match="No space"):
        write_corrections(dataset, found)
    assert [one.box_id for one in read_dataset(dataset.folder).pictures] == [
        one.box_id for one in dataset.pictures
    ]
    assert not list(dataset.folder.glob(".corrections-*"))


def test_a_name_that_means_something_else_is_not_exported(dataset: Dataset) -> None:
    odd = replace(dataset, pictures=(replace(dataset.pictures[0], negatives="D40"),))
    for kind in ("cvat", "labelstudio"):
        with pytest.raises(DatasetError, match="D40 is no name"):
            export(kind, odd, dataset.folder.parent / "odd")


def test_ids_that_are_taken_are_given_anew_by_an_import(dataset: Dataset) -> None:
    def person(pictures: dict[str, Element]) -> None:
        pictures["b.png"].append(cvat_box("D40", 100, 50, 120, 60, box_id="x3"))
        tag = SubElement(pictures["道 c.png"], "tag", {"label": "picture"})
        SubElement(tag, "attribute", {"name": "id"}).text = "b.png"

    path = back("cvat", dataset, person)
    anew = dataset.folder.parent / "anew"
    report = import_pictures("cvat", path, anew, About(), images=dataset.folder / "images")
    assert len(report.faults["duplicate_id"]) == 2
    pictures = read_dataset(anew).pictures
    assert len({one.id for one in pictures}) == len(pictures) == 4


def test_an_import_of_what_is_there_is_all_duplicates_and_nothing_else(dataset: Dataset) -> None:
    path, anew = back("cvat", dataset), dataset.folder.parent / "anew"
    for _ in range(2):
        report = import_pictures("cvat", path, anew, About(), images=dataset.folder / "images")
    assert {name: len(what) for name, what in report.faults.items() if what} == {"duplicate": len(PICTURES)}


def test_the_commands(dataset: Dataset) -> None:
    out = dataset.folder.parent / "cli"
    done = roaddamage("dataset", "export", "cvat", dataset.folder, "--out", out)
    assert done.returncode == 0, done.stderr
    assert ": 4" in done.stdout
    path = through_cvat(out, out.parent / "back/annotations.xml", cvat_person)
    asked = roaddamage("dataset", "correct", "cvat", path, "--data", dataset.folder, "--look")
    assert "3 of 4 pictures changed; boxes added: 1, deleted: 2 (of these no damage: 1)" in asked.stdout
    assert not (dataset.folder / "reports").exists()
    other = roaddamage("dataset", "agree", path, path, "--data", dataset.folder, "--json")
    assert json.loads(other.stdout)["presence"]["value"] == 1
    done = roaddamage("dataset", "correct", "cvat", path, "--data", dataset.folder)
    assert done.returncode == 0, done.stderr
    assert "corrections-0001.json" in done.stdout
    assert "| part |" in (dataset.folder / "card.md").read_text()
    assert len(read_dataset(dataset.folder).pictures[0].box_id) == 3
    refused = roaddamage("dataset", "correct", "cvat", out.parent / "none.xml", "--data", dataset.folder)
    assert (refused.returncode, "does not exist" in refused.stderr) == (2, True)
