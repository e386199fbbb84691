"""Hot spots: those that were put are found, none is found where none was put, and looking often makes none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from esda.getisord import G_Local
from libpysal.graph import Graph
from made_roads import RULES, lying, recall, roads, seen
from scipy.sparse import coo_array
from scipy.stats import false_discovery_control

from benchmarks.road_survey import as_they_are, both, damages, drive, grid_town, place, survey_of
from detector.classes import ALLIGATOR_CRACK, CODES
from maps.assessment import assess
from maps.hot_spots import FEWEST, HotSpots, _compared, hot_spots, neighbours
from maps.network import Network
from maps.on_roads import OnRoads
from maps.rules import HotSpotRules

RULE = RULES.hot_spots
TOWN = Network(grid_town(8, 200.0), RULES.lanes)
SPOT_M = 400.0, 600.0
"""On the first road."""
PER_KM = 12.0


def told(network: Network, rows: OnRoads, rules: HotSpotRules = RULE, **looked: Any) -> HotSpots:
    return hot_spots(network, seen(network, **looked), rows, recall(), rules)


def strewn(seed: int, spot: int = 0) -> OnRoads:
    """Damages by chance over the town, and so many more in two neighbouring segments."""
    rng = np.random.default_rng(seed)
    truth = damages(TOWN, rng, PER_KM)
    more = place(TOWN, rng, np.zeros(spot, np.int64), rng.uniform(*SPOT_M, spot))
    return as_they_are(both(truth, more))


def test_a_spot_that_was_put_is_found() -> None:
    near = neighbours(TOWN, 1)[[4, 5]].sum(0) > 0
    elsewhere = 0
    for seed in range(5):
        hot = told(TOWN, strewn(seed, 25))
        assert hot.level[4:6].tolist() == [99, 99], "400 to 600 m of the first road"
        assert (hot.rate_around[4:6] > 2 * hot.rate_all).all()
        elsewhere += int((hot.level[~near] > 0).sum())
    assert elsewhere <= 2


def test_none_is_found_where_none_was_put() -> None:
    """Of surveys with chance alone one in ten may have one."""
    assert sum((told(TOWN, strewn(100 + seed)).level > 0).any() for seed in range(40)) <= 6


def test_looking_ten_times_makes_no_hot_spot() -> None:
    """Drives up and down one street see what two over the whole town miss, and no more of the street."""
    network = Network(grid_town(6, 200.0), RULES.lanes)
    rng = np.random.default_rng(3)
    truth = damages(network, rng, PER_KM)
    usual = [drive(network, truth, rng, f"d{number}", 15_000.0, number) for number in range(2)]
    street = Network(roads((0.0, 0.0, 1000.0, 0.0)), RULES.lanes)
    own = truth.pick(truth.line == 0)
    again = [drive(street, own, rng, f"again{number}", 900.0, 10.0 + number) for number in range(20)]
    once, many = (assess(survey_of(drives), network, RULES).hot for drives in (usual, [*usual, *again]))
    first = network.long.line == 0
    assert (many.level[first] == 0).all()
    assert many.rate[first].mean() < 2 * max(float(np.nanmean(once.rate[first])), many.rate_all)
    assert many.seen_m[first] == pytest.approx(200.0, abs=1.0), "a street driven often is no longer"


@pytest.mark.parametrize(
    ("share", "compared"),
    [pytest.param(0.15, True, id="30 m of lane seen"), pytest.param(0.1499, False, id="less")],
)
def test_what_was_half_seen_is_not_compared(share: float, compared: bool) -> None:
    looked = seen(TOWN)
    looked.share[:, TOWN.long.at(looked.line, looked.begin_m) == 4] = share
    hot = hot_spots(TOWN, looked, strewn(1, 25), recall(), RULE)
    assert bool(hot.compared[4]) == compared
    for values in (hot.rate, hot.z, hot.p, hot.q, hot.rate_around):
        assert bool(np.isfinite(values[4])) == compared
        assert np.isfinite(values[5])
    assert bool(hot.level[4]) == compared


def test_a_survey_that_found_nothing_has_rates_of_nothing() -> None:
    hot = told(TOWN, strewn(1)[np.zeros(0, np.int64)])
    assert hot.compared.all()
    assert (hot.rate == 0).all()
    assert hot.rate_all == 0
    assert np.isnan([hot.z, hot.p, hot.q]).all()
    assert not hot.level.any()


@pytest.mark.parametrize(
    ("length_m", "compared"),
    [
        pytest.param(100.0 * FEWEST, True, id="enough"),
        pytest.param(100.0 * (FEWEST - 1), False, id="too few"),
    ],
)
def test_few_segments_do_not_say_what_is_usual(length_m: float, compared: bool) -> None:
    network = Network(roads((0.0, 0.0, length_m, 0.0)), RULES.lanes)
    hot = told(network, lying(*({"at_m": at} for at in (*range(50, 1900, 200), *range(905, 1000, 5)))))
    assert np.isfinite(hot.z).all() == compared
    assert hot.compared.all()
    assert np.isfinite(hot.rate).all()


def apart(count: int) -> Network:
    """Roads of 100 m that meet none."""
    return Network(roads(*((0.0, 50.0 * row, 100.0, 50.0 * row) for row in range(count))), RULES.lanes)


def test_a_segment_without_neighbours_is_compared_by_itself() -> None:
    network = apart(60)
    rows = [{"line": line} for line in range(0, 60, 4)] + [
        {"line": 7, "at_m": 5.0 * step} for step in range(12)
    ]
    hot = told(network, lying(*rows))
    assert np.flatnonzero(hot.level).tolist() == [7]
    assert hot.rate_around == pytest.approx(hot.rate)


@pytest.mark.parametrize(
    ("network", "rules"),
    [
        pytest.param(apart(30), RULE, id="all alike"),
        pytest.param(
            Network(roads((0.0, 0.0, 2100.0, 0.0)), RULES.lanes),
            replace(RULE, reach_segments=30),
            id="all neighbours",
        ),
    ],
)
def test_where_none_differs_none_is_hot(network: Network, rules: HotSpotRules) -> None:
    pieces = network.long
    rows = [
        {"line": line, "at_m": at}
        for line, at in zip(pieces.line.tolist(), (pieces.begin_m + 50).tolist(), strict=True)
    ]
    if rules is not RULE:
        rows += rows[:5]
    hot = told(network, lying(*rows), rules)
    assert (hot.z == 0).all()
    assert (hot.level == 0).all()
    assert ((hot.p > 0.2) & (hot.q > 0.2)).all()


@pytest.mark.parametrize("seed", range(4))
def test_gi_star_is_that_of_esda(seed: int) -> None:
    """Whether the deviations add up to more than nothing, or to less."""
    rng = np.random.default_rng(seed)
    near = neighbours(TOWN, 1)
    km = rng.uniform(0.05, 0.2, len(TOWN.long))
    total = rng.poisson(20 * km).astype(float)
    z, _ = _compared(total, km, (1.0, 1.0, 1.0), near)
    usual = total.sum() / km.sum() * km
    standard = (total - usual) / np.sqrt(usual)
    graph = Graph.from_sparse(coo_array(near))
    assert z == pytest.approx(G_Local(standard + 100, graph, transform="B", star=True, permutations=0).Zs)
    around, n = near.sum(1), len(km)
    by_hand = (near @ standard - around * standard.mean()) / (
        standard.std() * np.sqrt((n * around - around**2) / (n - 1))
    )
    assert z == pytest.approx(by_hand)


def test_levels_are_of_the_false_discovery_rate() -> None:
    hot = told(TOWN, strewn(1, 25))
    own = np.where(hot.rate > 0, hot.p, 1.0)
    assert (own > hot.p).any(), "some have no damage themselves"
    assert hot.q == pytest.approx(false_discovery_control(own))
    order = np.argsort(own)
    assert (np.diff(hot.q[order]) >= 0).all()
    assert (hot.q >= hot.p).all()
    assert (hot.level == np.select([hot.q <= 0.01, hot.q <= 0.05, hot.q <= 0.1], [99, 95, 90], 0)).all()
    assert len(set(hot.level.tolist())) > 1


def test_rates_are_weighted_damages_to_the_lane_km() -> None:
    rows = lying(
        {
            "at_m": 50.0,
            "class_id": ALLIGATOR_CRACK,
            "severity": 2,
            "length_m": 2.0,
            "width_m": 2.0,
            "weight": 0.5,
        }
    )
    hot = told(TOWN, rows, looks=1)
    assert hot.rate[0] == pytest.approx(6.0 * 0.5 / 0.75 / 0.2), "found three times of four, on 200 m of lane"
    assert hot.rate_all == pytest.approx(6.0 * 0.5 / 0.75 / TOWN.length_m.sum() / 2 * 1000)


def test_weights_of_the_rules_change_what_is_hot() -> None:
    rows = strewn(4, 25)
    patches = replace(RULE, weights={code: (float(code == "D20"),) * 3 for code in CODES})
    spot = (rows.line == 0) & (rows.at_m > SPOT_M[0]) & (rows.at_m < SPOT_M[1])
    rows = rows[~(spot & (rows.class_id == ALLIGATOR_CRACK))]
    assert told(TOWN, rows).level[4:6].all()
    assert not told(TOWN, rows, patches).level[4:6].any()


def test_neighbours_are_what_touches_along_the_roads() -> None:
    """A road of 400 m that another crosses where its second piece ends, and one that passes beside them."""
    network = Network(
        roads((0.0, 0.0, 400.0, 0.0), (200.0, -100.0, 200.0, 100.0), (0.0, 30.0, 150.0, 30.0)), RULES.lanes
    )
    near = neighbours(network, 1).toarray() > 0
    assert (near == near.T).all()
    told = [np.flatnonzero(row).tolist() for row in near]
    assert told[:6] == [[0, 1], [0, 1, 2, 4, 5], [1, 2, 3, 4, 5], [2, 3], [1, 2, 4, 5], [1, 2, 4, 5]]
    assert {6, 7} >= {one for row in told[6:] for one in row}
    twice = neighbours(network, 2).toarray() > 0
    assert np.flatnonzero(twice[0]).tolist() == [0, 1, 2, 4, 5]
