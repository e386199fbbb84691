"""The map of the running application in Chromium: points, details, its link to the list, and an area drawn on it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from pmtiles.tile import Compression, TileType, zxy_to_tileid
from pmtiles.writer import Writer
from test_viewport import made

from roaddamage.records.models import Damage, Drive

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]


@pytest.fixture(autouse=True)
def beside_a_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Playwright runs a loop in this thread; the fixtures' own queries are made between its turns."""
    monkeypatch.setitem(os.environ, "DJANGO_ALLOW_ASYNC_UNSAFE", "1")


@pytest.fixture
def opened(
    browser: Any, live_server: Any, people: dict[str, User], workspace: Any
) -> Iterator[tuple[Any, list[str], list[str]]]:
    """A page that is logged in, with the addresses it asked for, and what went wrong."""
    made(60)
    Drive.objects.create(
        name="d", digest="d", by=people["crew"], state="done", metres=5_000, west=139.7, south=35.6, east=139.8, north=35.7
    )  # fmt: skip
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en")
    page = context.new_page()
    asked, wrong = list[str](), list[str]()
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda line: wrong.append(line.text) if line.type == "error" else None)
    page.goto(f"{live_server.url}/login/")
    page.fill("input[name=username]", "engineer")
    page.fill("input[name=password]", "engineer-secret-1")
    with page.expect_navigation():
        page.click("main button")
    yield page, asked, wrong
    context.close()


def map_of(page: Any, address: str) -> Any:
    page.goto(address)
    frame = page.frame(url="**/map/frame/**")
    frame.wait_for_selector("html[data-ready]", state="attached")
    return frame


def test_map_and_list_lead_to_one_another(opened: Any, live_server: Any) -> None:
    page, asked, wrong = opened
    frame = map_of(page, f"{live_server.url}/map/?class=1,2")
    wanted = sum(row.shown and row.class_id in (1, 2) for row in Damage.objects.all())
    assert frame.evaluate("RoadDamage.page.source.total") == wanted > 5
    with page.expect_navigation():
        page.click("#to-list")
    assert page.locator("input[name=rows]").count() == wanted
    number = page.locator("table.damages a").first.inner_text()
    frame = map_of(page, f"{live_server.url}/map/?at={number}")
    link = frame.locator(".rd-details a").first
    assert link.get_attribute("href") == f"/damages/{number}/"
    link.click()
    page.wait_for_url(f"**/damages/{number}/")
    assert {url.split("/")[2] for url in asked if url.startswith("http")} == {live_server.url.split("/")[2]}
    assert wrong == []


def test_an_area_drawn_on_the_map_is_listed(opened: Any, live_server: Any) -> None:
    page, _, wrong = opened
    frame = map_of(page, f"{live_server.url}/map/")
    page.click("#rectangle")
    box = page.locator("#draw").bounding_box()
    corners = [(box["x"] + box["width"] * share, box["y"] + box["height"] * share) for share in (0.45, 0.7)]
    page.mouse.move(*corners[0])
    page.mouse.down()
    page.mouse.move(*corners[1])
    page.mouse.up()
    west, north, east, south = frame.evaluate(
        "corners => corners.flatMap(c => { const p = RoadDamage.page.map.containerPointToLatLng(c); return [p.lng, p.lat]; })",
        [[x - box["x"], y - box["y"]] for x, y in corners],
    )
    page.click("#finish")
    page.wait_for_url("**/damages/?**area=**")
    inside = [
        row.pk
        for row in Damage.objects.filter(shown=True).order_by("pk")
        if west < row.lon < east and south < row.lat < north
    ]
    shown = [int(one.inner_text()) for one in page.locator("table.damages td.n:nth-child(2) a").all()]
    assert sorted(shown) == inside != []
    assert wrong == []


def test_the_base_map_is_given_in_pieces(
    client: Any, people: dict[str, User], workspace: Any, tmp_path: Path
) -> None:
    workspace.basemap.parent.mkdir()
    with workspace.basemap.open("wb") as file:
        writer = Writer(file)
        writer.write_tile(zxy_to_tileid(0, 0, 0), b"\x89PNG" + bytes(300))
        writer.finalize(
            {"tile_type": TileType.PNG, "tile_compression": Compression.NONE}, {"attribution": "City"}
        )
    assert client.get("/map/basemap.pmtiles", headers={"range": "bytes=0-6"}).status_code == 302
    client.force_login(people["engineer"], "django.contrib.auth.backends.ModelBackend")
    told = client.get("/map/basemap.pmtiles", headers={"range": "bytes=0-6"})
    whole = workspace.basemap.read_bytes()
    assert (told.status_code, told.content) == (206, b"PMTiles")
    assert told["Content-Range"] == f"bytes 0-6/{len(whole)}"
    assert (
        client.get("/map/basemap.pmtiles", headers={"range": f"bytes={len(whole) - 4}-99999999"}).content
        == whole[-4:]
    )
    for refused in ("", "bytes=99999999-", "bytes=9-3", f"bytes={len(whole)}-{len(whole) + 5}", "lines=1-2"):
        assert client.get("/map/basemap.pmtiles", headers={"range": refused}).status_code == 416
    page = client.get("/map/frame/").content.decode()
    assert "/map/basemap.pmtiles" in page
    assert "City" in page
