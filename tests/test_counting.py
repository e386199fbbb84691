"""Counting in the records against merging all drives in memory."""

from __future__ import annotations

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.db import transaction

from benchmarks.road_survey import MadeDrive, damages, drive, grid_town, survey_of
from maps.network import Network
from maps.rules import default_rules
from roaddamage.records import cells, models
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
