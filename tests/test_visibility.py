"""Frames in which the road can't be judged are told, and their way is left out."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from conftest import SHARED, needs_shared
from numpy.typing import NDArray

from datasets.sample_drive import sample_camera, sample_road
from datasets.synthetic import Scene
from detector.coverage import Coverage, common, without
from detector.video import VideoReader
from detector.visibility import Inspector, Light, Unseen, light_of

Picture = NDArray[np.uint8]
RNG = np.random.default_rng(3)


def noisy(picture: NDArray[np.float64] | Picture, sd: float = 2.0) -> Picture:
    return np.clip(picture + RNG.normal(0, sd, picture.shape), 0, 255).astype(np.uint8)


def shaken(picture: Picture, length: int = 21) -> Picture:
    kernel = np.zeros((length, length), np.float32)
    kernel[:, length // 2] = 1 / length
    return np.asarray(cv2.filter2D(picture, -1, kernel), np.uint8)


def drops() -> NDArray[np.float32]:
    """How much of each pixel of (540, 960, 1) is behind water."""
    mask = np.zeros((540, 960), np.float32)
    rng = np.random.default_rng(8)
    for _ in range(60):
        middle = (int(rng.uniform(0, 960)), int(rng.uniform(150, 540)))
        cv2.circle(mask, middle, int(rng.uniform(20, 70)), 1.0, -1)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), 5), np.float32)[..., None]


DROPS = drops()


def wet(picture: Picture) -> Picture:
    soft = cv2.GaussianBlur(picture, (0, 0), 16)
    return np.asarray(picture * (1 - DROPS) + soft * DROPS, np.uint8)


def bonnet(picture: Picture) -> Picture:
    out = picture.copy()
    out[210:] = np.linspace(60, 90, 960)[None, :, None].astype(np.uint8)
    return noisy(out, 1.0)


SPOILT: dict[str, tuple[Callable[[Picture], Picture], Unseen]] = {
    "night without lamps": (lambda one: noisy(one * 0.1), Unseen.dark),
    "low sun": (lambda one: noisy(one * 1.2 + 170.0), Unseen.dazzled),
    "out of focus": (lambda one: np.asarray(cv2.GaussianBlur(one, (0, 0), 5), np.uint8), Unseen.blurred),
    "shaken": (shaken, Unseen.blurred),
    "a hand on the lens": (lambda one: noisy(one * 0 + 90.0), Unseen.covered),
    "fogged windscreen": (lambda one: noisy(one * 0.06 + 150.0, 0.5), Unseen.covered),
    "rain on the windscreen": (wet, Unseen.wet),
    "the bonnet alone": (bonnet, Unseen.hidden),
}


@pytest.fixture(scope="module")
def drive() -> list[Picture]:
    """Fourteen looks, 2.5 m apart."""
    scene = Scene(sample_road()[0], sample_camera(), np.random.default_rng(2))
    return [scene.frame(20 + 2.5 * step, -1.75, 0.0) for step in range(14)]


def reasons(pictures: list[Picture]) -> list[Unseen | None]:
    inspector = Inspector()
    return [inspector.why_unseen(picture) for picture in pictures]


def test_a_clear_drive_is_seen(drive: list[Picture]) -> None:
    assert reasons(drive) == [None] * len(drive)


@pytest.mark.parametrize("name", SPOILT)
def test_what_spoils_a_picture_is_told(drive: list[Picture], name: str) -> None:
    spoil, reason = SPOILT[name]
    assert reasons([spoil(picture) for picture in drive])[-4:] == [reason] * 4


def test_a_dried_windscreen_is_seen_through_again(drive: list[Picture]) -> None:
    there_and_back = [*drive, *drive[::-1]]
    found = reasons([wet(picture) for picture in there_and_back] + there_and_back * 2)
    assert found[27] is Unseen.wet
    assert found[-1] is None


def test_a_repeated_picture_is_one_picture(drive: list[Picture]) -> None:
    found = reasons([drive[0], drive[0], drive[1], drive[1], drive[2]])
    assert found == [None, Unseen.repeated, None, Unseen.repeated, None]


@pytest.mark.parametrize(("share", "light"), [(1.0, Light.day), (0.45, Light.dim), (0.25, Light.dark)])
def test_light_is_told_by_the_road(drive: list[Picture], share: float, light: Light) -> None:
    inspector = Inspector()
    for picture in drive[:3]:
        inspector.why_unseen(noisy(picture * share))
        assert inspector.light is light


def test_a_bright_sky_over_a_dark_road_is_no_day() -> None:
    picture = np.full((360, 640), 20.0, np.float32)
    picture[:150] = 230.0
    assert light_of(picture) is Light.dark


def test_a_drive_s_light_is_that_of_most_frames_it_judged() -> None:
    coverage = Coverage(0.0, 0.0)
    assert coverage.light is None
    for second, (reason, light) in enumerate(
        [(None, Light.dim), (None, Light.dim), (None, Light.day), *[(Unseen.dark, Light.dark)] * 4], 1
    ):
        coverage.add(float(second), 5.0 * second, reason, light)
    assert coverage.light is Light.dim
    assert coverage.lights == {Light.dim: 2, Light.day: 1}


@needs_shared("data/drives/RS290.mp4")
@pytest.mark.parametrize("name", ["RS290", "DF251"])
def test_real_drives_are_seen(name: str) -> None:
    frames = VideoReader(SHARED / f"data/drives/{name}.mp4").frames_at(np.arange(0, 31, 0.5))
    inspector = Inspector()
    found = {inspector.why_unseen(frame.image) for frame in frames}
    assert found <= {None, Unseen.repeated}


def test_the_way_of_unseen_frames_is_left_out() -> None:
    coverage = Coverage(0.0, 100.0)
    for second, reason in enumerate([None, None, Unseen.dark, Unseen.dark, Unseen.wet, None], 1):
        coverage.add(float(second), 100.0 + 5 * second, reason, Light.day)
    assert coverage.unseen == [(2.0, 5.0)]
    assert coverage.metres == {Unseen.dark: 10.0, Unseen.wet: 5.0}
    assert coverage.frames == {Unseen.dark: 2, Unseen.wet: 1}
    assert without([(0.0, 10.0)], coverage.unseen) == [(0.0, 2.0), (5.0, 10.0)]
    assert common([(0.0, 3.0), (4.0, 10.0)], coverage.unseen) == [(2.0, 3.0), (4.0, 5.0)]


def test_a_picture_shown_twice_is_no_loss_but_one_that_hangs_is() -> None:
    coverage = Coverage(0.0, 0.0)
    for second in range(1, 11):
        coverage.add(float(second), 5.0 * second, Unseen.repeated if second % 2 else None, Light.day)
    assert not coverage.unseen
    for second in range(11, 21):
        coverage.add(float(second), 5.0 * second, Unseen.repeated, Light.day)
    assert coverage.unseen == [(12.0, 20.0)]
    assert coverage.metres[Unseen.repeated] == 40.0
