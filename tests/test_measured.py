"""Rut depth and IRI of a survey vehicle: files as they come, put on segments by road, chainage and direction."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_roads import RULES, roads

from maps.measured import MeasuredError, on_pieces, read_measured
from maps.network import Network

HEAD = "road,from_m,to_m,direction,rut_mm,iri_mm_per_m,measured_on"
JAPANESE = "路線番号,測点自,測点至,方向,わだち掘れ量,IRI,測定年月日"
ROWS = "1,0,100,1,12.5,3.2,2025-10-01"


def written(folder: Path, *lines: str, encoding: str = "utf-8") -> Path:
    path = folder / "rosei.csv"
    path.write_bytes("\r\n".join(lines).encode(encoding))
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
@pytest.mark.parametrize(
    "lines",
    [
        pytest.param((HEAD, ROWS), id="English"),
        pytest.param((JAPANESE, ROWS), id="Japanese"),
        pytest.param((JAPANESE, "1,0,100,下り,12.5,3.2,2025-10-01"), id="下り"),
        pytest.param(("路線,自,至,上下,わだち掘れ量(mm),IRI (mm/m),測定日", ROWS), id="with units"),
        pytest.param(("路線,自,至,上下,わだち掘れ量（mm）,ＩＲＩ,測定日", ROWS), id="full-width heads"),
        pytest.param((HEAD, "1,１００,0,＋,１２．５,3.2,2025-10-01"), id="full-width numbers, to before from"),
        pytest.param((HEAD, "", ",,,,,,", " , ,", ROWS), id="empty lines"),
        pytest.param(
            ("measured_on,IRI_MM_PER_M,Direction,to,from,Road,remark,rut", '2025-10-01,3.2,1,100,0,1,"a, b",12.5'),
            id="in another order, with another column",
        ),
    ],
)  # fmt: skip
def test_files_as_they_come(tmp_path: Path, lines: tuple[str, ...], encoding: str) -> None:
    (row,) = read_measured(written(tmp_path, *lines, encoding=encoding))
    assert (row.road, row.begin_m, row.end_m, row.direction) == ("1", 0.0, 100.0, 1)
    assert (row.rut_mm, row.iri_mm_per_m, row.day) == (12.5, 3.2, "2025-10-01")


def test_what_is_not_in_the_file_is_not_known(tmp_path: Path) -> None:
    (row,) = read_measured(written(tmp_path, "road,from_m,to_m,rut_mm", "1,0,100,"))
    assert np.isnan([row.rut_mm, row.iri_mm_per_m]).all()
    assert (row.direction, row.day) == (0, "")


@pytest.mark.parametrize(
    ("row", "line"),
    [
        pytest.param("1,zero,100,1,12,3,", 3, id="a chainage that is no number"),
        pytest.param("1,,100,1,12,3,", 3, id="no chainage"),
        pytest.param("1,nan,100,1,,3,", 3, id="nan"),
        pytest.param("1,0,inf,1,,3,", 3, id="without end"),
        pytest.param("1,-5,100,1,12,3,", 3, id="before the road begins"),
        pytest.param("1,0,100,1,-2,3,", 3, id="a rut below nothing"),
        pytest.param("1,0,100,1,12,-3,", 3, id="IRI below nothing"),
        pytest.param("1,0,100,1,inf,3,", 3, id="a rut without end"),
        pytest.param("1,0,100,1,12 mm,3,", 3, id="with its unit"),
        pytest.param("1,0,100,2,12,3,", 3, id="no direction"),
        pytest.param("1", 3, id="cut off"),
    ],
)
def test_bad_values_are_told_by_file_and_line(tmp_path: Path, row: str, line: int) -> None:
    path = written(tmp_path, HEAD, ROWS, row)
    with pytest.raises(MeasuredError) as caught:
        read_measured(path)
    assert f"{path}, line {line}:" in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(b"road,to_m\n1,2", "lacks the columns from_m", id="a column lacks"),
        pytest.param("road,from_m".encode("utf-16"), "neither UTF-8 nor Shift_JIS", id="UTF-16"),
        pytest.param(b'road,from_m,to_m\n"' + b"x" * 200_000, "not a CSV file", id="no CSV"),
        pytest.param(None, "can't be read", id="not there"),
    ],
)
def test_files_that_can_t_be_used(tmp_path: Path, content: bytes | None, says: str) -> None:
    path = tmp_path / "rosei.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(MeasuredError, match=says) as caught:
        read_measured(path)
    assert str(path) in str(caught.value)


TOWN = Network(
    roads(
        (0.0, 0.0, 200.0, 0.0), (0.0, 50.0, 100.0, 50.0), (0.0, 90.0, 100.0, 90.0), (0.0, 99.0, 100.0, 99.0),
        road_id=["1", "2", "3-1", "3-2"], name=["本町通り", "裏通り", "県道", "県道"], width_m=[6.0, 4.0, 6.0, 6.0],
    ),
    RULES.lanes,
)  # fmt: skip
"""Two lanes of 200 m, one lane for both directions, and a road in two parts."""


def rut(tmp_path: Path, *rows: str) -> tuple[np.ndarray, list[str]]:
    found, unknown = on_pieces(
        read_measured(written(tmp_path, "road,from_m,to_m,direction,rut_mm", *rows)), TOWN, TOWN.long
    )
    assert np.isnan(found.iri_mm_per_m).all()
    return found.rut_mm, unknown


@pytest.mark.parametrize(
    ("rows", "along", "against"),
    [
        pytest.param(["1,0,200,,10"], [10, 10], [10, 10], id="both directions"),
        pytest.param(["1,0,200,下り,10"], [10, 10], [None, None], id="away from the beginning"),
        pytest.param(["1,0,200,上り,10"], [None, None], [10, 10], id="towards it"),
        pytest.param(["1,0,100,1,10"], [10, None], [None, None], id="a part"),
        pytest.param(["本町通り,0,200,1,10"], [10, 10], [None, None], id="by name"),
        pytest.param(["1,0,50,1,10", "1,50,150,1,20"], [15, 20], [None, None], id="the mean over a segment's length"),
        pytest.param(["1,0,100,1,10", "1,0,100,1,20"], [15, None], [None, None], id="ranges that overlap"),
        pytest.param(["1,0,100,1,10", "1,0,100,1,"], [10, None], [None, None], id="a row without a value"),
    ],
)  # fmt: skip
def test_on_segments(
    tmp_path: Path, rows: list[str], along: list[float | None], against: list[float | None]
) -> None:
    told, unknown = rut(tmp_path, *rows)
    expected = np.array([along, against], float)
    assert told[:, :2] == pytest.approx(expected, nan_ok=True)
    assert np.isnan(told[:, 2:]).all()
    assert not unknown


def test_one_lane_for_both_directions_has_the_mean_of_both(tmp_path: Path) -> None:
    told, _ = rut(tmp_path, "2,0,100,1,10", "2,0,100,-1,20")
    assert told[0, 2] == pytest.approx(15)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        pytest.param("9,0,100,1,10", "9", id="not in the road file"),
        pytest.param("3,0,100,1,10", "3", id="in several parts"),
        pytest.param("県道,0,100,1,10", "県道", id="a name of several"),
        pytest.param("1,200,300,1,10", "1 (200-300 m)", id="beyond the end of the road"),
        pytest.param(",0,100,1,10", "", id="no road"),
    ],
)
def test_what_fits_no_road_is_told_once(tmp_path: Path, row: str, told: str) -> None:
    values, unknown = rut(tmp_path, row, row)
    assert unknown == [told]
    assert np.isnan(values).all()


def test_a_part_of_a_road_is_told_by_its_own_number(tmp_path: Path) -> None:
    values, unknown = rut(tmp_path, "3-2,0,100,1,10")
    assert values[0, 4] == 10
    assert not unknown


def test_days_of_a_segment(tmp_path: Path) -> None:
    days = [
        "1,0,50,1,9,1,2025-10-01",
        "1,50,100,1,9,1,2025-10-01",
        "1,0,100,-1,9,1,2023-10-01",
        "1,0,100,-1,9,1,2025-10-01",
        "1,100,200,1,9,1,",
    ]
    found, _ = on_pieces(read_measured(written(tmp_path, HEAD, *days)), TOWN, TOWN.long)
    assert found.measured_on[:, :2].tolist() == [["2025-10-01", ""], ["2023-10-01, 2025-10-01", ""]]


def test_short_pieces_have_what_lies_in_them(tmp_path: Path) -> None:
    found, _ = on_pieces(read_measured(written(tmp_path, HEAD, "1,30,60,1,9,1,")), TOWN, TOWN.short)
    assert found.rut_mm[0, :5] == pytest.approx([np.nan, 9, 9, np.nan, np.nan], nan_ok=True)


def test_no_roads(tmp_path: Path) -> None:
    network = Network(replace(roads()), RULES.lanes)
    found, unknown = on_pieces(read_measured(written(tmp_path, HEAD, ROWS)), network, network.long)
    assert found.rut_mm.shape == (2, 0)
    assert unknown == ["1"]
