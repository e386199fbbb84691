"""The list of damages as CSV: sent while it is read, so that it takes no memory however long it is."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from detector.classes import CLASSES, SEVERITIES
from detector.errors import N_
from maps.map_data import STATES
from maps.texts import safe_text
from roaddamage.records.audit import audited
from roaddamage.records.models import Damage
from roaddamage.records.names import full_name
from roaddamage.records.selection import SelectionError, query_of, read
from roaddamage.web.damage_list import SORTS, found, sort_of
from roaddamage.web.templating import say

AT_ONCE = 1_000
"""Rows asked of the database at a time."""
HEADINGS = (
    N_("number"), N_("class"), N_("class name"), N_("severity"), N_("state"), N_("state by passes"), N_("confidence"),
    N_("priority"), N_("longitude"), N_("latitude"), N_("road"), N_("road number"), N_("kind of road"), N_("chainage (m)"),
    N_("length (m)"), N_("width (m)"), N_("area (m²)"), N_("passes"), N_("sightings"), N_("first seen"), N_("last seen"),
    N_("assignee"), N_("due"),
)  # fmt: skip


@dataclass(frozen=True)
class Words:
    """What the table is written with, in one language."""

    headings: Sequence[str]
    classes: Sequence[str]
    severities: Sequence[str]
    states: dict[str, str]
    beliefs: Sequence[str]


@require_safe
def damage_csv(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """What is filtered as CSV, whole and in the order of the list."""
    try:
        told = read(dict(request.GET.lists()))
    except SelectionError as error:
        return HttpResponse(error.message(say), "text/plain; charset=utf-8", 400)
    rows, count = found(told)
    audited(request.user, "damages.exported", "csv", count=count, **query_of(told))
    order = SORTS[sort_of(request)][1]
    sent = _pieces(order.walk(rows.select_related("assignee"), AT_ONCE), _words())
    name = f"damages-{timezone.localdate().isoformat()}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(sent, content_type="text/csv; charset=utf-8", headers=headers)


def _words() -> Words:
    return Words(
        [say(heading) for heading in HEADINGS], [say(row.name) for row in CLASSES],
        [say(name) for name in SEVERITIES], {state: say(str(label)) for state, label in Damage.State.choices},
        [say(str(state)) for state in STATES],
    )  # fmt: skip


def _pieces(rows: Iterator[Damage], words: Words) -> Iterator[bytes]:
    text = io.StringIO(newline="")
    text.write("\ufeff")
    writer = csv.writer(text)
    writer.writerow(words.headings)
    for number, row in enumerate(rows, 1):
        writer.writerow(_cells(row, words))
        if number % AT_ONCE == 0:
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode()


def _cells(row: Damage, words: Words) -> list[object]:
    return [
        row.pk, CLASSES[row.class_id].code, words.classes[row.class_id], words.severities[row.severity],
        words.states[row.state], words.beliefs[row.belief], round(row.confidence, 3), round(row.priority, 1),
        round(row.lon, 7), round(row.lat, 7), safe_text(row.road), safe_text(row.road_id),
        safe_text(row.road_kind), _rounded(row.chainage_m, 1), round(row.length_m, 2),
        round(row.width_m, 2), _rounded(row.area_m2, 2), row.passes, row.sightings_count, _local(row.first_seen),
        _local(row.last_seen), safe_text(full_name(row.assignee)) if row.assignee else "", row.due.isoformat() if row.due else "",
    ]  # fmt: skip


def _rounded(value: float | None, digits: int) -> float | str:
    return "" if value is None else round(value, digits)


def _local(moment: datetime | None) -> str:
    return "" if moment is None else timezone.localtime(moment).isoformat(timespec="seconds")
