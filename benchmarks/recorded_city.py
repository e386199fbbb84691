"""The records of a made city, to be measured: damages along its streets, the drives that saw them, what people decided.

Damages lie as `benchmarks.damage_store.made_store` has them, two of five decided on, and a tenth more that are repaired
or rejected. Each third of a street was driven once, and one of them again and again. Rows are written past the ORM:
a million at a time.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.bulk_rows import put
from benchmarks.damage_store import DamageStore, made_store
from benchmarks.recorded_decisions import decisions_on, outcomes_of, put_decisions, put_work_lists
from benchmarks.recorded_drives import (
    DAY_S,
    DEGREE_M,
    DRIVES,
    SPEED_MS,
    STRETCHES,
    Ints,
    put_drives,
    stretches_of,
)  # fmt: skip

USER = "benchmark"
CLOSED = 0.1
"""Repaired and rejected damages, for each open one."""
GONE = 0.2
SEEN = 0.7
"""How often a drive that goes past sees it again."""


def fill(count: int) -> None:
    """Put a city with so many open damages into empty records; Django is set up."""
    from django.contrib.auth.models import Group, User
    from django.db import connection, transaction

    from roaddamage.records import cells

    user = User.objects.create_user(USER, is_superuser=True)
    user.groups.add(*Group.objects.all())
    store = made_store(count + round(count * CLOSED))
    postgresql = connection.vendor == "postgresql"
    connection.disable_constraint_checking()  # SQLite; what refers to one another comes table by table
    with connection.cursor() as cursor:
        # Indexes grow all over: they are to fit in memory. Then the same as above, for PostgreSQL.
        cursor.execute(
            "SET session_replication_role = replica" if postgresql else "PRAGMA cache_size = -2000000"
        )
    with transaction.atomic():
        stretch, along = stretches_of(store)
        begins = put_drives(user.pk)
        _damages(store, stretch, along, begins, user.pk)
        put_work_lists(user.pk)
    connection.enable_constraint_checking()
    cells.rebuild()
    if postgresql:  # as autovacuum would in time
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
    connection.close()


def _damages(
    store: DamageStore, stretch: Ints, along: NDArray[np.float64], begins: NDArray[np.float64], by: int
) -> None:
    from roaddamage.records.models import Damage, Passage, Sighting
    from roaddamage.records.rows import moment

    rng, count = np.random.default_rng(1), len(store.key)
    states = rng.choice(["proposed", "confirmed", "scheduled"], count, p=[0.6, 0.3, 0.1]).astype(object)
    closed = rng.random(count) < CLOSED / (1 + CLOSED)
    states[closed] = rng.choice(["repaired", "rejected"], int(closed.sum()), p=[0.6, 0.4])
    # Few are taken for repaired, and of what people confirmed hardly any: it is looked at.
    belief = np.where(rng.random(count) < np.where(states == "proposed", GONE, GONE / 3), store.state, 0)
    states[(states == "proposed") & (belief == 1)] = "gone"
    # Seen once by the drive of its stretch; on the first stretch by most that went along it again.
    busy = np.flatnonzero(stretch == 0)
    drive_of, damage_of, seen = [stretch + 1], [np.arange(count)], [np.ones(count, bool)]
    for drive in range(STRETCHES, DRIVES):
        drive_of.append(np.full(len(busy), drive + 1))
        damage_of.append(busy)
        seen.append(rng.random(len(busy)) < SEEN)
    drives, damages, saw = np.concatenate(drive_of), np.concatenate(damage_of), np.concatenate(seen)
    at_s = begins[drives - 1] + np.round(along[damages] * DEGREE_M / SPEED_MS)
    first, last = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(first, damages[saw], at_s[saw])
    np.maximum.at(last, damages[saw], at_s[saw])
    passes, sightings = np.bincount(damages, minlength=count), np.bincount(damages[saw], minlength=count)
    error = {"var_east_m2": 4.0, "cov_east_north_m2": 0.0, "var_north_m2": 4.0}
    size = {"length_m": 1.0, "length_sd_m": 0.2, "width_m": 0.5, "width_sd_m": 0.1, "area_m2": 0.4}
    decisions = decisions_on(states, first)
    urgent = store.severity * 20 + store.confidence * 10 + (begins[-1] - first) / DAY_S / 20
    put(
        Damage, count, class_id=store.class_id, severity=store.severity, belief=belief, tile_key=store.key,
        confidence=store.confidence, lon=store.lon, lat=store.lat, state=states, shown=~closed, priority=urgent,
        first_seen=[moment(one) for one in first.tolist()], last_seen=[moment(one) for one in last.tolist()],
        created=moment(float(begins[0])), passes=passes, sightings_count=sightings, drives_count=sightings,
        best_id=range(1, count + 1), version=(states != "proposed").astype(int),
        rejected_as=np.where(states == "rejected", "shadow", ""), **outcomes_of(decisions, first), **error, **size,
    )  # fmt: skip
    of, total = damages[saw], int(saw.sum())
    put(
        Sighting, total, drive_id=drives[saw], damage_id=of + 1, class_id=store.class_id[of],
        confidence=store.confidence[of], lon=store.lon[of], lat=store.lat[of], heading_deg=0.0,
        time_s=at_s[saw] - begins[drives[saw] - 1], utc_s=at_s[saw], frames=3, model="made", **error, **size,
    )  # fmt: skip
    put(Passage, len(saw), drive_id=drives, damage_id=damages + 1, utc_s=at_s, in_view=1.0, seen=saw)
    put_decisions(decisions, by)
