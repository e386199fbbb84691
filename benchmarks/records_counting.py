"""What it costs to count one drive of 10 km into the records of a small town, a town and a city.

    python -m benchmarks.records_counting            all three, each in a process and a workspace of its own
    python -m benchmarks.records_counting --towns 10

A town is a made survey of four drives and a thousand damages; a city is many of it side by side. The drive goes through
one of them, so that what it takes should not depend on how many others there are.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.road_survey import MadeDrive, damages, drive, grid_town
from maps.network import Network
from maps.rules import default_rules
from maps.tiles import tile_key

TOWNS = (1, 10, 50)
DRIVES = 4
DRIVE_M = 10_000.0
APART_DEG = 0.03
REPEATS = 3


def made() -> list[MadeDrive]:
    """The drives of a town, and one more."""
    network = Network(grid_town(8, 150.0), default_rules().lanes)
    rng = np.random.default_rng(3)
    truth = damages(network, rng, 35.0)
    return [
        drive(network, truth, rng, f"d{number}", DRIVE_M, 30.0 * number, recall=0.7)
        for number in range(DRIVES + 1)
    ]


def row_of(one: MadeDrive, by: Any) -> Any:
    """A drive's row, saved."""
    from roaddamage.records.models import Drive
    from roaddamage.records.rows import fill_drive

    row = Drive(name=one.way.drive, digest=one.way.drive, by=by, state=Drive.State.done)
    fill_drive(row, one.way, one.driven)
    row.save()
    return row


def copied(towns: int) -> None:
    """The town's rows again, so many towns in all, each a little further east and north."""
    from roaddamage.records import cells
    from roaddamage.records.models import Damage, Drive, Passage, Sighting, WayPiece
    from roaddamage.records.pieces import put_pieces
    from roaddamage.records.rows import way_of

    drives, rows = list(Drive.objects.order_by("pk")), list(Damage.objects.order_by("pk"))
    seen: list[Any] = list(Sighting.objects.order_by("pk"))
    passes: list[Any] = list(Passage.objects.order_by("pk"))
    keys = [(one.drive_id, one.damage_id) for one in (*seen, *passes)]
    for town in range(1, towns):
        east, north = APART_DEG * (town % 10), APART_DEG * (town // 10)
        own: dict[int, Drive] = {}
        for one in drives:
            ways = [[[lon + east, lat + north] for lon, lat in line] for line in one.ways]
            fields = {field.attname: getattr(one, field.attname) for field in Drive._meta.concrete_fields}
            fields |= {
                "id": None,
                "name": f"{one.name} {town}",
                "digest": f"{one.digest} {town}",
                "ways": ways,
            }
            own[one.pk] = Drive(**fields)
            own[one.pk].save()
            put_pieces(own[one.pk], way_of(own[one.pk]))
        there: dict[int, Damage] = {}
        for row in rows:
            fields = {field.attname: getattr(row, field.attname) for field in Damage._meta.concrete_fields}
            place = row.lon + east, row.lat + north
            fields |= {
                "id": None,
                "best_id": None,
                "lon": place[0],
                "lat": place[1],
                "tile_key": int(tile_key(*place)),
            }
            there[row.pk] = Damage(**fields)
        Damage.objects.bulk_create(there.values(), batch_size=500)
        fresh: list[Any] = []
        for (drive_id, damage_id), old in zip(keys, (*seen, *passes), strict=True):
            fields = {field.attname: getattr(old, field.attname) for field in type(old)._meta.concrete_fields}
            fields |= {"id": None, "drive_id": own[drive_id].pk, "damage_id": there[damage_id].pk}
            if isinstance(old, Sighting):
                fields |= {"lon": old.lon + east, "lat": old.lat + north}
            fresh.append(type(old)(**fields))
        Sighting.objects.bulk_create(fresh[: len(seen)], batch_size=500)
        Passage.objects.bulk_create(fresh[len(seen) :], batch_size=500)
    assert WayPiece.objects.exists()  # noqa: S101
    cells.rebuild()


def measured(towns: int) -> None:
    """Print what one more drive costs among so many towns."""
    from django.contrib.auth.models import User
    from django.db import connection, transaction
    from django.test.utils import CaptureQueriesContext

    from roaddamage.records.counting import count_in
    from roaddamage.records.models import Damage, Drive

    by = User.objects.create_user("crew")
    *before, last = made()
    for one in before:
        row = row_of(one, by)
        with transaction.atomic():
            count_in(row, one.way, one.sightings)
    copied(towns)
    before_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    took = []
    for _ in range(REPEATS):
        with transaction.atomic():
            row = row_of(last, by)
            begun = time.perf_counter()
            with CaptureQueriesContext(connection) as asked:
                count_in(row, last.way, [replace(one) for one in last.sightings])
            took.append(time.perf_counter() - begun)
            transaction.set_rollback(True)
    grew_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before_mib
    print(
        f"{Damage.objects.count():6} damages of {Drive.objects.count():3} drives: {np.median(took):5.2f} s a drive of 10 km, "
        f"{len(last.sightings)} sightings, {len(asked)} queries, {grew_mib:.0f} MiB more"
    )


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--towns", type=int)
    towns = parser.parse_args().towns
    if towns is None:
        for count in TOWNS:
            subprocess.run(
                [sys.executable, "-m", "benchmarks.records_counting", "--towns", str(count)], check=True
            )
        return
    from roaddamage.server import prepare

    os.environ.pop("DATABASE_URL", None)
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder))
        measured(towns)


if __name__ == "__main__":
    main()
