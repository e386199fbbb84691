"""Surveys: what `detect` left in its folders, put together again; each drive counts once."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from made_roads import RULES
from test_passes import BEGIN_S, sighting
from test_passes import way as looked

from benchmarks.road_survey import MadeDrive, damages, drive, grid_town, survey_of, write_results
from detector.visibility import Light
from maps.exports import Driven, write_geopackage
from maps.merge import merge
from maps.network import Network
from maps.survey import DAY_S, FILE, Survey, SurveyError, read_survey
from roaddamage.language import translation

TOKYO = ZoneInfo("Asia/Tokyo")


@cache
def made(name: str, seed: int = 0, day: float = 0.0) -> MadeDrive:
    network = Network(grid_town(3, 200.0), RULES.lanes)
    rng = np.random.default_rng(seed)
    return drive(network, damages(network, rng, 20.0), rng, name, 1500.0 + 100 * seed, day)


def undated(one: MadeDrive) -> MadeDrive:
    return replace(
        one, way=replace(one.way, utc_s=None), driven=replace(one.driven, begin_utc_s=None),
        sightings=[replace(seen, utc_s=None) for seen in one.sightings],
    )  # fmt: skip


def written(folder: Path, *drives: MadeDrive) -> Path:
    write_results(folder, drives, TOKYO, translation("ja"))
    return folder


@pytest.mark.parametrize("dated", [True, False], ids=["dated", "undated"])
def test_a_survey_is_read_as_it_was(tmp_path: Path, dated: bool) -> None:
    drives = [one if dated else undated(one) for one in (made("朝の走行"), made("b", 1, 3.0))]
    before, after = survey_of(drives), read_survey([written(tmp_path / "out", *drives)])
    assert not after.remarks
    assert after.folders == dict.fromkeys(("朝の走行", "b"), tmp_path / "out")
    for way, told in zip(before.ways, after.ways, strict=True):
        assert (way.drive, way.utc_s, way.light) == (told.drive, told.utc_s, told.light)
        assert (way.reach_m == told.reach_m).all()
        assert told.accuracy_m == pytest.approx(way.accuracy_m, abs=1e-3)
        assert all(np.allclose(*lines) for lines in zip(way.lines, told.lines, strict=True))
    for driven, told in zip(before.driven, after.driven, strict=True):
        assert (driven.metres, driven.begin_utc_s) == (told.metres, told.begin_utc_s)
    for name, seen in before.sightings.items():
        key = [(one.class_id, one.lon, one.lat, one.length_m, one.area_m2 or 0) for one in seen]
        read = [
            (one.class_id, one.lon, one.lat, one.length_m, one.area_m2 or 0) for one in after.sightings[name]
        ]
        assert np.array(sorted(read)) == pytest.approx(np.array(sorted(key)), abs=0.006)
    assert len(after.counted().damages) == pytest.approx(len(before.counted().damages), abs=2)


def test_every_field_of_a_sighting_comes_back(tmp_path: Path) -> None:
    seen = sighting(
        0, evidence="a-0001.jpg", crop="a-0001-crop.jpg", area_m2=None, area_sd_m2=None, class_share=0.5
    )
    way, dark = replace(looked(0), light=Light.dim), looked(0).lines[0] + (0.01, 0.0)
    driven = Driven("d0", way.lines, 500.0, BEGIN_S, [dark], 200.0)
    write_geopackage(tmp_path / FILE, merge([[seen]]), [driven], [way], TOKYO, str)
    survey = read_survey([tmp_path])
    assert survey.sightings["d0"] == [seen]
    assert survey.ways[0].light == Light.dim
    (told,) = survey.driven
    assert (told.metres, told.unseen_m, len(told.ways), len(told.unseen)) == (500.0, 200.0, 1, 1)
    assert np.allclose(told.unseen[0], dark)


def test_a_drive_that_could_judge_nothing_is_a_drive(tmp_path: Path) -> None:
    driven = Driven("d0", [], 300.0, BEGIN_S, looked(0).lines, 300.0)
    write_geopackage(tmp_path / FILE, [], [driven], [replace(looked(0), lines=[])], TOKYO, str)
    survey = read_survey([tmp_path])
    assert survey.ways[0].lines == []
    assert (survey.driven[0].metres, survey.driven[0].unseen_m) == (300.0, 300.0)
    assert survey.counted().damages == []


MON, TUE = made("a"), made("a", 1, 1.0)


@pytest.mark.parametrize(
    ("folders", "names", "remarks"),
    [
        pytest.param({"x": MON, "y": MON}, ["a"], 1, id="the same drive in two folders"),
        pytest.param({"x": undated(MON), "y": undated(MON)}, ["a"], 1, id="the same without a date"),
        pytest.param({"x": MON, "y": TUE}, ["a", "a (y)"], 0, id="two drives of one name"),
        pytest.param({"x": MON, "y": TUE, "z": TUE}, ["a", "a (y)"], 1, id="one of them twice"),
        pytest.param({"x": MON, "1/out": TUE, "2/out": made("a", 2)}, ["a", "a (out)", "a (2/out)"], 0, id="in folders of one name"),
    ],
)  # fmt: skip
def test_each_drive_counts_once(
    tmp_path: Path, folders: dict[str, MadeDrive], names: list[str], remarks: int
) -> None:
    survey = read_survey([written(tmp_path / folder, one) for folder, one in folders.items()])
    assert [one.name for one in survey.driven] == [one.drive for one in survey.ways] == names
    assert len(survey.remarks) == remarks
    assert list(survey.sightings) == list(survey.folders) == names
    assert all(seen.drive == name for name, every in survey.sightings.items() for seen in every)


def test_a_folder_of_output_folders_is_read(tmp_path: Path) -> None:
    for name, one in (("mon", MON), ("tue", made("b", 1, 1.0))):
        written(tmp_path / name, one)
    (tmp_path / "notes").mkdir()
    survey = read_survey([tmp_path])
    assert [one.name for one in survey.driven] == ["a", "b"]
    assert survey.under(tmp_path / "tue") == {"b"}
    assert survey.under(tmp_path) == {"a", "b"}
    part = survey.of({"b"})
    assert ([one.drive for one in part.ways], list(part.sightings), list(part.folders)) == (
        ["b"],
        ["b"],
        ["b"],
    )


def _changed(folder: Path, sql: str) -> None:
    with sqlite3.connect(written(folder / "out", MON) / FILE) as database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f'DROP TRIGGER "{name}"')
        database.execute(sql)
    database.close()


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        pytest.param("ALTER TABLE sightings DROP COLUMN class_share", "earlier version .*class_share.*detect", id="an earlier version"),
        pytest.param("ALTER TABLE track DROP COLUMN reach_m", "earlier version .*reach_m", id="one without reach"),
        pytest.param("DROP TABLE sightings", "can't be read", id="no layer of sightings"),
        pytest.param("UPDATE track SET reach_m = 'x'", "can't be read", id="another's reach"),
        pytest.param("UPDATE track SET light = 'moonlight'", "can't be read", id="a light that is none"),
        pytest.param("UPDATE track SET begin = 'on Monday'", "can't be read", id="a time that is none"),
        pytest.param("UPDATE sightings SET class = 'D99'", "can't be read", id="a class that is none"),
        pytest.param("UPDATE sightings SET lat = NULL", "can't be read", id="a place that is none"),
    ],
)  # fmt: skip
def test_results_that_were_written_in(tmp_path: Path, sql: str, said: str) -> None:
    _changed(tmp_path, sql)
    with pytest.raises(SurveyError, match=said) as refused:
        read_survey([tmp_path / "out"])
    assert refused.value.exit_code == 2
    assert FILE in refused.value.message()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.97])
def test_a_file_that_breaks_off(tmp_path: Path, share: float) -> None:
    path = written(tmp_path / "out", MON) / FILE
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(SurveyError, match="can't be read"):
        read_survey([tmp_path / "out"])


@pytest.mark.parametrize("there", [True, False], ids=["an empty folder", "no folder"])
def test_a_folder_without_results(tmp_path: Path, there: bool) -> None:
    with pytest.raises(SurveyError, match=f"has no results .*{FILE}.*detect"):
        read_survey([tmp_path if there else tmp_path / "none"])


def survey_on(*days: float | None) -> Survey:
    """A drive a day, named by its place."""
    begins = [None if day is None else day * DAY_S for day in days]
    return Survey(driven=[Driven(str(number), [], 1.0, begin) for number, begin in enumerate(begins)])


def names(survey: Survey) -> str:
    return "".join(one.name for one in survey.driven)


@pytest.mark.parametrize(
    ("days", "since", "left", "remarks"),
    [
        pytest.param([1, 2, 3], 2, "12", [], id="from that day on"),
        pytest.param(
            [1, None, 3], 2, "2", ["Drives without a date are left out: 1."], id="undated drives are said"
        ),
        pytest.param([1, 2], 5, "", [], id="none"),
    ],
)
def test_since(days: list[float | None], since: float, left: str, remarks: list[str]) -> None:
    part = survey_on(*days).between(since * DAY_S)
    assert names(part) == left
    assert [one.message() for one in part.remarks] == remarks


@pytest.mark.parametrize(
    ("days", "parts"),
    [
        pytest.param([], [], id="no drive"),
        pytest.param([None], [], id="no date"),
        pytest.param([1, 20, 40], ["012"], id="one that goes on for long"),
        pytest.param([1, 2, 100, 101], ["01", "23"], id="two"),
        pytest.param([101, 1, 100, 2], ["13", "02"], id="two, in any order"),
        pytest.param([1, None, 100], ["0", "2"], id="undated drives are in none"),
        pytest.param([1, 31, 61.1], ["01", "2"], id="a gap has to be longer"),
    ],
)
def test_parts(days: list[float | None], parts: list[str]) -> None:
    found = survey_on(*days).parts(30.0)
    assert ["".join(sorted(names(one))) for one in found] == parts
    ends = [(one.begin_utc_s, one.end_utc_s) for one in found]
    assert ends == sorted(ends)
