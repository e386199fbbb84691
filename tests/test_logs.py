"""The logs: what a line says, and that nothing of a person gets there, on good days and bad ones."""

from __future__ import annotations

import io
import json
import logging
import logging.config
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, OperationalError
from django.test import Client
from django.urls import reverse
from made_records import made_damage, made_drive

from roaddamage import runs, server
from roaddamage.drive_runs import run_drive
from roaddamage.jobs import JobError
from roaddamage.logs import REQUESTS, named, settings_of
from roaddamage.records.models import Drive, FootageFile, Job
from roaddamage.web import drive_page
from roaddamage.workspace import Workspace

pytestmark = pytest.mark.django_db
People = dict[str, User]
SECRETS = (
    "engineer",
    "wrong-password",
    "田中",
    "tanaka",
    "192.0.2.7",
    "夜の走行",
    "IMG_0815",
    "secret-query",
    "shadowy",
)
"""Names, addresses, file names, queries and comments of the requests below."""


@pytest.fixture
def lines(request: pytest.FixtureRequest) -> Iterator[Callable[[], str]]:
    """What is written, as serve and workers set their logs up."""
    form = getattr(request, "param", "json")
    text, root = io.StringIO(), logging.getLogger()
    kept, level = root.handlers[:], root.level
    told = settings_of(form, requests=True)
    logging.config.dictConfig(told)
    [handler] = [one for one in root.handlers if isinstance(one, logging.StreamHandler) and one not in kept]
    handler.setStream(text)
    yield text.getvalue
    for name in told["loggers"]:
        logging.getLogger(name).setLevel(logging.NOTSET)
    root.handlers, root.level = kept, level


def a_days_requests(client: Client, people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    """Typical requests, and those that fail in each way."""
    drive = made_drive(people["crew"], "夜の走行")
    row = made_damage(drive, pictures=True)
    client.post(reverse("login"), {"username": "engineer", "password": "wrong-password"})
    for _ in range(6):  # until the name is locked out
        client.post(reverse("login"), {"username": "tanaka", "password": "wrong-password"})
    client.force_login(people["engineer"])
    client.get(reverse("damages"), {"q": "secret-query", "state": "secret-query"})
    client.post(
        reverse("decide", args=[row.pk]), {"kind": "reject", "rejected_as": "shadow", "version": row.version}
    )
    client.post(reverse("comment", args=[row.pk]), {"comment": "shadowy 田中"})
    client.get("/secret-query/IMG_0815/")
    client.get(reverse("people"))
    log = SimpleUploadedFile("IMG_0815.gpx", b"no log", "text/plain")
    client.post(reverse("drive_log", args=[drive.pk]), {"log": log})
    client.get(reverse("home"), headers={"host": "secret-query.example"})
    client.get("/api/damages", headers={"authorization": "Bearer secret-query"})

    def broken(*_: Any, **__: Any) -> None:
        raise ValueError("IMG_0815.mp4 of 田中 is broken")

    monkeypatch.setattr(drive_page, "get_object_or_404", broken)
    client.get(reverse("drive", args=[drive.pk]), {"secret-query": "1"})


@pytest.mark.parametrize("lines", ["json", "text"], indirect=True)
def test_requests(
    lines: Callable[[], str], people: People, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client(raise_request_exception=False, REMOTE_ADDR="192.0.2.7")
    a_days_requests(client, people, monkeypatch)
    text = lines()
    assert [secret for secret in SECRETS if secret in text] == []
    assert text.count("request") >= 16
    for said in ("damages", "decide", "drive_page.py", "ValueError", "500", "404", "403", "401"):
        assert said in text, said


def test_a_line(lines: Callable[[], str], people: People, workspace: Workspace) -> None:
    client = Client()
    client.force_login(people["engineer"])
    client.get(reverse("drive", args=[123456]))
    told = [json.loads(line) for line in lines().splitlines()]
    [one] = [line for line in told if line["logger"] == REQUESTS]
    known = {"time", "level", "logger", "message", "method", "route", "status", "ms", "user"}
    assert one.keys() - {"taskName"} == known
    assert (one["method"], one["route"], one["status"], one["user"]) == (
        "GET",
        "drive",
        404,
        people["engineer"].pk,
    )


def test_a_worker(lines: Callable[[], str], people: People, workspace: Workspace) -> None:
    drive = made_drive(people["crew"], "夜の走行")
    Drive.objects.filter(pk=drive.pk).update(state="queued")
    FootageFile.objects.create(drive=drive, name="IMG_0815.mp4", path="a/IMG_0815.mp4", size=1, sha256="x")
    job = Job.objects.create(drive=drive, by=people["crew"])
    assert runs.run(Job, job.pk, "w", run_drive) == "failed"
    text = lines()
    assert f"job {job.pk}" in text
    assert [secret for secret in SECRETS if secret in text] == []


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (JobError("{drive} is gone.", drive="IMG_0815"), "JobError: {drive} is gone."),
        (FileNotFoundError(2, "No such file or directory", "/footage/IMG_0815.mp4"), "FileNotFoundError: No such file"),
        (IntegrityError("Key (username)=(tanaka) already exists"), "IntegrityError"),
        (OperationalError('connection to server at "192.0.2.7", port 1 failed: Connection refused\n'), "OperationalError: Connection refused"),
        (OperationalError("database or disk is full"), "OperationalError: database or disk is full"),
        (KeyError("tanaka"), "KeyError"),
        (RuntimeError("CUDA out of memory"), "RuntimeError: CUDA out of memory"),
        (RuntimeError("no /footage/IMG_0815.mp4"), "RuntimeError"),
        (TypeError("f() takes 1 argument"), "TypeError: f() takes 1 argument"),
    ],
)  # fmt: skip
def test_what_an_exception_may_say(error: Exception, said: str, lines: Callable[[], str]) -> None:
    assert named(error).startswith(said)
    try:
        raise ValueError("IMG_0815") from error
    except ValueError:
        logging.getLogger("roaddamage.x").exception("it failed: %s", error)
        logging.getLogger("other").warning("failed for %s after %d", "tanaka", 3)
        logging.getLogger("other").warning("tanaka failed".replace("tanaka", "Failed tanaka"))
    text = lines()
    assert [secret for secret in SECRETS if secret in text] == []
    assert "failed for … after 3" in text
    assert "ValueError" in text


def test_serve_and_workers_have_no_other_log() -> None:
    """Uvicorn keeps none of its own, whose lines name addresses."""
    import inspect

    assert "log_config=None, access_log=False" in inspect.getsource(server.serve_pages)
