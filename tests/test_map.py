"""The map page in a real browser: it opens offline, shows what it should, and trusts no text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import folium
import geopandas
import numpy as np
import pytest
import shapely
from conftest import until
from folium.plugins import MiniMap
from PIL import Image
from test_merge import ONE, at

from detector.classes import ALLIGATOR_CRACK, LONGITUDINAL_CRACK, POTHOLE
from detector.sightings import Sighting
from maps import pictures
from maps.damage import Damage, Miss, State
from maps.exports import Driven
from maps.growth import Growth
from maps.merge import merge
from maps.offline import MissingAssetError, OfflineFigure
from maps.places_file import PlacesError
from maps.placing import read_ground
from maps.webmap import write_map
from roaddamage.language import translation

TOKYO = ZoneInfo("Asia/Tokyo")
DAY_S = 86_400.0
WAY = Driven("a", [np.array([[139.75, 35.65], [139.75, 35.66]])], 1109.0, 1.7157e9)
EVIL = "<script>window.hacked=1</script>\"'</script><img src=x onerror=window.hacked=1>"


class Page:
    """A page opened in Chromium, with every request and error it made."""

    def __init__(
        self, browser: Any, address: Path | str, size: tuple[int, int] = (1280, 800), *, ready: bool = True
    ) -> None:
        self.page = browser.new_page(viewport={"width": size[0], "height": size[1]})
        self.requests: list[str] = []
        self.errors: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda m: self.errors.append(m.text) if m.type == "error" else None)
        self.page.goto(address.as_uri() if isinstance(address, Path) else address)
        self.page.wait_for_selector("html[data-ready]" if ready else ".leaflet-container")

    def asked_for(self) -> list[str]:
        return [url for url in self.requests if not url.startswith("data:")]

    def drawn(self) -> list[int]:
        """Numbers of the damages that are drawn by themselves."""
        return sorted(self.page.evaluate("RoadDamage.page.items.filter(i => i.item).map(i => i.item.number)"))

    def clusters(self) -> list[int]:
        return list(
            self.page.evaluate("RoadDamage.page.items.filter(i => i.cluster).map(i => i.cluster.count)")
        )

    def show(self, view: str) -> None:
        self.page.check(f"input[value={view}]", force=True)

    def open_first(self) -> str:
        self.page.click(".rd-list button")
        return str(self.page.wait_for_selector(".rd-details:not([hidden])").inner_text())

    def listed(self) -> list[str]:
        return [text.replace("\n", " ") for text in self.page.locator(".rd-list button").all_inner_texts()]


def write(
    tmp_path: Path,
    damages: Sequence[Damage] | None,
    language: str = "en",
    ways: Sequence[Driven] = (WAY,),
    **more: Any,
) -> Path:
    """The page of these damages, with their evidence picture beside it."""
    evidence = tmp_path / "evidence"
    evidence.mkdir(exist_ok=True)
    for name in ("e.jpg", "c.jpg"):
        Image.new("RGB", (640, 360), (90, 90, 90)).save(evidence / name)
    path = tmp_path / "map.html"
    write_map(
        path, damages, ways, evidence, zone=TOKYO, language=language, translate=translation(language), **more
    )
    return path


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (
            "en",
            ["Road damage map", "Damages: 2, on 1.11 km driven", "Pothole (D40)", "Street driven", "Per km"],
        ),
        (
            "ja",
            ["道路損傷マップ", "走行 1.11 km、損傷 2 件", "ポットホール（D40）", "走行した道路", "km当たり"],
        ),
    ],
)
def test_page_opens_from_a_file_without_a_request(
    tmp_path: Path, browser: Any, language: str, words: list[str]
) -> None:
    path = write(tmp_path, merge([[ONE, at(500, class_id=ALLIGATOR_CRACK, area_m2=1.2)]]), language)
    opened = Page(browser, path)
    text = opened.page.inner_text("body")
    assert [word for word in words if word not in text] == []
    assert opened.page.get_attribute("html", "lang") == language
    for view in ("rate", "coverage", "change", "damages"):
        opened.show(view)
    assert opened.asked_for() == [path.as_uri()]
    assert opened.errors == []


def test_details_show_evidence_facts_and_the_error(tmp_path: Path, browser: Any) -> None:
    (damage,) = merge([[ONE]])
    known = replace(damage, road="市道 12 号", chainage_m=1234.0)
    opened = Page(browser, write(tmp_path, [known]))
    text = opened.open_first()
    for word in (
        "#1 Pothole (D40)", "large", "there", "80 %", "± 5 m (95 %)", "0.5 ± 0.1 m long", "0.2 ± 0.1 m²",
        "2023-11-15 07:13", "a, at 0:01.0", "市道 12 号", "1234 m", "35.650000, 139.750000", "1 of 1 passes",
    ):  # fmt: skip
        assert word in text
    opened.page.evaluate("document.querySelector('.rd-picture img').decode()")
    assert opened.page.evaluate("document.querySelector('.rd-picture img').naturalWidth") == 420
    assert opened.page.get_attribute(".rd-picture a", "href") == "evidence/e.jpg"
    assert opened.page.evaluate("RoadDamage.page.selected.major_m") == pytest.approx(4.9, abs=0.11)
    opened.page.keyboard.press("Escape")
    assert not opened.page.is_visible(".rd-details")
    assert opened.page.evaluate("RoadDamage.page.selected") is None


def test_the_error_is_an_ellipse_where_it_is_one(tmp_path: Path, browser: Any) -> None:
    (damage,) = merge([[replace(ONE, covariance_m2=((1.0, 0.0), (0.0, 9.0)))]])
    opened = Page(browser, write(tmp_path, [damage]))
    opened.open_first()
    selected = opened.page.evaluate("RoadDamage.page.selected")
    assert selected["major_m"] == pytest.approx(7.3, abs=0.1)
    assert selected["minor_m"] == pytest.approx(2.4, abs=0.1)
    assert selected["bearing_deg"] in (0, 180)


def test_sightings_over_time_stand_side_by_side_with_the_passes_that_saw_nothing(
    tmp_path: Path, browser: Any
) -> None:
    later = replace(ONE, drive="b", utc_s=1.7e9 + 40 * DAY_S, width_m=0.7)
    (damage,) = merge([[ONE], [later]])
    damage = replace(damage, passes=3, missed=(Miss("c", 1.7e9 + 20 * DAY_S, 0.7),))
    opened = Page(browser, write(tmp_path, [damage]))
    opened.open_first()
    cards = opened.page.locator(".rd-history li").all_inner_texts()
    assert [card.split("\n")[0] for card in cards] == [
        "2023-11-15 07:13", "2023-12-05 07:13", "2023-12-25 07:13",
    ]  # fmt: skip
    assert "passed, not seen" in cards[1]
    assert "0.7 ± 0.1 m wide" in cards[2]
    assert opened.page.locator(".rd-history img").count() == 2


@pytest.mark.parametrize(
    ("rate", "language", "line"),
    [(0.4, "en", "0.4 ± 0.1 m² a year"), (0.4, "ja", "年 0.4 ± 0.1 m²"), (0.1, "en", None)],
)
def test_details_tell_growth_that_is_sure(
    tmp_path: Path, browser: Any, rate: float, language: str, line: str | None
) -> None:
    (damage,) = merge([[ONE]])
    opened = Page(browser, write(tmp_path, [replace(damage, growth=Growth(rate, 0.1))], language))
    text = opened.open_first()
    label = {"en": "Growing", "ja": "拡大中"}[language]
    assert (label in text) == (line is not None)
    assert line is None or line in text


FOUR = [
    at(0, drive="a", class_id=POTHOLE, confidence=0.9, width_m=0.6),
    at(100, drive="a", class_id=POTHOLE, confidence=0.4, width_m=0.1),
    at(200, drive="a", class_id=LONGITUDINAL_CRACK, confidence=0.6, length_m=4.0, utc_s=1.7e9 + 10 * DAY_S),
    at(300, drive="a", class_id=LONGITUDINAL_CRACK, confidence=0.6, length_m=0.4, utc_s=None),
]


@pytest.mark.parametrize(
    ("step", "left"),
    [
        pytest.param("page.uncheck('label:has-text(\"Pothole\") input')", [3, 4], id="class"),
        pytest.param("page.uncheck('label:has-text(\"large\") input')", [2, 4], id="severity"),
        pytest.param(
            "page.uncheck('label:has-text(\"probably repaired\") >> nth=-1 >> input')", [1, 3, 4], id="state"
        ),
        pytest.param("page.locator('input[type=range]').fill('50')", [1, 3, 4], id="confidence"),
        pytest.param("page.fill('input[name=from]', '2023-11-20')", [3], id="from a day on"),
        pytest.param("page.fill('input[name=to]', '2023-11-20')", [1, 2], id="up to a day"),
    ],
)
def test_filters_without_loading_anew(tmp_path: Path, browser: Any, step: str, left: list[int]) -> None:
    damages = merge([FOUR])
    damages[1] = replace(damages[1], state=State.repaired)
    opened = Page(browser, write(tmp_path, damages))
    assert opened.drawn() == [1, 2, 3, 4]
    eval(step, {"page": opened.page})  # noqa: S307
    assert opened.drawn() == left
    assert f"Damages: {len(left)} of 4" in opened.page.inner_text(".rd-shown")
    assert len(opened.asked_for()) == 1


def test_damages_without_a_date_are_counted_when_dates_are_asked_for(tmp_path: Path, browser: Any) -> None:
    opened = Page(browser, write(tmp_path, merge([FOUR])))
    assert "without a date" not in opened.page.inner_text(".rd-shown")
    opened.page.fill("input[name=from]", "2023-11-01")
    assert opened.page.inner_text(".rd-shown") == "Damages: 3 of 4 (1 without a date are left out)"
    opened.page.click("text=All dates")
    assert opened.drawn() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("language", "message"),
    [("en", "The dates are reversed: 2024-05-01 is after 2024-02-01"), ("ja", "日付が逆です（2024-05-01")],
)
def test_reversed_dates_are_said_and_change_nothing(
    tmp_path: Path, browser: Any, language: str, message: str
) -> None:
    opened = Page(browser, write(tmp_path, merge([FOUR]), language))
    opened.page.fill("input[name=to]", "2024-02-01")
    before = opened.drawn()
    opened.page.fill("input[name=from]", "2024-05-01")
    assert message in opened.page.inner_text("[role=alert]:visible")
    assert opened.drawn() == before
    opened.page.fill("input[name=from]", "2023-05-01")
    assert opened.page.locator("[role=alert]:visible").count() == 0


def test_near_damages_are_clustered_with_their_count(tmp_path: Path, browser: Any) -> None:
    many = merge([[at(1.8 * step, drive="a", lon=139.75 + 0.00008 * (step % 7)) for step in range(600)]])
    opened = Page(browser, write(tmp_path, many))
    opened.page.evaluate("RoadDamage.page.map.setZoom(15, {animate: false})")
    counts = opened.clusters()
    assert len(counts) > 1
    assert sum(counts) + len(opened.drawn()) == len(many)
    opened.page.evaluate("RoadDamage.page.map.setZoom(18, {animate: false})")
    assert opened.clusters() == []


def test_text_from_data_never_becomes_markup(tmp_path: Path, browser: Any) -> None:
    evil = replace(ONE, drive=EVIL, model=EVIL, evidence=EVIL, crop=EVIL)
    (damage,) = merge([[evil], [replace(evil, drive=EVIL + "2", utc_s=1.8e9)]])
    damage = replace(damage, road=EVIL, missed=(Miss(EVIL, 1.75e9, 0.5),))
    stray = replace(damage, number=2, lon=0.0, lat=0.0)
    opened = Page(browser, write(tmp_path, [damage, stray], ways=[replace(WAY, name=EVIL)]))
    text = opened.open_first()
    assert text.count("<script>window.hacked") >= 3
    assert EVIL in text
    opened.page.click("summary")
    assert EVIL in opened.page.inner_text(".rd-panel")
    for view in ("rate", "coverage", "change"):
        opened.show(view)
    opened.page.click("input[value=coverage]", force=True)
    assert EVIL in opened.open_first()
    assert opened.page.evaluate("window.hacked") is None
    here = Path(opened.asked_for()[0].removeprefix("file://")).parent.as_uri()
    assert all(url.startswith(here) for url in opened.asked_for())


@pytest.mark.parametrize(
    ("damages", "ways", "words"),
    [
        pytest.param([], [WAY], "No damage was found on 1.11 km driven", id="no damage"),
        pytest.param([], [], "No damage was found on 0.00 km driven", id="nothing at all"),
    ],
)
def test_an_empty_map_says_so(
    tmp_path: Path, browser: Any, damages: list[Damage], ways: list[Driven], words: str
) -> None:
    opened = Page(browser, write(tmp_path, damages, ways=ways))
    assert words in opened.page.inner_text("body")
    assert "Damages: 0 of 0" in opened.page.inner_text("body")
    for view in ("rate", "coverage", "change"):
        opened.show(view)
    assert opened.errors == []


def test_ways_alone(tmp_path: Path, browser: Any) -> None:
    opened = Page(browser, write(tmp_path, None))
    assert "Ways driven" in opened.page.inner_text("h1")
    assert "Last driven" in opened.page.inner_text(".rd-legend")
    assert not opened.page.is_visible("text=Pothole")
    assert opened.errors == []


NOWHERE = [
    pytest.param({"lon": 0.0, "lat": 0.0}, id="0, 0"),
    pytest.param({"lon": 141.35, "lat": 43.06}, id="another city"),
    pytest.param({"lon": float("nan"), "lat": 35.65}, id="no number"),
    pytest.param({"lon": 139.75, "lat": 355.0}, id="not on Earth"),
]


@pytest.mark.parametrize("where", NOWHERE)
def test_a_stray_is_listed_and_does_not_move_the_map(
    tmp_path: Path, browser: Any, where: dict[str, float]
) -> None:
    (damage,) = merge([[ONE]])
    stray = replace(damage, number=7, **where)
    opened = Page(browser, write(tmp_path, [damage, stray]))
    assert "Damages: 2, on" in opened.page.inner_text("header")
    notice = opened.page.locator("details.rd-notices")
    assert "as they lie nowhere near: 1" in notice.inner_text()
    notice.locator("summary").click()
    assert "#7 Pothole (D40)" in notice.inner_text()
    assert opened.page.evaluate("RoadDamage.page.map.getZoom()") >= 15
    assert opened.drawn() == [1]
    assert opened.errors == []


def test_what_lies_outside_the_municipality_is_listed(tmp_path: Path, browser: Any) -> None:
    ground = shapely.box(139.74, 35.6, 139.76, 35.6505)
    opened = Page(browser, write(tmp_path, merge([[ONE, at(300)]]), within=ground))
    assert opened.drawn() == [1]
    assert "as they lie nowhere near: 1" in opened.page.inner_text("details.rd-notices")


def test_two_areas_open_at_the_fuller_one(tmp_path: Path, browser: Any) -> None:
    far = Driven("far", [np.array([[141.35, 43.06], [141.35, 43.07]])], 1109.0, 1.7157e9)
    damages = merge([[ONE, at(100), at(200)], [replace(ONE, lon=141.35, lat=43.065, drive="far")]])
    opened = Page(browser, write(tmp_path, damages, ways=[far, WAY]))
    assert opened.drawn() == [1, 2, 3]
    opened.page.click("text=Area 2")
    assert opened.drawn() == [4]
    assert opened.page.evaluate("RoadDamage.page.map.getZoom()") >= 14


def test_sizes_that_are_no_numbers_are_dashes(tmp_path: Path, browser: Any) -> None:
    nan = float("nan")
    odd = replace(ONE, length_m=nan, length_sd_m=nan, width_m=nan, width_sd_m=nan, area_m2=nan, area_sd_m2=nan,
                  confidence=nan, covariance_m2=((nan, nan), (nan, nan)))  # fmt: skip
    damage = Damage(1, POTHOLE, 0, nan, ONE.lon, ONE.lat, np.full((2, 2), nan), (odd,), still_there=nan)
    opened = Page(browser, write(tmp_path, [damage]))
    text = opened.open_first()
    assert "– m long, – m wide" in text
    assert "NaN" not in opened.page.inner_text("body")
    assert opened.errors == []


def test_rates_are_of_the_street_not_of_the_drives(tmp_path: Path, browser: Any) -> None:
    drives = [replace(WAY, name=str(i), begin_utc_s=1.7e9 + i * DAY_S) for i in range(10)]
    damages = merge([[at(20.0 * step, drive="0") for step in range(5)]])
    opened = Page(browser, write(tmp_path, damages, ways=drives))
    opened.show("rate")
    assert opened.listed() == ["50 a km (5 on 100 m)"]
    opened.page.evaluate("RoadDamage.page.map.setZoom(11, {animate: false})")  # squares
    opened.page.uncheck("label:has-text('Pothole') input")
    assert opened.listed() == [], "rates follow the filter"
    assert opened.errors == []


def test_coverage_tells_when_how_often_and_what_could_not_be_judged(tmp_path: Path, browser: Any) -> None:
    lower, upper = (np.array([[139.75, a], [139.75, b]]) for a, b in ((35.65, 35.655), (35.655, 35.66)))
    drives = [
        Driven("old", [lower, upper], 1109.0, 1.7e9),
        Driven("new", [lower], 555.0, 1.7e9 + 60 * DAY_S, [upper], 555.0),
        Driven("dark", [], 555.0, 1.7e9, [upper + [0.001, 0.0]], 555.0),
    ]
    opened = Page(browser, write(tmp_path, merge([[ONE]]), ways=drives))
    opened.show("coverage")
    told = opened.listed()
    assert told[0] == "driven 1 ×, last on 2023-11-15"
    assert told[-1] == "driven 2 ×, last on 2024-01-14"
    assert opened.page.inner_text(".rd-shown") == "1.11 km of street"
    legend = opened.page.inner_text(".rd-legend")
    for words in ("as of 2024-01-14", "within 7 days", "within 90 days", "could not be judged"):
        assert words in legend
    opened.page.fill("input[name=from]", "2024-01-01")
    assert "Not driven in these dates" in opened.page.inner_text(".rd-legend")


def _sighting(day: int, **more: Any) -> Sighting:
    return replace(ONE, drive=f"day {day}", utc_s=1.7e9 + day * DAY_S, **more)


def _miss(day: int, detectable: float = 0.9) -> Miss:
    return Miss(f"day {day}", 1.7e9 + day * DAY_S, detectable)


@pytest.mark.parametrize(
    ("seen", "missed", "kind"),
    [
        pytest.param([_sighting(60)], [_miss(0)], "new", id="passed unseen, then seen"),
        pytest.param([_sighting(60)], [], "driven for the first time", id="never passed before"),
        pytest.param([_sighting(0), _sighting(60)], [], "unchanged", id="seen on both"),
        pytest.param([_sighting(0), _sighting(60, width_m=0.9)], [], "worse", id="wider than the errors"),
        pytest.param([_sighting(0, width_m=0.9), _sighting(60)], [], "better", id="narrower than the errors"),
        pytest.param(
            [_sighting(0), _sighting(60, width_m=0.7)], [], "unchanged", id="wider within the errors"
        ),
        pytest.param(
            [_sighting(0), _sighting(60, width_m=0.9, class_id=0, confidence=0.1)],
            [],
            "unchanged",
            id="wider, of another class",
        ),
        pytest.param(
            [_sighting(0)],
            [_miss(day) for day in (20, 30, 40)],
            "probably repaired",
            id="unseen again and again",
        ),
        pytest.param(
            [_sighting(0)], [_miss(30, 0.3), _miss(60, 0.3)], "not seen, unclear", id="hardly seen at all"
        ),
        pytest.param([_sighting(0)], [_miss(60)], "not seen, unclear", id="unseen once"),
        pytest.param([_sighting(0)], [], "not driven again", id="no pass since"),
        pytest.param(
            [_sighting(0), _sighting(60)], [_miss(30), _miss(31)], "unchanged", id="seen again after all"
        ),
        pytest.param([_sighting(90)], [], None, id="seen later than both"),
        pytest.param([replace(ONE, utc_s=None)], [], None, id="no date"),
    ],
)
def test_change_between_two_days(
    tmp_path: Path, browser: Any, seen: list[Sighting], missed: list[Miss], kind: str | None
) -> None:
    damage = replace(merge([[seen[0]]])[0], sightings=tuple(seen), missed=tuple(missed))
    ways = [replace(WAY, name=f"day {day}", begin_utc_s=1.7e9 + day * DAY_S) for day in (0, 30, 60, 90)]
    opened = Page(browser, write(tmp_path, [damage], ways=ways))
    opened.show("change")
    opened.page.select_option("select[name=second]", label="2024-01-14")
    rows = [row.split("\n") for row in opened.page.locator(".rd-change .rd-row").all_inner_texts()]
    told = {words[-2]: words[-1] for words in rows if words[-1] != "0"}
    assert told == ({kind: "1"} if kind else {})
    assert len(opened.drawn()) == len(told)


@pytest.mark.parametrize(
    ("later_day", "days"),
    [
        pytest.param(None, ["2023-11-15", "2024-02-13"], id="one survey: its first day and its last"),
        pytest.param(60, ["2023-12-15", "2024-02-13"], id="two: the last day of each"),
        pytest.param(0, ["2023-11-15", "2024-02-13"], id="all of the later one"),
    ],
)
def test_change_begins_as_between_two_surveys(
    tmp_path: Path, browser: Any, later_day: int | None, days: list[str]
) -> None:
    ways = [replace(WAY, name=f"day {day}", begin_utc_s=1.7e9 + day * DAY_S) for day in (0, 30, 60, 90)]
    more = {} if later_day is None else {"later_utc_s": 1.7e9 + later_day * DAY_S}
    opened = Page(browser, write(tmp_path, merge([[_sighting(0)]]), ways=ways, **more))
    opened.show("change")
    chosen = opened.page.locator(".rd-days select").evaluate_all(
        "all => all.map(one => one.selectedOptions[0].label)"
    )
    assert chosen == days


def test_reversed_days_of_a_change_are_said(tmp_path: Path, browser: Any) -> None:
    ways = [replace(WAY, begin_utc_s=1.7e9 + day * DAY_S) for day in (0, 30, 60)]
    opened = Page(browser, write(tmp_path, merge([[ONE]]), ways=ways))
    opened.show("change")
    opened.page.select_option("select[name=first]", label="2024-01-14")
    assert "The dates are reversed" in opened.page.inner_text(".rd-change [role=alert]")


def test_a_change_needs_two_days(tmp_path: Path, browser: Any) -> None:
    way = replace(WAY, begin_utc_s=1.7e9)
    opened = Page(browser, write(tmp_path, merge([[ONE]]), ways=[way]))
    opened.show("change")
    assert "drives of one day only" in opened.page.inner_text(".rd-change")
    assert (opened.drawn(), opened.listed()) == ([], [])
    assert opened.errors == []


def test_a_browser_that_is_too_old_is_told(tmp_path: Path, browser: Any) -> None:
    page = browser.new_page()
    page.add_init_script("delete window.DecompressionStream")
    page.goto(write(tmp_path, merge([[ONE]])).as_uri())
    assert (
        "The map can't be shown: DecompressionStream" in page.wait_for_selector("[role=alert]").inner_text()
    )


def test_the_list_has_the_gravest_first(tmp_path: Path, browser: Any) -> None:
    many = [
        at(8.0 * i, drive="a", width_m=0.9 if i % 2 else 0.1, confidence=0.3 + i / 200) for i in range(120)
    ]
    opened = Page(browser, write(tmp_path, merge([many])))
    listed = opened.listed()
    assert len(listed) == 50
    assert all("large" in entry for entry in listed)
    shares = [int(entry.split()[-2]) for entry in listed]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] == 90


def test_beyond_its_size_the_page_says_what_is_left_out(tmp_path: Path, browser: Any) -> None:
    opened = Page(browser, write(tmp_path, merge([FOUR]), most=3))
    notice = opened.page.inner_text(".rd-notices")
    assert "holds the 3 gravest damages" in notice
    assert "1 are left out, also of all counts and rates: small 1" in notice
    assert opened.drawn() == [1, 3, 4]
    assert "Damages: 4, on" in opened.page.inner_text("header")


def test_pictures_without_room_are_shown_from_beside_the_page(
    tmp_path: Path, browser: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures.inside, "__defaults__", (0,))
    path = write(tmp_path, merge([[ONE]]))
    opened = Page(browser, path)
    opened.open_first()
    decoded = "document.querySelector('.rd-picture img').decode()"
    opened.page.evaluate(decoded)
    assert opened.page.evaluate("document.querySelector('.rd-picture img').naturalWidth") == 640
    assert opened.asked_for() == [path.as_uri(), (tmp_path / "evidence" / "e.jpg").as_uri()]
    (tmp_path / "evidence" / "e.jpg").unlink()
    opened = Page(browser, path)
    opened.open_first()
    opened.page.wait_for_selector("text=The picture e.jpg is not beside this page.")


def test_everything_is_reached_by_keyboard(tmp_path: Path, browser: Any) -> None:
    opened = Page(browser, write(tmp_path, merge([FOUR])))
    opened.page.focus("input[value=damages]")
    opened.page.keyboard.press("ArrowRight")
    assert opened.page.is_checked("input[value=rate]")
    opened.page.keyboard.press("ArrowLeft")
    opened.page.focus(".rd-list button")
    opened.page.keyboard.press("Enter")
    opened.page.wait_for_selector(".rd-details:not([hidden])")
    assert opened.page.evaluate("document.activeElement.closest('.rd-details') !== null")
    opened.page.keyboard.press("Escape")
    assert not opened.page.is_visible(".rd-details")
    assert opened.page.evaluate("document.activeElement.closest('.rd-list') !== null"), "back where one was"


def test_a_click_on_the_map_opens_what_lies_there(tmp_path: Path, browser: Any) -> None:
    opened = Page(browser, write(tmp_path, merge([FOUR])))
    where = """() => { const p = RoadDamage.page, c = p.map.latLngToContainerPoint([35.65 + 100 / 110941, 139.75]),
        box = p.map.getContainer().getBoundingClientRect(); return [c.x + box.left, c.y + box.top]; }"""
    x, y = opened.page.evaluate(where)
    opened.page.mouse.move(x, y)
    assert "#2" in opened.page.inner_text(".leaflet-tooltip")
    opened.page.mouse.click(x, y)
    assert "#2 Pothole" in opened.page.wait_for_selector(".rd-details:not([hidden])").inner_text()


def test_on_a_phone_the_map_comes_first(tmp_path: Path, browser: Any) -> None:
    opened = Page(browser, write(tmp_path, merge([FOUR])), size=(390, 844))
    panel = opened.page.locator(".rd-panel").bounding_box()
    assert panel["y"] > 650
    assert panel["width"] == 390
    assert not opened.page.is_visible(".rd-filters")
    opened.page.click("text=Filter and legend")
    assert opened.page.is_visible(".rd-filters")
    assert opened.page.locator(".rd-panel").bounding_box()["y"] > 100, "some of the map stays in sight"
    opened.page.click("header button:has-text('Close')")
    assert opened.page.evaluate("document.documentElement.scrollWidth") == 390
    lowest = opened.page.evaluate(
        "Math.max(...RoadDamage.page.items.map(i => RoadDamage.page.map.latLngToContainerPoint("
        "[Math.atan(Math.sinh(Math.PI * (1 - 2 * i.y))) * 180 / Math.PI, 360 * i.x - 180]).y))"
    )
    assert lowest < panel["y"], "no damage begins under the panel"
    opened.page.evaluate("document.querySelectorAll('.rd-list button')[1].click()")
    opened.page.evaluate("document.querySelector('.rd-picture img').decode()")
    where = "(s => RoadDamage.page.map.latLngToContainerPoint([s.lat, s.lon]).y)(RoadDamage.page.selected)"
    top = opened.page.locator(".rd-details").bounding_box()["y"]
    until(
        lambda: 0 < opened.page.evaluate(where) < top - 20, "nor is the one opened, once the map has glided"
    )


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
    opened = Page(browser, path, ready=False)
    policy = "Content Security Policy"
    until(
        lambda: opened.page.title() and any(policy in error for error in opened.errors),
        "the browser's refusal",
    )


def test_the_ground_comes_from_a_file_of_polygons(tmp_path: Path) -> None:
    square = shapely.box(139.7, 35.6, 139.8, 35.7)
    table = geopandas.GeoDataFrame(geometry=[square, shapely.Point(0, 0)], crs=4326)
    table.to_crs(6668).to_file(tmp_path / "ground.geojson")
    assert read_ground(tmp_path / "ground.geojson").equals_exact(square, 1e-6)
    (tmp_path / "none.geojson").write_text("nothing")
    table.iloc[1:].to_file(tmp_path / "points.gpkg")
    for name, words in (
        ("none.geojson", "can't be read"),
        ("missing.shp", "can't be read"),
        ("points.gpkg", "no polygons"),
    ):
        with pytest.raises(PlacesError, match=words):
            read_ground(tmp_path / name)
