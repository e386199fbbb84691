"""The records of a made city, to be measured: damages along its streets, the drives that saw them, what people decided.

Damages lie as `benchmarks.damage_store.made_store` has them, two of five decided on, and a tenth more that are repaired
or rejected. Each third of a street was driven once, and one of them again and again. Rows are written past the ORM:
a million at a time.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.damage_store import DamageStore, made_store

USER = "benchmark"
DRIVES = 2_000
DAYS = 400
"""So long ago the first drive was; the last one was yesterday."""
CLOSED = 0.1
"""Repaired and rejected damages, for each open one."""
SIDE_DEG, GRID_DEG, THIRD_DEG = 0.36, 0.0012, 0.12
WEST, SOUTH = 139.5, 35.5
LINES = round(SIDE_DEG / GRID_DEG) + 1
STRETCHES = 2 * LINES * 3
"""Thirds of streets: those to the east and those to the north."""
STEP_DEG, DEGREE_M, SPEED_MS = 6e-4, 100_000.0, 9.0
GONE = 0.2
SEEN = 0.7
"""How often a drive that goes past sees it again."""
DAY_S, HOUR_S = 86_400.0, 3_600.0
ON_A_LIST, LISTS = 100, 100
Ints = NDArray[np.int64]
Decisions = tuple[Ints, NDArray[np.object_], NDArray[np.float64]]
"""The damage, the kind and the time of each."""


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
        stretch, along = _stretches(store)
        begins = _drives(user.pk)
        _damages(store, stretch, along, begins, user.pk)
        _handed_out(user.pk)
    connection.enable_constraint_checking()
    cells.rebuild()
    if postgresql:  # as autovacuum would in time
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
    connection.close()


def _stretches(store: DamageStore) -> tuple[Ints, NDArray[np.float64]]:
    """For each damage the third of a street that it lies on, and how far along, in degrees."""
    place = np.column_stack([store.lon - WEST, store.lat - SOUTH])
    off = np.abs(place - np.round(place / GRID_DEG) * GRID_DEG)
    north = (off[:, 0] < off[:, 1]).astype(int)  # on a street to the north
    rows = np.arange(len(place))
    line = np.clip(np.round(place[rows, 1 - north] / GRID_DEG), 0, LINES - 1).astype(int)
    along = np.clip(place[rows, north], 0, SIDE_DEG - 1e-9)
    third = (along / THIRD_DEG).astype(int)
    return (north * LINES + line) * 3 + third, along - third * THIRD_DEG


def _drives(by: int) -> NDArray[np.float64]:
    """Drives along all stretches, and again and again along the first; when each began."""
    from django.utils import timezone

    from maps.tiles import tile_key
    from roaddamage.records.models import Drive, Job, Vehicle, WayPiece
    from roaddamage.records.pieces import SHIFT
    from roaddamage.records.rows import moment

    now_s = timezone.now().timestamp()
    begins = np.round(now_s - DAY_S * np.linspace(DAYS, 1, DRIVES))
    steps = np.arange(0, THIRD_DEG, STEP_DEG)
    ways, boxes, pieces = [], [], []
    for drive in range(DRIVES):
        north, line, third = _street(drive)
        fixed, moving = np.full(len(steps), line * GRID_DEG), steps + third * THIRD_DEG
        parts = (fixed, moving) if north else (moving, fixed)
        way = np.round(np.column_stack([WEST + parts[0], SOUTH + parts[1]]), 7)
        ways.append(json.dumps([way.tolist()]))
        boxes.append((*way.min(0).tolist(), *way.max(0).tolist()))
        tiles = tile_key(*way.T) >> SHIFT
        edges = [0, *(np.flatnonzero(np.diff(tiles)) + 1).tolist(), len(way)]
        pieces += [
            (drive + 1, int(tiles[a]), json.dumps(way[a : b + 1].tolist()))
            for a, b in itertools.pairwise(edges)
        ]
    times = [moment(float(begin)) for begin in begins]
    names = [f"made {number}" for number in range(1, DRIVES + 1)]
    west, south, east, north_ = (list(side) for side in zip(*boxes, strict=True))
    put(Vehicle, 10, name=[f"vehicle {number}" for number in range(10)])
    put(
        Drive, DRIVES, name=names, digest=names, by_id=by, state="done", at=times, begin=times, west=west, south=south,
        east=east, north=north_, metres=THIRD_DEG * DEGREE_M, ways=ways, preview=ways, reach_m=json.dumps([[6.0] * 3] * 4),
        accuracy_m=3.0, vehicle_id=[drive % 10 + 1 for drive in range(DRIVES)], model="made",
        duration_s=THIRD_DEG * DEGREE_M / SPEED_MS, found=500, found_new=500,
    )  # fmt: skip
    put(Job, DRIVES, drive_id=list(range(1, DRIVES + 1)), state="done", by_id=by, at=times, finished=times)
    drives, tiles_, lines = (list(column) for column in zip(*pieces, strict=True))
    put(WayPiece, len(pieces), drive_id=drives, tile=tiles_, line=lines)
    return begins


def _street(drive: int) -> tuple[int, int, int]:
    """Whether a drive's street goes north, the street's number, and the third of it."""
    stretch = drive if drive < STRETCHES else 0
    return stretch // (3 * LINES), stretch // 3 % LINES, stretch % 3


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
    decisions = _decisions(states, first)
    urgent = store.severity * 20 + store.confidence * 10 + (begins[-1] - first) / DAY_S / 20
    put(
        Damage, count, class_id=store.class_id, severity=store.severity, belief=belief, tile_key=store.key,
        confidence=store.confidence, lon=store.lon, lat=store.lat, state=states, shown=~closed, priority=urgent,
        first_seen=[moment(one) for one in first.tolist()], last_seen=[moment(one) for one in last.tolist()],
        created=moment(float(begins[0])), passes=passes, sightings_count=sightings, drives_count=sightings,
        best_id=range(1, count + 1), version=(states != "proposed").astype(int),
        rejected_as=np.where(states == "rejected", "shadow", ""), **_outcomes(decisions, first), **error, **size,
    )  # fmt: skip
    of, total = damages[saw], int(saw.sum())
    put(
        Sighting, total, drive_id=drives[saw], damage_id=of + 1, class_id=store.class_id[of],
        confidence=store.confidence[of], lon=store.lon[of], lat=store.lat[of], heading_deg=0.0,
        time_s=at_s[saw] - begins[drives[saw] - 1], utc_s=at_s[saw], frames=3, model="made", **error, **size,
    )  # fmt: skip
    put(Passage, len(saw), drive_id=drives, damage_id=damages + 1, utc_s=at_s, in_view=1.0, seen=saw)
    _decided(decisions, by)


def _decisions(states: NDArray[np.object_], first: NDArray[np.float64]) -> Decisions:
    """What people decided, within weeks of the first sight."""
    from django.utils import timezone

    rng, now_s = np.random.default_rng(2), timezone.now().timestamp()
    kinds = {"confirmed": ("confirm",), "scheduled": ("confirm", "schedule"), "repaired": ("confirm", "repair"),
             "rejected": ("reject",)}  # fmt: skip
    told = [
        (k, kind, step) for k, state in enumerate(states) for step, kind in enumerate(kinds.get(state, ()))
    ]
    damage = np.array([k for k, _, _ in told])
    late = rng.uniform(1, 200, len(told)) + 500 * np.array([step for _, _, step in told])
    at_s = np.minimum(first[damage] + late * HOUR_S, now_s - rng.uniform(0, DAY_S, len(told)))
    return damage, np.array([kind for _, kind, _ in told], object), at_s.round()


def _outcomes(decisions: Decisions, first: NDArray[np.float64]) -> dict[str, Any]:
    """What came of them, by damage, as `roaddamage.records.outcomes` has it."""
    from roaddamage.records.rows import moment

    damage, kinds, at_s = decisions
    columns: dict[str, Any] = {"judged": np.full(len(first), "", object)}
    for name, counted in (("judged_at", ("confirm", "reject")), ("repaired_at", ("repair",)),
                          ("first_decided", ("confirm", "reject", "repair"))):  # fmt: skip
        some = np.isin(kinds.astype(str), counted)
        when = np.full(len(first), np.inf)
        np.minimum.at(when, damage[some], at_s[some])
        columns[name] = [moment(one) if one < np.inf else None for one in when.tolist()]
        if name == "judged_at":
            columns["judged"][damage[some]] = kinds[some]
        if name == "first_decided":
            columns["wait_s"] = [one if one < np.inf else None for one in (when - first).tolist()]
    return columns


def _decided(decisions: Decisions, by: int) -> None:
    """Keep them, and the log of them."""
    from roaddamage.records.models import AuditEntry, Review
    from roaddamage.records.rows import moment

    damage, kinds, at_s = decisions
    total = len(damage)
    at = [moment(one) for one in at_s.tolist()]
    before = json.dumps({"state": "proposed"})
    put(
        Review, total, damage_id=damage + 1, by_id=by, at=at, kind=kinds, before=before, after=before, model="made",
    )  # fmt: skip
    put(
        AuditEntry, 2 * total, at=[*at, *at], by_id=by, target=[str(k + 1) for k in damage] * 2,
        action=[f"damage.{kind}" for kind in kinds] + ["damage.seen"] * total,
    )  # fmt: skip


def _handed_out(by: int) -> None:
    """Work lists of scheduled damages."""
    from roaddamage.records.models import Damage, Stop, WorkList

    rows = list(
        Damage.objects.filter(state="scheduled")
        .order_by("pk")[: LISTS * ON_A_LIST]
        .values_list("pk", flat=True)
    )
    lists = -(-len(rows) // ON_A_LIST)
    put(WorkList, lists, title=[f"list {number}" for number in range(lists)], by_id=by, at=_now())
    where = np.arange(len(rows))
    put(Stop, len(rows), work_list_id=where // ON_A_LIST + 1, damage_id=rows, place=where % ON_A_LIST + 1)


def _now() -> Any:
    from django.utils import timezone

    return timezone.now()


def put(model: Any, count: int, /, **given: Any) -> None:
    """Write so many rows, numbered from 1: a value or a column a field, defaults for the others; JSON as text."""
    from django.core.management.color import no_style
    from django.db import connection

    given.setdefault("id", range(1, count + 1))
    fields = list(model._meta.concrete_fields)
    columns = [_column(field, given.pop(field.attname, field.get_default()), count) for field in fields]
    assert not given, f"{model.__name__} has no {', '.join(given)}"  # noqa: S101
    names = ", ".join(connection.ops.quote_name(field.column) for field in fields)
    table: str = model._meta.db_table
    rows: Any = zip(*columns, strict=True)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
            for line in connection.ops.sequence_reset_sql(no_style(), [model]):
                cursor.execute(line)
        else:
            marks = ", ".join(["%s"] * len(fields))
            cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)  # noqa: S608


def _column(field: Any, value: Any, count: int) -> Sequence[Any]:
    from django.db import connection, models

    values: Any = value.tolist() if isinstance(value, np.ndarray) else value
    if isinstance(values, str) or not isinstance(values, Sequence):
        if isinstance(field, models.JSONField) and not isinstance(values, str) and values is not None:
            values = json.dumps(values)
        values = [values] * count
    elif isinstance(field, models.JSONField) and not values:
        values = ["[]"] * count  # the default of a list
    if isinstance(field, models.DateTimeField):
        return [connection.ops.adapt_datetimefield_value(one) for one in values]
    told: Sequence[Any] = values
    return told
