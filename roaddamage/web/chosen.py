"""What was chosen, in words: a selection as a person reads it over the map and the list."""

from __future__ import annotations

import math

from django.contrib.auth.models import User

from detector.classes import CLASSES, SEVERITIES
from detector.errors import N_
from maps.map_data import STATES
from roaddamage.records.models import Damage, Drive
from roaddamage.records.names import full_name
from roaddamage.records.selection import NOBODY, Selection, day_of, query_of
from roaddamage.web.templating import day, number, say

OF_THE_RECORDS = ("people", "drive", "assignee", "road", "priority", "area")
"""What the map's own panel can't choose."""


def besides(told: Selection) -> list[str]:
    """The names of what a selection has beside a map's own filter."""
    return [name for name in query_of(told) if name in OF_THE_RECORDS]


def words_of(told: Selection) -> list[str]:
    """A selection's parts that restrict it, a line each."""
    own, lines = told.filter, []
    for chosen, names in (
        (own.class_, [say(row.name) for row in CLASSES]),
        (own.severity, [say(name) for name in SEVERITIES]),
        (own.state, [say(str(state)) for state in STATES]),
    ):
        if len(chosen) < len(names):
            lines.append(", ".join(name for index, name in enumerate(names) if index in chosen) or "–")
    if own.confidence:
        lines.append(say(N_("confidence from {share} %")).format(share=round(100 * own.confidence)))
    if any(math.isfinite(one) for one in own.days):
        first, last = (day(day_of(one)) if math.isfinite(one) else "" for one in own.days)
        lines.append(say(N_("seen {first} – {last}")).format(first=first, last=last))
    return lines + _of_records(told)


def _of_records(told: Selection) -> list[str]:
    lines = []
    if told.people:
        labels = dict(Damage.State.choices)
        lines.append(", ".join(say(str(labels[state])) for state in told.people))
    if told.drive is not None:
        drive = Drive.objects.filter(pk=told.drive).first()
        lines.append(say(N_("drive {name}")).format(name=drive or "–"))
    if told.assignee == NOBODY:
        lines.append(say(N_("assigned to nobody")))
    elif told.assignee:
        user = User.objects.filter(pk=int(told.assignee)).first()
        name = full_name(user) if user else "–"
        lines.append(say(N_("assigned to {name}")).format(name=name))
    if told.road:
        lines.append(say(N_("road {name}")).format(name=told.road))
    if told.priority:
        lines.append(
            say(N_("priority from {points} of 100")).format(
                points=number(told.priority, 1 if told.priority % 1 else 0)
            )
        )
    if told.bbox:
        lines.append(say(N_("in the map's view")))
    if told.area:
        lines.append(say(N_("in the area drawn")))
    return lines
