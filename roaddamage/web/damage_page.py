"""A damage's page: what is known of it, who decided what, and the forms to decide."""

from __future__ import annotations

import numpy as np
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_safe

from detector.errors import N_
from detector.sightings import error_radius_m
from maps.rules import default_rules
from roaddamage.records import decisions
from roaddamage.records.audit import audited
from roaddamage.records.models import Damage, Review
from roaddamage.records.priorities import parts_of
from roaddamage.web.access import REPAIR
from roaddamage.web.evidence import KINDS, picture_of
from roaddamage.web.place import HALF_M, place_of

PART_NAMES = {
    "severity": N_("severity"), "road": N_("importance of the road"), "growth": N_("growth"), "age": N_("age of the report"),
}  # fmt: skip

FIELD_NAMES = {
    "state": N_("State"), "class_id": N_("Class"), "severity": N_("Size"), "rejected_as": N_("Rejected as"),
    "assignee_id": N_("Assignee"), "due": N_("Due date"),
}  # fmt: skip


def told(row: Damage) -> dict[str, object]:
    """What every view of one damage shows: facts, pictures, place, and the decisions that are open."""
    best = row.best
    passes = list(row.passages.select_related("drive").order_by("drive__begin", "pk"))
    covariance_m2 = [[row.var_east_m2, row.cov_east_north_m2], [row.cov_east_north_m2, row.var_north_m2]]
    return {
        "damage": row, "best": best, "pictures": [kind for kind in KINDS if best and picture_of(best, kind)],
        "passes": passes, "seen": sum(one.seen for one in passes), "error_m": error_radius_m(np.array(covariance_m2)), "place": place_of(row),
        "half_m": HALF_M, "open": decisions.open_to(row), "rejected_as": decisions.REJECTED_AS,
        "gone": decisions.gone_by_drives(row),
    }  # fmt: skip


@require_safe
def damage(request: HttpRequest, number: int) -> HttpResponse:
    """One damage; the number of one that turned out to be another leads to that one."""
    row = get_object_or_404(Damage.objects.select_related("best", "assignee"), pk=number)
    seen_numbers = {row.pk}
    while row.joined_into is not None and row.joined_into_id not in seen_numbers:
        row = row.joined_into
        seen_numbers.add(row.pk)
    if row.pk != number:
        return redirect("damage", row.pk)
    audited(request.user, "damage.seen", str(row.pk))
    sightings = list(row.sightings.select_related("drive").order_by("drive__begin", "time_s"))
    for one in sightings:
        one.pictures = [kind for kind in KINDS if picture_of(one, kind)]  # type: ignore[attr-defined]
    reviews = list(row.reviews.select_related("by", "undone", "undone__by"))
    names = {user.pk: user.get_full_name() or user.get_username() for user in User.objects.all()}
    undoable = request.user.is_authenticated and _undoable(request.user, row, reviews)
    parts = parts_of(row, default_rules())
    return render(request, "web/damage.html", {
        **told(row), "sightings": sightings, "reviews": reviews, "names": names, "undoable": undoable,
        "field_names": FIELD_NAMES.items(), "state_names": dict(Damage.State.choices),
        "parts_of_priority": [(PART_NAMES[name], points) for name, points in parts.items()],
        "people": [(user.pk, names[user.pk]) for user in _people()],
        "joined": list(row.joined.values_list("pk", flat=True)),
    })  # fmt: skip


def _people() -> list[User]:
    """Those to whom a repair can be handed."""
    return list(User.objects.filter(is_active=True, groups__name__in=REPAIR).distinct().order_by("username"))


def _undoable(user: User, row: Damage, reviews: list[Review]) -> bool:
    """Whether the last decision on it is the user's own."""
    last = decisions.last_of(user, row.pk)
    undone = {review.undone_id for review in reviews}
    latest = [one for one in reviews if one.kind in decisions.NEXT and one.pk not in undone]
    return last is not None and bool(latest) and latest[-1].pk == last.pk
