"""One decision on many damages: each field by itself, priorities with their why, and work lists."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.test import Client
from test_damage_list import decided, engineer, numbers
from test_viewport import asked, made

from roaddamage.records import cells
from roaddamage.records.models import Cell, Damage, Review
from roaddamage.records.priorities import work_out
from roaddamage.records.work_lists import Plan, make_list

pytestmark = pytest.mark.django_db
__all__ = ["engineer"]


def of_state(state: str, count: int = 6) -> list[Damage]:
    made(40)
    Damage.objects.filter(joined_into__isnull=True).update(state=state, shown=True, version=0, belief=0)
    return list(asked("").rows().order_by("pk")[:count])


@pytest.mark.parametrize(("form", "field", "value"), [
    ({"kind": "assign", "assignee": "{crew}"}, "assignee", "{crew}"), ({"kind": "assign", "assignee": ""}, "assignee", None),
    ({"kind": "due", "due": "2026-05-01"}, "due", date(2026, 5, 1)), ({"kind": "due", "due": ""}, "due", None),
    ({"kind": "priority", "priority": "95", "comment": "school"}, "priority", 95.0),
    ({"kind": "priority", "priority": ""}, "priority_set", None),
])  # fmt: skip
def test_one_field_of_many_is_set_and_the_others_stay(
    engineer: Client, people: dict[str, Any], form: dict[str, str], field: str, value: Any
) -> None:
    rows, crew = of_state("confirmed"), people["crew"].pk
    before = {"assignee": people["ml"].pk, "due": date(2026, 1, 1), "priority_set": 50.0}
    Damage.objects.update(
        **{("assignee_id" if name == "assignee" else name): kept for name, kept in before.items()}
    )
    sent = {name: part.format(crew=crew) for name, part in form.items()}
    pairs = ",".join(f"{row.pk}:0" for row in rows)
    page = decided(engineer, rows=pairs, query="", **sent)
    assert "notice error" not in page
    decided(engineer, rows=pairs, query="", sure="yes", **sent)
    wanted = before | {field: crew if value == "{crew}" else value}
    for row in Damage.objects.filter(pk__in=[row.pk for row in rows]):
        told = {
            "assignee": row.assignee_id,
            "due": row.due,
            "priority_set": row.priority_set,
            "priority": row.priority,
        }
        assert told[field] == wanted[field]
        others = {name for name in before if not name.startswith(field[:8])}
        assert {name: told[name] for name in others} == {name: before[name] for name in others}
    assert Review.objects.filter(kind=form["kind"]).count() == len(rows)


def test_a_priority_needs_its_why(engineer: Client) -> None:
    (row, *_) = of_state("confirmed")
    for wrong in (
        {"priority": "95"},
        {"priority": "101", "comment": "x"},
        {"priority": "high", "comment": "x"},
    ):
        assert "notice error" in decided(engineer, kind="priority", rows=f"{row.pk}:0", query="", **wrong)
    assert Review.objects.count() == 0


def test_a_priority_that_was_set_goes_first(engineer: Client) -> None:
    rows = of_state("confirmed")
    last = asked("").rows().order_by("priority", "pk")[0]
    form = {"kind": "priority", "priority": "100", "comment": "before the school"}
    decided(engineer, rows=f"{last.pk}:0", query="", **form)
    assert numbers(engineer.get("/damages/").content.decode())[0] == last.pk
    page = engineer.get(f"/damages/{last.pk}/").content.decode()
    assert "before the school" in page
    again = Damage.objects.get(pk=last.pk)
    work_out([again])  # as a drive does that is counted in
    assert again.priority == 100
    assert Damage.objects.get(pk=last.pk).priority == 100
    decided(engineer, rows=f"{last.pk}:1", query="", kind="priority")
    assert Damage.objects.get(pk=last.pk).priority < 100
    assert rows


def test_many_are_put_on_a_work_list(engineer: Client, people: dict[str, Any]) -> None:
    rows = of_state("confirmed")
    pairs = ",".join(f"{row.pk}:0" for row in rows)
    new = engineer.post("/damages/decide/", {"kind": "list", "work_list": "new", "rows": pairs, "query": ""})
    assert new["Location"] == "/work-lists/new/?damages=" + ",".join(str(row.pk) for row in rows)
    listed, _ = make_list(Plan("South"), [rows[0].pk], people["engineer"])
    page = engineer.get(f"/damages/?people=confirmed&list={listed.pk}").content.decode()
    assert f'<option value="{listed.pk}" selected>South</option>' in page
    asks = decided(engineer, kind="list", work_list=listed.pk, rows=pairs, query="")
    assert "South" in asks
    told = decided(engineer, kind="list", work_list=listed.pk, rows=pairs, query="", sure="yes")
    assert sorted(listed.stops.values_list("damage", flat=True)) == [row.pk for row in rows]
    assert "notice warning" in told  # the first is on it already
    assert "notice error" in decided(engineer, kind="list", work_list="99", rows=pairs, query="", sure="yes")


def test_cells_follow_a_decision_on_many(engineer: Client) -> None:
    rows = of_state("proposed")
    cells.rebuild()
    pairs = ",".join(f"{row.pk}:0" for row in rows)
    decided(engineer, kind="reject", rejected_as="patch", rows=pairs, query="", sure="yes")
    columns = "shift", "cell", "class_id", "severity", "count"
    kept = set(Cell.objects.values_list(*columns))
    assert sum(count for shift, *_, count in kept if shift == max(cells.SHIFTS)) == asked("").rows().count()
    cells.rebuild()
    assert set(Cell.objects.values_list(*columns)) == kept
