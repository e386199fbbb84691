"""A vehicle's page: the area of its pictures that is kept is drawn, given in numbers, saved and used."""

from __future__ import annotations

import io
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.test import Client
from made_records import made_damage, made_drive
from PIL import Image

from detector.kept_area import OUTSIDE
from roaddamage.drive_runs import known_vehicle
from roaddamage.footage_folder import add_folder
from roaddamage.records.models import AuditEntry, Drive, Sighting, Vehicle
from roaddamage.workspace import Workspace

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]
EDGES = ("left", "top", "right", "bottom")


@pytest.fixture
def engineer(people: dict[str, Any]) -> Client:
    client = Client()
    client.force_login(people["engineer"])
    client.cookies["language"] = "en"
    return client


@pytest.fixture
def vehicle(workspace: Workspace, people: dict[str, Any], short_drive: Path) -> Vehicle:
    made = Vehicle.objects.create(name="<b>Patrol 1")
    (drive,) = add_folder(short_drive.parent, people["crew"], uuid.uuid4().hex).drives
    Drive.objects.filter(pk=drive.pk).update(vehicle=made)
    return made


def save(client: Client, row: Vehicle, *percent: str) -> str:
    answer = client.post(f"/vehicles/{row.pk}/area/", dict(zip(EDGES, percent, strict=True)), follow=True)
    row.refresh_from_db()
    return str(answer.content.decode())


def band(answer: Any) -> np.ndarray:
    """The lowest rows of a picture, which is 240 high."""
    return np.asarray(Image.open(io.BytesIO(answer.content)), int)[-20:]


def test_what_is_saved_holds_for_playback_and_for_runs(engineer: Client, vehicle: Vehicle) -> None:
    drive = vehicle.drives.get()
    pages = [f"/vehicles/{vehicle.pk}/frame.jpg?t=1", f"/drives/{drive.pk}/frame.jpg?t=1"]
    assert all(band(engineer.get(page)).std() > 15 for page in pages)
    page = save(engineer, vehicle, "0", "5", "100", "85")
    assert "The area is kept." in page
    assert (
        'name="bottom" type="number" min="0" max="100" step="0.1" inputmode="decimal" required value="85.0"'
        in page
    )
    assert "&lt;b&gt;Patrol 1" in page
    whole, played = (band(engineer.get(page)) for page in pages)
    assert whole.std() > 15, "on its own page all of it is shown, to draw the area on"
    assert abs(played - OUTSIDE).max() < 12
    assert known_vehicle(vehicle).kept.shares == (0, 0.05, 1, 0.85)
    told = AuditEntry.objects.get(action="vehicle.area")
    assert (told.target, told.details) == (
        "<b>Patrol 1",
        {"area": "0,5,100,85", "area_before": "0,0,100,100"},
    )


@pytest.mark.parametrize(
    "percent",
    [("0", "85", "100", "5"), ("0", "0", "100", ""), ("0", "0", "100", "x" * 900), ("0", "0", "nan", "100"), ("0", "0", "9", "100")],
    ids=["upside down", "empty", "no number", "nan", "next to nothing"],
)  # fmt: skip
def test_what_is_no_area_is_told_and_changes_nothing(
    engineer: Client, vehicle: Vehicle, percent: tuple[str, ...]
) -> None:
    save(engineer, vehicle, "0", "5", "100", "85")
    assert "is no area of a picture" in save(engineer, vehicle, *percent)
    assert vehicle.kept == [0, 0.05, 1, 0.85]
    save(engineer, vehicle, "0", "0", "100", "100")
    assert vehicle.kept is None


def test_without_footage_the_area_is_given_in_numbers(
    engineer: Client, workspace: Workspace, people: dict[str, Any]
) -> None:
    row = Vehicle.objects.create(name="Patrol 2")
    drive = made_drive(people["crew"])
    Drive.objects.filter(pk=drive.pk).update(vehicle=row, footage_deleted="2026-01-01T00:00Z")
    page = engineer.get(f"/vehicles/{row.pk}/").content.decode()
    assert "There is no footage of this vehicle to show." in page
    assert "until they are run again: 1." in page
    assert engineer.get(f"/vehicles/{row.pk}/frame.jpg").status_code == 404
    assert engineer.get("/vehicles/99999/").status_code == 404


@pytest.mark.parametrize(
    ("covered", "said"), [(0.0, None), (0.004, None), (0.27, "Part of this damage is masked (27 %).")]
)
def test_a_damage_that_is_masked_in_part_says_so(
    engineer: Client, workspace: Workspace, people: dict[str, Any], covered: float, said: str | None
) -> None:
    damage = made_damage(made_drive(people["crew"]), 0, pictures=True)
    Sighting.objects.update(covered=covered)
    for page in (f"/damages/{damage.pk}/", f"/review/{damage.pk}/"):
        told = engineer.get(page).content.decode()
        assert (said in told) if said else ("is masked" not in told)
    assert engineer.get(f"/map/damages/{damage.pk}").json()["sightings"][0]["covered"] == covered


def test_the_area_is_drawn(vehicle: Vehicle, browser: Any, live_server: Any, engineer: Client) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 1300})
    context.add_cookies(
        [{"name": "sessionid", "value": engineer.cookies["sessionid"].value, "url": live_server.url}]
    )
    page, errors = context.new_page(), list[str]()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{live_server.url}/vehicles/{vehicle.pk}/")
    page.wait_for_load_state("networkidle")
    area = page.locator(".area-stage svg").bounding_box()
    right, bottom = area["x"] + area["width"], area["y"] + area["height"]
    page.mouse.move(right - 2, bottom - 2)
    page.mouse.down()
    page.mouse.move(right - 2, bottom - 2 - area["height"] / 4, steps=3)
    page.mouse.up()
    assert [float(page.input_value(f"#{name}")) for name in EDGES] == pytest.approx([0, 0, 100, 75], abs=0.5)
    page.focus(".area-stage svg")
    page.keyboard.press("Shift+ArrowUp")
    page.fill("#top", "10")
    page.click("form[action*='/area/'] button.main")
    page.wait_for_selector(".notice.success")
    context.close()
    vehicle.refresh_from_db()
    assert vehicle.kept == pytest.approx([0, 0.1, 1, 0.745], abs=0.005)
    assert not errors
