"""Exports made from the records: what they hold, who gets them, and what becomes of those that are never finished."""

from __future__ import annotations

import io
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pyogrio
import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from made_records import BEGIN, made_damage, made_drive
from typer.testing import CliRunner

from detector.errors import OutputError
from roaddamage import asked_exports, export_runs
from roaddamage.asked_exports import Asked
from roaddamage.cli import app
from roaddamage.export_runs import clear_old, folder_of, give_up_dead, progress, run
from roaddamage.problems import told
from roaddamage.records import models
from roaddamage.records.decisions import Decision, decide
from roaddamage.records.models import AuditEntry, Export
from roaddamage.workspace import Workspace

pytestmark = pytest.mark.django_db
ALL = ("xlsx", "pdf", "html", "gpkg", "shp", "geojson", "kml", "csv")
FIELDS = {"language": "en", "crs": "EPSG:4326", "encoding": "utf-8-sig"}


@pytest.fixture
def city(people: dict[str, Any], workspace: Workspace) -> list[models.Damage]:
    """Six damages of one drive, with pictures: one confirmed, one rejected, one repaired."""
    drive = made_drive(people["crew"])
    rows = [made_damage(drive, place, pictures=True, class_id=2) for place in range(6)]
    decide(rows[0].pk, people["engineer"], Decision("confirm"))
    decide(rows[1].pk, people["engineer"], Decision("reject", rejected_as="shadow"))
    decide(rows[2].pk, people["engineer"], Decision("confirm"))
    decide(rows[2].pk, people["engineer"], Decision("repair"))
    return rows


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exports are made when they are asked for, in this process."""
    monkeypatch.setattr(export_runs, "begin", run)


def open_numbers() -> list[int]:
    rows = models.Damage.objects.filter(shown=True, joined_into=None)
    return sorted(rows.values_list("pk", flat=True))


def made(by: Any, **asked: Any) -> Export:
    """An export that was made."""
    row = export_runs.start(Asked(**{"kind": "survey", "language": "en", **asked}).kept(), by)
    return Export.objects.get(pk=row.pk)


def content(client: Client, row: Export, form: str) -> bytes:
    answer = client.get(reverse("export_file", args=[row.pk, form]))
    assert answer.status_code == 200
    return b"".join(answer.streaming_content)  # type: ignore[attr-defined]


def test_every_form_holds_what_the_pages_count(
    city: list[models.Damage], client: Client, people: dict[str, Any], tmp_path: Path
) -> None:
    row = made(people["engineer"], forms=ALL)
    assert (row.state, row.problem, [one["form"] for one in row.files]) == ("done", {}, list(ALL))
    client.force_login(people["engineer"])
    files = {form: content(client, row, form) for form in ALL}
    (tmp_path / "a.gpkg").write_bytes(files["gpkg"])
    table = pyogrio.read_dataframe(tmp_path / "a.gpkg", layer="damages")
    assert sorted(table["id"]) == open_numbers() == [city[index].pk for index in (0, 3, 4, 5)]
    assert table.set_index("id")["decided"].to_dict()[city[0].pk] == "confirmed"
    priorities = dict(models.Damage.objects.values_list("pk", "priority"))
    assert table.set_index("id")["priority"].to_dict() == pytest.approx(
        {number: priorities[number] for number in open_numbers()}, abs=0.1
    )
    book = openpyxl.load_workbook(io.BytesIO(files["xlsx"]), read_only=True)
    firsts = [{row[0] for row in sheet.values if row} for sheet in book.worksheets]
    assert any(set(open_numbers()) <= first for first in firsts)
    for form, ending in (("shp", ".shp"), ("geojson", ".geojson"), ("csv", ".csv")):
        (tmp_path / f"{form}.zip").write_bytes(files[form])
        names = zipfile.ZipFile(io.BytesIO(files[form])).namelist()
        assert f"damages{ending}" in names
        if form != "csv":
            read = pyogrio.read_dataframe(f"/vsizip/{tmp_path}/{form}.zip/damages{ending}")
            assert sorted(read["id"]) == open_numbers()
    pictures = zipfile.ZipFile(io.BytesIO(files["html"])).namelist()
    assert {"map.html", "evidence/0.jpg", "evidence/5-crop.jpg"} <= set(pictures)
    assert "evidence/1.jpg" not in pictures
    assert files["pdf"][:5] == b"%PDF-"
    assert set(table["evidence"]) == {f"evidence/{place}.jpg" for place in (0, 3, 4, 5)}
    seen = AuditEntry.objects.filter(action="export.downloaded").values_list("details__form", flat=True)
    assert sorted(seen) == sorted(ALL)
    assert AuditEntry.objects.get(action="export.made").details["forms"] == list(ALL)


def test_its_page_tells_it_in_both_languages(
    city: list[models.Damage], client: Client, people: dict[str, Any]
) -> None:
    made(people["engineer"])
    client.force_login(people["ml"])
    for language, words in (
        ("en", ("Worst segments", "Alligator crack")),
        ("ja", ("優先度", "亀甲状ひび割れ")),
    ):
        client.cookies["language"] = language
        for length in ("100", "20"):
            page = client.get(reverse("survey"), {"length": length}).content.decode()
            assert [word for word in words if word not in page] == []
            assert 'class="ask"' not in page
    row = Export.objects.get()
    segments = row.told["en"]["segments_100m"]
    assert sum(one["damages"] for one in segments) == len(open_numbers())
    pages = models.Damage.objects.filter(shown=True).values_list("priority", flat=True)
    assert max(one["priority"] for one in segments) == pytest.approx(max(pages), abs=0.1)


def test_what_changed_is_told(city: list[models.Damage], client: Client, people: dict[str, Any]) -> None:
    later = made_drive(people["crew"], "d2", days=400)
    again = models.Sighting.objects.get(damage=city[0])
    again.pk, again.drive = None, later
    again.utc_s = BEGIN.timestamp() + 400 * 86_400
    again.save()
    for row in (city[0], *city[3:]):
        models.Passage.objects.create(
            drive=later, damage=row, in_view=1.0, seen=row == city[0], utc_s=again.utc_s, detectable=0.5
        )
    models.Review.objects.filter(kind="repair").update(at=BEGIN + timedelta(days=100))
    client.force_login(people["engineer"])
    days = {"earlier_until": "2026-05-01", "since": "2027-01-01"}
    assert (
        client.post(reverse("export_new", args=["change"]), {**FIELDS, **days, "forms": "csv"}).status_code
        == 302
    )
    row = Export.objects.get()
    assert (row.state, row.problem) == ("done", {})
    assert row.told["en"]["counts"]["damages"] == {"unchanged": 1, "repaired": 1, "unclear": 3}
    assert [one["id"] for one in row.told["en"]["change_damages"]] == [city[2].pk]
    client.cookies["language"] = "en"
    page = client.get(reverse("survey_change")).content.decode()
    assert reverse("damage", args=[city[2].pk]) in page
    names = zipfile.ZipFile(io.BytesIO(content(client, row, "csv"))).namelist()
    assert {"change_damages.csv", "change_segments.csv"} <= set(names)


@pytest.mark.parametrize(
    ("kind", "fields", "said"),
    [
        pytest.param("survey", {"forms": "doc"}, "doc", id="no such form"),
        pytest.param("survey", {"since": "2026-05-01", "until": "2026-04-01"}, "end before", id="ends first"),
        pytest.param("survey", {"forms": "geojson", "crs": "EPSG:6677"}, "GeoJSON", id="GeoJSON in metres"),
        pytest.param("survey", {"crs": "EPSG:3857"}, "EPSG:3857", id="no such coordinates"),
        pytest.param("survey", {"west": "139.7"}, "four edges", id="half an area"),
        pytest.param("survey", {"since": "yesterday"}, "valid date", id="no day"),
        pytest.param("change", {}, "until which day", id="no periods"),
        pytest.param(
            "change", {"earlier_until": "2026-05-01", "since": "2026-05-01"}, "after", id="they touch"
        ),
    ],
)
def test_what_can_t_be_made_is_said(
    people: dict[str, Any], workspace: Workspace, client: Client, kind: str, fields: dict[str, str], said: str
) -> None:
    client.force_login(people["engineer"])
    client.cookies["language"] = "en"
    answer = client.post(reverse("export_new", args=[kind]), {**FIELDS, **fields})
    assert (answer.status_code, said in answer.content.decode()) == (422, True)
    assert not Export.objects.exists()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        pytest.param(None, "Nothing was driven", id="nothing driven"),
        pytest.param(OSError(28, "No space left on device", "x"), "The disk is full", id="a full disk"),
        pytest.param(MemoryError(), "memory", id="no memory"),
        pytest.param(RuntimeError("secret"), "RuntimeError", id="a fault"),
        pytest.param(OutputError("{path} is not there", path="x"), "x is not there", id="a user's error"),
    ],
)
def test_a_failure_says_why_and_leaves_nothing(
    people: dict[str, Any],
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception | None,
    said: str,
) -> None:
    if error is not None:
        monkeypatch.setattr(asked_exports, "export", lambda *_: (_ for _ in ()).throw(error))
    row = made(people["engineer"], forms=("csv",))
    assert (row.state, said in told(row.problem, str)) == ("failed", True)
    assert "secret" not in str(row.problem)
    assert list(workspace.exports.iterdir()) == []


def test_one_whose_process_ends_without_a_word_failed(
    people: dict[str, Any], workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = running(people["engineer"])
    monkeypatch.setattr(export_runs.aside, "in_process", lambda *_: -9)
    export_runs.in_process(row.pk)
    row.refresh_from_db()
    assert (row.state, "-9" in told(row.problem, str)) == ("failed", True)


def running(by: Any, **values: Any) -> Export:
    asked = Asked("survey", ("csv",)).kept()
    return Export.objects.create(kind="survey", by=by, **{"asked": asked, "beat": timezone.now(), **values})


@pytest.mark.parametrize(
    ("silent_s", "state"),
    [pytest.param(10, "running", id="it lives"), pytest.param(60, "failed", id="its server was killed")],
)
def test_none_is_running_for_ever(
    people: dict[str, Any], workspace: Workspace, client: Client, silent_s: int, state: str
) -> None:
    row = running(people["engineer"], beat=timezone.now() - timedelta(seconds=silent_s))
    client.force_login(people["ml"])
    client.cookies["language"] = "en"
    page = client.get(reverse("exports")).content.decode()
    row.refresh_from_db()
    assert (row.state, "interrupted" in page) == (state, state == "failed")
    if state == "failed":  # it comes back to life: what it made is of no use any more
        run_late(row)
        assert not folder_of(row).exists()


def run_late(row: Export) -> None:
    run(row.pk)
    row.refresh_from_db()
    assert row.state == "failed"


def test_progress_goes_by_the_last_one(people: dict[str, Any], workspace: Workspace) -> None:
    steps = {"reading": 10.0, "roads": 0.0, "placing": 20.0, "telling": 5.0, "csv": 5.0, "packing": 0.0}
    first = running(people["engineer"], step="placing", share=0.5, took_s={"reading": 0.5})
    assert progress(first)[1] is None
    running(people["engineer"], state="done", took_s=steps, step="packing")
    share, left_s = progress(
        Export(
            kind="survey",
            asked=first.asked,
            step="placing",
            share=0.5,
            took_s={"reading": 20.0, "roads": 0.0},
        )
    )
    assert share == pytest.approx(20 / 40, abs=0.02)
    assert left_s == pytest.approx(2 * 20, rel=0.05)


def test_files_go_by_hand_or_when_they_are_old(
    city: list[models.Damage], client: Client, people: dict[str, Any], workspace: Workspace
) -> None:
    old, older, last = (
        made(people["engineer"], forms=("csv",), until=day) for day in ("", "2026-05-01", "2026-06-01")
    )
    Export.objects.exclude(pk=old.pk).update(at=timezone.now() - timedelta(days=31))
    (workspace.exports / ".part-99").mkdir()
    assert clear_old(30) == 2
    assert sorted(path.name for path in workspace.exports.iterdir()) == [str(old.pk)]
    assert [(row.pk, bool(row.files), bool(row.told)) for row in Export.objects.order_by("pk")] == [
        (old.pk, True, True), (last.pk, False, True),
    ]  # fmt: skip
    client.force_login(people["engineer"])
    client.post(reverse("export_delete", args=[old.pk]))
    assert not Export.objects.filter(pk=old.pk).exists()
    assert not folder_of(old).exists()
    actions = AuditEntry.objects.filter(action__in=("export.cleared", "export.deleted"))
    assert sorted(actions.values_list("target", flat=True)) == sorted(
        str(row.pk) for row in (old, older, last)
    )


@pytest.mark.parametrize("who", ["crew", "nobody", "ml", "engineer", "administrator"])
def test_rights(city: list[models.Damage], client: Client, people: dict[str, Any], who: str) -> None:
    row = made(people["engineer"], forms=("html", "csv"))
    client.force_login(people[who])
    looks, makes = who in ("ml", "engineer", "administrator"), who in ("engineer", "administrator")
    asked = {
        "export_file": [row.pk, "csv"], "export_map": [row.pk], "export_map_frame": [row.pk], "export_part": [row.pk],
        "export_map_picture": [row.pk, "0.jpg"],
    }  # fmt: skip
    for name, arguments in asked.items():
        answer = client.get(reverse(name, args=arguments))
        assert answer.status_code == (200 if looks else 403)
        if answer.streaming:
            b"".join(answer)
    assert client.post(reverse("export_new", args=["survey"]), {"forms": "x"}).status_code == (
        422 if makes else 403
    )
    assert client.post(reverse("export_delete", args=[row.pk])).status_code == (302 if makes else 403)


@pytest.mark.parametrize("name", ["../map.html", "..%2F..%2Frecords.sqlite3", "9.jpg", "0.txt"])
def test_no_other_file_is_given(
    city: list[models.Damage], client: Client, people: dict[str, Any], name: str
) -> None:
    row = made(people["engineer"], forms=("html",))
    client.force_login(people["engineer"])
    frame = reverse("export_map_frame", args=[row.pk])
    assert client.get(f"{frame}evidence/{name}").status_code == 404
    assert client.get(reverse("export_file", args=[row.pk, "csv"])).status_code == 404


def test_the_map_has_its_own_policy(
    city: list[models.Damage], client: Client, people: dict[str, Any]
) -> None:
    row = made(people["engineer"], forms=("html",))
    client.force_login(people["engineer"])
    answer = client.get(reverse("export_map_frame", args=[row.pk]))
    page = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    assert "Content-Security-Policy" not in answer.headers
    assert "default-src 'none'" in page
    assert "connect-src" not in page


def test_the_same_is_not_made_twice_at_once(people: dict[str, Any], workspace: Workspace) -> None:
    row = running(people["engineer"], asked=export_runs._as_json(Asked("survey", ("csv",)).kept()))
    assert export_runs.start(Asked("survey", ("csv",)).kept(), people["engineer"]) == row


def test_a_dead_one_is_given_up_once(people: dict[str, Any]) -> None:
    running(people["engineer"], beat=timezone.now() - timedelta(days=1))
    give_up_dead()
    give_up_dead()
    assert [row.state for row in Export.objects.all()] == ["failed"]


def test_the_command_line_takes_a_workspace(
    city: list[models.Damage], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workspace: Workspace
) -> None:
    monkeypatch.setattr("roaddamage.server.prepare", lambda _: workspace)
    given = [
        "--workspace",
        str(workspace.folder),
        "--to",
        "gpkg",
        "--out",
        str(tmp_path / "out"),
        "--lang",
        "en",
    ]
    done = CliRunner().invoke(app, ["export", *given])
    assert done.exit_code == 0, done.output
    table = pyogrio.read_dataframe(tmp_path / "out/road-damage.gpkg", layer="damages")
    assert sorted(table["id"]) == open_numbers()
    picture = tmp_path / "out" / str(table["evidence"][0])
    assert picture.resolve().parent == workspace.evidence / str(models.Drive.objects.get().pk)
    for options, said in (
        (["--until", "2020-01-01"], "earlier --since"),
        (["--workspace", str(tmp_path)], "is no workspace"),
    ):
        failed = CliRunner().invoke(app, ["export", *given, *options])
        assert (failed.exit_code, said in failed.output) == (2, True), failed.output
    alone = CliRunner().invoke(app, ["compare", *given])
    assert (alone.exit_code, "one survey only" in alone.output) == (2, True)
