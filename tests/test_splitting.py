"""Nothing that was seen in training is tested on: not a road, not a near duplicate, and not after more is added."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command import roaddamage
from labelled_files import picture, yolo
from PIL import Image, ImageEnhance

from datasets.dataset import DatasetError, Picture, read_dataset
from datasets.importing import About, import_pictures, road_pattern
from datasets.likeness import NEAR_BITS, hashes_of, near_pairs, nearest_pair, picture_hash
from datasets.splitting import split


def pictures(roads: int, per_road: int, seed: int = 0, **more: str) -> list[Picture]:
    """Pictures whose hashes have nothing to do with each other, with one or two boxes each."""
    rng = np.random.default_rng(seed)
    made = []
    for index in range(roads * per_road):
        classes = rng.integers(0, 4, rng.integers(0, 3))
        boxes = np.tile([0.1, 0.1, 0.5, 0.5], (len(classes), 1))
        one = Picture(
            f"{more.get('source', 's')}{index}.jpg",
            100,
            100,
            source="s",
            road=f"r{index % roads}",
            phash=rng.bytes(8).hex(),
            xyxy=boxes,
            class_id=classes,
        )
        made.append(replace(one, **more))  # type: ignore[arg-type]
    return made


def sides(split_pictures: tuple[Picture, ...], key: str) -> dict[str, set[str]]:
    """The parts that each road (or whatever) is in."""
    found: dict[str, set[str]] = {}
    for one in split_pictures:
        found.setdefault(getattr(one, key), set()).add(one.part)
    return found


def test_roads_stay_on_one_side_and_shares_are_kept() -> None:
    done, leakage = split(pictures(40, 10))
    assert all(len(parts) == 1 for parts in sides(done, "road").values())
    counts = Counter(one.part for one in done)
    assert counts["test"] == pytest.approx(80, abs=10)
    assert counts["val"] == pytest.approx(40, abs=10)
    boxes = {
        part: np.bincount(np.concatenate([one.class_id for one in done if one.part == part]), minlength=4)
        for part in counts
    }
    share = boxes["test"] / sum(boxes.values())
    assert share == pytest.approx(np.full(4, 0.2), abs=0.06)
    assert leakage.straddling == []
    assert leakage.groups == 40
    assert leakage.counts["test"]["pictures"] == counts["test"]


def test_same_seed_same_split() -> None:
    given = pictures(40, 5)
    assert [one.part for one in split(given, seed=3)[0]] == [one.part for one in split(given, seed=3)[0]]
    assert [one.part for one in split(given, seed=3)[0]] != [one.part for one in split(given, seed=4)[0]]


@pytest.mark.parametrize("seed", range(5))
def test_near_duplicates_on_two_roads_tie_them_together(seed: int) -> None:
    given = pictures(20, 5)
    twin = int(given[0].phash, 16) ^ 0b1011
    given[1] = replace(given[1], phash=f"{twin:016x}")
    assert given[0].road != given[1].road
    done, leakage = split(given, seed=seed)
    found = sides(done, "road")
    assert found["r0"] == found["r1"]
    assert leakage.tied_by_likeness == 1
    assert all(bits > NEAR_BITS for _, _, bits in leakage.nearest.values())


def test_pictures_that_have_a_part_keep_it_when_more_are_added() -> None:
    first, _ = split(pictures(20, 5))
    new = pictures(30, 5, seed=9, source="s", name="")
    new = [replace(one, name=f"n{index}.jpg") for index, one in enumerate(new)]
    done, leakage = split([*first, *new], seed=5)
    assert [one.part for one in done[: len(first)]] == [one.part for one in first]
    assert all(len(parts) == 1 for parts in sides(done, "road").values())
    assert leakage.straddling == []
    again, _ = split(done, seed=5, anew=True)
    assert [one.part for one in again[: len(first)]] != [one.part for one in first]


def test_a_leak_that_was_there_before_is_told() -> None:
    given = pictures(10, 2)
    given[0], given[10] = replace(given[0], part="train"), replace(given[10], part="test")
    assert given[0].road == given[10].road
    _, leakage = split(given)
    assert leakage.straddling == [sorted([given[0].name, given[10].name])]
    assert "Groups that straddle parts: 1" in leakage.as_text()


def partly(one: Picture) -> Picture:
    return replace(one, judged=one.xyxy)


def test_pictures_labelled_in_part_are_for_training_or_for_nothing() -> None:
    mixed = [partly(one) if index % 5 == 0 else one for index, one in enumerate(pictures(12, 6))]
    alone = [partly(one) for one in pictures(4, 5, seed=2, source="part")]
    done, leakage = split([*mixed, *alone])
    assert {one.part for one in done if one.judged is not None} == {"train", ""}
    assert {one.part for one in done if one.judged is None} == {"train", "val", "test"}
    assert {one.part for one in done if one.source == "part"} == {"train"}
    assert all(len(parts - {""}) == 1 for parts in sides(done, "road").values())
    held_out = sum(not one.part for one in done)
    assert leakage.held_out == held_out > 0
    assert f"{held_out} pictures labelled in part have no part" in leakage.as_text()
    # Judged to the end, they join the others of their road.
    again, leakage = split([replace(one, judged=None) for one in done])
    assert leakage.held_out == 0
    assert all(len(parts) == 1 for parts in sides(again[: len(mixed)], "road").values())


def test_roads_known_in_part_only_leave_nothing_to_test_on() -> None:
    roads = pictures(3, 4)
    with pytest.raises(DatasetError, match="1 groups of pictures are too few"):
        split([one if one.road == "r0" else partly(one) for one in roads])


def test_pictures_without_a_road_are_never_split_by_frame() -> None:
    done, leakage = split(pictures(10, 4) + pictures(1, 9, seed=2, road="", source="other"))
    assert len(sides(done, "source")["other"]) == 1
    assert leakage.without_key == 9
    with pytest.raises(DatasetError, match="1 groups of pictures are too few for 3 parts"):
        split(pictures(1, 20, road=""))


def test_the_same_road_number_in_two_countries_is_two_roads() -> None:
    there = pictures(3, 2, seed=2, country="Japan") + pictures(3, 2, seed=3, country="India")
    assert split(there)[1].groups == 6


def test_by_source() -> None:
    given = [one for seed in range(6) for one in pictures(3, 3, seed=seed, source=f"source{seed}")]
    done, _ = split(given, by="source", test=0.3, val=0.2)
    assert all(len(parts) == 1 for parts in sides(done, "source").values())
    assert set(Counter(one.part for one in done)) == {"train", "val", "test"}


@pytest.mark.parametrize(("test", "val"), [(-0.1, 0.1), (0.5, 0.5), (1.2, 0.0)])
def test_shares_that_can_be_none(test: float, val: float) -> None:
    with pytest.raises(DatasetError, match="shares of 1"):
        split(pictures(10, 2), test=test, val=val)


def test_a_hash_survives_what_copies_go_through_and_tells_others_apart(tmp_path: Path) -> None:
    hashes = []
    for seed in range(12):
        image = Image.open(picture(tmp_path / f"{seed}.png", seed, (640, 480)))
        image.resize((320, 240)).save(tmp_path / "copy.jpg", quality=40)
        brighter = ImageEnhance.Brightness(Image.open(tmp_path / "copy.jpg")).enhance(0.9)
        hashes += [picture_hash(np.asarray(one)) for one in (image, brighter)]
    pairs = {(one, other) for one, other, _ in near_pairs(hashes_of(hashes))}
    assert pairs == {(2 * seed, 2 * seed + 1) for seed in range(12)}


def test_pairs_are_those_of_a_plain_search() -> None:
    rng = np.random.default_rng(1)
    hashes = rng.integers(0, 2**63, 600, np.uint64)
    hashes[500:] = hashes[:100] ^ np.uint64(0b101)
    plain = {
        (one, other, bits)
        for one in range(600)
        for other in range(one + 1, 600)
        if (bits := (int(hashes[one]) ^ int(hashes[other])).bit_count()) <= NEAR_BITS
    }
    assert set(near_pairs(hashes)) == plain
    assert len(plain) == 100
    assert nearest_pair(hashes[:500], hashes[500:]) == (0, 0, 2)
    assert nearest_pair(hashes[:5], hashes[:0]) is None


def test_the_command_splits_what_was_imported(tmp_path: Path) -> None:
    for road in range(8):
        for frame in range(3):
            yolo(tmp_path / "y", f"K{road}_{frame}.png", road * 10 + frame, f"{road % 4} 0.5 0.5 0.2 0.4")
    # A picture of K0 that was saved again under the name of another road.
    Image.open(tmp_path / "y/images/K0_0.png").resize((150, 75)).save(tmp_path / "y/images/K7_9.png")
    (tmp_path / "y/labels/K7_9.txt").write_text("")
    out = tmp_path / "d"
    import_pictures("yolo", tmp_path / "y", out, About(road_pattern=road_pattern("(K[0-9])_")))
    done = roaddamage("dataset", "split", out, "--test", "0.3", "--val", "0.2", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told == json.loads((out / "reports/split.json").read_text())
    assert (told["straddling"], told["groups"], told["tied_by_likeness"]) == ([], 7, 1)
    found = sides(read_dataset(out).pictures, "road")
    assert all(len(parts) == 1 for parts in found.values())
    assert found["K0"] == found["K7"]
    assert "Groups that straddle parts: 0" in (out / "reports/split.txt").read_text()
    assert "| test |" in (out / "card.md").read_text()
    refused = roaddamage("dataset", "split", tmp_path)
    assert (refused.returncode, "dataset import" in refused.stderr) == (2, True)
