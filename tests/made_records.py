"""Records made for tests: a drive with its sightings and damages, and the evidence pictures beside them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
from django.conf import settings
from django.contrib.auth.models import User
from PIL import Image

from detector.classes import POTHOLE
from maps.tiles import tile_key
from roaddamage.records import cells, models
from roaddamage.records.priorities import work_out

BEGIN = datetime(2026, 4, 1, 1, 0, tzinfo=UTC)
LON, LAT = 139.7500, 35.6500
STEP = 0.0003


def made_drive(by: User, name: str = "d1", days: int = 0) -> models.Drive:
    """A drive that is done, along the meridian of the made damages."""
    way = [[LON, LAT + STEP * index] for index in range(-1, 12)]
    return models.Drive.objects.create(
        name=name, digest=name[-64:], by=by, state=models.Drive.State.done, begin=BEGIN + timedelta(days=days),
        ways=[way], west=LON, east=LON, south=way[0][1], north=way[-1][1], metres=400.0, accuracy_m=3.0,
        reach_m=np.full((4, 3), 6.0).tolist(),
    )  # fmt: skip


def made_damage(
    drive: models.Drive, place: int = 0, pictures: bool = False, **values: object
) -> models.Damage:
    """A damage that the drive saw, the `place`-th along its way; `pictures`: with evidence in the workspace."""
    error = {"var_east_m2": 4.0, "cov_east_north_m2": 0.0, "var_north_m2": 4.0}
    size = {
        "length_m": 0.6,
        "length_sd_m": 0.1,
        "width_m": 0.5,
        "width_sd_m": 0.1,
        "area_m2": 0.24,
        "area_sd_m2": 0.06,
    }
    facts = {"class_id": POTHOLE, "confidence": 0.8, "lon": LON, "lat": LAT + STEP * place, **error, **size}
    row = models.Damage.objects.create(**{
        **facts, "severity": 2, "tile_key": int(tile_key(LON, LAT + STEP * place)), "first_seen": drive.begin,
        "last_seen": drive.begin, **values,
    })  # fmt: skip
    names = {"evidence": f"{place}.jpg", "crop": f"{place}-crop.jpg", "frame": f"{place}-frame.jpg"}
    row.best = models.Sighting.objects.create(
        drive=drive, damage=row, heading_deg=0.0, time_s=2.0 * place, frames=4, model="roaddamage-2",
        utc_s=drive.begin.timestamp() if drive.begin else None, box=[0.4, 0.5, 0.6, 0.8],
        **facts, **names,
    )  # fmt: skip
    row.save(update_fields=["best"])
    models.Passage.objects.create(drive=drive, damage=row, in_view=1.0, seen=True, utc_s=row.best.utc_s)
    if pictures:
        folder = settings.WORKSPACE.evidence / str(drive.pk)
        folder.mkdir(exist_ok=True)
        for name, size_px in zip(names.values(), ((640, 360), (240, 200), (640, 360)), strict=True):
            Image.effect_noise(size_px, 40 + place).convert("RGB").save(folder / name)
    work_out([row])
    row.save(update_fields=["priority"])
    cells.refresh([row.tile_key])
    return models.Damage.objects.get(pk=row.pk)
