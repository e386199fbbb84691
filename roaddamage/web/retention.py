"""Retention: what is over its time, shown before it goes; and drives that a person keeps."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from detector.errors import N_, RoadDamageError
from roaddamage import retention_runs as runs
from roaddamage.records.audit import audited
from roaddamage.records.models import Drive, Leaving, Retention
from roaddamage.records.models.lengths import NAME
from roaddamage.retention import due
from roaddamage.web.access import who
from roaddamage.web.mending import back
from roaddamage.web.templating import say

KINDS = {
    "footage": (
        N_("Footage"),
        N_("Videos, pictures and logs as crews handed them in. Such a drive can't be run again and shows no pictures; its damages, their evidence and its route stay. Not touched: drives that wait or run, and those kept by hand."),
    ),
    "evidence": (
        N_("Evidence"),
        N_("Pictures of damages that were rejected or repaired, once they were not seen any more for that long. Their places, sizes and history stay, and so do labelled pictures for training. Evidence of all other damages stays as long as they live."),
    ),
    "log": (
        N_("Log"),
        N_("Who saw, decided, exported or deleted what; and who logged in. What was decided on a damage stays in its history."),
    ),
    "uploads": (N_("Uploads"), N_("Files that never arrived whole, or became part of no drive. Cleared every few hours.")),
    "exports": (N_("Exports"), N_("Files of exports; they can be made anew. Cleared every few hours.")),
}  # fmt: skip
"""What a kind is called, and what its end means."""
SHOWN_RUNS = 10


@require_GET
def retention(request: HttpRequest) -> HttpResponse:
    """What would go now, by kind, when it goes, and what went."""
    return render(request, "web/retention.html", _values())


@require_GET
def retention_part(request: HttpRequest) -> HttpResponse:
    """The part of that page that changes while something is deleted."""
    return render(request, "web/retention_part.html", _values())


def _values() -> dict[str, Any]:
    past = list(Retention.objects.select_related("by")[:SHOWN_RUNS])
    last = past[0] if past else None
    rows = due()
    return {
        "kinds": [(one, *KINDS[one.kind]) for one in rows], "names": {kind: name for kind, (name, _) in KINDS.items()},
        "running": last is not None and last.state == Retention.State.running, "past": past,
        "next": runs.next_run(last), "announced": bool(last and last.state == Retention.State.announced),
        "any": any(one.count for one in rows), "left": Leaving.objects.count(),
        "kept": Drive.objects.exclude(kept_for="").only("name", "kept_for", "at"),
    }  # fmt: skip


@require_POST
def retention_run(request: HttpRequest) -> HttpResponse:
    """Delete what is over its time now."""
    try:
        runs.aside(runs.begin(who(request)))
    except RoadDamageError as error:
        messages.error(request, error.message(say))
    return redirect("retention")


@require_POST
def drive_keep(request: HttpRequest, number: int) -> HttpResponse:
    """Keep a drive's footage and pictures, for a reason; without one, no more."""
    row = get_object_or_404(Drive, pk=number)
    reason = " ".join(request.POST.get("reason", "").split())[:NAME]
    if "keep" in request.POST and not reason:
        return back(request, number, RoadDamageError(N_("Say why this drive is to be kept.")))
    reason = reason if "keep" in request.POST else ""
    Drive.objects.filter(pk=number).update(kept_for=reason)
    audited(
        request.user, "drive.kept" if reason else "drive.not_kept", row.name, reason=reason or row.kept_for
    )
    return back(request, number)
