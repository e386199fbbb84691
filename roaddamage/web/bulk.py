"""One decision on many damages: chosen in the list, or all that a filter or an area drawn on the map finds."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import parse_qs

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_POST

from detector.errors import N_, RoadDamageError
from roaddamage.records.decisions import Decision, DecisionError, decide_all
from roaddamage.records.models import Damage, Review, WorkList
from roaddamage.records.selection import Selection, SelectionError, query_of, read
from roaddamage.records.work_lists import MOST_STOPS, WorkListError, add
from roaddamage.web.access import who
from roaddamage.web.deciding import decision_of, numbered
from roaddamage.web.templating import number, say

ON_LIST = "list"
"""Not a decision by itself: the damages are put on a work list, and thereby scheduled."""
MANY: dict[str, str] = {
    Review.Kind.confirm: N_("Confirm"), Review.Kind.reject: N_("Reject"), Review.Kind.assign: N_("Assign"),
    Review.Kind.due: N_("Set the due date"), ON_LIST: N_("Put on a work list"),
    Review.Kind.priority: N_("Set the priority"),
}  # fmt: skip
"""What can be done with many at once."""
MOST = 1_000
TOLD = 20
"""So many of those that were not changed are told with their reasons."""
FIELDS = ("kind", "rejected_as", "assignee", "due", "priority", "work_list", "comment")
Rows = list[tuple[int, int]]
"""Numbers of damages, and their versions when the person chose them."""


@require_POST
def decide_many(request: HttpRequest) -> HttpResponse:
    """Ask whether these are meant, then decide on each; what was not changed is told with its reason."""
    try:
        query = query_of(_selected(request))
        rows, kind = _rows(request), request.POST.get("kind", "")
        if kind not in MANY:
            raise DecisionError(N_("Choose what to do with the damages."))
        if kind == ON_LIST and request.POST.get("work_list", "") == "new":
            return _to_new_list(rows)
        listed = _listed(request) if kind == ON_LIST else None
        decision = decision_of(request.POST) if listed is None else Decision(Review.Kind.schedule)
        if len(rows) > 1 and request.POST.get("sure") != "yes":
            return _asked(request, rows, decision, query, listed)
        if listed is None:
            made = decide_all(rows, who(request), decision)
            _tell(request, len(made.reviews), made.refused)
        else:
            _tell(request, *add(listed, [pk for pk, _ in rows], who(request)))
    except (DecisionError, SelectionError, WorkListError) as error:
        messages.error(request, error.message(say))
    return redirect(_back(request))


def _selected(request: HttpRequest) -> Selection:
    return read(parse_qs(request.POST.get("query", ""), keep_blank_values=True))


def _rows(request: HttpRequest) -> Rows:
    """The damages meant. Raises DecisionError where there are none or too many, SelectionError."""
    if request.POST.get("all") == "yes":
        found = _selected(request).rows().order_by("pk")
        rows = list(found.values_list("pk", "version")[: MOST + 1])
    else:
        rows = _pairs(",".join(request.POST.getlist("rows")))
    if not rows:
        raise DecisionError(N_("No damage is chosen: tick some, or all that were found."))
    if len(rows) > MOST:
        raise DecisionError(
            N_(
                "More than {most} damages can't be changed at once. Choose a smaller area, or filter further."
            ),
            most=MOST,
        )
    return rows


def _pairs(text: str) -> Rows:
    """Reads "12:0,15:3". Raises DecisionError."""
    try:
        return [
            (int(number), int(version))
            for number, version in (one.split(":") for one in text.split(",") if one)
        ]
    except ValueError as error:
        raise DecisionError(
            N_("The decision is not complete. Load the page again and decide once more.")
        ) from error


def _to_new_list(rows: Rows) -> HttpResponse:
    """To the page where a list is made of these. Raises WorkListError where they are too many for one."""
    if len(rows) > MOST_STOPS:
        raise WorkListError(
            N_("A work list has at most {most} stops; {count} damages were chosen. Make several lists."),
            most=MOST_STOPS, count=len(rows),
        )  # fmt: skip
    return redirect(reverse("work_list_new") + "?damages=" + ",".join(str(pk) for pk, _ in rows))


def _listed(request: HttpRequest) -> WorkList:
    """The work list chosen. Raises DecisionError where none is."""
    row = WorkList.objects.filter(pk=numbered(request, "work_list") or 0).first()
    if row is None:
        raise DecisionError(N_("Choose the work list."))
    return row


def _asked(
    request: HttpRequest, rows: Rows, decision: Decision, query: dict[str, str], listed: WorkList | None
) -> HttpResponse:
    numbers, kind = [number for number, _ in rows], request.POST.get("kind", "")
    values = {
        "count": len(rows), "what": say(MANY[kind]), "numbers": numbers[:TOLD], "kind": kind, "list": listed,
        "more": max(len(rows) - TOLD, 0), "fields": [(name, request.POST.get(name, "")) for name in FIELDS],
        "rows": ",".join(f"{number}:{version}" for number, version in rows), "query": query,
        "query_text": request.POST.get("query", ""), "decision": decision, "sort": request.POST.get("sort", ""),
        "assignee": User.objects.filter(pk=decision.assignee or 0).first(),
        "decided": Damage.objects.filter(pk__in=numbers).exclude(state=Damage.State.proposed).count(),
    }  # fmt: skip
    return render(request, "web/decide_many.html", values)


def _tell(request: HttpRequest, changed: int, refused: Sequence[RoadDamageError]) -> None:
    """How many were changed, and why others were not."""
    if changed:
        messages.success(request, say(N_("Damages changed: {count}.")).format(count=number(changed)))
    if refused:
        head = say(N_("Not changed: {count}.")).format(count=number(len(refused)))
        more = (
            []
            if len(refused) <= TOLD
            else [say(N_("and {count} more")).format(count=number(len(refused) - TOLD))]
        )
        reasons = [one.message(say) for one in refused[:TOLD]]
        messages.warning(request, " ".join([head, *reasons, *more]))


def _back(request: HttpRequest) -> str:
    """The list as it was."""
    try:
        query = query_of(_selected(request))
    except SelectionError:
        query = {}
    sort = request.POST.get("sort", "")
    return reverse("damages") + "?" + urlencode(query | ({"sort": sort} if sort.isidentifier() else {}))
