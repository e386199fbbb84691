"""Counting in the records against merging all drives in memory."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from benchmarks.road_survey import MadeDrive, damages, drive, grid_town, survey_of
from maps.exports import Driven
from maps.network import Network
from maps.rules import default_rules
from roaddamage.records import cells, models
from roaddamage.records.boxes import boxes_along
from roaddamage.records.counting import Counted, count_in
from roaddamage.records.rows import fill_drive

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def drives() -> list[MadeDrive]:
    network = Network(grid_town(4, 120.0), default_rules().lanes)
    rng = np.random.default_rng(5)
    truth = damages(network, rng, 25.0)
    return [drive(network, truth, rng, f"d{number}", 1_500.0, 7.0 * number) for number in range(4)]


def taken(made: MadeDrive, by: User) -> Counted:
    row = models.Drive(name=made.way.drive, digest=made.way.drive, by=by, state=models.Drive.State.done)
    fill_drive(row, made.way, made.driven)
    row.save()
    with transaction.atomic():
        return count_in(row, made.way, made.sightings)


def test_records_count_as_merging_in_memory_does(drives: list[MadeDrive]) -> None:
    by = User.objects.create_user("crew")
    told = [taken(one, by) for one in drives]
    whole = survey_of(drives).counted().damages
    rows = models.Damage.objects.filter(joined_into__isnull=True)
    assert told[0].new == told[0].found == rows.filter(sightings__drive__name="d0").distinct().count()
    assert rows.count() == pytest.approx(len(whole), rel=0.02)
    mine = sorted(sorted((s.drive.name, round(s.time_s, 3)) for s in row.sightings.all()) for row in rows)
    theirs = sorted(sorted((s.drive, round(s.time_s, 3)) for s in damage.sightings) for damage in whole)
    same = sum(group in theirs for group in mine)
    assert same >= 0.97 * len(theirs)
    passes = {row.sightings.first().pk: row.passes for row in rows}
    assert max(passes.values()) > 1
    assert models.Sighting.objects.count() == sum(len(one.sightings) for one in drives)


def test_cells_are_those_counted_anew(drives: list[MadeDrive]) -> None:
    by = User.objects.create_user("crew")
    for one in drives:
        taken(one, by)
    columns = "shift", "cell", "class_id", "severity", "count"
    kept = set(models.Cell.objects.values_list(*columns))
    assert {count for shift, *_, count in kept if shift == max(cells.SHIFTS)}
    cells.rebuild()
    assert set(models.Cell.objects.values_list(*columns)) == kept


def test_what_a_person_decided_stays(drives: list[MadeDrive]) -> None:
    by = User.objects.create_user("crew")
    taken(drives[0], by)
    row = models.Damage.objects.order_by("pk").first()
    assert row is not None
    row.state, row.class_id, row.class_decided, row.version = "confirmed", 3 - row.class_id, True, 1
    row.save()
    for one in drives[1:]:
        taken(one, by)
    again = models.Damage.objects.get(pk=row.pk)
    assert (again.state, again.class_id, again.joined_into) == ("confirmed", row.class_id, None)


def moved(
    made: MadeDrive, name: str, *, east_deg: float = 0.0, utc_s: float | None = None, gap: bool = False
) -> MadeDrive:
    """The drive under another name: elsewhere, at another time (None: without a date), or with a gap in its way."""

    def there(line: np.ndarray) -> np.ndarray:
        return np.column_stack([(line[:, 0] + east_deg + 180) % 360 - 180, line[:, 1]])

    lines = [there(line) for line in made.way.lines]
    if gap:
        lines = [part for line in lines for part in (line[: len(line) // 3], line[len(line) // 3 + 20 :])]
    sightings = [
        replace(
            one, drive=name, lon=(one.lon + east_deg + 180) % 360 - 180,
            utc_s=None if utc_s is None else utc_s + one.time_s,
        )
        for one in made.sightings
    ]  # fmt: skip
    way = replace(made.way, drive=name, utc_s=utc_s, lines=lines)
    return replace(made, way=way, driven=Driven(name, lines, made.driven.metres, utc_s), sightings=sightings)


def passes() -> dict[str, int]:
    names = models.Passage.objects.values_list("drive__name", flat=True)
    return {name: list(names).count(name) for name in set(names)}


def test_a_way_with_gaps_is_counted_and_found_again(drives: list[MadeDrive]) -> None:
    by = User.objects.create_user("crew")
    first = moved(drives[0], "first", utc_s=1.7e9, gap=True)
    told = taken(first, by)
    assert told.found == told.new > 0
    again = taken(moved(drives[0], "again", utc_s=1.71e9, gap=True), by)
    assert (again.found, again.new) == (told.found, 0)
    rows = models.Damage.objects.all()
    assert {row.passes for row in rows} == {2}
    assert set(rows.values_list("drives_count", flat=True)) == {2}


@pytest.mark.parametrize("east_deg", [0.0, 180.0 - 139.752], ids=["here", "across the 180th meridian"])
def test_damages_are_found_again_wherever_they_are(east_deg: float, drives: list[MadeDrive]) -> None:
    by = User.objects.create_user("crew")
    told = taken(moved(drives[0], "first", east_deg=east_deg, utc_s=1.7e9), by)
    again = taken(moved(drives[0], "again", east_deg=east_deg, utc_s=1.71e9), by)
    assert (again.found, again.new) == (told.found, 0)
    assert len(passes()) == 2


def test_a_way_over_the_180th_meridian_has_no_more_boxes_than_another() -> None:
    north = np.linspace(0, 0.02, 300)
    counts = []
    for begin in (139.75, 179.995):
        lon = (begin + north / 2 + 180) % 360 - 180
        counts.append(len(boxes_along([np.column_stack([lon, -17.8 + north])], 50.0)))
    assert counts[0] == counts[1] < 10


@pytest.mark.parametrize("late_utc_s", [1.6e9, None], ids=["older, handed in later", "without a date"])
def test_drives_in_any_order(late_utc_s: float | None, drives: list[MadeDrive]) -> None:
    by = User.objects.create_user("crew")
    told = taken(moved(drives[0], "first", utc_s=1.7e9), by)
    late = taken(moved(drives[0], "late", utc_s=late_utc_s), by)
    assert (late.found, late.new) == (told.found, 0)
    for row in models.Damage.objects.all():
        assert row.first_seen is not None
        assert (row.first_seen.timestamp() < 1.65e9) == (late_utc_s is not None)
        assert row.last_seen is not None
        assert row.last_seen.timestamp() > 1.65e9


def test_a_pass_that_saw_nothing_is_kept(drives: list[MadeDrive]) -> None:
    by = User.objects.create_user("crew")
    told = taken(moved(drives[0], "first", utc_s=1.7e9), by)
    for number in range(4):
        blind = replace(moved(drives[0], f"blind {number}", utc_s=1.71e9 + number * 1e6), sightings=[])
        assert taken(blind, by) == Counted(0, 0)
    assert passes()["blind 3"] > 0.5 * told.found
    assert models.Damage.objects.filter(state="gone").exists()
    assert not models.Passage.objects.filter(drive__name="blind 0", seen=True).exists()


def test_nothing_that_joined_another_is_left_with_sightings(drives: list[MadeDrive]) -> None:
    by = User.objects.create_user("crew")
    for one in drives:
        taken(one, by)
    joined = models.Damage.objects.filter(joined_into__isnull=False)
    assert not joined.filter(sightings__isnull=False).exists()
    assert not joined.filter(passages__isnull=False).exists()
    assert not joined.filter(shown=True).exists()
    there = models.Damage.objects.filter(joined_into__isnull=True)
    assert not there.filter(sightings__isnull=True).exists()
    assert not there.filter(best__isnull=True).exists()
    assert all(row.sightings_count == row.sightings.count() for row in there)


def test_what_a_drive_asks_of_the_records_does_not_go_by_their_size(
    drives: list[MadeDrive], django_assert_max_num_queries: Any
) -> None:
    by = User.objects.create_user("crew")
    for number, one in enumerate(drives):
        taken(moved(one, f"far {number}", east_deg=1.0, utc_s=1.7e9), by)
    with CaptureQueriesContext(connection) as asked:
        taken(moved(drives[0], "alone", utc_s=1.7e9), by)
    for number, one in enumerate(drives):
        taken(moved(one, f"further {number}", east_deg=2.0, utc_s=1.7e9), by)
    with django_assert_max_num_queries(len(asked) + 40):
        taken(moved(drives[0], "again", utc_s=1.71e9), by)


def test_what_nobody_had_seen_is_told_by_its_keys(drives: list[MadeDrive]) -> None:
    by = User.objects.create_user("crew")
    taken(drives[0], by)
    far = taken(moved(drives[1], "far", east_deg=1.0, utc_s=1.7e9), by)
    keys = models.Sighting.objects.filter(drive__name="far").values_list("damage", flat=True)
    assert far.fresh == set(keys)
