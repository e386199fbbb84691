"""Labelled frames follow what stands of people's decisions, keep their history, and go out and in as datasets."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from made_records import made_damage, made_drive

from detector.classes import ALLIGATOR_CRACK, POTHOLE
from roaddamage import frame_files
from roaddamage.records import frames, models
from roaddamage.records.decisions import Decision, decide, decide_all
from roaddamage.records.joining import join, part
from roaddamage.records.pieces import put_pieces
from roaddamage.records.rows import way_of
from roaddamage.records.taking_back import undo
from roaddamage.records.whole_frames import FrameError, say_whole
from roaddamage.workspace import Workspace

pytestmark = pytest.mark.django_db
BOX = [0.4, 0.5, 0.6, 0.8]
JSON = {"Accept": "application/json"}
MOVED = [0.1, 0.2, 0.3, 0.4]
CONFIRM, SHADOW = Decision("confirm"), Decision("reject", rejected_as="shadow")
RECLASS, MOVE = Decision("reclass", class_id=ALLIGATOR_CRACK), Decision("box", box=(0.1, 0.2, 0.3, 0.4))
REOPEN, REPAIR, UNDO = Decision("reopen"), Decision("repair"), None
POT, CRACK, NONE = (POTHOLE, "", BOX), (ALLIGATOR_CRACK, "", BOX), (None, "shadow", BOX)
CASES = [
    pytest.param([CONFIRM], [POT], 1, id="confirmed: a box of its class"),
    pytest.param([SHADOW], [NONE], 1, id="rejected: an area of which is known what it is"),
    pytest.param([RECLASS], [CRACK], 1, id="another class"),
    pytest.param([CONFIRM, RECLASS], [CRACK], 2, id="another class later"),
    pytest.param([CONFIRM, MOVE], [(POTHOLE, "", MOVED)], 2, id="moved"),
    pytest.param([CONFIRM, MOVE, UNDO], [POT], 3, id="moved back"),
    pytest.param([CONFIRM, SHADOW], [NONE], 2, id="confirmed, then rejected"),
    pytest.param([CONFIRM, SHADOW, UNDO], [POT], 3, id="its rejection taken back"),
    pytest.param([CONFIRM, UNDO], [], 2, id="taken back: nothing stands"),
    pytest.param([SHADOW, REOPEN], [], 2, id="opened again: nobody knows any more"),
    pytest.param([SHADOW, REOPEN, UNDO], [NONE], 3, id="not opened after all"),
    pytest.param([CONFIRM, REPAIR], [POT], 1, id="a repair says nothing of the picture"),
    pytest.param([CONFIRM, UNDO, SHADOW], [NONE], 3, id="decided otherwise"),
]


@pytest.fixture
def damage(people: dict[str, Any], workspace: Workspace) -> models.Damage:
    return made_damage(made_drive(people["crew"]), pictures=True)


def said() -> list[tuple[int | None, str, list[float]]]:
    return [(box.class_id, box.rejected_as, box.xyxy) for box in models.LabelledBox.objects.all()]


def walk(damage: models.Damage, who: Any, steps: list[Decision | None]) -> None:
    for step in steps:
        undo(who) if step is None else decide(damage.pk, who, step)


@pytest.mark.parametrize(("steps", "after", "changes"), CASES)
def test_the_frame_follows(
    damage: models.Damage, people: dict[str, Any], steps: list[Decision | None], after: Any, changes: int
) -> None:
    walk(damage, people["engineer"], steps)
    assert said() == after
    frame = models.LabelledFrame.objects.get()
    assert (frame.judged, frame.whole, frame.width_px, frame.height_px) == (bool(after), False, 640, 360)
    told = list(frame.changes.all())
    assert len(told) == changes
    assert {one.by for one in told} == {people["engineer"]}
    assert [one.review_id for one in told] == sorted(one.review_id for one in told)  # type: ignore[type-var]
    assert frame_files.file_of(frame.uid).is_file()


def test_the_picture_outlives_the_evidence(
    damage: models.Damage, people: dict[str, Any], workspace: Workspace
) -> None:
    decide(damage.pk, people["engineer"], CONFIRM)
    frame = models.LabelledFrame.objects.get()
    source = workspace.evidence / str(frame.drive_id) / "0-frame.jpg"
    assert source.samefile(frame_files.file_of(frame.uid)), "no room of its own"
    source.unlink()
    assert frame_files.file_of(frame.uid).is_file()


def test_without_a_picture_there_is_no_frame(people: dict[str, Any], workspace: Workspace) -> None:
    row = made_damage(made_drive(people["crew"]))
    decide(row.pk, people["engineer"], CONFIRM)
    assert not models.LabelledFrame.objects.exists()
    assert models.Review.objects.count() == 1


def test_a_decision_that_fails_leaves_only_a_file(
    damage: models.Damage, people: dict[str, Any], monkeypatch: pytest.MonkeyPatch, workspace: Workspace
) -> None:
    monkeypatch.setattr("roaddamage.records.decisions.audited", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        decide(damage.pk, people["engineer"], CONFIRM)
    assert not models.LabelledFrame.objects.exists()
    assert len(list(workspace.frames.iterdir())) == 1
    monkeypatch.setattr(frame_files, "UNUSED_S", -60.0)
    assert frame_files.clear_unused() == 1
    assert frame_files.clear_unused() == 0


def test_only_what_no_frame_names_is_cleared(
    damage: models.Damage, people: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    decide(damage.pk, people["engineer"], CONFIRM)
    monkeypatch.setattr(frame_files, "UNUSED_S", -60.0)
    assert frame_files.clear_unused() == 0


def test_two_damages_of_one_picture_are_one_frame(people: dict[str, Any], workspace: Workspace) -> None:
    drive = made_drive(people["crew"])
    one, other = (made_damage(drive, place, pictures=True) for place in range(2))
    models.Sighting.objects.update(time_s=7.25)
    decide(one.pk, people["engineer"], CONFIRM)
    decide(other.pk, people["engineer"], SHADOW)
    assert models.LabelledFrame.objects.get().time_ms == 7250
    assert said() == [POT, NONE]


def test_what_was_decided_before_is_taken_in_once(
    damage: models.Damage, people: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr(frames, "follow", lambda *_: None)
        walk(damage, people["engineer"], [CONFIRM, MOVE])
        walk(made_damage(made_drive(people["crew"], "d2"), 3), people["engineer"], [CONFIRM])
    assert not models.LabelledFrame.objects.exists()
    assert (frames.catch_up(), frames.catch_up()) == (1, 0)
    assert said() == [(POTHOLE, "", MOVED)]
    change = models.FrameChange.objects.get()
    assert (change.by, change.review.kind) == (people["engineer"], "box")  # type: ignore[union-attr]


def test_a_change_is_never_changed(damage: models.Damage, people: dict[str, Any]) -> None:
    decide(damage.pk, people["engineer"], CONFIRM)
    for wrong in (
        models.FrameChange.objects.all().delete,
        lambda: models.FrameChange.objects.update(before={}),
    ):
        with pytest.raises(TypeError):
            wrong()


def test_joined_and_parted(people: dict[str, Any], workspace: Workspace) -> None:
    who, drives = people["engineer"], [made_drive(people["crew"], name) for name in ("d1", "d2")]
    for drive in drives:
        put_pieces(drive, way_of(drive))
    one, other = (made_damage(drive, 1, pictures=True) for drive in drives)
    decide(other.pk, who, CONFIRM)
    join(one.pk, other.pk, who)
    assert said() == [POT]
    decide(one.pk, who, SHADOW)
    assert {row[:2] for row in said()} == {(None, "shadow")}, "all pictures of what is one damage"
    undo(who)
    assert {row[:2] for row in said()} == {(POTHOLE, "")}, "what was said of the one that is it"
    undo(who)
    box = models.LabelledBox.objects.get(frame__drive=drives[1])
    assert box.damage_id == other.pk
    join(one.pk, other.pk, who)
    seen = models.Sighting.objects.get(drive=drives[1])
    made = models.Damage.objects.get(pk=part(one.pk, [seen.pk], who).after["other"])
    box.refresh_from_db()
    assert box.damage_id == made.pk
    decide(made.pk, who, SHADOW)
    undo(who)
    box.refresh_from_db()
    assert box.class_id == POTHOLE, "what was said before they were parted"


def test_many_at_once_are_many_frames(people: dict[str, Any], workspace: Workspace) -> None:
    drive = made_drive(people["crew"])
    rows = [made_damage(drive, place, pictures=True) for place in range(3)]
    decide_all([(row.pk, None) for row in rows], people["engineer"], CONFIRM)
    assert models.LabelledFrame.objects.count() == models.FrameChange.objects.count() == 3


@pytest.fixture
def two(people: dict[str, Any], workspace: Workspace) -> list[models.Damage]:
    """Two damages in one picture."""
    drive = made_drive(people["crew"])
    rows = [made_damage(drive, place, pictures=True) for place in range(2)]
    models.Sighting.objects.update(time_s=7.25)
    return rows


def test_whole_once_all_in_it_is_decided_on(two: list[models.Damage], people: dict[str, Any]) -> None:
    who = people["ml"]
    decide(two[0].pk, people["engineer"], CONFIRM)
    frame = models.LabelledFrame.objects.get()
    with pytest.raises(FrameError, match=f"damage {two[1].pk}"):
        say_whole(frame, who, True)
    decide(two[1].pk, people["engineer"], SHADOW)
    assert (say_whole(frame, who, True), say_whole(frame, who, True)) == (True, False)
    frame.refresh_from_db()
    assert frame.whole
    undo(people["engineer"])
    frame.refresh_from_db()
    assert not frame.whole, "what was taken back may be anything"
    decide(two[1].pk, people["engineer"], SHADOW)
    say_whole(frame, who, True)
    say_whole(frame, who, False)
    told = [(one.by.username, one.after["whole"]) for one in frame.changes.all() if "whole" in one.after]
    assert told == [("ml", True), ("engineer", False), ("ml", True), ("ml", False)]


def test_what_was_decided_by_another_picture_is_taken_over(
    two: list[models.Damage], people: dict[str, Any]
) -> None:
    decide(two[0].pk, people["engineer"], CONFIRM)
    models.Review.objects.create(
        damage=two[1], by=people["engineer"], kind="confirm", after={"class_id": ALLIGATOR_CRACK}
    )
    say_whole(models.LabelledFrame.objects.get(), people["ml"], True)
    assert said() == [POT, CRACK]


def test_whole_said_with_the_decision(
    client: Client, two: list[models.Damage], people: dict[str, Any]
) -> None:
    client.force_login(people["engineer"])
    told = [
        client.post(f"/damages/{row.pk}/decide/", {"kind": "confirm", "whole": "yes"}, headers=JSON).json()[
            "said"
        ]
        for row in two
    ]
    assert f"損傷 {two[1].pk}" in told[0] or f"damage {two[1].pk}" in told[0]
    assert models.LabelledFrame.objects.get().whole
    for whole, status in (("", 200), ("yes", 200)):
        answer = client.post(f"/review/{two[0].pk}/whole/", {"whole": whole})
        assert (answer.status_code, models.LabelledFrame.objects.get().whole) == (status, bool(whole))
