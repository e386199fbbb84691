"""Rounds of labelling: what each brought, told only on one test part, and kept."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from labelled_pictures import rendered
from test_promotion import Finder

from datasets.dataset import Dataset, DatasetError, read_dataset, write_manifest
from roaddamage.rounds import write_rounds
from training import rounds as rounds_module
from training.promotion import seen_file, write_seen
from training.rounds import Round, RoundError, as_json, gain, notes, round_of, table
from training.rounds_page import page, plot
from training.train import RUN


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return rendered(tmp_path_factory.mktemp("data") / "tiny", ["test"] * 6, seed=5, size_px=(320, 192))


def run(folder: Path, name: str, frames: int, begun: str = "2026-04-01T00:00:00+00:00") -> Path:
    """A finished training's folder, as far as rounds read it."""
    path = folder / name
    path.mkdir(parents=True)
    (path / "model.pt").write_bytes(name.encode())
    told = {
        "begun": begun, "sha256": name, "pictures": {"train": frames - 10, "val": 10, "test": 6},
        "labelled": {"partly": 3, "boxes": 40},
    }  # fmt: skip
    (path / RUN).write_text(json.dumps(told))
    return path


@pytest.fixture
def found(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Models that find ever more classes by the number their run is called; which were asked."""
    asked: list[str] = []

    def model(path: Path, device: str) -> Finder:
        asked.append(path.parent.name)
        return Finder(path.parent.name, data, set(range(int(path.parent.name[-1]))))

    monkeypatch.setattr(rounds_module, "Model", model)
    return asked


def test_each_round_is_scored_once_on_the_same_part(data: Dataset, tmp_path: Path, found: list[str]) -> None:
    runs = [run(tmp_path, f"round{number}", 100 * number) for number in (4, 2, 3)]
    write_seen(seen_file(runs[2] / "model.pt"), [data.part("test")[0].sha256], None)
    told, pictures = write_rounds(
        runs, data.folder, tmp_path / "out", "cpu", "en", str, lambda done, total: None
    )
    heads, *rows = table(told, str)
    assert [row[0] for row in rows] == ["round2", "round3*", "round4"], "by frames labelled"
    assert [row[2:5] for row in rows] == [[f"{n}00", "3", "40"] for n in (2, 3, 4)]
    assert rows[0][heads.index("more than the round before")] == ""
    assert rows[2][heads.index("more than the round before")].startswith("+")
    assert told[0].ap50["all"] == 1.0
    assert [one.seen for one in told] == [None, None, 1]
    assert len(notes(told, pictures, str)) == 3

    assert found == ["round4", "round2", "round3"]
    again = [round_of(one, data, "cpu") for one in runs]
    assert (again, len(found)) == (told, 3), "what is scored is not scored again"
    shown = (tmp_path / "out" / "rounds.html").read_text()
    assert "http" not in shown.replace("http-equiv", "")
    assert len(json.loads((tmp_path / "out" / "rounds.json").read_text())) == 3


def test_another_test_part_or_model_is_another_score(data: Dataset, tmp_path: Path, found: list[str]) -> None:
    one = run(tmp_path, "round2", 200)
    round_of(one, data, "cpu")
    told = json.loads((one / RUN).read_text())
    (one / RUN).write_text(json.dumps(told | {"sha256": "another"}))
    round_of(one, data, "cpu")
    fewer = Dataset(data.folder, data.pictures[1:])
    round_of(one, fewer, "cpu")
    assert len(found) == 3
    (one / "rounds.json").write_text("{")
    round_of(one, data, "cpu")
    assert len(found) == 4


def test_what_is_no_finished_run_is_refused(data: Dataset, tmp_path: Path) -> None:
    with pytest.raises(RoundError, match="holds no training run"):
        round_of(tmp_path, data, "cpu")
    begun = run(tmp_path, "round1", 100)
    (begun / "model.pt").unlink()
    with pytest.raises(RoundError, match="not done"):
        round_of(begun, data, "cpu")
    (begun / RUN).write_text("[]")
    with pytest.raises(RoundError):
        round_of(begun, data, "cpu")
    untested = tmp_path / "untested"
    untested.mkdir()
    write_manifest(untested, [replace(one, part="train") for one in data.pictures])
    (untested / "labels").symlink_to(data.folder / "labels")
    assert read_dataset(untested).part("test") == ()
    with pytest.raises(DatasetError, match="no pictures in its part test"):
        write_rounds(
            [run(tmp_path, "round2", 9)], untested, tmp_path / "o", "cpu", "en", str, lambda a, b: None
        )
    assert not (tmp_path / "o").exists()


def plain(name: str, frames: int, mean: float | None, *samples: float, seen: int | None = 0) -> Round:
    ap50 = {"D00": mean, "D10": mean, "D20": mean, "D40": None, "all": mean}
    bounds = None if mean is None or not samples else (mean - 0.05, mean + 0.05)
    return Round(name, "2026-04-01", frames, None, None, ap50, bounds, samples, seen)


def test_a_gain_is_told_by_the_same_roads() -> None:
    one, two = plain("a", 100, 0.3, *(0.1, 0.3, 0.5) * 40), plain("b", 200, 0.4, *(0.2, 0.41, 0.6) * 40)
    grown = gain(one, two)
    assert grown is not None
    assert grown[0] == pytest.approx(0.1)
    assert grown[1] == pytest.approx((0.1, 0.11)), "what makes a road hard is hard for both"
    assert gain(one, plain("c", 300, None)) is None
    alone = gain(one, plain("c", 300, 0.2))
    assert alone is not None
    assert alone[1] is None


@pytest.mark.parametrize(
    "rounds",
    [
        [],
        [plain("only", 7, None)],
        [plain("one", 0, 0.4)],
        [plain("<b>&", 100, 0.3, 0.3), plain("worse", 1999, 0.25, 0.2, seen=4), plain("x", 100, 0.99, 0.9)],
    ],
)
def test_any_rounds_can_be_drawn(rounds: list[Round]) -> None:
    drawing = ElementTree.fromstring(plot(rounds, str))  # noqa: S314  (our own)
    circles = drawing.findall("circle")
    assert len(circles) == sum(one.ap50["all"] is not None for one in rounds)
    assert all(
        0 <= float(one.get("cx", "-1")) <= 640 and 0 <= float(one.get("cy", "-1")) <= 300 for one in circles
    )
    assert "<b>" not in page(rounds, 5, "en", str)
    assert len(json.loads(as_json(rounds))) == len(rounds)
