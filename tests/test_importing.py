"""Each kind of labels is read to the pixel; what is wrong with pictures is counted, what can't be meant refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from command import roaddamage
from conftest import SHARED, needs_shared
from labelled_files import SIZE, coco, label_studio, picture, rectangle, voc, yolo
from PIL import Image

import datasets.importing
from datasets.dataset import DatasetError, Picture, read_dataset
from datasets.importing import FAULTS, About, Report, import_pictures, road_pattern

SHARED_ROADS = r"br_\d+_([A-Z]{2}_\d+_[^_]+)_|(mf_.*?)\d{1,2}\D*_jpg"


def taken(kind: str, path: Path, out: Path, **about: object) -> tuple[dict[str, Picture], Report]:
    """What an import of `path` made of it, by name, and its report."""
    report = import_pictures(kind, path, out, About(**about))  # type: ignore[arg-type]
    return {one.name: one for one in read_dataset(out).pictures}, report


def faults(report: Report) -> dict[str, int]:
    return {kind: len(found) for kind, found in report.faults.items() if found}


@pytest.mark.parametrize(
    ("images", "labels", "country"),
    [
        ("Japan/train/images", "Japan/train/annotations/xmls", "Japan"),
        ("train/Czech/images", "train/Czech/annotations/xmls", "Czech"),
        ("Adachi/JPEGImages", "Adachi/Annotations", "Adachi"),
    ],
)
def test_rdd_in_its_three_layouts(tmp_path: Path, images: str, labels: str, country: str) -> None:
    source = tmp_path / "rdd"
    picture(source / images / "one.jpg", 1)
    picture(source / images / "two.jpg", 2)
    picture(source / "Japan/test/images/unseen.jpg", 3)
    voc(source / labels / "one.xml", ("D40", 20, 10, 60, 50), ("D44", 0, 0, 9, 9), ("D43", 0, 0, 9, 9))
    voc(source / labels / "two.xml", ("Repair", 0, 0, 9, 9))
    pictures, report = taken("rdd2022", source, tmp_path / "d", negatives=("D44", "Repair"))
    assert set(pictures) == {"one.jpg", "two.jpg"}
    assert pictures["one.jpg"].boxes_px.tolist() == [pytest.approx([20, 10, 60, 50], abs=1e-3)]
    assert pictures["one.jpg"].class_id.tolist() == [3]
    assert (pictures["one.jpg"].negatives, pictures["two.jpg"].negatives) == ("D44", "Repair")
    assert pictures["one.jpg"].country == country
    assert faults(report) == {"unlabelled": 1, "other_class": 1}
    assert report.other_classes == {"D43": 1}


def test_negatives_are_so_by_choice(tmp_path: Path) -> None:
    picture(tmp_path / "s/JPEGImages/a.jpg", 1)
    voc(tmp_path / "s/Annotations/a.xml", ("D44", 0, 0, 9, 9))
    pictures, report = taken("rdd2022", tmp_path / "s", tmp_path / "d")
    assert pictures["a.jpg"].negatives == ""
    assert faults(report) == {"other_class": 1}


def test_coco_in_pixels(tmp_path: Path) -> None:
    picture(tmp_path / "c/images/a.png", 1)
    file = coco(tmp_path / "c/annotations/train.json", [[20, 10, 40, 30]])
    for number, path in enumerate((tmp_path / "c", file)):
        pictures, _ = taken("coco", path, tmp_path / f"d{number}")
        assert pictures["a.png"].boxes_px.tolist() == [pytest.approx([20, 10, 60, 40], abs=1e-3)]
        assert pictures["a.png"].class_id.tolist() == [3]


def test_yolo_with_names_of_its_own(tmp_path: Path) -> None:
    yolo(tmp_path / "y", "a.png", 1, "0 0.5 0.5 0.2 0.4", "1 0.5 0.5 0.5 0.5")
    yolo(tmp_path / "y", "clean.png", 2)
    picture(tmp_path / "y/images/nobody.png", 3)
    (tmp_path / "y/labels/gone.txt").write_text("")
    (tmp_path / "y/data.yaml").write_text("names: [pothole, rutting]\n")
    pictures, report = taken("yolo", tmp_path / "y", tmp_path / "d")
    assert set(pictures) == {"a.png", "clean.png"}
    assert pictures["a.png"].boxes_px.tolist() == [pytest.approx([80, 30, 120, 70], abs=1e-3)]
    assert pictures["a.png"].class_id.tolist() == [3]
    assert faults(report) == {"other_class": 1, "missing": 1, "unlabelled": 1}


def test_cvat_with_a_turned_box(tmp_path: Path) -> None:
    picture(tmp_path / "c/images/a.png", 1)
    (tmp_path / "c/annotations.xml").write_text(
        '<annotations><image id="0" name="sub/a.png" width="200" height="100">'
        '<box label="D20" xtl="20" ytl="10" xbr="60" ybr="40"/>'
        '<box label="D00" xtl="80" ytl="40" xbr="120" ybr="60" rotation="90"/>'
        '<polygon label="D00" points="1,1;2,2;3,1"/></image></annotations>'
    )
    pictures, report = taken("cvat", tmp_path / "c/annotations.xml", tmp_path / "d")
    assert pictures["a.png"].boxes_px == pytest.approx(
        np.array([[20, 10, 60, 40], [90, 30, 110, 70]]), abs=1e-3
    )
    assert pictures["a.png"].class_id.tolist() == [2, 0]
    assert faults(report) == {"not_a_box": 1}


@pytest.mark.parametrize(
    "address", ["/data/upload/1/0a1b2c3d-a%20b.png", "/data/local-files/?d=road/a%20b.png", "s3://x/a b.png"]
)
def test_label_studio_in_percent(tmp_path: Path, address: str) -> None:
    picture(tmp_path / "media/a b.png", 1)
    file = label_studio(
        tmp_path / "export.json", address, rectangle(10, 10, 20, 30), rectangle(50, 20, 10, 20, rotation=90)
    )
    import_pictures("labelstudio", file, tmp_path / "d", About(), images=tmp_path / "media")
    (one,) = read_dataset(tmp_path / "d").pictures
    # 20 x 20 px turned about its corner (100, 20) by a right angle lies to the left of that corner.
    assert one.boxes_px == pytest.approx(np.array([[20, 10, 60, 40], [80, 20, 100, 40]]), abs=1e-3)
    assert one.name == "a_b.png"


def test_a_task_that_nobody_did_is_not_a_clean_road(tmp_path: Path) -> None:
    picture(tmp_path / "a.png", 1)
    (tmp_path / "e.json").write_text(json.dumps([{"id": 1, "data": {"image": "a.png"}, "annotations": []}]))
    pictures, report = taken("labelstudio", tmp_path / "e.json", tmp_path / "d")
    assert not pictures
    assert faults(report) == {"unlabelled": 1}


def test_faults_are_counted_and_named(tmp_path: Path) -> None:
    source = tmp_path / "s"
    images, labels = source / "JPEGImages", source / "Annotations"
    picture(images / "a.jpg", 1)
    boxes = (
        ("D40", -20, 10, 60, 50),
        ("D40", 300, 10, 400, 50),
        ("D40", 50, 50, 50, 60),
        ("D00", 0, 0, 200.4, 9),
    )
    voc(labels / "a.xml", *boxes)
    shutil.copy(images / "a.jpg", images / "same.jpg")
    voc(labels / "same.xml", ("D40", 1, 1, 9, 9))
    Image.open(images / "a.jpg").resize((150, 75)).save(images / "smaller.jpg", quality=70)
    voc(labels / "smaller.xml", ("D40", 20, 10, 60, 50))
    picture(images / "other.jpg", 2, (100, 100))
    voc(labels / "other.xml")
    (images / "broken.jpg").write_bytes((images / "a.jpg").read_bytes()[:300])
    voc(labels / "broken.xml")
    voc(labels / "gone.xml")
    pictures, report = taken("rdd2022", source, tmp_path / "d", road_pattern=road_pattern("(a)[.]"))
    assert faults(report) == {
        "missing": 1,
        "unreadable": 1,
        "other_size": 1,
        "scaled": 1,
        "duplicate": 1,
        "duplicate_other_boxes": 1,
        "near_duplicate": 1,
        "clipped": 1,
        "outside": 1,
        "no_size": 1,
        "no_road": 1,
    }
    assert set(pictures) == {"a.jpg", "smaller.jpg"}
    assert pictures["a.jpg"].boxes_px.tolist() == [
        pytest.approx([0, 10, 60, 50], abs=1e-3),
        pytest.approx([0, 0, 200, 9], abs=1e-3),
    ]
    assert pictures["smaller.jpg"].boxes_px.tolist() == [pytest.approx([15, 7.5, 45, 37.5], abs=1e-3)]
    told = json.loads((tmp_path / "d/reports/import-0001.json").read_text())
    assert told["counts"] == dict.fromkeys(FAULTS, 0) | faults(report)
    assert "broken.jpg" in told["faults"]["unreadable"][0]


def test_a_turned_photograph_is_as_people_see_it(tmp_path: Path) -> None:
    yolo(tmp_path / "y", "a.jpg", 1, "0 0.5 0.5 0.2 0.4")
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(tmp_path / "y/images/a.jpg") as image:
        image.save(tmp_path / "y/images/a.jpg", exif=exif)
    pictures, _ = taken("yolo", tmp_path / "y", tmp_path / "d")
    assert (pictures["a.jpg"].width_px, pictures["a.jpg"].height_px) == SIZE[::-1]


DTD = '<!DOCTYPE x [<!ENTITY a "b">]><annotation/>'
BAD = {
    "yolo": [
        ("labels/a.txt", "0 100 50 20 40\n", r"a\.txt, line 1: .*not pixels"),
        ("labels/a.txt", "\n9 0.5 0.5 0.2 0.4\n", r"a\.txt, line 2: class 9"),
        ("data.yaml", "names: 3", r"data\.yaml names no classes"),
        ("data.yaml", "{", r"data\.yaml names no classes"),
    ],
    "rdd2022": [
        ("annotations/a.xml", DTD, r"a\.xml carries a document type"),
        ("annotations/a.xml", "<annotation>\n<size>", r"a\.xml, line 2: not XML"),
        ("annotations/a.xml", "<html/>", r"a\.xml is not a Pascal VOC file"),
        (
            "annotations/a.xml",
            "<annotation><object><bndbox><xmin>nan</xmin></bndbox></object></annotation>",
            r"a\.xml: nan is not a number",
        ),
    ],
    "cvat": [
        ("a.xml", DTD, "document type"),
        ("a.xml", "<annotations><track/></annotations>", "CVAT for images 1.1"),
        ("a.xml", '<annotations><image name="a.png"><box xtl="x"/></image></annotations>', "not a number"),
    ],
    "coco": [
        ("a.json", "{", "is not JSON"),
        ("a.json", "[]", "no COCO file"),
        ("a.json", '{"images": [{"id": 1}]}', "not COCO"),
        ("a.json", '{"images": [], "annotations": [{"id": 4, "bbox": [1, 2, 3]}]}', "annotation 4"),
    ],
    "labelstudio": [
        ("a.json", "{}", "list of tasks"),
        ("a.json", '[{"id": 5, "data": {}}]', "task 5"),
        ("a.json", "[3]", "task 0"),
    ],
}


@pytest.mark.parametrize(
    ("kind", "name", "text", "word"), [(kind, *bad) for kind, every in BAD.items() for bad in every]
)
def test_what_nobody_can_have_meant_is_refused_by_file_and_place(
    tmp_path: Path, kind: str, name: str, text: str, word: str
) -> None:
    yolo(tmp_path / "s", "a.png", 1, "0 0.5 0.5 0.2 0.4")
    path = tmp_path / "s" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    with pytest.raises(DatasetError, match=word):
        import_pictures(kind, tmp_path / "s", tmp_path / "d", About())
    assert not (tmp_path / "d").exists()


def test_shares_where_pixels_are_due_and_pixels_where_percent_are_due(tmp_path: Path) -> None:
    picture(tmp_path / "a.png", 1)
    with pytest.raises(DatasetError, match="shares of the picture"):
        import_pictures("coco", coco(tmp_path / "c.json", [[0.1, 0.1, 0.4, 0.3]]), tmp_path / "d", About())
    pixels = label_studio(tmp_path / "l.json", "a.png", rectangle(10, 10, 120, 30))
    with pytest.raises(DatasetError, match=r"l\.json, task 5"):
        import_pictures("labelstudio", pixels, tmp_path / "d", About())


def test_labels_find_no_picture_beyond_their_folder(tmp_path: Path) -> None:
    picture(tmp_path / "secret.png", 1)
    images = [{"id": 7, "file_name": "../secret.png", "width": 200, "height": 100}]
    path = coco(tmp_path / "c/c.json", [[1, 1, 9, 9]], images=images)
    pictures, report = taken("coco", path, tmp_path / "d")
    assert not pictures
    assert faults(report) == {"missing": 1}


def test_an_import_adds_to_what_is_there(tmp_path: Path) -> None:
    for source, seed in (("one", 1), ("two", 2)):
        yolo(tmp_path / source, "道路 1.png", seed, f"{seed} 0.5 0.5 0.2 0.4")
        taken("yolo", tmp_path / source, tmp_path / "d", licence="CC0")
    yolo(tmp_path / "three", "again.png", 1, "1 0.5 0.5 0.2 0.4")
    pictures, report = taken("yolo", tmp_path / "three", tmp_path / "d")
    assert faults(report) == {"duplicate": 1}
    assert [one.class_id.tolist() for one in pictures.values()] == [[1], [2]]
    assert len({one.label_name for one in pictures.values()}) == 2
    assert [one.source for one in pictures.values()] == ["one", "two"]
    assert sorted(one.name for one in (tmp_path / "d/reports").iterdir()) == [
        f"import-000{number}.json" for number in (1, 2, 3)
    ]


def test_an_import_that_fails_leaves_all_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    yolo(tmp_path / "one", "a.png", 1)
    taken("yolo", tmp_path / "one", tmp_path / "d")
    before = {path: path.read_bytes() for path in (tmp_path / "d").rglob("*") if path.is_file()}
    for seed in (2, 3):
        yolo(tmp_path / "two", f"{seed}.png", seed)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(datasets.importing, "write_manifest", full)
    with pytest.raises(OSError, match="No space"):
        import_pictures("yolo", tmp_path / "two", tmp_path / "d", About())
    assert {path: path.read_bytes() for path in (tmp_path / "d").rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(("pattern", "word"), [("(", "no regular expression"), ("abc", "no group")])
def test_a_road_pattern_that_is_none(pattern: str, word: str) -> None:
    with pytest.raises(DatasetError, match=word):
        road_pattern(pattern)


def test_the_command_says_what_it_found(tmp_path: Path) -> None:
    yolo(tmp_path / "y", "K1_a.png", 1, "3 0.5 0.5 0.2 0.4")
    picture(tmp_path / "y/images/nobody.png", 3)
    out = tmp_path / "d"
    done = roaddamage(
        "dataset", "import", "yolo", tmp_path / "y", "--out", out, "--road-pattern", "(K[0-9]+)_"
    )
    assert done.returncode == 0, done.stderr
    assert "1 of 2 pictures added" in done.stdout
    assert "nobody labelled: left out: 1" in done.stdout
    assert read_dataset(out).pictures[0].road == "K1"
    assert "nobody labelled" in (out / "card.md").read_text()
    shown = roaddamage("dataset", "show", out, "--out", tmp_path / "s.png", "--class", "D40")
    assert shown.returncode == 0, shown.stderr
    assert "| D40 Pothole | 1 | 40 | 40 | 40 | 40 | 40 | 40 |" in shown.stdout
    with Image.open(tmp_path / "s.png") as sheet:
        # The box's left edge, 40 % of the way across a picture 396 px wide.
        assert sheet.getpixel((2 + 159, 100)) == (0xD1, 0x49, 0x5B)
    refused = roaddamage("dataset", "show", out, "--out", tmp_path / "s.png", "--part", "test")
    assert (refused.returncode, "no such pictures" in refused.stderr) == (2, True)
    refused = roaddamage("dataset", "import", "yolo", tmp_path / "none", "--out", out)
    assert (refused.returncode, "does not exist" in refused.stderr) == (2, True)


@needs_shared("data/road-damage")
def test_real_pictures(tmp_path: Path) -> None:
    real = SHARED / "data/road-damage"
    chosen = sorted((real / "images").iterdir())[::52]
    for image in chosen:
        for kind, path in (("images", image), ("labels", real / "labels" / f"{image.stem}.txt")):
            (tmp_path / "s" / kind).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, tmp_path / "s" / kind)
    pictures, report = taken("yolo", tmp_path / "s", tmp_path / "d", road_pattern=road_pattern(SHARED_ROADS))
    assert len(pictures) == len(chosen) == 50
    assert set(faults(report)) <= {"near_duplicate"}
    roads = {one.road for one in pictures.values()}
    assert "DF_251_251BDF0052" in roads
    frames = {one.name: one.road for one in pictures.values() if one.name.startswith("mf_frame")}
    # frame1620 is of the block of 100 frames that begins with 1600.
    assert frames
    assert all(
        name.removeprefix("mf_frame")[:-11] == road.removeprefix("mf_frame") for name, road in frames.items()
    )
    assert sum(len(one.class_id) for one in pictures.values()) == sum(
        len((real / "labels" / f"{image.stem}.txt").read_text().splitlines()) for image in chosen
    )
