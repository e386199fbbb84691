"""Whole people are masked where a municipality brings a detector of them; a file that is none is said to be."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import roaddamage
from PIL import Image

from datasets.synthetic import labelled_frames
from detector.errors import ModelError
from detector.masking import Masker
from detector.model import DEFAULT_MODEL, Model, checked_yolo
from detector.people import LEAST, PeopleDetector
from detector.private import Kind, PrivateDetector
from detector.ultralytics_quiet import prepare
from roaddamage.configuration import Configuration, ConfigurationError, Masking, read
from roaddamage.masker_in_use import masker_in_use, people_file

pytestmark = pytest.mark.usefixtures("real_masking")
PERSON = 3
"""The class of our detector of damages that is called a person here: a pothole."""


def renamed(path: Path, names: list[str]) -> Path:
    """Our own detector of damages with other names for its classes: a person is what it took for a pothole."""
    prepare()
    yolo = checked_yolo(DEFAULT_MODEL)
    yolo.model.names = dict(enumerate(names))
    yolo.save(path)
    return path


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return renamed(tmp_path_factory.mktemp("people") / "people.pt", ["car", "bus", "dog", "Person"])


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """A road with potholes."""
    return next(labelled_frames(1, 3, (448, 256))).image


class Nobody(PrivateDetector):
    """Finds no face and no plate, and costs nothing."""

    def __init__(self, weights: Path) -> None:
        """Without networks."""

    def look(self, image: np.ndarray, *_: object) -> tuple[np.ndarray, np.ndarray]:
        return np.empty((0, 4), np.float32), np.empty(0, np.float32)


def test_people_alone_of_what_a_detector_finds_are_covered(
    people: Path, picture: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("detector.masking.PrivateDetector", Nobody)
    wanted = Model(DEFAULT_MODEL, "cpu").detect([picture], LEAST)[0]
    boxes = wanted.xyxy[wanted.class_id == PERSON]
    assert len(boxes)
    assert len(boxes) < len(wanted), "it finds other things as well"
    made = Masker(people=people).masked(picture)
    assert set(made.kind) == {Kind.person}
    assert min(made.share_of(box) for box in boxes) > 0.99
    assert not Masker().masked(picture).kind


@pytest.mark.parametrize("size", [(1, 1), (3, 700), (1500, 40)], ids=str)
def test_people_are_looked_for_in_pictures_of_any_size(people: Path, size: tuple[int, int]) -> None:
    boxes, scores = PeopleDetector(people).look(np.full((size[1], size[0], 3), 90, np.uint8))
    assert boxes.shape == (len(scores), 4)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda path: path, "can't be read"),
        (lambda path: path.write_bytes(b"no model"), "not a YOLO detection model"),
        (lambda path: shutil.copyfile(DEFAULT_MODEL, path), "finds no people, but D00, D10, D20, D40"),
    ],
    ids=["missing", "no model", "no people"],
)
def test_a_detector_without_people_is_refused(
    make: Callable[[Path], object], told: str, tmp_path: Path
) -> None:
    make(tmp_path / "model.pt")
    with pytest.raises(ModelError, match=told):
        PeopleDetector(tmp_path / "model.pt")
    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    run = roaddamage("mask", tmp_path / "a.png", "--out", tmp_path / "out", "--people", tmp_path / "model.pt")
    assert (run.returncode, (tmp_path / "out").exists()) == (2, False)


@pytest.mark.parametrize("named", ["people.pt", "gone.pt"])
def test_the_settings_name_a_detector_that_is_there(named: str, people: Path, tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text(f'[masking]\npeople = "{named}"\n')
    (tmp_path / "people.pt").write_bytes(b"")
    if named == "people.pt":
        assert read(tmp_path, {}).masking.people_file(tmp_path) == tmp_path / named
    else:
        with pytest.raises(ConfigurationError, match=r"masking\.people"):
            read(tmp_path, {})


def test_every_masker_of_the_workspace_is_the_one_its_settings_want(
    people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    asked = []
    monkeypatch.setattr("roaddamage.masker_in_use.masker", lambda *told: asked.append(told))
    for named, wanted in (("", None), (str(people), people)):
        settings.CONFIGURATION = Configuration(masking=Masking(people=named))
        masker_in_use()
        assert asked.pop() == (wanted,)
        assert people_file() == wanted
