"""Drives: the list of all, and those that wait or run."""

from __future__ import annotations

from django import forms
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from roaddamage.jobs import seconds_left, share_done
from roaddamage.records.models import Drive, Job, Vehicle

A_PAGE = 30
MOST_OPEN = 40


class Filter(forms.Form):
    """Which drives are listed."""

    state = forms.ChoiceField(required=False, choices=[("", ""), *Drive.State.choices])
    vehicle = forms.ModelChoiceField(Vehicle.objects.all(), required=False)
    since = forms.DateField(required=False)
    until = forms.DateField(required=False)
    name = forms.CharField(required=False, max_length=100)

    def chosen(self) -> QuerySet[Drive]:
        """The drives that pass, the latest first; a value that can't be meant is passed over."""
        self.is_valid()
        given = self.cleaned_data
        rows = Drive.objects.select_related("vehicle", "by").defer("preview", "understood", "ways", "report")
        simple = {
            "state": given.get("state"), "vehicle": given.get("vehicle"), "name__icontains": given.get("name"),
            "begin__date__gte": given.get("since"), "begin__date__lte": given.get("until"),
        }  # fmt: skip
        return rows.filter(**{name: value for name, value in simple.items() if value})


@require_GET
def drives(request: HttpRequest) -> HttpResponse:
    """All drives, page by page."""
    chosen = Filter(request.GET)
    page = Paginator(chosen.chosen(), A_PAGE).get_page(request.GET.get("page"))
    query = request.GET.copy()
    query.pop("page", None)
    return render(
        request,
        "web/drives.html",
        {
            "page": page, "filter": chosen, "query": query.urlencode(), "vehicles": Vehicle.objects.all(),
            "states": Drive.State.choices, **open_jobs(),
        },
    )  # fmt: skip


@require_GET
def queue(request: HttpRequest) -> HttpResponse:
    """The part of that page that tells what waits and runs."""
    return render(request, "web/queue_part.html", open_jobs())


def open_jobs() -> dict[str, object]:
    """Jobs that wait or run, the running ones first, each with its share done and seconds left."""
    jobs = Job.objects.filter(state__in=(Job.State.running, Job.State.queued)).select_related("drive", "by")
    # "running" comes before "queued" so, and new footage before what is run again.
    shown = jobs.order_by("-state", "again", "pk")[:MOST_OPEN]
    return {
        "jobs": [(job, share_done(job), seconds_left(job)) for job in shown],
        "more": max(jobs.count() - MOST_OPEN, 0),
    }
