"""Handing on: pictures and videos are masked whole or not at all, and carry nothing that was not asked for."""

from __future__ import annotations

import struct
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from command import roaddamage
from conftest import write_video
from PIL import Image, PngImagePlugin

from detector.errors import FootageError, ModelError, OutputError
from detector.kept_area import KeptArea
from detector.private import Found, Kind
from detector.video import VideoReader, probe
from roaddamage.keeping import Keep
from roaddamage.mask import MaskedFile, MaskJob, mask, planned
from roaddamage.masked_picture import mask_picture
from roaddamage.masked_video import mask_video

SECRET, ROAD = 250, 100
"""How bright a made face is in half of its pixels, and the road around it in all."""


class Bright:
    """Finds what is bright, as networks find faces; in `missed` of the pictures it is shown nothing."""

    def __init__(self, *missed: int) -> None:
        self.looks, self.missed = -1, missed

    def find(self, image: np.ndarray) -> Found:
        self.looks += 1
        y, x = np.nonzero(image[..., 0] > 190)
        box = (
            [] if self.looks in self.missed or not len(x) else [[x.min(), y.min(), x.max() + 1, y.max() + 1]]
        )
        return Found(
            np.array(box, np.float32).reshape(-1, 4), (Kind.face,) * len(box), np.ones(len(box), np.float32)
        )


def street(left: int = 60, size: tuple[int, int] = (160, 120)) -> np.ndarray:
    """A grey road with a face of light and dark stripes."""
    picture = np.full((size[1], size[0], 3), ROAD, np.uint8)
    picture[40:70, left : left + 24] = np.where(np.arange(24) % 4 < 2, SECRET, 5)[None, :, None]
    return picture


def told(picture: Image.Image) -> Image.Exif:
    """Tags of a camera, its place and preview among them."""
    exif = picture.getexif()
    exif.update({0x010F: "Maker", 0x0110: "Model", 0x0132: "2024:05:14 10:30:00", 0x013B: "Tanaka"})
    exif[0x8769] = {0x9003: "2024:05:14 10:30:00", 0x927C: b"preview", 0x9286: b"note", 0xA405: 24}
    exif[0x8825] = {1: "N", 2: (35.0, 41.0, 22.0), 3: "E", 4: (139.0, 41.0, 30.0)}
    return exif


def write(path: Path, how: str) -> Path:
    picture = Image.fromarray(street())
    if how == "turned":
        exif = told(picture)
        exif[0x0112] = 6
        picture.rotate(90, expand=True).save(path, exif=exif, quality=95)
    elif how == "transparent":
        picture.putalpha(255)
        picture.paste((30, 30, 30, 0), (100, 80, 110, 90))
        picture.save(path)
    elif how == "16 bits":
        Image.fromarray((np.asarray(picture)[..., 0].astype(np.uint16) << 8) + 7).save(path)
    else:
        notes = PngImagePlugin.PngInfo()
        notes.add_text("Comment", "Tanaka")
        more = {"pnginfo": notes} if path.suffix == ".png" else {"exif": told(picture), "quality": 95}
        picture.convert(how).save(path, **more)
    return path


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("a.jpg", "RGB"), ("a.JPEG", "L"), ("a.jpg", "CMYK"), ("a.jpg", "turned"), ("a.png", "RGB"), ("a.png", "P"),
        ("a.png", "LA"), ("a.png", "1"), ("a.png", "transparent"), ("a.png", "16 bits"), ("a.webp", "RGB"),
    ],
)  # fmt: skip
def test_pictures_of_every_kind_are_masked_and_say_nothing(name: str, how: str, tmp_path: Path) -> None:
    source, target = write(tmp_path / name, how), tmp_path / f"masked{Path(name).suffix}"
    assert mask_picture(source, target, Bright(), KeptArea(), frozenset())[Kind.face] == 1
    with Image.open(target) as made:
        assert made.size == (160, 120)
        assert set(made.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density", "loop", "background"} | {
            "timestamp", "duration",
        }  # fmt: skip
        assert not len(made.getexif())
        face = np.asarray(made.convert("L"))[42:68, 62:82].astype(int)
        assert np.ptp(face) < 12
        left = np.asarray(made.convert("L"))[82:88, 102:108]
    assert left.min() > 40, "what lies under transparent ground does not come to light"


@pytest.mark.parametrize("size", [(1, 1), (12_500, 8_000)], ids=str)
def test_pictures_of_any_size(size: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = tmp_path / "a.jpg", tmp_path / "b.jpg"
    Image.new("L", size, ROAD).save(source)
    assert not mask_picture(source, target, Bright(), KeptArea(), frozenset())
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    with Image.open(target) as made:
        assert made.size == size


@pytest.mark.parametrize(
    ("keep", "tags", "inner", "place"),
    [
        ([], set(), set(), set()),
        ([Keep.audio], set(), set(), set()),
        ([Keep.metadata], {0x010F, 0x0110, 0x0132, 0x8769}, {0x9003, 0xA405}, set()),
        ([Keep.gps], {0x8825}, set(), {1, 2, 3, 4}),
    ],
    ids=["nothing", "audio", "metadata", "gps"],
)
def test_tags_go_on_where_asked_for_and_never_a_preview(
    keep: list[Keep], tags: set[int], inner: set[int], place: set[int], tmp_path: Path
) -> None:
    target = tmp_path / "masked.jpg"
    mask_picture(write(tmp_path / "a.jpg", "turned"), target, Bright(), KeptArea(), frozenset(keep))
    with Image.open(target) as made:
        exif = made.getexif()
    assert (set(exif), set(exif.get_ifd(0x8769)), set(exif.get_ifd(0x8825))) == (tags, inner, place)


def test_the_area_that_is_not_kept_is_filled(tmp_path: Path) -> None:
    target = tmp_path / "masked.png"
    mask_picture(write(tmp_path / "a.png", "RGB"), target, Bright(), KeptArea(top=0.75), frozenset())
    with Image.open(target) as made:
        assert len(np.unique(np.asarray(made)[:90])) == 1


TIMES_S = np.cumsum([0.0, *([0.02, 0.05, 0.034, 0.1] * 7)]).tolist()


def filmed(path: Path, size: tuple[int, int] = (160, 120), *, sound: bool = True) -> Path:
    """A video of uneven times in which a face goes by, with sound, a place and a time, its clock beginning late."""
    tick = Fraction(1, 90_000)
    with av.open(str(path), "w", options={"movflags": "use_metadata_tags"}) as out:
        out.metadata.update(
            creation_time="2024-05-14T01:30:00Z", location="+35.6895+139.6917/", model="DR900"
        )
        out.metadata["comment"] = "Tanaka"
        stream: Any = out.add_stream("libx264", rate=30, options={"crf": "12", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt, stream.codec_context.time_base = *size, "yuv420p", tick
        hum: Any = out.add_stream("aac", rate=8_000, layout="mono") if sound else None
        for index, time_s in enumerate(TIMES_S):
            frame = av.VideoFrame.from_ndarray(street(20 + 2 * index, size), format="rgb24")
            frame.pts, frame.time_base = round((5 + time_s) / tick), tick
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
        for block in range(12 if sound else 0):
            tone = av.AudioFrame.from_ndarray(np.full((1, 1024), 0.1, np.float32), "fltp", "mono")
            tone.sample_rate, tone.pts, tone.time_base = 8_000, 40_000 + block * 1024, Fraction(1, 8_000)
            out.mux(hum.encode(tone))
        if sound:
            out.mux(hum.encode())
    return path


def turned(path: Path) -> Path:
    """The video, from a camera that was mounted a quarter turned: its display matrix says so."""
    whole = path.read_bytes()
    level, quarter = (struct.pack(">9i", *matrix) for matrix in (
        (65_536, 0, 0, 0, 65_536, 0, 0, 0, 1 << 30), (0, 65_536, 0, -65_536, 0, 0, 0, 0, 1 << 30),
    ))  # fmt: skip
    place = whole.index(level, whole.index(b"tkhd"))
    path.write_bytes(whole[:place] + quarter + whole[place + len(quarter) :])
    return path


@pytest.mark.parametrize("missed", [(), (5,), (9, 10, 11), (0, 27)], ids=str)
def test_a_face_never_shows_in_a_video_though_frames_miss_it(missed: tuple[int, ...], tmp_path: Path) -> None:
    source, target = filmed(tmp_path / "a.mov", sound=False), tmp_path / "b.mp4"
    made = mask_video(probe(source), target, Bright(*missed), KeptArea(), frozenset())
    assert (made.frames, made.covered, made.lost) == (len(TIMES_S), Counter({Kind.face: len(TIMES_S)}), 0)
    frames = list(VideoReader(target).every_frame())
    assert np.allclose([one.time_s for one in frames], TIMES_S, atol=1e-3)
    for index, one in enumerate(frames):
        left = 20 + 2 * index
        assert np.ptp(one.image[42:68, left + 2 : left + 22].mean(2)) < 30, index


def test_videos_come_out_upright_and_even(tmp_path: Path) -> None:
    source = turned(filmed(tmp_path / "a.mp4", (160, 120)))
    assert (probe(source).width_px, probe(source).height_px) == (120, 160)
    mask_video(probe(source), tmp_path / "b.mp4", Bright(), KeptArea(), frozenset())
    with av.open(str(tmp_path / "b.mp4")) as made:
        assert (made.streams.video[0].width, made.streams.video[0].height) == (120, 160)
        assert next(made.decode(video=0)).rotation == 0


@pytest.mark.parametrize(
    ("keep", "streams", "tags"),
    [
        ([], ["video"], set()),
        ([Keep.audio], ["video", "audio"], set()),
        ([Keep.metadata], ["video"], {"creation_time", "model"}),
        ([Keep.gps, Keep.audio], ["video", "audio"], {"location"}),
    ],
    ids=["nothing", "audio", "metadata", "gps"],
)
def test_sound_and_tags_go_on_where_asked_for(
    keep: list[Keep], streams: list[str], tags: set[str], tmp_path: Path
) -> None:
    target = tmp_path / "b.mp4"
    mask_video(probe(filmed(tmp_path / "a.mp4")), target, Bright(), KeptArea(), frozenset(keep))
    with av.open(str(target)) as made:
        assert [one.type for one in made.streams] == streams
        told = {name.partition("-")[0] for name in made.metadata}
        assert told - {"major_brand", "minor_version", "compatible_brands"} == tags
        heard = [frame.time for frame in made.decode(audio=0)] if "audio" in streams else []
    assert not heard or 0 <= heard[0] < 0.2 < 1.2 < heard[-1] < 1.7
    assert b"Tanaka" not in target.read_bytes()


def run(job: MaskJob) -> tuple[set[str], set[str]]:
    """What was done, and what refused, by name."""
    plan = planned(job)
    made = list(mask(job, plan, Bright()))
    done = {one.name.as_posix() for one in made if isinstance(one, MaskedFile)}
    return done, {one.path.name for one in [*plan.refused, *made] if not isinstance(one, MaskedFile)}


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """A folder with pictures and videos, some of them broken."""
    folder = tmp_path / "card"
    (folder / "sub").mkdir(parents=True)
    for name in ("a.jpg", "sub/a.jpg", "b.png"):
        write(folder / name, "RGB")
    (folder / "broken.jpg").write_bytes((folder / "a.jpg").read_bytes()[:900])
    (folder / "broken.mp4").write_bytes(b"no video")
    (folder / ".hidden.jpg").write_bytes(b"")
    (folder / "track.gpx").write_text("<gpx/>")
    for name in ("a.mp4", "a.avi"):
        write_video(
            folder / name, [0.0, 0.1], size_px=(320, 240), codec="mpeg4" if name == "a.avi" else "libx264"
        )
    return folder


DONE = {"a.jpg", "sub/a.jpg", "b.png", "a.mp4", "a-2.mp4"}


def test_a_batch_names_what_cannot_be_used_and_does_the_rest(card: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    job = MaskJob([card, card / "a.jpg", card / "track.gpx", tmp_path / "gone"], out)
    assert run(job) == (DONE, {"broken.jpg", "broken.mp4", "track.gpx", "gone"})
    assert {one.relative_to(out).as_posix() for one in out.rglob("*") if one.is_file()} == DONE
    assert planned(job).others == {".gpx": 1}


def test_what_is_there_already_stays_unless_asked(card: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "b.png").write_text("kept")
    done, refused = run(MaskJob([card], out))
    assert (done, "b.png" in refused, (out / "b.png").read_text()) == (DONE - {"b.png"}, True, "kept")
    assert run(MaskJob([card / "b.png"], out, overwrite=True)) == ({"b.png"}, set())
    assert run(MaskJob([out / "b.png"], tmp_path / "more")) == ({"b.png"}, set())


@pytest.mark.parametrize("overwrite", [False, True])
def test_footage_is_never_overwritten(card: Path, overwrite: bool) -> None:
    before = {path: path.read_bytes() for path in card.rglob("*") if path.is_file()}
    done, refused = run(
        MaskJob([card / "b.png", card / "sub" / "a.jpg", card / "a.jpg"], card, overwrite=overwrite)
    )
    assert (done, refused) == ({"a-2.jpg"}, {"b.png", "a.jpg"})
    assert all(path.read_bytes() == content for path, content in before.items())
    assert run(MaskJob([card], card / "out"))[0] == DONE | {"a-2.jpg"}
    assert run(MaskJob([card], card / "out"))[0] == set(), "what lies in the output folder is no footage"


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit], ids=["Ctrl-C", "asked to end"])
def test_what_is_broken_off_leaves_nothing(end: type[BaseException], card: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    job = MaskJob([card / "a.mp4"], out)

    def stop(frames: int) -> None:
        raise end

    with pytest.raises(end):
        list(mask(job, planned(job), Bright(), stop))
    assert not list(out.iterdir())
    (out / ".unfinished-999999999-x").mkdir()  # of one that was killed
    assert run(job) == ({"a.mp4"}, set())
    assert [one.name for one in out.iterdir()] == ["a.mp4"]


def test_a_full_disk_is_said(card: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    job = MaskJob([card / "a.jpg"], tmp_path / "out")
    with pytest.raises(OutputError, match="No space left"):
        list(mask(job, planned(job), Bright()))


@pytest.mark.parametrize(("lang", "words"), [("ja_JP.UTF-8", "フレーム"), ("C.UTF-8", "frames")])
def test_the_command_tells_what_it_did(
    lang: str, words: str, card: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("detector.masking.masker", lambda *_, **__: Bright())
    told = roaddamage("mask", card, "--out", tmp_path / "out", env={"LC_ALL": lang})
    assert told.returncode == FootageError.exit_code
    assert all(word in told.stdout for word in ("a-2.mp4", words))
    assert all(word in told.stderr for word in ("broken.jpg", "broken.mp4", ".gpx (1)"))
    well = roaddamage("mask", card / "a.jpg", "--out", tmp_path / "well")
    assert (well.returncode, well.stderr) == (0, "")


def test_without_the_networks_nothing_is_written(
    card: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object, **__: object) -> None:
        raise ModelError("{reason}", reason="gone")

    monkeypatch.setattr("detector.masking.masker", missing)
    told = roaddamage("mask", card, "--out", tmp_path / "out")
    assert (told.returncode, (tmp_path / "out").exists()) == (2, False)
