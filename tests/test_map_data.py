"""What the map page is made of, before there is a page: columns, clock, pictures."""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from PIL import Image
from test_merge import ONE, at

from maps.columns import NONE_U2, bounds, in_steps, pack
from maps.damage import Damage
from maps.map_data import NO_TIME, Clock, ellipses, map_columns
from maps.merge import merge
from maps.pictures import inside
from maps.streets import streets

NAN = float("nan")


def test_a_pack_is_read_back_by_its_head() -> None:
    columns = {"a": np.array([1, 2, 3], "u1"), "b": np.array([-5], "<i4"), "c": np.array([], "<f4")}
    raw = gzip.decompress(base64.b64decode(pack(columns, {"t": ["</script>", "損傷", "\udc80"]})))
    length = int.from_bytes(raw[:4], "little")
    head = json.loads(raw[4 : 4 + length])
    assert (4 + length) % 8 == 0
    assert head["texts"]["t"][:2] == ["</script>", "損傷"]
    for name, column in columns.items():
        kind, count, offset = head["columns"][name]
        assert offset % 8 == 0
        assert np.frombuffer(raw, f"<{kind}", count, 4 + length + offset).tolist() == column.tolist()


@pytest.mark.parametrize(
    "column", [np.array([1.0]), np.zeros((2, 2), "u1"), np.array(["x"])], ids=["f8", "2-D", "text"]
)
def test_a_column_of_another_type_is_refused(column: np.ndarray) -> None:
    with pytest.raises(ValueError, match="column a"):
        pack({"a": column}, {})


@pytest.mark.parametrize(
    ("value", "count"),
    [(0.0, 0), (1.234, 123), (-1.0, 0), (NAN, NONE_U2), (np.inf, NONE_U2), (655.34, 65_534), (1e6, NONE_U2)],
)
def test_measures_in_steps(value: float, count: int) -> None:
    assert in_steps([value], 0.01).tolist() == [count]


def test_bounds() -> None:
    assert bounds([2, 0, 3]).tolist() == [0, 2, 2, 5]
    assert bounds([]).tolist() == [0]


@pytest.mark.parametrize(
    ("zone", "utc_s", "local_s"),
    [
        ("Asia/Tokyo", 1.7e9, 1_700_032_400),
        ("Europe/Berlin", 1_711_846_799.0, 1_711_850_399),
        ("Europe/Berlin", 1_711_846_800.0, 1_711_854_000),
        ("Asia/Tokyo", None, NO_TIME),
        ("Asia/Tokyo", NAN, NO_TIME),
        ("Asia/Tokyo", -5.0, NO_TIME),
    ],
    ids=["Tokyo", "before summer time", "after it began", "unknown", "no number", "before 1970"],
)
def test_the_clock_on_the_wall(zone: str, utc_s: float | None, local_s: int) -> None:
    assert Clock(ZoneInfo(zone)).local_s(utc_s) == local_s


@pytest.mark.parametrize(
    ("covariance", "axes"),
    [
        (((1.0, 0.0), (0.0, 4.0)), (4.9, 2.4, 0)),
        (((4.0, 0.0), (0.0, 1.0)), (4.9, 2.4, 90)),
        (((2.5, 1.5), (1.5, 2.5)), (4.9, 2.4, 45)),
        (((2.5, -1.5), (-1.5, 2.5)), (4.9, 2.4, 135)),
    ],
    ids=["north", "east", "north-east", "north-west"],
)
def test_the_error_points_where_it_is_large(
    covariance: tuple[tuple[float, float], ...], axes: tuple[float, float, float]
) -> None:
    (damage,) = merge([[replace(ONE, covariance_m2=covariance)]])  # type: ignore[arg-type]
    major, minor, bearing = (float(column[0]) for column in ellipses([damage]))
    assert (major, minor) == pytest.approx(axes[:2], abs=0.05)
    assert (bearing - axes[2] + 90) % 180 == pytest.approx(90, abs=0.1)


def test_drives_that_only_a_sighting_knows_are_drives_too() -> None:
    columns, texts = map_columns(merge([[ONE]]), [], streets([]), ZoneInfo("Asia/Tokyo"))
    assert texts["drive"] == ["a"]
    assert columns["seen_drive"].tolist() == [0]
    assert columns["drive_time"].tolist() == [NO_TIME]


def _with_pictures(folder: Path) -> list[Damage]:
    rng = np.random.default_rng(0)
    seen = [at(100.0 * i, drive="a", width_m=width, evidence=f"{i}.jpg", crop=f"{i}-crop.jpg")
            for i, width in enumerate((0.1, 0.3, 0.9))]  # fmt: skip
    for one in seen:
        for name in (one.evidence, one.crop):
            Image.fromarray(rng.integers(0, 255, (120, 160, 3), np.uint8)).save(folder / name)
    return merge([seen])


def test_the_gravest_have_their_pictures_inside(tmp_path: Path) -> None:
    damages = _with_pictures(tmp_path)
    everything = inside(damages, tmp_path)
    assert list(everything) == ["2.jpg", "1.jpg", "0.jpg"]
    two = len(everything["2.jpg"]) + len(everything["1.jpg"]) + 10
    assert list(inside(damages, tmp_path, two)) == ["2.jpg", "1.jpg"]


def test_crops_go_in_where_a_damage_was_seen_again(tmp_path: Path) -> None:
    damages = _with_pictures(tmp_path)
    again = replace(damages[0], sightings=(*damages[0].sightings, damages[1].sightings[0]))
    assert {"0-crop.jpg", "1-crop.jpg"} <= set(inside([again], tmp_path))


@pytest.mark.parametrize("name", ["", "../secret.jpg", "missing.jpg", "text.jpg"])
def test_what_is_no_picture_of_the_folder_is_passed_over(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "evidence"
    folder.mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "secret.jpg")
    (folder / "text.jpg").write_text("no picture")
    assert inside(merge([[replace(ONE, evidence=name, crop=name)]]), folder) == {}


def test_no_folder_no_pictures(tmp_path: Path) -> None:
    assert inside(merge([[ONE]]), tmp_path / "none") == {}
