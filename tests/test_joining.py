"""Joining and parting by a person: what becomes of two damages, later drives, taking back, and two people at once."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from made_records import LAT, LON, made_damage, made_drive

from detector.classes import ALLIGATOR_CRACK, POTHOLE
from detector.sightings import Sighting
from roaddamage.records import cells, models
from roaddamage.records.counting import Counted, count_in
from roaddamage.records.decisions import Decision, DecisionError, decide
from roaddamage.records.joining import join, near, part
from roaddamage.records.pieces import put_pieces
from roaddamage.records.rows import way_of
from roaddamage.records.taking_back import last_of, undo
from roaddamage.records.work_lists import Plan, make_list
from roaddamage.workspace import Workspace

pytestmark = pytest.mark.django_db
ONE = Sighting(
    drive="", class_id=POTHOLE, confidence=0.8, lon=LON, lat=LAT, covariance_m2=((4.0, 0.0), (0.0, 4.0)),
    heading_deg=0.0, length_m=0.5, length_sd_m=0.1, width_m=0.5, width_sd_m=0.1, area_m2=0.2, area_sd_m2=0.1,
    time_s=1.0, utc_s=1.7e9, frames=2, model="m", evidence="e.jpg", crop="c.jpg",
)  # fmt: skip
SAID = (
    "state",
    "shown",
    "class_id",
    "class_decided",
    "severity",
    "assignee",
    "due",
    "priority_set",
    "joined_into",
)
TOLD = ("sightings_count", "drives_count", "passes", "belief", "best", "tile_key", "first_seen", "last_seen")


def went(by: User, name: str, *places_m: float, days: int = 0, **values: Any) -> Counted:
    """A drive that saw something in each of these places, metres north of where its way begins."""
    drive = made_drive(by, name, days)
    assert drive.begin is not None
    utc_s = drive.begin.timestamp()
    seen = [
        replace(ONE, drive=name, lat=LAT + metres / 110_941, time_s=2.0 + at, utc_s=utc_s + at, **values)
        for at, metres in enumerate(places_m)
    ]
    with transaction.atomic():
        return count_in(drive, way_of(drive), seen)


@pytest.fixture
def pair(people: dict[str, Any], request: Any) -> tuple[int, int]:
    """Two damages so many metres apart, 9 unless told, that two drives saw."""
    apart_m = getattr(request, "param", 9.0)
    for day in range(2):
        went(people["crew"], f"d{day}", 0.0, apart_m, days=day)
    first, second = models.Damage.objects.order_by("pk").values_list("pk", flat=True)
    return first, second


def row_of(number: int) -> models.Damage:
    return models.Damage.objects.get(pk=number)


def snapshot() -> dict[str, Any]:
    """All that decisions may change, but for versions."""
    damages = models.Damage.objects.order_by("pk")
    places = [(round(row.lon, 8), round(row.lat, 8), round(row.confidence, 6)) for row in damages]
    return {
        "said": list(damages.values_list(*SAID)), "told": list(damages.values_list(*TOLD)), "places": places,
        "sightings": list(models.Sighting.objects.order_by("pk").values_list("pk", "damage", "seen_as")),
        "passages": sorted(models.Passage.objects.values_list("drive", "damage", "seen")),
        "stops": list(models.Stop.objects.order_by("work_list", "place").values_list("work_list", "damage", "place")),
        "apart": list(models.Apart.objects.values_list("one", "other")), "cells": counted(),
    }  # fmt: skip


def counted() -> set[tuple[Any, ...]]:
    return set(models.Cell.objects.values_list("shift", "cell", "class_id", "severity", "count"))


def cells_are_right() -> bool:
    kept = counted()
    cells.rebuild()
    return kept == counted()


def there() -> dict[int, int]:
    """Damages that are no other ones, each with how many sightings it has."""
    return dict(
        models.Damage.objects.filter(joined_into__isnull=True)
        .values_list("pk", "sightings_count")
        .order_by("pk")
    )


@pytest.mark.parametrize("stays", [0, 1], ids=["the older stays", "the younger stays"])
def test_two_that_are_one(pair: tuple[int, int], people: dict[str, Any], stays: int) -> None:
    keep, goes = pair[stays], pair[1 - stays]
    review = join(keep, goes, people["engineer"], (0, 0), " one long crack ")
    row, other = row_of(keep), row_of(goes)
    assert (row.sightings_count, row.drives_count, row.passes, row.version) == (4, 2, 2, 1)
    assert row.lat == pytest.approx(LAT + 4.5 / 110_941, abs=1e-6)
    assert row.var_north_m2 == pytest.approx(1.0)
    assert (other.joined_into, other.shown, other.best, other.version) == (row, False, None, 1)
    assert not other.sightings.exists()
    assert not other.passages.exists()
    assert sorted(row.passages.values_list("drive__name", "seen")) == [("d0", True), ("d1", True)]
    assert cells_are_right()
    assert (review.damage, review.comment) == (row, "one long crack")
    told = models.Review.objects.filter(kind="same", by=people["engineer"])
    assert {(one.damage_id, one.after["other"]) for one in told} == {(keep, goes), (goes, keep)}
    audited = models.AuditEntry.objects.filter(action="damage.same").values_list("target", flat=True)
    assert sorted(audited) == sorted(map(str, pair))


@pytest.mark.parametrize("pair", [3.0, 9.0, 20.0], indirect=True, ids=["3 m", "9 m", "20 m"])
def test_one_it_stays_when_drives_see_both_places(pair: tuple[int, int], people: dict[str, Any]) -> None:
    apart_m = (row_of(pair[1]).lat - row_of(pair[0]).lat) * 110_941
    join(*pair, people["engineer"])
    for day, places in enumerate(((0.0, apart_m), (0.0, apart_m), (0.0,), (apart_m,), (0.0, apart_m)), 3):
        assert went(people["crew"], f"d{day}", *places, days=day) == Counted(1, 0)
    assert there() == {pair[0]: 12}
    assert row_of(pair[0]).passes == 7
    assert cells_are_right()


def test_one_it_stays_when_the_same_footage_is_run_again(
    pair: tuple[int, int], people: dict[str, Any]
) -> None:
    join(*pair, people["engineer"])
    assert went(people["crew"], "d0 again", 0.0, 9.0) == Counted(1, 0)
    assert there() == {pair[0]: 6}


@pytest.mark.parametrize("chosen", [[0, 2], [0, 1], [3]], ids=["one place", "one drive", "one sighting"])
def test_one_that_is_two_and_stays_so(people: dict[str, Any], chosen: list[int]) -> None:
    for day in range(4):
        went(people["crew"], f"d{day}", 0.0, days=day)
    (number,) = there()
    keys = list(row_of(number).sightings.order_by("pk").values_list("pk", flat=True))
    review = part(number, [keys[one] for one in chosen], people["engineer"], 0)
    other = review.after["goes"]
    assert there() == {number: 4 - len(chosen), other: len(chosen)}
    assert row_of(other).passages.filter(seen=True).count() == len(chosen)
    assert row_of(other).version == row_of(number).version == 1
    assert cells_are_right()
    told = models.Review.objects.filter(kind="apart")
    assert {(one.damage_id, one.after["other"]) for one in told} == {(number, other), (other, number)}
    for day in range(4, 9):
        went(people["crew"], f"d{day}", *((0.0, 2.5) if day % 2 else (0.5,)), days=day)
    assert row_of(number).joined_into is row_of(other).joined_into is None
    assert row_of(other).sightings.count() > 0
    assert row_of(number).sightings.count() > 0
    assert not models.Damage.objects.filter(pk__in=(number, other), sightings__isnull=True).exists()


@pytest.mark.parametrize("joined", [False, True], ids=["as drives had it", "after it was joined"])
def test_drives_that_see_both_give_each_its_own(
    pair: tuple[int, int], people: dict[str, Any], joined: bool
) -> None:
    by = people["engineer"]
    if joined:
        join(*pair, by)
        north = [seen.pk for seen in row_of(pair[0]).sightings.all() if seen.lat > LAT + 4e-5]
        part(pair[0], north, by)
    else:
        models.Apart.objects.create(one_id=pair[0], other_id=pair[1])
    before = there()
    for day in range(3, 6):
        assert went(people["crew"], f"d{day}", 0.0, 9.0, days=day) == Counted(2, 0)
    assert there() == {number: count + 3 for number, count in before.items()}
    assert len(there()) == 2


@pytest.mark.parametrize("decided", [None, "confirm", "schedule"])
@pytest.mark.parametrize("by_number", [None, 0, 1], ids=["the last one", "from one page", "from the other's"])
def test_joining_is_taken_back(
    pair: tuple[int, int], people: dict[str, Any], decided: str | None, by_number: int | None
) -> None:
    by = people["engineer"]
    if decided:
        decide(pair[1], people["administrator"], Decision("confirm"))
        decide(pair[1], people["administrator"], Decision("reclass", class_id=ALLIGATOR_CRACK))
    if decided == "schedule":
        make_list(Plan("x"), [pair[1]], people["administrator"])
    before = snapshot()
    join(*pair, by)
    assert snapshot() != before
    undo(by, None if by_number is None else pair[by_number])
    assert snapshot() == before
    assert cells_are_right()
    assert last_of(by) is None
    assert [row_of(number).version for number in pair] == [2, 2 + 2 * bool(decided) + (decided == "schedule")]
    assert models.Review.objects.filter(kind="undo", undone__kind="same").count() == 2
    join(*pair, by)  # and can be joined again


def test_joining_is_taken_back_after_more_drives(pair: tuple[int, int], people: dict[str, Any]) -> None:
    join(*pair, people["engineer"])
    for day in range(3, 5):
        went(people["crew"], f"d{day}", 0.0, 9.0, days=day)
    undo(people["engineer"])
    assert there() == {pair[0]: 4, pair[1]: 4}
    assert [row_of(number).passes for number in pair] == [4, 4]
    assert cells_are_right()


def test_parting_is_taken_back(pair: tuple[int, int], people: dict[str, Any]) -> None:
    by = people["engineer"]
    join(*pair, people["administrator"])
    before = snapshot()
    keys = list(models.Sighting.objects.order_by("pk").values_list("pk", flat=True))
    other = part(pair[0], [keys[0], keys[3]], by).after["goes"]
    went(people["crew"], "later", 0.0, 9.0, days=4)
    undo(by)
    assert there() == {pair[0]: 6}
    assert row_of(other).joined_into_id == pair[0]
    assert not models.Apart.objects.exists()
    models.Drive.objects.get(name="later").delete()
    after = snapshot()
    assert [one[:3] for one in after["sightings"]] == before["sightings"]
    assert cells_are_right()


def test_chains_come_apart_link_by_link(people: dict[str, Any]) -> None:
    for day in range(2):
        went(people["crew"], f"d{day}", 0.0, 9.0, 18.0, days=day)
    (one, two, three), by = there(), people["engineer"]
    before = snapshot()
    join(two, three, by)
    between = snapshot()
    join(one, two, by)
    assert there() == {one: 6}
    assert went(people["crew"], "again", 0.0, 9.0, 18.0) == Counted(1, 0)
    models.Drive.objects.get(name="again").delete()
    undo(by)
    assert snapshot()["sightings"] == between["sightings"]
    undo(by)
    assert snapshot()["sightings"] == before["sightings"]
    assert list(there()) == [one, two, three]


@pytest.mark.parametrize("stale", [0, 1], ids=["of the one that stays", "of the other"])
def test_of_two_people_the_second_is_told(pair: tuple[int, int], people: dict[str, Any], stale: int) -> None:
    decide(pair[stale], people["administrator"], Decision("confirm"))
    with pytest.raises(DecisionError, match=f"administrator has just confirmed damage {pair[stale]}"):
        join(*pair, people["engineer"], (0, 0))
    assert models.Review.objects.count() == 1
    assert len(there()) == 2


def test_who_decides_on_one_that_was_just_joined_is_told(
    pair: tuple[int, int], people: dict[str, Any]
) -> None:
    join(*pair, people["engineer"])
    with pytest.raises(DecisionError, match="engineer has just joined"):
        decide(pair[0], people["administrator"], Decision("confirm"), version=0)
    with pytest.raises(DecisionError, match=f"turned out to be damage {pair[0]}"):
        decide(pair[1], people["administrator"], Decision("confirm"), version=0)
    decide(pair[0], people["administrator"], Decision("confirm"))
    with pytest.raises(DecisionError, match="administrator has just confirmed"):
        undo(people["engineer"])


@pytest.mark.parametrize(
    ("states", "wrong", "says"),
    [
        (("proposed", "proposed"), lambda a, b: (a, a), "with itself"),
        (("proposed", "proposed"), lambda a, b: (a, 10**9), "no damage 1000000000"),
        (("repaired", "confirmed"), lambda a, b: (a, b), "is closed"),
        (("rejected", "scheduled"), lambda a, b: (a, b), "is closed"),
    ],
)
def test_what_can_not_be_joined(
    pair: tuple[int, int], people: dict[str, Any], states: tuple[str, str], wrong: Any, says: str
) -> None:
    for number, state in zip(pair, states, strict=True):
        models.Damage.objects.filter(pk=number).update(state=state)
    with pytest.raises(DecisionError, match=says):
        join(*wrong(*pair), people["engineer"])


@pytest.mark.parametrize("pair", [60.0], indirect=True)
def test_what_lies_far_apart_is_not_joined(pair: tuple[int, int], people: dict[str, Any]) -> None:
    with pytest.raises(DecisionError, match="more than 40 m apart"):
        join(*pair, people["engineer"])
    assert near(row_of(pair[0]), 5) == []


@pytest.mark.parametrize("chosen", [[], [0, 1, 2, 3], [99]], ids=["none", "all", "another's"])
def test_what_can_not_be_parted(pair: tuple[int, int], people: dict[str, Any], chosen: list[int]) -> None:
    join(*pair, people["administrator"])
    keys = dict(enumerate(models.Sighting.objects.values_list("pk", flat=True)))
    with pytest.raises(DecisionError, match="leave some"):
        part(pair[0], [keys.get(place, 10**6) for place in chosen], people["engineer"])


@pytest.mark.parametrize(("stays", "goes", "after"), [
    ("proposed", "proposed", "proposed"), ("proposed", "confirmed", "confirmed"), ("gone", "scheduled", "scheduled"),
    ("confirmed", "scheduled", "scheduled"), ("scheduled", "confirmed", "scheduled"), ("confirmed", "rejected", "confirmed"),
    ("repaired", "proposed", "repaired"), ("rejected", "gone", "rejected"), ("proposed", "repaired", "proposed"),
])  # fmt: skip
def test_what_people_decided_before(
    pair: tuple[int, int], people: dict[str, Any], stays: str, goes: str, after: str
) -> None:
    for number, state in zip(pair, (stays, goes), strict=True):
        models.Damage.objects.filter(pk=number).update(
            state=state, shown=state not in ("repaired", "rejected"), belief=int(state == "gone")
        )
    models.Damage.objects.filter(pk=pair[1]).update(assignee=people["crew"], priority_set=77.0)
    join(*pair, people["engineer"])
    row = row_of(pair[0])
    taken = stays not in ("repaired", "rejected") and goes not in ("repaired", "rejected")
    assert (row.state, row.shown) == (
        after if row.belief == 0 else row.state,
        after not in ("repaired", "rejected"),
    )
    assert (row.assignee, row.priority_set) == ((people["crew"], 77.0) if taken else (None, None))
    assert (row.priority == 77.0) == taken
    assert cells_are_right()


def test_stops_go_on_with_the_damage(pair: tuple[int, int], people: dict[str, Any]) -> None:
    by = people["engineer"]
    for number in pair:
        decide(number, by, Decision("confirm"))
    first, _ = make_list(Plan("first"), [pair[1]], by)
    join(*pair, by)
    assert [(stop.damage_id, stop.place) for stop in first.stops.all()] == [(pair[0], 1)]
    assert row_of(pair[0]).state == "scheduled"
    undo(by)
    assert [stop.damage_id for stop in first.stops.all()] == [pair[1]]
    second, _ = make_list(Plan("second"), [pair[0]], by)
    join(*pair, by)
    assert not first.stops.exists()
    assert [stop.damage_id for stop in second.stops.all()] == [pair[0]]
    undo(by)
    assert [stop.damage_id for stop in first.stops.all()] == [pair[1]]
    assert models.AuditEntry.objects.filter(action__in=("work_list.joined", "work_list.parted")).count() == 4


def test_near_ones_whatever_their_state(pair: tuple[int, int], people: dict[str, Any]) -> None:
    models.Damage.objects.filter(pk=pair[1]).update(state="repaired", shown=False)
    ((other, apart_m),) = near(row_of(pair[0]), 5)
    assert (other.pk, apart_m) == (pair[1], pytest.approx(9.0, abs=0.1))
    join(*pair, people["engineer"])
    assert near(row_of(pair[0]), 5) == []


@pytest.fixture
def beside(workspace: Workspace, people: dict[str, Any]) -> list[models.Damage]:
    """Two with pictures, 33 m apart, seen by two drives."""
    drives = [made_drive(people["crew"], f"d{day}", day) for day in range(2)]
    for drive in drives:
        put_pieces(drive, way_of(drive))
    rows = [made_damage(drives[0], place, pictures=True) for place in range(2)]
    for row in rows:
        assert row.best is not None
        models.Sighting.objects.create(
            drive=drives[1], damage=row, stretch=2, **{
                one.name: getattr(row.best, one.name) for one in models.Sighting._meta.fields
                if one.name not in ("id", "drive", "damage", "stretch", "seen_as")
            },
        )  # fmt: skip
    return rows


def test_on_a_damages_page(beside: list[models.Damage], people: dict[str, Any], client: Client) -> None:
    one, other = beside
    client.force_login(people["engineer"])
    page = client.get(f"/damages/{one.pk}/").content.decode()
    assert f'name="other" value="{other.pk}"' in page
    assert "33.3 m" in page
    assert f"/evidence/{other.best_id}/crop/" in page
    assert re.search(rf'class="number" [^>]*>{other.pk}<', page)
    form = {
        "other": other.pk,
        "version": one.version,
        "other_version": other.version,
        "comment": "same crack",
    }
    page = client.post(f"/damages/{one.pk}/join/", form, follow=True).content.decode()
    assert "notice success" in page
    assert f'href="/damages/{other.pk}/"' in page
    assert "same crack" in page
    joined = client.get(f"/damages/{other.pk}/").content.decode()
    assert f'href="/damages/{one.pk}/"' in joined
    assert "same crack" in joined
    assert "notice error" in client.post(f"/damages/{one.pk}/join/", form, follow=True).content.decode()
    client.post("/review/undo/", {"number": other.pk})
    assert row_of(other.pk).joined_into is None
    assert client.post(f"/damages/{one.pk}/join/", {"other": "x"}).status_code == 302
    chosen = list(row_of(one.pk).sightings.values_list("pk", flat=True))[:1]
    page = client.get(f"/damages/{one.pk}/").content.decode()
    assert f'name="sighting" value="{chosen[0]}"' in page
    form = {"sighting": chosen, "version": row_of(one.pk).version}
    assert "notice success" in client.post(f"/damages/{one.pk}/part/", form, follow=True).content.decode()
    made = models.Damage.objects.order_by("pk").last()
    assert made is not None
    assert list(made.sightings.values_list("pk", flat=True)) == chosen
    assert "notice error" in client.post(f"/damages/{one.pk}/part/", form, follow=True).content.decode()


def test_who_may_not_decide_can_neither_join_nor_part(
    beside: list[models.Damage], people: dict[str, Any], client: Client
) -> None:
    client.force_login(people["ml"])
    page = client.get(f"/damages/{beside[0].pk}/").content.decode()
    assert "/join/" not in page
    assert "/part/" not in page
    for what in ("join", "part"):
        assert client.post(f"/damages/{beside[0].pk}/{what}/", {"other": beside[1].pk}).status_code == 403
    assert len(there()) == 2
