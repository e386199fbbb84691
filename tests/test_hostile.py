"""What the pages do with hostile names, addresses and forms: nothing runs, nothing leads elsewhere, nothing is forged."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from made_records import made_damage, made_drive
from test_access import NAMES, address

from roaddamage.records.audit import audited
from roaddamage.records.decisions import Decision, comment, decide
from roaddamage.records.models import Batch, Damage, Drive, Job, Stop, Vehicle
from roaddamage.records.work_lists import Plan, make_list
from roaddamage.web.access import PUBLIC
from roaddamage.workspace import Workspace

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]
EVIL = "<script>window.hacked=1</script>\"'`<img src=x onerror=window.hacked=1>{{7*7}}\u202e=1+1"
FORMULA = "=HYPERLINK(1)"


@pytest.fixture
def evil(people: dict[str, User], workspace: Workspace) -> list[str]:
    """Records in which each text is hostile; the addresses of the pages that show them."""
    for user in people.values():
        user.last_name = EVIL[:140]
        user.save()
    boss, crew = people["administrator"], people["crew"]
    drive = made_drive(crew, EVIL)
    drive.vehicle = Vehicle.objects.create(name=EVIL)
    drive.report, drive.understood = {"video": EVIL}, {"drive": EVIL, "other_cameras": {EVIL: [EVIL]}}
    drive.save()
    failed = Drive.objects.create(
        name=FORMULA, digest="2", by=boss, state="failed", understood={"drive": EVIL}
    )
    Job.objects.create(
        drive=failed,
        by=boss,
        state="failed",
        problem={"template": "{path} is gone", "values": {"path": EVIL}},
    )
    refused = {"name": EVIL, "template": "{name} is bad", "values": {"name": EVIL}}
    batch = Batch.objects.create(
        uid="a" * 32, by=boss, state="recognised", refused=[refused], known=[drive.pk]
    )
    batch.drives.add(drive)
    one, other = (made_damage(drive, place, pictures=True) for place in range(2))
    comment(one.pk, boss, EVIL)
    decide(other.pk, boss, Decision("confirm"))
    listed, _ = make_list(Plan(EVIL[:150], crew=EVIL[:150], note=EVIL), [other.pk], boss)
    audited(boss, "drive.taken", EVIL, name=EVIL)
    audited(boss, "drive.taken", FORMULA)
    stop = Stop.objects.get()
    pages = [
        "/",
        "/upload/",
        f"/upload/{batch.uid}/",
        "/drives/",
        "/drives/queue/",
        "/review/",
        "/damages/",
        "/map/",
    ]
    pages += [f"/drives/{drive.pk}/", f"/drives/{failed.pk}/", f"/damages/{one.pk}/", f"/damages/{other.pk}/"]
    pages += [
        f"/review/{one.pk}/",
        "/work-lists/",
        f"/work-lists/{listed.pk}/",
        f"/stops/{stop.pk}/",
        "/figures/",
    ]
    return [*pages, "/people/", f"/people/{crew.pk}/", "/log/", "/admin/records/vehicle/", "/password/"]


def test_texts_never_become_markup(evil: list[str], people: dict[str, User]) -> None:
    client = Client()
    client.force_login(people["administrator"])
    for page in evil:
        answer = client.get(page)
        assert answer.status_code == 200, page
        text = answer.content.decode()
        assert "<script>window" not in text, page
        assert "<img src=x" not in text, page
        assert re.search(r"\son[a-z]+=[\"']", text) is None, page


def test_nothing_runs_in_a_browser(
    evil: list[str], people: dict[str, User], browser: Any, live_server: Any, client: Client
) -> None:
    client.force_login(people["administrator"])
    context = browser.new_context(viewport={"width": 1280, "height": 860})
    cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}
    context.add_cookies([cookie])
    page, wrong = context.new_page(), list[str]()
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda line: wrong.append(line.text) if "Content Security" in line.text else None)
    page.on("dialog", lambda dialog: wrong.append(dialog.message))
    for path in evil:
        page.goto(live_server.url + path)
        for frame in page.frames:
            frame.wait_for_load_state()
            assert frame.evaluate("window.hacked") is None, path
        assert page.locator("img[src=x]").count() == 0, path
    number = Damage.objects.order_by("pk").values_list("pk", flat=True)[0]
    page.goto(f"{live_server.url}/map/?at={number}")
    frame = page.frame(url="**/map/frame/**")
    assert frame is not None
    frame.wait_for_selector(".rd-details:not([hidden]) a")
    assert frame.evaluate("window.hacked") is None
    assert wrong == []
    context.close()


@pytest.mark.parametrize("path", ["/log/log.csv", "/damages/list.csv", "/figures/weekly.csv"])
def test_cells_are_no_formulas(path: str, evil: list[str], people: dict[str, User]) -> None:
    client = Client()
    client.force_login(people["administrator"])
    text = b"".join(client.get(path)).decode("utf-8-sig")
    cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
    assert len(cells) > 10
    assert [cell for cell in cells if re.match(r"[=+@\t\r]|-(?![\d.]+$)", cell)] == []


ELSEWHERE = (
    "https://evil.example/", "//evil.example/", "/\t/evil.example/", "http:///evil.example", "\\\\evil.example",
    "javascript:alert(1)", "/\\evil.example", "https:evil.example",
)  # fmt: skip


@pytest.mark.parametrize("target", ELSEWHERE)
def test_nobody_is_led_elsewhere(target: str, people: dict[str, User]) -> None:
    client = Client()
    form = {"username": "crew", "password": "crew-secret-1", "next": target}
    assert client.post("/login/", form).headers["Location"] == "/"
    asked = {"HTTP_REFERER": "https://evil.example/"}
    told = client.post("/language/", {"language": "en", "next": target}, **asked)  # type: ignore[arg-type]
    assert told.headers["Location"] == "/"


def test_a_log_in_takes_no_session_that_was_there_before(people: dict[str, User]) -> None:
    client = Client()
    client.cookies["sessionid"] = planted = "a" * 32
    client.post("/login/", {"username": "crew", "password": "crew-secret-1"})
    first = client.cookies["sessionid"].value
    assert first not in ("", planted)
    client.post("/logout/")
    client.post("/login/", {"username": "crew", "password": "crew-secret-1"})
    assert client.cookies["sessionid"].value != first
    stale = Client()
    stale.cookies["sessionid"] = first
    assert stale.get("/drives/").status_code == 302


def test_no_form_can_be_forged(people: dict[str, User], workspace: Workspace) -> None:
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.force_login(people["administrator"])
    told = {
        (name, method): getattr(client, method)(address(name)).status_code
        for name in NAMES
        for method in ("post", "put", "patch", "delete")
    }
    refused = (400, 403, 404, 405, 401)
    assert {ask: status for ask, status in told.items() if status not in refused} == {}


def test_what_every_answer_carries(people: dict[str, User], workspace: Workspace) -> None:
    client = Client(raise_request_exception=False)
    for who in (None, people["administrator"]):
        if who:
            client.force_login(who)
        for name in NAMES.keys() - {"logout"}:
            answer = client.get(address(name))
            headers = answer.headers
            if answer.streaming:
                b"".join(answer)
            assert "default-src 'none'" in headers.get("Content-Security-Policy", "default-src 'none'"), name
            wanted = ("nosniff", "same-origin", "SAMEORIGIN")
            names = ("X-Content-Type-Options", "Referrer-Policy", "X-Frame-Options")
            assert tuple(headers.get(header) for header in names) == wanted, name
            public = name in PUBLIC or answer.status_code != 200
            assert public or re.search("no-store|private", headers["Cache-Control"]), name
