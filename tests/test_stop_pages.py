"""A stop on the phone: the repair with its photo, wrong taps, and files that are no photos."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from conftest import until
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from made_records import made_damage, made_drive
from PIL import Image

from roaddamage import photos
from roaddamage.records import models
from roaddamage.records.decisions import Decision, decide
from roaddamage.records.work_lists import Plan, make_list
from roaddamage.workspace import Workspace

pytestmark = pytest.mark.any_database
PLACE = {1: "N", 2: (35.0, 39.0, 0.0), 3: "E", 4: (139.0, 45.0, 0.0)}
"""GPS tags of a camera."""


@pytest.fixture
def stop(workspace: Workspace, people: dict[str, Any]) -> models.Stop:
    drive = made_drive(people["crew"])
    damages = [made_damage(drive, place, pictures=True) for place in range(2)]
    for one in damages:
        decide(one.pk, people["engineer"], Decision("confirm"))
    listed, _ = make_list(Plan("南区"), [one.pk for one in damages], people["engineer"])
    first = listed.stops.first()
    assert first
    return first


def picture(kind: str = "JPEG", size_px: tuple[int, int] = (400, 300), **options: Any) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", size_px, (200, 30, 30)).save(content, kind, **options)
    return content.getvalue()


def from_a_phone() -> bytes:
    """With the place, the owner and a turn by 90° in its EXIF."""
    exif = Image.Exif()
    exif[0x0112], exif[0x013B] = 6, "Taro Yamada"
    exif.get_ifd(0x8825).update(PLACE)
    return picture(exif=exif.tobytes(), size_px=(3000, 1500))


def bomb() -> bytes:
    """A PNG of a few kB that says it has 100 million pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", 10_000, 10_000, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(bytes(10_001 * 100)))
        + chunk(b"IEND", b"")
    )


def send(
    client: Client, stop: models.Stop, content: bytes | None, name: str = "a.jpg", note: str = ""
) -> Any:
    given: dict[str, Any] = {"note": note}
    if content is not None:
        given["photo"] = SimpleUploadedFile(name, content, "image/jpeg")
    return client.post(f"/stops/{stop.pk}/done/", given, follow=True)


def files(workspace: Workspace) -> list[Path]:
    return [path for path in workspace.photos.rglob("*") if path.is_file()]


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_repair_with_its_photo(
    stop: models.Stop, people: dict[str, Any], client: Client, workspace: Workspace, kind: str
) -> None:
    client.force_login(people["crew"])
    send(client, stop, picture(kind), note="常温合材 2袋")
    stop.refresh_from_db()
    damage = stop.damage
    assert (damage.state, damage.shown, stop.by, stop.note) == (
        "repaired",
        False,
        people["crew"],
        "常温合材 2袋",
    )
    review = damage.reviews.last()
    assert review is not None
    assert (review.kind, review.by, review.comment) == ("repair", people["crew"], "常温合材 2袋")
    answer = client.get(f"/stops/{stop.pk}/photo.jpg")
    assert answer["Content-Type"] == "image/jpeg"
    with Image.open(io.BytesIO(answer.content)) as kept:
        assert (kept.format, kept.size) == ("JPEG", (400, 300))
    assert client.get(f"/stops/{stop.pk}/picture.jpg").status_code == 200


@pytest.mark.django_db
def test_nothing_of_the_camera_is_kept(
    stop: models.Stop, people: dict[str, Any], client: Client, workspace: Workspace
) -> None:
    client.force_login(people["crew"])
    sent = from_a_phone()
    assert b"Taro" in sent
    send(client, stop, sent)
    (path,) = files(workspace)
    with Image.open(path) as kept:
        assert not kept.getexif()
        assert kept.size == (1000, 2000)  # upright
    content = path.read_bytes()
    assert b"Taro" not in content
    assert b"Exif" not in content


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("content", "name"),
    [
        pytest.param(bomb(), "a.png", id="100-megapixels"),
        pytest.param(b"%PDF-1.7 no picture", "a.jpg", id="no-picture"),
        pytest.param(b"", "a.jpg", id="empty"),
        pytest.param(picture()[:200], "a.jpg", id="cut-off"),
        pytest.param(picture("GIF"), "a.jpg", id="another-format"),
        pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "a.jpg", id="svg"),
        pytest.param(b"\xff\xd8\xff" + b"\0" * 5000, "a.jpg", id="begins-like-one"),
    ],
)
def test_what_is_no_photo_records_nothing(
    stop: models.Stop, people: dict[str, Any], client: Client, workspace: Workspace, content: bytes, name: str
) -> None:
    client.force_login(people["crew"])
    page = send(client, stop, content, name)
    assert "notice error" in page.content.decode()
    stop.refresh_from_db()
    assert (stop.done, stop.photo, stop.damage.state) == (None, "", "scheduled")
    assert files(workspace) == []


@pytest.mark.django_db
def test_too_large_a_file(
    stop: models.Stop, people: dict[str, Any], client: Client, workspace: Workspace, monkeypatch: Any
) -> None:
    monkeypatch.setattr(photos, "MOST_BYTES", 1000)
    client.force_login(people["crew"])
    send(client, stop, picture())
    assert files(workspace) == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    "name", ["../../evil.jpg", "a.jpg.html", "<img src=x>.svg", "/etc/passwd", "写真'\";.php"]
)
def test_a_photo_has_a_name_of_our_own(
    stop: models.Stop, people: dict[str, Any], client: Client, workspace: Workspace, name: str
) -> None:
    client.force_login(people["crew"])
    polyglot = picture() + b"<script>alert(1)</script>"
    send(client, stop, polyglot, name)
    (path,) = files(workspace)
    assert path.parent == workspace.photos / str(stop.work_list_id)
    assert path.suffix == ".jpg"
    assert b"script" not in path.read_bytes()
    answer = client.get(f"/stops/{stop.pk}/photo.jpg")
    assert answer["X-Content-Type-Options"] == "nosniff"


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["../secret-key", "1/../../secret-key", "1/1-00.jpg", "", "/etc/passwd"])
def test_no_other_file_is_a_photo(
    stop: models.Stop, people: dict[str, Any], client: Client, name: str
) -> None:
    models.Stop.objects.filter(pk=stop.pk).update(photo=name)
    client.force_login(people["crew"])
    assert client.get(f"/stops/{stop.pk}/photo.jpg").status_code == 404


@pytest.mark.django_db
def test_a_wrong_tap_is_taken_back(
    stop: models.Stop, people: dict[str, Any], client: Client, workspace: Workspace
) -> None:
    client.force_login(people["crew"])
    assert "notice error" in send(client, stop, None).content.decode()  # neither photo nor note
    send(client, stop, picture())
    client.force_login(people["engineer"])
    assert "notice error" in send(client, stop, picture()).content.decode()  # it is done already
    client.post(f"/stops/{stop.pk}/undo/")
    stop.refresh_from_db()
    assert stop.done
    assert len(files(workspace)) == 1
    client.force_login(people["crew"])
    client.post(f"/stops/{stop.pk}/undo/")
    stop.refresh_from_db()
    assert (stop.done, stop.by, stop.damage.state) == (None, None, "scheduled")
    send(client, stop, picture())
    stop.refresh_from_db()
    assert stop.done
    assert [path.name for path in files(workspace)] == [Path(stop.photo).name]
    kinds = list(stop.damage.reviews.values_list("kind", flat=True))
    assert kinds == ["confirm", "schedule", "repair", "undo", "repair"]


@pytest.mark.django_db
def test_a_full_disk_records_nothing(
    stop: models.Stop, people: dict[str, Any], client: Client, monkeypatch: Any
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(photos.os, "replace", full)
    client.force_login(people["crew"])
    assert "ディスクに空きがありません" in send(client, stop, picture()).content.decode()
    stop.refresh_from_db()
    assert (stop.done, files(photos.settings.WORKSPACE)) == (None, [])


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/stops/{}/", "/stops/{}/photo.jpg", "/stops/{}/picture.jpg"])
def test_stops_are_for_those_who_repair(
    stop: models.Stop, people: dict[str, Any], client: Client, address: str
) -> None:
    assert client.get(address.format(stop.pk)).status_code == 302
    for name in ("ml", "nobody"):
        client.force_login(people[name])
        assert client.get(address.format(stop.pk)).status_code == 403
    client.force_login(people["crew"])
    assert client.get(address.format(10**9)).status_code == 404


@pytest.mark.django_db(transaction=True)
def test_on_a_phone(
    stop: models.Stop, people: dict[str, Any], browser: Any, live_server: Any, client: Client, tmp_path: Path
) -> None:
    client.force_login(people["crew"])
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    context.add_cookies([
        {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url},
        {"name": "language", "value": "en", "url": live_server.url},
    ])  # fmt: skip
    page, faults, asked = context.new_page(), [], []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{live_server.url}/stops/{stop.pk}/")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert page.get_attribute("a[href^='geo:']", "href").startswith(
        f"geo:{stop.damage.lat:.6f},{stop.damage.lon:.6f}"
    )
    until(
        lambda: page.evaluate(
            "[...document.images].filter(i => !i.hidden).every(i => i.complete && i.naturalWidth)"
        ),
        "the pictures",
    )
    small = page.evaluate(
        "[...document.querySelectorAll('main button, main a.button')].filter(b => b.offsetHeight < 38).length"
    )
    assert small == 0
    (tmp_path / "a.jpg").write_bytes(from_a_phone())
    page.set_input_files("#photo", tmp_path / "a.jpg")
    page.wait_for_selector("#preview:not([hidden])")
    for button, after in (("button.good", ".finished"), ("text=Wrong tap", "button.good")):
        with page.expect_navigation():
            page.click(button)
        page.wait_for_selector(after)
    context.close()
    assert faults == []
    assert all(address.startswith((live_server.url, "data:", "blob:")) for address in asked)
