"""Nobody is shown who was filmed: a drive past a face and a number plate goes through the application, and every picture
that can be had of it is looked at: by each address, for everybody, and in each file that is written.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from command import roaddamage
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from filmed_city import City, jpeg, logged_in, made_city
from PIL import Image
from recognisable import footage, pictures_in, shows, with_somebody
from test_access import NAMES

from datasets.contact_sheet import write_sheet
from datasets.dataset import Picture, read_dataset, write_labels, write_manifest
from detector.masking import Masker
from detector.private import Found
from roaddamage.moments import Moments
from roaddamage.web.access import GROUPS
from roaddamage.workspace import Workspace
from training.evaluate import Mistaken
from training.evaluation_report import _thumbnail

ORIGINAL = "original"
"""The one address of originals."""
GIVING = {
    "api:picture", "drive_frame", "evidence", "export_file", "export_map_frame", "frame_export_file", "frame_picture",
    "frame_small", "photo", "rerun_picture", "stop_picture", "vehicle_frame", "work_list_file",
}  # fmt: skip
"""Addresses that give pictures of the drive: else the walk would be none."""


@pytest.fixture
def street(tmp_path: Path, brief_sample: Path) -> Path:
    return footage(tmp_path / "card", brief_sample)


@pytest.fixture
def city(
    workspace: Workspace, people: dict[str, User], street: Path, monkeypatch: pytest.MonkeyPatch
) -> City:
    return made_city(people, street, monkeypatch)


def got(client: Client, address: str) -> bytes:
    answer = client.get(address)
    assert answer.status_code != 500, address
    return b"".join(answer) if answer.streaming else answer.content


def first_frame(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24")


@pytest.mark.any_database
@pytest.mark.django_db(transaction=True)
def test_no_address_and_no_file_shows_anybody(
    city: City, people: dict[str, User], workspace: Workspace, street: Path, browser: Any, live_server: Any
) -> None:
    assert shows(first_frame(street)) == {"face", "plate"}, "else nothing of this would be a test"
    shown = []
    for role in (*GROUPS, None):
        client = logged_in(people[role] if role else None)
        for name in NAMES:
            if name.startswith("admin:") and NAMES[name]:
                continue  # Django's own pages of one row: text
            shown += [
                (role, address) for address in city.addresses(name) if city.who(got(client, address), name)
            ]
    assert shown == []
    assert GIVING - city.giving == set()
    files = [
        path
        for path in workspace.folder.rglob("*")
        if path.is_file() and workspace.footage not in path.parents
    ]
    assert [path for path in files if city.who(path.read_bytes())] == []
    assert sum(path.suffix == ".jpg" for path in files) > 5
    original(city, people["footage"], street)
    assert in_browser(city, people["administrator"], browser, live_server.url) == []


def original(city: City, keeper: User, street: Path) -> None:
    """It is behind the one address, for who said why."""
    client = logged_in(keeper)
    (drive,), (file,) = city.keys["drive"], city.keys["file"]
    address = reverse(ORIGINAL, args=[drive, file])
    assert got(client, address) == b""
    client.post(reverse("originals_open", args=[drive]), {"reason": "1"})
    assert got(client, address) == street.read_bytes()


def in_browser(city: City, user: User, browser: Any, server: str) -> list[str]:
    """Addresses at which Chromium loaded, or drew, somebody."""
    client = logged_in(user)
    context = browser.new_context(viewport={"width": 1280, "height": 860})
    context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": server}])
    page, loaded, shown, urls = context.new_page(), list[Any](), list[str](), set[str]()
    page.on("response", lambda answer: loaded.append(answer))
    damage, drive, stop = (city.keys[name][0] for name in ("damage", "drive", "stop"))
    frame, crews, export, rerun = (city.keys[name][0] for name in ("frame", "list", "export", "rerun"))
    for address in (
        f"/drives/{drive}/?t=2", f"/damages/{damage}/", f"/map/?at={damage}", "/review/", "/frames/", f"/frames/{frame}/",
        f"/stops/{stop}/", f"/work-lists/{crews}/", f"/survey/exports/{export}/map/", f"/reruns/{rerun}/",
    ):  # fmt: skip
        page.goto(server + address)
        page.wait_for_load_state("networkidle")
        if "?t=2" in address:
            stepped(page)
        if city.who(page.screenshot()):
            shown.append(address)
        pictures = [one for one in loaded if one.headers.get("content-type", "").startswith("image/jpeg")]
        pictures = [one for one in pictures if one.status == 200]
        urls |= {one.url for one in pictures}
        shown += [one.url for one in pictures if city.who(one.body())]
        loaded.clear()
    assert len(urls) > 5
    context.close()
    return shown


def stepped(page: Any) -> None:
    """Step through a drive's pictures by button and key."""
    for seconds, press in (
        ("3.0", lambda: page.click("[data-step='1']")),
        ("3.5", lambda: page.keyboard.press("ArrowRight")),
    ):
        with page.expect_response(lambda answer, at=seconds: answer.url.endswith(f"?t={at}")) as answer:
            press()
        assert answer.value.status == 200
        page.wait_for_selector("#frame:not(.late)[src^='blob:']")


def test_no_command_writes_anybody(street: Path, tmp_path: Path) -> None:
    out, card = tmp_path / "out", tmp_path / "pictures"
    card.mkdir()
    (card / "1.jpg").write_bytes(jpeg(first_frame(street)))
    for command in (
        ("detect", street, "--out", out / "detect"), ("camera", street, "--out", out / "camera.jpg"),
        ("dataset", "choose", card, "--out", out / "choice", "--budget", "1", "--workspace", tmp_path / "none"),
    ):  # fmt: skip
        out.mkdir(exist_ok=True)
        done = roaddamage(*command)
        assert done.returncode == 0, done.stderr
    written = {path: list(pictures_in(path.read_bytes())) for path in out.rglob("*") if path.is_file()}
    assert [path for path, pictures in written.items() if any(shows(one) for one in pictures)] == []
    giving = {path.relative_to(out).as_posix() for path, pictures in written.items() if pictures}
    assert {"detect/map.html", "camera.jpg"} <= giving
    assert any(name.startswith("choice/images/") for name in giving)


@pytest.fixture
def dataset(tmp_path: Path, brief_sample: Path) -> Path:
    """A dataset of somebody else's, whose pictures nobody masked."""
    folder, content = tmp_path / "dataset", jpeg(with_somebody(first_frame(brief_sample)))
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True)
    (folder / "images" / "1.jpg").write_bytes(content)
    one = Picture(
        "1.jpg", 960, 540, sha256=hashlib.sha256(content).hexdigest(), xyxy=np.array([[0.4, 0.6, 0.5, 0.7]]),
        class_id=np.array([3]),
    )  # fmt: skip
    write_labels(folder, one)
    write_manifest(folder, [one])
    return folder


def sheet(folder: Path) -> bytes:
    read, out = read_dataset(folder), folder / "sheet.png"
    write_sheet(read, read.pictures, out)
    return out.read_bytes()


def worst(folder: Path) -> bytes:
    return _thumbnail(Mistaken("1.jpg", "", "", (), (), ()), read_dataset(folder), str).encode()


def moment(folder: Path) -> bytes:
    with Image.open(folder / "images" / "1.jpg") as picture:
        return jpeg(Moments(Masker()).masked("1", 0.0, np.asarray(picture)))


@pytest.mark.parametrize("made", [sheet, worst, moment])
@pytest.mark.parametrize("masks", [True, False], ids=["masked", "masking switched off"])
def test_pictures_of_a_dataset_are_shown_masked(
    made: Any, masks: bool, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without masking they would show somebody: so what is told of all others here is told of their masks."""
    if not masks:
        nothing = Found(np.empty((0, 4), np.float32), (), np.empty(0, np.float32))
        monkeypatch.setattr(Masker, "find", lambda *_: nothing)
    told = set().union(*(shows(one) for one in pictures_in(made(dataset))))
    assert ("face" in told) is not masks
