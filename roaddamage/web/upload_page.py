"""Handing footage in: the page that sends files, and what becomes of those sent together."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import F
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from detector.errors import N_, RoadDamageError
from detector.footage import JUNK
from roaddamage.batches import begin_batch, stalled, start
from roaddamage.file_names import KNOWN
from roaddamage.jobs import enqueue
from roaddamage.records.audit import audited
from roaddamage.records.models import Batch, Drive, Upload
from roaddamage.web.access import DECIDE, groups_of, who
from roaddamage.web.admission import PREFIX, free_bytes
from roaddamage.web.templating import say

BATCHES_SHOWN, MISSING_SHOWN = 10, 20


@require_GET
def upload(request: HttpRequest) -> HttpResponse:
    """Choose files, or a card; and what was begun before."""
    begun = Batch.objects.filter(by=who(request)).exclude(state=Batch.State.recognised)[:BATCHES_SHOWN]
    rows = [(batch, *_counts(batch)) for batch in begun]
    return render(
        request,
        "web/upload.html",
        {
            "begun": [row for row in rows if row[2]], "endpoint": PREFIX, "endings": ",".join(sorted(KNOWN)),
            "junk": ",".join(sorted(JUNK)),
            "free_gb": free_bytes() / 1e9,
        },
    )  # fmt: skip


def _counts(batch: Batch) -> tuple[int, int]:
    """Files of a batch that have arrived, and all."""
    uploads = Upload.objects.filter(batch=batch.uid)
    return uploads.exclude(state=Upload.State.arriving).count(), uploads.count()


@require_POST
def batch_new(request: HttpRequest) -> JsonResponse:
    """A new batch for so many `bytes`; says no where the disk has no room for them."""
    text = request.POST.get("bytes", "")
    wanted, free = int(text) if text.isdecimal() else 0, free_bytes()
    if wanted > free:
        message = say(
            N_(
                "The server's disk has no room for these files: {free} GB are free, {wanted} GB are needed."
                " Ask the administrator to make room, or hand in fewer."
            )
        )
        return JsonResponse(
            {"error": message.format(free=f"{free / 1e9:.1f}", wanted=f"{wanted / 1e9:.1f}")}, status=507
        )
    batch = begin_batch(who(request))
    return JsonResponse({"batch": batch.uid})


def _batch(request: HttpRequest, uid: str) -> Batch:
    """One's own batch; engineers and administrators see all. Raises Http404."""
    batch = Batch.objects.filter(uid=uid).select_related("by").first()
    if batch is None or (batch.by_id != request.user.pk and not groups_of(request.user) & DECIDE):
        raise Http404
    return batch


@require_GET
def batch(request: HttpRequest, uid: str) -> HttpResponse:
    """What became of files handed in together."""
    return render(request, "web/batch.html", _told(_batch(request, uid)))


@require_GET
def batch_progress(request: HttpRequest, uid: str) -> HttpResponse:
    """The part of that page that changes while files are recognised."""
    return render(request, "web/batch_part.html", _told(_batch(request, uid)))


def _told(batch: Batch) -> dict[str, object]:
    arrived, files = _counts(batch)
    left = Upload.objects.filter(batch=batch.uid, state=Upload.State.arrived)
    missing = Upload.objects.filter(batch=batch.uid, state=Upload.State.arriving).order_by("path")
    return {
        "batch": batch, "arrived": arrived, "files": files, "stalled": stalled(batch),
        "missing": missing.values_list("path", flat=True)[:MISSING_SHOWN], "ready": len(_ready(batch)),
        "drives": batch.drives.select_related("vehicle").order_by(F("begin").asc(nulls_first=True), "name"),
        "known": Drive.objects.filter(pk__in=batch.known),
        "unused": left.count() if batch.state == Batch.State.recognised else 0,
    }  # fmt: skip


@require_POST
def batch_recognise(request: HttpRequest, uid: str) -> HttpResponse:
    """Begin recognising."""
    chosen = _batch(request, uid)
    if start(chosen, who(request)):
        audited(request.user, "upload.recognise", chosen.uid)
    return redirect("batch", uid=uid)


def _ready(batch: Batch) -> list[Drive]:
    """The drives of a batch that can be started as they are."""
    found = batch.drives.filter(state=Drive.State.recognised).order_by("begin", "name")
    return [drive for drive in found if "problem" not in drive.understood]


@require_POST
def batch_start(request: HttpRequest, uid: str) -> HttpResponse:
    """Put every drive of a batch that can be started into the queue."""
    for drive in _ready(_batch(request, uid)):
        try:
            enqueue(drive, who(request))
        except RoadDamageError as error:
            messages.error(request, error.message(say))
    return redirect("drives")
