"""The dataset format: what is written is read again, and what can't be right is named by file and line."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from datasets.dataset import (
    COLUMNS,
    DatasetError,
    Picture,
    known_lines,
    label_lines,
    read_dataset,
    read_labels,
    write_labels,
    write_manifest,
)

BOXES = np.array([[0.1, 0.2, 0.5, 0.6], [0.0, 0.0, 1.0, 1.0]])


def make(folder: Path, *pictures: Picture) -> Path:
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    for one in pictures:
        write_labels(folder, one)
    write_manifest(folder, pictures)
    return folder


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    one = Picture("a,b.jpg", 640, 480, road="国道1号", part="train", xyxy=BOXES, class_id=np.array([3, 0]))
    clean = Picture("clean.png", 100, 50, negatives="D44", part="test")
    read = read_dataset(make(tmp_path / "d", one, clean))
    assert [picture.name for picture in read.pictures] == ["a,b.jpg", "clean.png"]
    assert read.pictures[0].xyxy == pytest.approx(BOXES, abs=1e-5)
    assert read.pictures[0].class_id.tolist() == [3, 0]
    assert read.pictures[0].road == "国道1号"
    assert [picture.name for picture in read.part("test")] == ["clean.png"]
    assert read.pictures[0].boxes_px[1].tolist() == [0, 0, 640, 480]


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("3 0.5 0.5 0.1", "not `class"),
        ("x 0.5 0.5 0.1 0.1", "not `class"),
        ("4 0.5 0.5 0.1 0.1", "class 4 is outside"),
        ("-1 0.5 0.5 0.1 0.1", "outside the table"),
        ("1 320 200 50 40", "not pixels"),
        ("1 0.5 0.5 0 0.1", "without size"),
        ("1 nan 0.5 0.2 0.1", "without size"),
        ("1 0.1 0.1 0.2 0.1 0.2 0.2", "not `class"),
    ],
)
def test_a_label_that_can_not_be_right_is_named_by_file_and_line(
    tmp_path: Path, line: str, word: str
) -> None:
    path = tmp_path / "a.txt"
    path.write_text(f"0 0.5 0.5 0.1 0.1\n\n{line}\n")
    with pytest.raises(DatasetError, match=rf"a\.txt, line 3: .*{word}"):
        read_labels(path)


def test_an_empty_label_file_is_a_clean_picture(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("")
    assert len(read_labels(tmp_path / "a.txt")[0]) == len(read_labels(tmp_path / "none.txt")[0]) == 0


HEAD = ",".join(COLUMNS)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\x00",
        "name,width_px\n",
        f"{HEAD}\n../../etc/passwd,5,5,,,,,,,,,,\n",
        f"{HEAD}\na.jpg,x,5,,,,,,,,,,\n",
        f"{HEAD}\na.jpg,5,5,,,,,,,,learn,,\n",
        f"{HEAD}\na.jpg,5,5,,,,,,,,,,xyz\n",
    ],
)
def test_a_manifest_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.csv").write_text(text)
    with pytest.raises(DatasetError, match=r"manifest\.csv"):
        read_dataset(tmp_path)


PARTLY = Picture(
    "part.jpg",
    640,
    480,
    id="drive 7, frame 12",
    negatives="shadow",
    xyxy=BOXES,
    class_id=np.array([3, 0]),
    box_id=("a", "国道/2"),
    judged=np.array([[0.05, 0.1, 0.55, 0.7], [0.6, 0.6, 1.0, 1.0]]),
)


def test_what_was_judged_and_every_id_are_read_again(tmp_path: Path) -> None:
    clean = Picture("clean.jpg", 640, 480, judged=np.array([[0.0, 0.5, 1.0, 1.0]]))
    unjudged = Picture("unjudged.jpg", 640, 480, judged=np.empty((0, 4)))
    pictures = read_dataset(make(tmp_path / "d", PARTLY, clean, unjudged)).pictures
    for one, back in zip((PARTLY, clean, unjudged), pictures, strict=True):
        assert (back.id, back.box_id, back.labelled) == (one.id, one.box_id, "part")
        assert one.judged is not None
        assert back.judged == pytest.approx(one.judged, abs=1e-6)
        assert back.known is not None
        assert len(back.known) == len(one.judged) + len(one.xyxy)
    write_labels(tmp_path / "d", replace(PARTLY, judged=None, box_id=()))
    assert not (tmp_path / "d/labels/part.json").exists()


def test_a_manifest_of_before_is_of_whole_pictures(tmp_path: Path) -> None:
    digest = "0123456789abcdef" * 4
    one = Picture("a.jpg", 9, 9, sha256=digest, xyxy=BOXES, class_id=np.array([3, 0]))
    twins = [Picture(f"{name}.jpg", 9, 9, id=name, sha256="f" * 64) for name in "bc"]
    folder = make(tmp_path / "d", one, *twins)
    with (folder / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    with (folder / "manifest.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, COLUMNS[: COLUMNS.index("id")], extrasaction="ignore")
        table.writeheader()
        table.writerows(rows)
    a, b, c = read_dataset(folder).pictures
    assert (a.id, a.box_id) == ("0123456789abcdef", ("0123456789abcdef-1", "0123456789abcdef-2"))
    assert (b.id, c.id) == ("b.jpg", "c.jpg")
    assert a.judged is a.known is None
    assert not list((folder / "labels").glob("*.json"))


@pytest.mark.parametrize(
    ("beside", "word"),
    [
        ("{", r"part\.json does not fit"),
        ("[]", r"part\.json does not fit"),
        ('{"judged": [[0, 0, 1, 1]]}', "whole"),
        ('{"box_id": ["a"]}', "2 boxes"),
        ('{"box_id": ["a", "a"]}', "2 boxes"),
        ('{"box_id": ["a", 3]}', "box_id"),
        ('{"box_id": ["a", "other"]}', "both have the id other"),
    ],
)
def test_what_lies_beside_labels_must_fit_them(tmp_path: Path, beside: str, word: str) -> None:
    other = Picture("o.jpg", 9, 9, xyxy=BOXES[:1], class_id=np.array([3]), box_id=("other",))
    folder = make(tmp_path / "d", replace(PARTLY, judged=None), other)
    (folder / "labels/part.json").write_text(beside)
    with pytest.raises(DatasetError, match=word):
        read_dataset(folder)


@pytest.mark.parametrize(
    ("judged", "word"),
    [
        ("null", "manifest says 'part'"),
        ("[[0, 0, 640, 480]]", "areas"),
        ("[[0.5, 0, 0.5, 1]]", "areas"),
        ("[[NaN, 0, 0.5, 1]]", "areas"),
        ("[[0, 0, 1]]", "does not fit"),
    ],
)
def test_areas_that_can_not_be_right(tmp_path: Path, judged: str, word: str) -> None:
    folder = make(tmp_path / "d", PARTLY)
    (folder / "labels/part.json").write_text(f'{{"box_id": ["a", "b"], "judged": {judged}}}')
    with pytest.raises(DatasetError, match=word):
        read_dataset(folder)


def test_no_one_is_tested_on_what_is_labelled_in_part(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="labelled in part"):
        replace(PARTLY, part="test")
    folder = make(tmp_path / "d", replace(PARTLY, part="train"))
    path = folder / "manifest.csv"
    path.write_text(path.read_text().replace(",train,", ",val,"))
    with pytest.raises(DatasetError, match=r"line 2: .*labelled in part"):
        read_dataset(folder)


def test_what_a_model_learns_changes_with_the_areas_judged_and_with_no_id() -> None:
    whole = replace(PARTLY, judged=None)
    assert list(known_lines(whole)) == list(label_lines(whole))
    assert list(known_lines(PARTLY)) != list(known_lines(whole))
    assert list(known_lines(replace(PARTLY, box_id=("x", "y")))) == list(known_lines(PARTLY))


def test_a_folder_that_is_no_dataset_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="dataset import"):
        read_dataset(tmp_path)
