"""How far a drive sees depends on what is to be seen and on its camera; what it covered says so."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from pyproj import Geod

from detector.camera import camera_for
from detector.classes import ALLIGATOR_CRACK, CLASSES, LONGITUDINAL_CRACK, POTHOLE, SEVERITIES
from detector.visibility import Light
from maps.coverage import LEAST_BOX_PX, ROADSIDE_M, Way, coverage, reach_m, smallest_m
from maps.exports import coverage_table, write_geopackage
from roaddamage.language import translation

CAMERA = camera_for(1920, 1080, height_m=1.3, hfov_deg=65)
LINE = np.column_stack([np.full(30, 139.75), 35.65 + np.linspace(0, 300, 30) / 110_941])
WIDTHS = np.full((len(CLASSES), len(SEVERITIES)), 5.0)
WIDTHS[POTHOLE] = 0.0, 2.0, 3.0
WAY = Way("d", 1.7e9, [LINE], 1.5, WIDTHS, Light.dim)


def test_larger_things_are_seen_further_and_none_beyond_the_roadside() -> None:
    reach = reach_m(CAMERA, 448)
    assert (np.diff(reach, axis=1) >= 0).all()
    assert len(np.unique(reach)) < 8, "kinds fall together"
    assert 0 < reach[POTHOLE, 0] < reach[POTHOLE, 2] < reach[ALLIGATOR_CRACK, 2]
    assert reach.max() == pytest.approx(ROADSIDE_M)


def test_at_its_reach_a_box_is_as_large_as_it_must_be() -> None:
    """And a step further it is not, wherever ahead."""
    reach, (length_m, width_m) = reach_m(CAMERA, 448)[POTHOLE, 2], smallest_m()[POTHOLE, 2]
    camera = CAMERA.resized(448, 252)

    def seen(right_m: float) -> bool:
        forward = np.arange(2, 20, 0.02)
        u, v = camera.to_image(right_m, forward)
        _, low = camera.to_image(right_m, forward - length_m / 2)
        _, high = camera.to_image(right_m, forward + length_m / 2)
        inside = (u > 0) & (u < 448) & (v > 0) & (v < 252)
        return bool((inside & (low - high >= LEAST_BOX_PX[1])).any())

    assert width_m > length_m * 0.9
    assert seen(reach)
    assert not seen(reach + 0.7)


@pytest.mark.parametrize(
    "worse",
    [
        pytest.param((camera_for(1920, 1080, height_m=0.8, hfov_deg=65), 448), id="a lower camera"),
        pytest.param((CAMERA, 320), id="smaller pictures"),
        pytest.param((camera_for(1080, 1920, height_m=1.3, hfov_deg=40), 448), id="upright and narrow"),
    ],
)
def test_a_worse_view_reaches_less_far(worse: tuple) -> None:
    assert (reach_m(*worse) <= reach_m(CAMERA, 448)).all()
    assert reach_m(*worse).sum() < reach_m(CAMERA, 448).sum()


def test_a_camera_that_looks_aside_reaches_as_far_as_on_its_worse_side() -> None:
    turned = [replace(CAMERA, yaw_rad=yaw) for yaw in (-0.3, 0.3)]
    one, other = (reach_m(camera, 448) for camera in turned)
    assert one == pytest.approx(other)
    assert one[LONGITUDINAL_CRACK, 0] < reach_m(CAMERA, 448)[LONGITUDINAL_CRACK, 0]


def test_a_camera_that_sees_no_road_covers_nothing() -> None:
    up = reach_m(camera_for(1920, 1080, hfov_deg=65, horizon=0.9), 200)
    assert not up[POTHOLE].any()
    assert coverage([replace(WAY, reach_m=np.zeros_like(WIDTHS))]) == []


def test_the_way_as_wide_as_each_kind_is_seen() -> None:
    covered = coverage([WAY, replace(WAY, drive="could judge nothing", lines=[])])
    area_m2 = [abs(Geod(ellps="WGS84").geometry_area_perimeter(one.area)[0]) for one in covered]
    assert area_m2 == pytest.approx([300 * 4, 300 * 6, 300 * 10], rel=0.01)
    assert [one.kinds for one in covered[:2]] == [[(POTHOLE, 1)], [(POTHOLE, 2)]]
    assert len(covered[2].kinds) == 9


def test_the_layer_says_what_was_seen_in_it(tmp_path) -> None:
    import geopandas

    write_geopackage(tmp_path / "a.gpkg", [], [], [WAY], ZoneInfo("Asia/Tokyo"), translation("ja"))
    layer = geopandas.read_file(tmp_path / "a.gpkg", layer="coverage")
    assert layer.crs.to_epsg() == 4326
    first = layer.drop(columns="geometry").iloc[0].to_dict()
    assert first == {
        "drive": "d",
        "begin": "2023-11-15T07:13:20+09:00",
        "light": "薄暗い",
        "sees": "D40 中",
        "reach_m": 2.0,
    }


def test_no_coverage_is_an_empty_layer() -> None:
    table = coverage_table([], ZoneInfo("Asia/Tokyo"), translation("en"))
    assert len(table) == 0
    assert table.crs.to_epsg() == 4326
