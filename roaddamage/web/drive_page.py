"""One drive: what was understood of it, its run and its result, its pictures and its map."""

from __future__ import annotations

import base64
import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET, require_POST

from detector.errors import N_, RoadDamageError
from detector.kept_area import KeptArea, kept_area
from detector.telemetry.clock import Tie
from maps import basemap
from maps.basemap_layer import EMBEDDED_BYTES
from maps.cut_out import cut_out
from maps.tile_archive import open_archive
from roaddamage.erased_pictures import shown as without
from roaddamage.jobs import cancel, enqueue, seconds_left, share_done
from roaddamage.moments import moments
from roaddamage.records.audit import noted
from roaddamage.records.erased import hidden_of
from roaddamage.records.models import Drive, FootageFile, Job, Vehicle
from roaddamage.records.openings import openings_of
from roaddamage.understanding import footage_of
from roaddamage.web.access import may, who
from roaddamage.web.mending import LARGEST_LOG_BYTES, OPEN, back

OPENINGS = 20
"""So many of the latest openings of its original footage are told to administrators."""


@require_GET
def drive(request: HttpRequest, number: int) -> HttpResponse:
    """A drive's page."""
    row = get_object_or_404(Drive.objects.select_related("vehicle", "by"), pk=number)
    told = row.understood
    tie = told.get("clock")
    return render(
        request,
        "web/drive.html",
        {
            "told": told, "tie": Tie[tie] if tie in Tie.__members__ else "", "vehicles": Vehicle.objects.all(),
            "attached": row.files.filter(kind=FootageFile.Kind.attached).first(), "files": row.files.all(),
            "can_mend": row.state in OPEN and not row.footage_deleted, "basemap": settings.WORKSPACE.basemap.is_file(),
            "shift_s": told.get("shift_s", 0.0), "lost_m": sum(gap["m"] for gap in told.get("gaps", ())),
            "videos": not _pictures(row), "most_bytes": LARGEST_LOG_BYTES, "at_s": _asked_s(request, row) or 0.0,
            "openings": openings_of(row)[:OPENINGS] if may(request.user, "audit") else (), **_run(row),
        },
    )  # fmt: skip


def _pictures(row: Drive) -> bool:
    return "exif" in str(row.understood.get("gps", ""))


def _run(row: Drive) -> dict[str, Any]:
    job = row.jobs.order_by("-at").first()
    told = {"share": share_done(job), "left_s": seconds_left(job)} if job else {}
    return {"drive": row, "job": job, "can_start": row.state in OPEN and not row.footage_deleted, **told}


@require_GET
def drive_progress(request: HttpRequest, number: int) -> HttpResponse:
    """The part of that page that tells of its run."""
    return render(request, "web/drive_part.html", _run(get_object_or_404(Drive, pk=number)))


@require_POST
def drive_start(request: HttpRequest, number: int) -> HttpResponse:
    """Put a drive into the queue."""
    row = get_object_or_404(Drive, pk=number)
    try:
        enqueue(row, who(request))
    except RoadDamageError as error:
        return back(request, number, error)
    return back(request, number)


@require_POST
def drive_cancel(request: HttpRequest, number: int) -> HttpResponse:
    """End a drive's run."""
    job = Job.objects.filter(drive=number, state__in=(Job.State.queued, Job.State.running)).first()
    if job is None:
        return back(request, number, RoadDamageError(N_("It is not waiting or running any more.")))
    if job.again and not may(request.user, "rerun_cancel"):
        raise PermissionDenied
    cancel(job, who(request))
    return back(request, number)


@require_GET
def drive_frame(request: HttpRequest, number: int) -> HttpResponse:
    """One picture of a drive, `t` seconds since it began, reduced and masked."""
    row = get_object_or_404(Drive.objects.select_related("vehicle"), pk=number)
    return picture_at(request, row, kept_area(row.vehicle.kept if row.vehicle else None))


def picture_at(request: HttpRequest, row: Drive, kept: KeptArea) -> HttpResponse:
    """The picture of a drive that a request asks for, reduced and masked, as far as it is kept."""
    if (time_s := _asked_s(request, row)) is None:
        raise Http404
    try:
        frame = next(iter(footage_of(row).frames_at(np.array([time_s]))), None)
        # What was found where a part was cut off does not say what is in that part.
        of = f"{row.digest} {kept.told}"
        shown = moments().masked(of, time_s, kept.cut(frame.image)) if frame else None
        if frame is not None and shown is not None:
            shown = without(shown, hidden_of(row).areas_at(frame.time_s))
    except RoadDamageError as error:
        raise Http404 from error
    if shown is None:
        raise Http404
    done, data = cv2.imencode(".jpg", cv2.cvtColor(shown, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 80])
    if not done:
        raise Http404
    # Once an hour: who plays a drive looks at hundreds.
    noted(who(request), "drive.frame_seen", row.name, time_s=time_s)
    return HttpResponse(data.tobytes(), content_type="image/jpeg")


def _asked_s(request: HttpRequest, row: Drive) -> float | None:
    """The moment of a drive that is asked for, to the tenth of a second; None for what is none."""
    try:
        asked_s = float(request.GET.get("t", "0"))
    except ValueError:
        return None
    return (
        round(min(max(asked_s, 0.0), max(row.duration_s - 0.2, 0.0)), 1) if math.isfinite(asked_s) else None
    )


@require_GET
def drive_basemap(request: HttpRequest, number: int) -> HttpResponse:
    """The base map along a drive, as maps/basemap.js takes it. 204 where it has nothing there. Raises Http404 without one."""
    row = get_object_or_404(Drive, pk=number)
    try:
        archive = open_archive(settings.WORKSPACE.basemap)
        ways = [np.array(line, float).reshape(-1, 2) for line in row.preview]
        part = cut_out(archive, ways, EMBEDDED_BYTES) if ways else None
    except (RoadDamageError, OSError) as error:
        raise Http404 from error
    if part is None:
        return HttpResponse(status=204)
    return JsonResponse({"attribution": archive.attribution, "data": base64.b64encode(part.data).decode()})


@require_GET
def basemap_script(request: HttpRequest) -> HttpResponse:
    """What draws the base map on a Leaflet map."""
    script = Path(basemap.__file__).with_suffix(".js")
    return HttpResponse(script.read_bytes(), content_type="text/javascript; charset=utf-8")
