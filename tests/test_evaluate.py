"""A model scored end to end through the command line, and the page that tells of it."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import roaddamage
from labelled_pictures import rendered
from PIL import Image
from test_dataset import make

from datasets.dataset import Dataset, DatasetError, Picture, read_dataset
from detector.model import DEFAULT_MODEL, Detections
from detector.reliability import Reliability
from roaddamage.language import translation
from training.evaluate import Drawn, Evaluation, Mistaken, evaluate
from training.evaluation_report import page

EVIL = "<script>window.hacked=1</script><img src=x onerror=window.hacked=1>"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve rendered pictures of three roads as a dataset; the roads' names are hostile."""
    return rendered(
        tmp_path_factory.mktemp("data") / "rendered",
        ["test"] * 12,
        seed=5,
        size_px=(640, 360),
        road=lambda index: f"{EVIL}{index // 5}",
        source=lambda index: f"kind{index % 2}",
    ).folder


@pytest.fixture(scope="module")
def scored(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("scored") / "out"
    done = roaddamage("evaluate", "--data", folder, "--out", out, "--device", "cpu", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == json.loads((out / "scores.json").read_text())
    return out


def test_scores_are_written_and_read_again(scored: Path) -> None:
    assert sorted(path.name for path in scored.iterdir()) == ["report.html", "scores.json"]
    text = (scored / "scores.json").read_text()
    told = Evaluation.from_json(text)
    assert told.to_json() == text
    assert (told.model, told.pictures, told.clusters) == (DEFAULT_MODEL.stem, 12, 3)
    assert {group.kind for group in told.groups} == {"all", "source", "size"}
    both = [group for group in told.groups if group.kind == "source"]
    assert sum(group.scores[-1].labels for group in both) == told.whole.scores[-1].labels > 0
    present = [one.ap50 for one in told.whole.scores[:-1] if one.ap50 is not None]
    assert told.whole.scores[-1].ap50 == pytest.approx(sum(present) / len(present))
    matrix = np.array(told.confusion)
    assert matrix[:-1].sum() == told.whole.scores[-1].labels
    assert told.whole.scores[-1].recall is not None
    assert np.trace(matrix[:-1]) / matrix[:-1].sum() == pytest.approx(told.whole.scores[-1].recall)
    with pytest.raises(DatasetError, match="no scores"):
        Evaluation.from_json('{"model": "x"}')


def test_the_page_opens_offline_and_trusts_no_text(scored: Path, browser: Any) -> None:
    opened = browser.new_page()
    asked: list[str] = []
    errors: list[str] = []
    opened.on("request", lambda request: asked.append(request.url))
    opened.on("console", lambda message: errors.append(message.text))
    address = (scored / "report.html").as_uri()
    opened.goto(address)
    assert [url for url in asked if not url.startswith("data:")] == [address]
    assert errors == []
    assert opened.evaluate("window.hacked") is None
    text = opened.inner_text("body")
    assert "<script>window.hacked" in text
    assert "Alligator crack (D20)" in text
    told = Evaluation.from_json((scored / "scores.json").read_text())
    assert opened.locator(".worst figure image").count() == len(told.worst) > 0
    assert opened.locator(".charts svg").count() == 2
    opened.close()


def test_the_page_speaks_japanese(scored: Path, folder: Path) -> None:
    told = Evaluation.from_json((scored / "scores.json").read_text())
    text = page(told, read_dataset(folder), "ja", translation("ja"))
    assert "亀甲状ひび割れ" in text
    assert "Precision" not in text


class Fixed:
    """A model that finds the same boxes in every picture of a size."""

    name, sha256, batch, reliability = "fixed", "0" * 64, 2, Reliability.unknown()

    def detect(self, images: list[Any], confidence: float) -> list[Detections]:
        assert len({image.shape for image in images}) == 1
        boxes = np.array([[0.0, 0.0, 10.0, 10.0], [30.0, 30.0, 40.0, 40.0], [60.0, 60.0, 80.0, 80.0]])
        return [Detections(boxes, np.array([0, 3, 3]), np.array([0.9, 0.6, 0.1])) for _ in images]


def small(tmp_path: Path, *pictures: Picture) -> Dataset:
    folder = make(tmp_path / "d", *pictures)
    for one in pictures:
        Image.new("RGB", (one.width_px, one.height_px)).save(folder / "images" / one.name)
    return read_dataset(folder)


def clean(name: str, size: int = 100, **more: str) -> Picture:
    return Picture(name, size, size, part="test", **more)


BROKEN = replace(clean("b.png"), xyxy=np.array([[0.0, 0.0, 0.1, 0.1]]), class_id=np.array([0]))


def scores_of(dataset: Dataset) -> Evaluation:
    return evaluate(Fixed(), dataset)  # type: ignore[arg-type]


def test_false_alarms_are_counted_on_clean_pictures_alone(tmp_path: Path) -> None:
    told = scores_of(small(tmp_path, clean("a.png"), clean("c.png", 90), BROKEN))
    assert (told.clean_pictures, told.false_alarms) == (2, 2.0)
    assert told.false_alarms_interval is None  # each has two: no spread to tell of
    score = told.whole.scores[0]
    assert (score.labels, score.precision, score.recall) == (1, 1 / 3, 1.0)


def test_where_nobody_judged_nothing_is_a_false_alarm(tmp_path: Path) -> None:
    part = Picture("part.png", 100, 100, part="train", judged=np.array([[0.5, 0.5, 1.0, 1.0]]))
    told = evaluate(Fixed(), small(tmp_path, part, replace(BROKEN, part="train")), "train")  # type: ignore[arg-type]
    assert (told.pictures, told.clean_pictures, told.whole.scores[0].precision) == (1, 0, 1.0)


def test_without_clean_pictures_false_alarms_are_not_told(tmp_path: Path) -> None:
    told = scores_of(small(tmp_path, BROKEN))
    assert (told.false_alarms, told.false_alarms_interval) == (None, None)


def test_only_clean_pictures_leave_no_average_precision(tmp_path: Path) -> None:
    told = scores_of(small(tmp_path, clean("a.png"), clean("b.png")))
    assert [score.ap50 for score in told.whole.scores] == [None] * 5
    assert told.false_alarms == 2.0
    assert math.isfinite(told.as_scored.error or 0)


def test_the_mean_s_interval_is_of_all_the_classes_present(tmp_path: Path) -> None:
    """D40 lies on one road in three: samples without it would have the mean of D00 alone, which is 1."""
    roads = [
        replace(BROKEN, name=f"{index}.png", id="", box_id=(), road=f"r{index % 3}") for index in range(6)
    ]
    potholes = np.array([[0.0, 0.0, 0.1, 0.1], [0.8, 0.8, 0.9, 0.9]])
    roads[0] = replace(roads[0], box_id=(), xyxy=potholes, class_id=np.array([0, 3]))
    score = scores_of(small(tmp_path, *roads)).whole.scores
    assert (score[0].ap50, score[3].ap50, score[-1].ap50) == (1.0, 0.0, 0.5)
    assert score[-1].ap50_interval is None  # 0.5 in every sample that has both


def test_why_a_picture_is_among_the_worst(tmp_path: Path) -> None:
    other = np.array([[0.5, 0.5, 0.9, 0.9]])
    missed = replace(BROKEN, name="m.png", id="", box_id=(), xyxy=other, class_id=np.array([2]))
    worst = scores_of(small(tmp_path, BROKEN, missed)).worst
    assert [(one.name, one.missed, one.false) for one in worst] == [
        ("m.png", ("D20",), ("D00", "D40")),
        ("b.png", (), ("D40",)),
    ]
    assert worst[0].boxes[0] == Drawn("D20", (0.5, 0.5, 0.9, 0.9), None, False)
    assert isinstance(worst[0], Mistaken)


def no_such_part(folder: Path) -> list[object]:
    return ["--part", "learn"]


def empty_part(folder: Path) -> list[object]:
    return ["--part", "val"]


def no_dataset(folder: Path) -> list[object]:
    return ["--data", folder / "images"]


def no_model(folder: Path) -> list[object]:
    return ["--model", folder / "images" / "0.jpg"]


def another_task(folder: Path) -> list[object]:
    from detector.ultralytics_quiet import prepare

    prepare()
    from ultralytics.models import YOLO

    path = folder.parent / "classify.pt"
    YOLO("yolov8n-cls.yaml", task="classify").save(path)
    return ["--model", path]


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (no_such_part, "train, val or test"),
        (empty_part, "no pictures in its part val"),
        (no_dataset, "dataset import"),
        (no_model, "not a YOLO"),
        (another_task, "not a YOLO detection model"),
    ],
)
def test_what_can_not_be_scored_is_refused_and_nothing_is_written(
    folder: Path, tmp_path: Path, spoil: Any, word: str
) -> None:
    out = tmp_path / "out"
    done = roaddamage("evaluate", "--data", folder, "--out", out, "--device", "cpu", *spoil(folder))
    assert done.returncode == 2
    assert word in done.stderr
    assert "Traceback" not in done.stderr
    assert not out.exists()


def test_a_picture_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    dataset = small(tmp_path, clean("a.png"))
    (dataset.folder / "images" / "a.png").write_bytes(b"no picture")
    with pytest.raises(DatasetError, match=r"a\.png can't be read"):
        scores_of(dataset)
