"""Files of one trip are one drive; files of two are two."""

from __future__ import annotations

import shutil
from datetime import timedelta
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from conftest import BEGIN, frame_number, write_gpx, write_video

from detector.chapters import camera_of, missing_before, other_cameras, trips
from detector.errors import TelemetryError
from detector.footage import Refused, find_drives
from detector.telemetry.clock import Hints
from detector.trajectory import trajectory_from_fixes
from detector.video import Video
from detector.video_drive import VideoDrive


def video(name: str, start_s: float | None = None, *, length_s: float = 60.0, width_px: int = 1920) -> Video:
    return Video(Path(name), width_px, 1080, length_s, Fraction(30), "h264", start_s)


@pytest.mark.parametrize(
    ("videos", "expected"),
    [
        pytest.param([video("a.mp4", 0), video("b.mp4", 60), video("c.mp4", 121)], [["a", "b", "c"]], id="one trip"),
        pytest.param([video("c.mp4", 121), video("a.mp4", 0), video("b.mp4", 60)], [["a", "b", "c"]], id="in any order"),
        pytest.param([video("a.mp4", 0), video("b.mp4", 59)], [["a", "b"]], id="a second of overlap"),
        pytest.param([video("a.mp4", 0), video("b.mp4", 300)], [["a"], ["b"]], id="four minutes between"),
        pytest.param([video("a.mp4", 0), video("b.mp4", 0)], [["a"], ["b"]], id="at the same time"),
        pytest.param([video("a.mp4"), video("b.mp4")], [["a"], ["b"]], id="no time stated"),
        pytest.param([video("x/a.mp4", 0), video("y/b.mp4", 60)], [["a"], ["b"]], id="two folders"),
        pytest.param([video("a.mp4", 0), video("b.mp4", 60, width_px=1280)], [["a"], ["b"]], id="two sizes"),
        pytest.param(
            [video("2024_0514_101500_001F.MP4"), video("2024_0514_101600_002F.MP4")],
            [["2024_0514_101500_001F", "2024_0514_101600_002F"]],
            id="time in the name",
        ),
        pytest.param(
            [video("GH010123.MP4", 5), video("GH020123.MP4", 5), video("GH010124.MP4", 900)],
            [["GH010123", "GH020123"], ["GH010124"]],
            id="GoPro's chapters",
        ),
    ],
)  # fmt: skip
def test_trips(videos: list[Video], expected: list[list[str]]) -> None:
    assert [[chapter.video.path.stem for chapter in trip] for trip in trips(videos)] == expected


@pytest.mark.parametrize(
    ("videos", "lost"),
    [
        pytest.param([video("a.mp4", 0), video("b.mp4", 121)], True, id="a minute of minutes"),
        pytest.param([video("a.mp4", 0), video("b.mp4", 300)], True, id="four minutes of minutes"),
        pytest.param([video("a.mp4", 0), video("b.mp4", 95)], False, id="half a minute"),
        pytest.param([video("a.mp4", 0), video("b.mp4", 3600)], False, id="an hour"),
        pytest.param([video("x/a.mp4", 0), video("y/b.mp4", 120)], False, id="two folders"),
        pytest.param([video("GH010123.MP4", 5), video("GH030123.MP4", 5)], True, id="GoPro's second chapter"),
        pytest.param([video("GH010123.MP4", 5), video("GH010124.MP4", 9)], False, id="GoPro's next video"),
        pytest.param([video("a.mp4"), video("b.mp4")], False, id="no time stated"),
    ],
)
def test_lost_files_are_noticed(videos: list[Video], *, lost: bool) -> None:
    one, other = trips(videos)
    assert missing_before(other, one) is lost


def test_files_of_other_cameras_are_counted() -> None:
    (trip,) = trips([video("2024_0514_101500_001F.MP4"), video("2024_0514_101600_002F.MP4")])
    others = [
        video("2024_0514_101500_001R.MP4"),
        video("2024_0514_101600_002R.MP4"),
        video("2024_0514_101501_1I.MP4"),
    ]
    assert other_cameras(trip, [*others, video("2024_0514_111500_009R.MP4")]) == {"rear": 2, "cabin": 1}


def test_a_chapter_begins_where_its_clock_says() -> None:
    (trip,) = trips([video("a.mp4", 0), video("b.mp4", 61.5)])
    assert [chapter.begin_s for chapter in trip] == [0.0, 61.5]


@pytest.mark.parametrize(
    ("path", "camera"),
    [
        ("NO20260101-120000-000001F.MP4", "front"),
        ("NO20260101-120000-000001B.MP4", "rear"),
        ("NO20260101-120000-000001I.MP4", "cabin"),
        ("20240514_101500_NF.mp4", "front"),
        ("20240514_101500_ER.mp4", "rear"),
        ("2024_0514_101500_001R.MP4", "rear"),
        ("Rear/clip1.mp4", "rear"),
        ("Normal/Interior/clip1.mp4", "cabin"),
        ("survey_B.mp4", "front"),
        ("RS290.mp4", "front"),
    ],
)
def test_the_camera_is_told_by_name(path: str, camera: str) -> None:
    assert camera_of(Path(path)) == camera


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """Three files of five seconds that follow on one another, each with its log."""
    for index in range(3):
        begin = BEGIN + timedelta(seconds=5 * index)
        path = write_video(tmp_path / f"clip{index}.mp4", np.arange(150) / 30, begin=begin)
        write_gpx(path.with_suffix(".gpx"), 5, begin=begin)
    for index in range(3):  # write_gpx begins anew each time: move the later logs on
        log = tmp_path / f"clip{index}.gpx"
        text = log.read_text()
        for second in range(6):
            text = text.replace(
                f'lat="{35.65 + second * 10 / 110_950}"',
                f'lat="{35.65 + (second + 5 * index) * 10.0 / 110_950:.9f}"',
            )
        log.write_text(text)
    return tmp_path


def test_chapters_are_read_as_one_drive(card: Path) -> None:
    (drive,) = find_drives([card])
    assert isinstance(drive, VideoDrive)
    assert drive.duration_s == pytest.approx(15, abs=0.1)
    path = trajectory_from_fixes(drive.fixes(Hints()))
    assert path.metres_driven(15.0) == pytest.approx(150, rel=0.01)
    frames = list(drive.frames(path, 2.5))
    assert np.diff([frame.time_s for frame in frames]) == pytest.approx(0.25, abs=0.07)
    assert len(frames) == pytest.approx(60, abs=1)
    late = next(frame for frame in frames if frame.time_s >= 7.0)
    assert frame_number(late.image) == pytest.approx((late.time_s - 5) * 30, abs=1)


def test_one_log_for_the_whole_trip(card: Path) -> None:
    for index in range(3):
        (card / f"clip{index}.gpx").unlink()
    log = write_gpx(card.parent / "trip.gpx", 20)
    (drive,) = find_drives([card], log)
    assert not isinstance(drive, Refused)
    assert trajectory_from_fixes(drive.fixes(Hints())).metres_driven(15.0) == pytest.approx(150, rel=0.01)


def test_a_chapter_without_gps_is_named_and_the_rest_used(card: Path) -> None:
    (card / "clip1.gpx").unlink()
    (drive,) = find_drives([card])
    assert isinstance(drive, VideoDrive)
    path = trajectory_from_fixes(drive.fixes(Hints()))
    assert len(path.time_s) == 12
    assert drive.incomplete
    assert "clip1.mp4" in str(drive.faults[0])


def test_no_chapter_with_gps_is_refused(card: Path) -> None:
    for index in range(3):
        (card / f"clip{index}.gpx").unlink()
    (drive,) = find_drives([card])
    assert isinstance(drive, VideoDrive)
    with pytest.raises(TelemetryError, match="No GPS"):
        drive.fixes(Hints())


def test_a_broken_chapter_is_refused_and_the_rest_used(card: Path) -> None:
    (card / "clip0.mp4").write_bytes(b"")
    found = list(find_drives([card]))
    assert [one.path.name for one in found if isinstance(one, Refused)] == ["clip0.mp4"]
    assert [len(one.chapters) for one in found if isinstance(one, VideoDrive)] == [2]


def test_rear_footage_is_left_out_beside_front_and_refused_alone(tmp_path: Path) -> None:
    front = write_video(tmp_path / "20240514_101500_NF.mp4", np.arange(10) / 30)
    rear = tmp_path / "20240514_101500_NR.mp4"
    shutil.copy(front, rear)
    assert [one.path for one in find_drives([tmp_path])] == [front]
    (refused,) = find_drives([rear])
    assert isinstance(refused, Refused)
    assert "rear" in str(refused.error)


def test_two_hundred_files_of_which_three_are_broken(short_drive: Path, tmp_path: Path) -> None:
    for index in range(200):
        path = tmp_path / f"{index:03d}.mp4"
        if index in (7, 77, 177):
            path.write_bytes(b"\0" * index)
        else:
            path.hardlink_to(short_drive)
    found = list(find_drives([tmp_path]))
    assert [one.path.stem for one in found if isinstance(one, Refused)] == ["007", "077", "177"]
