"""Pictures worth labelling first: which are considered, chosen with the model in use, reviewed in order or exported."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest
from django.test import Client
from made_records import made_damage, made_drive
from test_frame_pages import handed_in, page
from tools_of_others import cvat_box, through_cvat

from detector.classes import POTHOLE
from detector.errors import RoadDamageError
from roaddamage import frame_choices, frame_exports
from roaddamage.records.decisions import Decision, decide
from roaddamage.records.frame_candidates import waiting_pictures
from roaddamage.records.models import (
    Damage,
    FrameChoice,
    FrameExport,
    LabelImport,
    LabelledBox,
    LabelledFrame,
    Passage,
    Sighting,
)
from roaddamage.workspace import Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def rows(people: dict[str, Any], workspace: Workspace) -> list[Damage]:
    """Four proposals: the first two in one picture, the third confirmed, the last missed by another drive."""
    drive = made_drive(people["crew"])
    made = [made_damage(drive, place, pictures=True) for place in range(4)]
    Sighting.objects.filter(damage__in=made[:2]).update(time_s=50.0, confidence=0.85)
    Sighting.objects.filter(damage=made[3]).update(confidence=0.6)
    decide(made[2].pk, people["engineer"], Decision("confirm"))
    Passage.objects.create(drive=made_drive(people["crew"], "d2"), damage=made[3], in_view=1.0, seen=False)
    return made


def test_what_is_considered(rows: list[Damage]) -> None:
    first, last = sorted(waiting_pictures(9), key=lambda one: one.damages)
    assert (sorted(first.damages), last.damages) == ([rows[0].pk, rows[1].pk], [rows[3].pk])
    assert (first.doubt, last.doubt) == (pytest.approx(0.3), pytest.approx(0.4))
    assert (first.told, last.told > 0.3) == (0.0, True)
    assert [one.damages for one in waiting_pictures(1)] == [[rows[3].pk]], "the most doubtful first"


@pytest.fixture
def chosen(rows: list[Damage], people: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> FrameChoice:
    monkeypatch.setattr(frame_choices, "begin", frame_choices.run)
    monkeypatch.setattr(frame_exports, "begin", frame_exports.make)
    frame_choices.start(5, people["ml"])
    return FrameChoice.objects.get()


def test_chosen_shown_and_reviewed_in_order(
    chosen: FrameChoice, rows: list[Damage], client: Client, people: dict[str, Any]
) -> None:
    assert (chosen.state, chosen.problem, len(chosen.chosen)) == ("done", {}, 2)
    client.cookies["language"] = "en"
    client.force_login(people["ml"])
    shown = page(client, "/frames/choose/")
    assert shown.count("<li><img") == 2
    assert "{" not in shown.split('class="chosen"')[1], "reasons with their values"
    assert "/review/?choice" not in shown, "the ML staff decide on no damage"
    client.force_login(people["engineer"])
    assert f"/review/?choice={chosen.pk}" in page(client, "/frames/choose/")
    order = [number for one in chosen.chosen for number in one["damages"]]
    assert f'data-numbers="{order}"' in page(client, f"/review/?choice={chosen.pk}")
    decide(order[0], people["engineer"], Decision("confirm"))
    assert f'data-numbers="{order[1:]}"' in page(client, f"/review/?choice={chosen.pk}")


def test_chosen_and_labelled_in_a_tool(
    chosen: FrameChoice, rows: list[Damage], client: Client, people: dict[str, Any], tmp_path: Any
) -> None:
    client.force_login(people["ml"])
    client.cookies["language"] = "en"
    client.post(f"/frames/choose/{chosen.pk}/export/", {"form": "cvat"})
    export = FrameExport.objects.get()
    answer = client.get(f"/frames/exports/{export.pk}/file/")
    zipfile.ZipFile(io.BytesIO(b"".join(answer))).extractall(tmp_path)  # type: ignore[arg-type]
    assert LabelledFrame.objects.filter(judged=False).count() == 2
    assert "Frames: 1" in page(client, "/frames/"), "nothing is said of those yet"

    def person(images: dict[str, Any]) -> None:
        for image in images.values():
            image.append(cvat_box("D40", 100, 100, 200, 200))
            for attribute in image.iter("attribute"):
                attribute.text = "whole" if attribute.get("name") == "labelled" else attribute.text

    back = through_cvat(tmp_path / f"frames-{export.pk}", tmp_path / "back.xml", person)
    decide(rows[3].pk, people["engineer"], Decision("reject", rejected_as="joint"))  # meanwhile
    shown = handed_in(client, back.read_bytes(), "back.xml", export.pk).content.decode()
    assert "Take over: 1 frames change" in shown
    client.post(f"/frames/labels/{LabelImport.objects.get().pk}/decide/", {"what": "take"})
    drawn = LabelledBox.objects.get(damage=None)
    assert (drawn.class_id, drawn.frame.whole, drawn.frame.judged) == (POTHOLE, True, True)
    assert list(LabelledBox.objects.filter(damage=rows[3]).values_list("rejected_as", flat=True)) == ["joint"]


def test_choices_that_can_not_be(
    rows: list[Damage], people: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for budget in (0, 501):
        with pytest.raises(RoadDamageError, match="between 1 and 500"):
            frame_choices.start(budget, people["ml"])
    monkeypatch.setattr(frame_choices, "begin", lambda number: None)
    first = frame_choices.start(5, people["ml"])
    assert frame_choices.start(9, people["ml"]) == first, "one at a time"
    FrameChoice.objects.update(beat="2000-01-01T00:00Z")
    assert frame_choices.start(5, people["ml"]) != first, "of a server that died"
    first.refresh_from_db()
    assert first.state == "failed"
    FrameChoice.objects.update(state="done")
    for row in (rows[0], rows[1], rows[3]):
        decide(row.pk, people["engineer"], Decision("confirm"))
    with pytest.raises(RoadDamageError, match="no picture to choose"):
        frame_choices.start(5, people["ml"])


def test_a_model_that_is_gone_is_told(
    rows: list[Damage], people: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(self: object) -> None:
        raise RoadDamageError("The model is gone.")

    monkeypatch.setattr(frame_choices, "begin", frame_choices.run)
    monkeypatch.setattr("roaddamage.models.Models.current", gone)
    frame_choices.start(5, people["ml"])
    row = FrameChoice.objects.get()
    assert (row.state, row.problem["template"]) == ("failed", "The model is gone.")
