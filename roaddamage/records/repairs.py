"""Repairs: what a crew makes of a stop, with who did it and when."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from detector.errors import N_
from roaddamage.records.decisions import Decision, decide
from roaddamage.records.models import Review, Stop
from roaddamage.records.names import full_name
from roaddamage.records.taking_back import last_of, undo
from roaddamage.records.work_lists import WorkListError


def finish(stop: Stop, by: User, photo: str, note: str) -> None:
    """Record a stop's damage as repaired. Raises WorkListError and DecisionError."""
    with transaction.atomic():
        row = Stop.objects.select_for_update(of=("self",)).select_related("by").get(pk=stop.pk)
        if row.done:
            who = full_name(row.by) if row.by else "–"
            raise WorkListError(N_("{who} has recorded this stop as repaired already."), who=who)
        photo, note = photo or row.photo, note.strip()
        if not photo and not note:
            raise WorkListError(N_("Take a photo of the repair, or write why there is none."))
        decide(row.damage_id, by, Decision(Review.Kind.repair, comment=note))
        row.done, row.by, row.photo, row.note = timezone.now(), by, photo, note
        row.save()


def take_back(stop: Stop, by: User) -> None:
    """Take a wrong tap back; photo and note stay. Raises WorkListError where another person recorded it."""
    with transaction.atomic():
        row = Stop.objects.select_for_update().get(pk=stop.pk)
        last = last_of(by, row.damage_id)
        if not row.done or row.by_id != by.pk or last is None or last.kind != Review.Kind.repair:
            raise WorkListError(N_("Only who recorded the repair can take it back here; ask an engineer."))
        undo(by, row.damage_id)
        row.done = row.by = None
        row.save()
