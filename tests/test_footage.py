"""What a crew hands over is recognised as drives; one bad file never stops the others."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import numpy as np
import pytest
from conftest import BEGIN, SHARED, needs_shared, write_gpx, write_video
from PIL import ExifTags, Image

from detector.drive import Drive
from detector.errors import TelemetryError
from detector.footage import Refused, find_drives
from detector.picture_drive import PictureDrive
from detector.telemetry.clock import Hints
from detector.telemetry.exif import read_exif
from detector.trajectory import trajectory_from_fixes
from detector.video_drive import VideoDrive


def write_picture(
    path: Path, lat: float | None, lon: float = 139.75, moment: datetime | None = None, seed: int = 0
) -> Path:
    """A JPEG of noise with a position in its Exif block."""
    picture = Image.fromarray(np.random.default_rng(seed).integers(0, 255, (120, 160, 3), np.uint8))
    exif = Image.Exif()
    if lat is not None:
        gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
        for value, name, sides in ((lat, "Latitude", "NS"), (lon, "Longitude", "EW")):
            whole = int(abs(value))
            minutes = (abs(value) - whole) * 60
            gps[ExifTags.GPS[f"GPS{name}"]] = (whole, int(minutes), round(minutes % 1 * 60, 6))
            gps[ExifTags.GPS[f"GPS{name}Ref"]] = sides[value < 0]
        if moment:
            gps[ExifTags.GPS.GPSDateStamp] = moment.strftime("%Y:%m:%d")
            gps[ExifTags.GPS.GPSTimeStamp] = (moment.hour, moment.minute, moment.second)
    picture.save(path, exif=exif)
    return path


def opened(path: Path) -> Image.Image:
    """The picture with its file closed."""
    with Image.open(path) as picture:
        picture.load()
        return picture


def picture_folder(folder: Path, count: int = 12, step_m: float = 5.0, *, timed: bool = True) -> Path:
    folder.mkdir()
    for index in range(count):
        moment = BEGIN + timedelta(seconds=index) if timed else None
        write_picture(folder / f"p{index:03d}.jpg", -35.65 + index * step_m / 110_941, -139.75, moment, index)
    return folder


@pytest.mark.parametrize("timed", [True, False])
def test_a_folder_of_geotagged_pictures_is_a_drive(tmp_path: Path, *, timed: bool) -> None:
    (drive,) = find_drives([picture_folder(tmp_path / "walk", timed=timed)])
    assert isinstance(drive, PictureDrive)
    fixes = drive.fixes(Hints())
    assert (len(fixes), fixes.reader) == (12, "exif")
    assert fixes.lat[0] == pytest.approx(-35.65, abs=1e-6)
    assert fixes.lon[0] == pytest.approx(-139.75, abs=1e-6)
    path = trajectory_from_fixes(fixes)
    assert path.metres_driven(drive.duration_s) == pytest.approx(55, rel=0.02)
    assert [frame.index for frame in drive.frames(path, 10.0)] == [0, 2, 4, 6, 8, 10]
    assert path.utc_at(0.0) == (BEGIN.timestamp() if timed else None)


def test_pictures_in_any_order_are_put_in_order_of_time(tmp_path: Path) -> None:
    for index, second in enumerate([3, 1, 2, 0]):
        write_picture(
            tmp_path / f"{index}.jpg", 35.0 + second * 1e-4, moment=BEGIN + timedelta(seconds=second)
        )
    (drive,) = find_drives([tmp_path])
    assert isinstance(drive, PictureDrive)
    assert [path.stem for path in drive.pictures] == ["3", "1", "2", "0"]


def test_bad_pictures_are_named_and_the_rest_used(tmp_path: Path) -> None:
    folder = picture_folder(tmp_path / "walk")
    (folder / "p100.jpg").write_bytes(b"no picture")
    write_picture(folder / "p101.jpg", None)
    (drive,) = find_drives([folder])
    assert isinstance(drive, PictureDrive)
    assert len(drive.pictures) == 12
    assert drive.incomplete
    assert "p100.jpg, p101.jpg" in str(drive.faults[0])


def test_pictures_without_positions_are_refused(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.jpg", None)
    (refused,) = find_drives([tmp_path])
    assert isinstance(refused, Refused)
    assert "carries a GPS position" in str(refused.error)


def test_a_card_is_searched_with_its_folders(tmp_path: Path) -> None:
    for name in ("DCIM/a.mp4", "DCIM/sub/a.mp4"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_video(path, np.arange(10) / 30)
        write_gpx(path.with_suffix(".gpx"), 2)
    (tmp_path / "DCIM/._a.mp4").write_bytes(b"macOS leaves such files")
    (tmp_path / "DCIM/b.mp4").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("hello")
    found = list(find_drives([tmp_path]))
    assert sorted(one.name for one in found if isinstance(one, VideoDrive)) == ["a", "a-2"]
    assert [one.path.name for one in found if isinstance(one, Refused)] == ["b.mp4"]


def audio_only(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode())


@pytest.mark.parametrize(
    ("make", "word"),
    [
        pytest.param(lambda path: path.write_bytes(b""), "empty", id="zero bytes"),
        pytest.param(lambda path: path.write_text("a text\n" * 99), "not a video", id="text named mp4"),
        pytest.param(audio_only, "only sound", id="audio only"),
        pytest.param(lambda path: None, "does not exist", id="missing"),
        pytest.param(lambda path: path.mkdir(), "no video and no picture", id="empty folder"),
    ],
)
def test_bad_footage_is_refused_with_what_where_and_what_to_do(
    tmp_path: Path, make: object, word: str
) -> None:
    path = tmp_path / "bad.mp4"
    make(path)  # type: ignore[operator]
    (refused,) = find_drives([path])
    assert isinstance(refused, Refused)
    assert word in str(refused.error)
    assert str(path) in str(refused.error)


def test_a_folder_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    folder.mkdir()
    tmp_path.chmod(0o755)
    folder.chmod(0)
    root = os.geteuid() == 0  # who may read everything, and so must look as somebody else
    if root:
        os.seteuid(65534)
    try:
        found = list(find_drives([folder]))
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o755)
    assert isinstance(found[0], Refused)
    assert "ermission denied" in str(found[0].error)


def test_a_video_without_a_log_says_what_to_do(tmp_path: Path) -> None:
    (drive,) = find_drives([write_video(tmp_path / "v.mp4", np.arange(9) / 30)])
    assert isinstance(drive, VideoDrive)
    with pytest.raises(TelemetryError, match="--gps"):
        drive.fixes(Hints())


@pytest.mark.parametrize("faststart", [True, False])
def test_a_truncated_video_is_refused_or_said_to_end_early(tmp_path: Path, *, faststart: bool) -> None:
    options = {"movflags": "+faststart"} if faststart else {}
    path = write_video(tmp_path / "v.mp4", np.arange(300) / 30, begin=BEGIN, options=options)
    write_gpx(tmp_path / "v.gpx", 10)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    (found,) = find_drives([path])
    if not faststart:  # the index stood at the end and is gone
        assert isinstance(found, Refused)
        assert "cut off" in str(found.error)
        return
    assert isinstance(found, VideoDrive)
    frames = list(found.frames(trajectory_from_fixes(found.fixes(Hints())), 2.5))
    assert 10 < len(frames) < 35
    assert found.incomplete
    assert "ends at" in str(found.faults[-1])


def test_a_whole_video_is_not_said_to_end_early(short_drive: Path) -> None:
    (drive,) = find_drives([short_drive])
    assert isinstance(drive, VideoDrive)
    frames = list(drive.frames(trajectory_from_fixes(drive.fixes(Hints())), 2.5))
    assert len(frames) == pytest.approx(16, abs=1)
    assert (drive.incomplete, drive.faults) == (False, [])


def test_names_are_safe_in_file_names(tmp_path: Path) -> None:
    source = write_video(tmp_path / "x.mp4", np.arange(5) / 30)
    for name in ("=cmd|' calc'!A0.mp4", "走行 1.mp4", "..mp4"):
        shutil.copy(source, tmp_path / name)
    found = [one for one in find_drives([tmp_path]) if isinstance(one, VideoDrive)]
    assert all(name[0] not in "=+-@." and "/" not in name for name in (one.name for one in found))
    assert "走行_1" in {one.name for one in found}


@needs_shared("data/telemetry/exiftool/GPS.jpg")
def test_a_real_geotagged_picture_is_read() -> None:
    row = read_exif(SHARED / "data/telemetry/exiftool/GPS.jpg")
    assert row is not None
    assert -90 <= row["lat"] <= 90


def test_protocol_is_what_both_kinds_keep(short_drive: Path, tmp_path: Path) -> None:
    drives: list[Drive | Refused] = [
        *find_drives([short_drive]),
        *find_drives([picture_folder(tmp_path / "walk", 3)]),
    ]
    for drive in drives:
        assert not isinstance(drive, Refused)
        assert drive.duration_s > 0
        assert drive.looks(2)[0].shape[1] == 640
        assert min(drive.size_px) > 0


def test_the_size_that_most_pictures_have_is_the_drive_s(tmp_path: Path) -> None:
    folder = picture_folder(tmp_path / "walk", 8)
    with Image.open(folder / "p000.jpg") as first:
        turned, exif = first.rotate(90, expand=True), first.getexif()
    turned.save(folder / "p000.jpg", exif=exif)
    (drive,) = find_drives([folder])
    assert isinstance(drive, PictureDrive)
    assert drive.size_px == (160, 120)
    assert len(list(drive.frames(trajectory_from_fixes(drive.fixes(Hints())), 2.5))) >= 6
    assert drive.incomplete


def test_an_hour_between_pictures_is_not_driven_through(tmp_path: Path) -> None:
    for index in range(10):
        moment = BEGIN + timedelta(seconds=index * 2, hours=index // 5)
        lat = 35.0 + index * 10 / 110_941 + (index // 5) * 500 / 110_941
        write_picture(tmp_path / f"{index}.jpg", lat, moment=moment, seed=index)
    (drive,) = find_drives([tmp_path])
    assert isinstance(drive, PictureDrive)
    path = trajectory_from_fixes(drive.fixes(Hints()))
    assert path.metres_driven(drive.duration_s) < 100
    assert len(path.ways(path.spans(drive.duration_s))) == 2


def test_an_unusable_date_leaves_the_position(tmp_path: Path) -> None:
    path = write_picture(tmp_path / "a.jpg", 35.0)
    picture = opened(path)
    exif = picture.getexif()
    gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
    gps[ExifTags.GPS.GPSDateStamp], gps[ExifTags.GPS.GPSTimeStamp] = "0000:00:00", (1, 2, 3)
    picture.save(path, exif=exif)
    row = read_exif(path)
    assert row is not None
    assert row["lat"] == pytest.approx(35.0)
    assert "utc_s" not in row


@pytest.mark.parametrize(("zone", "key", "hours"), [("", "local_s", 10.5), ("+09:00", "utc_s", 1.5)])
def test_the_camera_s_clock_is_utc_only_where_it_says_its_zone(
    tmp_path: Path, zone: str, key: str, hours: float
) -> None:
    path = write_picture(tmp_path / "a.jpg", 35.0)
    picture = opened(path)
    exif = picture.getexif()
    details = exif.get_ifd(ExifTags.IFD.Exif)
    details[ExifTags.Base.DateTimeOriginal] = "2024:05:14 10:30:00"
    if zone:
        details[ExifTags.Base.OffsetTimeOriginal] = zone
    picture.save(path, exif=exif)
    row = read_exif(path)
    assert row is not None
    assert row[key] == datetime(2024, 5, 14, tzinfo=UTC).timestamp() + hours * 3600


def test_a_file_given_twice_is_one_drive(short_drive: Path) -> None:
    assert len(list(find_drives([short_drive, short_drive.parent, short_drive]))) == 1


def test_evidence_of_an_earlier_run_is_no_footage(short_drive: Path, tmp_path: Path) -> None:
    shutil.copy(short_drive, tmp_path / "v.mp4")
    for folder in (tmp_path / "out/evidence", tmp_path / ".unfinished-1-x/evidence"):
        folder.mkdir(parents=True)
        write_picture(folder / "a.jpg", 35.0)
    (tmp_path / "out/report.json").touch()
    assert [one.path.name for one in find_drives([tmp_path])] == ["v.mp4"]


def test_long_names_of_many_bytes_stay_distinct_and_short(tmp_path: Path) -> None:
    source = write_video(tmp_path / "x.mp4", np.arange(5) / 30)
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        shutil.copy(source, tmp_path / folder / ("道" * 80 + ".mp4"))
    names = {one.name for one in find_drives([tmp_path]) if isinstance(one, VideoDrive)}
    assert len(names) == 3
    assert all(len(name.encode()) < 100 for name in names)
