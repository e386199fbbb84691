"""Masking: what shows a person is covered before a picture is written, in pictures of any size, or none is written."""

from __future__ import annotations

import io
import shutil
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from kept import found_once
from PIL import Image

from datasets.plates import plate
from datasets.private_pictures import FACES, PORTRAITS
from detector.errors import ModelError, OutputError
from detector.evidence import BEHIND, Writer
from detector.masking import Masked, Masker, cover, masker
from detector.private import NETWORKS, OVERLAP_PX, WEIGHTS, WIDTH_PX, Found, Kind, _begins
from detector.tracking import Footprint
from roaddamage.photos import _opened

pytestmark = pytest.mark.usefixtures("real_masking")


def street(width: int = 960, height: int = 540) -> np.ndarray:
    """A grey road, a little rough."""
    return np.random.default_rng(1).integers(90, 110, (height, width, 3)).astype(np.uint8)


def portrait(height_px: int) -> tuple[np.ndarray, np.ndarray]:
    """A portrait whose face is that high, and where that is."""
    picture = Image.open(PORTRAITS / "obama.jpg")
    _, y1, _, y2 = FACES["obama"]
    size = round(picture.width * height_px / (y2 - y1) / picture.height), round(height_px / (y2 - y1))
    return np.asarray(picture.resize(size)), np.array(FACES["obama"]) * [*size, *size]


def with_face(place: tuple[int, int], height_px: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """A street with a face, as far as it is in the picture, and where."""
    picture = street()
    face, box = portrait(height_px)
    left, top = place
    part = picture[max(top, 0) : top + face.shape[0], max(left, 0) : left + face.shape[1]]
    part[:] = face[max(-top, 0) :, max(-left, 0) :][: part.shape[0], : part.shape[1]]
    edges = [picture.shape[1], picture.shape[0]] * 2
    return picture, np.clip(box + [left, top, left, top], 0, edges)


@pytest.mark.parametrize(
    ("place", "where"),
    [
        ((400, 200), "inside"),
        ((-25, 200), "left edge"),
        ((870, 200), "right edge"),
        ((400, 435), "lower edge"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_face_is_covered_by_one_flat_colour(place: tuple[int, int], where: str) -> None:
    picture, box = with_face(place)
    made = masker().masked(picture)
    assert made.share_of(box) > 0.9
    x1, y1, x2, y2 = box.round().astype(int)
    inside = made.image[y1 + 4 : y2 - 4, x1 + 4 : x2 - 4].reshape(-1, 3)
    assert len(np.unique(inside, axis=0)) == 1
    assert picture[y1:y2, x1:x2].std() > 20, "the picture that was given stays as it is"


def test_many_boxes_of_one_person_are_no_coarse_picture() -> None:
    rng = np.random.default_rng(5)
    picture = rng.integers(0, 256, (120, 300, 3)).astype(np.uint8)
    corners = rng.uniform([40, 30], [90, 60], (200, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(5, 30, (200, 2))], 1)
    boxes = np.concatenate([boxes, [[200, 40, 240, 80]]]).astype(np.float32)
    made = cover(picture, Found(boxes, (Kind.face,) * 201, np.ones(201, np.float32)))
    hidden = np.zeros(picture.shape[:2], bool)
    for x1, y1, x2, y2 in made.xyxy.tolist():
        hidden[y1:y2, x1:x2] = True
    assert len(np.unique(made.image[:, :150][hidden[:, :150]], axis=0)) == 1
    assert len(np.unique(made.image[hidden], axis=0)) == 2, "who stands apart has another colour"
    assert np.array_equal(made.image[~hidden], picture[~hidden])


def test_a_japanese_plate_is_covered() -> None:
    picture = street()
    drawn = cv2.resize(plate(np.random.default_rng(4)).image, (110, 55), interpolation=cv2.INTER_AREA)
    picture[300:440, 380:620] = 40
    picture[350:405, 450:560] = drawn
    made = masker().masked(picture)
    assert made.share_of(np.array([450.0, 350, 560, 405])) > 0.9
    assert Kind.plate in made.kind


def test_a_plain_road_stays_as_it_is() -> None:
    assert np.array_equal(masker().masked(street()).image, street())


@pytest.mark.parametrize("size", [(1, 1), (3, 2000), (2000, 3), (1279, 737)], ids=str)
def test_pictures_of_any_size(size: tuple[int, int]) -> None:
    picture = street(*size)
    assert masker().masked(picture).image.shape == picture.shape


def test_a_picture_of_100_million_pixels_is_looked_at_in_parts() -> None:
    picture = np.full((8_000, 12_500, 3), 120, np.uint8)
    face, box = portrait(900)
    picture[4_000 : 4_000 + face.shape[0], 6_000 : 6_000 + face.shape[1]] = face
    assert masker().masked(picture).share_of(box + [6_000, 4_000, 6_000, 4_000]) > 0.9


@pytest.mark.parametrize("length", [1, WIDTH_PX, WIDTH_PX + 1, 2 * WIDTH_PX, 5_000])
def test_parts_cover_a_length_and_lie_over_one_another(length: int) -> None:
    begins = _begins(length, WIDTH_PX)
    assert begins[0] == 0
    assert max(begins[-1] + WIDTH_PX, length) == max(length, WIDTH_PX)
    assert all(after - before <= WIDTH_PX - OVERLAP_PX for before, after in pairwise(begins))


def changed(folder: Path, name: str) -> None:
    content = bytearray((folder / name).read_bytes())
    content[-1] ^= 1
    (folder / name).write_bytes(content)


@pytest.mark.parametrize("kind", list(NETWORKS))
@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda folder, name: (folder / name).unlink(), "can't be read"),
        (changed, "is not the file that came"),
    ],
    ids=["missing", "changed"],
)
def test_without_the_networks_that_were_measured_nothing_is_masked(
    kind: Kind, spoil: object, told: str, tmp_path: Path
) -> None:
    for network in NETWORKS.values():
        shutil.copy(WEIGHTS / network.file, tmp_path)
    spoil(tmp_path, NETWORKS[kind].file)  # type: ignore[operator]
    with pytest.raises(ModelError, match=told):
        Masker(tmp_path)


def test_a_drive_without_the_networks_writes_no_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datasets.sample_drive import write_sample_drive
    from detector.footage import find_drives
    from detector.model import Model
    from detector.pipeline import Options, detect_drive

    monkeypatch.setattr("detector.pipeline.masker", lambda people: Masker(tmp_path / "nothing"))
    write_sample_drive(tmp_path, 2.0)
    (drive,) = find_drives([tmp_path])
    with pytest.raises(ModelError, match="faces and number plates would show"):
        detect_drive(drive, Model(), Options(), tmp_path / "evidence")  # type: ignore[arg-type]
    assert not list(tmp_path.rglob("*.jpg"))


def seen(index: int, box: tuple[float, ...], image: np.ndarray) -> Footprint:
    frame = SimpleNamespace(index=index, image=image)
    return SimpleNamespace(frame=frame, xyxy=np.array(box))  # type: ignore[return-value]


def test_evidence_is_masked_and_hatched_where_a_mask_covers_damage(tmp_path: Path) -> None:
    picture, box = with_face((400, 200))
    x1, y1, x2, y2 = box
    with Writer(tmp_path, masker(), frames=True) as writer:
        writer.put("over", seen(0, (x1, y1, x2, y2 + 100), picture), 0)
        writer.put("beside", seen(0, (20, 400, 120, 450), picture), 0)
        over, beside = writer.written()
    inner = tuple(slice(int(low) + 6, int(high) - 6) for low, high in ((y1, y2), (x1, x2)))
    pictures = {path.stem: cv2.imread(str(path)) for path in tmp_path.iterdir()}
    assert set(pictures) == {f"{name}{end}" for name in ("over", "beside") for end in ("", "-crop", "-frame")}
    assert pictures["over"][inner].max() > 240, "hatched, so that nobody takes it for road"
    for name in ("over-frame", "beside", "beside-frame"):
        assert pictures[name][inner].std(axis=(0, 1)).max() < 12, name
    assert (over.frame, beside.crop) == ("over-frame.jpg", "beside-crop.jpg")


def test_a_picture_that_cannot_be_written_ends_the_drive_soon(tmp_path: Path) -> None:
    def put_many() -> None:
        with Writer(tmp_path / "not there", masker()) as writer:
            for index in range(2 * BEHIND + 3):
                writer.put(str(index), seen(0, (20, 400, 120, 450), street(320, 480)), 0)

    with pytest.raises(OutputError, match="can't be written"):
        put_many()


def jpeg(mode: str, turned: int) -> bytes:
    picture, _ = with_face((400, 200))
    image = Image.fromarray(picture).convert(mode)
    exif = Image.Exif()
    if turned:
        exif[0x0112] = 6  # the camera was turned: shown a quarter clockwise
        image = image.rotate(90, expand=True)
    told = io.BytesIO()
    image.save(told, "JPEG", exif=exif)
    return told.getvalue()


@pytest.mark.parametrize(
    ("mode", "turned"),
    [("RGB", 0), ("L", 0), ("CMYK", 0), ("RGB", 1)],
    ids=["colour", "grey", "cmyk", "turned"],
)
def test_photos_of_every_kind_are_masked(mode: str, turned: int) -> None:
    _, box = with_face((400, 200))
    x1, y1, x2, y2 = box.round().astype(int)
    made = np.asarray(_opened(io.BytesIO(jpeg(mode, turned))))
    assert made.shape == street().shape
    assert made[y1 + 4 : y2 - 4, x1 + 4 : x2 - 4].std(axis=(0, 1)).max() < 12


def test_what_is_covered_cannot_be_brought_back() -> None:
    picture = street()
    found = Found(np.array([[100, 100, 140, 140]], np.float32), (Kind.face,), np.ones(1, np.float32))
    made = cover(picture, found)
    assert made.xyxy.tolist() == [[94, 94, 146, 146]]
    inside = made.image[94:146, 94:146].reshape(-1, 3)
    assert len(np.unique(inside, axis=0)) == 1
    assert made.share_of(np.array([140.0, 100, 152, 146])) == pytest.approx(0.5)


def test_nothing_covered_is_a_share_of_nothing() -> None:
    bare = Masked(street(), np.empty((0, 4), np.int64), ())
    assert bare.share_of(np.array([0.0, 0, 10, 10])) == 0


def test_several_threads_mask_at_once() -> None:
    picture, box = with_face((400, 200))
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(masker().masked, [picture, street()] * 4))
    assert [one.share_of(box) > 0.9 for one in made] == [True, False] * 4


def test_tests_share_an_answer_for_the_same_pixels_and_look_alone(tmp_path: Path) -> None:
    looked = []

    def find(masker: object, image: np.ndarray) -> Found:
        looked.append(image)
        return Found(np.array([[1, 2, 3.5, 4]], np.float32), (Kind.plate,), np.full(1, 0.5, np.float32))

    find_once, other = found_once(tmp_path, find), street()
    other[0, 0, 0] += 1
    plain, fine, people = (SimpleNamespace(_fine=one == 1, _people=one == 2) for one in range(3))
    asked = [(plain, street()), (plain, street()), (plain, other), (fine, street()), (people, street())]
    for look, image in asked:
        told = find_once(look, image)
        assert told.xyxy.tolist() == [[1, 2, 3.5, 4]]
        assert (told.kind, told.score.tolist()) == ((Kind.plate,), [0.5])
    assert len(looked) == 4
