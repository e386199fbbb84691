"""The list of damages: filtered as the map is, sorted, and paged."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from detector.classes import CLASSES, SEVERITIES
from detector.errors import N_
from maps.map_data import STATES
from roaddamage.records.decisions import REJECTED_AS
from roaddamage.records.models import Damage, Drive, WorkList
from roaddamage.records.numbers import number_in
from roaddamage.records.paging import Order, Page, page_of
from roaddamage.records.selection import (
    NOBODY,
    Selection,
    SelectionError,
    count_of,
    day_of,
    query_of,
    read,
)
from roaddamage.web.bulk import MANY, MOST
from roaddamage.web.chosen import words_of
from roaddamage.web.templating import say

A_PAGE = 50
MOST_DRIVES, MOST_LISTS = 300, 200
FEW = 500
"""Where no more are found they are put in order by themselves; an order's index would be looked through for them."""
ON_A_ROAD = Q(road__gt=""), Q(road="", chainage_m__isnull=True)
"""Damages that lie on a road, and those that lie on none; said so that the index by road tells both."""
SORTS: dict[str, tuple[str, Order]] = {
    "priority": (N_("priority"), Order(("-priority", "pk"))),
    "severity": (
        N_("severity, then confidence (as the map lists them)"),
        Order(("-severity", "-confidence", "pk")),
    ),
    "confidence": (N_("confidence"), Order(("-confidence", "pk"))),
    "last_seen": (N_("last seen, latest first"), Order(("-last_seen", "pk"), may_lack=True)),
    "first_seen": (N_("first seen, earliest first"), Order(("first_seen", "pk"), may_lack=True)),
    "due": (N_("due date"), Order(("due", "-priority", "pk"), may_lack=True)),
    "road": (
        N_("road and chainage"),
        Order(("road", "chainage_m", "pk"), may_lack=True, lacks=ON_A_ROAD, then=("pk",)),
    ),
    "number": (N_("number"), Order(("pk",))),
}


@require_safe
def damage_list(request: HttpRequest) -> HttpResponse:
    """The page."""
    problem, told = "", Selection()
    try:
        told = read(dict(request.GET.lists()))
    except SelectionError as error:
        problem = error.message(say)
    sort = sort_of(request)
    rows, total = (Damage.objects.none(), 0) if problem else found(told)
    asked, order = request.GET, order_of(sort, told, total)
    if order.strands:
        rows = told.rows(by_state=True)
    page = page_of(
        rows.select_related("assignee"), order, A_PAGE, asked.get("after", ""), asked.get("before", ""),
        "last" in asked,
    )  # fmt: skip
    query = query_of(told)
    values = {
        "problem": problem, "total": total, "page": page, "first": _first(asked.get("place", ""), page, total),
        "a_page": A_PAGE, "sort": sort, "sorts": [(name, say(text)) for name, (text, _) in SORTS.items()],
        "query": query, "query_text": urlencode(query), "words": words_of(told), "told": told, "many": MANY,
        "most": MOST, "belief": [str(state) for state in STATES], "ticks_of": _ticks(told), "own": told.filter,
        "days": _days(told), "nobody": NOBODY, "users": _users(),
        "drives": Drive.objects.filter(state=Drive.State.done).only("name")[:MOST_DRIVES], "as_what": REJECTED_AS, "open_lists": _open_lists(),
        "into": _into(request),
    }  # fmt: skip
    return render(request, "web/damage_list.html", values)


def _ticks(told: Selection) -> list[tuple[str, str, list[tuple[Any, str]], Any]]:
    """Choices of the filter: parameter, legend, values with their words, and those chosen."""
    own = told.filter
    return [
        ("class", N_("Damage class"), [(k, say(row.name)) for k, row in enumerate(CLASSES)], own.class_),
        ("severity", N_("Severity"), [(k, say(name)) for k, name in enumerate(SEVERITIES)], own.severity),
        (
            "people",
            N_("State"),
            [(value, say(str(text))) for value, text in Damage.State.choices],
            told.people,
        ),
        ("state", N_("State by passes"), [(k, say(str(one))) for k, one in enumerate(STATES)], own.state),
    ]


def sort_of(request: HttpRequest) -> str:
    """The order asked for, by its name in `SORTS`."""
    sort = request.GET.get("sort", "")
    return sort if sort in SORTS else "priority"


def order_of(sort: str, told: Selection, total: int) -> Order:
    """An order by its name; the most urgent of many are sought by state."""
    order = SORTS[sort][1]
    return replace(order, strands=told.strands) if sort == "priority" and total > FEW else order


def found(told: Selection) -> tuple[QuerySet[Damage], int]:
    """The damages of a selection, and how many they are."""
    rows, total = told.rows(), count_of(told)
    if total <= FEW:
        rows = Damage.objects.filter(pk__in=told.numbers())
    return rows, total


def _first(place: str, page: Page[Damage], total: int) -> int | None:
    """The place of the page's first row among all; None where it isn't known.

    It comes with the link, and is put right wherever the page is the first or the last.
    """
    if not page.before:
        return 1
    if not page.after:
        return max(total - len(page.rows) + 1, 1)
    known = int(place) if place.isdecimal() and len(place) < 12 else 0
    return known if 1 < known <= total - len(page.rows) else None


def _days(told: Selection) -> list[str]:
    return [day_of(day).isoformat() if math.isfinite(day) else "" for day in told.filter.days]


def _open_lists() -> list[WorkList]:
    """The lists that damages can be put on: those with stops left, and empty ones."""
    left = Count("stops", filter=Q(stops__done__isnull=True))
    rows = WorkList.objects.annotate(left=left, count=Count("stops")).filter(Q(left__gt=0) | Q(count=0))
    return list(rows.order_by("-at")[:MOST_LISTS])


def _into(request: HttpRequest) -> int | None:
    """The work list that damages are sought for (`list`)."""
    return number_in(request.GET.get("list", ""))


def _users() -> list[User]:
    return list(User.objects.filter(is_active=True).order_by("last_name", "username"))
