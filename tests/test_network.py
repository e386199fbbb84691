"""The network: pieces that add up to their roads, junctions where roads meet, and lanes as wide as told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import shapely
from made_roads import FRAME, RULES, roads

from maps.network import BIN_M, LONG_M, SHORT_M, Network

LENGTHS_M = (1.2, 12.0, 20.0, 29.0, 49.9, 51.0, 100.0, 149.0, 151.0, 1234.5)


def network(*ends: tuple[float, float, float, float], **more: object) -> Network:
    return Network(roads(*ends, **more), RULES.lanes)


def bent() -> Network:
    """Roads of many lengths, each with a bend every 7 m."""
    lines = []
    for number, length in enumerate(LENGTHS_M):
        along = np.append(np.arange(0, length, 7.0), length)
        xy = np.column_stack([along, 50.0 * number + np.where(np.arange(len(along)) % 2, 1.0, 0.0)])
        lines.append(shapely.LineString(np.column_stack(FRAME.to_lonlat(*xy.T))))
    made = roads(*[(0.0, 0.0, 1.0, 0.0)] * len(lines))
    return Network(replace(made, lines=np.array(lines, object)), RULES.lanes)


@pytest.mark.parametrize(
    ("which", "size_m"), [pytest.param("short", SHORT_M, id="20 m"), pytest.param("long", LONG_M, id="100 m")]
)
def test_pieces_add_up_to_their_roads(which: str, size_m: float) -> None:
    net = bent()
    pieces, lines = getattr(net, which), getattr(net, f"{which}_lines")
    size = pieces.end_m - pieces.begin_m
    assert np.bincount(pieces.line, size) == pytest.approx(net.length_m)
    assert shapely.length(lines) == pytest.approx(size)
    same = pieces.line[1:] == pieces.line[:-1]
    assert (pieces.begin_m[1:] == pieces.end_m[:-1])[same].all(), "each begins where the last ended"
    assert (pieces.begin_m[1:] == 0)[~same].all()
    assert size.max() < 1.5 * size_m
    alone = np.bincount(pieces.line)[pieces.line] == 1
    assert size[~alone].min() >= size_m / 2
    ends = [shapely.get_coordinates(shapely.get_point(lines, place)) for place in (0, -1)]
    assert np.abs(ends[1][:-1] - ends[0][1:])[same].max() < 1e-6


def test_short_pieces_lie_within_their_long_ones() -> None:
    net = bent()
    of = net.short.of
    assert (net.short.line == net.long.line[of]).all()
    assert (net.short.begin_m >= net.long.begin_m[of]).all()
    assert (net.short.end_m <= net.long.end_m[of]).all()
    assert np.bincount(of, net.short.end_m - net.short.begin_m) == pytest.approx(
        net.long.end_m - net.long.begin_m
    )


def test_every_place_lies_in_its_piece_and_step() -> None:
    net = bent()
    rng = np.random.default_rng(0)
    line = rng.integers(0, len(LENGTHS_M), 500)
    at = rng.uniform(0, net.length_m[line])
    for pieces in (net.short, net.long):
        piece = pieces.at(line, at)
        assert (pieces.line[piece] == line).all()
        assert ((pieces.begin_m[piece] <= at) & (at <= pieces.end_m[piece])).all()
    step = net.bin_at(line, at) - net.first_bin[line]
    assert (np.abs(at - (step + 0.5) * BIN_M) <= BIN_M / 2 + 1e-9).all()


def test_places_beyond_the_ends_lie_in_the_nearest_piece() -> None:
    net = network((0, 0, 242, 0), (0, 50, 92, 50))
    line, at = np.array([0, 0, 1, 1]), np.array([-5.0, 9999.0, -5.0, 9999.0])
    assert net.long.at(line, at).tolist() == [0, 1, 2, 2]
    assert net.bin_at(line, at).tolist() == [0, 48, 49, 67]


FIRST = (0.0, 0.0, 100.0, 0.0)


@pytest.mark.parametrize(
    ("other", "level", "met"),
    [
        pytest.param((50, -50, 50, 50), 0, [(50, 50)], id="crossing without a common point"),
        pytest.param((100, 0, 100, 80), 0, [(100, 0)], id="running on round a corner"),
        pytest.param((40, 0, 40, 80), 0, [(40, 0)], id="a side street"),
        pytest.param((40, 6, 40, 80), 0, [(40, 0)], id="a side street drawn up to the kerb"),
        pytest.param((40, 14, 40, 80), 0, [], id="a street that ends before it"),
        pytest.param((50, -50, 50, 50), 1, [], id="a bridge over it"),
        pytest.param((50, -50, 50, 50), -1, [], id="a tunnel under it"),
        pytest.param((100, 0, 200, 0), 1, [(100, 0)], id="the bridge that it runs on to"),
        pytest.param((50, 3, 50, 80), 1, [], id="a bridge that ends above it"),
        pytest.param((-10, 30, 110, 30), 0, [], id="a parallel street"),
    ],
)
def test_where_roads_meet(other: tuple[float, ...], level: int, met: list[tuple[float, float]]) -> None:
    net = network(FIRST, (*other[:2], *other[2:]), level=np.array([0, level], np.int8))
    found = net.junctions
    for one, its, theirs in ((0, found.at_m, found.other_m), (1, found.other_m, found.at_m)):
        mine = found.line == one
        assert (found.other[mine] == 1 - one).all()
        places = list(zip(its[mine].tolist(), theirs[mine].tolist(), strict=True))
        assert len(places) == len(met)
        assert np.array(places).ravel() == pytest.approx(np.array(met).ravel(), abs=0.1)


@pytest.mark.parametrize(
    ("told", "single", "lane_m"),
    [
        pytest.param({}, False, 3.0, id="nothing"),
        pytest.param({"width_m": [6.5]}, False, 3.25, id="a width for two lanes"),
        pytest.param({"width_m": [4.0]}, True, 4.0, id="a width for one"),
        pytest.param({"width_m": [1.0]}, True, 2.0, id="a width for none"),
        pytest.param({"width_m": [20.0]}, False, 4.0, id="a square"),
        pytest.param({"width_m": [13.0], "lanes": [4.0]}, False, 3.25, id="four lanes"),
        pytest.param({"lanes": [1.0]}, True, 3.0, id="one lane"),
        pytest.param({"width_m": [6.0], "lanes": [1.0]}, False, 3.0, id="one lane as wide as two"),
        pytest.param({"kind": ["service"]}, True, 3.0, id="a kind that has one lane"),
        pytest.param({"kind": ["service"], "width_m": [6.0]}, False, 3.0, id="such a kind, but wide"),
        pytest.param({"oneway": [1], "width_m": [3.5]}, False, 3.5, id="one way"),
        pytest.param({"oneway": [1], "width_m": [6.0], "lanes": [2.0]}, False, 3.0, id="two lanes of one way"),
    ],
)  # fmt: skip
def test_lanes(told: dict[str, object], single: bool, lane_m: float) -> None:
    net = network(FIRST, **told)
    assert (bool(net.single[0]), float(net.lane_m[0])) == (single, pytest.approx(lane_m))


def test_roads_on_the_180th_meridian_are_as_long_as_elsewhere() -> None:
    made = roads((-200, 0, -10, 0), (10, 0, 200, 0), (-200, 0, 200, 0))
    east = shapely.transform(made.lines, lambda xy: (xy - (139.75, 0) + (360, 0)) % 360 - (180, 0))
    net = Network(replace(made, lines=np.array(east, object)), RULES.lanes)
    assert net.length_m == pytest.approx([190, 190, 400], rel=1e-3)


def test_no_roads() -> None:
    net = network()
    assert (len(net.short), len(net.long), len(net.short_lines), len(net.junctions.line)) == (0, 0, 0, 0)
