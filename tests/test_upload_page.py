"""The page that sends files, in Chromium: cards, folders dropped on it, and a log-in that ends half way."""

from __future__ import annotations

import os
import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from test_uploads import Server, server

__all__ = ["server"]
PIECE = 32 * 2**20
"""What the page sends at a time."""


@pytest.fixture
def page(browser: Any, server: Server) -> Any:
    """The page, of a crew that is logged in."""
    context = browser.new_context()
    context.add_cookies([{"name": "language", "value": "en", "url": server.origin}])
    opened = context.new_page()
    opened.goto(f"{server.origin}/login/?next=/upload/")
    log_in(opened)
    opened.wait_for_selector("#uploader")
    opened.wait_for_load_state()  # what is chosen before the scripts are there nobody hears of
    yield opened
    context.close()


def log_in(place: Any) -> None:
    place.locator("#id_username").fill("one")
    place.locator("#id_password").fill("a-secret-of-one")
    place.locator("main button.main").click()


def card(folder: Path, junk: bool = True) -> set[str]:
    """A card as a dashcam and two computers leave it; the paths on it that are footage."""
    footage = {"DCIM/100/朝 1.mp4", "DCIM/100/朝 1.gpx", "DCIM/REC2.MP4"}
    beside = ("$RECYCLE.BIN/S-1/$I1.mp4", ".Trashes/501/old.mp4", "DCIM/100/._朝 1.mp4", "DCIM/100/Thumbs.db",
              "System Volume Information/x.txt", "LOST.DIR/1.jpg", "DCIM/100/REC.THM")  # fmt: skip
    for path in (*footage, *beside):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(os.urandom(5000))
    return footage


def arrived(server: Server, page: Any) -> dict[str, bytes]:
    """What lies in the batch that the page is about."""
    page.wait_for_url(re.compile("/upload/[0-9a-f]{32}/$"))
    batch = server.folder / "footage" / page.url.rstrip("/").rpartition("/")[2]
    return {
        path.relative_to(batch).as_posix(): path.read_bytes() for path in batch.rglob("*") if path.is_file()
    }


@pytest.mark.parametrize("how", ["chosen", "dropped"])
def test_of_a_whole_card_the_footage_is_sent(how: str, page: Any, server: Server, tmp_path: Path) -> None:
    footage = card(tmp_path / "card")
    if how == "chosen":
        page.set_input_files("#folder", tmp_path / "card")
    else:
        box, line = page.locator("#drop").bounding_box(), page.context.new_cdp_session(page)
        data = {"items": [], "files": [str(tmp_path / "card")], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            place = {"x": box["x"] + 20, "y": box["y"] + 20}
            line.send("Input.dispatchDragEvent", {"type": kind, "data": data, **place})
    assert arrived(server, page) == {
        f"card/{path}": (tmp_path / "card" / path).read_bytes() for path in footage
    }


def test_a_log_in_that_ends_half_way_costs_nothing(page: Any, server: Server, tmp_path: Path) -> None:
    film = tmp_path / "long.mp4"
    film.write_bytes(os.urandom(PIECE + 3_000_000))
    pieces = []

    def second_comes_too_late(route: Any) -> None:
        if route.request.method == "PATCH":
            pieces.append(route.request.headers["upload-offset"])
            if len(pieces) == 2:
                with sqlite3.connect(server.folder / "records.sqlite3", timeout=30) as records:
                    records.execute("DELETE FROM django_session")
        route.continue_()

    page.route("**/files/*", second_comes_too_late)
    page.set_input_files("#files", film)
    page.wait_for_selector("#out", state="visible")
    assert page.locator("#resume").is_hidden()
    log_in(page.frame_locator("#log-in"))
    assert arrived(server, page) == {"long.mp4": film.read_bytes()}
    assert pieces == ["0", str(PIECE), str(PIECE)]


def test_an_empty_file_is_told_and_the_others_go_on(page: Any, server: Server, tmp_path: Path) -> None:
    for name, size in (("empty.mp4", 0), ("good.gpx", 100)):
        (tmp_path / name).write_bytes(b"x" * size)
    page.set_input_files("#files", [tmp_path / "empty.mp4", tmp_path / "good.gpx"])
    page.wait_for_selector("#then button:visible")
    assert "0 bytes" in page.inner_text("#list")
    assert "Files that arrived: 1; that can not be used: 1" in page.inner_text("#note")
    assert page.locator("#stop").is_hidden()
    page.click("#then button")
    assert set(arrived(server, page)) == {"good.gpx"}
