"""The viewport's answers from the records, held against all damages looked through one by one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import shapely

from maps.question import MOST_POINTS
from maps.tiles import tile_key
from roaddamage.records import cells, viewport
from roaddamage.records.models import Damage, Drive, Sighting
from roaddamage.records.selection import NOBODY, Selection, SelectionError, query_of, read

pytestmark = pytest.mark.django_db
TOKYO = ZoneInfo("Asia/Tokyo")
EPOCH = datetime(2026, 4, 1, tzinfo=UTC)
CITY, WORLD = (139.70, 35.60, 139.80, 35.70), (-180.0, -85.0, 180.0, 85.0)
FIJI = (179.9, -18.0, -179.9, -17.8)
SOME = "139.71,35.61,139.79,35.63,139.74,35.69,139.735,35.64"


def made(
    count: int = 400,
    seed: int = 4,
    box: tuple[float, ...] = CITY,
    change: Callable[[int, Damage], None] = lambda index, row: None,
) -> list[Damage]:
    """Damages of every class, severity, state and belief within bounds, changed; some joined into others."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        west, south, east, north = box
        lon, lat = rng.uniform(west, east if east > west else east + 360), rng.uniform(south, north)
        lon = lon - 360 if lon > 180 else lon
        state = str(rng.choice(list(Damage.State)))
        first = EPOCH + timedelta(hours=float(rng.uniform(0, 240)))
        last = first + timedelta(hours=float(rng.choice([0, rng.uniform(0, 240)])))
        rows.append(Damage(
            class_id=rng.integers(4), severity=rng.integers(3), belief=rng.integers(3), state=state, lon=lon,
            lat=lat, tile_key=int(tile_key(lon, lat)), confidence=rng.uniform(0.2, 1), first_seen=first,
            last_seen=last, shown=state not in ("repaired", "rejected"), var_east_m2=4, cov_east_north_m2=1,
            var_north_m2=2, length_m=1, length_sd_m=0.1, width_m=1, width_sd_m=0.1, priority=rng.uniform(0, 100),
        ))  # fmt: skip
    for index, row in enumerate(rows):
        row.road, row.road_id = ("", "") if index % 3 == 0 else (f"市道{index % 20}号", f"{index % 20}")
        change(index, row)
    rows = Damage.objects.bulk_create(rows)
    joined = rows[::17]
    for row in joined:
        row.joined_into, row.shown = rows[1], False
    Damage.objects.bulk_update(joined, ["joined_into", "shown"])
    cells.rebuild()
    return rows


def sighting(damage: Damage, drive: Drive, moment: datetime) -> Sighting:
    return Sighting.objects.create(
        damage=damage, drive=drive, class_id=0, confidence=0.5, lon=damage.lon, lat=damage.lat, var_east_m2=1,
        cov_east_north_m2=0, var_north_m2=1, heading_deg=0, length_m=1, length_sd_m=0.1, width_m=1, width_sd_m=0.1,
        time_s=1, utc_s=moment.timestamp(), frames=2, model="made", evidence="a.jpg",
    )  # fmt: skip


def local_day(moment: datetime) -> date:
    return moment.astimezone(TOKYO).date()


FILTERS: dict[str, tuple[str, Any]] = {
    "all": ("", lambda d: d.shown),
    "classes": ("class=1,3", lambda d: d.shown and d.class_id in (1, 3)),
    "class twice, as a form has it": ("class=1&class=3", lambda d: d.shown and d.class_id in (1, 3)),
    "no class": ("class=", lambda d: False),
    "severity": ("severity=2", lambda d: d.shown and d.severity == 2),
    "belief": ("state=1", lambda d: d.shown and d.belief == 1),
    "confidence": ("confidence=0.6", lambda d: d.shown and d.confidence >= 0.6),
    "people": ("people=confirmed", lambda d: d.shown and d.state == "confirmed"),
    "closed": ("people=repaired,rejected", lambda d: d.joined_into is None and d.state in ("repaired", "rejected")),
    "open and closed": ("people=confirmed,rejected", lambda d: d.joined_into is None and d.state in ("confirmed", "rejected")),
    "nobody's": (f"assignee={NOBODY}", lambda d: d.shown),
    "from": ("from=2026-04-08", lambda d: d.shown and local_day(d.last_seen) >= date(2026, 4, 8)),
    "to": ("to=2026-04-05", lambda d: d.shown and local_day(d.first_seen) <= date(2026, 4, 5)),
    "area": (f"area={SOME}", lambda d: d.shown and shapely.contains_xy(
        shapely.Polygon(np.reshape([float(x) for x in SOME.split(",")], (-1, 2))), d.lon, d.lat)),
    "road": ("road= 道1", lambda d: d.shown and d.road.startswith("市道1")),
    "road number": ("road=7", lambda d: d.shown and (d.road_id == "7" or "7" in d.road)),
    "no such road": ("road=%25", lambda d: False),
    "priority": ("priority=40.5", lambda d: d.shown and d.priority >= 40.5),
    "several": ("class=0,2&severity=0,1&confidence=0.5&people=proposed",
                lambda d: d.shown and d.class_id in (0, 2) and d.severity < 2 and d.confidence >= 0.5 and d.state == "proposed"),
}  # fmt: skip


def asked(query: str) -> Selection:
    from urllib.parse import parse_qs

    return read(parse_qs(query, keep_blank_values=True))


@pytest.mark.parametrize(("query", "fits"), FILTERS.values(), ids=FILTERS)
def test_points_are_those_that_fit(query: str, fits: Any) -> None:
    rows = made()
    for box in (CITY, (139.72, 35.61, 139.77, 35.66), WORLD):
        west, south, east, north = box
        told = viewport.answer(box, 17, asked(query))
        wanted = [d.pk for d in rows if fits(d) and west <= d.lon <= east and south <= d.lat <= north]
        assert told["points"]["number"] == sorted(wanted), box
        assert told["total"] == len(wanted), box


@pytest.mark.parametrize(("query", "fits"), FILTERS.values(), ids=FILTERS)
def test_clusters_add_up(query: str, fits: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = made()
    monkeypatch.setattr(viewport, "MOST_POINTS", 20)
    wanted = [d for d in rows if fits(d)]
    by_class = [sum(d.class_id == kind for d in wanted) for kind in range(4)]
    for zoom in (3, 9, 12, 14, 17):
        told = viewport.answer(WORLD, zoom, asked(query))
        assert told["total"] == len(wanted), zoom
        if "clusters" in told:
            clusters = told["clusters"]
            assert sum(clusters["count"]) == len(wanted) > 20, zoom
            assert [sum(column) for column in zip(*clusters["class"], strict=True)] == by_class, zoom
            mean = sum(lon * count for lon, count in zip(clusters["lon"], clusters["count"], strict=True))
            assert mean / len(wanted) == pytest.approx(float(np.mean([d.lon for d in wanted])), abs=1e-5)


@pytest.mark.parametrize("most", [MOST_POINTS, 20])
@pytest.mark.parametrize("zoom", [10, 15])
def test_across_the_antimeridian(zoom: int, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = made(200, box=FIJI)
    made(50, seed=9)
    monkeypatch.setattr(viewport, "MOST_POINTS", most)
    assert viewport.answer(FIJI, zoom, Selection())["total"] == sum(row.shown for row in rows)


def test_dates_between_first_and_last_are_asked_of_sightings(people: dict[str, Any]) -> None:
    drive = Drive.objects.create(name="d", digest="d", by=people["crew"])
    row, gap = made(2)
    days = {row: (1, 5, 9), gap: (1, 9)}
    for damage, seen in days.items():
        moments = [EPOCH + timedelta(days=day) for day in seen]
        damage.first_seen, damage.last_seen, damage.shown, damage.joined_into = (
            moments[0],
            moments[-1],
            True,
            None,
        )
        damage.state = "proposed"
        damage.save()
        for moment in moments:
            sighting(damage, drive, moment)
    told = asked("from=2026-04-05&to=2026-04-07")
    assert [one.pk for one in told.rows()] == [row.pk]
    assert {one.pk for one in asked(f"drive={drive.pk}").rows()} == {row.pk, gap.pk}


@pytest.mark.parametrize("query", [query for query, _ in FILTERS.values()] + ["bbox=1,2,3,4", "drive=5"])
def test_a_selection_is_what_its_address_says(query: str) -> None:
    told = asked(query)
    assert read({name: [value] for name, value in query_of(told).items()}) == told


@pytest.mark.parametrize(
    "query", ["class=x", "bbox=1,2,3", "bbox=1,nan,3,4", "from=yesterday", "people=lost", "area=1,2,3,4", "drive=x", "confidence=nan", "priority=101", "priority=nan"]
)  # fmt: skip
def test_what_can_not_be_read_is_refused(query: str) -> None:
    with pytest.raises(SelectionError):
        asked(query)


def test_one_damage_with_what_saw_it_and_what_did_not(people: dict[str, Any]) -> None:
    drive = Drive.objects.create(name="seen", digest="1", by=people["crew"])
    row, other = made(2)[:2]
    Damage.objects.filter(pk=row.pk).update(joined_into=other.pk)
    best = sighting(other, drive, EPOCH)
    Damage.objects.filter(pk=other.pk).update(best=best)
    other.passages.create(drive=drive, utc_s=EPOCH.timestamp(), in_view=1, seen=False)
    told = viewport.record(row.pk, lambda seen, kind: f"/{seen.pk}/{kind}" if getattr(seen, kind) else "")
    assert told["number"] == other.pk
    assert [one["drive"] for one in told["missed"]] == ["seen"]
    (seen,) = told["sightings"]
    assert (seen["evidence"], seen["crop"], seen["best"]) == (f"/{best.pk}/evidence", "", True)
    assert seen["time"] == EPOCH.timestamp() + 9 * 3600
    assert told["major_m"] > told["minor_m"] > 0
