"""The dataset format: what is written is read again, and what can't be right is named by file and line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from datasets.dataset import (
    COLUMNS,
    DatasetError,
    Picture,
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


def test_a_folder_that_is_no_dataset_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="dataset import"):
        read_dataset(tmp_path)
