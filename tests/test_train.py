"""Training: a model comes out, a broken run goes on, and what can't be trained on is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from command import roaddamage_apart
from labelled_pictures import rendered

from datasets.dataset import Dataset, DatasetError
from detector.errors import ModelError, OutputTakenError
from detector.model import Model
from training.epochs import Moved, epochs_done
from training.logs import LogError
from training.promotion import seen_file
from training.train import SettingError, Settings, data_hash, train

TINY = Settings(model="yolov5n", epochs=1, image_px=96, batch=4, more={"workers": 0})


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Eight rendered pictures: six to train on, two to choose the best epoch by."""
    folder = tmp_path_factory.mktemp("data") / "tiny"
    return rendered(folder, ["train"] * 6 + ["val"] * 2, seed=2, size_px=(320, 192))


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
    assert len(seen_file(path).read_text().split()) == len(tiny.pictures)
    before = path.stat().st_mtime
    assert train(tiny, tmp_path / "run", TINY) == path
    assert train(tiny, tmp_path / "run", replace(TINY, device="0")) == path, "on whatever device"
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
        train(tiny, tmp_path / "b", replace(TINY, model="", init=str(tmp_path / "no.pt")))
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "letter.txt").write_text("dear all")
    with pytest.raises(OutputTakenError, match="something else"):
        train(tiny, tmp_path / "c", TINY)


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        (replace(TINY, model="yolo99x"), ModelError, "yolo99x is no detection network"),
        (replace(TINY, model="yolov8n-cls"), ModelError, "no detection network"),
        (replace(TINY, more={"mosaik": 0.5}), SettingError, "mosaik"),
        (replace(TINY, more={"mosaic": 2.5}), SettingError, "mosaic"),
        (replace(TINY, logs=("paper",)), LogError, "paper is no log"),
    ],
)
def test_settings_that_can_not_be_are_refused_before_anything_is_written(
    tiny: Dataset, tmp_path: Path, settings: Settings, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        train(tiny, tmp_path / "run", settings)
    assert not (tmp_path / "run").exists()


def test_a_checkpoint_of_another_task_is_no_start(tiny: Dataset, tmp_path: Path) -> None:
    from detector.ultralytics_quiet import prepare

    prepare()
    from ultralytics.models import YOLO

    path = tmp_path / "classify.pt"
    YOLO("yolov8n-cls.yaml", task="classify").save(path)
    with pytest.raises(ModelError, match="not a YOLO detection model"):
        train(tiny, tmp_path / "run", replace(TINY, model="", init=str(path)))
    assert not (tmp_path / "run").exists()


def test_an_architecture_takes_the_tensors_that_fit(tiny: Dataset, tmp_path: Path) -> None:
    """A plain state dict of other classes' network: all but its head begins the training."""
    import torch

    from detector.model import DEFAULT_MODEL, checked_yolo

    start = checked_yolo(DEFAULT_MODEL).model.float().state_dict()
    first = next(iter(start))
    plain = tmp_path / "plain.pth"
    torch.save({first: start[first], "other": torch.zeros(3)}, plain)
    settings = replace(TINY, init=str(plain), more={"workers": 0, "lr0": 0.0, "warmup_epochs": 0, "lrf": 0.0})
    trained = checked_yolo(train(tiny, tmp_path / "run", settings)).model.float().state_dict()
    assert torch.allclose(trained[first], start[first], atol=0.01)
    assert not seen_file(tmp_path / "run" / "model.pt").exists(), "what the start had seen is not known"
    torch.save({"other": torch.zeros(3)}, plain)
    with pytest.raises(ModelError, match="None of the tensors"):
        train(tiny, tmp_path / "none", settings)


def test_the_course_is_kept_for_tensorboard_and_mlflow(tiny: Dataset, tmp_path: Path) -> None:
    run = tmp_path / "run"
    done = roaddamage_apart(
        "train", "--data", tiny.folder, "--out", run, "--model", "yolov5n", "--epochs", 1, "--image-px", 96,
        "--batch", 4, "--log", "tensorboard", "--log", "mlflow", "--set", "workers=0",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    read = """
import sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from mlflow import MlflowClient
log = EventAccumulator(sys.argv[1] + "/tensorboard").Reload()
print(len(log.Scalars("train/box_loss")), log.Tags()["scalars"])
client = MlflowClient("sqlite:///" + sys.argv[1] + "/mlflow.db")
run = client.get_run(open(sys.argv[1] + "/mlflow-run.txt").read())
print(run.info.status, run.data.params["image_px"], sorted(run.data.metrics))
"""
    told = subprocess.run([sys.executable, "-c", read, str(run)], capture_output=True, text=True, check=True)
    tensorboard, mlflow = told.stdout.splitlines()
    assert tensorboard.startswith("2 ")
    assert "metrics/mAP50" in tensorboard
    assert mlflow.startswith("FINISHED 96")
    assert "train/box_loss" in mlflow


def test_a_training_in_other_processes_is_followed_by_its_epochs(tmp_path: Path) -> None:
    """Several GPUs can't be had here: what ultralytics writes then is the same file."""
    results = tmp_path / "results.csv"
    assert epochs_done(results, 5) == []
    results.write_text(
        "epoch,time,train/box_loss,train/cls_loss,val/box_loss\n1,9.1,2.5,1.5,7\n2,18.0,2.0,1.0,7\n"
    )
    assert epochs_done(results, 5) == [Moved(1, 5, 1, 1, 4.0), Moved(2, 5, 1, 1, 3.0)]


def test_what_several_gpus_are_told_survives_the_way_to_other_processes(tmp_path: Path) -> None:
    import cloudpickle

    from training.logs import loggers
    from training.train import quick_on_cpu

    for callback in [quick_on_cpu, *loggers(("tensorboard", "mlflow"), tmp_path, {"epochs": 3})]:
        assert callable(cloudpickle.loads(cloudpickle.dumps(callback)))
