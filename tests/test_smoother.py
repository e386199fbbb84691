"""Smoothing brings positions and headings nearer to the truth, and says truly how near."""

from __future__ import annotations

import numpy as np
import pytest

from detector.smoother import smooth

TIME_S = np.arange(0, 120, 1.0)
NONE = np.full((len(TIME_S), 2), np.nan)
ONES = np.ones(len(TIME_S))


def curve() -> tuple[np.ndarray, np.ndarray]:
    """Position and velocity of a drive at 11 m/s whose heading swings."""
    fine = np.arange(0, 120, 0.01)
    heading = 0.6 * np.sin(fine / 15)
    velocity = 11 * np.column_stack([np.sin(heading), np.cos(heading)])
    position = np.cumsum(velocity, axis=0) * 0.01
    return position[::100], velocity[::100]


@pytest.mark.parametrize("noise_m", [0.3, 1.0, 3.0])
def test_positions_and_velocities_come_nearer_and_errors_are_honest(noise_m: float) -> None:
    rng, (position, velocity) = np.random.default_rng(4), curve()
    misses, speeds, stated = [], [], []
    for _ in range(20):
        seen = position + rng.normal(0, noise_m, position.shape)
        motion = smooth(TIME_S, seen, noise_m * ONES, NONE, ONES)
        misses.append(motion.position_m - position)
        speeds.append(motion.velocity_mps - velocity)
        stated.append(motion.position_sd_m)
    assert np.std(misses) < 0.9 * noise_m
    assert np.std(misses) < 1.15 * np.mean(stated)
    assert np.std(speeds) < 0.8 * np.std(
        np.diff(position + rng.normal(0, noise_m, position.shape), axis=0) - velocity[1:]
    )


def test_a_given_velocity_helps() -> None:
    rng, (position, velocity) = np.random.default_rng(5), curve()
    seen = position + rng.normal(0, 2.0, position.shape)
    own = velocity + rng.normal(0, 0.3, velocity.shape)
    alone = smooth(TIME_S, seen, 2.0 * ONES, NONE, ONES)
    helped = smooth(TIME_S, seen, 2.0 * ONES, own, 0.3 * ONES)
    assert np.std(helped.position_m - position) < np.std(alone.position_m - position)


def test_a_straight_drive_without_noise_stays_as_it_is() -> None:
    position = np.column_stack([10 * TIME_S, 3 * TIME_S])
    motion = smooth(TIME_S, position, 1.0 * ONES, NONE, ONES)
    assert motion.position_m == pytest.approx(position, abs=0.02)
    assert motion.velocity_mps[5:-5] == pytest.approx(np.tile([10.0, 3.0], (110, 1)), abs=0.01)


def test_one_fix_is_itself() -> None:
    motion = smooth(np.zeros(1), np.array([[5.0, 7.0]]), np.ones(1), NONE[:1], np.ones(1))
    assert motion.position_m.tolist() == [[5.0, 7.0]]
