"""Frames come at their true presentation times, whatever the file's clock does."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition
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


ENCODERS = {
    "HEVC": ("libx265", ".mp4", "yuv420p", {"x265-params": "log-level=none:bframes=3"}),
    "HEVC, mov": ("libx265", ".mov", "yuv420p", {"x265-params": "log-level=none:keyint=20"}),
    "MJPEG": ("mjpeg", ".avi", "yuvj420p", {"q": "3"}),
    "MPEG-4": ("mpeg4", ".avi", "yuv420p", {"bf": "2"}),
    "VP9": ("libvpx-vp9", ".mkv", "yuv420p", {"deadline": "realtime", "cpu-used": "8"}),
    "AV1": ("libsvtav1", ".mp4", "yuv420p", {"preset": "12", "svtav1-params": "film-grain=0"}),
    "H.264, key frames near": ("libx264", ".mp4", "yuv420p", {"g": "15", "preset": "ultrafast"}),
    "H.264, open groups": ("libx264", ".ts", "yuv420p", {"x264-params": "keyint=24:bframes=3:open-gop=1"}),
    "MPEG-2": ("mpeg2video", ".ts", "yuv420p", {"g": "12", "bf": "2"}),
}


@pytest.mark.parametrize("name", ENCODERS)
def test_every_codec_gives_its_frames_at_their_times(tmp_path: Path, name: str) -> None:
    codec, suffix, form, options = ENCODERS[name]
    path = write_video(tmp_path / f"v{suffix}", EVEN, codec=codec, pixels=form, encoder=options)
    wanted = np.arange(0, 4.9, 0.31)
    for frame in (frames := list(VideoReader(path).frames_at(wanted))):
        assert frame.time_s == pytest.approx(frame_number(frame.image) / 30, abs=2e-3)
    apart_s = [frame.time_s - time_s for frame, time_s in zip(frames, wanted, strict=True)]
    assert min(apart_s) > -1e-3
    assert max(apart_s) <= 0.31 / 2 + 0.034


def test_what_follows_the_last_wanted_frame_of_a_group_is_not_decoded(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", EVEN, encoder={"g": "15", "bf": "0", "sc_threshold": "0"})
    reader = VideoReader(path)
    frames = list(reader.frames_at(np.arange(0, 5, 0.5) + 0.1))
    assert [frame_number(frame.image) for frame in frames] == list(range(3, 150, 15))
    assert reader.decoded <= 15 + 9 * 4  # the first group in full, four frames of every other


def test_a_long_stop_is_passed_over(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", np.arange(900) / 30, encoder={"g": "30", "sc_threshold": "0"})
    reader = VideoReader(path)
    frames = list(reader.frames_at([0.0, 1.0, 28.5]))
    assert [frame.time_s for frame in frames] == pytest.approx([0.0, 1.0, 28.5], abs=0.04)
    assert frame_number(frames[-1].image) == 855 % 256
    assert reader.decoded < 120


def test_frames_an_edit_list_cuts_off_are_not_there(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "whole.mp4", EVEN, encoder={"g": "15", "bf": "0", "sc_threshold": "0"})
    path = tmp_path / "v.mp4"
    with av.open(str(whole)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.pts is not None and packet.pts * packet.time_base >= 1:
                # Times before zero become an edit list: the muxer keeps the packets, players pass them over.
                packet.pts -= round(1.2 / packet.time_base)
                packet.dts -= round(1.2 / packet.time_base)
                packet.stream = stream
                target.mux(packet)
    frames = list(VideoReader(path).frames_at([0.0, 1.0]))
    assert [frame_number(frame.image) for frame in frames] == [36, 66]
    assert [frame.time_s for frame in frames] == pytest.approx([0.0, 1.0], abs=2e-3)


def test_an_interlaced_frame_shows_one_moment(tmp_path: Path) -> None:
    path = tmp_path / "v.ts"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg2video", rate=25, options={"flags": "+ildct+ilme", "q": "2"})
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        comb = np.zeros((240, 320, 3), np.uint8)
        comb[::2, :160] = comb[1::2, 160:] = 255  # a white half that jumps from left to right between fields
        graph = av.filter.Graph()
        source, mark = (
            graph.add_buffer(width=320, height=240, format="yuv420p", time_base=Fraction(1, 25)),
            graph.add("setfield", "tff"),
        )
        graph.link_nodes(source, mark, graph.add("buffersink")).configure()
        for index in range(3):
            frame = av.VideoFrame.from_ndarray(comb, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            graph.push(frame)
            container.mux(stream.encode(graph.pull()))
        container.mux(stream.encode())
    (frame,) = VideoReader(path).frames_at([0.0])
    assert frame.image[20:220, 20:140].min() > 200
    assert frame.image[20:220, 180:300].max() < 55


def test_a_card_that_is_not_there_is_no_matter(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", EVEN)
    frames = list(VideoReader(path, "cuda:0").frames_at([0.0, 2.0, 4.0]))
    assert [frame_number(frame.image) for frame in frames] == [0, 60, 120]


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


@pytest.mark.parametrize("suffix", [".mkv", ".webm"])
def test_length_is_measured_where_none_is_stated(tmp_path: Path, suffix: str) -> None:
    """A recorder that was cut off writes no length; this one also begins its clock at a minute."""
    whole = write_video(tmp_path / "v.mkv", EVEN + 60.0, options={"live": "1"})
    path = whole.rename(tmp_path / f"w{suffix}")
    assert probe(path).duration_s == pytest.approx(5.0, abs=0.1)


def test_a_name_with_a_colon_is_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_video(tmp_path / "12:30 drive.mp4", EVEN[:10])
    monkeypatch.chdir(tmp_path)
    assert probe(Path("12:30 drive.mp4")).width_px == 320


def test_pictures_no_camera_makes_are_refused(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", EVEN[:10], size_px=(320, 48))
    with pytest.raises(FootageError, match="320 x 48"):
        probe(path)


def test_a_cover_picture_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as container:
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 320, 240, "yuvj420p"
        cover.disposition = Disposition.attached_pic
        sound = container.add_stream("aac", rate=44100)
        frame = av.VideoFrame.from_ndarray(np.zeros((240, 320, 3), np.uint8), format="rgb24")
        container.mux(cover.encode(frame))
        container.mux(cover.encode())
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        silence.sample_rate = 44100
        container.mux(sound.encode(silence))
        container.mux(sound.encode())
    with pytest.raises(FootageError, match="only sound"):
        probe(path)


def test_pixels_become_square(tmp_path: Path) -> None:
    path = tmp_path / "v.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 360, 240, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)
        for _ in range(5):
            frame = av.VideoFrame.from_ndarray(np.zeros((240, 360, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    assert (probe(path).width_px, probe(path).height_px) == (480, 240)
