"""The area of a vehicle's pictures that is kept: what lies outside is filled, and nothing seen there is a sighting."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from detector.classes import CLASSES
from detector.evidence import Writer
from detector.footage import find_drives
from detector.kept_area import OUTSIDE, KeptArea, KeptAreaError, kept_area, kept_area_of
from detector.masking import Masker
from detector.model import Detections
from detector.pipeline import Options, detect_drive
from detector.private import Found
from detector.vehicle import Vehicle, VehicleError, read_vehicle, write_vehicle
from roaddamage.cli import app

KEPT = KeptArea(0.1, 0.05, 1.0, 0.85)


@pytest.mark.parametrize(
    ("text", "shares"),
    [
        ("0,5,100,85", (0, 0.05, 1, 0.85)),
        (" 0, 0 ,100,100", (0, 0, 1, 1)),
        ("12.5,0,100,90", (0.125, 0, 1, 0.9)),
        ("0,5,100", None),
        ("0,5,100,85,1", None),
        ("0,85,100,5", None),
        ("-1,0,100,100", None),
        ("0,0,100,101", None),
        ("0,0,100,9", None),
        ("nan,0,100,100", None),
        ("all", None),
        ("", None),
    ],
)
def test_an_area_is_what_a_person_wrote(text: str, shares: tuple[float, ...] | None) -> None:
    if shares is None:
        with pytest.raises(KeptAreaError, match="such as 0,5,100,85"):
            kept_area_of(text)
    else:
        assert kept_area_of(text).shares == pytest.approx(shares)
        assert kept_area_of(kept_area_of(text).told) == kept_area_of(text)


@pytest.mark.parametrize(
    "kept", [KeptArea(), KEPT, KeptArea(0, 0, 0.5, 1), KeptArea(0.333, 0.333, 0.667, 0.667)], ids=str
)
@pytest.mark.parametrize("size", [(540, 960), (7, 5), (1, 1)], ids=str)
def test_outside_is_filled_and_inside_stays(kept: KeptArea, size: tuple[int, int]) -> None:
    picture = np.random.default_rng(1).integers(100, 250, (*size, 3)).astype(np.uint8)
    before = picture.copy()
    made = kept.cut(picture)
    assert np.array_equal(picture, before)
    row, column = (np.arange(length) for length in size)
    inside = np.outer(
        (row / size[0] >= kept.top) & ((row + 1) / size[0] <= kept.bottom + 1e-9),
        (column / size[1] >= kept.left) & ((column + 1) / size[1] <= kept.right + 1e-9),
    )
    assert np.array_equal(made[inside], picture[inside])
    assert (made[~inside] == OUTSIDE).all()
    strips = sum((x2 - x1) * (y2 - y1) for x1, y1, x2, y2 in kept.outside(size[1], size[0]).tolist())
    assert strips == (~inside).sum(), "no pixel twice"


@pytest.mark.parametrize(
    ("box", "held"),
    [
        ((200, 300, 300, 400), True),
        ((200, 400, 300, 500), True),
        ((200, 440, 300, 520), False),
        ((20, 300, 80, 400), False),
        ((60, 300, 140, 400), True),
    ],
    ids=["inside", "mostly inside", "on the bonnet", "left of it", "mostly inside on the left"],
)
def test_a_box_counts_where_its_middle_lies(box: tuple[float, ...], held: bool) -> None:
    assert KEPT.holds(np.array([box], float), 960, 540).tolist() == [held]


@pytest.mark.parametrize("told", [[0, 0, 1], [0, 0, 1, 2], "0,5,100,85", [0, 0, 1, None], 5])
def test_what_records_hold_of_an_area_is_checked(told: Any) -> None:
    with pytest.raises(KeptAreaError):
        kept_area(told)
    assert kept_area(None) == KeptArea()


def test_detections_keep_their_outlines() -> None:
    outlines = [np.full((3, 2), number) for number in range(3)]
    seen = Detections(np.arange(12.0).reshape(3, 4), np.arange(3), np.ones(3), outlines)
    part = seen.of(np.array([True, False, True]))
    assert part.class_id.tolist() == [0, 2]
    assert part.outlines is not None
    assert [int(one[0, 0]) for one in part.outlines] == [0, 2]


class Blind(Masker):
    """Finds nobody, and costs nothing."""

    def __init__(self, people: object = None) -> None:
        """Without networks."""

    def find(self, image: np.ndarray) -> Found:
        return Found(np.empty((0, 4), np.float32), (), np.empty(0, np.float32))


class Everywhere:
    """A model that sees a pothole on the road, and one on the bonnet."""

    name, device, batch, reliability, image_px = "everywhere", "cpu", 4, None, 640

    def detect(self, images: list[np.ndarray], confidence: float) -> list[Detections]:
        height, width = images[0].shape[:2]
        boxes = np.array([[0.48, 0.6, 0.54, 0.66], [0.48, 0.9, 0.54, 0.96]]) * [width, height, width, height]
        pothole = [row.code for row in CLASSES].index("D40")
        return [Detections(boxes, np.full(2, pothole), np.full(2, 0.9)) for _ in images]


def test_nothing_on_the_bonnet_is_a_sighting(
    tmp_path: Path, two_seconds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("detector.pipeline.masker", Blind)
    (drive,) = find_drives([two_seconds])
    told = {}
    for kept in (KeptArea(), KEPT):
        folder = tmp_path / kept.told
        folder.mkdir()
        told[kept] = detect_drive(drive, Everywhere(), Options(vehicle=Vehicle(kept=kept)), folder)  # type: ignore[arg-type]
        assert told[kept].vehicle.kept == kept
        for path in folder.iterdir():
            if not path.stem.endswith("-crop"):
                band = cv2.imread(str(path))[-20:]
                assert (abs(band.astype(int) - OUTSIDE) < 9).all() == (kept == KEPT)
    middles = {
        kept: {round((one.box[1] + one.box[3]) / 2, 1) for one in made.sightings if one.box}
        for kept, made in told.items()
    }
    assert middles == {KeptArea(): {0.6, 0.9}, KEPT: {0.6}}
    assert [one.tolist() for one in told[KEPT].trajectory.ways(told[KEPT].seen)] == [
        one.tolist() for one in told[KeptArea()].trajectory.ways(told[KeptArea()].seen)
    ], "what was driven past is the same"


@pytest.fixture(scope="module")
def two_seconds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The beginning of the sample drive."""
    from datasets.sample_drive import write_sample_drive

    return write_sample_drive(tmp_path_factory.mktemp("brief"), 2.0)


def test_a_damage_says_how_much_of_it_is_not_shown(tmp_path: Path) -> None:
    picture = np.full((200, 300, 3), 100, np.uint8)
    frame = SimpleNamespace(index=0, image=picture)
    with Writer(tmp_path, Blind(), kept=KeptArea(bottom=0.75)) as writer:
        for box in ((100, 100, 200, 140), (100, 130, 200, 170)):
            writer.put(str(box[1]), SimpleNamespace(frame=frame, xyxy=np.array(box, float)), 0)  # type: ignore[arg-type]
        shown, half = writer.written()
    assert (shown.covered, half.covered) == (0, pytest.approx(0.5))
    assert cv2.imread(str(tmp_path / "130-crop.jpg")).max() > 200, "hatched"
    assert cv2.imread(str(tmp_path / "100-crop.jpg")).max() < 200


def test_a_vehicles_file_keeps_its_area(tmp_path: Path) -> None:
    path = tmp_path / "vehicle.json"
    write_vehicle(path, Vehicle(kept=KEPT))
    assert read_vehicle(path) == Vehicle(kept=KEPT)
    write_vehicle(path, Vehicle())
    assert read_vehicle(path).kept == KeptArea()
    path.write_text('{"camera": null, "drives": 0, "kept": [0, 0, 2, 1]}')
    with pytest.raises(VehicleError):
        read_vehicle(path)


def test_the_camera_command_shows_what_is_kept(
    tmp_path: Path, two_seconds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("roaddamage.camera.masker", Blind)
    out = tmp_path / "grid.jpg"
    run = CliRunner().invoke(
        app, ["camera", str(two_seconds), "--out", str(out), "--keep-area", "0,0,100,80"]
    )
    assert run.exit_code == 0, run.output
    lowest = np.asarray(Image.open(out))[-60:, :40]
    assert abs(lowest.astype(int) - OUTSIDE).mean() < 6
    run = CliRunner().invoke(app, ["camera", str(two_seconds), "--keep-area", "0,80"])
    assert run.exit_code == 2


def test_a_drive_sharpens_the_camera_and_leaves_the_area() -> None:
    from datasets.sample_drive import sample_camera

    camera = sample_camera()
    known = Vehicle(kept=KEPT).after(camera).after(replace(camera, height_m=2 * camera.height_m))
    assert known.kept == KEPT
