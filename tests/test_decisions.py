"""Decisions: every state and decision, taking back, two people at once, and drives that come later."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from made_records import BEGIN, made_damage, made_drive

from detector.classes import ALLIGATOR_CRACK, POTHOLE
from roaddamage.language import translation
from roaddamage.records import models
from roaddamage.records.counting import count_in
from roaddamage.records.decisions import (
    NEXT,
    Decision,
    DecisionError,
    comment,
    decide,
    decide_all,
    open_to,
)  # fmt: skip
from roaddamage.records.queue import GONE_BELIEF, Asked, waiting
from roaddamage.records.rows import sighting_of, way_of
from roaddamage.records.taking_back import last_of, undo

pytestmark = pytest.mark.django_db
STATES = [state.value for state in models.Damage.State]
DECISIONS = {
    "confirm": Decision("confirm"),
    "reject": Decision("reject", rejected_as="shadow"),
    "reclass": Decision("reclass", class_id=ALLIGATOR_CRACK),
    "box": Decision("box", box=(0.1, 0.2, 0.3, 0.4)),
    "schedule": Decision("schedule", due=date(2026, 5, 1)),
    "assign": Decision("assign", assignee=None),
    "due": Decision("due", due=date(2026, 5, 1)),
    "priority": Decision("priority", priority=90.0, comment="before the school"),
    "repair": Decision("repair"),
    "reopen": Decision("reopen"),
}
TABLE = """
           confirm   reject   reclass   box       schedule  assign    due       priority  repair   reopen
proposed   confirmed rejected proposed  proposed  -         proposed  proposed  proposed  -        -
confirmed  -         rejected confirmed confirmed scheduled confirmed confirmed confirmed repaired -
scheduled  -         rejected scheduled scheduled scheduled scheduled scheduled scheduled repaired confirmed
repaired   -         -        -         -         -         -         -         -         -        confirmed
rejected   -         -        -         -         -         -         -         -         -        proposed
gone       confirmed rejected gone      gone      -         gone      gone      gone      repaired -
"""
KINDS, *ROWS = (line.split() for line in TABLE.strip().splitlines())
CASES = [
    pytest.param(state, kind, after, id=f"{state}-{kind}")
    for state, *row in ROWS
    for kind, after in zip(KINDS, row, strict=True)
]


@pytest.fixture
def damage(people: dict[str, Any]) -> models.Damage:
    return made_damage(made_drive(people["crew"]))


def of_state(damage: models.Damage, state: str) -> models.Damage:
    damage.state, damage.shown = state, state not in ("rejected", "repaired")
    damage.belief = GONE_BELIEF if state == "gone" else 0
    damage.save()
    return damage


def counted() -> int:
    """Damages in the coarsest cells."""
    return sum(models.Cell.objects.filter(shift=max_shift()).values_list("count", flat=True))


def max_shift() -> int:
    return int(models.Cell.objects.order_by("-shift").values_list("shift", flat=True)[0])


def test_the_table_is_whole() -> None:
    assert set(KINDS) == set(DECISIONS) == set(NEXT)
    assert [row[0] for row in ROWS] == STATES


@pytest.mark.parametrize(("state", "kind", "after"), CASES)
def test_every_decision_in_every_state(
    damage: models.Damage, people: dict[str, Any], state: str, kind: str, after: str
) -> None:
    of_state(damage, state)
    assert (kind in open_to(damage)) == (after != "-")
    if after == "-":
        with pytest.raises(DecisionError):
            decide(damage.pk, people["engineer"], DECISIONS[kind])
        assert not models.Review.objects.exists()
        return
    review = decide(damage.pk, people["engineer"], DECISIONS[kind], version=0)
    row = models.Damage.objects.get(pk=damage.pk)
    assert (row.state, row.version) == (after, 1)
    assert row.shown == (after not in ("rejected", "repaired"))
    assert (review.before["state"], review.after["state"], review.model) == (state, after, "roaddamage-2")
    entry = models.AuditEntry.objects.get(action=f"damage.{kind}")
    assert (entry.by, entry.target) == (people["engineer"], str(damage.pk))


@pytest.mark.parametrize(("state", "kind"), [(c.values[0], c.values[1]) for c in CASES if c.values[2] != "-"])
def test_what_is_taken_back_is_as_it_was_and_stays_in_the_history(
    damage: models.Damage, people: dict[str, Any], state: str, kind: str
) -> None:
    of_state(damage, state)
    fields = ("state", "shown", "class_id", "severity", "class_decided", "rejected_as", "due", "priority")
    before = models.Damage.objects.values_list(*fields).get()
    review = decide(damage.pk, people["engineer"], DECISIONS[kind])
    taken = undo(people["engineer"])
    after = models.Damage.objects.values_list(*fields).get()
    assert after[:-1] == before[:-1]
    assert after[-1] == pytest.approx(before[-1], abs=0.01)
    assert models.Sighting.objects.get().box == [0.4, 0.5, 0.6, 0.8]
    assert (taken.undone, models.Review.objects.count()) == (review, 2)
    assert last_of(people["engineer"]) is None


def test_undo_goes_back_step_by_step(damage: models.Damage, people: dict[str, Any]) -> None:
    who = people["engineer"]
    decide(damage.pk, who, DECISIONS["confirm"])
    decide(damage.pk, who, DECISIONS["schedule"])
    assert undo(who).damage.state == "confirmed"
    assert undo(who).damage.state == "proposed"
    with pytest.raises(DecisionError):
        undo(who)
    decide(damage.pk, who, DECISIONS["reject"])
    assert [review.kind for review in models.Review.objects.all()] == [
        "confirm", "schedule", "undo", "undo", "reject",
    ]  # fmt: skip


@pytest.mark.parametrize(("first", "english", "japanese"), [
    ("confirm", "has just confirmed", "確認"), ("reject", "has just rejected", "却下"),
])  # fmt: skip
def test_of_two_people_the_second_is_told(
    damage: models.Damage, people: dict[str, Any], first: str, english: str, japanese: str
) -> None:
    decide(damage.pk, people["engineer"], DECISIONS[first], version=0)
    with pytest.raises(DecisionError, match=f"engineer {english}") as caught:
        decide(damage.pk, people["administrator"], DECISIONS["reclass"], version=0)
    assert japanese in caught.value.message(translation("ja"))
    assert models.Review.objects.count() == 1


def test_what_another_decided_since_is_not_taken_back(damage: models.Damage, people: dict[str, Any]) -> None:
    decide(damage.pk, people["engineer"], DECISIONS["confirm"])
    decide(damage.pk, people["administrator"], DECISIONS["reclass"])
    with pytest.raises(DecisionError, match="administrator has just changed the class"):
        undo(people["engineer"])


def test_a_comment_is_no_decision(damage: models.Damage, people: dict[str, Any]) -> None:
    comment(damage.pk, people["administrator"], " Standing water here. ")
    decide(damage.pk, people["engineer"], DECISIONS["confirm"], version=0)
    assert models.Review.objects.first().comment == "Standing water here."  # type: ignore[union-attr]
    with pytest.raises(DecisionError):
        comment(damage.pk, people["engineer"], "  ")


@pytest.mark.parametrize("wrong", [
    {"kind": "undo"}, {"kind": "comment"}, {"kind": "nothing"}, {"kind": "reject"},
    {"kind": "reject", "rejected_as": "elephant"}, {"kind": "reclass"}, {"kind": "reclass", "class_id": 4},
    {"kind": "box"}, {"kind": "box", "box": (0.5, 0.1, 0.4, 0.2)}, {"kind": "box", "box": (0.5, 0.1, 1.4, 0.2)},
    {"kind": "box", "box": (float("nan"), 0.1, 0.4, 0.2)},
])  # fmt: skip
def test_half_a_decision_is_none(wrong: dict[str, Any]) -> None:
    with pytest.raises(DecisionError):
        Decision(**wrong)


def test_class_and_counts_follow(damage: models.Damage, people: dict[str, Any]) -> None:
    assert counted() == 1
    decide(damage.pk, people["engineer"], DECISIONS["reclass"])
    row = models.Damage.objects.get()
    assert (row.class_id, row.severity, row.class_decided) == (ALLIGATOR_CRACK, 0, True)
    assert row.priority < damage.priority
    assert set(models.Cell.objects.values_list("class_id", flat=True)) == {ALLIGATOR_CRACK}
    decide(damage.pk, people["engineer"], DECISIONS["reject"])
    assert not models.Cell.objects.exists()
    undo(people["engineer"])
    assert counted() == 1


def test_many_at_once(people: dict[str, Any]) -> None:
    drive = made_drive(people["crew"])
    rows = [made_damage(drive, place) for place in range(4)]
    of_state(rows[2], "rejected")
    made = decide_all(
        [(row.pk, None) for row in rows] + [(rows[-1].pk + 9_999, 0)],
        people["engineer"],
        DECISIONS["confirm"],
    )
    assert [review.damage_id for review in made.reviews] == [rows[0].pk, rows[1].pk, rows[3].pk]
    assert [error.values["number"] for error in made.refused] == [rows[2].pk, rows[-1].pk + 9_999]


def test_one_that_is_another_leads_there(people: dict[str, Any]) -> None:
    drive = made_drive(people["crew"])
    one, other = made_damage(drive, 0), made_damage(drive, 1)
    models.Damage.objects.filter(pk=other.pk).update(joined_into=one)
    with pytest.raises(DecisionError, match=f"turned out to be damage {one.pk}"):
        decide(other.pk, people["engineer"], DECISIONS["confirm"])


@pytest.mark.parametrize("kind", ["confirm", "reject", "reclass", "box"])
def test_a_new_drive_leaves_what_people_decided(
    damage: models.Damage, people: dict[str, Any], kind: str
) -> None:
    decide(damage.pk, people["engineer"], DECISIONS[kind])
    decided = models.Damage.objects.values(
        "state", "class_id", "class_decided", "rejected_as", "version"
    ).get()
    box, first = models.Sighting.objects.get().box, damage.best
    assert first is not None
    drive = made_drive(people["crew"], "d2", days=30)
    seen = replace(sighting_of(first, "d2"), class_id=POTHOLE, confidence=0.99, utc_s=drive.begin.timestamp())  # type: ignore[union-attr]
    assert count_in(drive, way_of(drive), [seen]).found == 1
    row = models.Damage.objects.filter(joined_into__isnull=True).get(pk=damage.pk)
    assert row.drives_count == 2
    assert {name: getattr(row, name) for name in decided} == decided
    assert models.Sighting.objects.get(pk=first.pk).box == box
    assert models.Review.objects.count() == 1


def missed(people: dict[str, Any], damage: models.Damage, days: int) -> None:
    """A drive that did not see it, after which drives say that it is gone."""
    drive = made_drive(people["crew"], f"missed-{days}", days)
    models.Passage.objects.create(drive=drive, damage=damage, in_view=1.0, seen=False)
    models.Damage.objects.filter(pk=damage.pk).update(belief=GONE_BELIEF)


def test_what_waits_for_a_person(people: dict[str, Any]) -> None:
    who, drive = people["engineer"], made_drive(people["crew"])
    proposed, gone, checked, again, back = (made_damage(drive, place) for place in range(5))
    of_state(gone, "gone")
    for row in (checked, again, back):
        decide(row.pk, who, DECISIONS["confirm"])
    models.Review.objects.update(at=BEGIN + timedelta(days=1))
    for days, row in enumerate((checked, again), 10):
        missed(people, row, days)
    decide(checked.pk, who, DECISIONS["confirm"])  # "still there", after the drive that missed it
    decide(back.pk, who, DECISIONS["repair"])
    models.Review.objects.filter(damage=back).update(at=BEGIN + timedelta(days=2))
    assert not waiting(Asked("back"))
    models.Damage.objects.filter(pk=back.pk).update(last_seen=BEGIN + timedelta(days=60))
    assert open_to(models.Damage.objects.get(pk=back.pk)) == {"repair", "reopen"}
    queues = {name: {row.pk for row in waiting(Asked(name))} for name in ("proposed", "gone", "back")}
    assert queues == {"proposed": {proposed.pk}, "gone": {gone.pk, again.pk}, "back": {back.pk}}
    decide(back.pk, who, DECISIONS["repair"])  # it is repaired all the same
    assert not waiting(Asked("back"))
    assert not waiting(Asked("proposed", class_id=ALLIGATOR_CRACK))
    assert waiting(Asked("proposed", drive=drive.pk, class_id=POTHOLE)).get() == proposed
