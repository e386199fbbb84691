"""The review page: the queue, made for speed. The page has the numbers that wait; a card is fetched for each."""

from __future__ import annotations

from django.db.models import Case, IntegerField, When
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from detector.classes import CLASSES
from roaddamage.records.audit import audited
from roaddamage.records.frames import frame_of, judged_as, time_ms
from roaddamage.records.models import Damage, Drive, FrameChoice
from roaddamage.records.numbers import number_in
from roaddamage.records.queue import QUEUES, Asked, waiting
from roaddamage.records.whole_frames import seen_in
from roaddamage.web.damage_page import told

AT_ONCE = 500
"""So many numbers a page has; when they are decided it loads the next ones."""
DRIVES = 200


def asked_of(request: HttpRequest) -> Asked:
    """Which queue and filters an address asks for; what makes no sense is left out."""
    queue, drive, class_id = (request.GET.get(name, "") for name in ("state", "drive", "class"))
    known_class = class_id.isdecimal() and int(class_id) < len(CLASSES)
    return Asked(
        queue if queue in QUEUES else "proposed",
        int(drive) if drive.isdecimal() else None,
        int(class_id) if known_class else None,
    )


@require_safe
def review(request: HttpRequest) -> HttpResponse:
    """The queue; with `damage`, that one alone; with `choice`, what waits in the pictures chosen, in their order."""
    asked, only = asked_of(request), request.GET.get("damage", "")
    rows = Damage.objects.filter(pk=int(only)) if only.isdecimal() else waiting(asked)
    chosen = chosen_in(request.GET.get("choice", ""))
    if chosen is not None:
        asked = Asked("proposed")
        rows = waiting(asked).filter(pk__in=chosen).order_by(_place(chosen))
    numbers = list(rows.values_list("pk", flat=True)[:AT_ONCE])
    return render(request, "web/review.html", {
        "asked": asked, "only": only if only.isdecimal() else "", "chosen": chosen is not None, "numbers": numbers, "total": rows.count(),
        "queues": [(name, text, waiting(Asked(name)).count()) for name, text in QUEUES.items()],
        "drives": Drive.objects.filter(state=Drive.State.done).only("name").order_by("-begin")[:DRIVES],
    })  # fmt: skip


def chosen_in(text: str) -> list[int] | None:
    """The damages in the pictures of a choice (`roaddamage.frame_choices`), in order; None where it is none."""
    row = FrameChoice.objects.filter(pk=number_in(text) or 0).first()
    return None if row is None else [number for one in row.chosen for number in one["damages"]]


def _place(numbers: list[int]) -> Case:
    """The order of these damages."""
    places = [When(pk=number, then=place) for place, number in enumerate(numbers)]
    return Case(*places, default=len(places), output_field=IntegerField())


@require_safe
def card(request: HttpRequest, number: int) -> HttpResponse:
    """One damage as the review page shows it."""
    row = get_object_or_404(Damage.objects.select_related("best__drive", "assignee"), pk=number)
    audited(request.user, "damage.seen", str(row.pk))
    return render(request, "web/review_card.html", {**told(row), **_picture(row)})


def _picture(row: Damage) -> dict[str, object]:
    """What else was found in the picture, as (sighting, label) pairs, and whether a person said that this is all."""
    best = row.best
    if best is None or not best.frame:
        return {"others": [], "frame": None, "undecided": True}
    found = [seen for seen in seen_in(best.drive_id, time_ms(best.time_s)) if seen.damage_id != row.pk]
    return {
        "others": [(seen, judged_as(seen.damage)) for seen in found], "frame": frame_of(best),
        "undecided": judged_as(row) is None,
    }  # fmt: skip
