"""Snapping: drives on the road that they were on, and their damages with them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import shapely
from made_roads import FRAME, RULES, roads
from numpy.typing import NDArray
from test_merge import ONE

from benchmarks.road_survey import MadeDrive, Truth, damages, drive, grid_town
from datasets.city import Receiver
from detector.classes import CLASSES, SEVERITIES
from detector.sightings import Sighting
from maps.coverage import Way
from maps.exposure import exposure
from maps.merge import merge
from maps.network import Network
from maps.on_roads import on_roads
from maps.snapping import NO_ROAD, snap, track

Floats = NDArray[np.float64]
JUNCTION_M = 15.0
STREET = (0.0, 0.0, 400.0, 0.0)
FAR = [(0.0, 90_000.0), (400.0, 90_000.0)]


def metres(network: Network, points_m: list[tuple[float, float]]) -> Floats:
    return np.column_stack(network.frame.to_metres(*lonlat(points_m).T))


def lonlat(points_m: list[tuple[float, float]]) -> Floats:
    return np.column_stack(FRAME.to_lonlat(*np.array(points_m, float).reshape(-1, 2).T))


def way(
    *points_m: tuple[float, float], drive: str = "a", reach_m: float = 6.0, utc_s: float | None = 1.75e9
) -> Way:
    reach = np.full((len(CLASSES), len(SEVERITIES)), reach_m)
    return Way(drive, utc_s, [lonlat([*points_m])], 1.0, reach)


def right_shares(network: Network, truth: Truth, one: MadeDrive) -> tuple[float, float, float]:
    """Of a drive's sightings away from junctions: on the right road, by the nearest line, and in the right lane."""
    heading = np.radians([seen.heading_deg for seen in one.sightings])
    at = [(seen.lon, seen.lat) for seen in one.sightings]
    place = np.column_stack(network.frame.to_metres(*np.array(at).T))
    told = snap(network, track(network, one.way.lines, one.way.accuracy_m), place, heading, network.keep_left)
    line, met = truth.line[one.seen], network.junctions
    near = np.abs(met.at_m - truth.at_m[one.seen][:, None]) + 1e6 * (met.line != line[:, None])
    clear = near.min(1) > JUNCTION_M
    nearest = network.short.line[network.tree.nearest(shapely.points(place))]
    right = told.line == line
    lane = told.direction == truth.direction[one.seen]
    return float(right[clear].mean()), float((nearest == line)[clear].mean()), float(lane[right].mean())


@pytest.mark.parametrize(
    ("rms_m", "keep", "right", "lane"),
    [
        pytest.param(4 / np.sqrt(3), "left", 0.99, 0.9, id="95 % of places within 4 m"),
        pytest.param(4 / np.sqrt(3), "right", 0.99, 0.9, id="and on the right hand"),
        pytest.param(4.0, "left", 0.95, 0.9, id="4 m on average of squares"),
    ],
)
def test_parallel_roads_10_m_apart(rms_m: float, keep: str, right: float, lane: float) -> None:
    """Every street has a side road; what the receiver is wrong by stays the same for minutes."""
    network = Network(grid_town(8, 200.0, 10.0), replace(RULES.lanes, keep=keep))
    rng = np.random.default_rng(0)
    truth = damages(network, rng, 30.0)
    receiver = Receiver(wander_m=rms_m / np.sqrt(2))
    drives = [
        drive(network, truth, rng, "a", 8000.0, 0.0, receiver=receiver, keep_left=keep == "left")
        for _ in range(4)
    ]
    ours, nearest, lanes = np.mean([right_shares(network, truth, one) for one in drives], axis=0)
    assert ours >= right
    assert ours > nearest
    assert lanes >= lane


@pytest.mark.parametrize("along", [1, -1], ids=["along the line", "against it"])
@pytest.mark.parametrize(
    ("keep", "left_m", "oncoming", "across_m"),
    [
        pytest.param("left", 0.5, False, 0.5, id="left-hand traffic, its own lane"),
        pytest.param("left", -2.8, True, -0.2, id="left-hand traffic, to the right"),
        pytest.param("left", 2.8, False, 2.8, id="left-hand traffic, at the kerb"),
        pytest.param("right", -0.5, False, -0.5, id="right-hand traffic, its own lane"),
        pytest.param("right", 2.8, True, 0.2, id="right-hand traffic, to the left"),
        pytest.param("right", -2.8, False, -2.8, id="right-hand traffic, at the kerb"),
    ],
)
def test_the_lane_of_a_sighting(
    keep: str, left_m: float, oncoming: bool, across_m: float, along: int
) -> None:
    """`left_m` is how far left of its drive's way it lies."""
    network = Network(roads(STREET), replace(RULES.lanes, keep=keep))
    lane = 1.5 * along * (1 if keep == "left" else -1)
    driven = lonlat([(0, lane), (400, lane)][::along])
    place = metres(network, [(200.0, lane + along * left_m)])
    told = snap(network, track(network, [driven], 1.0), place, np.radians([90.0 * along]), keep == "left")
    assert (told.line[0], told.direction[0]) == (0, -along if oncoming else along)
    assert (told.at_m[0], told.across_m[0]) == pytest.approx((200, across_m), abs=0.1)


def test_where_both_directions_share_a_lane_there_is_none() -> None:
    network = Network(roads(STREET, kind=["service"]), RULES.lanes)
    back = track(network, [lonlat([(400, 0), (0, 0)])], 1.0)
    told = snap(network, back, metres(network, [(100.0, 1.0)]), np.radians([270.0]), keep_left=True)
    assert told.direction.tolist() == [0]
    assert told.across_m == pytest.approx([1.0], abs=0.1), "seen along the line"


@pytest.mark.parametrize(
    ("east_north_m", "heading_deg"),
    [
        pytest.param((200.0, 60.0), 90.0, id="too far beside the way"),
        pytest.param((200.0, 0.0), 0.0, id="of a road across"),
        pytest.param((200.0, 0.0), np.nan, id="without a heading"),
        pytest.param((900.0, 0.0), 90.0, id="where the drive never was"),
    ],
)
def test_a_sighting_that_fits_no_road(east_north_m: tuple[float, float], heading_deg: float) -> None:
    network = Network(roads(STREET), RULES.lanes)
    driven = track(network, [lonlat([(0, 0), (400, 0)])], 1.0)
    place = metres(network, [east_north_m])
    told = snap(network, driven, place, np.radians([heading_deg]), keep_left=True)
    assert told.line.tolist() == [NO_ROAD]
    assert np.isnan(told.at_m).all()


@pytest.mark.parametrize(
    "points",
    [
        pytest.param([], id="no way"),
        pytest.param([[]], id="no fix"),
        pytest.param([[(0.0, 0.0)]], id="one fix"),
        pytest.param([[(0.0, 0.0), (0.0, 0.0)]], id="standing still"),
        pytest.param([[(np.nan, np.nan), (np.nan, np.nan)]], id="no numbers"),
        pytest.param([FAR], id="far from every road"),
    ],
)
def test_drives_that_were_on_no_road(points: list[list[tuple[float, float]]]) -> None:
    network = Network(roads(STREET), RULES.lanes)
    drive = replace(way(), lines=[lonlat(one) for one in points])
    seen, tracks = exposure(network, [drive])
    assert (tracks["a"].line == NO_ROAD).all()
    assert not seen.share.any()
    damage = merge([[sighting(*(points[0][0] if points and points[0] else (0.0, 0.0)))]])
    assert on_roads(network, damage, tracks, keep_left=True).line.tolist() == [NO_ROAD]


def test_a_fix_without_numbers_costs_no_more_than_itself() -> None:
    network = Network(roads(STREET), RULES.lanes)
    driven = track(network, [lonlat([(0, 0), (100, 0), (np.nan, np.nan), (400, 0)])], 1.0)
    assert (driven.line == 0).all()
    assert np.nanmax(driven.at_m) == pytest.approx(400, abs=1)


def test_no_roads_at_all() -> None:
    network = Network(roads(), RULES.lanes)
    assert (track(network, way((0, 0), (400, 0)).lines, 1.0).line == NO_ROAD).all()


@pytest.mark.parametrize(
    ("level", "lines"),
    [pytest.param(0, {0, 1}, id="a road beside it"), pytest.param(1, {0}, id="a viaduct above it")],
)
def test_no_way_leads_onto_a_viaduct(level: int, lines: set[int]) -> None:
    """A drive along a street has it nearer for 300 m, and comes back to the street."""
    network = Network(roads(STREET, (50.0, 1.5, 350.0, 1.5), level=[0, level]), RULES.lanes)
    driven = track(network, [lonlat([(0, 1.5), (50, 3), (350, 3), (400, 1.5)])], 3.0)
    assert set(driven.line.tolist()) == lines


def sighting(east_m: float, north_m: float = 1.5, drive: str = "a") -> Sighting:
    lon, lat = FRAME.to_lonlat(np.nan_to_num(east_m), np.nan_to_num(north_m))
    return replace(ONE, lon=float(lon), lat=float(lat), heading_deg=90.0, drive=drive)


def test_most_of_a_damages_sightings_say_where_it_lies() -> None:
    """Two drives along the street and one along its side road saw the same pothole."""
    network = Network(roads(STREET, (0.0, 9.0, 400.0, 9.0)), RULES.lanes)
    ways = [way((0, 1.5), (400, 1.5), drive=name) for name in "ab"] + [way((0, 10.5), (400, 10.5), drive="c")]
    damage = merge(
        [[sighting(east, drive=name)] for east, name in ((199.0, "a"), (203.0, "b"), (201.0, "c"))]
    )
    assert [len(one.sightings) for one in damage] == [3]
    told = on_roads(network, damage, exposure(network, ways)[1], keep_left=True)
    assert (told.line.tolist(), told.direction.tolist()) == ([0], [1])
    assert told.at_m == pytest.approx([201], abs=0.5)


def test_no_damages() -> None:
    network = Network(roads(STREET), RULES.lanes)
    assert len(on_roads(network, [], {}, keep_left=True)) == 0
