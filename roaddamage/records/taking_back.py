"""Taking back: who was wrong takes their last decision back, and that is kept as a decision too."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction

from detector.errors import N_
from roaddamage.records import cells
from roaddamage.records.decisions import (
    DECISIONS,
    FIRST,
    DecisionError,
    facts,
    keep,
    locked,
    model_of,
    restore,
)
from roaddamage.records.joining import other_of, take_back
from roaddamage.records.models import Review, Sighting, Turn
from roaddamage.records.names import full_name


def last_of(by: User, number: int | None = None) -> Review | None:
    """A person's last decision (on one damage) that was not taken back."""
    own = Review.objects.filter(by=by, kind__in=DECISIONS, undone_by__isnull=True)
    return (own.filter(damage=number) if number else own).order_by("-at", "-pk").first()


def undo(by: User, number: int | None = None) -> Review:
    """Take back one's own last decision (on one damage, or on two at once); a Review of kind undo.

    Raises DecisionError where there is none, or somebody decided on that damage since.
    """
    with transaction.atomic():
        Turn.take("counting")
        taken = last_of(by, number)
        if taken is None:
            raise DecisionError(N_("There is no decision of yours to take back."))
        other = other_of(taken)
        for one in (taken, other) if other else (taken,):
            _check_latest(one)
        if other is not None:
            return take_back(taken, other, by)
        row = locked(taken.damage_id)
        before = facts(row)
        restore(row, taken)
        if "box" in taken.before:
            Sighting.objects.filter(pk=taken.before["sighting"]).update(box=taken.before["box"])
        review = Review(damage=row, by=by, kind=Review.Kind.undo, model=model_of(row), undone=taken)
        cells.refresh(keep(row, before, review))
        return review


def _check_latest(taken: Review) -> None:
    """Raises DecisionError where somebody decided on its damage since."""
    own = Review.objects.filter(damage=taken.damage_id, kind__in=DECISIONS, undone_by__isnull=True)
    latest = own.order_by("-at", "-pk").first()
    if latest is not None and latest != taken:
        raise DecisionError(FIRST[latest.kind], who=full_name(latest.by), number=taken.damage_id)
