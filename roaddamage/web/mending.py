"""What a person mends of a drive before it runs: its vehicle, its GPS log, its clock."""

from __future__ import annotations

import tempfile
from pathlib import Path

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from detector.errors import N_, RoadDamageError, TelemetryError
from roaddamage.attached_log import attach_log
from roaddamage.file_names import log_name
from roaddamage.problems import problem, told
from roaddamage.records.audit import audited
from roaddamage.records.models import Drive, Vehicle
from roaddamage.records.models.lengths import NAME
from roaddamage.understanding import look_again
from roaddamage.web.access import who
from roaddamage.web.templating import say

LARGEST_LOG_BYTES = 50_000_000
MOST_OFFSET_S = 40 * 366 * 86_400.0
"""A camera that forgot its clock may begin in 1980."""
OPEN = (Drive.State.recognised, Drive.State.failed, Drive.State.cancelled)
"""States in which a drive can still be mended and started."""


def _to_mend(number: int) -> Drive:
    """A drive that nobody runs, and that was not run. Raises Http404 and RoadDamageError."""
    row = get_object_or_404(Drive, pk=number)
    if row.state not in OPEN:
        raise RoadDamageError(N_("{drive} waits, runs or is done: it can't be changed now."), drive=row.name)
    return row


def back(
    request: HttpRequest, number: int, error: RoadDamageError | None = None, folder: Path | None = None
) -> HttpResponse:
    """To the drive's page, with what went wrong; of paths in `folder` the rest is told."""
    if error:
        messages.error(request, told(problem(error, folder or settings.WORKSPACE.footage), say))
    return redirect("drive", number=number)


@require_POST
def drive_vehicle(request: HttpRequest, number: int) -> HttpResponse:
    """Say which vehicle drove; a new name is a new vehicle."""
    try:
        row = _to_mend(number)
    except RoadDamageError as error:
        return back(request, number, error)
    name = " ".join(request.POST.get("vehicle", "").split())[:NAME]
    row.vehicle = Vehicle.objects.get_or_create(name=name)[0] if name else None
    row.save(update_fields=["vehicle"])
    audited(request.user, "drive.vehicle", row.name, vehicle=name)
    return back(request, number)


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
            source = Path(folder) / log_name(given.name or "")
            with source.open("wb") as file:
                for block in given.chunks():
                    file.write(block)
            try:
                attach_log(row, source, source.name, who(request))
            except TelemetryError as error:
                return back(request, number, error, Path(folder))
    except RoadDamageError as error:
        return back(request, number, error)
    messages.success(request, say(N_("The GPS log is used for this drive.")))
    return back(request, number)


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
        return back(
            request, number, RoadDamageError(N_("The correction is a number of seconds, such as -2.5."))
        )
    except RoadDamageError as error:
        return back(request, number, error)
    audited(request.user, "drive.clock", row.name, offset_s=row.gps_offset_s)
    messages.success(request, say(N_("The clock's correction is kept.")))
    return back(request, number)
