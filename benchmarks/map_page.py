"""The map page by number of damages: size, seconds to build, seconds until Chromium shows it.

    python -m benchmarks.map_page [--damages 1000 10000 100000] [--served 1000000] [--city FILE]

Damages lie every 15 m along made streets that were driven twice, with two sightings each. Ready is the time from
the begin of loading to the first picture, pan the time from the end of a pan by half the window to the new picture;
the median of three. The largest row asks a server (`benchmarks.damage_store`) for what it shows. `--city` writes the
map of half a year of drives through the made city instead, with repairs and new damages; nothing is measured.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from benchmarks.damage_store import DamageApp, made_store, served
from benchmarks.truth import CAMERA, DAY_S, EPOCH_S, MODEL_PX, PLAIN, drive_through
from datasets.city import City, CityDrive
from detector.classes import CLASSES
from detector.trajectory import LocalFrame
from maps.coverage import Way, reach_m
from maps.damage import Damage, State
from maps.damage_layer import About, DamageUrlLayer
from maps.exports import Driven
from maps.merge import Damages
from maps.offline import OfflineFigure
from maps.passes import surveyed
from maps.webmap import new_map, write_map
from roaddamage.language import translation

TOKYO = ZoneInfo("Asia/Tokyo")
HOME = LocalFrame(139.7454, 35.6586)
EVERY_M, STREET_M, APART_M = 15.0, 3_000.0, 60.0
STREETS_IN_A_COLUMN = 60
ROUNDS = 3
REGION = (139.6, 35.6, 139.75, 35.75)
"""What the served page looks at first, EPSG:4326."""
SURVEY_DAYS = (0, 1, 45, 46, 90, 91, 135, 136, 180, 181)


def made_city(count: int) -> tuple[list[Damage], list[Driven]]:
    """So many damages along parallel streets of 3 km, and two drives along each street."""
    rng = np.random.default_rng(0)
    each = round(STREET_M / EVERY_M)
    streets = -(-count // each)
    damages, driven = list[Damage](), list[Driven]()
    for street in range(streets):
        column, row = divmod(street, STREETS_IN_A_COLUMN)
        west, south = column * (STREET_M + APART_M), row * APART_M
        way = np.column_stack(HOME.to_lonlat(west + np.linspace(0, STREET_M, 60), np.full(60, south)))
        names = [f"drive {street:04d} {day}" for day in (1, 2)]
        begins = [EPOCH_S + DAY_S * (street % 100 + 120 * day) for day in (0, 1)]
        driven += [Driven(n, [way], STREET_M, b) for n, b in zip(names, begins, strict=True)]
        here = min(each, count - street * each)
        east = np.arange(here) * EVERY_M + rng.normal(0, 3, here)
        lon, lat = HOME.to_lonlat(west + east, south + rng.normal(0, 2, here))
        for index in range(here):
            seen = tuple(
                replace(
                    PLAIN, drive=name, lon=float(lon[index]), lat=float(lat[index]), utc_s=begin + index,
                    class_id=index % 4, confidence=float(rng.uniform(0.3, 1)), length_m=float(rng.uniform(0.3, 4)),
                    evidence=f"{name}-{index:04d}.jpg", crop=f"{name}-{index:04d}-crop.jpg",
                )
                for name, begin in zip(names, begins, strict=True)
            )  # fmt: skip
            damages.append(_damage(len(damages) + 1, seen, int(rng.choice(3, p=[0.5, 0.35, 0.15]))))
    return damages, driven


def _damage(number: int, seen: tuple[Any, ...], severity: int) -> Damage:
    one = seen[0]
    covariance = np.array(one.covariance_m2) / len(seen)
    return Damage(
        number, one.class_id, severity, one.confidence, one.lon, one.lat, covariance, seen, passes=2
    )  # fmt: skip


def surveyed_city(seed: int = 3, *, blocks: int = 6, drives: int = 6) -> tuple[list[Damage], list[Driven]]:
    """Half a year of drives through the made city, some damages repaired and some fresh in that time."""
    city = City(seed, blocks=blocks, spacing_m=25.0, share_repaired=0.3, repaired_within_days=170.0)
    fresh = city.rng.random(len(city.damages)) < 0.25
    born = np.where(fresh, city.rng.uniform(10, 150, len(fresh)), -1.0)
    gone = np.where(fresh, 1e9, city.damages.repaired_day)
    city.damages = replace(city.damages, born_day=born, repaired_day=gone)
    known, ways, driven = Damages(), list[Way](), list[Driven]()
    reach = reach_m(CAMERA, MODEL_PX)
    for day in SURVEY_DAYS:
        for turn in range(drives // 2):
            rng = np.random.default_rng([seed, day // 2 * 2 if turn else day, turn])
            drive = CityDrive(city, city.route(rng, 2200.0), rng, CAMERA, day=float(day))
            name = f"day {day:03d} {turn + 1}"
            seen = drive_through(city, drive, name)
            known.add(seen.sightings)
            path = seen.trajectory
            lines = path.ways(path.spans(float(path.time_s[-1])))
            begin = EPOCH_S + day * DAY_S
            ways.append(Way(name, begin, lines, 3.1, reach))
            cut = len(lines[0]) * 9 // 10 if turn == 1 else len(lines[0])
            driven.append(Driven(name, [lines[0][:cut], *lines[1:]], 2200.0, begin, [lines[0][cut - 1 :]]))
    return surveyed(known, ways).damages, driven


def url_page(url: str, language: str = "ja") -> str:
    """The page that asks a server for what it shows."""
    translate = translation(language)
    figure = OfflineFigure(translate("Road damage map"), language)
    figure.allow("connect-src", "'self'")
    page = new_map()
    figure.add_child(page)
    about = About(translate("Road damage map"), areas=[REGION], views=("damages",))
    page.add_child(DamageUrlLayer(url, about, translate))
    return figure.render()


def browsers() -> Iterator[Any]:
    """Headless Chromium of the system."""
    from playwright.sync_api import sync_playwright

    path = next((found for name in ("chromium", "chromium-browser") if (found := shutil.which(name))), None)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield chromium
        chromium.close()


def opened(browser: Any, address: str) -> tuple[float, float]:
    """Seconds until the page is ready, and until a pan is drawn; medians of `ROUNDS`."""
    ready, pans = list[float](), list[float]()
    for _ in range(ROUNDS):
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(address)
        page.wait_for_selector("html[data-ready]", timeout=120_000)
        ready.append(float(page.get_attribute("html", "data-ready")) / 1000)
        pans.append(float(page.evaluate(PAN)) / 1000)
        page.close()
    return statistics.median(ready), statistics.median(pans)


PAN = """async () => {
    const page = RoadDamage.page, before = page.drawnAt, begin = performance.now();
    page.map.panBy([480, 300], {animate: false});
    while (page.drawnAt === before) await new Promise(requestAnimationFrame);
    return performance.now() - begin;
}"""
"""Pans by half the window; milliseconds until what came of it is drawn."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--damages", type=int, nargs="*", default=[1_000, 10_000, 100_000])
    parser.add_argument("--served", type=int, nargs="*", default=[1_000_000])
    parser.add_argument("--city", type=Path)
    parser.add_argument("--lang", default="ja")
    options = parser.parse_args()
    if options.city:
        damages, driven = surveyed_city()
        states = {state: sum(one.state is state for one in damages) for state in State}
        print(f"{len(damages)} damages of {len(CLASSES)} classes, {len(driven)} drives; {states}")
        write_map(options.city, damages, driven, options.city.parent, zone=TOKYO, language=options.lang,
                  translate=translation(options.lang))  # fmt: skip
        return
    print(f"{'damages':>9}  {'page':6}{'MB':>8}{'build s':>9}{'ready s':>9}{'pan ms':>8}")
    with tempfile.TemporaryDirectory() as name:
        for browser in browsers():
            for count in options.damages:
                path = Path(name) / "map.html"
                damages, driven = made_city(count)
                began = time.perf_counter()
                write_map(path, damages, driven, path.parent, zone=TOKYO, language="ja",
                          translate=translation("ja"))  # fmt: skip
                built = time.perf_counter() - began
                _print_row(count, "inside", path.stat().st_size, built, *opened(browser, path.as_uri()))
            for count in options.served:
                began = time.perf_counter()
                store = made_store(count)
                store.precomputed  # noqa: B018  (what is kept ready is part of the build)
                page = url_page("damages")
                built = time.perf_counter() - began
                with served(DamageApp(store, page)) as address:
                    _print_row(count, "asks", len(page.encode()), built, *opened(browser, address))


def _print_row(count: int, kind: str, size: int, built: float, ready: float, pan: float) -> None:
    print(f"{count:9,}  {kind:6}{size / 1e6:8.2f}{built:9.1f}{ready:9.2f}{1000 * pan:8.0f}", flush=True)


if __name__ == "__main__":
    main()
