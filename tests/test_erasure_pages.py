"""Pages of erase requests: asked, looked through, carried out; what is entered wrong is said; and the command."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import typer
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from made_records import BEGIN, LAT, LON, STEP, made_damage, made_drive
from PIL import Image

from roaddamage import erase_cli, erasing, server
from roaddamage.records.decisions import Decision, decide
from roaddamage.records.models import (
    AuditEntry,
    Damage,
    Drive,
    Erased,
    Erasure,
    LabelledFrame,
    Stop,
    WorkList,
)
from roaddamage.records.openings import OpeningError, open_footage, opening_of
from roaddamage.workspace import Workspace

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]
People = dict[str, User]
FORM = {
    "reference": "R8-17", "reason": "shows a person", "lat": LAT + STEP, "lon": LON, "damage": "", "radius_m": 10,
    "since": "2026-04-01T09:55", "until": "2026-04-01T10:05",
}  # fmt: skip


@pytest.fixture
def drive(workspace: Workspace, people: People) -> Drive:
    """A drive past two damages, the second with a labelled frame, and a photo of its repair."""
    made = made_drive(people["crew"])
    track = [[float(t), LON, LAT + STEP * t / 2] for t in range(9)]
    Drive.objects.update(duration_s=8.0, understood={"track": track, "size_px": [640, 360]})
    row = [made_damage(made, place, pictures=True) for place in range(2)][1]
    decide(row.pk, people["engineer"], Decision("confirm"))
    work = WorkList.objects.create(title="West", by=people["engineer"])
    name = f"{work.pk}/1-{'0' * 16}.jpg"
    (workspace.photos / str(work.pk)).mkdir()
    Image.effect_noise((64, 36), 40).convert("RGB").save(workspace.photos / name)
    Stop.objects.create(work_list=work, damage=row, place=1, photo=name, done=BEGIN + timedelta(minutes=4))
    return Drive.objects.get(pk=made.pk)


@pytest.fixture
def page(client: Client, people: People, drive: Drive) -> str:
    """The address of a request that was entered."""
    client.force_login(people["administrator"])
    return client.post(reverse("erasure_new"), FORM).headers["Location"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"lat": ""}, "場所を指定"),
        ({"damage": "999"}, "999"),
        ({"until": "2026-04-01T09:00"}, ""),
        ({"until": "2028-04-01T09:00"}, "1年以内"),
        ({"radius_m": "100000"}, ""),
        ({"reference": ""}, ""),
        ({"since": "yesterday"}, ""),
    ],
)  # fmt: skip
def test_a_request_that_can_not_be(
    change: dict[str, str], told: str, client: Client, people: People, workspace: Workspace
) -> None:
    client.force_login(people["administrator"])
    answer = client.post(reverse("erasure_new"), FORM | change)
    assert (answer.status_code, Erasure.objects.count()) == (422, 0)
    assert told in answer.content.decode()
    assert 'role="alert"' in answer.content.decode()


def test_a_damage_stands_for_its_place(client: Client, people: People, drive: Drive) -> None:
    client.force_login(people["administrator"])
    number = str(Damage.objects.earliest("pk").pk)
    client.post(reverse("erasure_new"), FORM | {"lat": "", "lon": "", "damage": number})
    row = Erasure.objects.get()
    assert (row.lon, row.lat, row.since) == (LON, LAT, BEGIN - timedelta(minutes=5))


def test_a_request_is_carried_out(client: Client, page: str, drive: Drive, people: People) -> None:
    number = Erasure.objects.get().pk
    told = client.get(page).content.decode()
    assert told.count('name="picture"') == told.count('name="photo"') == told.count('name="begin_s"') == 1
    key, stop = f"{drive.pk}-2000", Stop.objects.get().pk
    cover = reverse("erasure_cover", args=[number, key])
    assert 'class="cover"' in client.get(cover).content.decode()
    client.post(cover, {"area": "0.1,0.1,0.3,0.3"})
    client.post(reverse("erasure_cover", args=[number, f"photo-{stop}"]), {"area": "0.1,0.1,0.3,0.3"})
    frame = LabelledFrame.objects.get()
    before = client.get(reverse("frame_picture", args=[frame.pk]))
    client.post(reverse("erasure_pictures", args=[number]), {"picture": [key, key], "photo": [stop]})
    again = client.get(
        reverse("frame_picture", args=[frame.pk]), headers={"If-None-Match": before.headers["ETag"]}
    )
    assert again.status_code == 200, "no browser goes on showing what it kept"
    client.post(reverse("erasure_span", args=[number]), {"drive": drive.pk, "begin_s": "0.5", "end_s": "3.5"})
    assert list(Erased.objects.values_list("kind", flat=True)) == [
        "area", "photo_area", "picture", "photo", "span",
    ]  # fmt: skip
    told = client.get(page).content.decode()
    assert 'name="picture"' not in told
    assert 'name="photo"' not in told, "what is gone can't be erased again"
    assert "R8-17" in client.get(reverse("frame", args=[frame.pk])).content.decode()
    entries = AuditEntry.objects.filter(action__startswith="erasure.", by=people["administrator"])
    assert set(entries.values_list("action", flat=True)) == {
        f"erasure.{kind}" for kind in ("asked", "seen", "area", "photo_area", "picture", "photo", "span")
    }


@pytest.mark.parametrize(
    ("name", "sent", "status"),
    [
        ("erasure_pictures", {}, 302),
        ("erasure_pictures", {"picture": "1-77"}, 404),
        ("erasure_pictures", {"picture": "x"}, 404),
        ("erasure_pictures", {"photo": "77"}, 404),
        ("erasure_span", {"drive": "1", "begin_s": "x", "end_s": "3"}, 302),
        ("erasure_span", {"drive": "1", "begin_s": "nan", "end_s": "3"}, 302),
        ("erasure_span", {"drive": "1", "begin_s": "3", "end_s": "1"}, 302),
        ("erasure_span", {"drive": "1", "begin_s": "3", "end_s": "inf"}, 302),
        ("erasure_span", {"drive": "77", "begin_s": "1", "end_s": "3"}, 404),
    ],
)
def test_what_names_nothing(
    name: str, sent: dict[str, str], status: int, client: Client, page: str, drive: Drive
) -> None:
    sent = sent | ({"drive": str(drive.pk)} if sent.get("drive") == "1" else {})
    answer = client.post(reverse(name, args=[Erasure.objects.get().pk]), sent)
    assert (answer.status_code, Erased.objects.count()) == (status, 0)


def test_an_area_that_was_not_drawn_is_said(client: Client, page: str, drive: Drive) -> None:
    cover = reverse("erasure_cover", args=[Erasure.objects.get().pk, f"{drive.pk}-2000"])
    for area in ("", "a,b,c,d", "nan,0,1,1", "0.5,0.5,0.5,0.5"):
        assert "隠す範囲" in client.post(cover, {"area": area}).content.decode()
    assert not Erased.objects.exists()


def test_original_footage_is_opened_no_more(drive: Drive, people: People, page: str) -> None:
    open_footage(people["administrator"], drive, "inquiry 3")
    assert opening_of(people["administrator"], drive)
    erasing.erase_span(Erasure.objects.get(), people["administrator"], drive, 1.0, 2.0)
    assert opening_of(people["administrator"], drive) is None
    with pytest.raises(OpeningError):
        open_footage(people["administrator"], drive, "inquiry 4")


@pytest.mark.parametrize("yes", [False, True])
def test_command(
    yes: bool, drive: Drive, people: People, workspace: Workspace, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(server, "open_workspace", lambda folder: workspace)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    told: dict[str, Any] = {
        "at": f"{LAT + STEP},{LON}", "since": datetime(2026, 4, 1, 9, 55), "until": datetime(2026, 4, 1, 10, 5),
        "reference": "R8-17", "reason": "r", "radius": 10.0, "footage": False, "user": "administrator", "yes": yes,
    }  # fmt: skip
    erase_cli.erase(workspace=Path("w"), **told)
    assert "d1: pictures: 1; stretches (s): 0.4–3.4" in capsys.readouterr().out
    assert list(Erased.objects.values_list("kind", flat=True)) == (["span", "photo"] if yes else [])
    with pytest.raises(typer.Exit):
        erase_cli.erase(workspace=Path("w"), **told | {"at": "Tokyo"})
    with pytest.raises(typer.Exit):
        erase_cli.erase(workspace=Path("w"), **told | {"user": "nobody else"})


def test_a_place_is_clicked_and_an_area_drawn(
    drive: Drive, page: str, client: Client, browser: Any, live_server: Any
) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844})
    context.add_cookies([
        {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url},
    ])  # fmt: skip
    shown, faults = context.new_page(), list[str]()
    shown.on("pageerror", lambda error: faults.append(str(error)))
    shown.on("dialog", lambda dialog: dialog.accept())
    shown.goto(f"{live_server.url}/erasures/", wait_until="networkidle")
    shown.fill("#damage", "1")
    shown.locator("#where").click(position={"x": 200, "y": 100})
    assert shown.input_value("#damage") == ""
    assert float(shown.input_value("#lat")) > 0
    shown.goto(f"{live_server.url}{page}cover/{drive.pk}-2000/", wait_until="networkidle")
    assert shown.evaluate("document.documentElement.scrollWidth") == 390
    assert shown.is_visible("rect.box"), "it is seen before anybody draws"
    area = shown.locator(".cover svg").bounding_box()
    shown.mouse.move(area["x"] + area["width"] * 0.1, area["y"] + area["height"] * 0.2)
    shown.mouse.down()
    shown.mouse.move(area["x"] + area["width"] * 0.3, area["y"] + area["height"] * 0.4, steps=3)
    shown.mouse.up()
    with shown.expect_navigation():
        shown.click("button.bad")
    context.close()
    assert Erased.objects.get().xyxy == pytest.approx([0.1, 0.2, 0.3, 0.4], abs=0.02)
    assert faults == []
