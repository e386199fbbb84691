"""Tile keys: what lies in a viewport is in its ranges, and little else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from maps.tiles import LATITUDE_LIMIT, ZOOM, cluster_shift, key_centre, tile_key, viewport_ranges

LON, LAT = st.floats(-180, 180), st.floats(-90, 90)


def test_the_key_is_the_morton_code_of_the_zoom_24_tile() -> None:
    assert tile_key(-180, 85.06) == 0
    assert tile_key(0.0, 0.0) == 0b11 << 2 * (ZOOM - 1)
    assert tile_key(-1e-9, 0.0) >> 2 * (ZOOM - 1) == 0b10, "west of Greenwich, south"
    assert tile_key(180, -86) == 4**ZOOM - 1, "what is beyond the edge is put on it"


@given(LON, LAT)
def test_a_key_leads_back_to_its_place(lon: float, lat: float) -> None:
    there = [float(part) for part in key_centre(tile_key(lon, lat))]
    assert abs(there[0] - lon) <= 360 / 2**ZOOM
    assert abs(there[1] - np.clip(lat, -LATITUDE_LIMIT, LATITUDE_LIMIT)) <= 360 / 2**ZOOM


@settings(max_examples=40, deadline=None)
@given(LON, LAT, st.floats(1e-5, 30), st.floats(1e-5, 20))
@example(180.0, 0.0, 1.0, 1.0)
def test_every_place_of_a_viewport_is_in_its_ranges(
    west: float, south: float, wide: float, high: float
) -> None:
    east, north = min(west + wide, 180.0), min(south + high, 90.0)
    rng = np.random.default_rng(0)
    keys = tile_key(rng.uniform(west, east, 50), rng.uniform(south, north, 50))
    ranges = viewport_ranges(west, south, east, north)
    assert len(ranges) <= 64
    assert all(any(low <= key < high for low, high in ranges) for key in keys.tolist())


def test_ranges_hold_little_more_than_the_viewport() -> None:
    rng = np.random.default_rng(1)
    keys = tile_key(rng.uniform(139, 140, 200_000), rng.uniform(35, 36, 200_000))
    found = sum(
        int(((keys >= low) & (keys < high)).sum()) for low, high in viewport_ranges(139.4, 35.4, 139.6, 35.6)
    )
    assert 0.9 * 8_000 < found < 1.5 * 8_000


def test_a_viewport_over_the_antimeridian_has_both_sides() -> None:
    ranges = viewport_ranges(179.9, 35, -179.9, 36)
    for lon, inside in ((179.95, True), (-179.95, True), (0.0, False)):
        assert any(low <= tile_key(lon, 35.5) < high for low, high in ranges) is inside


@pytest.mark.parametrize(
    ("west", "east", "lon", "inside"), [(0, -408, 90, True), (200, -170, -175, True), (200, -408, 90, False)]
)
def test_a_viewport_beyond_the_world_ends_with_it(west: float, east: float, lon: float, inside: bool) -> None:
    ranges = viewport_ranges(west, -10, east, 80)
    assert any(low <= tile_key(lon, 35.5) < high for low, high in ranges) is inside


@pytest.mark.parametrize(
    "box", [(139, 36, 140, 35), (float("nan"), 35, 140, 36)], ids=["upside down", "no number"]
)
def test_no_viewport(box: tuple[float, float, float, float]) -> None:
    with pytest.raises(ValueError, match="no viewport"):
        viewport_ranges(*box)


def test_no_place_has_no_key() -> None:
    with pytest.raises(ValueError, match="no number"):
        tile_key([139.0, np.nan], [35.0, 35.0])


def test_clusters_are_tiles_two_zooms_further_in() -> None:
    lon, lat = np.array([139.75, 139.7501]), np.array([35.65, 35.65])
    keys = tile_key(lon, lat)
    for zoom, together in ((10, True), (21, False)):
        cells = keys >> cluster_shift(zoom)
        assert (cells[0] == cells[1]) is np.bool_(together)
    assert cluster_shift(24) == 0
