"""The layer that asks a server, in a real browser over an in-memory store; and the sizes that are promised."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from test_map import Page

from benchmarks.damage_store import DamageApp, DamageStore, made_store, served
from benchmarks.map_page import PAN, made_city, url_page
from maps.question import Question, question
from maps.webmap import write_map
from roaddamage.language import translation

BOX = (139.6, 35.6, 139.75, 35.75)


class Recorder(DamageApp):
    """The app, with what it was asked; `broken` answers every question with an error."""

    def __init__(self, store: DamageStore) -> None:
        super().__init__(store, url_page("damages", "en"))
        self.asked: list[str] = []
        self.broken = False

    def _answered(self, path: str, query: str) -> tuple[int, bytes, bytes]:
        if path.startswith("/damages"):
            self.asked.append(f"{path}?{query}")
            if self.broken:
                return 500, b"text/plain", b"broken"
        return super()._answered(path, query)


@pytest.fixture(scope="module")
def store() -> DamageStore:
    return made_store(100_000)


@pytest.fixture
def app(store: DamageStore) -> Iterator[tuple[Recorder, str]]:
    recorder = Recorder(store)
    with served(recorder) as address:
        yield recorder, address


def idle(opened: Page, step: str) -> None:
    """Do something to the page, and wait until what came of it is drawn (a policy forbids to poll by eval)."""
    opened.page.evaluate(
        f"""async () => {{ const before = RoadDamage.page.drawnAt; {step};
        while (RoadDamage.page.drawnAt === before) await new Promise(requestAnimationFrame); }}"""
    )


def test_far_out_the_server_counts_and_near_it_gives_points(browser: Any, app: tuple[Recorder, str]) -> None:
    recorder, address = app
    opened = Page(browser, address)
    total = recorder.store.answer(question_of(recorder.asked[-1]))["total"]
    assert sum(opened.clusters()) == total > 10_000
    assert opened.drawn() == []
    assert f"Damages in view: {total:,}" in opened.page.inner_text(".rd-shown")
    idle(opened, "RoadDamage.page.map.setZoom(16, {animate: false})")
    assert len(opened.drawn()) > 10
    assert opened.clusters() == []
    assert "#" in opened.open_first()
    assert "Position error" in opened.page.inner_text(".rd-details")
    assert {url.split("/")[2] for url in opened.asked_for()} == {address.split("/")[2]}
    assert opened.errors == []


def question_of(asked: str) -> Question:
    from urllib.parse import parse_qs

    return question(parse_qs(asked.partition("?")[2], keep_blank_values=True))


def test_a_filter_is_asked_of_the_server(browser: Any, app: tuple[Recorder, str]) -> None:
    recorder, address = app
    opened = Page(browser, address)
    before = sum(opened.clusters())
    idle(opened, "document.querySelectorAll('.rd-filters input[type=checkbox]')[3].click()")
    assert question_of(recorder.asked[-1]).class_ == {0, 1, 2}
    assert sum(opened.clusters()) == pytest.approx(0.75 * before, rel=0.05)
    idle(
        opened,
        "{ const i = document.querySelector('input[type=range]'); i.value = 60; i.dispatchEvent(new Event('input')) }",
    )
    assert question_of(recorder.asked[-1]).confidence == 0.6
    assert sum(opened.clusters()) == pytest.approx(0.375 * before, rel=0.05)


def test_a_server_that_does_not_answer_is_said(browser: Any, app: tuple[Recorder, str]) -> None:
    recorder, address = app
    opened = Page(browser, address)
    before = opened.clusters()
    recorder.broken = True
    idle(opened, "RoadDamage.page.map.panBy([9, 9], {animate: false})")
    assert "The server does not answer" in opened.page.inner_text("[role=alert]:visible")
    assert opened.clusters() == before
    recorder.broken = False
    idle(opened, "RoadDamage.page.map.panBy([9, 9], {animate: false})")
    assert opened.page.locator("[role=alert]:visible").count() == 0


@pytest.mark.parametrize("zoom", [10, 13, 14, 17, 19])
def test_every_damage_of_the_box_is_in_the_answer(store: DamageStore, zoom: int) -> None:
    """What is counted beforehand counts whole cells: at the edge of the box one of 64 pixels more or less."""
    half = 0.15 / 2 ** (zoom - 10)
    box = (139.68 - half, 35.68 - half, 139.68 + half, 35.68 + half)
    inside = (abs(store.lon - 139.68) <= half) & (abs(store.lat - 35.68) <= half)
    answer = store.answer(Question(bbox=box, zoom=zoom))
    told = len(answer["points"]["number"]) if "points" in answer else sum(answer["clusters"]["count"])
    assert told == answer["total"]
    assert told == pytest.approx(int(inside.sum()), rel=0.15 if zoom <= 13 else 0)


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("/damages", "bbox=1,2,3&zoom=4", 400),
        ("/damages", "bbox=3,2,1,x&zoom=4", 400),
        ("/damages", "zoom=4", 404),
        ("/damages/0", "", 404),
        ("/damages/x", "", 400),
    ],
)
def test_what_is_no_question_is_refused(store: DamageStore, path: str, query: str, status: int) -> None:
    assert DamageApp(store, "")._answered(path, query)[0] == status


def test_a_million_damages_come_as_small_answers(browser: Any) -> None:
    """How fast that is stands in `benchmarks/map_page.py`: a test of time fails on a busy machine."""
    store = made_store(1_000_000)
    assert len(store.precomputed) > 5
    sizes: list[int] = []

    class Weighed(DamageApp):
        def _answered(self, path: str, query: str) -> tuple[int, bytes, bytes]:
            status, kind, body = super()._answered(path, query)
            sizes.append(len(body))
            return status, kind, body

    with served(Weighed(store, url_page("damages"))) as address:
        opened = Page(browser, address)
        at_first = sum(opened.clusters()) + len(opened.drawn())
        for _ in range(3):
            opened.page.evaluate(PAN)
        assert sum(opened.clusters()) + len(opened.drawn()) != at_first
    assert at_first > 100_000
    assert opened.errors == []
    assert max(sizes[1:]) < 300_000, "whatever the map shows"


def test_a_hundred_thousand_damages_fit_in_a_page(tmp_path: Path, browser: Any) -> None:
    damages, driven = made_city(100_000)
    path = tmp_path / "map.html"
    write_map(
        path,
        damages,
        driven,
        tmp_path,
        zone=ZoneInfo("Asia/Tokyo"),
        language="ja",
        translate=translation("ja"),
    )
    assert path.stat().st_size < 10e6
    opened = Page(browser, path)
    assert sum(opened.clusters()) + len(opened.drawn()) == 100_000
    assert opened.errors == []
