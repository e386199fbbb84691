"""The light of an hour: how bright and of what colour, and what it does to a camera's pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Rgb = tuple[float, float, float]

HAZE_RGB = (205, 212, 216)
NOON_H, FIRST_H, LAST_H = 12.0, 5.0, 19.0


@dataclass(frozen=True)
class Daylight:
    """Daylight on a street, and the exposure that a dashcam chooses in it; as it stands: shadowless day."""

    gain: float = 1.0
    """Brightness of the street in the picture, after the camera's own doing."""
    colour: Rgb = (1.0, 1.0, 1.0)
    sky_rgb: Rgb = (128, 168, 212)
    haze_rgb: Rgb = HAZE_RGB
    """The sky overhead and at the horizon, where distance fades to as well."""
    shadow: float = 0.0
    """Share of the light that the shadow of the houses on the left takes."""
    shadow_m: float = 0.0
    """How far over the street it reaches from the houses' foot."""
    noise_sd: float = 0.0
    """Sensor noise, standard error of a pixel's value of 255."""
    exposure_s: float = 0.0
    """How long the shutter is open: what the vehicle drives in that time is smeared."""
    headlights: float = 0.0
    """Brightness of the pool of light ahead, of the road's own."""

    @classmethod
    def at(cls, hour: float) -> Daylight:
        """The light at an hour of a fine day, before noon as after it.

        Raises ValueError for hours of the night, from 19 to 5.
        """
        if not FIRST_H <= hour <= LAST_H:
            raise ValueError(f"hour {hour} is not between {FIRST_H:g} and {LAST_H:g}")
        late = NOON_H + abs(hour - NOON_H)

        def between(*values: float) -> float:
            return float(np.interp(late, (12.0, 15.0, 17.0, 18.0, 19.0), values))

        return cls(
            gain=between(1.0, 0.97, 0.88, 0.6, 0.28),
            colour=(between(1.0, 1.02, 1.1, 1.04, 0.9), 1.0, between(1.0, 0.97, 0.84, 0.94, 1.15)),
            sky_rgb=(
                between(128, 132, 132, 98, 44),
                between(168, 166, 150, 108, 58),
                between(212, 206, 184, 148, 96),
            ),
            haze_rgb=(
                between(205, 208, 226, 198, 116),
                between(212, 208, 198, 156, 94),
                between(216, 206, 168, 134, 98),
            ),
            shadow=between(0.5, 0.5, 0.42, 0.0, 0.0),
            shadow_m=between(2.5, 6.0, 12.0, 14.0, 14.0),
            noise_sd=between(1.0, 1.2, 2.0, 4.0, 8.0),
            exposure_s=between(0.0005, 0.001, 0.003, 0.01, 0.03),
            headlights=between(0.0, 0.0, 0.0, 0.3, 0.9),
        )
