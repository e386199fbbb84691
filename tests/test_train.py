"""Training: a model comes out, a broken run goes on, and what can't be trained on is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from test_dataset import make

from datasets.dataset import Dataset, DatasetError, Picture, read_dataset
from datasets.synthetic import labelled_frames
from detector.errors import ModelError, OutputTakenError
from detector.model import Model
from training.train import Moved, Settings, data_hash, train

TINY = Settings(init="yolov5n.yaml", epochs=1, image_px=96, batch=4, more={"workers": 0})


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Eight rendered pictures: six to train on, two to choose the best epoch by."""
    folder = tmp_path_factory.mktemp("data") / "tiny"
    frames = list(labelled_frames(8, seed=2, size_px=(320, 192)))
    pictures = [
        Picture(
            f"{index}.jpg",
            320,
            192,
            part="val" if index > 5 else "train",
            xyxy=frame.xyxy / [320, 192, 320, 192],
            class_id=frame.class_id,
        )
        for index, frame in enumerate(frames)
    ]
    make(folder, *pictures)
    for picture, frame in zip(pictures, frames, strict=True):
        Image.fromarray(frame.image).save(folder / "images" / picture.name)
    return read_dataset(folder)


def test_a_model_comes_out_with_all_that_made_it(tiny: Dataset, tmp_path: Path) -> None:
    moved: list[Moved] = []
    path = train(tiny, tmp_path / "run", TINY, moved.append)
    assert Model(path, "cpu").name == "model"
    assert path.with_suffix(".json").exists()
    told = json.loads((tmp_path / "run" / "run.json").read_text())
    assert told["settings"]["epochs"] == 1
    assert told["data_sha256"] == data_hash(tiny)
    assert told["ended"] >= told["begun"]
    assert [(one.batch, one.batches) for one in moved] == [(1, 2), (2, 2)]
    before = path.stat().st_mtime
    assert train(tiny, tmp_path / "run", TINY) == path
    assert path.stat().st_mtime == before, "a run that is done is not done again"
    with pytest.raises(OutputTakenError, match="other data or settings"):
        train(tiny, tmp_path / "run", replace(TINY, epochs=2))


def test_a_run_that_was_broken_off_goes_on(tiny: Dataset, tmp_path: Path) -> None:
    class BrokenOffError(Exception):
        pass

    def stop(moved: Moved) -> None:
        if moved.epoch == 2:
            raise BrokenOffError

    settings = replace(TINY, epochs=2)
    with pytest.raises(BrokenOffError):
        train(tiny, tmp_path / "run", settings, stop)
    assert not (tmp_path / "run" / "model.pt").exists()
    epochs: list[int] = []
    train(tiny, tmp_path / "run", settings, lambda moved: epochs.append(moved.epoch))
    assert set(epochs) == {2}, "the first epoch was kept"


def test_what_can_not_be_trained_on_is_refused(tiny: Dataset, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="has no val part"):
        train(Dataset(tiny.folder, tiny.part("train")), tmp_path / "a", TINY)
    (tmp_path / "no.pt").write_bytes(b"not a model")
    with pytest.raises(ModelError, match=r"no\.pt"):
        train(tiny, tmp_path / "b", replace(TINY, init=str(tmp_path / "no.pt")))
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "letter.txt").write_text("dear all")
    with pytest.raises(OutputTakenError, match="something else"):
        train(tiny, tmp_path / "c", TINY)
