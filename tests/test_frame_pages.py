"""The pages of labelled frames: list, frame, exports and imports."""

from __future__ import annotations

import io
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from made_records import made_damage, made_drive
from test_label_round_trips import cvat_moved
from tools_of_others import through_cvat

from roaddamage import frame_exports
from roaddamage.records.decisions import Decision, decide
from roaddamage.records.models import Damage, FrameExport, LabelImport, LabelledBox, LabelledFrame
from roaddamage.web.bodies import most_bytes
from roaddamage.workspace import Workspace

pytestmark = pytest.mark.django_db
BOX = [0.4, 0.5, 0.6, 0.8]


@pytest.fixture
def rows(people: dict[str, Any], workspace: Workspace) -> list[Damage]:
    """Two potholes, a shadow; of the latter an administrator decided."""
    drive = made_drive(people["crew"])
    made = [made_damage(drive, place, pictures=True) for place in range(3)]
    for row in made[:2]:
        decide(row.pk, people["engineer"], Decision("confirm"))
    decide(made[2].pk, people["administrator"], Decision("reject", rejected_as="shadow"))
    return made


@pytest.fixture
def ml(client: Client, people: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Client:
    """Somebody of the ML staff, in English; exports are made at once."""
    monkeypatch.setattr(frame_exports, "begin", frame_exports.make)
    client.force_login(people["ml"])
    client.cookies["language"] = "en"
    return client


def page(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize(("query", "count"), [
    ("", 3), ("class=3", 2), ("class=0", 0), ("rejected=shadow", 1), ("labelled=part", 3), ("labelled=whole", 0),
    ("exported=no", 3), ("exported=yes", 0), ("from=2000-01-01", 3), ("to=2000-01-01", 0), ("twice=yes", 0),
    ("by={engineer}", 2), ("by={administrator}", 1), ("drive={drive}", 3), ("drive=9999999", 0),
    ("class=x&rejected=elephant&from=32&by=-1&after=nonsense", 3),
])  # fmt: skip
def test_filters(query: str, count: int, ml: Client, rows: list[Damage], people: dict[str, Any]) -> None:
    keys = {name: user.pk for name, user in people.items()} | {
        "drive": LabelledFrame.objects.all()[0].drive_id
    }
    shown = page(ml, f"/frames/?{query.format(**keys)}")
    assert f"Frames: {count}" in shown
    assert shown.count("small.jpg") == count


def test_pages_follow_one_another(ml: Client, rows: list[Damage], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("roaddamage.web.frames.A_PAGE", 2)
    order = list(LabelledFrame.objects.order_by("-changed", "-pk").values_list("pk", flat=True))
    first = page(ml, "/frames/")
    assert [f"/frames/{number}/small" in first for number in order] == [True, True, False]
    last = page(ml, "/frames/?last")
    assert f"/frames/{order[2]}/small" in last


def test_a_frame(ml: Client, rows: list[Damage], people: dict[str, Any]) -> None:
    frame = LabelledFrame.objects.order_by("pk")[0]
    address = f"/frames/{frame.pk}/"
    shown = page(ml, address)
    assert "Pothole (D40)" in shown
    assert f"/damages/{rows[0].pk}/" in shown
    assert "engineer" in shown
    assert ml.get(f"{address}picture.jpg").headers["Content-Type"] == "image/jpeg"
    assert len(ml.get(f"{address}small.jpg").content) < len(ml.get(f"{address}picture.jpg").content)
    ml.post(f"{address}whole/", {"whole": "yes"})
    assert "Nothing else is" not in page(ml, address)
    frame.refresh_from_db()
    assert frame.whole
    ml.post(f"{address}whole/", {"whole": "no"})
    frame.refresh_from_db()
    assert not frame.whole


def test_what_is_undecided_stands_before_whole(
    ml: Client, rows: list[Damage], people: dict[str, Any]
) -> None:
    frame = LabelledFrame.objects.order_by("pk")[0]
    other = made_damage(frame.drive, 7, pictures=True)  # type: ignore[arg-type]
    other.best.__class__.objects.filter(pk=other.best.pk).update(time_s=frame.time_ms / 1000)  # type: ignore[union-attr]
    shown = page(ml, f"/frames/{frame.pk}/")
    assert "disabled>Nothing else" in shown
    assert f"{other.pk}" in page(ml, f"/frames/{frame.pk}/")
    answer = ml.post(f"/frames/{frame.pk}/whole/", {"whole": "yes"}, follow=True).content.decode()
    assert f"damage {other.pk}" in answer
    frame.refresh_from_db()
    assert not frame.whole


@pytest.mark.parametrize(("form", "inside", "left_out"), [
    ("cvat", "annotations.xml", 0), ("labelstudio", "tasks.json", 0), ("coco", "annotations/unsplit.json", 2),
    ("yolo", "data.yaml", 2),
])  # fmt: skip
def test_exports(form: str, inside: str, left_out: int, ml: Client, rows: list[Damage]) -> None:
    ml.post(f"/frames/{LabelledFrame.objects.order_by('pk')[0].pk}/whole/", {"whole": "yes"})
    ml.post("/frames/export/", {"form": form})
    row = FrameExport.objects.get()
    assert (row.state, row.left_out) == ("done", left_out)
    answer = ml.get(f"/frames/exports/{row.pk}/file/")
    names = zipfile.ZipFile(io.BytesIO(b"".join(answer))).namelist()  # type: ignore[arg-type]
    assert f"frames-{row.pk}/{inside}" in names
    assert sum(name.endswith(".jpg") for name in names) == 3 - left_out
    assert not list(frame_exports.file_of(row).parent.glob(".part-*"))
    assert "Frames: 0" in page(ml, "/frames/?exported=no")
    frame_exports.FrameExport.objects.update(at="2000-01-01T00:00Z")
    assert (frame_exports.clear_old_zips(), frame_exports.file_of(row).exists()) == (1, False)
    assert ml.get(f"/frames/exports/{row.pk}/file/").status_code == 404


def test_an_export_that_can_not_be(ml: Client, rows: list[Damage], monkeypatch: pytest.MonkeyPatch) -> None:
    answer = ml.post("/frames/export/", {"form": "cvat", "class": "0"}, follow=True)
    assert "No frame is selected" in answer.content.decode()
    monkeypatch.setattr(frame_exports, "zipped", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
    ml.post("/frames/export/", {"form": "cvat"})
    assert "disk is full" in page(ml, "/frames/")
    FrameExport.objects.update(state="running", beat="2000-01-01T00:00Z")
    assert "interrupted" in page(ml, "/frames/")


def handed_in(ml: Client, content: bytes, name: str, export: object = "") -> Any:
    given = SimpleUploadedFile(name, content)
    return ml.post("/frames/labels/new/", {"file": given, "export": str(export)}, follow=True)


def test_there_and_back(ml: Client, rows: list[Damage], people: dict[str, Any], tmp_path: Path) -> None:
    ml.post("/frames/export/", {"form": "cvat"})
    export = FrameExport.objects.get()
    zipfile.ZipFile(frame_exports.file_of(export)).extractall(tmp_path)
    order = [f"{uid}.jpg" for uid in LabelledFrame.objects.order_by("pk").values_list("uid", flat=True)]
    back = through_cvat(
        tmp_path / f"frames-{export.pk}",
        tmp_path / "back.xml",
        lambda images: cvat_moved([images[name] for name in order]),
    )
    answer = handed_in(ml, back.read_bytes(), "task <b>.xml", export.pk)
    shown, row = answer.content.decode(), LabelImport.objects.get()
    assert row.base == export.at
    assert "Take over: 1 frames change" in shown
    assert "task &lt;b&gt;.xml" in shown
    assert LabelledBox.objects.get(damage=rows[0]).xyxy == BOX
    told = ml.post(f"/frames/labels/{row.pk}/decide/", {"what": "take"}, follow=True).content.decode()
    assert "Taken over: 1 frames changed" in told
    assert LabelledBox.objects.get(damage=rows[0]).xyxy != BOX
    assert "task &lt;b&gt;.xml" in page(ml, f"/frames/{LabelledFrame.objects.order_by('pk')[0].pk}/")
    again = ml.post(f"/frames/labels/{row.pk}/decide/", {"what": "discard"}, follow=True).content.decode()
    assert "is decided on already" in again


@pytest.mark.parametrize(("name", "content", "said"), [
    ("x.txt", b"x", "is neither"), ("x.zip", b"x", "be unpacked"), ("x.xml", b"<annotations/>", "None of the 0 pictures"),
    ("x.json", b"{", "x"), ("x.xml", b"", "Choose the file"),
])  # fmt: skip
def test_files_that_are_no_labels(
    name: str, content: bytes, said: str, ml: Client, rows: list[Damage]
) -> None:
    shown = handed_in(ml, content, name).content.decode()
    assert said in shown
    assert str(Path(tempfile.gettempdir())) not in shown
    assert not LabelImport.objects.exists()


def test_a_second_opinion(ml: Client, rows: list[Damage], people: dict[str, Any], tmp_path: Path) -> None:
    ml.post("/frames/export/", {"form": "cvat", "blind": "yes"})
    export = FrameExport.objects.get()
    zipfile.ZipFile(frame_exports.file_of(export)).extractall(tmp_path)

    def person(images: dict[str, Any]) -> None:
        for image in images.values():
            for attribute in image.iter("attribute"):
                attribute.text = "whole" if attribute.get("name") == "labelled" else attribute.text

    back = through_cvat(tmp_path / f"frames-{export.pk}", tmp_path / "back.xml", person)
    shown = handed_in(ml, back.read_bytes(), "second.xml", export.pk).content.decode()
    assert "Take over" not in shown
    row = LabelImport.objects.get()
    assert (
        "without sight"
        in ml.post(f"/frames/labels/{row.pk}/decide/", {"what": "take"}, follow=True).content.decode()
    )
    shown = ml.post(f"/frames/labels/{row.pk}/decide/", {"what": "opinion"}, follow=True).content.decode()
    assert "Same place (F1): 0.00" in shown
    assert "A second opinion" in page(ml, f"/frames/{LabelledFrame.objects.all()[0].pk}/")
    assert "Frames: 3" in page(ml, "/frames/?twice=yes")


def test_engineers_look_and_take_nothing_out(ml: Client, rows: list[Damage], people: dict[str, Any]) -> None:
    ml.force_login(people["engineer"])
    shown = page(ml, "/frames/")
    assert "Export for a tool" not in shown
    assert ml.post("/frames/export/", {"form": "cvat"}).status_code == 403


def test_files_of_labels_may_be_large() -> None:
    assert most_bytes("/frames/labels/new/") > 400_000_000
