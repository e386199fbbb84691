"""The list of damages: filtered as the map is, sorted, paged, and as CSV."""

from __future__ import annotations

import csv
import io
import math
import tempfile
from collections.abc import Iterator
from datetime import datetime
from typing import IO, Any

from django.contrib.auth.models import User
from django.core.handlers.asgi import ASGIRequest
from django.db.models import Count, F, Q, QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from detector.classes import CLASSES, SEVERITIES
from detector.errors import N_
from maps.map_data import STATES
from maps.texts import UTF_8, safe_text
from roaddamage.records.audit import audited
from roaddamage.records.decisions import REJECTED_AS
from roaddamage.records.models import Damage, Drive, WorkList
from roaddamage.records.selection import NOBODY, Selection, SelectionError, day_of, query_of, read
from roaddamage.web.bulk import MANY, MOST
from roaddamage.web.chosen import words_of
from roaddamage.web.templating import say

A_PAGE = 50
MOST_DRIVES, MOST_LISTS = 300, 200
SORTS: dict[str, tuple[str, tuple[Any, ...]]] = {
    "priority": (N_("priority"), ("-priority", "pk")),
    "severity": (N_("severity, then confidence (as the map lists them)"), ("-severity", "-confidence", "pk")),
    "confidence": (N_("confidence"), ("-confidence", "pk")),
    "last_seen": (N_("last seen, latest first"), (F("last_seen").desc(nulls_last=True), "pk")),
    "first_seen": (N_("first seen, earliest first"), (F("first_seen").asc(nulls_last=True), "pk")),
    "due": (N_("due date"), (F("due").asc(nulls_last=True), "-priority", "pk")),
    "number": (N_("number"), ("pk",)),
}
"""How rows can be put in order; each order ends with the number, so that pages never overlap."""
HEADINGS = (
    N_("number"), N_("class"), N_("class name"), N_("severity"), N_("state"), N_("state by passes"), N_("confidence"),
    N_("priority"), N_("longitude"), N_("latitude"), N_("road"), N_("chainage (m)"), N_("length (m)"), N_("width (m)"),
    N_("area (m²)"), N_("passes"), N_("sightings"), N_("first seen"), N_("last seen"), N_("assignee"), N_("due"),
)  # fmt: skip


@require_safe
def damage_list(request: HttpRequest) -> HttpResponse:
    """The page."""
    problem, told = "", Selection()
    try:
        told = read(dict(request.GET.lists()))
    except SelectionError as error:
        problem = error.message(say)
    rows, sort = sorted_rows(request, told)
    rows = rows.none() if problem else rows
    total = rows.count()
    pages = max(math.ceil(total / A_PAGE), 1)
    asked = request.GET.get("page", "1")
    page = min(max(int(asked), 1), pages) if asked.isdecimal() and len(asked) < 10 else 1
    shown = rows.select_related("assignee")[(page - 1) * A_PAGE : page * A_PAGE]
    query = query_of(told)
    values = {
        "problem": problem, "rows": shown, "total": total, "page": page, "pages": pages, "sort": sort,
        "first": (page - 1) * A_PAGE + 1, "sorts": [(name, say(text)) for name, (text, _) in SORTS.items()],
        "query": query, "query_text": urlencode(query), "words": words_of(told), "told": told, "many": MANY,
        "most": MOST, "belief": [str(state) for state in STATES], "ticks_of": _ticks(told), "own": told.filter,
        "days": _days(told), "nobody": NOBODY, "users": _users(),
        "drives": Drive.objects.filter(state=Drive.State.done)[:MOST_DRIVES], "as_what": REJECTED_AS, "open_lists": _open_lists(),
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


def sorted_rows(request: HttpRequest, told: Selection) -> tuple[QuerySet[Damage], str]:
    """The damages of a selection in the order asked for, and that order's name."""
    sort = request.GET.get("sort", "")
    sort = sort if sort in SORTS else "priority"
    return told.rows().order_by(*SORTS[sort][1]), sort


def _days(told: Selection) -> list[str]:
    return [day_of(day).isoformat() if math.isfinite(day) else "" for day in told.filter.days]


def _open_lists() -> list[WorkList]:
    """The lists that damages can be put on: those with stops left, and empty ones."""
    left = Count("stops", filter=Q(stops__done__isnull=True))
    rows = WorkList.objects.annotate(left=left, count=Count("stops")).filter(Q(left__gt=0) | Q(count=0))
    return list(rows.order_by("-at")[:MOST_LISTS])


def _into(request: HttpRequest) -> int | None:
    """The work list that damages are sought for (`list`)."""
    text = request.GET.get("list", "")
    return int(text) if text.isdecimal() and len(text) < 13 else None


def _users() -> list[User]:
    return list(User.objects.filter(is_active=True).order_by("last_name", "username"))


@require_safe
def damage_csv(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """What is filtered as CSV, whole and in the order of the list."""
    try:
        told = read(dict(request.GET.lists()))
    except SelectionError as error:
        return HttpResponse(error.message(say), "text/plain; charset=utf-8", 400)
    file = tempfile.TemporaryFile()  # noqa: SIM115  (closed when it has been sent)
    count = _write(file, sorted_rows(request, told)[0])
    audited(request.user, "damages.exported", "csv", count=count, **query_of(told))
    name = f"damages-{timezone.localdate().isoformat()}.csv"
    return sent(request, file, name, "text/csv; charset=utf-8")


def sent(request: HttpRequest, file: IO[bytes], name: str, kind: str) -> StreamingHttpResponse:
    """A file as a download, some at a time; it is closed at the end."""
    size = file.tell()
    file.seek(0)
    pieces = _slowly(file) if isinstance(request, ASGIRequest) else _pieces(file)
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Content-Length": str(size)}
    return StreamingHttpResponse(pieces, content_type=kind, headers=headers)


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(2**18):
            yield piece


async def _slowly(file: IO[bytes]) -> Any:
    for piece in _pieces(file):
        yield piece


def _write(file: IO[bytes], rows: QuerySet[Damage]) -> int:
    text = io.TextIOWrapper(file, UTF_8, newline="")
    writer, count = csv.writer(text), 0
    writer.writerow([say(heading) for heading in HEADINGS])
    labels = {state: say(str(label)) for state, label in Damage.State.choices}
    classes, severities = [say(row.name) for row in CLASSES], [say(name) for name in SEVERITIES]
    beliefs = [say(str(state)) for state in STATES]
    for row in rows.select_related("assignee").iterator(chunk_size=5_000):
        writer.writerow([
            row.pk, CLASSES[row.class_id].code, classes[row.class_id], severities[row.severity], labels[row.state],
            beliefs[row.belief], round(row.confidence, 3), round(row.priority, 1), round(row.lon, 7),
            round(row.lat, 7), safe_text(row.road), _rounded(row.chainage_m, 1), round(row.length_m, 2),
            round(row.width_m, 2), _rounded(row.area_m2, 2), row.passes, row.sightings_count, _local(row.first_seen),
            _local(row.last_seen), safe_text(name_of(row.assignee)), row.due.isoformat() if row.due else "",
        ])  # fmt: skip
        count += 1
    text.flush()
    text.detach()
    return count


def name_of(user: User | None) -> str:
    """What a person is called; "" for none."""
    return (user.get_full_name() or user.get_username()) if user else ""


def _rounded(value: float | None, digits: int) -> float | str:
    return "" if value is None else round(value, digits)


def _local(moment: datetime | None) -> str:
    return "" if moment is None else timezone.localtime(moment).isoformat(timespec="seconds")
