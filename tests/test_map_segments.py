"""The map page's views of segments and hot spots, in a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from map_data_files import place
from segment_tables import line, street, table
from test_map import EVIL, WAY, Page, write
from test_merge import ONE

from maps import webmap
from maps.merge import merge
from maps.segment_data import segment_columns
from maps.tables import COLUMNS, SEGMENTS, Tables

HIGH_M = 500.0
"""How far north of the corner the streets lie: in the middle of what the page looks at."""
BOTH = [("Ⅰ", "Ⅲ"), ("Ⅱ", "Ⅱ"), ("Ⅲ", "")]
TOLD = {
    "crack_ratio": 45.2, "crack_ratio_low": 36.0, "crack_ratio_high": 54.1, "crack_ratio_as_seen": 38.5,
    "diagnosis_low": "Ⅱ", "diagnosis_high": "Ⅲ", "mci_crack_only": 5.3, "rut_mm": 12.3, "iri_mm_per_m": 4.56,
    "measured_on": "2025-10-03", "class_crack": "Ⅲ", "class_rut": "Ⅰ", "drives": 3, "last_surveyed": "2026-11-02",
    "damages": 7, "D00": 1, "D10": 0, "D20": 4, "D40": 2, "road_id": "0012",
}  # fmt: skip
SPOT = {
    "road": "市道 12 号線", "from_m": 100.0, "to_m": 200.0, "length_m": 100.0, "z": 4.123, "p": 0.00004,
    "q": 1e-9, "rate": 90.0, "rate_around": 45.0, "rate_all": 12.5, "seen_lane_m": 187.0, "drives": 2, "damages": 9,
    "D40": 3, "priority": 81.4,
}  # fmt: skip


def spot(rank: int, level: int, east_m: float, reasons: str = "", **more: Any) -> dict[str, Any]:
    geometry = line((east_m, HIGH_M), (east_m + 100, HIGH_M))
    return {**SPOT, "rank": rank, "level": level, "reasons": reasons, "geometry": geometry, **more}


def city(*, spots: list[dict[str, Any]] | None = None, **more: Any) -> Tables:
    """A road of three pieces of 100 m, its middle one also as pieces of 20 m, and hot spots."""
    short = [
        {**row, "from_m": row["from_m"] + 100, "to_m": row["to_m"] + 100}
        for row in street("桜通り", HIGH_M, *[("Ⅰ", "Ⅱ")] * 5, length_m=20.0, crack_ratio=7.0)
    ]
    return Tables(
        {
            "segments_100m": table("segments_100m", *street("桜通り", HIGH_M, *BOTH, **more)),
            "segments_20m": table("segments_20m", *short),
            "hot_spots": table("hot_spots", *(spots or [])),
        }
    )


def opened(tmp_path: Path, browser: Any, tables: Tables | None, view: str = "condition", **more: Any) -> Page:
    size = more.pop("size", (1280, 800))
    page = Page(browser, write(tmp_path, merge([[ONE]]), tables=tables, **more), size)
    if tables:
        page.show(view)
        look(page, 150, 15.5)
    return page


def look(page: Page, east_m: float, zoom: float) -> None:
    lon, lat = place(east_m, HIGH_M)
    page.page.evaluate(f"RoadDamage.page.map.setView([{lat}, {lon}], {zoom}, {{animate: false}})")


def on_screen(page: Page, east_m: float) -> tuple[float, float]:
    lon, lat = place(east_m, HIGH_M)
    x, y = page.page.evaluate(
        f"""(() => {{ const map = RoadDamage.page.map, at = map.latLngToContainerPoint([{lat}, {lon}]),
        box = map.getContainer().getBoundingClientRect(); return [at.x + box.left, at.y + box.top]; }})()"""
    )
    return float(x), float(y)


def colour(page: Page, east_m: float, up_px: float) -> str:
    """What is drawn so far above a place of the street, #rrggbb."""
    lon, lat = place(east_m, HIGH_M)
    r, g, b, _ = page.page.evaluate(
        f"""(() => {{ const canvas = RoadDamage.page.canvas, p = RoadDamage.page.map.latLngToLayerPoint([{lat}, {lon}])
        .subtract(canvas._bounds.min); return [...canvas._ctx.getImageData(p.x, p.y - {up_px}, 1, 1).data]; }})()"""
    )
    return f"#{r:02x}{g:02x}{b:02x}"


def test_places_are_kept_to_a_decimetre_and_texts_once() -> None:
    rng = np.random.default_rng(0)
    lines = [line(*np.cumsum(rng.uniform(-40, 60, (6, 2)), axis=0)) for _ in range(50)]
    rows = [{"geometry": one, "road": ("a", "b")[k % 2], "rut_mm": k + 0.123} for k, one in enumerate(lines)]
    columns, texts = segment_columns(
        [table("segments_100m", *rows[:30]), table("segments_20m", *rows[30:])], SEGMENTS
    )
    assert columns["table_begin"].tolist() == [0, 30, 50]
    points = np.cumsum(np.column_stack([columns["line_lon"], columns["line_lat"]]), axis=0) / 1e6
    for k, one in enumerate(lines):
        begin, end = columns["line_begin"][k : k + 2]
        kept, given = scaled(points[begin:end]), scaled(shapely.get_coordinates(one))
        assert np.hypot(*(kept[:, None] - given).T).min(0).max() < 0.1
        assert shapely.LineString(kept).hausdorff_distance(shapely.LineString(given)) < 0.6
    assert texts["road"] == ["a", "b"]
    assert columns["rut_mm"][7] == pytest.approx(7.1)
    assert np.isnan(columns["crack_ratio"]).all()


def test_bends_below_half_a_metre_are_left_out() -> None:
    bent = line(*[(east, 0.2 * (east % 2)) for east in range(21)])
    columns, _ = segment_columns([table("segments_20m", {"geometry": bent})], SEGMENTS)
    assert columns["line_begin"].tolist() == [0, 2]


def scaled(lonlat: Any) -> Any:
    return np.asarray(lonlat) * [90_500, 110_941]


@pytest.mark.parametrize(
    ("names", "views"),
    [
        pytest.param([], ["damages", "rate", "coverage", "change"], id="none"),
        pytest.param(["damages"], ["damages", "rate", "coverage", "change"], id="damages alone"),
        pytest.param(
            ["hot_spots"], ["damages", "hot_spots", "rate", "coverage", "change"], id="hot spots alone"
        ),
        pytest.param(
            ["segments_100m", "segments_20m", "hot_spots"],
            ["damages", "condition", "hot_spots", "rate", "coverage", "change"],
            id="all",
        ),
    ],
)
def test_views_are_offered_where_there_are_tables(
    tmp_path: Path, browser: Any, names: list[str], views: list[str]
) -> None:
    empty = Tables({name: table(name) for name in names})
    page = opened(tmp_path, browser, None)
    page.page.goto(write(tmp_path, merge([[ONE]]), tables=empty).as_uri())
    page.page.wait_for_selector("html[data-ready]")
    inputs = page.page.locator(".rd-tabs input")
    assert [inputs.nth(k).get_attribute("value") for k in range(inputs.count())] == views
    for view in views:
        page.show(view)
    assert page.errors == []


def test_tables_of_nothing_say_so(tmp_path: Path, browser: Any) -> None:
    empty = Tables({name: table(name) for name in ("segments_100m", "segments_20m", "hot_spots")})
    page = opened(tmp_path, browser, empty)
    assert page.page.inner_text(".rd-shown") == "0.0 of 0.0 km judged"
    assert "No segment in view was judged" in page.page.inner_text(".rd-panel")
    page.show("hot_spots")
    assert "No place has more damages" in page.page.inner_text(".rd-panel")
    assert page.errors == []


def test_the_legend_counts_kilometres_by_class(tmp_path: Path, browser: Any) -> None:
    rows = [
        *street("桜通り", HIGH_M, *BOTH),
        *street("裏通り", HIGH_M - 50, ("", ""), seen_share=0.0),
    ]
    page = opened(tmp_path, browser, Tables({"segments_100m": table("segments_100m", *rows)}))
    legend = [row.split("\n") for row in page.page.locator(".rd-legend .rd-row").all_inner_texts()]
    assert legend == [
        ["Ⅲ to be repaired", "0.2 km"], ["Ⅱ surface to be kept up", "0.2 km"], ["Ⅰ sound", "0.1 km"],
        ["seen too little to judge", "0.1 km"], ["not surveyed", "0.2 km"],
    ]  # fmt: skip
    assert page.page.inner_text(".rd-shown") == "0.5 of 0.8 km judged"
    assert not page.page.is_visible(".rd-filters")
    page.show("damages")
    assert page.page.is_visible(".rd-filters")


def test_close_up_there_are_shorter_segments(tmp_path: Path, browser: Any) -> None:
    page = opened(tmp_path, browser, city(crack_ratio=30.0))
    assert [entry.split()[0] for entry in page.listed()] == ["Ⅲ", "Ⅲ", "Ⅱ", "Ⅱ", "Ⅰ"]
    assert page.listed()[0] == "Ⅲ 桜通り down 0–100 m 30.0 %"
    assert "Worst segments of 100 m in view: 5 judged" in page.page.inner_text(".rd-panel")
    look(page, 150, 17)
    assert page.listed()[0] == "Ⅱ 桜通り down 100–120 m 7.0 %"
    assert "Worst segments of 20 m in view: 10 judged" in page.page.inner_text(".rd-panel")
    look(page, 5000, 17)
    assert page.listed() == []


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        pytest.param(("Ⅱ", 39.0), ("Ⅲ", 10.0), "b", id="class before crack ratio"),
        pytest.param(("Ⅱ", 39.0), ("Ⅱ", 21.0), "a", id="crack ratio within a class"),
        pytest.param(("Ⅱ", float("nan")), ("Ⅱ", 0.0), "b", id="crack ratio not known"),
    ],
)
def test_the_worst_comes_first(
    tmp_path: Path, browser: Any, first: tuple[str, float], second: tuple[str, float], expected: str
) -> None:
    rows = [
        row
        for road, north_m, (diagnosis, ratio) in (("a", HIGH_M, first), ("b", HIGH_M - 20, second))
        for row in street(road, north_m, (diagnosis, diagnosis), crack_ratio=ratio)[:1]
    ]
    page = opened(tmp_path, browser, Tables({"segments_100m": table("segments_100m", *rows)}))
    assert page.listed()[0].split()[1] == expected


@pytest.mark.parametrize(("keep_left", "above"), [(True, "#3d93c4"), (False, "#a3001f")])
def test_each_direction_is_drawn_on_its_side(
    tmp_path: Path, browser: Any, keep_left: bool, above: str
) -> None:
    """The lane along the road runs east: where traffic keeps left it lies north of it."""
    page = opened(tmp_path, browser, city(), keep_left=keep_left)
    assert {colour(page, 50, 3), colour(page, 50, -3)} == {"#3d93c4", "#a3001f"}
    assert colour(page, 50, 3) == above
    x, y = on_screen(page, 50)
    page.page.mouse.click(x, y - 3)
    assert page.page.inner_text(".rd-details h2") == f"桜通り {'up' if keep_left else 'down'} 0–100 m"
    page.page.mouse.click(x, y + 4)
    assert page.page.inner_text(".rd-details h2") == f"桜通り {'down' if keep_left else 'up'} 0–100 m"


def test_a_lane_by_itself_lies_in_the_middle(tmp_path: Path, browser: Any) -> None:
    alone = table("segments_100m", *street("桜通り", HIGH_M, ("Ⅲ", ""))[:1])
    page = opened(tmp_path, browser, Tables({"segments_100m": alone}))
    assert colour(page, 50, 0) == "#a3001f"


def test_a_click_tells_of_a_segment_and_leaves_the_map_where_it_is(tmp_path: Path, browser: Any) -> None:
    page = opened(tmp_path, browser, city(**TOLD))
    x, y = on_screen(page, 50)
    page.page.mouse.move(x, y + 3)
    assert page.page.inner_text(".leaflet-tooltip") == "桜通り down 0–100 m · Ⅲ · 45.2 %"
    page.page.mouse.click(x, y + 3)
    assert page.page.evaluate("RoadDamage.page.map.getZoom()") == 15.5
    told = dict(row.split("\t") for row in page.page.inner_text(".rd-facts").split("\n"))
    assert told == {
        "Chainage": "0.0–100.0 m", "Diagnosis": "Ⅲ (95 %: Ⅱ–Ⅲ)", "Crack ratio (%)": "45.2 (95 %: 36.0–54.1)",
        "Crack ratio as seen (%)": "38.5", "MCI (crack ratio only)": "5.3", "Rut depth (mm)": "12.3",
        "IRI (mm/m)": "4.56", "Measured on": "2025-10-03", "Class by crack ratio": "Ⅲ", "Class by rut depth": "Ⅰ",
        "Share of the lane seen": "100 %", "Drives": "3", "Last surveyed": "2026-11-02", "Road number": "0012",
        "Segment": "桜通り-0-down",
    }  # fmt: skip
    assert page.page.inner_text(".rd-details h3") == "Damages: 7"
    assert page.page.locator(".rd-details .rd-row").all_inner_texts() == [
        "Longitudinal crack (D00)\n1", "Transverse crack (D10)\n0", "Alligator crack (D20)\n4", "Pothole (D40)\n2",
    ]  # fmt: skip
    assert page.page.inner_text(".rd-badge") == "Ⅲ to be repaired"


def test_what_is_not_known_is_not_told(tmp_path: Path, browser: Any) -> None:
    row = street("", HIGH_M, ("", ""), seen_share=0.3)[0]
    page = opened(
        tmp_path, browser, Tables({"segments_100m": table("segments_100m", row | {"direction": ""})})
    )
    x, y = on_screen(page, 50)
    page.page.mouse.click(x, y)
    assert page.page.inner_text(".rd-details h2") == "Stretch of street 0–100 m"
    assert page.page.inner_text(".rd-badge") == "seen too little to judge"
    assert "NaN" not in page.page.inner_text("body")
    assert page.page.locator(".rd-facts th").all_inner_texts() == [
        "Chainage", "Share of the lane seen", "Segment",
    ]  # fmt: skip


LEVELS = [
    spot(1, 99, 0, "3 potholes"), spot(2, 95, 100, "2 potholes"), spot(3, 90, 200),
    spot(0, 0, 300), spot(0, 0, 400), spot(0, 0, 500),
]  # fmt: skip


def test_hot_spots_are_listed_by_rank_with_reasons(tmp_path: Path, browser: Any) -> None:
    page = opened(tmp_path, browser, city(spots=[LEVELS[k] for k in (1, 2, 0, 3, 4, 5)]), "hot_spots")
    assert page.listed() == [
        "1 市道 12 号線 100–200 m 3 potholes 99 %", "2 市道 12 号線 100–200 m 2 potholes 95 %",
        "3 市道 12 号線 100–200 m 90 %",
    ]  # fmt: skip
    assert page.page.inner_text(".rd-shown") == "3 of 6 places are hot"
    legend = [row.split("\n") for row in page.page.locator(".rd-legend .rd-row").all_inner_texts()]
    assert legend == [
        ["hot (99 %)", "1"], ["hot (95 %)", "1"], ["hot (90 %)", "1"],
        ["not hot", "3"], ["not compared: too little seen"],
    ]  # fmt: skip
    assert not page.page.is_visible(".rd-filters")
    look(page, 250, 17)
    drawn = {east: colour(page, east + 20, 0) for east in (0, 100, 200, 300, 500)}
    assert drawn == {0: "#7a0019", 100: "#d7301f", 200: "#f58a4b", 300: "#7d8590", 500: "#7d8590"}


def test_a_hot_spot_says_why(tmp_path: Path, browser: Any) -> None:
    page = opened(tmp_path, browser, city(spots=LEVELS), "hot_spots")
    look(page, 0, 13)
    text = page.open_first()
    assert page.page.evaluate("RoadDamage.page.map.getZoom()") == 16
    assert text.startswith("#1 市道 12 号線 100–200 m")
    assert page.page.inner_text(".rd-said") == "3 potholes"
    told = dict(row.split("\t") for row in page.page.inner_text(".rd-facts").split("\n"))
    assert told == {
        "Chainage": "100.0–200.0 m", "Weighted damages per lane-km": "90.0",
        "Weighted damages per lane-km around": "45.0", "Weighted damages per lane-km everywhere": "12.5",
        "Gi* (z)": "4.12", "p": "0.00004", "q (false discovery)": "< 0.00001", "Lane seen (m)": "187", "Drives": "2",
        "Priority (of 100)": "81.4",
    }  # fmt: skip
    bars = page.page.evaluate(
        "[...document.querySelectorAll('.rd-bar')].map(bar => bar.getBoundingClientRect().width)"
    )
    assert np.array(bars) / bars[0] == pytest.approx([1, 0.5, 12.5 / 90], abs=0.01)
    assert "Pothole (D40)\n3" in text


def test_where_nothing_is_hot_the_page_says_so(tmp_path: Path, browser: Any) -> None:
    page = opened(tmp_path, browser, Tables({"hot_spots": table("hot_spots", spot(0, 0, 0))}), "hot_spots")
    legend = page.page.inner_text(".rd-legend")
    assert "not compared" not in legend
    assert "No place has more damages than chance would have it." in page.page.inner_text(".rd-panel")


def test_text_of_tables_never_becomes_markup(tmp_path: Path, browser: Any) -> None:
    named = {"road_id": EVIL, "road_kind": EVIL, "measured_on": EVIL, "last_surveyed": EVIL}
    rows = [
        row | {"segment": EVIL, "direction": EVIL, "geometry": row["geometry"]}
        for row in street(EVIL, HIGH_M, ("Ⅲ", "Ⅲ"), **named)
    ]
    hot = spot(1, 99, 0, EVIL, road=EVIL, direction=EVIL, segment=EVIL)
    tables = Tables(
        {"segments_100m": table("segments_100m", *rows), "hot_spots": table("hot_spots", hot)}, notes=(EVIL,)
    )
    page = opened(tmp_path, browser, tables)
    for view in ("condition", "hot_spots"):
        page.show(view)
        assert EVIL in page.page.inner_text(".rd-list")
        assert page.open_first().count("<script>window.hacked") >= 3
    assert EVIL in page.page.inner_text(".rd-notices")
    assert page.page.evaluate("window.hacked") is None
    assert page.page.locator("body img[src=x]").count() == 0


def test_segments_are_reached_by_keyboard(tmp_path: Path, browser: Any) -> None:
    page = opened(tmp_path, browser, city(spots=LEVELS), "damages")
    page.page.focus("input[value=damages]")
    for view in ("condition", "hot_spots"):
        page.page.keyboard.press("ArrowRight")
        assert page.page.is_checked(f"input[value={view}]")
        page.page.focus(".rd-list button")
        page.page.keyboard.press("Enter")
        page.page.wait_for_selector(".rd-details:not([hidden])")
        page.page.keyboard.press("Escape")
        assert not page.page.is_visible(".rd-details")
        assert page.page.evaluate("document.activeElement.closest('.rd-list') !== null"), "back where one was"
        page.page.focus(f"input[value={view}]")


@pytest.mark.parametrize("language", ["en", "ja"])
def test_on_a_phone_the_map_keeps_most_of_the_page(tmp_path: Path, browser: Any, language: str) -> None:
    page = opened(tmp_path, browser, city(spots=LEVELS), size=(390, 844), language=language)
    assert page.page.locator(".rd-panel").bounding_box()["y"] > 600
    for view in ("condition", "hot_spots"):
        page.show(view)
        assert page.page.evaluate("document.documentElement.scrollWidth") == 390
        assert page.page.locator(".rd-mini .rd-row").count() >= 5
        page.page.evaluate("document.querySelector('.rd-list button').click()")
        assert page.page.locator(".rd-details").bounding_box()["width"] == 390
        assert page.page.evaluate(
            "(box => box.scrollWidth <= box.clientWidth)(document.querySelector('.rd-details-body'))"
        )
        page.page.keyboard.press("Escape")
    assert page.errors == []


def test_too_many_short_segments_are_left_out_and_it_says_so(
    tmp_path: Path, browser: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webmap, "MOST_SEGMENTS", 9)
    page = opened(tmp_path, browser, city())
    assert "segments of 100 m only: there are 10 of 20 m" in page.page.inner_text(".rd-notices")
    look(page, 150, 18)
    assert "Worst segments of 100 m" in page.page.inner_text(".rd-panel")


def test_ways_alone_with_segments(tmp_path: Path, browser: Any) -> None:
    page = Page(browser, write(tmp_path, None, ways=[WAY], tables=city()))
    inputs = page.page.locator(".rd-tabs input")
    assert [inputs.nth(k).get_attribute("value") for k in range(inputs.count())] == [
        "condition", "hot_spots", "coverage",
    ]  # fmt: skip
    assert page.page.inner_text(".rd-shown") == "0.5 of 0.6 km judged"
    assert page.errors == []


def test_the_page_asks_for_nothing(tmp_path: Path, browser: Any) -> None:
    page = opened(tmp_path, browser, city(spots=LEVELS))
    for view in ("condition", "hot_spots"):
        page.show(view)
    assert page.asked_for() == [(tmp_path / "map.html").as_uri()]
    assert page.errors == []


def test_an_empty_table_leaves_the_numbers_of_the_other_one_numbers() -> None:
    (row, _) = street("a", 0, ("Ⅱ", "Ⅲ"), crack_ratio=12.34)
    columns, texts = segment_columns([table("segments_100m", row), table("segments_20m")], SEGMENTS)
    assert columns["crack_ratio"] == pytest.approx(12.3)
    assert columns["table_begin"].tolist() == [0, 1, 1]
    assert texts["diagnosis"] == ["Ⅱ"]


def test_a_short_road_is_one_piece_of_both_lengths_and_not_beside_itself() -> None:
    (row, other) = street("a", 0, ("Ⅱ", "Ⅲ"), length_m=25.0)
    columns, _ = segment_columns([table("segments_100m", row), table("segments_20m", row, other)], SEGMENTS)
    assert columns["beside"].tolist() == [0, 1, 1]


def test_every_column_of_the_views_is_in_the_pack() -> None:
    for name in ("segments_100m", "hot_spots"):
        columns, _ = segment_columns([table(name)], COLUMNS[name])
        assert {column.name for column in COLUMNS[name]} <= set(columns)
