"""One stop on a crew's phone: where, what, and when it is done a photo."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from detector.errors import N_, RoadDamageError
from roaddamage.photos import discard, keep, photo_file
from roaddamage.records.audit import audited
from roaddamage.records.decisions import open_to
from roaddamage.records.models import Review, Stop
from roaddamage.records.repairs import finish, take_back
from roaddamage.web.access import who
from roaddamage.web.evidence import jpeg
from roaddamage.web.small_map import small_map
from roaddamage.web.templating import say
from roaddamage.work_list_files import evidence_file, name_of


def _stop(number: int) -> Stop:
    return get_object_or_404(Stop.objects.select_related("work_list", "damage__best", "by"), pk=number)


@require_GET
def stop(request: HttpRequest, number: int) -> HttpResponse:
    """The page of a stop."""
    row = _stop(number)
    damage = row.damage
    around = row.work_list.stops
    place = f"{damage.lat:.6f},{damage.lon:.6f}"
    audited(request.user, "stop.seen", str(damage.pk), work_list=row.work_list_id)
    return render(request, "web/stop.html", {
        "stop": row, "damage": damage, "map": small_map([damage], [str(row.place)]), "place": place,
        "geo": f"geo:{place}?q={place}({quote(name_of(row, say))})", "has_picture": evidence_file(damage) is not None,
        "before": around.filter(place__lt=row.place).last(), "after": around.filter(place__gt=row.place).first(),
        "count": around.count(), "can_repair": Review.Kind.repair in open_to(damage),
        "mine": row.done is not None and row.by_id == request.user.pk,
    })  # fmt: skip


@require_POST
def stop_done(request: HttpRequest, number: int) -> HttpResponse:
    """Record the repair, with its photo."""
    row, photo, before = _stop(number), "", ""
    try:
        file = request.FILES.get("photo")
        if isinstance(file, UploadedFile):
            photo = keep(file, file.size or 0, row)
        before = row.photo
        finish(row, who(request), photo, request.POST.get("note", "")[:4000])
    except RoadDamageError as error:
        discard(photo)
        messages.error(request, error.message(say))
        return redirect("stop", number)
    if photo:
        discard(before)
    messages.success(request, say(N_("Recorded as repaired.")))
    return redirect("stop", number)


@require_POST
def stop_undo(request: HttpRequest, number: int) -> HttpResponse:
    """Take a wrong tap back."""
    try:
        take_back(_stop(number), who(request))
    except RoadDamageError as error:
        messages.error(request, error.message(say))
    else:
        messages.success(request, say(N_("Taken back: this stop is to be done again.")))
    return redirect("stop", number)


@require_GET
def stop_picture(request: HttpRequest, number: int) -> HttpResponse:
    """The damage of a stop, as a drive saw it."""
    return _picture(request, evidence_file(_stop(number).damage))


@require_GET
def photo(request: HttpRequest, number: int) -> HttpResponse:
    """What the crew took at a stop."""
    return _picture(request, photo_file(_stop(number).photo))


def _picture(request: HttpRequest, path: Path | None) -> HttpResponse:
    """A JPEG for whoever got so far. Raises Http404."""
    if path is None:
        raise Http404
    return jpeg(request, path)
