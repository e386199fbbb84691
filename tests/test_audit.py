"""The audit log: only added to, filtered, paged, downloaded."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import datetime
from unittest.mock import patch
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import translation

from roaddamage.records.audit import audited
from roaddamage.records.models import AuditEntry
from roaddamage.web.audit_details import in_words

pytestmark = pytest.mark.django_db
TOKYO = ZoneInfo("Asia/Tokyo")


@pytest.fixture
def entries(people: dict[str, User]) -> None:
    for day, action, target in (
        (1, "damage.seen", "1"),
        (2, "damage.confirm", "1"),
        (3, "damage.seen", "=22"),
    ):
        with patch("django.utils.timezone.now", return_value=datetime(2026, 4, day, 23, 59, tzinfo=TOKYO)):
            audited(people["engineer"], action, target, comment="穴")


@pytest.fixture
def administrator(client: Client, people: dict[str, User]) -> Client:
    client.force_login(people["administrator"])
    return client


def changed(row: AuditEntry) -> None:
    row.target = "x"
    row.save()


@pytest.mark.parametrize(
    "attempt",
    [
        changed,
        lambda row: row.delete(),
        lambda row: AuditEntry.objects.update(target="x"),
        lambda row: AuditEntry.objects.all().delete(),
        lambda row: AuditEntry.objects.filter(pk=row.pk).delete(),
        lambda row: AuditEntry.objects.bulk_update([row], ["target"]),
        lambda row: row.by.audit_entries.all().delete(),
    ],
    ids=["save", "delete", "update", "delete all", "delete some", "bulk update", "by user"],
)
def test_an_entry_stays(entries: None, attempt: Callable[[AuditEntry], object]) -> None:
    with pytest.raises(TypeError, match="never"):
        attempt(AuditEntry.objects.earliest("at"))
    assert AuditEntry.objects.filter(target="x").count() == 0


@pytest.mark.parametrize(
    ("asked", "targets"),
    [
        ("action=damage.seen", ["=22", "1"]),
        ("action=damage.seen&target=22", ["=22"]),
        ("action=damage.confirm", ["1"]),
        ("begin=2026-04-02&end=2026-04-02", ["1"]),
        ("begin=2026-04-03&end=2026-04-03", ["=22"]),
        ("end=2026-04-02", ["1", "1"]),
        ("begin=soon", []),
        ("by=999999", []),
    ],
)
def test_filters(administrator: Client, entries: None, asked: str, targets: list[str]) -> None:
    answer = administrator.get(f"{reverse('audit')}?{asked}")
    assert [row.target for row in answer.context["page"]] == targets if answer.context else True
    rows = list(csv.reader(io.StringIO(read(administrator, asked))))[1:]
    assert [row[4].lstrip("'") for row in rows] == targets


def read(client: Client, asked: str) -> str:
    answer = client.get(f"{reverse('audit_csv')}?{asked}")
    assert answer.streaming
    return b"".join(answer.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]


def test_a_download_can_hold_no_formula_and_is_an_entry_itself(administrator: Client, entries: None) -> None:
    (row,) = list(csv.reader(io.StringIO(read(administrator, "target=22"))))[1:]
    assert row[0] == "2026-04-03T23:59:00+09:00"
    assert (row[1], row[4], row[5]) == ("engineer", "'=22", "コメント: 穴")
    newest = AuditEntry.objects.latest("pk")
    assert (newest.action, newest.details) == ("audit.exported", {"filters": {"target": "22"}})


def test_details_in_words() -> None:
    told = {
        "groups": ["ml", "crew"],
        "state": "gone",
        "writes": True,
        "filters": {"class": "1"},
        "nothing": "",
    }
    with translation.override("en"):
        assert in_words(told) == (
            "groups: machine learning (looks, trains models), crew (hands footage in, repairs); state: probably"
            " repaired, to be checked; may change things: yes; filters: (class of damage: 1); nothing: –"
        )


def test_pages(administrator: Client, people: dict[str, User]) -> None:
    AuditEntry.objects.bulk_create(AuditEntry(action="damage.seen", target=str(n)) for n in range(150))
    first, second = (
        administrator.get(f"{reverse('audit')}?action=damage.seen&page={page}").content.decode()
        for page in (1, 2)
    )
    assert (first.count("<tr>"), second.count("<tr>")) == (101, 51)
    assert 'rel="next" href="?action=damage.seen&amp;page=2"' in first
