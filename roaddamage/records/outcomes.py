"""Outcomes: what people's decisions on a damage came to, kept in its row, so that figures need not look through them all.

They follow from the damage's reviews alone, and are worked out from all of these anew within the transaction of each
decision: those taken back do not count, and the latest of a kind stands.
"""

from __future__ import annotations

from collections.abc import Iterable

from roaddamage.records.models import Damage, Review
from roaddamage.records.rows import wait

Kind, State = Review.Kind, Damage.State
JUDGEMENTS = (Kind.confirm, Kind.reject)
FIRST = (*JUDGEMENTS, Kind.repair)
"""Decisions that a damage waits for."""


def work_out(row: Damage) -> None:
    """Put what came of its reviews into a damage's row, without saving it."""
    told = list(row.reviews.filter(undone_by__isnull=True).order_by("at", "pk").only("kind", "at", "before"))
    judged = _standing(told, JUDGEMENTS, State.rejected)
    repaired = _standing(told, (Kind.repair,), State.repaired)
    row.judged, row.judged_at = (judged.kind, judged.at) if judged else ("", None)
    row.repaired_at = repaired.at if repaired else None
    row.first_decided = next((one.at for one in told if one.kind in FIRST), None)
    row.class_was = next((one.before["class_id"] for one in told if one.kind == Kind.reclass), None)
    wait(row)


def _standing(told: Iterable[Review], kinds: tuple[str, ...], closed: str) -> Review | None:
    """The latest of these kinds; none where the damage was opened again since, from the state that they close it with."""
    last = None
    for one in told:
        if one.kind in kinds:
            last = one
        elif one.kind == Kind.reopen and one.before.get("state") == closed:
            last = None
    return last
