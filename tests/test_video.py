"""Frames come at their true presentation times, whatever the file's clock does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import BEGIN, frame_number, write_video

from detector.errors import FootageError
from detector.video import VideoReader, probe, still_frames

EVEN = np.arange(150) / 30
RNG = np.random.default_rng(5)
UNEVEN = np.cumsum(RNG.uniform(0.01, 0.09, 150))


@pytest.mark.parametrize(
    ("times_s", "suffix", "zero_s"),
    [
        pytest.param(EVEN, ".mp4", 0.0, id="constant rate"),
        pytest.param(UNEVEN, ".mp4", 0.0, id="variable rate"),
        pytest.param(UNEVEN, ".mkv", 0.0, id="variable rate, mkv"),
        pytest.param(EVEN, ".ts", 7.0, id="MPEG-TS with a start offset"),
    ],
)
def test_frames_at_true_times(tmp_path: Path, times_s: np.ndarray, suffix: str, zero_s: float) -> None:
    path = write_video(tmp_path / f"v{suffix}", times_s + zero_s)
    times_s = times_s - times_s[0]
    expected = np.arange(1, 150, 11)
    wanted = (times_s[expected - 1] + times_s[expected]) / 2
    frames = list(VideoReader(path).frames_at(wanted))
    assert [frame_number(frame.image) for frame in frames] == expected.tolist()
    assert [frame.time_s for frame in frames] == pytest.approx(times_s[expected], abs=1e-3)


def test_each_frame_once_when_asked_faster_than_the_rate(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", EVEN[:30])
    frames = list(VideoReader(path).frames_at(np.arange(0, 1, 0.01)))
    assert [frame_number(frame.image) for frame in frames] == list(range(30))


def test_probe_states_size_length_and_start(tmp_path: Path) -> None:
    video = probe(write_video(tmp_path / "v.mp4", EVEN, begin=BEGIN))
    assert (video.width_px, video.height_px, video.codec) == (320, 240, "h264")
    assert video.duration_s == pytest.approx(5, abs=0.05)
    assert video.start_utc_s == BEGIN.timestamp()


def test_damaged_packets_are_passed_over_and_counted(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.ts", EVEN)
    data = bytearray(path.read_bytes())
    data[len(data) // 3 : len(data) // 3 + 20_000] = bytes(20_000)
    path.write_bytes(data)
    reader = VideoReader(path)
    frames = list(reader.frames_at(EVEN))
    assert 60 < len(frames) < 150
    assert reader.last_time_s > 4.5


def test_still_frames_are_key_frames_near_the_wanted_times(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", EVEN)
    frames = list(still_frames(path, [0.1, 4.9]))
    assert frames[0].time_s == 0.0
    assert all(frame.time_s <= 4.9 for frame in frames)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        pytest.param(b"", "empty", id="zero bytes"),
        pytest.param(b"no video at all\n" * 50, "not a video", id="text named mp4"),
        pytest.param(b"\0\0\0\x18ftypisom\0\0\2\0isomiso2\0\0\0\x08free", "not a video", id="no moov"),
    ],
)
def test_what_is_no_video_is_refused(tmp_path: Path, content: bytes, word: str) -> None:
    path = tmp_path / "bad.mp4"
    path.write_bytes(content)
    with pytest.raises(FootageError, match=word) as caught:
        probe(path)
    assert "bad.mp4" in str(caught.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FootageError, match="can't be read"):
        probe(tmp_path / "none.mp4")
