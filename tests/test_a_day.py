"""A day with the application as it is served: a crew's upload that is cut, an engineer's review, a repair.

It runs on the database that DATABASE_URL names, or on SQLite.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from apart import apart, database
from conftest import free_port, serve_command, until, until_served
from PIL import Image
from staff import staffed

from roaddamage.server import prepare

RUN_S = 900
pytestmark = pytest.mark.database


def figures(folder: Path) -> None:
    """Tell what is in the records."""
    prepare(folder)
    from roaddamage.records.models import AuditEntry, Damage, Drive, FootageFile, Review

    print(
        Drive.objects.count(), Damage.objects.filter(state="repaired").count(),
        Review.objects.filter(kind="confirm").count(), Damage.objects.filter(state="rejected").count(),
        AuditEntry.objects.exclude(by=None).count() > 8, *sorted(FootageFile.objects.values_list("sha256", flat=True)),
    )  # fmt: skip


def run(call: Callable[..., None], folder: Path, *more: object) -> str:
    """Call it in a process of its own, on the database that these tests are for; what it says."""
    done = apart(call, folder, *more, env=database(os.environ.get("DATABASE_URL")))
    assert done.returncode == 0, done.stderr
    return done.stdout


@dataclass
class Served:
    """The application in a process of its own, with a worker."""

    folder: Path
    address: str


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    folder = tmp_path / "workspace"
    run(staffed, folder, "a-day-of-", {"crew": "crew", "engineer": "engineer"})
    with free_port() as port:
        process = subprocess.Popen(serve_command(folder, port), stdout=subprocess.DEVNULL)
        try:
            until_served(port, process)
            yield Served(folder, f"http://127.0.0.1:{port}")
        finally:
            process.terminate()
            process.wait(300)


@pytest.fixture
def footage(tmp_path: Path, brief_sample: Path) -> list[Path]:
    """A video and its log."""
    folder = tmp_path / "card"
    folder.mkdir()
    return [Path(shutil.copy(brief_sample.with_suffix(ending), folder)) for ending in (".mp4", ".gpx")]


class Person:
    """A user at a browser; whatever the pages ask, they ask of this server."""

    def __init__(self, browser: Any, served: Served, name: str, size: tuple[int, int]) -> None:
        self.served = served
        self.context = browser.new_context(viewport={"width": size[0], "height": size[1]})
        self.context.add_cookies([{"name": "language", "value": "en", "url": served.address}])
        self.asked: list[str] = []
        self.context.on("request", lambda request: self.asked.append(request.url))
        self.page = self.context.new_page()
        self.open("/login/")
        self.page.fill("#id_username", name)
        self.page.fill("#id_password", f"a-day-of-{name}")
        with self.page.expect_navigation():
            self.page.click("main button")
        self.page.wait_for_selector("nav[aria-label=Pages]")

    def open(self, path: str) -> None:
        self.page.goto(self.served.address + path)

    def leave(self) -> None:
        self.context.close()
        outside = [url for url in self.asked if not url.startswith((self.served.address, "data:", "blob:"))]
        assert outside == []


def upload_cut_half_way(crew: Person, footage: list[Path]) -> None:
    """Send the files over a thin line, lose it half way, close the page, and choose them again in another."""
    crew.open("/upload/")
    line = crew.context.new_cdp_session(crew.page)
    whole_in_s = 40
    thin = {
        "offline": False, "latency": 0, "downloadThroughput": -1,
        "uploadThroughput": sum(one.stat().st_size for one in footage) / whole_in_s,
    }  # fmt: skip
    line.send("Network.emulateNetworkConditions", thin)
    crew.page.set_input_files("#files", footage)
    # The pages' policy lets no condition be evaluated in them.
    until(lambda: float(crew.page.locator("#bar").get_attribute("value")) > 0.2, "a fifth of the upload")
    crew.context.set_offline(True)
    crew.page.close()
    crew.context.set_offline(False)
    crew.page = crew.context.new_page()
    crew.open("/upload/")
    crew.page.set_input_files("#files", footage)
    crew.page.wait_for_url(re.compile("/upload/[0-9a-f]{32}/"), timeout=240_000)


def test_a_day(served: Served, footage: list[Path], browser: Any, tmp_path: Path) -> None:
    crew = Person(browser, served, "crew", (390, 844))
    upload_cut_half_way(crew, footage)
    crew.page.get_by_role("button", name="Start").click(timeout=240_000)
    crew.page.wait_for_selector("#run .state.done", timeout=RUN_S * 1000)
    result = crew.page.inner_text("#run .result")
    assert re.fullmatch(r"\d\.\d+ km, [1-9]\d* damages, [1-9]\d* new", result)

    engineer = Person(browser, served, "engineer", (1280, 860))
    engineer.open("/review/")
    engineer.page.wait_for_selector("article[data-number]")
    for keys in (("c",), ("r", "s"), ("c",)):
        before = engineer.page.get_attribute("article[data-number]", "data-number")
        for key in keys:
            engineer.page.keyboard.press(key)
        engineer.page.wait_for_selector(f"article[data-number]:not([data-number='{before}'])")
    engineer.open("/map/")
    engineer.page.wait_for_selector("iframe")
    engineer.open("/work-lists/new/")
    engineer.page.fill("#p-title", "Monday")
    engineer.page.fill("#p-crew", "North")
    engineer.page.click("[data-tick=all]")
    engineer.page.locator("form[method=post] button.main").last.click()
    engineer.page.wait_for_selector("ol.stops li:nth-child(2)")
    with engineer.page.expect_download() as paper:
        engineer.page.get_by_role("link", name="PDF").click()
    assert Path(paper.value.path()).read_bytes()[:5] == b"%PDF-"
    engineer.leave()

    photo = tmp_path / "repaired.jpg"
    Image.fromarray(np.full((600, 800, 3), 90, np.uint8)).save(photo)
    crew.open("/work-lists/")
    crew.page.get_by_role("link", name="Monday").click()
    crew.page.locator("ol.stops a.name").first.click()
    crew.page.wait_for_url("**/stops/*/")
    crew.page.set_input_files("#photo", photo)
    crew.page.get_by_role("button", name="Record as repaired").click()
    crew.page.wait_for_selector("section.finished .state.repaired")
    crew.leave()

    sums = sorted(hashlib.sha256(one.read_bytes()).hexdigest() for one in footage)
    assert run(figures, served.folder).split() == ["1", "1", "2", "1", "True", *sums]
