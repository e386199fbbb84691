"""A drive's sightings replaced by those of another run: what stays, what goes, and what people decided."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from django.db import transaction
from made_records import LAT
from test_counting import taken
from test_joining import ONE, cells_are_right, snapshot, there, went

from benchmarks.road_survey import MadeDrive, damages, drive, grid_town, survey_of
from detector.classes import ALLIGATOR_CRACK, LONGITUDINAL_CRACK, POTHOLE
from detector.sightings import Sighting
from maps.network import Network
from maps.rules import default_rules
from maps.same_footage import same_things, size_changed
from roaddamage.records import models
from roaddamage.records.decisions import Decision, DecisionError, comment, decide
from roaddamage.records.joining import join, part
from roaddamage.records.replacing import Replaced, replace_in
from roaddamage.records.rows import fill_drive, way_of
from roaddamage.records.taking_back import undo

pytestmark = pytest.mark.django_db
NOTHING = Replaced(frozenset(), frozenset())


def at(metres: float, **values: Any) -> Sighting:
    return replace(ONE, **{"lat": LAT + metres / 110_941, "time_s": 2.0 + metres / 5, **values})


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ([0.0, 9.0], [9.1, 0.2], {0: 1, 1: 0}),
        ([0.0], [1.0, 0.2], {1: 0}),
        ([0.0, 3.0], [3.0], {0: 1}),
        ([0.0], [9.0], {}),
        ([], [1.0], {}),
    ],
    ids=["another order", "the nearer one", "one is gone", "too far", "nothing before"],
)
def test_same_things(before: list[float], after: list[float], same: dict[int, int]) -> None:
    assert same_things([at(one) for one in before], [at(one) for one in after]) == same


@pytest.mark.parametrize(
    ("values", "same"),
    [
        ({"class_id": ALLIGATOR_CRACK}, True),
        ({"class_id": LONGITUDINAL_CRACK}, False),
        ({"class_id": LONGITUDINAL_CRACK, "frames": 1}, True),
        ({"time_s": 90.0}, False),
    ],
    ids=["classes that mix", "classes that don't", "one glimpse", "when it came back"],
)
def test_what_can_be_the_same(values: dict[str, Any], same: bool) -> None:
    assert (
        bool(
            same_things([at(0.0)], [at(0.0, **values) if "time_s" not in values else replace(ONE, **values)])
        )
        == same
    )


@pytest.mark.parametrize(("length_m", "changed"), [(0.75, False), (0.8, True)])
def test_a_size_changes_beyond_its_error(length_m: float, changed: bool) -> None:
    assert size_changed(at(0.0), at(0.0, length_m=length_m)) == changed


def again(name: str, *seen: Sighting) -> Replaced:
    """The drive run again, on its own way."""
    row = models.Drive.objects.get(name=name)
    own = [replace(one, drive=name, model="m2", evidence="n.jpg") for one in seen]
    with transaction.atomic():
        return replace_in(row, [np.array(line) for line in row.ways], way_of(row), own)


@pytest.fixture
def pair(people: dict[str, Any]) -> tuple[int, int]:
    """Two damages 9 m apart: both drives saw the first, one of them the second."""
    went(people["crew"], "d0", 0.0, 9.0)
    went(people["crew"], "d1", 0.0, days=1)
    first, second = models.Damage.objects.order_by("pk").values_list("pk", flat=True)
    return first, second


def seen_by(number: int) -> list[tuple[str, str, bool]]:
    rows = models.Sighting.objects.filter(damage=number).order_by("drive__name", "pk")
    return list(rows.values_list("drive__name", "model", "outdated"))


@pytest.fixture(scope="module")
def drives() -> list[MadeDrive]:
    network = Network(grid_town(3, 120.0), default_rules().lanes)
    rng = np.random.default_rng(6)
    truth = damages(network, rng, 25.0)
    return [drive(network, truth, rng, f"d{number}", 900.0, 7.0 * number) for number in range(3)]


def anew(made: MadeDrive, sightings: list[Sighting]) -> Replaced:
    row = models.Drive.objects.get(name=made.way.drive)
    before = [np.array(line) for line in row.ways]
    fill_drive(row, made.way, made.driven)
    row.save()
    with transaction.atomic():
        return replace_in(row, before, made.way, sightings)


def test_the_same_again_changes_nothing(drives: list[MadeDrive], people: dict[str, Any]) -> None:
    for one in drives:
        taken(one, people["crew"])
    before, pieces = snapshot(), models.WayPiece.objects.count()
    for one in (drives[1], drives[0], drives[2], drives[0]):
        assert anew(one, one.sightings) == NOTHING
        assert snapshot() == before
    assert models.WayPiece.objects.count() == pieces


def test_half_of_them_and_all_again(drives: list[MadeDrive], people: dict[str, Any]) -> None:
    for one in drives:
        taken(one, people["crew"])
    number = len(there())
    for one in drives:
        anew(one, one.sightings[::2])
    assert models.Sighting.objects.count() == sum(len(one.sightings[::2]) for one in drives)
    assert len(there()) < number
    assert cells_are_right()
    for one in drives:
        anew(one, one.sightings)
    whole = survey_of(drives).counted().damages
    assert len(there()) == pytest.approx(len(whole), rel=0.05)
    assert not models.Damage.objects.filter(joined_into=None, sightings=None).exists()
    assert cells_are_right()


def test_what_no_drive_sees_any_more_goes(pair: tuple[int, int]) -> None:
    assert again("d0", at(0.0)) == Replaced(frozenset(), frozenset({pair[1]}))
    assert there() == {pair[0]: 2}
    assert seen_by(pair[0]) == [("d0", "m2", False), ("d1", "m", False)]
    assert again("d0") == NOTHING
    assert there() == {pair[0]: 1}
    passes = models.Passage.objects.filter(damage=pair[0]).order_by("drive__name")
    assert list(passes.values_list("drive__name", "seen")) == [("d0", False), ("d1", True)]
    assert models.Damage.objects.get(pk=pair[0]).best.drive.name == "d1"
    assert again("d1").vanished == {pair[0]}
    assert not models.Damage.objects.exists()
    assert not models.Cell.objects.exists()


SAYS: dict[str, Any] = {
    "confirmed": lambda number, by: decide(number, by, Decision("confirm")),
    "rejected": lambda number, by: decide(number, by, Decision("reject", rejected_as="shadow")),
    "assigned": lambda number, by: decide(number, by, Decision("assign", assignee=by.pk)),
    "commented": lambda number, by: comment(number, by, "look"),
    "taken back": lambda number, by: (decide(number, by, Decision("confirm")), undo(by)),
}


@pytest.mark.parametrize("says", SAYS.values(), ids=SAYS)
def test_what_people_said_something_of_stays(
    says: Any, pair: tuple[int, int], people: dict[str, Any]
) -> None:
    says(pair[1], people["engineer"])
    row = models.Damage.objects.get(pk=pair[1])
    assert again("d0", at(0.0)) == again("d0", at(0.0)) == NOTHING
    now = models.Damage.objects.get(pk=pair[1])
    assert (now.state, now.shown, now.version, now.best) == (row.state, row.shown, row.version, row.best)
    assert seen_by(pair[1]) == [("d0", "m", True)]
    assert cells_are_right()
    assert went(people["crew"], "d2", 9.0, days=2).new == 0
    assert [name for name, *_ in seen_by(pair[1])] == ["d0", "d2"]
    again("d0", at(0.0), at(9.2))
    assert seen_by(pair[1]) == [("d0", "m2", False), ("d2", "m", False)]
    again("d0", at(0.0))
    assert seen_by(pair[1]) == [("d2", "m", False)]


def test_more_is_counted_in_as_of_any_drive(pair: tuple[int, int], people: dict[str, Any]) -> None:
    (fresh,) = again("d1", at(0.0), at(9.0), at(40.0)).fresh
    assert there() == {pair[0]: 2, pair[1]: 2, fresh: 1}
    two = again("d1", at(0.0), at(9.0), at(40.0), at(42.5))  # two things, as it saw both at once
    assert len(two.fresh) == 1
    assert len(there()) == 4
    assert cells_are_right()


def test_classes_and_boxes_that_people_gave_stand(pair: tuple[int, int], people: dict[str, Any]) -> None:
    by = people["engineer"]
    models.Sighting.objects.update(frame="f.jpg", box=[0.1, 0.1, 0.2, 0.2])
    decide(pair[1], by, Decision("reclass", class_id=ALLIGATOR_CRACK))
    decide(pair[1], by, Decision("box", box=(0.4, 0.4, 0.6, 0.6)))
    time_s = models.Damage.objects.get(pk=pair[1]).best.time_s
    later = {"box": (0.0, 0.0, 0.1, 0.1), "time_s": time_s + 0.5}
    again("d0", at(0.0, **later), at(9.0, confidence=0.9, **later))
    row = models.Damage.objects.get(pk=pair[1])
    assert row.best.time_s == time_s, "of the picture that is kept"
    assert (row.class_id, row.confidence) == (ALLIGATOR_CRACK, 0.9)
    assert (row.best.class_id, row.best.model) == (POTHOLE, "m2")
    assert (row.best.box, row.best.evidence) == ([0.4, 0.4, 0.6, 0.6], "e.jpg")
    first = models.Damage.objects.get(pk=pair[0]).sightings.get(drive__name="d0")
    assert (first.box, first.evidence) == ([0.0, 0.0, 0.1, 0.1], "n.jpg")


@pytest.mark.parametrize(
    "seen", [(0.0, 9.0), (9.0,), (0.0,), ()], ids=["both", "one", "the other", "neither"]
)
def test_joined_stays_joined(seen: tuple[float, ...], pair: tuple[int, int], people: dict[str, Any]) -> None:
    join(*pair, people["engineer"])
    again("d0", *(at(one) for one in seen))
    assert list(there()) == [pair[0]]
    again("d1", *(at(one) for one in seen))
    again("d0", at(0.0), at(9.0))
    assert list(there()) == [pair[0]]
    live = models.Sighting.objects.filter(outdated=False)
    assert live.count() == 2 + len(seen)
    assert cells_are_right()


def test_parted_stays_parted(people: dict[str, Any]) -> None:
    for day in range(3):
        went(people["crew"], f"d{day}", 0.0, days=day)
    (number,) = there()
    key = models.Sighting.objects.get(drive__name="d2").pk
    other = part(number, [key], people["engineer"]).after["goes"]
    again("d2", at(0.3))
    again("d0", at(0.3))
    assert there() == {number: 2, other: 1}
    again("d2")
    assert there() == {number: 2, other: 1}
    assert seen_by(other) == [("d2", "m2", True)]


@pytest.mark.parametrize("order", [("d0", "d1"), ("d1", "d0")])
def test_in_any_order(order: tuple[str, str], pair: tuple[int, int], people: dict[str, Any]) -> None:
    seen = {"d0": (0.0, 30.0, 60.0), "d1": (15.0, 30.2)}
    for name in order:
        again(name, *(at(one) for one in seen[name]))
    rows = models.Damage.objects.order_by("lat")
    told = [(round((row.lat - LAT) * 110_941), row.sightings_count, row.passes) for row in rows]
    assert told == [(0, 1, 2), (15, 1, 1), (30, 2, 2), (60, 1, 2)]


def test_all_or_nothing(pair: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    before = snapshot()

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("roaddamage.records.replacing.put_pieces", broken)
    with pytest.raises(ZeroDivisionError):
        again("d0", at(40.0))
    assert snapshot() == before


def test_what_turned_out_to_be_another_goes_with_it(pair: tuple[int, int], people: dict[str, Any]) -> None:
    made = models.Damage.objects.get(pk=pair[1])
    made.pk, made.joined_into_id, made.shown, made.best = None, pair[1], False, None
    made.save()
    assert again("d0", at(0.0)).vanished == {pair[1], made.pk}
    assert list(models.Damage.objects.values_list("pk", flat=True)) == [pair[0]]


def test_a_box_is_not_moved_in_a_picture_that_nobody_looked_at(
    pair: tuple[int, int], people: dict[str, Any]
) -> None:
    by, box = people["engineer"], (0.4, 0.4, 0.6, 0.6)
    models.Sighting.objects.update(frame="f.jpg", box=[0.1, 0.1, 0.2, 0.2])
    again("d0", at(0.0, frame="n.jpg"), at(9.0, frame="n.jpg"))
    with pytest.raises(DecisionError, match="another picture"):
        decide(pair[1], by, Decision("box", box=box, picture="f.jpg"))
    decide(pair[1], by, Decision("box", box=box, picture="n.jpg"))
    assert models.Damage.objects.get(pk=pair[1]).best.box == list(box)
