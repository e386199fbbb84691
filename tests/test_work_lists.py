"""Work lists: the order of stops, making and changing them, and the files that crews take along."""

from __future__ import annotations

import csv
import io
import itertools
import subprocess
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import gpxpy
import numpy as np
import pytest
from django.test import Client
from made_records import STEP, made_damage, made_drive

from roaddamage.records import models, work_lists
from roaddamage.records.decisions import Decision, decide
from roaddamage.records.route import in_order
from roaddamage.records.work_lists import (
    MOST_STOPS,
    Plan,
    WorkListError,
    add,
    change,
    make_list,
    move,
    remove,
    waiting,
)
from roaddamage.workspace import Workspace

pytestmark = pytest.mark.django_db
EVIL = '=HYPERLINK("http://x")<script>alert(1)</script>\x07'


@pytest.fixture
def damages(workspace: Workspace, people: dict[str, Any]) -> list[models.Damage]:
    """Six that are confirmed, from south to north, with pictures."""
    drive = made_drive(people["crew"])
    made = [made_damage(drive, place, pictures=True) for place in range(6)]
    for one in made:
        decide(one.pk, people["engineer"], Decision("confirm"))
    return made


@pytest.fixture
def listed(damages: list[models.Damage], people: dict[str, Any]) -> models.WorkList:
    plan = Plan("南区 補修", "直営班A", date(2026, 5, 1), "雨天順延", (139.75, 35.64))
    return make_list(plan, [one.pk for one in damages], people["engineer"])[0]


def numbers(listed: models.WorkList) -> list[int]:
    return list(listed.stops.values_list("damage", flat=True))


@pytest.mark.parametrize("start", [None, (139.74, 35.64)])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 6])
def test_order_is_nearly_the_shortest(count: int, start: tuple[float, float] | None) -> None:
    rng = np.random.default_rng(count)
    for _ in range(2):
        places = rng.uniform(0, 0.05, (count, 2)) + [139.75, 35.65]
        order = in_order(places, start)
        assert sorted(order) == list(range(count))

        def way_m(rows: Sequence[int], places: Any = places) -> float:
            points = np.vstack([*([start] if start else []), places[list(rows)]])
            step = np.diff(points, axis=0) * [90_500.0, 111_000.0]
            return float(np.hypot(*step.T).sum())

        open_to_all = [
            rows for rows in itertools.permutations(range(count)) if start or not count or rows[0] == 0
        ]
        assert way_m(order) <= 1.15 * min(way_m(rows) for rows in open_to_all) + 1e-6


def test_a_list_schedules_its_damages(
    damages: list[models.Damage], listed: models.WorkList, people: dict[str, Any]
) -> None:
    assert numbers(listed) == [one.pk for one in damages]  # north from a depot in the south
    assert set(models.Damage.objects.values_list("state", "due")) == {("scheduled", date(2026, 5, 1))}
    assert not waiting().exists()
    assert models.AuditEntry.objects.filter(action="work_list.made", by=people["engineer"]).count() == 1


def test_without_a_depot_the_most_urgent_is_first(
    damages: list[models.Damage], people: dict[str, Any]
) -> None:
    models.Damage.objects.filter(pk=damages[5].pk).update(growth_m2_a_year=10.0)
    decide(damages[5].pk, people["engineer"], Decision("assign", assignee=people["engineer"].pk))
    made, _ = make_list(Plan("x"), [one.pk for one in damages], people["engineer"])
    assert numbers(made) == [one.pk for one in damages[::-1]]
    assert models.Damage.objects.get(pk=damages[5].pk).assignee == people["engineer"]


@pytest.mark.parametrize(
    ("title", "pick", "says"),
    [
        pytest.param(" ", lambda own: own, "title", id="no-title"),
        pytest.param("x", lambda own: [], "at least one", id="nothing-chosen"),
        pytest.param("x", lambda own: [10**6], "no damage", id="unknown"),
        pytest.param("x", lambda own: range(MOST_STOPS + 1), "at most", id="too-many"),
    ],
)
def test_lists_that_can_not_be_made(
    damages: list[models.Damage], people: dict[str, Any], title: str, pick: Any, says: str
) -> None:
    with pytest.raises(Exception, match=says):
        make_list(Plan(title), pick([one.pk for one in damages]), people["engineer"])
    assert not models.WorkList.objects.exists()
    assert not models.Damage.objects.filter(state="scheduled").exists()


def test_a_damage_is_on_one_open_list(
    damages: list[models.Damage], listed: models.WorkList, people: dict[str, Any]
) -> None:
    new = made_damage(models.Drive.objects.get(), 8)
    decide(new.pk, people["engineer"], Decision("confirm"))
    rejected = made_damage(models.Drive.objects.get(), 9)
    other, refused = make_list(Plan("y"), [new.pk, rejected.pk, damages[0].pk], people["engineer"])
    assert numbers(other) == [new.pk]
    assert len(refused) == 2
    assert "南区 補修" in "".join(error.message() for error in refused)
    reviews = models.Review.objects.filter(damage=damages[0], kind="schedule")
    assert reviews.count() == 1


@pytest.mark.parametrize(
    ("stop", "step", "order"),
    [(0, 1, [1, 0, 2]), (2, -1, [0, 2, 1]), (0, -1, [0, 1, 2]), (2, 5, [0, 1, 2]), (0, 2, [1, 2, 0])],
)
def test_moved_by_hand(
    damages: list[models.Damage], people: dict[str, Any], stop: int, step: int, order: list[int]
) -> None:
    own = [one.pk for one in damages[:3]]
    made, _ = make_list(Plan("x", start=(139.75, 35.64)), own, people["engineer"])
    move(made.stops.all()[stop], step, people["engineer"])
    assert numbers(made) == [own[row] for row in order]
    assert list(made.stops.values_list("place", flat=True)) == [1, 2, 3]


def test_a_stop_taken_off_waits_again(
    damages: list[models.Damage], listed: models.WorkList, people: dict[str, Any]
) -> None:
    remove(listed.stops.all()[1], people["engineer"])
    assert numbers(listed) == [one.pk for one in (damages[0], *damages[2:])]
    assert list(listed.stops.values_list("place", flat=True)) == [1, 2, 3, 4, 5]
    assert [row.pk for row in waiting()] == [damages[1].pk]
    stop = listed.stops.first()
    assert stop
    models.Stop.objects.filter(pk=stop.pk).update(done=stop.work_list.at)
    with pytest.raises(WorkListError, match="done already"):
        remove(stop, people["engineer"])


def test_stops_are_added_last(damages: list[models.Damage], people: dict[str, Any]) -> None:
    by, own = people["engineer"], [one.pk for one in damages]
    made, _ = make_list(Plan("x", due=date(2026, 5, 1), start=(139.75, 35.64)), own[:2], by)
    decide(own[4], by, Decision("due", due=date(2026, 4, 2)))
    count, refused = add(made, [own[5], own[4], own[3], own[0], own[-1] + 999], by)
    assert (count, numbers(made)) == (3, own[:2] + own[3:])
    assert list(made.stops.values_list("place", flat=True)) == [1, 2, 3, 4, 5]
    assert sorted(error.values["number"] for error in refused) == [own[0], own[-1] + 999]
    assert set(models.Damage.objects.filter(stops__work_list=made).values_list("state", "due")) == {
        ("scheduled", date(2026, 5, 1))
    }
    entry = models.AuditEntry.objects.get(action="work_list.added")
    assert (entry.target, entry.details) == (str(made.pk), {"damages": own[3:]})


def test_a_full_list_takes_no_more(
    damages: list[models.Damage], people: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    by, own = people["engineer"], [one.pk for one in damages]
    made, _ = make_list(Plan("x"), own[:2], by)
    monkeypatch.setattr(work_lists, "MOST_STOPS", 4)
    with pytest.raises(WorkListError, match="room for 2 stops; 3"):
        add(made, own[2:5], by)
    assert sorted(numbers(made)) == own[:2]
    assert models.Damage.objects.get(pk=own[2]).state == "confirmed"


def test_a_list_without_a_due_date_leaves_its_damages_theirs(
    damages: list[models.Damage], people: dict[str, Any]
) -> None:
    decide(damages[0].pk, people["engineer"], Decision("due", due=date(2026, 4, 2)))
    make_list(Plan("x"), [damages[0].pk], people["engineer"])
    assert models.Damage.objects.get(pk=damages[0].pk).due == date(2026, 4, 2)


@pytest.mark.parametrize("due", [date(2026, 6, 1), None])
def test_a_list_is_changed(
    damages: list[models.Damage], listed: models.WorkList, people: dict[str, Any], due: date | None
) -> None:
    by, own = people["engineer"], date(2026, 4, 30)
    decide(damages[1].pk, by, Decision("due", due=own))
    change(listed, Plan(" 北区 ", "直営班B", due, "雨天順延"), by)
    row = models.WorkList.objects.get()
    assert (row.title, row.crew, row.due, row.note) == ("北区", "直営班B", due, "雨天順延")
    assert [models.Damage.objects.get(pk=one.pk).due for one in damages[:3]] == [due, own, due]
    entry = models.AuditEntry.objects.get(action="work_list.changed", by=by)
    assert entry.details["title"] == ["南区 補修", "北区"]
    assert set(entry.details) == {"title", "crew", "due"}
    change(listed, Plan("北区", "直営班B", due, "雨天順延"), by)
    assert models.AuditEntry.objects.filter(action="work_list.changed").count() == 1
    with pytest.raises(WorkListError, match="title"):
        change(listed, Plan("  "), by)


def test_a_list_is_changed_on_its_page(
    listed: models.WorkList, people: dict[str, Any], client: Client
) -> None:
    client.force_login(people["engineer"])
    page = client.get(f"/work-lists/{listed.pk}/").content.decode()
    assert f"people=confirmed,scheduled&amp;list={listed.pk}" in page
    address, form = f"/work-lists/{listed.pk}/change/", {"title": EVIL, "due": "2026-06-01"}
    page = client.post(address, form, follow=True).content.decode()
    assert "notice success" in page
    assert "<script>alert" not in page
    assert models.WorkList.objects.values_list("crew", "due", "note").get() == ("", date(2026, 6, 1), "")
    for wrong in ({"title": ""}, {"title": "x", "due": "soon"}, {"title": "x" * 201}):
        assert "notice error" in client.post(address, wrong, follow=True).content.decode()
    client.force_login(people["crew"])
    assert address not in client.get(f"/work-lists/{listed.pk}/").content.decode()
    assert client.post(address, form).status_code == 403


@pytest.mark.parametrize(
    ("asked", "places"),
    [
        pytest.param("", [0, 1, 2, 3, 4, 5], id="all"),
        pytest.param("class_id=0", [], id="other-class"),
        pytest.param("class_id=0&class_id=3&state=confirmed", [0, 1, 2, 3, 4, 5], id="classes-and-state"),
        pytest.param("priority=99", [], id="urgent"),
        pytest.param("mine=1", [4], id="assigned-to-me"),
        pytest.param("area=139,35,140,{north}", [0, 1, 2], id="area"),
        pytest.param("around={first}&within_m=40", [0, 1], id="around"),
        pytest.param("damages={first},{last}", [0, 5], id="chosen-in-the-list"),
        pytest.param("area=1;drop", [], id="no-area"),
        pytest.param("priority=many", [], id="no-number"),
    ],
)  # fmt: skip
def test_the_form_takes_damages_by_filter(
    damages: list[models.Damage], people: dict[str, Any], client: Client, asked: str, places: list[int]
) -> None:
    decide(damages[4].pk, people["engineer"], Decision("assign", assignee=people["engineer"].pk))
    client.force_login(people["engineer"])
    values = {"north": 35.65 + 2.5 * STEP, "first": damages[0].pk, "last": damages[5].pk}
    page = client.get(f"/work-lists/new/?{asked.format(**values)}").content.decode()
    shown = [place for place, one in enumerate(damages) if f'name="damage" value="{one.pk}"' in page]
    assert shown == places


def test_made_ordered_and_taken_along_on_pages(
    damages: list[models.Damage], people: dict[str, Any], client: Client
) -> None:
    client.force_login(people["engineer"])
    chosen = [one.pk for one in damages[:3]]
    sent = {
        "title": EVIL,
        "crew": "A",
        "due": "2026-05-01",
        "start": "35.64, 139.75",
        "note": "",
        "damage": chosen,
    }
    page = client.post("/work-lists/new/", sent, follow=True)
    made = models.WorkList.objects.get()
    text = page.content.decode()
    assert page.redirect_chain == [(f"/work-lists/{made.pk}/", 302)]
    assert "<script>alert" not in text
    assert ' style="' not in text
    stop = made.stops.first()
    assert stop
    address = f"/work-lists/{made.pk}/order/"
    client.post(address, {"down": stop.pk})
    assert numbers(made) == [chosen[1], chosen[0], chosen[2]]
    client.post(address, {"sort": "1"})
    assert numbers(made)[0] == chosen[1]
    client.post(address, {"remove": stop.pk})
    assert len(numbers(made)) == 2
    assert client.post(address, {"up": "10000000"}).status_code == 404
    assert client.post("/work-lists/new/", {"title": "", "damage": chosen}).status_code == 200
    client.force_login(people["crew"])
    assert client.post(address, {"sort": "1"}).status_code == 403
    assert client.get("/work-lists/new/").status_code == 403
    for kind in ("pdf", "gpx", "csv"):
        assert client.get(f"/work-lists/{made.pk}/list.{kind}").status_code == 200
    assert client.get(f"/work-lists/{made.pk}/list.exe").status_code == 404
    exported = models.AuditEntry.objects.filter(action="work_list.exported", by=people["crew"])
    assert sorted(entry.details["kind"] for entry in exported) == ["csv", "gpx", "pdf"]


def test_gpx_and_csv(
    damages: list[models.Damage], listed: models.WorkList, client: Client, people: Any
) -> None:
    models.Damage.objects.filter(pk=damages[0].pk).update(road=EVIL)
    models.WorkList.objects.update(title=EVIL)
    client.force_login(people["crew"])
    client.cookies["language"] = "ja"
    track = gpxpy.parse(client.get(f"/work-lists/{listed.pk}/list.gpx").content.decode())
    assert [point.name for point in track.waypoints] == [
        f"{place} ポットホール（大）#{one.pk}" for place, one in enumerate(damages, 1)
    ]
    assert [(point.longitude, point.latitude) for point in track.routes[0].points] == [
        (pytest.approx(one.lon, abs=1e-7), pytest.approx(one.lat, abs=1e-7)) for one in damages
    ]
    content = client.get(f"/work-lists/{listed.pk}/list.csv").content
    assert content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    assert [row[1] for row in rows[1:]] == [str(one.pk) for one in damages]
    assert rows[1][5].startswith("'=HYPERLINK")
    assert {len(row) for row in rows} == {17}


def test_pdf_has_a_page_a_stop(
    damages: list[models.Damage], listed: models.WorkList, client: Client, people: Any, tmp_path: Path
) -> None:
    client.force_login(people["engineer"])
    client.cookies["language"] = "ja"
    path = tmp_path / "list.pdf"
    path.write_bytes(client.get(f"/work-lists/{listed.pk}/list.pdf").content)
    text = subprocess.run(
        ["pdftotext", "-layout", path, "-"], check=True, capture_output=True, text=True
    ).stdout
    pages = text.split("\f")[:-1]
    assert len(pages) == 1 + len(damages)
    assert "南区 補修" in pages[0]
    for place, page in enumerate(pages[1:], 1):
        assert "ポットホール" in page
        assert f"{damages[place - 1].lat:.6f}" in page
    fonts = subprocess.run(
        ["pdffonts", path], check=True, capture_output=True, text=True
    ).stdout.splitlines()[2:]
    assert fonts
    assert all("IPAexGothic" in line and " yes " in line for line in fonts)
    pictures = subprocess.run(["pdfimages", "-list", path], check=True, capture_output=True, text=True).stdout
    assert pictures.count("jpeg") == len(damages)
