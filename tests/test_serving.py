"""Starting, and what is sent in pieces: ports taken, records of a later version or away, files by the event loop."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import pytest
from conftest import until
from django.db import OperationalError, connection
from django.db.migrations import executor
from django.db.migrations.recorder import MigrationRecorder
from django.test import AsyncClient, Client

from maps.offline import ASSETS
from roaddamage import doctor, server, workers
from roaddamage.records.models import Drive, Job
from roaddamage.server import ServerError
from roaddamage.web.streaming import PIECE_BYTES, pieces
from roaddamage.workspace import Workspace

Told = TypeVar("Told")


def test_a_port_that_is_taken_is_told() -> None:
    with server.listening("127.0.0.1", 0) as first:
        first.listen()
        port = first.getsockname()[1]
        with pytest.raises(ServerError, match=f"can't listen on 127.0.0.1, port {port}"):
            server.listening("127.0.0.1", port)


@pytest.mark.django_db
def test_records_of_a_later_version_are_left_alone(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "the tests' own")
    monkeypatch.setenv("ROADDAMAGE_WORKSPACE", "the tests' own")
    server._bring_up_to_date(workspace)
    MigrationRecorder(connection).record_applied("records", "9999_later")
    with pytest.raises(ServerError, match=r"later version.*9999_later"):
        server._bring_up_to_date(workspace)
    assert doctor.database(workspace).word is doctor.Word.fault


@pytest.mark.django_db
def test_records_that_do_not_answer_are_told(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise OperationalError("connection refused\n")

    monkeypatch.setattr(executor, "MigrationExecutor", away)
    with pytest.raises(ServerError, match=r"can't be used: connection refused\. Look"):
        server._bring_up_to_date(workspace)


def alone(what: Coroutine[Any, Any, Told]) -> Told:
    """In a thread of its own: playwright keeps a loop in the tests'."""
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(asyncio.run, what).result()


def test_a_file_is_streamed_by_the_event_loop() -> None:
    """Django warns, and reads it whole into memory, where it can't be."""

    async def got() -> tuple[bool, bytes]:
        response: Any = await AsyncClient().get("/static/leaflet/leaflet.js")
        told = response.is_async, b"".join([part async for part in response])
        response.close()
        return told

    assert alone(got()) == (True, (ASSETS / "leaflet" / "leaflet.js").read_bytes())


def test_a_list_is_read_no_further_than_it_is_sent() -> None:
    made = 0

    def lines() -> Iterator[bytes]:
        nonlocal made
        for _ in range(1000):
            made += 1
            yield bytes(1000)

    async def first() -> int:
        sent = pieces(lines())
        size = len(await anext(sent))
        await sent.aclose()  # type: ignore[attr-defined]
        return size

    assert alone(first()) == 1000 * made
    assert PIECE_BYTES <= 1000 * made < PIECE_BYTES + 1000


class Process:
    """Of a worker, which a test ends."""

    pid, exitcode, lives = 1, -9, True

    def is_alive(self) -> bool:
        return self.lives


def test_a_worker_that_keeps_ending_is_started_ever_later() -> None:
    now, started = 0.0, 0

    def start() -> Any:
        nonlocal started
        started += 1
        return Process()

    kept = workers.Kept(start, lambda: now)

    def ends_after(seconds: float) -> float:
        """How long it takes until another one is started."""
        nonlocal now
        now += seconds
        kept.process.lives = False  # type: ignore[attr-defined]
        before, ended = started, now
        kept.look()
        while started == before:
            now += 1.0
            kept.look()
        return now - ended

    assert [ends_after(2.0) for _ in range(8)] == [5, 10, 20, 40, 80, 160, 300, 300]
    assert ends_after(workers.SETTLED_S + 1.0) == 5


@pytest.mark.django_db(transaction=True)
def test_parts_say_a_bad_moment_once_and_go_on(
    browser: Any, live_server: Any, client: Client, people: dict[str, Any], workspace: Any
) -> None:
    client.force_login(people["crew"])
    drive = Drive.objects.create(name="d", digest="d", by=people["crew"], state="queued")
    job = Job.objects.create(drive=drive, by=people["crew"])
    context = browser.new_context()
    cookies = {"sessionid": client.cookies["sessionid"].value, "language": "en"}
    context.add_cookies([{"name": n, "value": v, "url": live_server.url} for n, v in cookies.items()])
    page, asked = context.new_page(), 0

    def away(route: Any) -> None:
        nonlocal asked
        asked += 1
        page = "<main><h1>Away</h1><p>Wait.</p><p>Else tell.</p></main>"
        route.fulfill(status=503, content_type="text/html", body=page)

    parts = "**/progress/"
    page.route(parts, away)
    page.goto(f"{live_server.url}/drives/{drive.pk}/")
    page.wait_for_selector(".notice.error:has-text('Away: Wait.')")
    until(lambda: (page.wait_for_timeout(50), asked > 2)[1], "a third question")
    assert page.locator(".notice.error").all_inner_texts() == ["Away: Wait."]
    page.unroute(parts)
    page.route(parts, lambda route: route.abort())
    page.wait_for_selector(".notice.error:has-text('The server does not answer')")
    Job.objects.filter(pk=job.pk).update(state="failed")
    Drive.objects.update(state="failed")
    page.unroute(parts)
    page.wait_for_selector("#run .state.failed")
    page.wait_for_selector(".notice.error", state="detached")
    context.close()


def test_programs_that_start_together_take_turns(tmp_path: Path) -> None:
    hidden = ("DATABASE_URL", "DJANGO_SETTINGS_MODULE")
    env = {name: value for name, value in os.environ.items() if name not in hidden}
    code = "import pathlib, sys; from roaddamage import server; sys.stdin.read()\n"
    code += "server.prepare(pathlib.Path(sys.argv[1])); print(server.first_administrator() is not None)"
    command = [sys.executable, "-c", code, str(tmp_path / "new")]
    options: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    started = [subprocess.Popen(command, env=env, text=True, **options) for _ in range(3)]
    with ThreadPoolExecutor(3) as threads:
        told = list(threads.map(lambda one: one.communicate(), started))
    assert [one.returncode for one in started] == [0, 0, 0], told
    assert sorted(out.strip() for out, _ in told) == ["False", "False", "True"]
