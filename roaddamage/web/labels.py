"""Labels that come back from tools: handed in, shown with what they change, and decided on."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from datasets.corrections import FAULTS
from datasets.corrections import KINDS as TOOLS
from detector.errors import N_, RoadDamageError
from roaddamage.frame_exports import FORMS
from roaddamage.label_files import LabelFileError
from roaddamage.problems import problem, told
from roaddamage.records.frame_labels import labels_of
from roaddamage.records.label_imports import Merged, agreement_of, discard, keep_opinion, merged, read, take
from roaddamage.records.models import FrameExport, LabelImport, LabelledFrame, Opinion
from roaddamage.records.numbers import number_in
from roaddamage.web.access import who
from roaddamage.web.frame_drawing import Drawn, drawn
from roaddamage.web.templating import say

LARGEST_BYTES = 500_000_000
SHOWN, SHOWN_IMPORTS, SHOWN_EXPORTS = 60, 50, 50
COUNTS = {
    "pictures": N_("pictures that somebody worked on"), "changed": N_("of these changed"), "added": N_("boxes added"),
    "deleted": N_("boxes deleted"), "moved": N_("boxes moved"), "reclassed": N_("boxes of another class now"),
    "rejected": N_("of the deleted said to be something else"), "now_whole": N_("pictures that are whole now"),
}  # fmt: skip
DONE = {
    "take": N_("Taken over: {count} frames changed."), "opinion": N_("Kept as a second opinion of {count} frames."),
    "discard": N_("Discarded; nothing changed."),
}  # fmt: skip


@dataclass(frozen=True)
class Shown:
    """A frame that labels change, as it is and as it would be."""

    frame: LabelledFrame
    now: list[Drawn]
    then: list[Drawn]
    whole: bool
    decided_since: int


@require_safe
def labels(request: HttpRequest) -> HttpResponse:
    """All that were handed in, and the form for more."""
    exports = FrameExport.objects.filter(kind__in=TOOLS, state=FrameExport.State.done).select_related("by")
    return render(request, "web/labels.html", {
        "rows": LabelImport.objects.select_related("by").defer("differences")[:SHOWN_IMPORTS], "tools": FORMS,
        "exports": exports.defer("frames")[:SHOWN_EXPORTS],
    })  # fmt: skip


@require_POST
def labels_new(request: HttpRequest) -> HttpResponse:
    """Read a file of labels."""
    given = request.FILES.get("file")
    folder = settings.WORKSPACE.uploads
    try:
        if given is None or not given.size:
            raise LabelFileError(N_("Choose the file that CVAT or Label Studio exported."))
        name = PurePosixPath((given.name or "").replace("\\", "/")).name
        base, blind = _base(request.POST.get("export", ""))
        with tempfile.NamedTemporaryFile(dir=folder, suffix=PurePosixPath(name).suffix[:8]) as kept:
            for block in given.chunks():
                kept.write(block)
            kept.flush()
            row = read(Path(kept.name), name, who(request), base, blind)
    except RoadDamageError as error:
        messages.error(request, told(problem(error, Path(tempfile.gettempdir())), say))
        return redirect("labels")
    return redirect("labels_read", row.pk)


def _base(text: str) -> tuple[datetime, bool]:
    """When the pictures were exported, and whether without labels: of the export chosen; else now."""
    row = FrameExport.objects.filter(pk=number_in(text) or 0, kind__in=TOOLS).only("at", "blind").first()
    return (row.at, row.blind) if row else (timezone.now(), False)


@require_safe
def labels_read(request: HttpRequest, number: int) -> HttpResponse:
    """What a file says, and what becomes of it."""
    row = get_object_or_404(LabelImport.objects.select_related("by"), pk=number)
    waits = row.state == LabelImport.State.shown
    found = (
        [one for one in merged(row) if one.decided_since or one.labels != labels_of(one.frame)]
        if waits
        else []
    )
    opinions = list(
        Opinion.objects.filter(told_by=row).select_related("frame").prefetch_related("frame__boxes")
    )
    agreed = agreement_of(opinions) if opinions else None
    return render(request, "web/label_import.html", {
        "row": row, "waits": waits, "tool": FORMS.get(row.kind, row.kind), "counts": [(say(COUNTS[name]), count) for name, count in row.told["counts"].items()],
        "faults": [(say(FAULTS[name]), fault) for name, fault in row.told["faults"].items()], "changing": _changing(found),
        "since": sum(one.decided_since for one in found), "shown": [_shown(one) for one in found[:SHOWN]],
        "agreement": agreed.as_text(say).splitlines() if agreed else [], "frames": [one.frame for one in opinions[:SHOWN]],
    })  # fmt: skip


def _changing(found: list[Merged]) -> int:
    """How many frames would be other than they are."""
    return sum(one.labels != labels_of(one.frame) for one in found)


def _shown(one: Merged) -> Shown:
    return Shown(
        one.frame, drawn(one.frame), drawn(one.frame, one.labels), one.labels.whole, one.decided_since
    )


@require_POST
def labels_decide(request: HttpRequest, number: int) -> HttpResponse:
    """Take them over, keep them as a second opinion, or discard them."""
    row = get_object_or_404(LabelImport, pk=number)
    what, by = request.POST.get("what", ""), who(request)
    try:
        if what == "take" and row.told["blind"] and not _changing(merged(row)):
            raise LabelFileError(
                N_("These were labelled without sight of the first labels: keep them as a second opinion.")
            )
        count = 0
        if what == "take":
            count = take(row, by)
        elif what == "opinion":
            count = keep_opinion(row, by)
        elif what == "discard":
            discard(row, by)
        if what in DONE:
            messages.success(request, say(DONE[what]).format(count=count))
    except RoadDamageError as error:
        messages.error(request, error.message(say))
    return redirect("labels_read", row.pk)
