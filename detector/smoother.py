"""Positions smoothed forwards and backwards in time (Rauch, Tung & Striebel 1965).

Each axis is a point whose velocity wanders (white acceleration); both share one covariance, as their
noise is the same. Only the noise that changes from fix to fix can be smoothed away; what a receiver is
wrong by for minutes stays in every fix alike, and in the stated error.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ACCELERATION = 1.0
"""Spectral density of the acceleration, m²/s³: what a car does in town."""
FIRST_SPEED_SD_MPS = 15.0


@dataclass(frozen=True)
class Motion:
    """Smoothed position and velocity of each fix, (n, 2) east and north; `velocity_sd` (n,) in m/s."""

    position_m: Floats
    velocity_mps: Floats
    position_sd_m: Floats
    velocity_sd_mps: Floats


def smooth(
    time_s: Floats, position_m: Floats, noise_m: Floats, velocity_mps: Floats, velocity_noise_mps: Floats
) -> Motion:
    """Smooth positions (n, 2) with noise (n,) at ascending times (n,).

    Where `velocity_mps` (n, 2) is finite it is taken in too, with its noise (n,).
    """
    count = len(time_s)
    filtered = np.empty((count, 3))  # variances of position, of both, of velocity
    predicted = np.empty((count, 3))
    state = np.empty((count, 2, 2))  # position and velocity, by axis
    ahead = np.empty((count, 2, 2))
    place, speed = position_m[0].astype(float), np.zeros(2)
    a, b, c = float(noise_m[0]) ** 2, 0.0, FIRST_SPEED_SD_MPS**2
    has_velocity = np.isfinite(velocity_mps[:, 0]) & np.isfinite(velocity_mps[:, 1])
    for i in range(count):
        if i:
            step = float(time_s[i] - time_s[i - 1])
            place = place + speed * step
            a += 2 * b * step + c * step**2 + ACCELERATION * step**3 / 3
            b += c * step + ACCELERATION * step**2 / 2
            c += ACCELERATION * step
        predicted[i], ahead[i] = (a, b, c), (place, speed)
        spread = a + float(noise_m[i]) ** 2
        miss = position_m[i] - place
        place, speed = place + a / spread * miss, speed + b / spread * miss
        a, b, c = a - a * a / spread, b - a * b / spread, c - b * b / spread
        if has_velocity[i]:
            spread = c + float(velocity_noise_mps[i]) ** 2
            miss = velocity_mps[i] - speed
            place, speed = place + b / spread * miss, speed + c / spread * miss
            a, b, c = a - b * b / spread, b - b * c / spread, c - c * c / spread
        filtered[i], state[i] = (a, b, c), (place, speed)
    for i in range(count - 2, -1, -1):
        _step_back(i, float(time_s[i + 1] - time_s[i]), filtered, predicted, state, ahead)
    return Motion(state[:, 0], state[:, 1], np.sqrt(filtered[:, 0].clip(0)), np.sqrt(filtered[:, 2].clip(0)))


def _step_back(
    i: int, step: float, filtered: Floats, predicted: Floats, state: Floats, ahead: Floats
) -> None:
    """Take what came after fix i into it; rows of `filtered` and `state` become the smoothed ones."""
    a, b, c = filtered[i]
    covariance = np.array([[a, b], [b, c]])
    cross = covariance @ np.array([[1.0, 0.0], [step, 1.0]])
    p, q, r = predicted[i + 1]
    gain = cross @ np.array([[r, -q], [-q, p]]) / max(p * r - q * q, 1e-12)
    state[i] += gain @ (state[i + 1] - ahead[i + 1])
    later = filtered[i + 1] - predicted[i + 1]
    covariance = covariance + gain @ np.array([[later[0], later[1]], [later[1], later[2]]]) @ gain.T
    filtered[i] = covariance[0, 0], covariance[0, 1], covariance[1, 1]
