"""The survey that the records hold: what people decided counts, and its numbers are those of the pages."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from made_records import BEGIN, LAT, LON, STEP, made_damage, made_drive

from detector.classes import ALLIGATOR_CRACK, POTHOLE
from maps.assessment import assess
from maps.change import Change, damage_change
from maps.damage import Decided, State
from maps.network import Network
from maps.rules import default_rules
from maps.survey import SurveyError
from roaddamage.records import models
from roaddamage.records.decisions import Decision, decide
from roaddamage.records.selection import Selection
from roaddamage.records.surveys import compared, roads_of_records, survey_of_records
from roaddamage.workspace import Workspace

pytestmark = pytest.mark.django_db
DAY_S = 86_400.0
OPEN = (-math.inf, math.inf)


@pytest.fixture(autouse=True)
def place(workspace: Workspace) -> Workspace:
    return workspace


def days(first: int, last: int) -> tuple[float, float]:
    """From the first of these days after `BEGIN` to the last, which is not of it."""
    return tuple((BEGIN + timedelta(days=day, hours=-1)).timestamp() for day in (first, last))  # type: ignore[return-value]


def seen_again(damage: models.Damage, drive: models.Drive) -> models.Damage:
    """Another drive saw it too, as the first one did."""
    seen = models.Sighting.objects.get(damage=damage)
    seen.pk, seen.drive, seen.utc_s = None, drive, drive.begin.timestamp() if drive.begin else None
    seen.save()
    models.Passage.objects.create(drive=drive, damage=damage, in_view=1.0, seen=True, utc_s=seen.utc_s)
    models.Damage.objects.filter(pk=damage.pk).update(passes=2, sightings_count=2, last_seen=drive.begin)
    return models.Damage.objects.get(pk=damage.pk)


def missed_by(damage: models.Damage, drive: models.Drive) -> None:
    begin = drive.begin.timestamp() if drive.begin else None
    models.Passage.objects.create(
        drive=drive, damage=damage, in_view=1.0, seen=False, utc_s=begin, detectable=0.7
    )


def decided(damage: models.Damage, by: Any, *kinds: Decision, at: datetime | None = None) -> None:
    for kind in kinds:
        review = decide(damage.pk, by, kind)
        if at is not None:
            models.Review.objects.filter(pk=review.pk).update(at=at)


def test_its_damages_are_those_that_pages_count(people: dict[str, Any]) -> None:
    drive = made_drive(people["crew"])
    rows = [made_damage(drive, place) for place in range(6)]
    engineer = people["engineer"]
    decided(rows[0], engineer, Decision("confirm"))
    decided(rows[1], engineer, Decision("reject", rejected_as="shadow"))
    decided(rows[2], engineer, Decision("reclass", class_id=ALLIGATOR_CRACK))
    decided(rows[3], engineer, Decision("confirm"), Decision("repair"))
    models.Damage.objects.filter(pk=rows[4].pk).update(joined_into=rows[5], shown=False)
    told = {one.number: one for one in survey_of_records().counted().damages}
    pages = Selection().rows()
    assert list(told) == sorted(pages.values_list("pk", flat=True)) == [rows[0].pk, rows[2].pk, rows[5].pk]
    assert [one.class_id for one in told.values()] == [POTHOLE, ALLIGATOR_CRACK, POTHOLE]
    assert [one.decided for one in told.values()] == [Decided.confirmed, Decided.nothing, Decided.nothing]
    for row in pages:
        one = told[row.pk]
        assert (one.lon, one.lat, one.severity, one.passes, one.still_there) == (
            row.lon, row.lat, row.severity, row.passes, row.still_there,
        )  # fmt: skip
        assert [seen.evidence for seen in one.sightings] == [row.best.evidence if row.best else ""]


def test_priorities_are_the_pages(people: dict[str, Any]) -> None:
    drive = made_drive(people["crew"])
    rows = [made_damage(drive, 0), made_damage(drive, 3, severity=0), made_damage(drive, 5)]
    models.Damage.objects.filter(pk=rows[2].pk).update(priority=99.0, priority_set=99.0)
    survey = survey_of_records()
    told = assess(survey, Network(roads_of_records(survey), default_rules().lanes), default_rules())
    pages = models.Damage.objects.order_by("pk").values_list("priority", flat=True)
    assert told.points.total.tolist() == pytest.approx(list(pages), abs=0.05)


def test_a_confirmed_damage_weighs_as_one(people: dict[str, Any]) -> None:
    drive = made_drive(people["crew"])
    rows = [made_damage(drive, place, confidence=0.4) for place in (0, 5)]
    decided(rows[0], people["engineer"], Decision("confirm"))
    assert [one.likely for one in survey_of_records().counted().damages] == [1.0, 0.4]


@pytest.mark.parametrize(
    ("period", "numbers", "seen"),
    [
        pytest.param(OPEN, [0], [2], id="now: repaired"),
        pytest.param(days(0, 5), [0, 1], [1, 1], id="before its repair"),
        pytest.param(days(0, 15), [0, 1], [2, 1], id="until the day of its repair"),
        pytest.param(days(0, 40), [0], [2], id="after its repair"),
        pytest.param(days(9, 12), [0], [1], id="seen in it alone"),
        pytest.param(days(40, 50), [], [], id="nothing driven"),
    ],
)
def test_a_period_has_what_was_there_and_seen_in_it(
    people: dict[str, Any], period: tuple[float, float], numbers: list[int], seen: list[int]
) -> None:
    first, second = made_drive(people["crew"]), made_drive(people["crew"], "d2", days=10)
    rows = [seen_again(made_damage(first, 0), second), made_damage(first, 5)]
    at = BEGIN + timedelta(days=20)
    decided(rows[1], people["engineer"], Decision("confirm"), Decision("repair"), at=at)
    told = survey_of_records().between(*period).counted().damages
    assert [rows.index(models.Damage.objects.get(pk=one.number)) for one in told] == numbers
    assert [len(one.sightings) for one in told] == seen


def test_change_between_two_periods(people: dict[str, Any]) -> None:
    drives = [made_drive(people["crew"], f"d{number}", days=100 * number) for number in range(4)]
    same, fresh, gone, mended = (made_damage(drives[0 if place != 3 else 3], place) for place in (0, 3, 6, 9))
    seen_again(same, drives[3])
    for drive in drives[:3]:
        missed_by(fresh, drive)
    missed_by(gone, drives[2])
    missed_by(gone, drives[3])
    missed_by(mended, drives[3])
    decided(
        mended, people["engineer"], Decision("confirm"), Decision("repair"), at=BEGIN + timedelta(days=150)
    )
    two = compared(survey_of_records(), days(0, 50), days(150, 400), 30.0)
    told = {one.number: damage_change(one, {"d0"}).change for one in two.both.counted().damages}
    assert [len(part.counted().damages) for part in (two.parts[0], two.parts[-1])] == [3, 2]
    assert told == {
        same.pk: Change.unchanged, fresh.pk: Change.new, mended.pk: Change.repaired,
        gone.pk: Change.repaired if state_of(two.both, gone) == State.repaired else Change.unclear,
    }  # fmt: skip
    assert [[drive.name for drive in part.driven] for part in two.parts] == [["d0"], ["d1"], ["d2", "d3"]]


def state_of(survey: Any, row: models.Damage) -> State:
    return next(one.state for one in survey.counted().damages if one.number == row.pk)


def test_periods_need_drives(people: dict[str, Any]) -> None:
    made_damage(made_drive(people["crew"]))
    with pytest.raises(SurveyError, match="one survey only"):
        compared(survey_of_records(), days(0, 50), days(150, 400), 30.0)


def test_a_way_is_as_it_was_kept(people: dict[str, Any]) -> None:
    made_drive(people["crew"])
    models.Drive.objects.create(name="waiting", digest="w", by=people["crew"])
    survey = survey_of_records()
    assert [way.drive for way in survey.ways] == ["d1"]
    assert survey.ways[0].lines[0][0].tolist() == pytest.approx([LON, LAT - STEP])
    assert survey.begin_utc_s == BEGIN.timestamp()
    assert np.isfinite(survey.counted().recall.kind).all()
