"""One decision on many damages: chosen in the list, or all that a filter or an area drawn on the map finds."""

from __future__ import annotations

from urllib.parse import parse_qs

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_POST

from detector.errors import N_
from roaddamage.records.decisions import Decision, DecisionError, decide
from roaddamage.records.models import Damage, Review
from roaddamage.records.selection import SelectionError, query_of, read
from roaddamage.web.deciding import decision_of
from roaddamage.web.templating import number, say

MANY = (Review.Kind.confirm, Review.Kind.reject, Review.Kind.schedule, Review.Kind.assign)
"""What can be decided on many at once."""
MOST = 1_000
TOLD = 20
"""So many of those that were not changed are told with their reasons."""
FIELDS = ("kind", "rejected_as", "assignee", "due", "comment")
Rows = list[tuple[int, int]]
"""Numbers of damages, and their versions when the person chose them."""


@require_POST
def decide_many(request: HttpRequest) -> HttpResponse:
    """Ask whether these are meant, then decide on each; what was not changed is told with its reason."""
    try:
        query = query_of(read(parse_qs(request.POST.get("query", ""), keep_blank_values=True)))
        rows = _rows(request)
        decision = decision_of(request.POST)
        if decision.kind not in MANY:
            raise DecisionError(N_("Choose what to do with the damages."))
    except (DecisionError, SelectionError) as error:
        messages.error(request, error.message(say))
        return redirect(_back(request))
    if len(rows) > 1 and request.POST.get("sure") != "yes":
        return _asked(request, rows, decision, query)
    _decide(request, rows, decision)
    return redirect(_back(request))


def _rows(request: HttpRequest) -> Rows:
    """The damages meant. Raises DecisionError where there are none or too many, SelectionError."""
    if request.POST.get("all") == "yes":
        told = read(parse_qs(request.POST.get("query", ""), keep_blank_values=True))
        rows = list(told.rows().order_by("pk").values_list("pk", "version")[: MOST + 1])
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


def _asked(request: HttpRequest, rows: Rows, decision: Decision, query: dict[str, str]) -> HttpResponse:
    numbers = [number for number, _ in rows]
    values = {
        "count": len(rows), "what": say(str(Review.Kind(decision.kind).label)), "numbers": numbers[:TOLD],
        "more": max(len(rows) - TOLD, 0), "fields": [(name, request.POST.get(name, "")) for name in FIELDS],
        "rows": ",".join(f"{number}:{version}" for number, version in rows), "query": query,
        "query_text": request.POST.get("query", ""), "decision": decision, "sort": request.POST.get("sort", ""),
        "assignee": User.objects.filter(pk=decision.assignee or 0).first(),
        "decided": Damage.objects.filter(pk__in=numbers).exclude(state=Damage.State.proposed).count(),
    }  # fmt: skip
    return render(request, "web/decide_many.html", values)


def _decide(request: HttpRequest, rows: Rows, decision: Decision) -> None:
    """Each on its own: what can't be decided keeps no other back."""
    by = request.user
    assert isinstance(by, User)  # noqa: S101  (the guard let nobody else in)
    changed, refused = 0, list[DecisionError]()
    for pk, version in rows:
        try:
            decide(pk, by, decision, version)
            changed += 1
        except DecisionError as error:
            refused.append(error)
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
        query = query_of(read(parse_qs(request.POST.get("query", ""), keep_blank_values=True)))
    except SelectionError:
        query = {}
    sort = request.POST.get("sort", "")
    return reverse("damages") + "?" + urlencode(query | ({"sort": sort} if sort.isidentifier() else {}))
