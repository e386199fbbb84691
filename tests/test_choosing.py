"""Frames worth labelling: doubt, difference and novelty counted by hand, and the command on real files."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import typer
from command import roaddamage
from conftest import frame_number, write_video
from labelled_pictures import rendered

from datasets.dataset import Dataset, Picture, read_dataset
from datasets.splitting import split
from detector.errors import FootageError
from detector.model import Detections
from roaddamage.choose import Source
from roaddamage.dataset_cli import _weights
from training.choosing import Known, Pool, Weights, choose
from training.doubt import difference, expected_mistakes, flicker, mirrored, presence, votes_differ


def boxes(*rows: tuple[float, float, float, float, int]) -> Detections:
    table = np.array(rows, float).reshape(-1, 5)
    return Detections(table[:, :4], table[:, 4].astype(np.int64), np.full(len(rows), 0.5))


@pytest.mark.parametrize(
    ("probability", "mistakes"),
    [([], 0.0), ([1.0, 0.0], 0.0), ([0.5], 0.5), ([0.9, 0.2, 0.5], 0.8)],
)
def test_expected_mistakes_are_those_of_the_likelier_side(probability: list[float], mistakes: float) -> None:
    assert expected_mistakes(np.array(probability)) == pytest.approx(mistakes)


LEFT, RIGHT = (0, 0, 10, 10), (90, 0, 100, 10)


@pytest.mark.parametrize(
    ("what", "one", "p", "other", "q", "wanted"),
    [
        ("nothing in either", boxes(), [], boxes(), [], []),
        ("the same", boxes((*LEFT, 0)), [0.7], boxes((*LEFT, 0)), [0.7], [0.0]),
        ("as surely not", boxes((*LEFT, 0)), [0.9], boxes((*LEFT, 0)), [0.2], [0.7]),
        ("another class", boxes((*LEFT, 0)), [0.7], boxes((*LEFT, 3)), [0.6], [0.7, 0.6]),
        (
            "only in the second",
            boxes((*LEFT, 0)),
            [0.7],
            boxes((*LEFT, 0), (*RIGHT, 1)),
            [0.7, 0.4],
            [0.0, 0.4],
        ),
        ("elsewhere", boxes((*LEFT, 0)), [0.7], boxes((*RIGHT, 0)), [0.6], [0.7, 0.6]),
    ],
)
def test_two_opinions_differ_box_by_box(
    what: str, one: Detections, p: list[float], other: Detections, q: list[float], wanted: list[float]
) -> None:
    told = difference(one, np.array(p), other, np.array(q))
    assert told.tolist() == pytest.approx(wanted), what


def test_a_mirrored_picture_s_boxes_lie_where_they_are() -> None:
    assert mirrored(boxes((*RIGHT, 0)), 100).xyxy.tolist() == [list(LEFT)]


def test_what_neighbours_do_not_see_flickers() -> None:
    assert presence(np.array([0, 0, 3]), np.array([0.5, 0.5, 0.2])).tolist() == pytest.approx(
        [0.75, 0, 0, 0.2]
    )
    seen = np.array([0.1, 0.9, 0.1, 0.1, 0.9, 0.2, 0.8, 0.7])[:, None]
    drive = np.array([0, 0, 0, 1, 1, 2, 2, 3])
    wanted = [0.8, 0.8, 0.8, 0.8, 0.8, 0.6, 0.6, 0.0]
    # In the middle of a drive both neighbours count, at its ends the only one; a frame alone has none.
    assert flicker(seen, drive)[:, 0].tolist() == pytest.approx(wanted)
    steady = np.array([0.9, 0.9, 0.1])[:, None]
    assert flicker(steady, np.zeros(3, int))[1, 0] == 0
    assert flicker(np.empty((0, 4)), np.empty(0, int)).shape == (0, 4)


@pytest.mark.parametrize(
    ("votes", "differ"), [([3, 0, 0, 0, 0], 0.0), ([1, 1, 1, 1, 1], 1.0), ([0, 0, 0, 0, 0], 0.0)]
)
def test_drives_differ_by_the_entropy_of_what_they_found(votes: list[float], differ: float) -> None:
    assert votes_differ(np.array(votes, float)) == pytest.approx(differ)


def pool(n: int, vector: list[list[float]], **columns: object) -> Pool:
    told = Pool(
        tuple(f"f{row}" for row in range(n)), np.zeros(n), np.zeros(n, np.int64), np.full((n, 2), np.nan),
        np.zeros(n), np.zeros(n), np.zeros((n, 4), np.float16), np.full(n, -1), np.array(vector, np.float16),
        np.uint64(0x0123456789ABCDEF) ** np.arange(1, n + 1, dtype=np.uint64), two_models=False,
    )  # fmt: skip
    return replace(told, **columns)  # type: ignore[arg-type]


EAST, NORTH, WEST, SOUTH = [4.0, 0], [0, 4.0], [-4.0, 0], [0, -4.0]


def test_by_novelty_alone_the_farthest_from_all_that_is_labelled_or_chosen_comes_next() -> None:
    some = pool(3, [[2.0, -4], NORTH, [-1.0, 4]])
    known = Known(("old",), np.array([SOUTH], np.float16), np.array([0], np.uint64))
    chosen = choose(some, known, 3, Weights(0, 0, 1))
    assert chosen[0].row in (1, 2), "opposite to what is labelled"
    assert chosen[1].row == 0, "the like of one that is chosen waits"
    assert chosen[1].novelty > chosen[2].novelty
    assert chosen[0].reasons[0].text(str) == "unlike what is labelled or chosen (nearest: old)"
    assert choose(some, Known(), 1, Weights(0, 0, 1))[0].reasons[0].text(str) == "nothing is labelled yet"


def test_near_duplicates_are_never_chosen() -> None:
    some = pool(4, [EAST, NORTH, WEST, SOUTH], mistakes=np.array([3.0, 2.0, 1.0, 0.5]))
    some.hashes[1] = some.hashes[0] ^ np.uint64(0b1111)
    known = Known(("old",), np.array([SOUTH], np.float16), some.hashes[3:] ^ np.uint64(1))
    assert [one.row for one in choose(some, known, 9, Weights(1, 0, 0))] == [0, 2]


@pytest.mark.parametrize(
    ("columns", "weights", "words"),
    [
        (
            {"mistakes": np.array([0, 2.0]), "boxes": np.array([0, 3]), "doubtful": np.array([[0, 0.9], [3, 0.52]])},
            Weights(1, 0, 0),
            "the model is unsure of 3 of its boxes, most of all of one as Pothole (D40) (likely to 52%)",
        ),
        (
            {"differing": np.array([0, 1.3])},
            Weights(0, 1, 0),
            "boxes that the model finds otherwise in the mirrored picture: 1.3",
        ),
        (
            {"differing": np.array([0, 1.3]), "two_models": True},
            Weights(0, 1, 0),
            "boxes by which the two models differ: 1.3",
        ),
        ({"told": np.array([0, 0.8])}, Weights(0, 1, 0), "the drives past this place differ on what is there"),
        (
            {"present": np.array([[0, 0, 0, 0], [0, 0.9, 0, 0]], np.float16), "sequence": np.array([0, 0])},
            Weights(0, 1, 0),
            "Transverse crack (D10): likely to 90% here, otherwise in the frames beside it",
        ),
    ],
)  # fmt: skip
def test_each_choice_has_its_reason(columns: dict[str, object], weights: Weights, words: str) -> None:
    (chosen,) = choose(pool(2, [EAST, NORTH], **columns), Known(), 1, weights, seed=3)
    if "sequence" not in columns:
        assert chosen.row == 1
        assert [one.text(str) for one in chosen.reasons] == [words]
    else:
        both = choose(pool(2, [EAST, NORTH], **columns), Known(), 2, weights)
        assert words in [reason.text(str) for one in both for reason in one.reasons]


def test_where_all_are_worth_the_same_the_seed_decides() -> None:
    some = pool(4, [EAST, NORTH, WEST, SOUTH])
    first = [[one.row for one in choose(some, Known(), 4, seed=seed)] for seed in (0, 0, 1, 2, 3)]
    assert first[0] == first[1]
    assert len({tuple(rows) for rows in first}) > 1
    assert choose(pool(0, []), Known(), 5) == []


def test_what_nobody_labelled_is_proposed_and_gets_no_part() -> None:
    with pytest.raises(ValueError, match="by nobody"):
        Picture("a.jpg", 9, 9, part="train", proposed=True)
    rows = [Picture(f"{n}.jpg", 9, 9, road=f"r{n}", proposed=n == 1) for n in range(8)]
    placed, _ = split(rows, test=0.3, val=0.2)
    assert [one.name for one in placed] == [one.name for one in rows]
    assert [one.part == "" for one in placed] == [one.proposed for one in rows]


@pytest.fixture(scope="module")
def roads(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return rendered(tmp_path_factory.mktemp("choose") / "roads", ["train"] * 5, seed=8, size_px=(320, 192))


def test_the_command_writes_a_dataset_that_nobody_labelled(roads: Dataset, tmp_path: Path) -> None:
    (tmp_path / "pool").mkdir()
    for one in roads.pictures:
        (tmp_path / "pool" / one.name).write_bytes(roads.image_path(one).read_bytes())
    (tmp_path / "pool" / "again.jpg").write_bytes(roads.image_path(roads.pictures[2]).read_bytes())
    (tmp_path / "pool" / "broken.jpg").write_bytes(b"no picture")
    half = tmp_path / "half"
    half.mkdir()
    (half / "images").symlink_to(roads.folder / "images")
    (half / "labels").symlink_to(roads.folder / "labels")
    lines = (roads.folder / "manifest.csv").read_text().splitlines(keepends=True)
    (half / "manifest.csv").write_text("".join(lines[:3]))
    done = roaddamage(
        "dataset", "choose", tmp_path / "pool", "--labelled", half, "--budget", 9, "--out", tmp_path / "out",
        "--lang", "en", "--device", "cpu",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "broken.jpg can't be read" in done.stderr
    assert "3 of 6 frames chosen" in done.stdout, "two are labelled already, one is there twice"
    told = read_dataset(tmp_path / "out")
    assert [one.labelled for one in told.pictures] == ["nobody"] * 3
    assert all(told.image_path(one).exists() for one in told.pictures)
    with (tmp_path / "out" / "choice.csv").open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == [one.name for one in told.pictures]
    assert all(row["reasons"] for row in rows)


@pytest.mark.parametrize("text", ["1,2", "0,0,0", "1,-1,1", "a,b,c", "nan,1,1"])
def test_weights_that_are_none_are_bad_usage(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="--weights"):
        _weights(text)


def test_frames_of_videos_are_found_again_by_their_names(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    write_video(tmp_path / "one" / "drive.mp4", np.arange(40) / 10)
    write_video(tmp_path / "two" / "drive.mp4", np.arange(20) / 10)
    (tmp_path / "two" / "broken.mp4").write_bytes(b"no video")
    source = Source([tmp_path / "one", tmp_path / "two"], 0.5)
    seen = {one.name: one for one in source.candidates()}
    assert {one.sequence for one in seen.values()} == {"drive", "drive-2"}
    assert [frame_number(one.image) for one in seen.values()] == [*range(0, 40, 5), *range(0, 20, 5)]
    assert [one.path.name for one in source.refused] == ["broken.mp4"]
    wanted = frozenset(list(seen)[1:4])
    again = list(source.candidates(wanted))
    assert {one.name for one in again} == wanted
    assert all((one.image == seen[one.name].image).all() for one in again)
    for path in (tmp_path / "none", tmp_path / "empty"):
        (tmp_path / "empty").mkdir(exist_ok=True)
        with pytest.raises(FootageError):
            Source([path], 1.0)
