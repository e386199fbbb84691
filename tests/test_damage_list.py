"""The list of damages: the same as the map shows, in order, as CSV, and decided on many at a time."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import pytest
from django.test import Client
from test_viewport import CITY, FILTERS, asked, made

from roaddamage.records.models import AuditEntry, Damage, Review
from roaddamage.web import bulk, damage_list

pytestmark = pytest.mark.django_db


@pytest.fixture
def engineer(people: dict[str, Any], client: Client) -> Client:
    client.force_login(people["engineer"], "django.contrib.auth.backends.ModelBackend")
    return client


def numbers(page: str) -> list[int]:
    return [int(one) for one in re.findall(r'name="rows" value="(\d+):', page)]


@pytest.mark.parametrize("query", [query for query, _ in FILTERS.values()], ids=FILTERS)
def test_list_map_and_csv_agree(query: str, engineer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = made(200)
    fits = next(fits for own, fits in FILTERS.values() if own == query)
    wanted = sorted(row.pk for row in rows if fits(row))
    monkeypatch.setattr(damage_list, "A_PAGE", 1_000)
    assert sorted(numbers(engineer.get(f"/damages/?{query}").content.decode())) == wanted
    box = ",".join(str(part) for part in CITY)
    told = engineer.get(f"/map/damages?bbox={box}&zoom=17&{query}").json()
    assert told["points"]["number"] == wanted
    sent = b"".join(engineer.get(f"/damages/list.csv?{query}").streaming_content)
    table = list(csv.reader(io.StringIO(sent.decode("utf-8-sig"))))
    assert sorted(int(row[0]) for row in table[1:]) == wanted
    assert AuditEntry.objects.get(action="damages.exported").details["count"] == len(wanted)


@pytest.mark.parametrize(
    ("sort", "key"),
    [
        ("priority", lambda d: (-d.priority, d.pk)),
        ("severity", lambda d: (-d.severity, -d.confidence, d.pk)),
        ("last_seen", lambda d: (-d.last_seen.timestamp(), d.pk)),
        ("first_seen", lambda d: (d.first_seen.timestamp(), d.pk)),
        ("number", lambda d: d.pk),
        ("nonsense", lambda d: (-d.priority, d.pk)),
    ],
)
def test_pages_follow_one_another_in_order(sort: str, key: Any, engineer: Client) -> None:
    wanted = [row.pk for row in sorted((row for row in made(300) if row.shown), key=key)]
    pages = [engineer.get(f"/damages/?sort={sort}&page={page}").content.decode() for page in (1, 2, 3, 4, 5)]
    assert [number for page in pages for number in numbers(page)][: len(wanted)] == wanted
    assert f"{len(wanted)}" in pages[0]


def test_a_text_that_is_a_formula_stays_a_text(engineer: Client) -> None:
    made(3)
    Damage.objects.update(road='=HYPERLINK("http://example.com")', shown=True)
    sent = b"".join(engineer.get("/damages/list.csv").streaming_content).decode("utf-8-sig")
    assert "\"'=HYPERLINK" in sent


@pytest.mark.parametrize("query", ["class=x", "area=1,2", "from=soon"])
def test_a_filter_that_can_not_be_read_shows_nothing(query: str, engineer: Client) -> None:
    made(3)
    page = engineer.get(f"/damages/?{query}").content.decode()
    assert 'role="alert"' in page
    assert numbers(page) == []
    assert engineer.get(f"/damages/list.csv?{query}").status_code == 400
    assert engineer.get(f"/map/damages?bbox=1,2,3,4&zoom=5&{query}").status_code == 400


def decided(engineer: Client, **form: object) -> str:
    return engineer.post("/damages/decide/", form, follow=True).content.decode()


def test_many_are_changed_once_it_was_asked_and_those_that_can_not_be_are_told(
    engineer: Client, people: dict[str, Any]
) -> None:
    made(40)
    Damage.objects.filter(joined_into__isnull=True).update(state="proposed", shown=True, version=0)
    some = list(asked("").rows().order_by("pk")[:5])
    Damage.objects.filter(pk=some[0].pk).update(state="repaired", shown=False)
    rows = ",".join(f"{row.pk}:0" for row in some)
    asks = decided(engineer, kind="confirm", rows=rows, query="")
    assert Review.objects.count() == 0
    assert f'value="{rows}"' in asks
    told = decided(engineer, kind="confirm", rows=rows, query="", sure="yes")
    assert Review.objects.filter(kind="confirm", by=people["engineer"]).count() == 4
    assert str(some[0].pk) in told.partition("notice warning")[2][:400]
    stale = decided(engineer, kind="reject", rejected_as="shadow", rows=f"{some[1].pk}:0", query="")
    assert "notice warning" in stale
    assert Damage.objects.get(pk=some[1].pk).state == "confirmed"


def test_an_area_is_decided_as_a_whole(engineer: Client) -> None:
    made(60)
    Damage.objects.filter(joined_into__isnull=True).update(state="proposed", shown=True)
    query, _ = FILTERS["area"]
    inside = list(asked(query).rows().values_list("pk", flat=True))
    asks = decided(engineer, kind="reject", rejected_as="patch", all="yes", query=query)
    rows = re.findall(r'name="rows" value="([^"]+)"', asks)[0]
    decided(engineer, kind="reject", rejected_as="patch", rows=rows, query=query, sure="yes")
    assert sorted(Damage.objects.filter(rejected_as="patch").values_list("pk", flat=True)) == sorted(inside)
    assert 0 < len(inside) < 60


@pytest.mark.parametrize(
    "form",
    [{}, {"kind": "confirm"}, {"kind": "repair", "all": "yes"}, {"kind": "confirm", "rows": "x"}, {"kind": "confirm", "rows": "1:0", "query": "class=x"}],
)  # fmt: skip
def test_what_is_not_complete_changes_nothing(form: dict[str, str], engineer: Client) -> None:
    made(3)
    assert "notice error" in decided(engineer, sure="yes", **form)
    assert Review.objects.count() == 0


def test_too_many_are_refused(engineer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    made(30)
    monkeypatch.setattr(bulk, "MOST", 5)
    assert "notice error" in decided(engineer, kind="confirm", all="yes", query="", sure="yes")
    assert Review.objects.count() == 0
