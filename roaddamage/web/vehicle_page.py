"""A vehicle: what its drives taught of its camera, and the area of its pictures that is kept, drawn on one of them."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from detector.errors import N_
from detector.kept_area import LEAST_SHARE, KeptArea, KeptAreaError, kept_area, kept_area_of
from roaddamage.problems import problem, told
from roaddamage.records.audit import audited
from roaddamage.records.models import Drive, Vehicle
from roaddamage.web.drive_page import picture_at
from roaddamage.web.templating import say

EDGES = (("left", N_("Left")), ("top", N_("Top")), ("right", N_("Right")), ("bottom", N_("Bottom")))


@require_GET
def vehicle(request: HttpRequest, number: int) -> HttpResponse:
    """A vehicle's page."""
    row = get_object_or_404(Vehicle, pk=number)
    kept = kept_area(row.kept)
    drives = row.drives.order_by("-begin", "-pk")
    return render(
        request,
        "web/vehicle.html",
        {
            "vehicle": row, "kept": kept, "shown": _latest(row), "least": LEAST_SHARE,
            "edges": [(name, text, 100 * share) for (name, text), share in zip(EDGES, kept.shares, strict=True)],
            "drives": drives.count(), "done": drives.filter(state=Drive.State.done).count(),
        },
    )  # fmt: skip


def _latest(row: Vehicle) -> Drive | None:
    """The latest of its drives whose pictures can be looked at."""
    there = row.drives.filter(footage_deleted=None, duration_s__gt=0)
    return there.order_by("-begin", "-pk").first()


@require_GET
def vehicle_frame(request: HttpRequest, number: int) -> HttpResponse:
    """One picture of its latest drive, masked, but with what lies outside the area that is kept."""
    shown = _latest(get_object_or_404(Vehicle, pk=number))
    if shown is None:
        raise Http404
    return picture_at(request, shown, KeptArea())


@require_POST
def vehicle_area(request: HttpRequest, number: int) -> HttpResponse:
    """Set the area that is kept: `left`, `top`, `right` and `bottom`, percent of the picture."""
    row = get_object_or_404(Vehicle, pk=number)
    try:
        kept = kept_area_of(",".join(request.POST.get(name, "").strip()[:12] for name, _ in EDGES))
    except KeptAreaError as error:
        messages.error(request, told(problem(error), say))
        return redirect("vehicle", number=number)
    before = kept_area(row.kept).told
    row.kept = None if kept.whole else list(kept.shares)
    row.save(update_fields=["kept"])
    audited(request.user, "vehicle.area", row.name, area=kept.told, area_before=before)
    messages.success(request, say(N_("The area is kept. Every drive that is run from now on is cut to it.")))
    return redirect("vehicle", number=number)
