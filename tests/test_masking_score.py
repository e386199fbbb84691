"""How masking is measured: pictures of known content, shares with intervals, and the report that belongs to the networks."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from datasets.decoys import decoy
from datasets.filmed import Light, filmed, smear
from datasets.plates import KINDS, PX_PER_MM, plate
from datasets.private_pictures import FACE_PX, PLATE_PX, Thing, clean_pictures, private_pictures
from datasets.vehicles import vehicle
from detector.errors import ModelError
from detector.masking import Masked
from detector.private import NETWORKS, Kind
from roaddamage.language import translation
from roaddamage.web import masking as page
from training.masking_report import SIZE, MaskingReport, farthest_m, networks, read_report, seen_px, settings
from training.masking_shares import Seen, covered, interval, recalls
from training.masking_text import markdown

ROAD = np.full((360, 640, 3), 100, np.uint8)
DOCS = Path(__file__).parents[1] / "docs"


def thing(size_px: float, *, is_plate: bool = True, yaw_deg: float = 0.0, who: str = "x") -> Thing:
    corners = np.array([[0, 0], [size_px, 0], [size_px, 10], [0, 10]], float)
    return Thing(corners, is_plate, size_px, yaw_deg, who, worn=False)


def report(masked: Callable[[float], bool] = lambda size_px: size_px >= 30) -> MaskingReport:
    """One in which plates and faces are masked from a size on; 60 of each size, each in a picture of its own."""
    seen = [
        Seen(thing(size, is_plate=is_plate), number, str(Light.day), masked(size))
        for is_plate in (True, False)
        for size in (12, 22, 40, 60, 90)
        for number in range(60)
    ]
    return MaskingReport(
        "2026-11-25", networks(), settings(), 60, 0, 1, (1280, 720), {"face": 24, "number plate": 25},
        recalls(seen), (), None, 1.0, "none",
    )  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_plate_of_each_kind_has_its_size_and_colours(kind: str) -> None:
    made = plate(np.random.default_rng(1), kind).image
    told = KINDS[kind]
    assert made.shape == (PX_PER_MM * told.size_mm[1], PX_PER_MM * told.size_mm[0], 3)
    for colour in (told.ink, *(() if told.pictured else (told.ground,))):
        assert (np.abs(made.astype(int) - colour).sum(2) < 60).mean() > 0.04, colour


def test_a_vehicle_has_its_plate_where_it_says() -> None:
    picture, box, kind = vehicle(np.random.default_rng(3))
    x1, y1, x2, y2 = box.astype(int)
    assert (x2 - x1, y2 - y1) == KINDS[kind].size_mm
    assert picture[y1:y2, x1:x2].std() > 20
    assert decoy(np.random.default_rng(3)).std() > 20


def test_pictures_know_what_is_in_them() -> None:
    one, again = (next(private_pictures(1, 5, (640, 360), [])) for _ in range(2))
    assert np.array_equal(one.image, again.image)
    assert one.image.shape == ROAD.shape
    assert {made.plate for made in one.things} == {True, False}
    for made in one.things:
        least, most = PLATE_PX if made.plate else FACE_PX
        assert least <= made.size_px <= most
        assert ((made.corners >= 0) & (made.corners <= [640, 360])).all()
        side = np.linalg.norm(made.corners[1 if made.plate else 3] - made.corners[0])
        shrunk = np.cos(np.radians(made.yaw_deg if made.plate else 0))
        assert side == pytest.approx(made.size_px * shrunk, rel=0.25)


def test_given_roads_come_by_turns_with_made_ones() -> None:
    pictures = list(clean_pictures(4, 2, (320, 180), [np.full((180, 320, 3), 250, np.uint8)]))
    assert [decoys for _, decoys in pictures] == [False, False, True, True]
    assert pictures[1][0].std() < pictures[0][0].std()


@pytest.mark.parametrize("light", list(Light))
@pytest.mark.parametrize("seed", [1, 2], ids=["H.264", "JPEG"])
def test_light_and_compression_leave_a_picture_as_large_as_it_was(light: Light, seed: int) -> None:
    shining = np.zeros((181, 321), np.uint8)
    shining[80:100, 150:200] = 255
    seen = filmed(np.full((181, 321, 3), 100, np.uint8), light, shining, np.random.default_rng(seed)).astype(
        float
    )
    assert seen.shape == (181, 321, 3)
    brighter = seen[82:98, 155:195].mean() / seen[20:60, 20:60].mean()
    assert brighter > 1.3 or light in (Light.day, Light.dusk, Light.backlight)  # fmt: skip


@pytest.mark.parametrize(("length", "angle"), [(0.0, 0.0), (5.0, 0.0), (9.0, 90.0), (7.3, 133.0)])
def test_a_smear_keeps_the_light_and_goes_its_way(length: float, angle: float) -> None:
    kernel = smear(length, angle)
    rows, columns = np.nonzero(kernel)
    assert kernel.sum() == pytest.approx(1)
    assert np.hypot(np.ptp(rows), np.ptp(columns)) == pytest.approx(length, abs=2)


@pytest.mark.parametrize(
    ("boxes", "share"), [([], 0.0), ([[0, 0, 10, 10]], 0.5), ([[0, 0, 10, 10], [10, 0, 20, 10]], 1.0)]
)
def test_covered_is_a_share_of_the_things_own_shape(boxes: list[list[int]], share: float) -> None:
    made = Masked(ROAD, np.array(boxes, np.int64).reshape(-1, 4), (Kind.plate,) * len(boxes))
    assert covered(made, thing(20)) == pytest.approx(share)


@pytest.mark.parametrize(
    ("hits", "pictures", "expected"),
    [
        ([1] * 50, range(50), (0.929, 1.0)),
        ([0] * 50, range(50), (0.0, 0.071)),
        ([1, 0] * 25, range(50), (0.366, 0.634)),
        ([1] * 25 + [0] * 25, [0] * 25 + [1] * 25, (0.055, 0.945)),
    ],
    ids=["all", "none", "half, each of a picture", "half, all of a picture alike"],
)
def test_intervals_are_wider_where_things_of_one_picture_are_alike(
    hits: list[int], pictures: list[int], expected: tuple[float, float]
) -> None:
    assert interval(np.array(pictures), np.array(hits, float)) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(
    ("masked", "promised"),
    [
        (lambda size: size >= 30, 32),
        (lambda size: size not in (12, 60), 80),
        (lambda size: size < 80, None),
        (lambda size: True, 10),
    ],
    ids=["from a size on", "not for a hole below", "large ones missed", "all"],
)
def test_what_is_promised_holds_for_all_larger_ones(
    masked: Callable[[float], bool], promised: int | None
) -> None:
    assert report(masked).promised_px(Kind.plate) == promised


def test_a_report_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "masking.json"
    path.write_text(report().as_json(), "utf-8")
    assert read_report(path) == report()


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"day": 1}'])
def test_what_is_no_report_is_told(text: str, tmp_path: Path) -> None:
    path = tmp_path / "masking.json"
    path.write_text(text)
    with pytest.raises(ModelError, match="report on masking"):
        read_report(path)


def test_a_report_belongs_to_its_networks_and_settings_alone() -> None:
    told = report()
    assert told.belongs
    assert not replace(told, networks=dict.fromkeys(told.networks, "0")).belongs
    assert not replace(told, settings=told.settings | {"grow": 0.2}).belongs


def test_the_report_that_is_kept_belongs_to_the_networks_that_are() -> None:
    """Where this fails: measure again (training.masking_score says how), then scripts/write-masking."""
    told = read_report()
    assert told.networks == {one.file: one.sha256 for one in NETWORKS.values()}
    assert json.loads(json.dumps(told.settings)) == settings()
    assert told.by(Kind.plate, SIZE)
    assert told.by(Kind.face, SIZE)


@pytest.mark.parametrize(("language", "name"), [("en", "masking.md"), ("ja", "masking.ja.md")])
def test_the_documentation_says_what_the_report_says(language: str, name: str) -> None:
    assert (DOCS / name).read_text("utf-8") == markdown(read_report(), translation(language))


def test_pixels_and_metres() -> None:
    assert seen_px(330, 10, 90, 1280) == pytest.approx(21.1, abs=0.1)
    assert farthest_m(330, 21.12, 90, 1280) == pytest.approx(10)


@pytest.mark.any_database
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            lambda: report(),
            "Of those 32 px wide or more, in a picture 1280 px wide, at least 90 % are masked",
        ),
        (lambda: replace(report(), networks={}), "nothing of it is promised"),
        (lambda: read_report(Path("nowhere")), "be read (No such file or directory)"),
    ],
    ids=["as it is", "of other networks", "no report"],
)
def test_the_page(
    change: Callable[[], MaskingReport],
    told: str,
    people: dict[str, User],
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(page, "read_report", change)
    client.force_login(people["administrator"])
    client.cookies["language"] = "en"
    assert told in client.get(reverse("masking")).content.decode()
