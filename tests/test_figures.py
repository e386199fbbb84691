"""Weekly figures against weeks counted by hand, on the municipality's clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from made_records import made_damage, made_drive

from detector.classes import ALLIGATOR_CRACK, LONGITUDINAL_CRACK, POTHOLE
from roaddamage.records import models, outcomes
from roaddamage.records.decisions import Decision, decide
from roaddamage.records.figures import Figures, Share, by_class, in_all, monday_of, weekly
from roaddamage.records.rows import settle
from roaddamage.records.taking_back import undo
from roaddamage.records.writing_back import TOLD

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 4, 17, 3, 0, tzinfo=UTC)
MONDAYS = [date(2026, 4, 13), date(2026, 4, 6), date(2026, 3, 30)]
LAST_MOMENT = datetime(2026, 4, 12, 14, 59, 59, tzinfo=UTC)
"""Sunday, a second before midnight in Japan."""


def drive_at(
    by: Any, name: str, begin: datetime, metres: float = 1000.0, unseen_m: float = 0.0
) -> models.Drive:
    drive = made_drive(by, name)
    drive.begin, drive.metres, drive.unseen_m = begin, metres, unseen_m
    drive.save()
    return drive


def decided(damage: models.Damage, by: Any, decision: Decision, at: datetime) -> models.Review:
    review = decide(damage.pk, by, decision)
    models.Review.objects.filter(pk=review.pk).update(at=at)
    row = models.Damage.objects.get(pk=damage.pk)
    outcomes.work_out(row)
    row.save()
    return review


@pytest.mark.parametrize(
    ("moment", "monday"),
    [
        pytest.param(LAST_MOMENT, MONDAYS[1], id="sunday-23:59:59-jst"),
        pytest.param(LAST_MOMENT + timedelta(seconds=1), MONDAYS[0], id="monday-00:00-jst"),
        pytest.param(datetime(2026, 4, 12, 23, 59, tzinfo=UTC), MONDAYS[0], id="sunday-in-utc-is-monday-here"),
        pytest.param(datetime(2027, 1, 1, 3, 0, tzinfo=UTC), date(2026, 12, 28), id="over-new-year"),
    ],
)  # fmt: skip
def test_a_week_begins_at_midnight_of_the_municipality(people: Any, moment: datetime, monday: date) -> None:
    crew, engineer = people["crew"], people["engineer"]
    damage = made_damage(drive_at(crew, "d", moment))
    review = decided(damage, engineer, Decision("confirm"), moment)
    review = decided(damage, engineer, Decision("repair"), moment + timedelta(milliseconds=1))
    told = {week.monday: week for week in weekly(3, moment + timedelta(days=1))}
    assert monday_of(moment) == monday
    assert [day for day, week in told.items() if week.drives] == [monday]
    week = told[monday]
    assert (week.drives, week.found, week.new, week.share.confirmed, week.repaired) == (1, 1, 1, 1, 1)
    assert review.kind == "repair"


def test_weeks_by_hand(people: Any) -> None:
    crew, engineer = people["crew"], people["engineer"]
    first = drive_at(crew, "first", datetime(2026, 4, 1, 1, 0, tzinfo=UTC), 12_000, 2_000)
    one, two, three = (made_damage(first, place) for place in range(3))
    again = drive_at(crew, "again", datetime(2026, 4, 8, 1, 0, tzinfo=UTC), 8_000)
    four = made_damage(again, 3)
    made_sighting(one, again)
    drive_at(crew, "night", LAST_MOMENT - timedelta(minutes=5), 3_000, 500)
    models.Drive.objects.create(name="waiting", digest="w", by=crew, metres=99_000)
    tuesday, day = datetime(2026, 4, 7, 1, 0, tzinfo=UTC), timedelta(hours=24)
    decided(one, engineer, Decision("confirm"), tuesday)
    decided(two, engineer, Decision("reject", rejected_as="shadow"), tuesday + day)
    decided(three, engineer, Decision("confirm"), tuesday + 2 * day)
    decided(one, engineer, Decision("repair"), tuesday + 7 * day)
    decided(four, engineer, Decision("reject", rejected_as="wet"), tuesday + 7 * day)
    undo(engineer, four.pk)
    this, last, first_week = weekly(3, NOW)
    assert facts(first_week) == (1, 12.0, 10.0, 3, 3, 0, 0, 0)
    assert facts(last) == (2, 11.0, 10.5, 2, 1, 2, 1, 0)
    assert facts(this) == (0, 0.0, 0.0, 0, 0, 0, 0, 1)
    assert (first_week.hours, last.hours, this.hours) == (None, 6 * 24 + 24, None)
    whole = in_all()
    assert facts(whole) == (3, 23.0, 20.5, 4, 4, 2, 1, 1)
    assert whole.hours == 7 * 24
    assert facts(whole)[:3] == tuple(
        sum(column) for column in zip(*(facts(week)[:3] for week in (this, last, first_week)), strict=True)
    )


def made_sighting(damage: models.Damage, drive: models.Drive) -> None:
    seen = damage.sightings.get()
    seen.pk, seen.drive, seen.utc_s = None, drive, drive.begin.timestamp() if drive.begin else None
    seen.save()


def facts(week: Figures) -> tuple[float, ...]:
    share = week.share
    return (
        week.drives, week.km, week.judged_km, week.found, week.new, share.confirmed, share.rejected, week.repaired,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("decisions", "confirmed", "rejected", "repaired"),
    [
        pytest.param(["confirm"], 1, 0, 0, id="confirmed"),
        pytest.param(["confirm", "reject"], 0, 1, 0, id="the-latest-stands"),
        pytest.param(["confirm", "undo"], 0, 0, 0, id="taken-back"),
        pytest.param(["reject", "reopen"], 0, 0, 0, id="rejected-and-opened-again"),
        pytest.param(["reject", "reopen", "confirm"], 1, 0, 0, id="opened-again-and-confirmed"),
        pytest.param(["confirm", "repair"], 1, 0, 1, id="repaired"),
        pytest.param(["confirm", "repair", "reopen"], 1, 0, 0, id="not-repaired-after-all"),
        pytest.param(["confirm", "repair", "undo"], 1, 0, 0, id="repair-taken-back"),
        pytest.param(["confirm", "schedule", "reopen"], 1, 0, 0, id="off-the-list-is-still-confirmed"),
    ],
)
def test_which_decisions_count(
    people: Any, decisions: list[str], confirmed: int, rejected: int, repaired: int
) -> None:
    damage = made_damage(made_drive(people["crew"]))
    for kind in decisions:
        if kind == "undo":
            undo(people["engineer"], damage.pk)
        else:
            decide(
                damage.pk, people["engineer"], Decision(kind, rejected_as="other" if kind == "reject" else "")
            )
    told = in_all()
    assert (told.share, told.repaired) == (Share(confirmed, rejected), repaired)


def test_by_the_class_that_the_model_proposed(people: Any) -> None:
    drive, engineer = made_drive(people["crew"]), people["engineer"]
    one, two = (made_damage(drive, place, class_id=LONGITUDINAL_CRACK) for place in range(2))
    for class_id in (ALLIGATOR_CRACK, POTHOLE):
        decide(one.pk, engineer, Decision("reclass", class_id=class_id))
    decide(one.pk, engineer, Decision("confirm"))
    decide(two.pk, engineer, Decision("reject", rejected_as="joint"))
    shares = by_class()
    assert shares[LONGITUDINAL_CRACK] == Share(1, 1)
    assert sum(share.decided for share in shares) == 2


@pytest.mark.parametrize(
    ("share", "value", "interval"),
    [
        pytest.param(Share(0, 0), None, None, id="nothing"),
        # Wilson (1927), as by statsmodels' proportion_confint(method="wilson").
        pytest.param(Share(8, 2), 0.8, (0.4902, 0.9433), id="8-of-10"),
        pytest.param(Share(5, 0), 1.0, (0.5655, 1.0), id="all"),
        pytest.param(Share(0, 5), 0.0, (0.0, 0.4345), id="none"),
        pytest.param(Share(900, 100), 0.9, (0.8799, 0.9171), id="many"),
    ],
)
def test_share(share: Share, value: float | None, interval: tuple[float, float] | None) -> None:
    assert share.value == value
    assert share.interval == (interval and pytest.approx(interval, abs=1e-4))


def test_empty_records(people: Any, client: Client) -> None:
    assert facts(in_all()) == (0,) * 8
    assert [facts(week) for week in weekly(2)] == [(0,) * 8] * 2
    client.force_login(people["engineer"])
    page = client.get("/figures/?weeks=nonsense").content.decode()
    assert "nan" not in page.lower()
    assert 'style="' not in page
    rows = client.get("/figures/weekly.csv?weeks=26").content.decode("utf-8-sig").split("\r\n")
    assert len(rows) == 1 + 26 + 1
    assert rows[1].endswith(",0,0.000,0.000,0,0,0,0,0,,,,")
    assert models.AuditEntry.objects.get(action="figures.exported").by == people["engineer"]


def test_saved_hours_are_only_those_that_were_entered(people: Any, client: Client) -> None:
    client.force_login(people["engineer"])
    client.cookies["language"] = "en"
    assert "hours saved" not in client.get("/figures/").content.decode()
    for hours_now, expected in (("80.5", "39.5"), ("90", "30.0")):
        client.post("/figures/patrol/", {"month": "2026-04", "hours_before": "120", "hours_now": hours_now})
        assert f'<td class="n">{expected}</td>' in client.get("/figures/").content.decode()
    for wrong in ("-1", "nan", "1e9", "many", ""):
        page = client.post(
            "/figures/patrol/", {"month": "2026-05", "hours_before": wrong, "hours_now": "1"}, follow=True
        )
        assert 'class="notice error"' in page.content.decode()
    assert models.PatrolFigures.objects.count() == 1
    client.post("/figures/patrol/", {"remove": "2026-04"})
    assert not models.PatrolFigures.objects.exists()


def test_the_wait_follows_what_older_drives_saw(people: Any) -> None:
    damage = made_damage(drive_at(people["crew"], "d", NOW - timedelta(hours=20)))
    decided(damage, people["engineer"], Decision("confirm"), NOW - timedelta(hours=10))
    assert in_all().hours == 10
    row = models.Damage.objects.get(pk=damage.pk)
    row.first_seen = NOW - timedelta(hours=40)
    settle(row)
    row.save(update_fields=TOLD)
    assert (in_all().hours, weekly(1, NOW)[0].hours) == (30, 30)


def test_damages_that_no_clock_saw_belong_to_the_week_they_came_in(people: Any) -> None:
    drive = made_drive(people["crew"])
    models.Drive.objects.filter(pk=drive.pk).update(begin=None, at=NOW - timedelta(days=7))
    drive.refresh_from_db()
    damage = made_damage(drive)
    models.Damage.objects.filter(pk=damage.pk).update(created=NOW - timedelta(days=7))
    assert [(week.drives, week.found, week.new) for week in weekly(3, NOW)] == [
        (0, 0, 0),
        (1, 1, 1),
        (0, 0, 0),
    ]
