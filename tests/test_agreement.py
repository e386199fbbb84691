"""Two people's labels: who agrees with whom is known beforehand, and alpha is the literature's."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command import roaddamage
from labelled_files import yolo

from datasets.agreement import Agreement, agreement, alpha
from datasets.dataset import DatasetError, Picture
from datasets.importing import About, import_pictures

AT = np.array([[0.1, 0.1, 0.3, 0.3], [0.5, 0.5, 0.7, 0.7], [0.8, 0.1, 0.9, 0.4]])
SHIFTED = AT + [0.02, 0, 0.02, 0]


def person(*pictures: tuple[Sequence[Sequence[float]], Sequence[int]], prefix: str = "p") -> list[Picture]:
    """Pictures with the boxes and classes that one person gave them."""
    return [
        Picture(f"{prefix}{number}.jpg", 100, 100, xyxy=np.array(boxes, float).reshape(-1, 4), class_id=np.array(classes, int))
        for number, (boxes, classes) in enumerate(pictures)
    ]  # fmt: skip


def test_the_same_labels_agree_wholly() -> None:
    one = person((AT, (0, 1, 3)), ([], ()), (AT[:1], (3,)))
    found = agreement(one, one)
    assert (found.presence.value, found.same_class.value, found.overlap.value, found.alpha.value) == (
        1,
        1,
        1,
        1,
    )
    assert (found.pictures, found.boxes, found.matched, found.empty) == (3, (4, 4), 4, 1)
    assert found.presence.interval == (1, 1)
    assert found.by_class["D20"].value is None


def test_what_differs_is_told_apart() -> None:
    one = person((AT, (0, 1, 3)), ([], ()))
    other = person((SHIFTED[:2], (0, 2)), (AT[2:], (3,)))
    found = agreement(one, other)
    # Two of three and three boxes at one place, one of them of one class.
    assert (found.boxes, found.matched, found.empty) == ((3, 3), 2, 0)
    assert (found.presence.value, found.same_class.value) == (
        pytest.approx(4 / 6, abs=1e-4),
        pytest.approx(2 / 6, abs=1e-4),
    )
    assert found.overlap.value == pytest.approx(0.18 / 0.22, abs=1e-4)
    assert found.classes == (
        (1, 0, 0, 0, 0),
        (0, 0, 1, 0, 0),
        (0, 0, 0, 0, 0),
        (0, 0, 0, 0, 1),
        (0, 0, 0, 1, 0),
    )
    assert found.by_class["D00"].value == 1
    assert found.by_class["D10"].value == 0
    mirrored = agreement(other, one)
    assert (mirrored.alpha, mirrored.presence) == (found.alpha, found.presence)  # fmt: skip


@pytest.mark.parametrize(
    ("first", "second", "wanted"),
    [
        # Krippendorff (2011), section A: binary data, two observers, ten units.
        ("0100000010", "1110010000", 0.095),
        # Section B: nominal data, two observers, twelve units.
        ("aabbdcccedda", "babbbccceddd", 0.692),
    ],
)  # fmt: skip
def test_alpha_is_krippendorff_s(first: str, second: str, wanted: float) -> None:
    values = sorted({*first, *second})
    counts = np.zeros((1, len(values), len(values)), np.int64)
    for one, other in zip(first, second, strict=True):
        counts[0, values.index(one), values.index(other)] += 1
    assert alpha(counts)[0] == pytest.approx(wanted, abs=5e-4)


def test_alpha_can_not_be_told_of_one_value() -> None:
    found = agreement(person(([], ())), person(([], ())))
    assert (found.alpha.value, found.presence.value, found.overlap.value) == (None, None, None)
    assert ": -" in found.as_text()


def drawn(seed: int, count: int) -> list[Picture]:
    """Pictures with boxes by lot."""
    rng = np.random.default_rng(seed)
    told = []
    for _ in range(count):
        corner = rng.uniform(0, 0.7, (rng.integers(0, 4), 2))
        told.append((np.concatenate([corner, corner + 0.25], axis=1), rng.integers(0, 4, len(corner))))
    return person(*told)


def test_people_who_draw_by_lot_agree_by_no_more_than_chance() -> None:
    found = agreement(drawn(1, 300), drawn(2, 300))
    assert found.alpha.value is not None
    assert found.alpha.value < 0.1


def test_the_interval_holds_what_more_pictures_tell() -> None:
    def pair(seed: int, count: int) -> Agreement:
        one = drawn(seed, count)
        lots = np.random.default_rng(seed)
        # A fifth of the boxes the second one does not see.
        seen = [lots.random(len(each.xyxy)) > 0.2 for each in one]
        other = [
            replace(each, xyxy=each.xyxy[rows], class_id=each.class_id[rows], box_id=())
            for each, rows in zip(one, seen, strict=True)
        ]
        return agreement(one, other)

    truth = pair(1, 5000).presence.value
    assert truth == pytest.approx(2 * 0.8 / 1.8, abs=0.01)
    held = [interval for seed in range(2, 42) if (interval := pair(seed, 60).presence.interval)]
    assert sum(low <= truth <= high for low, high in held) >= 34


def test_where_boxes_lie_on_each_other_like_goes_with_like() -> None:
    one = person((AT[[0, 0]], (0, 3)))
    found = agreement(one, person((AT[[0, 0]], (3, 0))))
    assert found.same_class.value == 1


def test_what_the_other_one_did_not_judge_is_no_disagreement() -> None:
    one = person((AT, (0, 1, 3)))
    half = [
        replace(
            one[0],
            judged=np.array([[0.0, 0.0, 0.4, 1.0]]),
            xyxy=AT[:0],
            class_id=one[0].class_id[:0],
            box_id=(),
        )
    ]
    found = agreement(one, half)
    assert (found.boxes, found.unjudged, found.presence.value) == ((1, 0), 2, 0)
    assert "judged nothing, not compared: 2" in found.as_text()
    nothing = [replace(one[0], xyxy=AT[:0], class_id=one[0].class_id[:0], box_id=())]
    assert agreement(nothing, half).empty == 0


def test_pictures_are_the_same_by_hash() -> None:
    one = [
        replace(each, sha256=f"{number:064x}")
        for number, each in enumerate(person((AT, (0, 1, 3)), ([], ())))
    ]
    other = [replace(one[0], name="renamed.jpg", id="other"), *person(([], ()), prefix="x")]
    found = agreement(one, other)
    assert (found.pictures, found.only, found.presence.value) == (1, (1, 1), 1)
    assert "1 and 1 pictures" in found.as_text()
    with pytest.raises(DatasetError, match="No picture is in both"):
        agreement(one, person(([], ()), prefix="y"))
    with pytest.raises(DatasetError, match="100x100 px in one and 50x50"):
        agreement(one, [replace(one[0], width_px=50, height_px=50)])


def test_the_command(tmp_path: Path) -> None:
    for name, line in (("sato", "0 0.5 0.5 0.2 0.4"), ("suzuki", "1 0.5 0.5 0.2 0.4")):
        yolo(tmp_path / name, "a.png", 1, line)
        yolo(tmp_path / name, "b.png", 2, "3 0.3 0.3 0.2 0.2")
        import_pictures("yolo", tmp_path / name, tmp_path / f"d-{name}", About())
    done = roaddamage("dataset", "agree", tmp_path / "d-sato", tmp_path / "d-suzuki")
    assert done.returncode == 0, done.stderr
    assert "Same place (F1): 1.00 (1.00–1.00)" in done.stdout
    assert "Same place and class (F1): 0.50" in done.stdout
    told = json.loads(
        roaddamage("dataset", "agree", tmp_path / "d-sato", tmp_path / "d-suzuki", "--json").stdout
    )
    assert told["classes"][0] == [0, 1, 0, 0, 0]
    assert roaddamage("dataset", "agree", tmp_path, tmp_path).returncode == 2
