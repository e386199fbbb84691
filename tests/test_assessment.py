"""The assessment: of any survey, of none too, and wherever on the globe."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_roads import RULES
from numpy.typing import NDArray
from test_survey import made, undated, written

from benchmarks.road_survey import MadeDrive, grid_town, survey_of
from maps.assessment import Assessment, assess, roads_of
from maps.network import Network
from maps.roads import Roads
from maps.snapping import NO_ROAD
from maps.survey import Survey, read_survey


def assessed(survey: Survey, roads: Roads | None = None) -> Assessment:
    return assess(survey, Network(roads or roads_of(survey), RULES.lanes), RULES)


def town(east_deg: float = 0.0) -> Roads:
    roads = grid_town(3, 200.0)
    return replace(roads, lines=np.array([_moved(one, east_deg) for one in roads.lines], object))


def _moved(line: Any, east_deg: float) -> Any:
    import shapely

    return shapely.transform(line, lambda xy: east(xy, east_deg))


def east(lonlat: NDArray[np.float64], by_deg: float) -> NDArray[np.float64]:
    return np.column_stack([(lonlat[:, 0] + by_deg + 180) % 360 - 180, lonlat[:, 1]])


def moved(one: MadeDrive, by_deg: float) -> MadeDrive:
    ways = [east(way, by_deg) for way in one.way.lines]
    seen = [replace(each, lon=(each.lon + by_deg + 180) % 360 - 180) for each in one.sightings]
    return replace(
        one, way=replace(one.way, lines=ways), driven=replace(one.driven, ways=ways), sightings=seen
    )


@pytest.mark.parametrize(
    ("survey", "roads"),
    [
        pytest.param(Survey(), None, id="no drive and no roads"),
        pytest.param(Survey(), town(), id="no drive"),
        pytest.param(survey_of([replace(made("a"), sightings=[])]), None, id="a drive that saw nothing"),
        pytest.param(survey_of([replace(made("a"), sightings=[])]), town(), id="such a drive on given roads"),
    ],
)
def test_a_survey_without_damages(survey: Survey, roads: Roads | None) -> None:
    told = assessed(survey, roads)
    assert told.damages == told.named == []
    assert len(told.points.total) == 0
    assert not told.short.counts.any()
    assert not told.hot.level.any()
    driven = bool(survey.driven)
    assert np.isfinite(told.short.crack_ratio).any() == driven


def test_an_output_folder_without_a_drive(tmp_path: Path) -> None:
    assert assessed(read_survey([written(tmp_path / "out")])).damages == []


@pytest.mark.parametrize("roads", [None, town()], ids=["ways driven", "roads given"])
@pytest.mark.parametrize("drive", [made("a"), undated(made("a"))], ids=["dated", "undated"])
def test_a_single_drive(drive: MadeDrive, roads: Roads | None) -> None:
    told = assessed(survey_of([drive]), roads)
    assert told.damages
    assert (told.placed.line != NO_ROAD).all()
    dated = drive.way.utc_s is not None
    assert np.isfinite(told.short.last_utc_s).any() == dated
    assert all(bool(one.road) == (roads is not None) for one in told.named)
    assert (told.points.total > 0).all()


def test_roads_of_another_city() -> None:
    told = assessed(survey_of([made("a")]), town(east_deg=0.5))
    assert (told.placed.line == NO_ROAD).sum() == len(told.damages) > 0
    assert not told.seen.share.any()


@pytest.mark.parametrize("given", [False, True], ids=["ways driven", "roads given"])
def test_on_the_180th_meridian_all_is_as_elsewhere(given: bool) -> None:
    drive = made("a")
    middle = float(np.vstack(drive.way.lines)[:, 0].mean())
    there, here = (
        assessed(survey_of([moved(drive, by)]), town(by) if given else None) for by in (180 - middle, 0.0)
    )
    assert np.vstack(there.survey.ways[0].lines)[:, 0].min() < -179
    assert len(there.damages) == len(here.damages)
    assert there.network.length_m.sum() == pytest.approx(here.network.length_m.sum(), rel=1e-4)
    assert there.placed.at_m == pytest.approx(here.placed.at_m, abs=0.1)
    assert there.long.crack_ratio == pytest.approx(here.long.crack_ratio, abs=0.01, nan_ok=True)
