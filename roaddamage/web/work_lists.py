"""Pages of work lists: made, put in order, printed, taken along."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import get_language
from django.views.decorators.http import require_GET, require_POST

from detector.classes import CLASSES
from detector.errors import N_, RoadDamageError
from detector.trajectory import LocalFrame
from roaddamage import papers
from roaddamage.papers import Paper
from roaddamage.records.audit import audited
from roaddamage.records.models import Damage, WorkList
from roaddamage.records.work_lists import (
    MOST_STOPS,
    Plan,
    WorkListError,
    change,
    make_list,
    move,
    remove,
    sort_stops,
    waiting,
)
from roaddamage.web.access import who
from roaddamage.web.small_map import small_map
from roaddamage.web.templating import say
from roaddamage.work_list_files import as_csv, as_gpx, as_pdf, stops_of

A_PAGE = 25


class Filter(forms.Form):
    """Which damages to put on a list; `area` is west,south,east,north as a map gives it."""

    priority = forms.FloatField(required=False, min_value=0, max_value=100)
    class_id = forms.TypedMultipleChoiceField(
        required=False, coerce=int, choices=[(index, row.code) for index, row in enumerate(CLASSES)]
    )
    state = forms.ChoiceField(
        required=False, choices=[(state.value, state.label) for state in (Damage.State.confirmed, Damage.State.scheduled)]
    )  # fmt: skip
    mine = forms.BooleanField(required=False)
    around = forms.IntegerField(required=False, min_value=1)
    within_m = forms.IntegerField(required=False, min_value=10, max_value=50_000)
    area = forms.RegexField(r"^(-?\d{1,3}(\.\d{1,15})?,){3}-?\d{1,3}(\.\d{1,15})?$", required=False)
    damages = forms.RegexField(r"^\d{1,12}(,\d{1,12})*$", required=False, max_length=20_000)

    def chosen(self, user: User) -> QuerySet[Damage]:
        """Damages that wait for a list and pass the filter, the most urgent first."""
        rows, given = waiting().select_related("best"), self.cleaned_data
        simple = {
            "priority__gte": given.get("priority"), "class_id__in": given.get("class_id"), "state": given.get("state"),
            "assignee": user if given.get("mine") else None,
        }  # fmt: skip
        rows = rows.filter(**{name: value for name, value in simple.items() if value})
        if given.get("damages"):
            rows = rows.filter(pk__in=[int(number) for number in given["damages"].split(",")][:1000])
        for west, south, east, north in self._areas():
            rows = rows.filter(lon__gte=west, lon__lte=east, lat__gte=south, lat__lte=north)
        return rows.order_by("-priority", "pk")

    def _areas(self) -> list[tuple[float, ...]]:
        given = self.cleaned_data
        areas = [tuple(float(part) for part in given["area"].split(","))] if given.get("area") else []
        middle = Damage.objects.filter(pk=given.get("around") or 0).first()
        if middle:
            reach = given.get("within_m") or 1000
            lon, lat = LocalFrame(middle.lon, middle.lat).to_lonlat([-reach, reach], [-reach, reach])
            areas.append((float(lon[0]), float(lat[0]), float(lon[1]), float(lat[1])))
        return areas


class ListForm(forms.Form):
    """What the list is called, for whom, by when."""

    title = forms.CharField(max_length=200)
    crew = forms.CharField(max_length=200, required=False)
    due = forms.DateField(required=False, widget=forms.DateInput(attrs={"type": "date"}))
    note = forms.CharField(max_length=4000, required=False)

    def plan(self) -> Plan:
        """The plan of valid fields."""
        given = self.cleaned_data
        return Plan(given["title"], given["crew"], given["due"], given["note"])


class PlanForm(ListForm):
    """The same, and where the crew sets out."""

    start = forms.RegexField(
        r"^\s*-?\d{1,2}(\.\d+)?\s*[,、 ]\s*-?\d{1,3}(\.\d+)?\s*$", required=False, max_length=60
    )

    def plan(self) -> Plan:
        """The plan of valid fields."""
        text = self.cleaned_data["start"]
        if not text:
            return super().plan()
        lat, lon = (float(part) for part in text.replace("、", ",").replace(",", " ").split())
        return replace(super().plan(), start=(lon, lat))


@require_GET
def work_lists(request: HttpRequest) -> HttpResponse:
    """All lists, those with stops left first."""
    rows = (
        WorkList.objects.select_related("by")
        .annotate(count=Count("stops"), left=Count("stops", filter=Q(stops__done__isnull=True)))
        .order_by("-at")
    )
    shown = "done" if request.GET.get("show") == "done" else "open"
    rows = rows.filter(left=0) if shown == "done" else rows.filter(left__gt=0)
    page = Paginator(rows, A_PAGE).get_page(request.GET.get("page"))
    return render(
        request, "web/work_lists.html", {"page": page, "shown": shown, "waiting": waiting().count()}
    )


def work_list_new(request: HttpRequest) -> HttpResponse:
    """Choose damages by a filter, and make a list of them."""
    form = PlanForm(request.POST if request.method == "POST" else None)
    picked = [int(number) for number in request.POST.getlist("damage") if number.isdigit()]
    if request.method == "POST" and form.is_valid():
        try:
            made, refused = make_list(form.plan(), picked, who(request))
        except RoadDamageError as error:
            messages.error(request, error.message(say))
        else:
            for told in refused:
                messages.warning(request, told.message(say))
            return redirect("work_list", made.pk)
    chosen = Filter(request.GET)
    rows = chosen.chosen(who(request)) if chosen.is_valid() else waiting().none()
    shown, count = list(rows[:MOST_STOPS]), rows.count()
    ticked = set(picked) if request.method == "POST" else {row.pk for row in shown}
    return render(request, "web/work_list_new.html", {
        "form": form, "filter": chosen, "rows": shown, "count": count, "ticked": ticked, "most": MOST_STOPS,
    })  # fmt: skip


@require_GET
def work_list(request: HttpRequest, number: int) -> HttpResponse:
    """One list with its stops, for the screen and the printer."""
    row = get_object_or_404(WorkList.objects.select_related("by"), pk=number)
    stops = stops_of(row)
    picture = (
        small_map([stop.damage for stop in stops], [str(stop.place) for stop in stops], route=True) if stops else None
    )  # fmt: skip
    audited(request.user, "work_list.seen", str(number))
    done = sum(stop.done is not None for stop in stops)
    return render(request, "web/work_list.html", {"list": row, "stops": stops, "map": picture, "done": done})


@require_POST
def work_list_change(request: HttpRequest, number: int) -> HttpResponse:
    """Change title, crew, due date and note."""
    row, form = get_object_or_404(WorkList, pk=number), ListForm(request.POST)
    try:
        if not form.is_valid():
            raise WorkListError(
                N_(
                    "A list needs a title of 200 letters at most, and its due date is a day; nothing was changed."
                )
            )
        change(row, form.plan(), who(request))
    except RoadDamageError as error:
        messages.error(request, error.message(say))
    else:
        messages.success(request, say(N_("The work list is changed.")))
    return redirect("work_list", number)


@require_POST
def work_list_order(request: HttpRequest, number: int) -> HttpResponse:
    """Change the order, or take a stop off: `up`, `down` and `remove` name a stop, `sort` none."""
    row = get_object_or_404(WorkList, pk=number)
    what = next((name for name in ("up", "down", "remove") if name in request.POST), "sort")
    if what == "sort":
        sort_stops(row, who(request))
        return redirect("work_list", number)
    key = request.POST[what]
    stop = get_object_or_404(row.stops, pk=int(key) if key.isdigit() else 0)
    try:
        if what == "remove":
            remove(stop, who(request))
        else:
            move(stop, -1 if what == "up" else 1, who(request))
    except RoadDamageError as error:
        messages.error(request, error.message(say))
    return redirect("work_list", number)


@require_GET
def work_list_file(request: HttpRequest, number: int, kind: str) -> HttpResponse:
    """The list as a file: pdf, gpx or csv."""
    row = get_object_or_404(WorkList, pk=number)
    made: dict[str, tuple[Any, str]] = {
        "pdf": (as_pdf, "application/pdf"),
        "gpx": (as_gpx, "application/gpx+xml"),
        "csv": (as_csv, "text/csv; charset=utf-8"),
    }
    if kind not in made:
        raise Http404
    make, content_type = made[kind]
    try:
        if kind == "pdf" and row.stops.count() > papers.FEW:
            paper = Paper.of(row, _language())
            if not paper.ready:
                return redirect("work_list_paper", number)
            content = paper.path.read_bytes()
        else:
            content = make(row, say)
    except RoadDamageError as error:
        messages.error(request, error.message(say))
        return redirect("work_list", number)
    audited(request.user, "work_list.exported", str(number), kind=kind)
    name = f'attachment; filename="work-list-{number}.{kind}"'
    return HttpResponse(content, content_type=content_type, headers={"Content-Disposition": name})


def work_list_paper(request: HttpRequest, number: int) -> HttpResponse:
    """A long list's PDF while it is made aside; asked again by POST where that failed. A part of the page, for htmx."""
    row = get_object_or_404(WorkList, pk=number)
    paper = Paper.of(row, _language())
    if request.method == "POST":
        paper.again()
        paper.ask()
        return redirect("work_list_paper", number)
    if not paper.problem:
        paper.ask()
    whole = (
        "web/work_list_waiting.html"
        if "HX-Request" not in request.headers
        else "web/work_list_waiting_part.html"
    )
    values = {
        "number": number, "ready": paper.ready, "problem": paper.problem, "done": paper.done(),
        "list": row,
    }  # fmt: skip
    return render(request, whole, values)


def _language() -> str:
    return (get_language() or "ja")[:2]
