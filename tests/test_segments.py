"""Segments: how much was seen, crack ratios by hand, and intervals that hold the truth of a made survey."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_roads import RULES, lying, recall, roads, seen, street

from benchmarks.road_survey import damages, drive, grid_town, survey_of
from benchmarks.segments import true_ratio
from detector.classes import ALLIGATOR_CRACK
from maps.assessment import assess
from maps.network import Network
from maps.passes import Recall
from maps.segments import Segments, _interval, segments

PATCH = {"class_id": ALLIGATOR_CRACK, "at_m": 10.0, "length_m": 10.0, "width_m": 3.0}
"""Half of the first 20 m of its lane."""
SURE = recall(0.98, 0.0)
LOOKS = 50


def told(
    network: Network, *rows: dict[str, object], share: float = 1.0, looks: int = LOOKS, found: Recall = SURE
) -> tuple[Segments, Segments]:
    return segments(network, seen(network, share, looks), lying(*rows), found, RULES.condition)


def test_crack_ratio_of_what_was_seen_often() -> None:
    short, long = told(street(), PATCH)
    assert short.crack_ratio[0, 0] == pytest.approx(50, abs=0.2)
    assert short.crack_ratio[0, 1] == pytest.approx(0, abs=0.2)
    assert short.crack_ratio[1, 0] == pytest.approx(0, abs=0.2), "the other lane"
    assert long.crack_ratio[0, 0] == pytest.approx(10, abs=0.2)
    assert long.as_seen[0, 0] == pytest.approx(10, abs=0.2)
    assert long.counts[ALLIGATOR_CRACK, 0, 0] == 1


@pytest.mark.parametrize(
    ("width_m", "single", "percent"),
    [
        pytest.param(5.4, True, 100 * 50 * 0.15 / (100 * 5.4), id="one lane for both directions"),
        pytest.param(5.5, False, 100 * 50 * 0.15 / (100 * 2.75), id="from 5.5 m on a lane each"),
    ],
)
def test_the_ratio_is_of_the_lane_as_wide_as_it_is(width_m: float, single: bool, percent: float) -> None:
    crack = {"direction": 0 if single else 1, "at_m": 25.0, "length_m": 25.0, "width_m": 0.1}
    _, long = told(street(width_m=[width_m]), crack)
    assert long.there[:, 0].tolist() == [True, not single]
    assert long.crack_ratio[0, 0] == pytest.approx(percent, rel=0.05)


@pytest.mark.parametrize(
    ("oneway", "there"),
    [
        pytest.param(1, [True, False], id="along the line"),
        pytest.param(-1, [False, True], id="against it"),
        pytest.param(0, [True, True], id="both"),
    ],
)
def test_a_one_way_road_has_one_lane(oneway: int, there: list[bool]) -> None:
    _, long = told(street(oneway=[oneway]))
    assert long.there[:, 0].tolist() == there
    assert np.isfinite(long.crack_ratio[:, 0]).tolist() == there


@pytest.mark.parametrize(
    ("share", "judged"),
    [
        pytest.param(0.5, True, id="as much as the rules ask"),
        pytest.param(0.49, False, id="less"),
        pytest.param(0.0, False, id="nothing"),
    ],
)
def test_what_was_seen_too_little_has_no_ratio(share: float, judged: bool) -> None:
    for found in told(street(), PATCH, share=share, looks=1):
        assert np.isfinite([found.crack_ratio, found.low, found.high, found.sd]).all() == judged
        assert np.isnan([found.crack_ratio, found.low, found.high, found.sd]).all() != judged
        assert found.seen_share == pytest.approx(share)


def test_share_seen_is_by_length_and_as_seen_by_what_was_seen() -> None:
    network = street()
    half = seen(network, looks=LOOKS)
    behind = half.begin_m >= 60
    half.share[:, behind] = half.looks[:, behind] = half.drives[:, behind] = 0
    half.last_utc_s[:, behind] = np.nan
    short, long = segments(network, half, lying(PATCH), SURE, RULES.condition)
    assert long.seen_share[:, 0] == pytest.approx(0.6)
    assert short.seen_share[0] == pytest.approx([1, 1, 1, 0, 0])
    assert long.as_seen[0, 0] == pytest.approx(100 * 30 / (60 * 3), rel=2e-3)
    assert np.isnan(short.as_seen[0, 4])
    assert np.isnan(short.last_utc_s[0, 4])
    assert (short.drives[0] == [LOOKS] * 3 + [0] * 2).all()
    assert long.crack_ratio[0, 0] > 10, "what was not seen is estimated"
    assert long.high[0, 0] - long.low[0, 0] > 5


def test_what_was_missed_is_estimated() -> None:
    often, once = (
        told(street(1000.0), *({**PATCH, "at_m": 50.0 + 100 * number, "length_m": 2.0} for number in range(10)),
             looks=looks, found=recall(0.5, 0.0))[1]
        for looks in (LOOKS, 1)
    )  # fmt: skip
    assert once.as_seen == pytest.approx(often.as_seen), "the same was seen"
    assert once.crack_ratio[0].mean() == pytest.approx(2 * often.crack_ratio[0].mean(), rel=0.25)
    assert (once.high - once.low > often.high - often.low).all()


def test_a_recall_that_is_not_known_widens_the_interval() -> None:
    rows = [{**PATCH, "at_m": 50.0 + 100 * number} for number in range(10)]
    sure, unsure = (told(street(1000.0), *rows, looks=1, found=recall(0.6, sd))[1].sd for sd in (0.0, 0.1))
    assert (unsure > sure).all()


def test_intervals_are_in_order_where_next_to_nothing_was_found() -> None:
    """A gamma distribution so skew has its mean above its 97.5 % quantile."""
    for found in told(street(5000.0), looks=1, found=recall(0.98, 0.0)):
        assert (found.crack_ratio > 0).all()
        assert (found.low <= found.crack_ratio).all()
        assert (found.crack_ratio <= found.high).all()


@pytest.mark.parametrize(
    ("mean", "variance", "low", "high"),
    [
        pytest.param(1.0, 1.0, 0.02532, 3.68888, id="exponential"),
        pytest.param(2.0, 0.0, 2.0, 2.0, id="known"),
        pytest.param(0.0, 0.0, 0.0, 0.0, id="nothing"),
        pytest.param(1e-4, 1e-4, 0.0, 1e-4, id="so skew that the mean lies above"),
    ],
)
def test_interval(mean: float, variance: float, low: float, high: float) -> None:
    assert np.ravel(_interval(np.array([mean]), np.array([variance]))) == pytest.approx([low, high], abs=1e-5)


def test_the_order_of_roads_in_their_file_changes_nothing() -> None:
    """Junctions lie along a road in another order than the roads that meet there."""
    ends = [
        (0.0, 0.0, 400.0, 0.0),
        (300.0, -80.0, 300.0, 80.0),
        (200.0, -80.0, 200.0, 80.0),
        (100.0, -80.0, 100.0, 80.0),
    ]
    rows = [{**PATCH, "at_m": at, "length_m": 1.0, "place_sd_m": 2.0} for at in (101.0, 150.0, 250.0, 299.0)]
    results = []
    for order in ([0, 1, 2, 3], [0, 3, 2, 1]):
        network = Network(roads(*(ends[one] for one in order)), RULES.lanes)
        short, _ = told(network, *rows)
        results.append(short.sd[:, short.pieces.line == 0])
    assert results[0] == pytest.approx(results[1])
    steady, _ = told(Network(roads(ends[0]), RULES.lanes), *rows)
    near = np.array([99 < begin < 121 or 279 < begin < 301 for begin in steady.pieces.begin_m])
    assert (results[0][0, near] > steady.sd[0, near]).any(), "at a junction it may lie on the other road"


def test_no_roads_no_segments() -> None:
    network = Network(roads(), RULES.lanes)
    assert [len(one.pieces) for one in told(network)] == [0, 0]


@pytest.fixture(scope="module")
def surveys() -> list[tuple[np.ndarray, Segments]]:
    """True ratios and segments of made surveys, of pieces of 20 m and 100 m."""
    network = Network(grid_town(6, 200.0), RULES.lanes)
    rows = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        truth = damages(network, rng, 30.0, 8.0)
        drives = [drive(network, truth, rng, f"d{number}", 6000.0, 2.0 * number) for number in range(6)]
        found = assess(survey_of(drives), network, RULES)
        rows += [(true_ratio(network, truth, one, RULES), one) for one in (found.short, found.long)]
    return rows


@pytest.mark.parametrize("which", [pytest.param(0, id="20 m"), pytest.param(1, id="100 m")])
def test_the_interval_holds_the_truth_as_often_as_it_says(
    surveys: list[tuple[np.ndarray, Segments]], which: int
) -> None:
    held = []
    for true, found in surveys[which::2]:
        judged = np.isfinite(found.crack_ratio)
        held.append(((true >= found.low - 1e-9) & (true <= found.high + 1e-9))[judged])
    assert 0.91 <= np.concatenate(held).mean() <= 0.995


def test_ratios_are_between_their_bounds(surveys: list[tuple[np.ndarray, Segments]]) -> None:
    for _, found in surveys:
        judged = np.isfinite(found.crack_ratio)
        assert judged.any()
        assert (judged <= found.there).all()
        low, ratio, high = (one[judged] for one in (found.low, found.crack_ratio, found.high))
        assert ((low >= 0) & (low <= ratio) & (ratio <= high) & (high <= 100)).all()


def test_what_is_told_is_nearer_the_truth_than_what_was_seen(
    surveys: list[tuple[np.ndarray, Segments]],
) -> None:
    """Of all segments together."""
    true, ratio, as_seen = (np.concatenate(column) for column in zip(*(
        (true[judged], found.crack_ratio[judged], found.as_seen[judged])
        for true, found in surveys[1::2] for judged in [np.isfinite(found.crack_ratio)]
    ), strict=True))  # fmt: skip
    assert ratio.mean() == pytest.approx(true.mean(), rel=0.2)
    assert as_seen.mean() < true.mean()


def test_rules_weigh_the_mesh() -> None:
    network, rules = street(), replace(RULES.condition, one_crack_m2=0.25)
    crack = {"at_m": 25.0, "length_m": 25.0, "width_m": 0.1}
    usual, more = (
        segments(network, seen(network, looks=LOOKS), lying(crack), SURE, one)[1].crack_ratio[0, 0]
        for one in (RULES.condition, rules)
    )
    assert more == pytest.approx(usual * 0.25 / 0.15, rel=0.01)
