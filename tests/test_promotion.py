"""Models in and out of use, through the command line: trained, refused, forced, promoted, rolled back."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import roaddamage
from labelled_pictures import rendered

from datasets.dataset import Dataset, read_dataset, write_labels, write_manifest
from detector.model import DEFAULT_MODEL, Detections
from detector.reliability import Reliability
from roaddamage import locks
from roaddamage.models import Event, HistoryError, Models, PromotionError, in_use
from training.promotion import Change, compare, seen_file, write_seen


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    parts = ["train"] * 4 + ["val"] * 2 + ["test"] * 9
    return rendered(tmp_path_factory.mktemp("data") / "tiny", parts, seed=5, size_px=(640, 360))


@pytest.fixture(scope="module")
def poor(data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model trained for one epoch from nothing: it finds nothing."""
    run = tmp_path_factory.mktemp("runs") / "monday"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(locks, "PLACE", run.parent)  # it waits for no other training of this machine
        done = roaddamage(
            "train", "--data", data.folder, "--out", run, "--model", "yolov5n", "--epochs", 1, "--image-px", 64,
            "--batch", 4, "--set", "workers=0",
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return run / "model.pt"


def promote(model: Path, data: Dataset, workspace: Path, *more: object) -> Any:
    return roaddamage(
        "promote",
        model,
        "--data",
        data.folder,
        "--workspace",
        workspace,
        "--device",
        "cpu",
        "--lang",
        "en",
        *more,
    )


@pytest.fixture(scope="module")
def forced(data: Dataset, poor: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace in which the poor model is in use."""
    workspace = tmp_path_factory.mktemp("forced") / "w"
    assert promote(poor, data, workspace, "--force", "first").returncode == 0
    return workspace


def test_a_workspace_s_way_through_better_and_worse_models(data: Dataset, poor: Path, tmp_path: Path) -> None:
    workspace, models = tmp_path / "w", Models(tmp_path / "w")
    assert models.current() == DEFAULT_MODEL

    worse = promote(poor, data, workspace)
    assert worse.returncode == 1
    assert f"Not promoted; {DEFAULT_MODEL.stem} stays in use" in worse.stderr
    assert "The candidate is not better" in worse.stdout
    assert "[" in worse.stdout, "with intervals"
    assert models.current() == DEFAULT_MODEL
    assert [path.name for path in (workspace / "models").iterdir()] == [".lock"]

    forced = promote(poor, data, workspace, "--force", "a trial of the way back")
    assert forced.returncode == 0, forced.stderr
    first = workspace / "models" / "0001-monday"
    assert models.current() == first / "0001-monday.pt"
    assert sorted(path.name for path in first.iterdir()) == [
        "0001-monday.json", "0001-monday.pt", "0001-monday.trained-on.txt",
        "card.md", "comparison.json", "data.md", "report.html",
    ]  # fmt: skip
    card = (first / "card.md").read_text()
    assert "because: a trial of the way back" in card
    assert "`yolov5n`" in card
    assert "AP50 candidate" in card

    better = tmp_path / "tuesday.pt"
    shutil.copyfile(DEFAULT_MODEL, better)
    promoted = promote(better, data, workspace)
    assert promoted.returncode == 0, promoted.stderr
    assert models.current().name == "0002-tuesday.pt"
    assert models.current().with_suffix(".json").exists(), "its confidence is fitted"
    assert "What the candidate learnt from is not known" in promoted.stdout
    again = promote(better, data, workspace)
    assert (again.returncode, "in use already" in again.stderr) == (1, True)
    assert promote(poor, data, workspace).returncode == 1

    used = roaddamage(
        "evaluate", "--data", data.folder, "--out", tmp_path / "e", "--workspace", workspace, "--json"
    )
    assert json.loads(used.stdout)["model"] == "0002-tuesday"

    back = roaddamage("rollback", "--workspace", workspace, "--reason", "too many false alarms")
    assert "0001-monday.pt" in back.stdout
    assert models.current() == first / "0001-monday.pt"
    listed = roaddamage("models", "--workspace", workspace).stdout
    assert "too many false alarms" in listed
    assert "forced" in listed
    assert roaddamage("rollback", "--workspace", workspace).returncode == 0
    assert models.current() == DEFAULT_MODEL
    nothing = roaddamage("rollback", "--workspace", workspace)
    assert (nothing.returncode, "package's model is in use" in nothing.stderr) == (1, True)
    assert promote(better, data, workspace).returncode == 1, "it is the package's own"
    assert promote(poor, data, workspace, "--force", "anew").returncode == 0
    assert models.current().parent.name == "0003-monday", "no name is given twice"


def test_the_test_part_stays_the_same(data: Dataset, forced: Path, tmp_path: Path) -> None:
    workspace = Path(shutil.copytree(forced, tmp_path / "w"))
    other = tmp_path / "other"
    shutil.copytree(data.folder, other)
    pictures = read_dataset(other).pictures
    changed = replace(pictures[-1], class_id=(pictures[-1].class_id + 1) % 4)
    write_labels(other, changed)
    moved = promote(DEFAULT_MODEL, read_dataset(other), workspace)
    assert moved.returncode == 1
    assert "--new-test" in moved.stderr
    assert promote(DEFAULT_MODEL, read_dataset(other), workspace, "--new-test").returncode == 0


def test_a_candidate_that_was_told_the_answers_is_refused(
    data: Dataset, forced: Path, tmp_path: Path
) -> None:
    """The package's model is better than the poor one, but says it learnt from the test pictures."""
    workspace = Path(shutil.copytree(forced, tmp_path / "w"))
    cheat = tmp_path / "cheat.pt"
    shutil.copyfile(DEFAULT_MODEL, cheat)
    write_seen(seen_file(cheat), [one.sha256 for one in data.part("test")[:2]], None)
    refused = promote(cheat, data, workspace)
    assert refused.returncode == 1
    assert "learnt from 2 of these pictures" in refused.stdout


def test_what_can_not_be_promoted_is_refused_and_nothing_is_left(data: Dataset, tmp_path: Path) -> None:
    workspace = tmp_path / "w"
    (tmp_path / "no.pt").write_bytes(b"no model")
    (tmp_path / "m.onnx").write_bytes(b"exported")
    for candidate, code, words in (
        (tmp_path / "no.pt", 2, "not a YOLO"),
        (tmp_path / "missing.pt", 2, "can't be read"),
        (tmp_path / "m.onnx", 1, "Promote the checkpoint"),
    ):
        done = promote(candidate, data, workspace)
        assert (done.returncode, words in done.stderr) == (code, True), done.stderr
    untested = tmp_path / "untested"
    shutil.copytree(data.folder, untested)
    write_manifest(untested, [replace(one, part="train") for one in read_dataset(untested).pictures])
    done = promote(DEFAULT_MODEL, read_dataset(untested), workspace)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert [path.name for path in (workspace / "models").iterdir()] == [".lock"]


def test_a_model_in_use_that_is_gone_is_said(data: Dataset, forced: Path, tmp_path: Path) -> None:
    workspace = Path(shutil.copytree(forced, tmp_path / "w"))
    models = Models(workspace)
    models.current().unlink()
    with pytest.raises(HistoryError, match="is gone"):
        models.current()
    gone = roaddamage("detect", tmp_path / "x.mp4", "--workspace", workspace, "--out", tmp_path / "o")
    assert (gone.returncode, "is gone" in gone.stderr) == (2, True)
    assert models.rollback() == DEFAULT_MODEL
    (workspace / "models" / "history.json").write_text("{")
    with pytest.raises(HistoryError, match="backup"):
        models.current()


def test_only_one_promotion_at_a_time(data: Dataset, tmp_path: Path) -> None:
    models = Models(tmp_path / "w")
    with models._changing(), pytest.raises(PromotionError, match="Another promotion"):
        models.rollback()


def test_a_rollback_goes_one_model_back_each_time() -> None:
    def event(kind: str, model: str) -> Event:
        return Event("2026-01-01T00:00:00+00:00", "me", kind, model)

    events = [
        event("promotion", "a"),
        event("promotion", "b"),
        event("rollback", "a"),
        event("promotion", "c"),
    ]
    assert in_use(events) == ["a", "c"]
    assert in_use([*events, event("rollback", "a"), event("rollback", "")]) == []


def test_a_model_before_that_is_gone_is_said_and_can_be_passed_over(tmp_path: Path) -> None:
    models = Models(tmp_path)
    for name in ("0001-a", "0002-b", "0003-c"):
        (models.folder / name).mkdir(parents=True)
        (models.folder / name / f"{name}.pt").write_bytes(name.encode())
    promoted = [
        Event("2026-01-01T00:00:00+00:00", "me", "promotion", f"000{n}-{x}") for n, x in enumerate("abc", 1)
    ]
    models._write(promoted)
    (models.folder / "0002-b" / "0002-b.pt").unlink()
    (models.folder / "0003-c" / "0003-c.pt").unlink()
    with pytest.raises(HistoryError, match=r"0003-c\.pt, is gone"):
        models.current()
    with pytest.raises(PromotionError, match=r"0002-b\.pt, is gone.*--past-missing"):
        models.rollback()
    assert models.history() == promoted, "what is refused changes nothing"
    assert (
        models.rollback("lost", past_missing=True)
        == models.current()
        == models.folder / "0001-a" / "0001-a.pt"
    )
    assert models.history()[-1].reason == "lost"
    models.current().unlink()
    assert models.rollback() == models.current() == DEFAULT_MODEL
    models._write(promoted)
    assert models.rollback(past_missing=True) == DEFAULT_MODEL, "where all are gone, the package's is left"


class Finder:
    """Finds each label of the classes it knows, and nothing else."""

    batch, reliability = 4, Reliability.unknown()

    def __init__(self, name: str, data: Dataset, classes: set[int]) -> None:
        self.name, self.sha256, self.classes = name, name, classes
        rows = sorted(data.part("test"), key=lambda one: (one.width_px, one.height_px, one.name))
        self.truth = iter([(one.boxes_px, one.class_id) for one in rows])

    def detect(self, images: list[Any], confidence: float) -> list[Detections]:
        found = []
        for _ in images:
            xyxy, classes = next(self.truth)
            known = np.isin(classes, list(self.classes))
            found.append(Detections(xyxy[known], classes[known], np.full(known.sum(), 0.9)))
        return found


def test_a_class_that_gets_significantly_worse_stops_a_promotion(data: Dataset, tmp_path: Path) -> None:
    present = sorted({int(one) for picture in data.part("test") for one in picture.class_id})
    assert len(present) >= 3
    now, next_one = Finder("now", data, {present[0]}), Finder("next", data, set(present[1:]))
    told = compare(next_one, now, data, (tmp_path / "a", tmp_path / "b"))  # type: ignore[arg-type]
    assert told.mean.gain > 0
    lost = told.changes[present[0]]
    assert (lost.current, lost.candidate) == (1.0, 0.0)
    assert (told.candidate_seen, told.current_seen) == (None, None)
    # All roads agree, so that there is no spread to tell of: a loss of everything is still no better.
    changes = (replace(lost, difference=(-0.9, -0.4)), *told.changes[1:])
    assert replace(told, changes=changes).worse == (lost.code,)
    assert not replace(told, changes=changes).promotable


def test_what_chance_may_explain_is_neither_better_nor_worse() -> None:
    change = Change("D00", 0.4, 0.45, (-0.02, 0.11))
    assert (change.better, change.worse) == (False, False)
    assert change.gain == pytest.approx(0.05)
