"""What is exported says the same when it is imported again, and is there whole or not at all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from command import roaddamage
from labelled_files import picture, yolo
from PIL import Image

from datasets.dataset import Dataset, DatasetError, read_dataset, write_labels, write_manifest
from datasets.exporting import export
from datasets.importing import About, import_pictures


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """Four pictures, one of each part and one without."""
    yolo(tmp_path / "y", "a & b.png", 1, "0 0.123456 0.5 0.2 0.4", "3 0.7 0.654321 0.333333 0.1")
    yolo(tmp_path / "y", "道.png", 2, "1 0.5 0.5 1 1")
    yolo(tmp_path / "y", "c.png", 3)
    yolo(tmp_path / "y", "d.png", 4, "2 0.1 0.1 0.05 0.05")
    import_pictures("yolo", tmp_path / "y", tmp_path / "d", About())
    pictures = read_dataset(tmp_path / "d").pictures
    parted = [
        replace(one, part=part) for one, part in zip(pictures, ("train", "val", "test", ""), strict=True)
    ]
    write_manifest(tmp_path / "d", parted)
    return read_dataset(tmp_path / "d")


@pytest.mark.parametrize("kind", ["yolo", "coco", "cvat"])
def test_there_and_back(tmp_path: Path, dataset: Dataset, kind: str) -> None:
    export(kind, dataset, tmp_path / "out")
    report = import_pictures(kind, tmp_path / "out", tmp_path / "again", About())
    again = {one.name: one for one in read_dataset(tmp_path / "again").pictures}
    assert report.pictures_added == len(dataset.pictures)
    assert sum(map(len, report.faults.values())) == 0
    for one in dataset.pictures:
        back = again[one.name]
        assert back.class_id.tolist() == one.class_id.tolist()
        assert back.boxes_px == pytest.approx(one.boxes_px, abs=2e-3)
        assert (back.width_px, back.height_px, back.sha256) == (one.width_px, one.height_px, one.sha256)


def test_yolo_s_data_file_names_classes_and_the_parts_there_are(tmp_path: Path, dataset: Dataset) -> None:
    export("yolo", dataset, tmp_path / "out")
    told = yaml.safe_load((tmp_path / "out/data.yaml").read_text())
    assert told["names"] == {0: "D00", 1: "D10", 2: "D20", 3: "D40"}
    assert {part: told[part] for part in ("train", "val", "test")} == {
        part: f"images/{part}" for part in ("train", "val", "test")
    }
    unsplit = dataset.part("")
    assert [path.name for path in (tmp_path / "out/images/unsplit").iterdir()] == [
        one.name for one in unsplit
    ]


def test_what_is_there_is_never_written_over(tmp_path: Path, dataset: Dataset) -> None:
    picture(tmp_path / "out/mine.png", 1)
    with pytest.raises(DatasetError, match="not empty"):
        export("yolo", dataset, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.png"]


def test_a_failed_export_leaves_nothing(tmp_path: Path, dataset: Dataset) -> None:
    dataset.image_path(dataset.pictures[1]).unlink()
    with pytest.raises(DatasetError, match="is missing"):
        export("coco", dataset, tmp_path / "out")
    picture(dataset.image_path(dataset.pictures[1]), 2)
    odd = Dataset(dataset.folder, (replace(dataset.pictures[0], class_id=np.array([9, 9])),))
    with pytest.raises(IndexError):
        export("cvat", odd, tmp_path / "out")
    assert {path.name for path in tmp_path.iterdir()} == {"y", "d"}


def test_forms_that_know_whole_pictures_only_are_given_no_other(tmp_path: Path, dataset: Dataset) -> None:
    part = replace(dataset.part("train")[0], judged=np.array([[0.0, 0.5, 1.0, 1.0]]))
    write_labels(dataset.folder, part)
    write_manifest(dataset.folder, [part, *dataset.pictures[1:]])
    for kind in ("yolo", "coco"):
        done = roaddamage("dataset", "export", kind, dataset.folder, "--out", tmp_path / kind)
        assert done.returncode == 0, done.stderr
        assert ": 3" in done.stdout
        assert "1 pictures not labelled as a whole were left out" in done.stderr
        assert not list((tmp_path / kind).rglob(part.name))
    shown = roaddamage("dataset", "show", dataset.folder, "--out", tmp_path / "s.png", "--part", "train")
    assert "labelled in part 1" in shown.stdout
    with Image.open(tmp_path / "s.png") as sheet, Image.open(dataset.image_path(part)) as stored:
        # The picture is 396 px wide and 198 high in its cell; its upper half nobody judged.
        for y, judged in ((20, False), (180, True)):
            wanted = np.array(stored.convert("RGB").resize((396, 198)).getpixel((390, y))) // (
                1 if judged else 3
            )
            assert sheet.getpixel((2 + 390, 2 + y)) == pytest.approx(wanted, abs=8)


def test_the_command_says_what_has_no_part(tmp_path: Path, dataset: Dataset) -> None:
    done = roaddamage("dataset", "export", "yolo", dataset.folder, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert ": 4" in done.stdout
    assert "1 of them have no part" in done.stderr
    refused = roaddamage("dataset", "export", "yolo", dataset.folder, "--out", tmp_path / "out")
    assert (refused.returncode, "not empty" in refused.stderr) == (2, True)


def test_what_is_done_to_an_export_does_not_reach_the_dataset(tmp_path: Path, dataset: Dataset) -> None:
    one = dataset.part("train")[0]
    export("yolo", dataset, tmp_path / "out")
    before = dataset.image_path(one).read_bytes()
    (tmp_path / "out/images/train" / one.name).write_bytes(b"mended")
    assert dataset.image_path(one).read_bytes() == before
