"""A day of ML staff, in the browser: frames that were reviewed go to a tool and back, train a model, and change the one in use."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from made_models import poor_model, small_dataset, spoil, train_quickly
from made_records import made_damage, made_drive
from test_label_round_trips import cvat_moved
from tools_of_others import through_cvat

from roaddamage import frame_exports
from roaddamage.models import Models
from roaddamage.records.models import AuditEntry, LabelledBox, LabelledFrame, Training
from roaddamage.runs import run
from roaddamage.training_runs import run_training
from roaddamage.workspace import Workspace

FRAMES = 10


@pytest.fixture
def reviewed_from(
    transactional_db: None, workspace: Workspace, people: dict[str, User], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Workspace:  # fmt: skip
    """A workspace with ten proposals and a spoilt model in use; exports and trainings are made in this process."""
    data = small_dataset(tmp_path / "city")
    spoil(workspace, data, poor_model(data, tmp_path / "poor"))
    train_quickly(monkeypatch, tmp_path)
    monkeypatch.setattr(frame_exports, "begin", frame_exports.make)
    drive = made_drive(people["crew"])
    for place in range(FRAMES):
        made_damage(drive, place, pictures=True)
    return workspace


class Person:
    """A user at a browser in English; nothing is asked of any other machine, and no script fails."""

    def __init__(self, browser: Any, address: str, user: User) -> None:
        client = Client()
        client.force_login(user)
        self.address = address
        self.context = browser.new_context(viewport={"width": 1280, "height": 860})
        cookies = {"sessionid": client.cookies["sessionid"].value, "language": "en"}
        self.context.add_cookies([{"name": n, "value": v, "url": address} for n, v in cookies.items()])
        self.page = self.context.new_page()
        self.wrong: list[str] = []
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("request", lambda request: self._asked(request.url))

    def _asked(self, url: str) -> None:
        if not url.startswith((self.address, "data:", "blob:")):
            self.wrong.append(url)

    def open(self, path: str) -> None:
        self.page.goto(self.address + path)
        self.page.wait_for_load_state()

    def press(self, name: str) -> None:
        """A button that leads to another page."""
        with self.page.expect_navigation():
            self.page.get_by_role("button", name=name, exact=True).click()
        self.page.wait_for_load_state()

    def trained(self, name: str, begin_from: str, image_px: int) -> Training:
        """A training asked for by the form, and run."""
        self.open("/models/train/")
        self.page.fill("#name", name)
        self.page.select_option("#begin_from", begin_from)
        for field, value in (("epochs", 1), ("image_px", image_px), ("batch", 4)):
            self.page.fill(f"#{field}", str(value))
        self.press("Train")
        self.page.wait_for_selector("#run .state.queued")
        row = Training.objects.get(name=name)
        run(Training, row.pk, "one", run_training)
        self.page.wait_for_selector("#compared")  # the page is told, and loads itself anew
        self.page.wait_for_load_state()
        row.refresh_from_db()
        return row


@pytest.fixture
def person(browser: Any, live_server: Any, people: dict[str, User]) -> Iterator[Any]:
    made: list[Person] = []

    def come(name: str) -> Person:
        made.append(Person(browser, live_server.url, people[name]))
        return made[-1]

    yield come
    for one in made:
        one.context.close()
        assert one.wrong == []


def review_ten(engineer: Person) -> None:
    engineer.open("/review/")
    for number in range(FRAMES):
        shown = engineer.page.wait_for_selector("article[data-number]")
        assert shown
        before = shown.get_attribute("data-number")
        for key in ("r", "s") if number == 0 else ("c",):
            engineer.page.keyboard.press(key)
        done = "#done:not([hidden])" if number == FRAMES - 1 else f"article:not([data-number='{before}'])"
        engineer.page.wait_for_selector(done)


def out_to_cvat_and_back(ml: Person, folder: Path) -> None:
    ml.open("/frames/")
    ml.page.select_option("#form", "cvat")
    ml.press(f"Export these {FRAMES} frames")
    with ml.page.expect_download() as download:
        ml.page.get_by_role("link", name="Download").click()
    zipfile.ZipFile(download.value.path()).extractall(folder)
    (exported,) = (path for path in folder.iterdir() if path.is_dir())
    last = LabelledFrame.objects.order_by("pk").last()
    assert last
    back = through_cvat(exported, folder / "back.xml", lambda images: cvat_moved([images[f"{last.uid}.jpg"]]))
    ml.open("/frames/labels/")
    ml.page.set_input_files("#file", back)
    ml.press("Read the file")
    ml.press("Take over: 1 frames change")
    assert LabelledBox.objects.get(frame=last).xyxy[0] == pytest.approx(0.1, abs=1e-3)


def test_a_day(
    reviewed_from: Workspace, person: Any, people: dict[str, User], live_server: Any, tmp_path: Path
) -> None:
    review_ten(person("engineer"))
    assert LabelledFrame.objects.filter(judged=True).count() == FRAMES
    ml = person("ml")
    (tmp_path / "tool").mkdir()
    out_to_cvat_and_back(ml, tmp_path / "tool")
    kept = Models(reviewed_from.folder)

    worse = ml.trained("worse", "current", 64)
    assert (worse.promotable, worse.data["frames"]["added"]) == (False, FRAMES), worse.problem
    ml.press("Put in use")
    assert "Not put in use: 0001-poor stays" in ml.page.inner_text("main")
    assert kept.current_name() == "0001-poor"

    better = ml.trained("better", "package", 320)
    assert better.promotable, better.problem
    assert "It is better" in ml.page.inner_text("main")
    ml.press("Put in use")
    assert kept.current_name() == "0002-better"

    ml.open("/models/")
    assert ml.page.locator("figure.plot svg circle").count() == 2
    ml.page.get_by_text("Roll back to the model before").click()
    ml.page.fill("#reason", "a trial of the way back")
    ml.press("Roll back")
    assert "In use now: 0001-poor" in ml.page.inner_text("main")
    assert (kept.current_name(), kept.history()[-1].by) == ("0001-poor", "ml")
    assert AuditEntry.objects.filter(action="model.rolled_back", by=people["ml"]).count() == 1
