"""The map page in a real browser: it opens offline, shows what it should, and trusts no text."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import folium
import numpy as np
import pytest
from folium.plugins import MiniMap
from PIL import Image
from test_merge import ONE, at

from detector.classes import ALLIGATOR_CRACK, POTHOLE
from maps.exports import Driven
from maps.growth import Growth
from maps.merge import merge
from maps.offline import MissingAssetError, OfflineFigure
from maps.webmap import write_map
from roaddamage.language import translation

TOKYO = ZoneInfo("Asia/Tokyo")
WAY = Driven("a", [np.array([[139.75, 35.65], [139.75, 35.66]])], 1109.0, 1.7157e9)
EVIL = "<script>window.hacked=1</script><img src=x onerror=window.hacked=1>"
FIND_MAP = "Object.values(window).find(x => x instanceof L.Map)"
FIND_POINTS = f"""() => {{ const found = []; {FIND_MAP}.eachLayer(
    l => {{ if (l instanceof L.CircleMarker && l.getPopup()) found.push(l); }}); return found; }}"""


class Page:
    """A page opened in Chromium, with every request and error it made."""

    def __init__(self, browser: Any, path: Path, size: tuple[int, int] = (1280, 800)) -> None:
        self.page = browser.new_page(viewport={"width": size[0], "height": size[1]})
        self.requests: list[str] = []
        self.errors: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda m: self.errors.append(m.text) if m.type == "error" else None)
        self.page.goto(path.as_uri())
        self.page.wait_for_selector(".leaflet-container")

    def asked_for(self) -> list[str]:
        return [url for url in self.requests if not url.startswith("data:")]


def write(tmp_path: Path, drives: list[list[Any]], language: str = "en", way: Driven = WAY) -> Path:
    evidence = tmp_path / "evidence"
    evidence.mkdir(exist_ok=True)
    Image.new("RGB", (640, 360), (90, 90, 90)).save(evidence / "e.jpg")
    path = tmp_path / "map.html"
    write_map(
        path, merge(drives), [way], evidence, zone=TOKYO, language=language, translate=translation(language)
    )
    return path


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (
            "en",
            ["Road damage map", "2 damages on 1.11 km driven", "Pothole (D40): 1", "Driven track", "Heat"],
        ),
        (
            "ja",
            [
                "道路損傷マップ",
                "走行 1.11 km、損傷 2 件",
                "ポットホール（D40）: 1",
                "走行経路",
                "ヒートマップ",
            ],
        ),
    ],
)
def test_page_opens_from_a_file_without_a_request(
    tmp_path: Path, browser: Any, language: str, words: list[str]
) -> None:
    path = write(tmp_path, [[ONE, at(500, class_id=ALLIGATOR_CRACK, area_m2=1.2)]], language)
    opened = Page(browser, path)
    text = opened.page.inner_text("body")
    assert [word for word in words if word not in text] == []
    assert opened.page.get_attribute("html", "lang") == language
    assert opened.asked_for() == [path.as_uri()]
    assert opened.errors == []


def test_popup_shows_evidence_and_facts_and_the_error_circle(tmp_path: Path, browser: Any) -> None:
    opened = Page(browser, write(tmp_path, [[ONE]]))
    opened.page.wait_for_timeout(300)
    opened.page.evaluate(f"({FIND_POINTS})()[0].openPopup()")
    popup = opened.page.wait_for_selector(".damage")
    text = popup.inner_text()
    for word in ("#1 Pothole (D40) – large", "80%", "± 5 m (95 %)", "2023-11-15 07:13:20", "a, at 0:01.0"):
        assert word in text
    assert opened.page.evaluate("document.querySelector('.damage img').naturalWidth") == 420
    assert opened.page.get_attribute(".damage a", "href") == "evidence/e.jpg"
    circles = (
        f"() => {{ let n = 0; {FIND_MAP}.eachLayer(l => {{ n += l instanceof L.Circle; }}); return n; }}"
    )
    assert opened.page.evaluate(circles) == 1
    opened.page.click(".leaflet-popup-close-button")
    opened.page.wait_for_timeout(400)
    assert opened.page.evaluate(circles) == 0


@pytest.mark.parametrize(
    ("rate", "language", "line"),
    [(0.4, "en", "0.4 ± 0.1 m² a year"), (0.4, "ja", "年 0.4 ± 0.1 m²"), (0.1, "en", None)],
)
def test_popup_tells_growth_that_is_sure(
    tmp_path: Path, rate: float, language: str, line: str | None
) -> None:
    (damage,) = merge([[ONE]])
    path = tmp_path / "map.html"
    write_map(
        path, [replace(damage, growth=Growth(rate, 0.1))], [WAY], tmp_path, zone=TOKYO, language=language,
        translate=translation(language),
    )  # fmt: skip
    label = {"en": "Growing", "ja": "拡大中"}[language]
    told = f'["{label}","{line}"]' in path.read_text()
    assert told == (line is not None)
    assert (f'"{label}"' in path.read_text()) == told


def test_layers_can_be_switched(tmp_path: Path, browser: Any) -> None:
    opened = Page(browser, write(tmp_path, [[ONE, at(500, class_id=ALLIGATOR_CRACK)]]))
    opened.page.wait_for_timeout(300)
    assert opened.page.evaluate(f"({FIND_POINTS})().length") == 2
    opened.page.click("text=Pothole (D40): 1")
    opened.page.wait_for_timeout(400)
    assert opened.page.evaluate(f"({FIND_POINTS})().length") == 1
    assert opened.page.query_selector(".leaflet-heatmap-layer") is None
    opened.page.click("text=Heat (by severity)")
    assert opened.page.wait_for_selector(".leaflet-heatmap-layer")
    assert opened.errors == []


def test_near_damages_are_clustered_with_their_count(tmp_path: Path, browser: Any) -> None:
    many = [at(5.0 * step, drive="a") for step in range(40)]
    opened = Page(browser, write(tmp_path, [many]))
    opened.page.wait_for_selector(".damage-cluster")
    opened.page.wait_for_timeout(700)  # clusters part in an animation
    counts = opened.page.eval_on_selector_all(".damage-cluster span", "all => all.map(x => +x.textContent)")
    alone = opened.page.evaluate(f"({FIND_POINTS})().length")
    assert sum(counts) + alone == 40


def test_text_from_data_never_becomes_markup(tmp_path: Path, browser: Any) -> None:
    opened = Page(
        browser, write(tmp_path, [[replace(ONE, drive=EVIL, model=EVIL)]], way=replace(WAY, name=EVIL))
    )
    opened.page.wait_for_timeout(300)
    opened.page.evaluate(f"({FIND_POINTS})()[0].openPopup()")
    assert "<script>window.hacked" in opened.page.wait_for_selector(".damage").inner_text()
    opened.page.wait_for_timeout(200)
    assert opened.page.evaluate("window.hacked") is None
    assert opened.errors == []


def test_no_damage_says_so(tmp_path: Path, browser: Any) -> None:
    opened = Page(browser, write(tmp_path, []))
    assert "No damage was found on 1.11 km driven" in opened.page.inner_text("body")
    assert opened.errors == []


def test_on_a_phone_nothing_covers_the_title(tmp_path: Path, browser: Any) -> None:
    opened = Page(browser, write(tmp_path, [[ONE]]), size=(390, 844))
    title = opened.page.locator(".panel.title").bounding_box()
    layers = opened.page.locator(".leaflet-control-layers").bounding_box()
    assert title["y"] > layers["y"] + layers["height"]
    assert layers["width"] < 60, "the list of layers is closed until it is touched"
    opened.page.mouse.move(layers["x"] + layers["width"] / 2, layers["y"] + layers["height"] / 2)
    assert opened.page.is_visible("text=Pothole (D40): 1")
    assert not opened.page.is_visible(".panel.legend")


def test_what_is_not_carried_stops_the_build() -> None:
    figure = OfflineFigure("t", "en")
    page = folium.Map(tiles=None)
    figure.add_child(page)
    MiniMap().add_to(page)
    with pytest.raises(MissingAssetError, match=r"MiniMap"):
        figure.render()


def test_online_tiles_are_kept_out_by_the_policy(tmp_path: Path, browser: Any) -> None:
    figure = OfflineFigure("t", "en")
    figure.add_child(folium.Map(location=(35.65, 139.75)))  # with OpenStreetMap's tile server
    path = tmp_path / "tiles.html"
    path.write_text(figure.render(), encoding="utf-8")
    opened = Page(browser, path)
    opened.page.wait_for_timeout(500)
    assert any("Content Security Policy" in error for error in opened.errors)
    assert ONE.class_id == POTHOLE
