"""One re-run: how far it is, and what the model in use makes different, held against what people decided."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Case, IntegerField, QuerySet, Value, When
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST, require_safe

from detector.classes import CODES
from detector.errors import N_, RoadDamageError
from maps.texts import UTF_8
from roaddamage import reruns as runs
from roaddamage.records.audit import audited
from roaddamage.records.differences import MEANS, added
from roaddamage.records.models import Rerun, RerunChange, RerunDrive, Review
from roaddamage.records.models.drives import LONG
from roaddamage.web.access import who
from roaddamage.web.downloads import csv_line, sent
from roaddamage.web.evidence import picture_of
from roaddamage.web.templating import say

A_PAGE = 60
Kind, Means = RerunChange.Kind, RerunChange.Means
CONFIRM, REJECT = str(Review.Kind.confirm), str(Review.Kind.reject)
PEOPLE = {CONFIRM: N_("confirmed by people"), REJECT: N_("rejected by people"), "": N_("not decided")}
COLUMNS = (
    N_("Drive"), N_("Damage"), N_("Change"), N_("Decided"), N_("For the model"), N_("Seen by other drives"), N_("Class before"), N_("Class after"),
    N_("Confidence before"), N_("Confidence after"), N_("Length before (m)"), N_("Length after (m)"), N_("Width before (m)"),
    N_("Width after (m)"), N_("Area before (m²)"), N_("Area after (m²)"), N_("Model before"), N_("Model after"),
)  # fmt: skip


def _found(number: int) -> Rerun:
    return get_object_or_404(Rerun.objects.select_related("by"), pk=number)


@require_GET
def rerun(request: HttpRequest, number: int) -> HttpResponse:
    """Its page."""
    row = _found(number)
    kind, judged = request.GET.get("kind", ""), request.GET.get("judged", "all")
    changes = _changes(row)
    changes = changes.filter(kind=kind) if kind in Kind.values else changes
    changes = changes.filter(judged=judged) if judged in PEOPLE else changes
    page = Paginator(changes, A_PAGE).get_page(request.GET.get("page"))
    for one in page.object_list:
        one.picture = bool(_picture(one))  # type: ignore[attr-defined]
        one.pictured = bool(one.sighting and picture_of(one.sighting, "crop"))  # type: ignore[attr-defined]
    return render(request, "web/rerun.html", {
        **_values(row), "page": page, "kind": kind, "judged": judged, "kinds": Kind.choices, "people": PEOPLE,
    })  # fmt: skip


@require_GET
def rerun_part(request: HttpRequest, number: int) -> HttpResponse:
    """The part of that page that tells how far it is."""
    return render(request, "web/rerun_part.html", _values(_found(number)))


@require_POST
def rerun_cancel(request: HttpRequest, number: int) -> HttpResponse:
    """Cancel what is left of it."""
    runs.cancel_all(_found(number), who(request))
    return redirect("rerun", number=number)


@require_POST
def rerun_continue(request: HttpRequest, number: int) -> HttpResponse:
    """Run what is left of it."""
    try:
        runs.go_on(_found(number), who(request))
    except RoadDamageError as error:
        messages.error(request, error.message(say))
    return redirect("rerun", number=number)


@require_safe
def rerun_picture(request: HttpRequest, number: int, change: int) -> StreamingHttpResponse:
    """What the drive's picture of a damage was before. Raises Http404 where it is there no more."""
    row = get_object_or_404(RerunChange.objects.select_related("of"), pk=change, of__rerun=number)
    path = _picture(row)
    if path is None:
        raise Http404
    return sent(path, "image/jpeg")


@require_GET
def rerun_csv(request: HttpRequest, number: int) -> StreamingHttpResponse:
    """All changes as a table."""
    row = _found(number)
    audited(request.user, "rerun.exported", str(row.pk))
    return StreamingHttpResponse(
        _lines(_changes(row)), content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="rerun-{row.pk}.csv"'},
    )  # fmt: skip


def _values(row: Rerun) -> dict[str, Any]:
    drives = list(row.drives.select_related("drive", "job").defer(*(f"drive__{name}" for name in LONG)))
    told = added(one.counts for one in drives)
    return {
        "rerun": row, "progress": runs.progress_of(row, runs.seconds_a_metre()), "drives": drives, "told": told,
        "judged_names": PEOPLE, "kind_names": Kind.choices, "verdict": verdict(told), "means_of": means_of,
        "changes_of": {one.pk: _changed(one) for one in drives},
    }  # fmt: skip


def _changed(one: RerunDrive) -> dict[str, int]:
    told = added([one.counts])
    return {str(kind): sum(told[kind].values()) for kind in Kind} | {
        "again": sum(told["again"].values()), "regressions": told["lost"][CONFIRM],
    }  # fmt: skip


def means_of(kind: str, judged: str) -> str:
    """What all changes of a kind say of the model; "" also where it differs from one to the other."""
    return MEANS.get((Kind(kind), judged), Means.open)


def verdict(told: dict[str, Any]) -> tuple[str, str]:
    """In a word (`RerunChange.Means`), and in a sentence, what the changes say where people had decided."""
    lost, gained = told["means"][Means.worse], told["means"][Means.better]
    if not lost and not gained:
        return Means.open, N_("Where people had decided, nothing changed for better or worse.")
    if not lost:
        return Means.better, N_("Where people had decided, every change is for the better.")
    if not gained:
        return Means.worse, N_(
            "Where people had decided, every change is for the worse. Look at these first."
        )
    if lost >= gained:
        return Means.worse, N_(
            "Where people had decided, as many changes or more are for the worse as for the better. Look at these first."
        )
    return Means.better, N_(
        "Where people had decided, more changes are for the better than for the worse. Look at the worse ones first."
    )


def _changes(row: Rerun) -> QuerySet[RerunChange]:
    """Those first that are for the worse, lost ones before others, then what people decided on, then the rest."""
    order = [
        When(means=Means.worse, kind=Kind.lost, then=Value(0)), When(means=Means.worse, then=Value(1)),
        When(judged=CONFIRM, then=Value(2)), When(judged=REJECT, then=Value(3)), When(kind=Kind.lost, then=Value(4)),
    ]  # fmt: skip
    rows = RerunChange.objects.filter(of__rerun=row).annotate(
        first=Case(*order, default=Value(5), output_field=IntegerField())
    )
    rows = rows.select_related("of__drive", "damage", "sighting__drive")
    return rows.defer(*(f"of__drive__{name}" for name in LONG)).order_by("first", "of__place", "pk")


def _picture(row: RerunChange) -> Path | None:
    name = PurePath(row.crop).name
    path: Path = settings.WORKSPACE.evidence / str(row.of.drive_id) / name
    return path if name and path.is_file() and not path.is_symlink() else None


def _lines(rows: QuerySet[RerunChange]) -> Iterator[bytes]:
    yield csv_line([say(heading) for heading in COLUMNS]).encode(UTF_8)
    for row in rows.iterator(2_000):
        sides = (row.before, row.after)
        classes = [CODES[side["class_id"]] if side else "" for side in sides]
        numbers = [
            "" if side.get(name) is None else f"{side[name]:.2f}"
            for name in ("confidence", "length_m", "width_m", "area_m2") for side in sides
        ]  # fmt: skip
        yield csv_line([
            row.of.drive.name, str(row.number), say(Kind(row.kind).label), say(PEOPLE[row.judged]), say(Means(row.means).label) if row.means else "",
            say(N_("yes")) if row.elsewhere else "", *classes, *numbers, row.of.model_before, row.of.model,
        ]).encode()  # fmt: skip
