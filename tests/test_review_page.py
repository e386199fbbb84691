"""The review page in a real browser, by keyboard; and a damage's page with its forms."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from made_records import BEGIN, made_damage, made_drive

from roaddamage.records.decisions import Decision, decide
from roaddamage.records.models import Damage, Drive, LabelledFrame, Review, Sighting
from roaddamage.records.queue import GONE_BELIEF
from roaddamage.workspace import Workspace

COUNT = 5
EVIL = "<script>window.hacked=1</script>\"'<img src=x onerror=window.hacked=1>"


@pytest.fixture
def numbers(transactional_db: None, workspace: Workspace, people: dict[str, Any]) -> list[int]:
    drive = made_drive(people["crew"])
    known = [
        BEGIN - timedelta(days=10 * (COUNT - place)) for place in range(COUNT)
    ]  # the longer, the more urgent
    made = [made_damage(drive, place, pictures=True, first_seen=first) for place, first in enumerate(known)]
    return [row.pk for row in made]


class Reviewing:
    """The page, opened by an engineer."""

    def __init__(self, page: Any, address: str) -> None:
        self.page, self.address = page, address
        self.errors: list[str] = []
        self.asked: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda m: self.errors.append(m.text) if m.type == "error" else None)
        page.on("request", lambda request: self.asked.append(request.url))

    def open(self, query: str = "") -> None:
        self.page.goto(f"{self.address}/review/{query}")

    def shows(self, number: int, left: int | None = None) -> None:
        self.page.wait_for_selector(f"article[data-number='{number}']")
        if left is not None:
            assert self.page.inner_text("#left").startswith(f"{left} of")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def said(self, part: str) -> None:
        self.page.wait_for_selector(f"#said:has-text('{part}')")


@pytest.fixture
def reviewing(browser: Any, live_server: Any, client: Client, people: dict[str, Any]) -> Iterator[Reviewing]:
    client.force_login(people["engineer"])
    context = browser.new_context(viewport={"width": 1280, "height": 860})
    cookies = {"sessionid": client.cookies["sessionid"].value, "language": "en"}
    context.add_cookies(
        [{"name": name, "value": value, "url": live_server.url} for name, value in cookies.items()]
    )
    made = Reviewing(context.new_page(), live_server.url)
    yield made
    assert not made.errors
    assert all(url.startswith((live_server.url, "data:", "blob:")) for url in made.asked)
    context.close()


def state(number: int) -> str:
    return Damage.objects.values_list("state", flat=True).get(pk=number)


def test_a_walk_by_keyboard(numbers: list[int], reviewing: Reviewing) -> None:
    first, second, third, fourth, _ = numbers
    reviewing.open()
    reviewing.shows(first, 5)
    reviewing.press("c")
    reviewing.shows(second, 4)
    reviewing.press("r", "m")
    reviewing.shows(third, 3)
    reviewing.press("1")
    reviewing.said("class changed")
    reviewing.page.wait_for_selector(
        f"article[data-number='{third}'] [aria-pressed=true]:has-text('Longitudinal')"
    )
    reviewing.press("n")
    reviewing.shows(fourth, 3)
    reviewing.press("u")
    reviewing.said("taken back")
    reviewing.shows(third, 3)
    reviewing.press("u")
    reviewing.shows(second, 4)
    assert [state(one) for one in numbers] == ["confirmed", "proposed", "proposed", "proposed", "proposed"]
    assert Damage.objects.get(pk=third).class_id == 3
    assert [one.kind for one in Review.objects.all()] == ["confirm", "reject", "reclass", "undo", "undo"]
    assert Review.objects.get(kind="reject").after["rejected_as"] == "manhole"


def test_the_last_one_and_back(numbers: list[int], reviewing: Reviewing) -> None:
    reviewing.open()
    for number in numbers:
        reviewing.shows(number)
        reviewing.press("c")
    reviewing.page.wait_for_selector("#done:not([hidden])")
    reviewing.press("u")
    reviewing.shows(numbers[-1], 1)


def test_the_box_by_arrow_keys_and_mouse(numbers: list[int], reviewing: Reviewing) -> None:
    reviewing.open()
    reviewing.shows(numbers[0])
    reviewing.press("b", "ArrowRight", "ArrowRight", "ArrowDown", "Shift+ArrowRight", "Enter")
    reviewing.said("box moved")
    assert Sighting.objects.get(damage=numbers[0]).box == pytest.approx([0.41, 0.505, 0.615, 0.805])
    reviewing.page.wait_for_selector(f"article[data-number='{numbers[0]}'][data-version='1']")
    reviewing.press("b")
    stage = reviewing.page.locator(".stage").bounding_box()
    mouse = reviewing.page.mouse

    def at(x: float, y: float) -> tuple[float, float]:
        return stage["x"] + x * stage["width"], stage["y"] + y * stage["height"]

    mouse.move(*at(0.615, 0.805))
    mouse.down()
    mouse.move(*at(0.9, 0.9), steps=4)
    mouse.up()
    mouse.move(*at(0.6, 0.7))
    mouse.down()
    mouse.move(*at(0.5, 0.65), steps=4)
    mouse.up()
    reviewing.press("Enter")
    reviewing.page.wait_for_selector("article[data-version='2']")
    assert Sighting.objects.get(damage=numbers[0]).box == pytest.approx([0.31, 0.455, 0.8, 0.85], abs=0.01)
    reviewing.press("b", "ArrowLeft", "Escape", "u")
    reviewing.page.wait_for_selector("article[data-version='3']")
    assert Sighting.objects.get(damage=numbers[0]).box == pytest.approx([0.41, 0.505, 0.615, 0.805])


def test_the_second_of_two_is_told(numbers: list[int], reviewing: Reviewing, people: dict[str, Any]) -> None:
    reviewing.open()
    reviewing.shows(numbers[0])
    decide(numbers[0], people["administrator"], Decision("reject", rejected_as="wet"))
    reviewing.page.on("console", lambda _: reviewing.errors.clear())  # the browser logs the refusal itself
    reviewing.press("c")
    reviewing.said("administrator has just rejected")
    reviewing.page.wait_for_selector("article .state.rejected")
    assert state(numbers[0]) == "rejected"
    reviewing.errors.clear()


def test_probably_repaired(numbers: list[int], reviewing: Reviewing) -> None:
    Damage.objects.filter(pk__in=numbers[:2]).update(state="gone", belief=GONE_BELIEF)
    reviewing.open("?state=gone")
    reviewing.shows(numbers[0], 2)
    reviewing.press("d")
    reviewing.shows(numbers[1], 1)
    reviewing.press("c")
    reviewing.page.wait_for_selector("#done:not([hidden])")
    assert [state(one) for one in numbers[:2]] == ["repaired", "confirmed"]


def test_by_touch_on_a_phone(numbers: list[int], reviewing: Reviewing) -> None:
    reviewing.page.set_viewport_size({"width": 390, "height": 800})
    reviewing.open(f"?class=3&drive={Drive.objects.get().pk}")
    reviewing.shows(numbers[0], 5)
    assert reviewing.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    reviewing.page.click("text=Reject…")
    reviewing.page.click("text=road marking")
    reviewing.shows(numbers[1], 4)
    reviewing.page.click("[data-do=help]")
    reviewing.page.click("dialog button")
    reviewing.page.click("[data-do=next]")
    reviewing.shows(numbers[2], 4)
    assert Damage.objects.get(pk=numbers[0]).rejected_as == "marking"


def test_a_damage_on_its_own_page(numbers: list[int], reviewing: Reviewing) -> None:
    page = reviewing.page
    page.goto(f"{reviewing.address}/damages/{numbers[0]}/")

    def press(button: str) -> None:
        with page.expect_navigation():
            page.click(button)

    press("button.good")
    page.fill("#comment", EVIL)
    press("text=Add the comment")
    page.fill("#due", "2026-05-01")
    press("text=Schedule the repair")
    text = page.inner_text("main")
    assert EVIL in text
    assert page.evaluate("window.hacked") is None
    assert list(Review.objects.values_list("kind", flat=True)) == [
        "confirm",
        "comment",
        "schedule",
    ]
    assert state(numbers[0]) == "scheduled"
    press("text=Undo")
    assert state(numbers[0]) == "confirmed"
    assert "decision taken back (scheduled" in page.inner_text("ol.history")


@pytest.mark.django_db
def test_a_joined_one_leads_to_what_it_is(
    client: Client, people: dict[str, Any], workspace: Workspace
) -> None:
    drive = made_drive(people["crew"])
    one, other, third = (made_damage(drive, place) for place in range(3))
    Damage.objects.filter(pk=third.pk).update(joined_into=other)
    Damage.objects.filter(pk=other.pk).update(joined_into=one)
    client.force_login(people["ml"])
    for joined, into in ((third, other), (other, one)):
        page = client.get(f"/damages/{joined.pk}/").content.decode()
        assert f'href="/damages/{into.pk}/"' in page
    page = client.get(f"/damages/{one.pk}/").content.decode()
    assert f'href="/damages/{other.pk}/"' in page
    assert not any(f"{own}/" in page for own in ("decide", "join", "part"))
    assert client.get("/damages/999/").status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize("form", [
    {}, {"kind": "undo"}, {"kind": "reclass", "class_id": "x"}, {"kind": "box", "box": "1,2"},
    {"kind": "box", "box": "0.1,nan,0.2,0.3"}, {"kind": "assign", "assignee": "999"},
    {"kind": "assign", "assignee": "x"}, {"kind": "assign", "due": "tomorrow"}, {"kind": "reject"},
])  # fmt: skip
def test_forms_that_make_no_sense(client: Client, people: dict[str, Any], form: dict[str, str]) -> None:
    row = made_damage(made_drive(people["crew"]))
    client.force_login(people["engineer"])
    answer = client.post(f"/damages/{row.pk}/decide/", form, headers={"Accept": "application/json"})
    assert answer.status_code == 409
    assert not Review.objects.exists()


def test_nothing_else_is_said_with_the_decision(numbers: list[int], reviewing: Reviewing) -> None:
    first, second, third, *_ = numbers
    seen = Sighting.objects.get(damage=second).time_s
    Sighting.objects.filter(damage=third).update(time_s=seen)
    reviewing.open()
    reviewing.shows(first)
    reviewing.press("w")
    reviewing.page.wait_for_selector("[data-do=whole][aria-pressed=true]")
    reviewing.press("c")
    reviewing.said("Nothing else is in its picture")
    reviewing.shows(second)
    reviewing.page.wait_for_selector(".others rect.undecided", state="attached")
    reviewing.press("w")
    reviewing.said(f"damage {third}")
    assert reviewing.page.get_attribute("[data-do=whole]", "aria-pressed") == "false"
    reviewing.press("r", "s")
    reviewing.shows(third)
    reviewing.page.wait_for_selector(".others rect.none", state="attached")
    reviewing.press("2")
    reviewing.page.wait_for_selector("article[data-undecided='']")
    reviewing.press("w")
    reviewing.page.wait_for_selector("article[data-whole=yes]")
    assert list(LabelledFrame.objects.order_by("pk").values_list("whole", flat=True)) == [True, True]
    reviewing.press("w")
    reviewing.page.wait_for_selector("article[data-whole='']")
    assert list(LabelledFrame.objects.order_by("pk").values_list("whole", flat=True)) == [True, False]
