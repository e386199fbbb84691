"""Original footage: for those who have the right to it and say why, for a while, each opening in the log."""

from __future__ import annotations

import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from roaddamage.footage_folder import add_folder
from roaddamage.records.models import AuditEntry, Drive, FootageFile
from roaddamage.records.openings import FILE_OPENED, OPENED
from roaddamage.web.access import GROUPS
from roaddamage.workspace import Workspace

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]
People = dict[str, User]
WHY = "警察照会 令和6年第12号"


@pytest.fixture
def drive(workspace: Workspace, people: People, short_drive: Path) -> Drive:
    return add_folder(short_drive.parent, people["crew"], uuid.uuid4().hex).drives[0]


@pytest.fixture
def film(drive: Drive) -> FootageFile:
    return drive.files.get(kind=FootageFile.Kind.footage)


@pytest.fixture
def keeper(people: People) -> Client:
    return logged_in(people["footage"])


@pytest.fixture
def address(drive: Drive, film: FootageFile) -> str:
    return reverse("original", args=[drive.pk, film.pk])


def logged_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def say_why(client: Client, drive: Drive, reason: str = WHY) -> Any:
    return client.post(reverse("originals_open", args=[drive.pk]), {"reason": reason})


def told(*actions: str) -> list[tuple[str | None, str, dict[str, object]]]:
    rows = AuditEntry.objects.filter(action__in=actions or (OPENED, FILE_OPENED)).order_by("pk")
    return list(rows.values_list("by__username", "action", "details"))


def content(answer: Any) -> bytes:
    return b"".join(answer.streaming_content)


@pytest.mark.parametrize("who", [name for name in (*GROUPS, "nobody") if name != "footage"])
def test_without_the_right_there_is_nothing_not_even_a_name(
    who: str, people: People, drive: Drive, film: FootageFile, address: str
) -> None:
    client = logged_in(people[who])
    for answer in (
        client.get(reverse("originals", args=[drive.pk])),
        say_why(client, drive),
        client.get(address),
    ):
        assert answer.status_code == 403
        assert film.name not in answer.content.decode()
    assert told() == []


def test_an_administrator_may_who_is_given_it_by_name(people: People, drive: Drive) -> None:
    people["administrator"].groups.add(Group.objects.get(name="footage"))
    assert logged_in(people["administrator"]).get(reverse("originals", args=[drive.pk])).status_code == 200


@pytest.mark.parametrize("reason", ["", "   \n"])
def test_nothing_is_opened_without_a_reason(reason: str, keeper: Client, drive: Drive, address: str) -> None:
    say_why(keeper, drive, reason)
    assert keeper.get(address).headers["Location"] == reverse("originals", args=[drive.pk])
    assert told() == []


def test_each_opening_is_in_the_log(
    keeper: Client, people: People, drive: Drive, film: FootageFile, address: str, workspace: Workspace
) -> None:
    assert film.name not in keeper.get(reverse("originals", args=[drive.pk])).content.decode()
    say_why(keeper, drive)
    page = keeper.get(reverse("originals", args=[drive.pk]), {"file": film.pk}).content.decode()
    assert f'<video class="frame" controls playsinline preload="metadata" src="{address}">' in page
    original = (workspace.footage / film.path).read_bytes()
    keeper.head(address)
    whole = keeper.get(address)
    assert (whole.headers["Content-Type"], content(whole)) == ("video/mp4", original)
    part = keeper.get(address, headers={"Range": "bytes=1000-"})
    assert (part.status_code, content(part)) == (206, original[1000:])
    saved = keeper.get(f"{address}?download", headers={"Range": "bytes=1-"})
    content(saved)
    assert saved.headers["Content-Disposition"] == f'attachment; filename="{film.name}"'
    seen = {"file": film.name, "reason": WHY}
    assert told() == [
        ("footage", OPENED, {"reason": WHY, "minutes": 30}),
        ("footage", FILE_OPENED, {**seen, "way": "page"}),
        ("footage", FILE_OPENED, {**seen, "way": "download"}),
    ]
    place = reverse("drive", args=[drive.pk])
    assert WHY in logged_in(people["administrator"]).get(place).content.decode()
    assert WHY not in logged_in(people["engineer"]).get(place).content.decode()
    assert film.name in logged_in(people["administrator"]).get(reverse("audit")).content.decode()


def test_it_is_for_one_person_one_drive_and_a_while(
    keeper: Client, drive: Drive, address: str, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    say_why(keeper, drive)
    people["crew"].groups.add(Group.objects.get(name="footage"))
    assert logged_in(people["crew"]).get(address).status_code == 302
    other = Drive.objects.create(name="another", digest="1" * 64, by=people["crew"])
    FootageFile.objects.update(drive=other)
    assert keeper.get(reverse("original", args=[other.pk, drive.pk])).status_code == 302
    assert keeper.get(address).status_code == 404, "a file of another drive"
    monkeypatch.setattr("roaddamage.records.openings.GOOD_FOR", timedelta(0))
    assert keeper.get(address).status_code == 302


def test_who_loses_the_right_is_out_at_once(
    keeper: Client, drive: Drive, address: str, people: People
) -> None:
    say_why(keeper, drive)
    people["footage"].groups.clear()
    assert keeper.get(address).status_code == 403


def test_footage_that_was_deleted_is_told(keeper: Client, drive: Drive, address: str) -> None:
    say_why(keeper, drive)
    Drive.objects.update(footage_deleted=timezone.now())
    assert 'id="footage-gone"' in keeper.get(address, follow=True).content.decode()
    say_why(keeper, drive)
    assert len(told(OPENED)) == 1


def test_a_path_leads_nowhere_else(
    keeper: Client, drive: Drive, film: FootageFile, address: str, workspace: Workspace
) -> None:
    say_why(keeper, drive)
    (workspace.folder / "secret.mp4").write_bytes(b"secret")
    for path in ("../secret.mp4", str(workspace.folder / "secret.mp4"), "gone.mp4"):
        FootageFile.objects.filter(pk=film.pk).update(path=path)
        assert keeper.get(address).status_code == 404


@pytest.mark.parametrize(
    ("asked", "status", "wanted"),
    [
        ("bytes=0-", 206, slice(0, None)),
        ("bytes=10-19", 206, slice(10, 20)),
        ("bytes=10-99999999", 206, slice(10, None)),
        ("bytes=-5", 206, slice(-5, None)),
        ("bytes=-0", 416, None),
        ("bytes=99999999-", 416, None),
        ("bytes=20-10", 416, None),
        ("bytes=-", 416, None),
        ("bytes=0-1,5-9", 200, slice(0, None)),
        ("lines=1-2", 200, slice(0, None)),
    ],
)
def test_parts_of_a_film(
    asked: str, status: int, wanted: slice | None, keeper: Client, drive: Drive, film: FootageFile,
    address: str, workspace: Workspace,
) -> None:  # fmt: skip
    say_why(keeper, drive)
    original = (workspace.footage / film.path).read_bytes()
    answer = keeper.get(address, headers={"Range": asked})
    assert answer.status_code == status
    if wanted is None:
        assert answer.headers["Content-Range"] == f"bytes */{len(original)}"
    else:
        assert content(answer) == original[wanted]
        assert answer.headers["Content-Length"] == str(len(original[wanted]))
