"""A damage's page: what is known of it, who decided what, and the forms to decide."""

from __future__ import annotations

import numpy as np
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from detector.errors import N_
from detector.sightings import error_radius_m
from maps.rules import default_rules
from roaddamage.records import decisions, taking_back
from roaddamage.records.audit import audited
from roaddamage.records.joining import NEAR_M, near
from roaddamage.records.models import Damage, Review
from roaddamage.records.names import full_name
from roaddamage.records.priorities import parts_of
from roaddamage.web.access import REPAIR
from roaddamage.web.evidence import KINDS, picture_of
from roaddamage.web.place import HALF_M, place_of
from roaddamage.web.templating import say
from roaddamage.whereabouts import why_road

PART_NAMES = {
    "severity": N_("severity"), "road": N_("importance of the road"), "growth": N_("growth"), "age": N_("age of the report"),
}  # fmt: skip

MOST_NEAR = 6
FIELD_NAMES = {
    "state": N_("State"), "class_id": N_("Class"), "severity": N_("Severity"), "rejected_as": N_("Rejected as"),
    "assignee_id": N_("Assignee"), "due": N_("Due date"), "priority_set": N_("Priority"),
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
    """One damage; the page of one that turned out to be another leads to that one."""
    row = get_object_or_404(Damage.objects.select_related("best", "assignee", "joined_into"), pk=number)
    audited(request.user, "damage.seen", str(row.pk))
    reviews = list(row.reviews.select_related("by", "undone", "undone__by"))
    names = {user.pk: full_name(user) for user in User.objects.all()}
    history = {
        "damage": row, "reviews": reviews, "names": names, "field_names": FIELD_NAMES.items(),
        "state_names": dict(Damage.State.choices), "rejected_as": decisions.REJECTED_AS,
        "undoable": request.user.is_authenticated and _undoable(request.user, row, reviews),
    }  # fmt: skip
    if row.joined_into is not None:
        return render(request, "web/damage_joined.html", history)
    sightings = list(row.sightings.select_related("drive").order_by("drive__begin", "time_s"))
    for one in sightings:
        one.pictures = [kind for kind in KINDS if picture_of(one, kind)]  # type: ignore[attr-defined]
    parts = parts_of(row, default_rules())
    others = [(other, apart_m, _crop(other)) for other, apart_m in near(row, MOST_NEAR)]
    return render(request, "web/damage.html", {
        **told(row), **history, "sightings": sightings,
        "parts_of_priority": [(PART_NAMES[name], points) for name, points in parts.items()],
        "road_part": PART_NAMES["road"], "why_road": why_road(row, default_rules(), say),
        "computed": sum(parts.values()), "near": others, "near_m": NEAR_M,
        "said_priority": _last(reviews, Review.Kind.priority),
        "people": [(user.pk, names[user.pk]) for user in _people()],
        "frames": list(row.labelled_boxes.order_by("frame").values_list("frame", flat=True)),
        "joined": list(row.joined.values_list("pk", flat=True)),
    })  # fmt: skip


def _crop(row: Damage) -> int | None:
    """The sighting whose small picture tells a damage from its neighbours."""
    return row.best.pk if row.best and picture_of(row.best, "crop") else None


def _last(reviews: list[Review], kind: str) -> Review | None:
    """The last decision of a kind that was not taken back."""
    undone = {review.undone_id for review in reviews}
    return next((one for one in reversed(reviews) if one.kind == kind and one.pk not in undone), None)


def _people() -> list[User]:
    """Those to whom a repair can be handed."""
    return list(User.objects.filter(is_active=True, groups__name__in=REPAIR).distinct().order_by("username"))


def _undoable(user: User, row: Damage, reviews: list[Review]) -> bool:
    """Whether the last decision on it is the user's own."""
    last = taking_back.last_of(user, row.pk)
    undone = {review.undone_id for review in reviews}
    latest = [one for one in reviews if one.kind in decisions.DECISIONS and one.pk not in undone]
    return last is not None and bool(latest) and latest[-1].pk == last.pk
