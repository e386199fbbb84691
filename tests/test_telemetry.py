"""Logs of every kind give the fixes that were put in."""

from __future__ import annotations

import contextlib
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from conftest import BEGIN, SHARED, needs_shared, write_gpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detector.errors import TelemetryError
from detector.telemetry import READERS, find_log, read_log
from detector.telemetry.clock import Hints, Tie, tie_clocks

LAT = [35.65, 35.6501, 35.6502]
LON = [139.75, 139.7501, 139.7502]


def nmea(body: str) -> str:
    check = 0
    for letter in body:
        check ^= ord(letter)
    return f"${body}*{check:02X}\n"


def nmea_log() -> str:
    lines = []
    for second, (lat, lon) in enumerate(zip(LAT, LON, strict=True)):
        place = f"{int(lat):02d}{lat % 1 * 60:08.5f},N,{int(lon):03d}{lon % 1 * 60:08.5f},E"
        clock = f"0130{second:02d}.000"
        lines.append(nmea(f"GPGGA,{clock},{place},1,09,0.8,20.0,M,36.0,M,,"))
        lines.append(nmea(f"GPRMC,{clock},A,{place},19.438,045.0,140524,,,A"))
    lines.insert(2, "$GPRMC,013000,A,9999,N,13945,E,0,0,140524,,,A*00\n")  # its checksum is wrong
    lines.insert(3, "garbage\xff\n")
    return "".join(lines)


CSV_EN = "utc,latitude,longitude,speed_kmh\n" + "".join(
    f"2024-05-14T01:30:0{i}Z,{LAT[i]},{LON[i]},36\n" for i in range(3)
)
CSV_JA = "日時;緯度;経度;速度\n" + "".join(f"2024/05/14 10:30:0{i};{LAT[i]};{LON[i]};36\n" for i in range(3))
CSV_MEDIA = "time_s,lat,lon\n" + "".join(f"{i},{LAT[i]},{LON[i]}\n" for i in range(3))


@pytest.mark.parametrize(
    ("name", "content", "speed_mps"),
    [
        pytest.param("a.nmea", nmea_log().encode("latin-1"), 10.0, id="NMEA"),
        pytest.param("a.csv", CSV_EN.encode(), 10.0, id="CSV"),
        pytest.param("a.csv", CSV_JA.encode("cp932"), 10.0, id="CSV, Japanese, Shift_JIS"),
        pytest.param("a.csv", ("\ufeff" + CSV_JA).encode(), 10.0, id="CSV, Japanese, UTF-8 with BOM"),
    ],
)
def test_log_gives_its_fixes(tmp_path: Path, name: str, content: bytes, speed_mps: float) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    fixes = read_log(path)
    assert fixes.lat == pytest.approx(LAT, abs=2e-7)
    assert fixes.lon == pytest.approx(LON, abs=2e-7)
    assert fixes.utc_s == pytest.approx(BEGIN.timestamp() + np.arange(3))
    assert fixes.speed_mps == pytest.approx([speed_mps] * 3, abs=0.01)


def test_gpx_gives_its_fixes(tmp_path: Path) -> None:
    fixes = read_log(write_gpx(tmp_path / "a.gpx", 5))
    assert len(fixes) == 6
    assert fixes.utc_s[0] == BEGIN.timestamp()
    assert fixes.lat[0] == pytest.approx(35.65)


def test_gga_alone_counts_over_midnight(tmp_path: Path) -> None:
    place = "3539.00000,N,13945.00000,E,1,09,2.0,20.0,M,36.0,M,,"
    path = tmp_path / "a.nmea"
    path.write_text(nmea(f"GPGGA,235959.000,{place}") + nmea(f"GPGGA,000001.000,{place}"))
    fixes = read_log(path)
    assert np.diff(fixes.utc_s) == pytest.approx([2.0])
    assert fixes.accuracy_m == pytest.approx([5.0, 5.0])


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        pytest.param("a.gpx", b"<gpx", "not a readable GPX", id="broken GPX"),
        pytest.param("a.gpx", b'<gpx version="1.1" creator="x"></gpx>', "no usable fix", id="empty GPX"),
        pytest.param("a.nmea", b"", "no usable fix", id="empty NMEA"),
        pytest.param("a.csv", b"a,b\n1,2\n", "no columns", id="CSV without positions"),
        pytest.param("a.csv", b"\x81\xff\xfe", "neither UTF-8", id="CSV of bytes"),
        pytest.param("a.csv", b"utc,lat,lon\n2024-05-14T01:30:00Z,0,0\n", "no usable fix", id="0/0 only"),
        pytest.param("a.fit", b"", "no known kind", id="unknown kind"),
    ],
)
def test_what_is_no_log_is_refused(tmp_path: Path, name: str, content: bytes, word: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(TelemetryError, match=word) as caught:
        read_log(path)
    assert name in str(caught.value)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([".gpx", ".nmea", ".csv"]), st.binary(max_size=400) | st.text(max_size=300))
def test_no_bytes_crash_a_reader(tmp_path: Path, suffix: str, content: bytes | str) -> None:
    path = tmp_path / f"x{suffix}"
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    with contextlib.suppress(TelemetryError):
        assert len(read_log(path)) > 0


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_damage_to_a_real_log_crashes_a_reader(tmp_path: Path, data: st.DataObject) -> None:
    name, content = data.draw(
        st.sampled_from([("x.nmea", nmea_log().encode("latin-1")), ("x.csv", CSV_EN.encode())])
    )
    place = data.draw(st.integers(0, len(content) - 1))
    piece = data.draw(st.binary(max_size=6))
    path = tmp_path / name
    path.write_bytes(content[:place] + piece + content[place + data.draw(st.integers(0, 6)) :])
    with contextlib.suppress(TelemetryError):
        assert len(read_log(path)) > 0


def test_log_beside_the_video_is_found_in_either_case(tmp_path: Path) -> None:
    video = tmp_path / "clip [1].MP4"
    log = tmp_path / "clip [1].GPX"
    log.touch()
    (tmp_path / "clip 1.csv").touch()
    assert find_log(video) == log
    assert find_log(tmp_path / "other.mp4") is None
    assert set(READERS) >= {".gpx", ".nmea", ".csv"}


@pytest.mark.parametrize(
    ("begin", "offset_s", "first_s"),
    [
        pytest.param(None, 0.0, 0.0, id="video without a time: they begin together"),
        pytest.param(None, -3.0, -3.0, id="video without a time, offset given"),
        pytest.param(BEGIN + timedelta(seconds=5), 0.0, -5.0, id="container's time"),
        pytest.param(BEGIN + timedelta(hours=9, seconds=5), 0.0, -5.0, id="camera on local time"),
        pytest.param(BEGIN - timedelta(hours=3), 0.0, 0.0, id="camera three hours behind"),
        pytest.param(BEGIN + timedelta(seconds=5), 1.5, -3.5, id="container's time, offset given"),
    ],
)
def test_clocks_are_tied(tmp_path: Path, begin: datetime | None, offset_s: float, first_s: float) -> None:
    fixes = read_log(write_gpx(tmp_path / "a.gpx", 60))
    start = begin.timestamp() if begin else None
    tied = tie_clocks(fixes, start, 50.0, Hints(offset_s))
    assert tied.time_s[0] == pytest.approx(first_s)
    assert tied.clock


def test_log_that_counts_from_the_first_frame_needs_no_clock(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(CSV_MEDIA)
    assert tie_clocks(read_log(path), None, 50.0).time_s == pytest.approx([0, 1, 2])


@pytest.mark.parametrize(
    ("log_s", "begin", "word"),
    [
        pytest.param(60, datetime(2024, 6, 1, 12, 20, tzinfo=UTC), "does not overlap", id="another day"),
        pytest.param(7200, None, "--gps-offset", id="a log of hours for a video without a time"),
    ],
)
def test_clocks_that_cannot_be_tied_are_refused(
    tmp_path: Path, log_s: int, begin: datetime | None, word: str
) -> None:
    fixes = read_log(write_gpx(tmp_path / "a.gpx", log_s))
    with pytest.raises(TelemetryError, match=word):
        tie_clocks(fixes, begin.timestamp() if begin else None, 50.0)


@needs_shared("data/telemetry/mapillary/sf_30km_h.gpx")
@pytest.mark.parametrize(
    "name",
    [
        "mapillary/sf_30km_h.gpx",
        "exiftool/Geotag.gpx",
        "dashcamigo/nmea/synthetic.NMEA",
        "dashcamigo/mivue/real-anonymized.NMEA",
    ],
)
def test_real_logs_are_read(name: str) -> None:
    fixes = read_log(SHARED / "data/telemetry" / name)
    assert len(fixes) > 2
    assert np.isfinite(fixes.utc_s).all()


def test_over_midnight_with_gga_before_rmc(tmp_path: Path) -> None:
    lines = []
    for clock, day in (
        ("235958", "140524"),
        ("235959", "140524"),
        ("000000", "150524"),
        ("000001", "150524"),
    ):
        place = "3539.00000,N,13945.00000,E"
        lines.append(nmea(f"GPGGA,{clock}.000,{place},1,09,2.0,20.0,M,36.0,M,,"))
        lines.append(nmea(f"GPRMC,{clock}.000,A,{place},0.0,0.0,{day},,,A"))
    path = tmp_path / "a.nmea"
    path.write_text("".join(lines))
    fixes = read_log(path)
    assert np.diff(fixes.utc_s) == pytest.approx([1, 1, 1])
    assert fixes.accuracy_m == pytest.approx([5.0] * 4)


def test_gga_alone_gets_its_day_from_the_video(tmp_path: Path) -> None:
    place = "3539.00000,N,13945.00000,E,1,09,2.0,20.0,M,36.0,M,,"
    path = tmp_path / "a.nmea"
    path.write_text("".join(nmea(f"GPGGA,0130{second:02d}.000,{place}") for second in range(50)))
    tied = tie_clocks(read_log(path), BEGIN.timestamp() + 5, 40.0)
    assert tied.utc_s[0] == BEGIN.timestamp()
    assert tied.time_s[0] == -5
    assert np.isnan(tie_clocks(read_log(path), None, 40.0).utc_s).all()


@pytest.mark.parametrize(
    ("log_h", "ahead_h", "local_h", "expected_h"),
    [
        pytest.param(8.5, 9, 9, 9, id="a long log and a camera on Japan's time"),
        pytest.param(0.1, 9, 9, 9, id="a short log and a camera on Japan's time"),
        pytest.param(0.1, -5, 9, -5, id="another zone, the only one that fits"),
        pytest.param(8.5, -5, 9, None, id="another zone, and several fit: refused"),
    ],
)
def test_a_camera_on_local_time(
    tmp_path: Path, log_h: float, ahead_h: float, local_h: float, expected_h: float | None
) -> None:
    fixes = read_log(write_gpx(tmp_path / "a.gpx", int(log_h * 3600)))
    start = BEGIN.timestamp() + 100 + ahead_h * 3600
    hints = Hints(local_offset_s=local_h * 3600)
    if expected_h is None:
        with pytest.raises(TelemetryError, match="does not overlap"):
            tie_clocks(fixes, start, 60.0, hints)
        return
    tied = tie_clocks(fixes, start, 60.0, hints)
    assert tied.time_s[0] == pytest.approx(-100)
    assert tied.clock == Tie.zone


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York", "UTC"])
def test_a_time_without_a_zone_does_not_depend_on_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    path = write_gpx(tmp_path / "a.gpx", 3)
    path.write_text(path.read_text().replace("Z</time>", "</time>"))
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert read_log(path).utc_s[0] == BEGIN.timestamp()
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("encoding", ["utf-16", "cp932"])
def test_gpx_in_the_encoding_it_declares(tmp_path: Path, encoding: str) -> None:
    path = write_gpx(tmp_path / "a.gpx", 3)
    declared = {"cp932": "Shift_JIS"}.get(encoding, encoding)
    text = path.read_text().replace('encoding="UTF-8"', f'encoding="{declared}"')
    path.write_bytes(text.replace("<trk>", "<trk><name>走行</name>").encode(encoding))
    assert len(read_log(path)) == 4


@pytest.mark.parametrize(
    "moment",
    [
        "2024-05-14T01:30:00Z", "2024-05-14 10:30:00+09:00", "2024/5/14 01:30", "2024/05/14 01:30:00.0",
        "1715650200", "1715650200000",
    ],
)  # fmt: skip
def test_times_as_spreadsheets_and_devices_write_them(tmp_path: Path, moment: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"time,lat,lon,accuracy\n{moment},35.0,139.0,-\n{moment},35.0,139.0,-\n")
    assert read_log(path).utc_s[0] == BEGIN.timestamp()


def test_columns_of_sides_turn_the_sign(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("utc;lat;N/S;lon;E/W\n2024-05-14T01:30:00Z;23,5;S;46,5;W\n")
    fixes = read_log(path)
    assert (fixes.lat[0], fixes.lon[0]) == (-23.5, -46.5)


def test_a_log_of_another_clip_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "trip.2.gpx").touch()
    (tmp_path / "trip.old.gpx").touch()
    assert find_log(tmp_path / "trip.mp4") is None


def test_a_card_s_log_gives_each_clip_its_own_fixes(tmp_path: Path) -> None:
    folder = tmp_path / "Normal/Front"
    folder.mkdir(parents=True)
    lines = ["$V02"]
    for clip, name in enumerate(("NO1-F.MP4", "NO2-F.MP4")):
        for second in range(3):
            lat = 35 + clip + second * 1e-4
            lines.append(f"{1767240000 + clip * 60 + second},A,{lat},139.0,9000,1000,0,100,0,{name},0,0,0")
    (tmp_path / "GPSData000001.txt").write_text("\n".join(lines))
    for name, lat in (("NO1-F.MP4", 35), ("NO2-F.MP4", 36), ("NO2-B.MP4", 36)):
        clip = folder / name
        log = find_log(clip)
        assert log is not None
        fixes = read_log(log, clip)
        assert fixes.lat == pytest.approx([lat, lat + 1e-4, lat + 2e-4])
        assert fixes.time_s == pytest.approx([0, 1, 2])
        assert fixes.speed_mps[0] == 10.0
