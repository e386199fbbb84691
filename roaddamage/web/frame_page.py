"""A frame's page: its picture with what people said of it, who said it, and what a second person said."""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from detector.errors import N_, RoadDamageError
from roaddamage import frame_files
from roaddamage.records.audit import audited
from roaddamage.records.frame_labels import Area, Labels
from roaddamage.records.label_imports import agreement_of
from roaddamage.records.models import FrameChange, LabelledFrame, Opinion
from roaddamage.records.whole_frames import say_whole, undecided_in
from roaddamage.web.access import who
from roaddamage.web.frame_drawing import Drawn, drawn, word_of
from roaddamage.web.templating import say

MOVED_SHARE = 1e-6
INTERVAL = re.compile(r" \([-\d.]+–[-\d.]+\)$")


@dataclass(frozen=True)
class Second:
    """A second person's opinion, and how far the first one's agrees with it: lines of text."""

    opinion: Opinion
    areas: list[Drawn]
    whole: bool
    lines: list[str]


@require_safe
def frame(request: HttpRequest, number: int) -> HttpResponse:
    """The page."""
    row = get_object_or_404(
        LabelledFrame.objects.select_related("drive").prefetch_related("boxes"), pk=number
    )
    audited(request.user, "frame.seen", row.uid)
    changes = row.changes.select_related("by", "review", "taken_from", "erasure")
    found = undecided_in(row.drive_id, row.time_ms) if row.drive_id else []
    return render(request, "web/frame.html", {
        "row": row, "areas": drawn(row), "boxes": {box.uid: box for box in row.boxes.all()}, "there": frame_files.file_of(row.uid).is_file(),
        "undecided": [(seen, _seen(row, seen.box)) for seen in found if seen.box],
        "history": [(one, _words(one)) for one in reversed(changes)],
        "seconds": [_second(one) for one in row.opinions.select_related("told_by__by", "frame").prefetch_related("frame__boxes")],
    })  # fmt: skip


@require_POST
def frame_whole(request: HttpRequest, number: int) -> HttpResponse:
    """Say that nothing but its boxes is in a frame, or that this is open."""
    row = get_object_or_404(LabelledFrame, pk=number)
    try:
        say_whole(row, who(request), request.POST.get("whole") == "yes")
    except RoadDamageError as error:
        messages.error(request, error.message(say))
    return redirect("frame", row.pk)


def _seen(row: LabelledFrame, box: list[float]) -> Drawn:
    return drawn(row, Labels(areas={"": Area((box[0], box[1], box[2], box[3]))}))[0]


def _second(opinion: Opinion) -> Second:
    labels = Labels.read(opinion.labels)
    found = agreement_of([opinion])
    lines = found.as_text(say).splitlines() if found else []
    # Of one picture neither single classes nor intervals tell anything.
    lines = [INTERVAL.sub("", one) for one in lines if not one.startswith(" ") and not one.endswith("-")]
    return Second(opinion, drawn(opinion.frame, labels), labels.whole, lines)


def _words(change: FrameChange) -> list[str]:
    """What a change changed."""
    words = []
    before, after = change.before.get("boxes", {}), change.after.get("boxes", {})
    for uid in after:
        was, now = (Area.read(one) if one else None for one in (before.get(uid), after[uid]))
        words.append(_of_area(was, now))
    if "whole" in change.after:
        whole = (
            N_("nothing else is in the picture")
            if change.after["whole"]
            else N_("whether there is more in it is open")
        )
        words.append(say(whole))
    if "negatives" in change.after:
        words.append(
            say(N_("somewhere in it: {what}")).format(what=", ".join(change.after["negatives"]) or "–")
        )
    return words


def _of_area(was: Area | None, now: Area | None) -> str:
    if now is None:
        return say(N_("{what}: taken away")).format(what=word_of(was) if was else "–")
    if was is None:
        return word_of(now)
    moved = max(abs(one - other) for one, other in zip(was.xyxy, now.xyxy, strict=True)) > MOVED_SHARE
    changed = f"{word_of(was)} → {word_of(now)}" if was.label != now.label else word_of(now)
    return f"{changed}, {say(N_('moved'))}" if moved else changed
