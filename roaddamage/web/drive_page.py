"""One drive: what was understood of it, what a person mends, its run and its result."""

from __future__ import annotations

import base64
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from detector.errors import N_, RoadDamageError
from detector.telemetry.clock import Tie
from maps import basemap
from maps.basemap_layer import EMBEDDED_BYTES
from maps.cut_out import cut_out
from maps.tile_archive import open_archive
from roaddamage.intake import attach_log
from roaddamage.jobs import cancel, enqueue
from roaddamage.records.audit import audited
from roaddamage.records.models import Drive, FootageFile, Job, Vehicle
from roaddamage.records.models.lengths import NAME
from roaddamage.understanding import footage_of, look_again
from roaddamage.web.access import who
from roaddamage.web.drives import progress
from roaddamage.web.templating import say

LARGEST_LOG_BYTES = 50_000_000
FRAME_PX = 960
MOST_OFFSET_S = 400 * 86_400.0
OPEN = (Drive.State.recognised, Drive.State.failed, Drive.State.cancelled)
"""States in which a drive can still be mended and started."""


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
            "can_mend": row.state in OPEN, "basemap": settings.WORKSPACE.basemap.is_file(),
            "shift_s": told.get("shift_s", 0.0), "lost_m": sum(gap["m"] for gap in told.get("gaps", ())),
            "videos": not _pictures(row), **_run(row),
        },
    )  # fmt: skip


def _pictures(row: Drive) -> bool:
    return "exif" in str(row.understood.get("gps", ""))


def _run(row: Drive) -> dict[str, Any]:
    job = row.jobs.order_by("-at").first()
    share, left_s = progress(job) if job else (0.0, None)
    return {"drive": row, "job": job, "share": share, "left_s": left_s, "can_start": row.state in OPEN}


@require_GET
def drive_progress(request: HttpRequest, number: int) -> HttpResponse:
    """The part of that page that tells of its run."""
    return render(request, "web/drive_part.html", _run(get_object_or_404(Drive, pk=number)))


def _to_mend(number: int) -> Drive:
    """A drive that nobody runs, and that was not run. Raises Http404 and RoadDamageError."""
    row = get_object_or_404(Drive, pk=number)
    if row.state not in OPEN:
        raise RoadDamageError(N_("{drive} waits, runs or is done: it can't be changed now."), drive=row.name)
    return row


def _back(request: HttpRequest, number: int, error: RoadDamageError | None = None) -> HttpResponse:
    if error:
        messages.error(request, error.message(say).replace(f"{settings.WORKSPACE.footage}/", ""))
    return redirect("drive", number=number)


@require_POST
def drive_vehicle(request: HttpRequest, number: int) -> HttpResponse:
    """Say which vehicle drove; a new name is a new vehicle."""
    try:
        row = _to_mend(number)
    except RoadDamageError as error:
        return _back(request, number, error)
    name = " ".join(request.POST.get("vehicle", "").split())[:NAME]
    row.vehicle = Vehicle.objects.get_or_create(name=name)[0] if name else None
    row.save(update_fields=["vehicle"])
    audited(request.user, "drive.vehicle", row.name, vehicle=name)
    return _back(request, number)


@require_POST
def drive_log(request: HttpRequest, number: int) -> HttpResponse:
    """Use a GPS log for a drive."""
    given = request.FILES.get("log")
    try:
        row = _to_mend(number)
        if given is None or not given.size:
            raise RoadDamageError(N_("Choose a GPS log (GPX, NMEA, CSV and others)."))
        if given.size > LARGEST_LOG_BYTES:
            raise RoadDamageError(
                N_("{name} is too large for a GPS log ({size} MB). Cut it to this trip."),
                name=given.name, size=given.size // 1_000_000,
            )  # fmt: skip
        with tempfile.TemporaryDirectory(dir=settings.WORKSPACE.uploads) as folder:
            suffix = Path(given.name or "").suffix.lower()
            source = Path(folder) / f"log{suffix[:8]}"
            with source.open("wb") as file:
                for block in given.chunks():
                    file.write(block)
            attach_log(row, source, given.name or "", who(request))
    except RoadDamageError as error:
        return _back(request, number, error)
    messages.success(request, say(N_("The GPS log is used for this drive.")))
    return _back(request, number)


@require_POST
def drive_clock(request: HttpRequest, number: int) -> HttpResponse:
    """Correct a drive's clock: `offset` in seconds is added to its log's times; 0 leaves it to the program."""
    try:
        row = _to_mend(number)
        offset_s = float(request.POST.get("offset", ""))
        if not abs(offset_s) <= MOST_OFFSET_S:
            raise ValueError
        row.gps_offset_s = round(offset_s, 2)
        look_again(row)
    except ValueError:
        return _back(
            request, number, RoadDamageError(N_("The correction is a number of seconds, such as -2.5."))
        )
    except RoadDamageError as error:
        return _back(request, number, error)
    audited(request.user, "drive.clock", row.name, offset_s=row.gps_offset_s)
    messages.success(request, say(N_("The clock's correction is kept.")))
    return _back(request, number)


@require_POST
def drive_start(request: HttpRequest, number: int) -> HttpResponse:
    """Put a drive into the queue."""
    row = get_object_or_404(Drive, pk=number)
    try:
        enqueue(row, who(request))
    except RoadDamageError as error:
        return _back(request, number, error)
    return _back(request, number)


@require_POST
def drive_cancel(request: HttpRequest, number: int) -> HttpResponse:
    """End a drive's run."""
    job = Job.objects.filter(drive=number, state__in=(Job.State.queued, Job.State.running)).first()
    if job is None:
        return _back(request, number, RoadDamageError(N_("It is not waiting or running any more.")))
    cancel(job, who(request))
    return _back(request, number)


@require_GET
def drive_frame(request: HttpRequest, number: int) -> HttpResponse:
    """One picture of a drive, `t` seconds since it began, reduced."""
    row = get_object_or_404(Drive, pk=number)
    try:
        time_s = min(max(float(request.GET.get("t", "0")), 0.0), max(row.duration_s - 0.2, 0.0))
    except ValueError:
        raise Http404 from None
    try:
        frame = next(iter(footage_of(row).frames_at(np.array([time_s]))), None)
    except RoadDamageError as error:
        raise Http404 from error
    if frame is None:
        raise Http404
    height, width = frame.image.shape[:2]
    scale = min(1.0, FRAME_PX / width)
    small = cv2.resize(
        frame.image, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA
    )
    done, data = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 80])
    if not done:
        raise Http404
    audited(request.user, "drive.frame_seen", row.name, time_s=round(time_s, 1))
    return HttpResponse(data.tobytes(), content_type="image/jpeg")


@require_GET
def drive_basemap(request: HttpRequest, number: int) -> JsonResponse:
    """The base map along a drive, as maps/basemap.js takes it. Raises Http404 where there is none."""
    row = get_object_or_404(Drive, pk=number)
    try:
        archive = open_archive(settings.WORKSPACE.basemap)
        ways = [np.array(line, float).reshape(-1, 2) for line in row.preview]
        part = cut_out(archive, ways, EMBEDDED_BYTES) if ways else None
    except (RoadDamageError, OSError) as error:
        raise Http404 from error
    if part is None:
        raise Http404
    return JsonResponse({"attribution": archive.attribution, "data": base64.b64encode(part.data).decode()})


@require_GET
def basemap_script(request: HttpRequest) -> HttpResponse:
    """What draws the base map on a Leaflet map."""
    script = Path(basemap.__file__).with_suffix(".js")
    return HttpResponse(script.read_bytes(), content_type="text/javascript; charset=utf-8")
