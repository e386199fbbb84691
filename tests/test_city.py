"""The made city is the same for the same seed, and what ships holds up in it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.truth import CAMERA, Seen, drive_through, merged, position_misses
from datasets.city import City, CityDrive, Receiver


def seen_by(
    seed: int, drives: int, *, spacing_m: float = 15.0, length_m: float = 700.0
) -> tuple[City, list[Seen]]:
    city = City(seed, blocks=1, spacing_m=spacing_m)
    seen = []
    for number in range(drives):
        rng = np.random.default_rng(50 * seed + number)
        drive = CityDrive(city, city.route(rng, length_m), rng, CAMERA, day=float(number))
        seen.append(drive_through(city, drive, f"drive {number}"))
    return city, seen


def test_the_same_seed_is_the_same_city() -> None:
    (one, first), (other, second) = seen_by(3, 1), seen_by(3, 1)
    assert np.array_equal(one.damages.east_m, other.damages.east_m)
    assert first[0].sightings == second[0].sightings


def test_a_drive_finds_nearly_all_it_passes_and_each_once() -> None:
    found, passed, sightings, times = 0, 0, 0, 0
    for seed in range(4):
        _, (seen,) = seen_by(seed, 1)
        true = seen.truth[seen.truth >= 0].tolist()
        found += len(set(true) & set(seen.passes))
        passed += len(seen.passes)
        sightings += sum(one in seen.passes for one in true)
        times += sum(seen.passes[one] for one in set(true) & set(seen.passes))
    assert found / passed > 0.93
    assert 0.9 < sightings / times < 1.08


def test_four_drives_count_each_damage_once() -> None:
    told = [merged(seen_by(seed, 4)[1]) for seed in range(3)]
    ratio, rand = np.mean(told, axis=0)
    assert 0.95 < ratio < 1.15
    assert rand > 0.9


def test_the_order_of_the_drives_matters_little() -> None:
    _, seen = seen_by(5, 4)
    (one, _), (other, _) = merged(seen), merged(seen[::-1])
    assert one == pytest.approx(other, abs=0.06)


def test_stated_errors_hold() -> None:
    """Each drive has one bias: many short drives."""
    squared = []
    for seed in range(20):
        city = City(seed, blocks=1)
        rng = np.random.default_rng(900 + seed)
        drive = CityDrive(city, city.route(rng, 300.0), rng, CAMERA, receiver=Receiver())
        squared.append(position_misses(city, drive_through(city, drive, "d"))[1])
    inside = [float((np.concatenate(squared) <= bound).mean()) for bound in (2.296, 5.991)]
    assert inside[0] == pytest.approx(0.68, abs=0.2)
    assert inside[1] > 0.85


def test_a_nose_that_dips_is_allowed_for() -> None:
    """A point 10 m ahead, seen while braking at 2 m/s²."""
    dip = math.radians(0.25) * 2
    u, v = replace(CAMERA, pitch_rad=CAMERA.pitch_rad + dip).to_image(0.0, 10.0)
    _, plain = CAMERA.to_ground(u, v)
    _, braked = CAMERA.braking(-2.0).to_ground(u, v)
    assert abs(float(braked) - 10) < 0.4 * abs(float(plain) - 10)
    assert CAMERA.braking(-2.0).ground_sd(0.0, 10.0)[1] > CAMERA.ground_sd(0.0, 10.0)[1]
