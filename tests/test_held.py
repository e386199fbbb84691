"""What shows a person is held over frames that the networks miss it in, at any frame rate, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice, pairwise

import numpy as np
import pytest

from detector.held import GAP_S, HOLD_S, MOST_WAITING, Held, Looked, held
from detector.masking import cover
from detector.private import Found, Kind

Way = Callable[[float], tuple[float, float, float]]
"""Middle and width of a plate at a time, px."""
ROAD = np.zeros((720, 1280, 3), np.uint8)


def passed(time_s: float) -> tuple[float, float, float]:
    """A parked car's plate, passed at 40 km/h, three metres to the side."""
    away_m = 24 - 11 * time_s
    return 640 - 2700 / away_m, 360 + 720 / away_m, 300 / away_m


def ahead(time_s: float) -> tuple[float, float, float]:
    """The plate of a car ahead, as the camera shakes."""
    return 640 + 60 * np.sin(time_s), 420 + 4 * np.sin(9 * time_s), 40.0


def walking(time_s: float) -> tuple[float, float, float]:
    """A face that goes across the picture."""
    return 200 + 250 * time_s, 330.0, 40.0


WAYS = {"passed": passed, "ahead": ahead, "walking": walking}


def box(way: Way, time_s: float) -> np.ndarray:
    x, y, width = way(time_s)
    return np.array([x - width / 2, y - width / 4, x + width / 2, y + width / 4])


def found(*boxes: np.ndarray) -> Found:
    return Found(
        np.array(boxes, np.float32).reshape(-1, 4),
        (Kind.plate,) * len(boxes),
        np.ones(len(boxes), np.float32),
    )


def footage(way: Way, times_s: list[float], missed: set[int]) -> Iterator[Looked[int]]:
    """Frames whose networks see the plate, but in those that are missed."""
    for index, time_s in enumerate(times_s):
        yield Looked(time_s, found() if index in missed else found(box(way, time_s)), index)


def bare(frame: Looked[int] | Held[int], truth: np.ndarray) -> float:
    """How much of the plate shows."""
    assert frame.found is not None
    return 1 - cover(ROAD, frame.found).share_of(truth)


def steady(rate: float, seconds: float = 1.6) -> list[float]:
    return (np.arange(round(seconds * rate)) / rate).tolist()


VARIABLE = np.cumsum(np.tile([0.02, 0.05, 0.034, 0.1], 8)).tolist()


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize(
    ("times_s", "missed"),
    [
        (steady(60), set(range(30, 55))),
        (steady(30), {7, 20, 21, 30, 32, 33}),
        (steady(30), set(range(20, 33))),
        (VARIABLE, {6, 7, 15, 16, 17, 24}),
        (steady(15), {5, 9, 10, 16}),
        (steady(10), {4, 9}),
    ],
    ids=["60-gap", "30-some", "30-gap", "variable", "15", "10"],
)
def test_what_some_frames_miss_does_not_show(way: Way, times_s: list[float], missed: set[int]) -> None:
    seen = list(footage(way, times_s, missed))
    shown = list(held(seen))
    assert [one.frame for one in shown] == list(range(len(times_s)))
    for before, after in zip(seen, shown, strict=True):
        truth = box(way, after.time_s)
        assert (bare(before, truth) == 1) == (before.frame in missed)
        assert bare(after, truth) < 0.03, after.frame


@pytest.mark.parametrize("rate", [10, 15, 30])
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_thing_is_covered_before_its_first_and_after_its_last_box(way: Way, rate: float) -> None:
    times_s = steady(rate)
    first, last = round(0.5 * rate), round(1.1 * rate)
    shown = list(held(footage(way, times_s, {*range(first), *range(last + 1, len(times_s))})))
    for one in shown:
        away_s = max(times_s[first] - one.time_s, one.time_s - times_s[last])
        if away_s <= 0.2:
            assert bare(one, box(way, one.time_s)) < 0.1, one.frame
        if away_s > max(HOLD_S, 2 / rate) + 1e-9:
            assert not one.found, "not for ever"


def test_a_box_that_holds_half_of_a_thing_does_not_show_the_other() -> None:
    def seen() -> Iterator[Looked[int]]:
        for index, time_s in enumerate(steady(30)):
            whole = box(ahead, time_s)
            yield Looked(
                time_s,
                found(np.array([*whole[:2], whole[[0, 2]].mean(), whole[3]]) if index == 20 else whole),
                index,
            )

    assert max(bare(one, box(ahead, one.time_s)) for one in held(seen())) < 0.03


def test_two_things_that_pass_one_another_stay_two() -> None:
    ways = [
        lambda time_s: (300 + 300 * time_s, 300.0, 60.0),
        lambda time_s: (700 - 300 * time_s, 330.0, 60.0),
    ]
    times_s = steady(30)
    seen = [
        Looked(time_s, found(*(box(way, time_s) for way in ways if index % 7 not in (2, 3))), index)
        for index, time_s in enumerate(times_s)
    ]
    for one in held(seen):
        assert max(bare(one, box(way, one.time_s)) for way in ways) < 0.03, one.frame


def test_frames_that_nobody_looked_at_are_covered_as_those_that_were_missed() -> None:
    times_s = steady(30)
    seen = [
        Looked(one.time_s, one.found if one.frame % 4 == 0 else None, one.frame)
        for one in footage(passed, times_s, set())
    ]
    assert max(bare(one, box(passed, one.time_s)) for one in held(seen)) < 0.1


def test_what_is_found_stays_covered_and_nothing_more_where_it_stands() -> None:
    still = box(ahead, 0.0)
    for one in held(Looked(time_s, found(still), 0) for time_s in steady(30)):
        assert one.found.xyxy[0].tolist() == still.astype(np.float32).tolist()
        covered = cover(ROAD, one.found).xyxy
        assert ((covered[:, 2:] - covered[:, :2]) <= (still[2:] - still[:2]) * 1.6 + 2).all()


@pytest.mark.parametrize(
    ("rate", "most", "waits"),
    [(30, MOST_WAITING, 16), (240, MOST_WAITING, MOST_WAITING), (30, 5, 5), (1, MOST_WAITING, 4)],
    ids=["30", "240", "few", "1"],
)
def test_few_frames_wait(rate: float, most: int, waits: int) -> None:
    taken = 0

    def endless() -> Iterator[Looked[int]]:
        nonlocal taken
        while True:
            taken += 1
            yield Looked(taken / rate, found(box(ahead, taken / rate)), taken)

    shown = held(endless(), most)
    waiting = []
    for one in islice(shown, 3 * MOST_WAITING):
        waiting.append(taken - one.frame)
    assert max(waiting) == waits
    assert waiting[0] >= min(waits, GAP_S * rate) - 1


def test_no_frame_and_nothing_found_are_no_fault() -> None:
    assert not list(held(Looked(time_s, found(), 0) for time_s in ()))
    assert not any(one.found for one in held(Looked(time_s, found(), 0) for time_s in steady(30)))


def test_times_ascend_as_given() -> None:
    shown = list(held(footage(passed, VARIABLE, {3, 4, 5})))
    assert all(one.time_s < two.time_s for one, two in pairwise(shown))
