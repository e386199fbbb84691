"""Tables of fixes as viewers and loggers write them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from detector.errors import TelemetryError
from detector.telemetry import read_log
from detector.telemetry.degrees import from_text

BEGIN_S = datetime(2024, 5, 14, 1, 30, tzinfo=UTC).timestamp()
TABLES = {
    "units in the headings": (
        "日付,時刻,緯度[deg],経度[deg],GPS速度(km/h),進行方向(度)\n"
        "2024/05/14,10:30:00,35.6586,139.7454,36.0,90\n2024/05/14,10:30:01,35.6586,139.7455,36.0,90\n"
    ),
    "lines above the headings": (
        "ドライブレコーダー ビューワー 出力\n機種,ABC-123\n\n"
        "No,測位日時,緯度,経度,速度\n1,2024/05/14 10:30:00,35.6586,139.7454,36\n2,2024/05/14 10:30:01,35.6586,139.7455,36\n"
    ),
    "degrees, minutes, seconds": (
        "日時,北緯,東経,速度\n"
        "2024/05/14 10:30:00,35°39'30.96\",139°44'43.44\",36\n2024/05/14 10:30:01,35°39'30.96\",139°44'43.8\",36\n"
    ),
    "written out": (
        "日時,緯度,経度,車速(km/h)\n"
        "2024年05月14日 10時30分00秒,北緯35度39分30.96秒,東経139度44分43.44秒,36\n"
        "2024年05月14日 10時30分01秒,北緯35度39分30.96秒,東経139度44分43.8秒,36\n"
    ),
    "tabs, minutes of arc as NMEA has them": (
        "日時\t緯度\t経度\t速度\n2024/05/14 10:30:00\t3539.516\t13944.724\t36\n"
        "2024/05/14 10:30:01\t3539.516\t13944.730\t36\n"
    ),
    "the old datum": (
        "測地系,日本測地系\n日時,緯度,経度,速度\n2024/05/14 10:30:00,35.65536,139.74863,36\n"
        "2024/05/14 10:30:01,35.65536,139.74873,36\n"
    ),
    "English, semicolons, decimal commas": (
        "UTC;Latitude;Longitude;Speed_kmh\n2024-05-14T01:30:00Z;35,6586;139,7454;36,0\n"
        "2024-05-14T01:30:01Z;35,6586;139,7455;36,0\n"
    ),
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932", "utf-16"])
@pytest.mark.parametrize("name", TABLES)
def test_columns_are_recognised(tmp_path: Path, name: str, encoding: str) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(TABLES[name].encode(encoding))
    fixes = read_log(path)
    assert len(fixes) == 2
    assert fixes.utc_s == pytest.approx([BEGIN_S, BEGIN_S + 1])
    assert fixes.lat[0] == pytest.approx(35.6586, abs=2e-5)
    assert fixes.lon[0] == pytest.approx(139.7454, abs=2e-5)
    assert fixes.speed_mps == pytest.approx([10.0, 10.0])


def test_columns_that_cannot_be_told_are_asked_for_and_taken(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("t,Y,X\n2024-05-14T01:30:00Z,35.0,139.0\n2024-05-14T01:30:01Z,35.0,139.1\n")
    with pytest.raises(TelemetryError, match=r"headings: t, Y, X.*--gps-columns"):
        read_log(path)
    fixes = read_log(path, columns={"lat": "Y", "lon": "X", "time": "t"})
    assert fixes.lon.tolist() == [139.0, 139.1]


@pytest.mark.parametrize(
    ("text", "degrees"),
    [
        ("35.5", 35.5),
        ("-35.5", -35.5),
        ("35.5S", -35.5),
        ("W139.5", -139.5),
        ("南緯35度30分0秒", -35.5),
        ("N 35 30 00.0", 35.5),
        ("35.30.00", 35.5),
        ("E139°30′", 139.5),
        ("3530.0", 35.5),
    ],
)
def test_degrees_as_people_write_them(text: str, degrees: float) -> None:
    assert from_text(text) == pytest.approx(degrees)


@pytest.mark.parametrize("text", ["", "north", "35°61'00\"", "1.2.3.4.5", "--"])
def test_what_is_no_angle_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        from_text(text)


def test_headings_with_odd_breaks_in_them_are_headings(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(b'utc,lat,lon\x0b,"speed\n_kmh"\n2024-05-14T01:30:00Z,35.0,139.0,1\n')
    assert read_log(path).lon.tolist() == [139.0]
