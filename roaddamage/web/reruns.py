"""Re-runs: the list of all, and a form for one more."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, F, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from detector.errors import N_, RoadDamageError
from roaddamage import reruns as runs
from roaddamage.records.differences import added
from roaddamage.records.models import Drive, Rerun, Vehicle
from roaddamage.web.access import who
from roaddamage.web.rerun_choice import FOUND, OTHERS, Choice
from roaddamage.web.templating import say

A_PAGE = 20
MOST_TICKED = 200
"""Drives that are listed each with a tick; of more the whole choice is run."""


@require_GET
def reruns(request: HttpRequest) -> HttpResponse:
    """All of them, the latest first."""
    page = Paginator(Rerun.objects.select_related("by"), A_PAGE).get_page(request.GET.get("page"))
    rate = runs.seconds_a_metre()
    rows = [
        (one, runs.progress_of(one, rate), added(one.drives.values_list("counts", flat=True)))
        for one in page.object_list
    ]
    return render(request, "web/reruns.html", {"page": page, "rows": rows})


@require_http_methods(["GET", "HEAD", "POST"])
def rerun_new(request: HttpRequest) -> HttpResponse:
    """Choose drives, see what that costs, and begin."""
    try:
        in_use = runs.model_in_use()
        if request.method == "POST":
            return _begin(request, in_use)
    except RoadDamageError as error:
        messages.error(request, error.message(say))
        return redirect("reruns")
    # Who comes without a filter most often wants what an older model ran.
    given = request.GET if request.GET else {"model": OTHERS}
    choice = Choice(given)
    rows = choice.chosen(in_use)
    told = rows.aggregate(count=Count("pk"), metres=Sum(F("metres") + F("unseen_m")))
    rate, metres = runs.seconds_a_metre(), told["metres"] or 0.0
    listed = rows[:MOST_TICKED] if told["count"] <= MOST_TICKED else []
    models = Drive.objects.filter(state=Drive.State.done).exclude(model="")
    return render(request, "web/rerun_new.html", {
        "choice": choice, "given": choice.cleaned_data, "in_use": in_use, "drives": listed, "count": told["count"],
        "metres": metres, "takes_s": rate * metres if rate is not None else None, "rate": rate, "others": OTHERS, "found": FOUND,
        "vehicles": Vehicle.objects.all(), "models": sorted(set(models.order_by().values_list("model", flat=True).distinct())),
    })  # fmt: skip


def _begin(request: HttpRequest, in_use: str) -> HttpResponse:
    rows = Choice(request.POST).chosen(in_use)
    if request.POST.get("listed"):
        ticked = [int(key) for key in request.POST.getlist("drive")[:MOST_TICKED] if key.isdecimal()]
        rows = rows.filter(pk__in=ticked)
        if not ticked:
            messages.error(request, say(N_("Tick the drives that are to be run again.")))
            return redirect(f"{request.path}?{request.POST.get('query', '')}")
    return redirect("rerun", number=runs.begin(rows, who(request)).pk)
