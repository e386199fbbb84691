"""A training killed at any moment goes on; two at once on one device or run do not get in each other's way."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from labelled_pictures import rendered

from datasets.dataset import Dataset
from detector.errors import OutputTakenError
from detector.model import Model
from roaddamage import gpus, locks
from roaddamage.train import run_training
from training import checkpoints
from training import train as training
from training.epochs import epochs_done
from training.train import Settings, train

SETTINGS = Settings(model="yolov5n", epochs=2, image_px=64, batch=4, more={"workers": 0})


class KilledError(BaseException):
    """Nothing catches it, as nothing catches SIGKILL."""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("data") / "tiny"
    return rendered(folder, ["train"] * 4 + ["val"], seed=4, size_px=(160, 96))


def half_written(monkeypatch: pytest.MonkeyPatch, name: str, time: int) -> None:
    """Whoever writes a file of that name for the so manieth time is killed in the middle of it."""
    written = [0]

    def write(self: Path, data: bytes) -> int:
        written[0] += self.name == name
        dies = written[0] == time and self.name == name
        with self.open("wb") as file:
            file.write(data[: len(data) // 2] if dies else data)
        if dies:
            kill()
        return len(data)

    monkeypatch.setattr(Path, "write_bytes", write)


def kill(*_: object) -> Any:
    raise KilledError


def test_a_training_killed_again_and_again_is_done_in_the_end(
    tiny: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ultralytics.engine.trainer as ultralytics_trainer

    run, seen = tmp_path / "run", set[int]()
    run.mkdir()
    (run / "run.json.part").write_text("{")  # killed while the very first file was written

    def killed() -> set[int]:
        """The epochs that were learnt in before the end came."""
        seen.clear()
        with pytest.raises(KilledError):
            train(tiny, run, SETTINGS, lambda moved: seen.add(moved.epoch))
        assert not (run / "model.pt").exists()
        return seen

    with monkeypatch.context() as patch:
        half_written(patch, "last.pt", 1)
        assert killed() == {1}
    begun = json.loads((run / "run.json").read_text())["begun"]
    with monkeypatch.context() as patch:
        half_written(patch, "last.pt", 2)
        assert killed() == {1, 2}, "nothing was kept, so that it began anew"

    def half_stripped(path: str | Path, *_: object, **__: object) -> None:
        Path(path).write_bytes(b"half")
        kill()

    with monkeypatch.context() as patch:
        patch.setattr(ultralytics_trainer, "strip_optimizer", half_stripped)
        assert killed() == {2}, "the first epoch was kept"
    with monkeypatch.context() as patch:
        patch.setattr(training, "fit_on", kill)
        assert killed() == set(), "all epochs are done, and their weights are whole beside the half ones"
    replace = os.replace
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", lambda a, b: kill() if Path(b).name == "model.pt" else replace(a, b))
        assert killed() == set()

    path = train(tiny, run, SETTINGS)
    told = json.loads((run / "run.json").read_text())
    assert Model(path, "cpu").sha256 == told["sha256"]
    assert (told["begun"], "metrics/mAP50(B)" in told["result"]) == (begun, True)
    assert [one.epoch for one in epochs_done(run / "yolo" / "results.csv", 2)] == [1, 2], "each told of once"
    assert not (run / "yolo" / "kept").exists()


def test_a_copy_that_was_broken_off_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The best epoch is copied first: without the last one's copy the run goes on an epoch earlier."""
    weights = tmp_path / "weights"
    weights.mkdir()

    def saved(epoch: int, *, best: bool) -> SimpleNamespace:
        for name in ("last.pt", "best.pt") if best else ("last.pt",):
            (weights / name).write_text(f"epoch {epoch}")
        return SimpleNamespace(
            save_dir=tmp_path, last=weights / "last.pt", best=weights / "best.pt",
            best_fitness=1.0, fitness=1.0 if best else 0.5,
        )  # fmt: skip

    checkpoints.keep(saved(1, best=True))
    checkpoints.keep(saved(2, best=False))
    copied = shutil.copyfile

    def copy(source: Path, target: Path) -> None:
        copied(source, target)
        if Path(source).name == "last.pt":
            kill()

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfile", copy)
        with pytest.raises(KilledError):
            checkpoints.keep(saved(3, best=True))
    last = checkpoints.taken_up(tmp_path)
    assert last is not None
    assert (last.read_text(), (weights / "best.pt").read_text()) == ("epoch 2", "epoch 3")


def test_a_half_row_of_the_course_is_taken_out(tmp_path: Path) -> None:
    results = tmp_path / "results.csv"
    checkpoints.forget_after(results, 1)
    assert not results.exists()
    results.write_text("epoch,time,loss\n1,2,3\n2,4,3\n3,")
    checkpoints.forget_after(results, 2)
    assert results.read_text() == "epoch,time,loss\n1,2,3\n2,4,3\n"
    checkpoints.forget_after(results, 1)
    assert results.read_text() == "epoch,time,loss\n1,2,3\n"


class WaitedError(Exception):
    pass


def waited(name: str) -> None:
    raise WaitedError(name)


@pytest.mark.parametrize(
    ("taken", "wanted", "waits_for"),
    [
        ("roaddamage-gpu-1.lock", "1", "GPU 1"),
        ("roaddamage-gpu-1.lock", "0", None),
        ("roaddamage-gpu-1.lock", "1,0", "GPU 1"),
        ("roaddamage-gpu-1.lock", "cpu", None),
        ("roaddamage-training-cpu.lock", "cpu", "CPU"),
    ],
)
def test_a_device_that_is_taken_is_waited_for(
    tmp_path: Path, taken: str, wanted: str, waits_for: str | None
) -> None:
    with locks.held(tmp_path / taken) as mine:
        assert mine
        if waits_for is None:
            with gpus.claimed(wanted, tmp_path, waited):
                return
        with pytest.raises(WaitedError, match=waits_for), gpus.claimed(wanted, tmp_path, waited):
            pass
        with locks.held(tmp_path / "roaddamage-gpu-0.lock") as other:
            assert other, "nothing is kept by one that gave up"
    with gpus.claimed(wanted, tmp_path, waited), locks.held(tmp_path / taken) as mine:
        assert not mine


def test_one_that_waits_begins_when_the_device_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpus, "WAIT_S", 0.0)
    before = locks.held(tmp_path / "roaddamage-gpu-0.lock")
    assert before.__enter__()
    names: list[str] = []

    def ends(name: str) -> None:
        names.append(name)
        before.__exit__(None, None, None)

    with gpus.claimed("0", tmp_path, ends):
        assert names == ["GPU 0"]


def test_a_second_training_of_one_run_is_refused_and_one_on_its_device_waits(
    tiny: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(locks, "PLACE", tmp_path)
    monkeypatch.setattr(gpus, "WAIT_S", 0.0)
    run = tmp_path / "run"
    before = locks.held(tmp_path / "roaddamage-training-cpu.lock")
    assert before.__enter__()

    def sleep(_: float) -> None:
        with pytest.raises(OutputTakenError, match="Another training is at work"):
            run_training(tiny.folder, run, SETTINGS, str)
        before.__exit__(None, None, None)

    monkeypatch.setattr(gpus.time, "sleep", sleep)
    monkeypatch.setattr("roaddamage.train.train", lambda *_: run / "model.pt")
    assert run_training(tiny.folder, run, SETTINGS, str) == run / "model.pt"
    assert "CPU is at work for another training" in capsys.readouterr().err
