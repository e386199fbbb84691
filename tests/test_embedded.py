"""GPS inside the file: every family gives the true position at the true time."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import telemetry_files as files
from conftest import SHARED, needs_shared, write_video
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from telemetry_files import FILES, SECONDS, TRACKS, Device

from detector.errors import TelemetryError
from detector.telemetry import read_embedded, ssmd
from detector.telemetry.boxes import Container
from detector.telemetry.degrees import from_ddmm
from detector.telemetry.embedded import READERS
from detector.telemetry.fixes import Fixes
from detector.trajectory import trajectory_from_fixes

TIMES = np.arange(SECONDS * 15) / 15
DEVICES = {
    "plain": Device(),
    "first fix 5 s late": Device(first_s=5),
    "clock leaps 1.5 s": Device(leap_s=-1.5),
    "clock leaps 4 s": Device(first_s=3, leap_s=4.0),
}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("base") / "base.mp4", TIMES)


@pytest.fixture(scope="module")
def base_ts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("base") / "base.ts", TIMES + 7.0)


def worst_m(fixes: Fixes, first_s: float) -> float:
    """The largest distance from the truth at frame times from the first fix on."""
    path = trajectory_from_fixes(fixes)
    worst = 0.0
    for time_s in TIMES[(first_s + 0.1 <= TIMES) & (SECONDS - 1.2 >= TIMES)]:
        pose = path.at(float(time_s))
        lon, lat = path.frame.to_lonlat(pose.east_m, pose.north_m)
        true_lon, true_lat, _ = files.truth(float(time_s))
        worst = max(worst, files.GEOD.inv(float(lon), float(lat), true_lon, true_lat)[2])
    return worst


@pytest.mark.parametrize("device", DEVICES.values(), ids=DEVICES)
@pytest.mark.parametrize("family", TRACKS)
def test_tracks_of_timed_samples(tmp_path: Path, base: Path, family: str, device: Device) -> None:
    handler, form, length_s, write = TRACKS[family]
    path = files.add_track(base, tmp_path / "v.mp4", handler, form, write(device), length_s)
    fixes = read_embedded(path, SECONDS)
    assert fixes is not None
    assert worst_m(fixes, device.first_s) < 1.0
    assert np.isnan(fixes.speed_mps).all() or fixes.speed_mps == pytest.approx(files.SPEED_MPS, rel=0.05)
    if np.isfinite(fixes.utc_s).all():
        assert fixes.utc_s - fixes.time_s == pytest.approx(files.BEGIN_S, abs=0.1)


@pytest.mark.parametrize("device", DEVICES.values(), ids=DEVICES)
@pytest.mark.parametrize("family", FILES)
def test_boxes_and_blocks(tmp_path: Path, base: Path, family: str, device: Device) -> None:
    fixes = read_embedded(FILES[family](base, tmp_path / "v.mp4", device), SECONDS)
    assert fixes is not None
    assert worst_m(fixes, device.first_s) < 1.0


@pytest.mark.parametrize("prefix", [0, 164])
@pytest.mark.parametrize("device", DEVICES.values(), ids=DEVICES)
def test_transport_streams(tmp_path: Path, base_ts: Path, device: Device, prefix: int) -> None:
    fixes = read_embedded(files.add_transport_packets(base_ts, tmp_path / "v.ts", device, prefix), SECONDS)
    assert fixes is not None
    assert worst_m(fixes, device.first_s) < 1.0


@pytest.mark.parametrize("device", DEVICES.values(), ids=DEVICES)
def test_70mai_is_spread_over_the_clip(tmp_path: Path, base: Path, device: Device) -> None:
    fixes = read_embedded(files.seventy_mai(base, tmp_path / "v.mp4", device), SECONDS)
    assert fixes is not None
    assert worst_m(fixes, device.first_s) < 1.0
    assert "spread" in fixes.clock


def test_an_edit_list_delays_the_track(tmp_path: Path, base: Path) -> None:
    """The track's first sample belongs to the video's third second."""
    late = files.camm(Device())[3:]
    path = files.add_track(base, tmp_path / "v.mp4", b"camm", b"camm", late, edit_s=3.0)
    fixes = read_embedded(path, SECONDS)
    assert fixes is not None
    assert worst_m(fixes, 3.0) < 1.0


def test_a_video_without_gps_gives_none(base: Path) -> None:
    assert read_embedded(base, SECONDS) is None


def test_scrambled_gps_is_named(tmp_path: Path, base: Path) -> None:
    path = tmp_path / "v.mp4"
    path.write_bytes(base.read_bytes() + files.box(b"skip", b"LIGOGPSINFO\0", bytes(200)))
    with pytest.raises(TelemetryError, match="scrambled"):
        read_embedded(path, SECONDS)


def test_all_fixes_void_gives_none(tmp_path: Path, base: Path) -> None:
    device = Device(first_s=99)
    for family, (handler, form, length_s, write) in TRACKS.items():
        path = files.add_track(base, tmp_path / "v.mp4", handler, form, write(device), length_s)
        try:
            assert read_embedded(path, SECONDS) is None, family
        except TelemetryError:
            assert family == "LigoGPS"


# --- bytes that are not what they claim -------------------------------------------------------------


@pytest.mark.parametrize(
    "claim",
    [
        pytest.param(struct.pack(">I4s", 0, b"moov"), id="reaches to the end"),
        pytest.param(struct.pack(">I4s", 3, b"moov"), id="shorter than its header"),
        pytest.param(struct.pack(">I4sQ", 1, b"moov", 2**63), id="2^63 bytes"),
        pytest.param(struct.pack(">I4s", 0xFFFFFFFF, b"moov"), id="4 GB"),
        pytest.param(struct.pack(">I4s", 8, b"free") * 5000, id="5000 empty boxes"),
        pytest.param(files.box(b"moov", *[struct.pack(">I4s", 8, b"trak")] * 999), id="999 empty tracks"),
    ],
)
def test_boxes_that_claim_too_much(tmp_path: Path, claim: bytes) -> None:
    path = tmp_path / "v.mp4"
    path.write_bytes(files.box(b"ftyp", b"isom") + claim + bytes(64))
    assert read_embedded(path, 10.0) is None


def test_tables_that_claim_too_much_are_read_only_as_far_as_they_go(tmp_path: Path, base: Path) -> None:
    path = files.add_track(base, tmp_path / "v.mp4", b"camm", b"camm", files.camm(Device()))
    data = bytearray(path.read_bytes())
    for table in (b"stts", b"stsc", b"stsz", b"stco"):
        place = data.rfind(table)
        count = place + (12 if table == b"stsz" else 8)
        data[count : count + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    with path.open("rb") as file:
        assert sum(len(track.samples) for track in Container(file).tracks()) < 1000
    fixes = read_embedded(path, SECONDS)
    assert fixes is not None


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_damage_to_a_file_crashes_a_reader(tmp_path: Path, base: Path, data: st.DataObject) -> None:
    """Bytes overwritten or cut in the telemetry and in the index: something or nothing, no crash."""
    family = data.draw(st.sampled_from([*TRACKS, *FILES]))
    path = tmp_path / "v.mp4"
    if family in TRACKS:
        handler, form, length_s, write = TRACKS[family]
        files.add_track(base, path, handler, form, write(Device()), length_s)
    else:
        FILES[family](base, path, Device())
    content = bytearray(path.read_bytes())
    first = content.rfind(b"moov")
    for _ in range(data.draw(st.integers(1, 8))):
        place = data.draw(st.integers(first, len(content) - 1))
        piece = data.draw(st.binary(min_size=1, max_size=8))
        content[place : place + len(piece)] = piece
    path.write_bytes(content[: len(content) - data.draw(st.integers(0, 3000))])
    try:
        fixes = read_embedded(path, SECONDS)
    except TelemetryError:
        return
    assert fixes is None or len(fixes) < 5000


# --- real files -------------------------------------------------------------------------------------


@needs_shared("data/telemetry")
@pytest.mark.parametrize(
    ("name", "reader", "count", "first"),
    [
        ("gpmf-parser/max-heromode.mp4", "gpmf", 191, (33.12677, -117.3273)),
        ("gpmf-parser/karma.mp4", "gpmf", 47, (33.12537, -117.3311)),
        ("dashcamigo/gopro/hero5-trimmed.mp4", "gpmf", 36, (33.12650, -117.3274)),
        ("dashcamigo/gopro/hero6-trimmed.mp4", "gpmf", 36, (33.12652, -117.3272)),
        ("dashcamigo/novatek/synthetic-viofo.mp4", "freegps", 3, (50.12345, 30.6543)),
        ("dashcamigo/novatek/synthetic-vantrue.mp4", "freegps", 3, (47.0, 27.0)),
        ("dashcamigo/novatek-real/2e-drive-730.mp4", "freegps", 3, (50.0, 30.0)),
        ("dashcamigo/novatek-ts/synthetic-happy.TS", "transport stream", 6, (50.0, 30.0)),
        ("dashcamigo/70mai-embedded/real-anonymized.mp4", "freegps", 12, (50.0, 30.0)),
        ("dashcamigo/blackvue-mp4/synthetic.mp4", "nmea boxes", 4, (50.0, 30.0)),
        ("dashcamigo/garmin/synthetic-pndm.mp4", "cues", 5, (50.0, 30.0)),
        ("dashcamigo/thinkware/real-anonymized.mp4", "cues", 10, (50.0, 30.0)),
        ("dashcamigo/sstar/neoline-spectrum-front.mp4", "ssmd", 72, (45.0, 39.0)),
        ("dashcamigo/ligogps/synthetic-ligogps.mp4", "ssmd", 3, (50.0, 30.0)),
    ],
)
def test_samples_of_others(name: str, reader: str, count: int, first: tuple[float, float]) -> None:
    fixes = read_embedded(SHARED / "data/telemetry" / name, 10.0)
    assert fixes is not None
    assert (fixes.reader, len(fixes)) == (reader, count)
    assert (fixes.lat[0], fixes.lon[0]) == pytest.approx(first, abs=1e-4)


def test_every_reader_is_tried() -> None:
    assert len({reader for _, reader in READERS}) == 7


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf, 9999.0])
def test_numbers_that_are_no_degrees(number: float) -> None:
    assert np.isnan(from_ddmm(number))


@pytest.mark.parametrize("family", ["Novatek, indexed", "Novatek, not indexed", "Kenwood"])
def test_a_record_of_no_numbers_is_passed_over(tmp_path: Path, base: Path, family: str) -> None:
    path = FILES[family](base, tmp_path / "v.mp4", Device())
    data = path.read_bytes()
    lat = struct.pack("<f", files.ddmm(files.truth(3)[1]))
    path.write_bytes(data.replace(lat, struct.pack("<f", np.nan)))
    fixes = read_embedded(path, SECONDS)
    assert fixes is not None
    assert len(fixes) == SECONDS - 1


def test_scrambled_text_that_holds_no_number_is_passed_over(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssmd, "_unscrambled", lambda data: "2026/05/03 01:02:03 N:35.6.8 E:139.7671.0 1.2.3")
    path = files.add_track(base, tmp_path / "v.mp4", b"meta", b"ssmd", files.ligogps(Device()))
    with pytest.raises(TelemetryError, match="scrambled"):
        read_embedded(path, SECONDS)
