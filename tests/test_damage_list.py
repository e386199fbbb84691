"""The list of damages: the same as the map shows, in order, as CSV, and decided on many at a time."""

from __future__ import annotations

import csv
import io
import re
from datetime import date, timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from test_viewport import CITY, EPOCH, FILTERS, asked, made

from roaddamage.records import cells
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


ORDERS: dict[str, Any] = {
    "priority": lambda d: (-d.priority, d.pk),
    "severity": lambda d: (-d.severity, -d.confidence, d.pk),
    "confidence": lambda d: (-d.confidence, d.pk),
    "last_seen": lambda d: (d.last_seen is None, -d.last_seen.timestamp() if d.last_seen else 0, d.pk),
    "first_seen": lambda d: (d.first_seen is None, d.first_seen.timestamp() if d.first_seen else 0, d.pk),
    "due": lambda d: (d.due is None, d.due.toordinal() if d.due else 0, -d.priority, d.pk),
    "road": lambda d: (not d.road, d.road, d.chainage_m or 0, d.pk),
    "number": lambda d: d.pk,
    "nonsense": lambda d: (-d.priority, d.pk),
}


def many() -> list[Damage]:
    """Damages of which many have the same values, or none, in what lists are put in order by; those that are shown."""

    def change(index: int, row: Damage) -> None:
        row.priority, row.severity, row.confidence = index % 4 * 10.5, index % 2, (index % 5) / 7
        row.road = "" if index % 5 == 0 else f"国道{index % 3}号, 'A' 100%/é"
        row.chainage_m = index % 4 * 12.5 if row.road else None
        row.due = date(2026, 5, 1 + index % 3) if index % 4 == 0 else None
        row.last_seen = None if index % 6 == 0 else EPOCH + timedelta(hours=index % 9)
        row.first_seen = None if index % 6 == 0 else EPOCH - timedelta(microseconds=index % 9)

    return [row for row in made(300, change=change) if row.shown]


def go(engineer: Client, page: str, name: str) -> str:
    """The page that a link of this page leads to; "" where it has none."""
    nav = page.partition('<nav class="row pages"')[2].partition("</nav>")[0]
    found = re.search(rf'href="([^"]+)"[^>]*>{name}</a>', nav)
    return engineer.get("/damages/" + unescape(found[1])).content.decode() if found else ""


def told(page: str) -> str:
    return re.search(r"<span>(.*?)</span>", page.partition('<nav class="row pages"')[2])[1]  # type: ignore[index]


@pytest.mark.parametrize("sort", ORDERS)
def test_pages_follow_one_another_in_order(
    sort: str, engineer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = many()
    engineer.cookies["language"] = "en"
    for few in (0, 1_000):  # by the order, and few by themselves
        monkeypatch.setattr(damage_list, "FEW", few)
        for query in ("", "&class=1,2", "&people=confirmed,proposed"):
            in_order(rows, sort, query, engineer)


def in_order(rows: list[Damage], sort: str, query: str, engineer: Client) -> None:
    """The list's pages hold what fits, in order, and lead to one another."""
    fits = {row.pk for row in asked(query).rows()}
    wanted = [row.pk for row in sorted(rows, key=ORDERS[sort]) if row.pk in fits]
    pages = [engineer.get(f"/damages/?sort={sort}{query}").content.decode()]
    while page := go(engineer, pages[-1], "Next"):
        pages.append(page)
    assert [numbers(page) for page in pages] == [wanted[at : at + 50] for at in range(0, len(wanted), 50)]
    assert told(pages[1]) == f"51–{min(100, len(wanted))} of {len(wanted)}"
    assert told(pages[-1]).endswith(f"–{len(wanted)} of {len(wanted)}")
    page, back = pages[-1], [numbers(pages[-1])]
    while page := go(engineer, page, "Back"):
        back.append(numbers(page))
    assert back[::-1] == [numbers(page) for page in pages]
    last = go(engineer, pages[0], "Last")
    assert numbers(last) == wanted[-50:]
    assert told(last) == told(pages[0]).replace("1–50", f"{len(wanted) - 49}–{len(wanted)}")
    assert numbers(go(engineer, last, "First")) == wanted[:50]
    assert numbers(go(engineer, last, "Back")) == (wanted[-100:-50] if len(wanted) >= 100 else wanted[:50])


@pytest.mark.parametrize("sort", ORDERS)
def test_links_stay_right_while_rows_come_and_go(sort: str, engineer: Client) -> None:
    rows = sorted(many(), key=ORDERS[sort])
    engineer.cookies["language"] = "en"
    first = engineer.get(f"/damages/?sort={sort}").content.decode()
    second = go(engineer, first, "Next")
    gone = [rows[49], rows[50], rows[99], rows[10]]  # at the pages' edges, where their links lead from
    Damage.objects.filter(pk__in=[row.pk for row in gone]).update(shown=False)
    cells.rebuild()
    left = [row.pk for row in rows if row not in gone]
    at = left.index(rows[51].pk)
    assert numbers(go(engineer, first, "Next")) == left[at : at + 50]
    assert numbers(go(engineer, second, "Next")) == left[left.index(rows[100].pk) :][:50]
    assert numbers(go(engineer, second, "Back")) == left[:50]  # no whole page is left before: it is the first


def test_a_link_past_the_end_shows_the_last_page(engineer: Client) -> None:
    rows = sorted(many(), key=ORDERS["priority"])
    engineer.cookies["language"] = "en"
    before = engineer.get("/damages/?last").content.decode()
    Damage.objects.filter(pk__in=[row.pk for row in rows[-60:]]).update(shown=False)
    cells.rebuild()
    left = [row.pk for row in rows[:-60]]
    assert numbers(engineer.get(f"/damages/?after=0.0,{rows[-1].pk}").content.decode()) == left[-50:]
    assert numbers(go(engineer, before, "Back")) == left[-50:]


@pytest.mark.parametrize(
    "link",
    ["after=", "after=x", "after=5", "after=5,6,7", "after=nan,5", "after=,5", "after=1e400,1", f"before=1.0,{10**30}",
     "before=1.0,2&sort=last_seen", "after=2026-01-01T00:00:00,x&sort=last_seen", "after=0001-01-01T00:00:00%2B14:00,1&sort=last_seen",
     "after=2026-02-30,1.0,1&sort=due", "after=%00,1.0,1&sort=road", "after=%2500,1.0,1&sort=road", "after=a,,1&sort=road",
     "page=7", "place=x", "place=-5"],
)  # fmt: skip
def test_a_link_that_can_not_be_read_shows_the_first_page(link: str, engineer: Client) -> None:
    rows = many()
    engineer.cookies["language"] = "en"
    sort = link.partition("sort=")[2] or "priority"
    page = engineer.get(f"/damages/?{link}").content.decode()
    assert numbers(page) == [row.pk for row in sorted(rows, key=ORDERS[sort])][:50]
    assert told(page) == f"1–50 of {len(rows)}"


def test_a_place_that_can_not_be_is_not_told(engineer: Client) -> None:
    many()
    engineer.cookies["language"] = "en"
    page = engineer.get("/damages/?after=21.0,1&place=9999").content.decode()
    assert numbers(page)
    assert told(page) == ""


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
