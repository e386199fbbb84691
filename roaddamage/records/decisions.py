"""Decisions: the one place where what people decide changes a damage.

Each decision is one transaction: the damage's row, a Review that keeps what was before and what is after, an entry of
the audit log, and the counts and priorities that follow. Nothing is ever deleted or overwritten: who was wrong takes
back (`records.taking_back`), and that is kept too. Of two people who decide at once the second is told what the first
one decided. Two damages that are one, and one that is two: `records.joining`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from django.contrib.auth.models import User
from django.db import transaction

from detector.classes import CLASSES
from detector.errors import N_, RoadDamageError
from maps.damage import severity_of
from maps.map_data import STATES
from roaddamage.records import cells, frames, outcomes
from roaddamage.records.audit import audited
from roaddamage.records.facts import damage_of
from roaddamage.records.models import Damage, Review, Turn
from roaddamage.records.names import full_name
from roaddamage.records.priorities import work_out
from roaddamage.records.queue import seen_again
from roaddamage.records.rows import settle, sighting_of
from roaddamage.webhooks import CONFIRMED, REPAIRED, tell

Kind, State = Review.Kind, Damage.State
STAYS: dict[str, str] = {State.proposed: State.proposed, State.confirmed: State.confirmed, State.scheduled: State.scheduled,
         State.gone: State.gone}  # fmt: skip
NEXT: dict[str, dict[str, str]] = {
    Kind.confirm: {State.proposed: State.confirmed, State.gone: State.confirmed,
                   State.confirmed: State.confirmed, State.scheduled: State.scheduled},
    Kind.reject: dict.fromkeys(STAYS, State.rejected),
    Kind.reclass: STAYS,
    Kind.box: STAYS,
    Kind.assign: STAYS,
    Kind.due: STAYS,
    Kind.priority: STAYS,
    Kind.schedule: {State.confirmed: State.scheduled, State.scheduled: State.scheduled},
    Kind.repair: dict.fromkeys((State.confirmed, State.scheduled, State.gone, State.repaired), State.repaired),
    Kind.reopen: {State.repaired: State.confirmed, State.scheduled: State.confirmed, State.rejected: State.proposed},
}  # fmt: skip
"""Decision → state before → state after. What is not in it can't be decided. To confirm what is confirmed already is to
say "still there", where drives say that it is gone; to repair what is repaired, that it is, where a drive saw it again."""
REJECTED_AS: dict[str, str] = {
    "shadow": N_("shadow"), "manhole": N_("manhole"), "patch": N_("patched road"), "joint": N_("joint"),
    "marking": N_("road marking"), "wet": N_("wet road"), "other": N_("something else"),
}  # fmt: skip
"""What a rejected proposal was taken for, by `Damage.rejected_as`."""
PAIRS = (Kind.same, Kind.apart)
"""Decisions on two damages at once, in whatever state (`records.joining`)."""
DECISIONS = (*NEXT, *PAIRS)
TOLD: dict[str, str] = {Kind.confirm: CONFIRMED, Kind.repair: REPAIRED}
"""Decisions that other systems may want to be told (`roaddamage.webhooks`)."""
FIELDS = (
    "state",
    "class_id",
    "severity",
    "class_decided",
    "rejected_as",
    "assignee_id",
    "due",
    "priority_set",
)
"""What decisions change, and reviews keep."""
FIRST: dict[str, str] = {
    Kind.confirm: N_("{who} has just confirmed damage {number}. Look at it again before you decide."),
    Kind.reject: N_("{who} has just rejected damage {number}. Look at it again before you decide."),
    Kind.reclass: N_("{who} has just changed the class of damage {number}. Look at it again before you decide."),
    Kind.box: N_("{who} has just moved the box of damage {number}. Look at it again before you decide."),
    Kind.assign: N_("{who} has just assigned damage {number}. Look at it again before you decide."),
    Kind.due: N_("{who} has just set the due date of damage {number}. Look at it again before you decide."),
    Kind.priority: N_("{who} has just set the priority of damage {number}. Look at it again before you decide."),
    Kind.same: N_("{who} has just joined damage {number} with another one. Look at it again before you decide."),
    Kind.apart: N_("{who} has just parted damage {number} in two. Look at it again before you decide."),
    Kind.schedule: N_("{who} has just scheduled damage {number}. Look at it again before you decide."),
    Kind.repair: N_("{who} has just recorded damage {number} as repaired. Look at it again before you decide."),
    Kind.reopen: N_("{who} has just opened damage {number} again. Look at it again before you decide."),
    Kind.undo: N_("{who} has just taken back a decision on damage {number}. Look at it again before you decide."),
}  # fmt: skip


class DecisionError(RoadDamageError):
    """A decision that can't be made on this damage, or not any more."""


@dataclass(frozen=True)
class Decision:
    """What to decide: `kind` is one of `NEXT`; the other fields go with the kinds named.

    reject: `rejected_as` (of `REJECTED_AS`). reclass: `class_id`. box: `box`, (x1, y1, x2, y2) in shares of the best
    picture's width and height, and `picture`, its file's name ("": whichever it is). assign: `assignee` (a user's key;
    None: nobody). due: `due`. schedule: both. priority: `priority`, points of 100 (None: the computed one again), and
    why, as `comment`, which goes with all others too.
    """

    kind: str
    rejected_as: str = ""
    class_id: int | None = None
    box: tuple[float, float, float, float] | None = None
    picture: str = ""
    assignee: int | None = None
    due: date | None = None
    priority: float | None = None
    comment: str = ""

    def __post_init__(self) -> None:
        known = {
            Kind.reject: self.rejected_as in REJECTED_AS,
            Kind.reclass: self.class_id is not None and 0 <= self.class_id < len(CLASSES),
            Kind.box: self.box is not None
            and 0 <= self.box[0] < self.box[2] <= 1 and 0 <= self.box[1] < self.box[3] <= 1,
            Kind.priority: self.priority is None or 0 <= self.priority <= 100,
        }  # fmt: skip
        if self.kind not in NEXT or not known.get(Kind(self.kind), True):
            raise DecisionError(N_("The decision is not complete. Load the page again and decide once more."))
        if self.kind == Kind.priority and self.priority is not None and not self.comment.strip():
            raise DecisionError(N_("Write why the priority is raised or lowered."))


@dataclass
class Decided:
    """What came of a decision on many damages."""

    reviews: list[Review] = field(default_factory=list)
    refused: list[DecisionError] = field(default_factory=list)


def decide(number: int, by: User, decision: Decision, version: int | None = None) -> Review:
    """Decide on a damage; with `version`, only where it is still the one that the person looked at.

    Raises DecisionError, which says who decided what in between, or why it can't be.
    """
    with transaction.atomic():
        row = locked(number)
        check(row, decision.kind, version)
        review, stale = _decided(row, by, decision)
        cells.refresh(stale)
        return review


def decide_all(chosen: Iterable[tuple[int, int | None]], by: User, decision: Decision) -> Decided:
    """The same decision on many damages, each with the version that the person looked at (None: whichever).

    Each is decided on its own: those for which it can't be are told, and keep no other back.
    """
    made, stale = Decided(), set[int]()
    with transaction.atomic():
        for number, version in chosen:
            try:
                with transaction.atomic():
                    row = locked(number)
                    check(row, decision.kind, version)
                    review, keys = _decided(row, by, decision)
            except DecisionError as error:
                made.refused.append(error)
            else:
                made.reviews.append(review)
                stale.update(keys)
        cells.refresh(stale)
    return made


def comment(number: int, by: User, text: str) -> Review:
    """Say something about a damage, whatever its state. Raises DecisionError."""
    if not text.strip():
        raise DecisionError(N_("The comment is empty."))
    with transaction.atomic():
        row = locked(number)
        audited(by, "damage.comment", str(number))
        return Review.objects.create(
            damage=row, by=by, kind=Kind.comment, comment=text.strip(), model=model_of(row)
        )


def open_to(row: Damage) -> frozenset[str]:
    """The kinds of decisions that can be made on a damage as it is."""
    return frozenset(kind for kind in NEXT if _possible(row, kind))


def gone_by_drives(row: Damage) -> bool:
    """Whether the drives say that it is probably repaired."""
    return STATES[row.belief].name == "repaired"


def _possible(row: Damage, kind: str) -> bool:
    if kind == Kind.confirm and row.state in (State.confirmed, State.scheduled) and not gone_by_drives(row):
        return False
    if kind == Kind.repair and row.state == State.repaired and not seen_again(row):
        return False
    return row.joined_into_id is None and (kind in PAIRS or row.state in NEXT[kind])


def locked(number: int) -> Damage:
    """A damage's row, and one's turn, until the transaction ends. Raises DecisionError where there is none."""
    # One at a time with drives that are counted in: they write the same rows and the same counts.
    Turn.take("counting")
    row = Damage.objects.select_for_update(of=("self",)).select_related("best").filter(pk=number).first()
    if row is None:
        raise DecisionError(N_("There is no damage {number}."), number=number)
    return row


def check(row: Damage, kind: str, version: int | None) -> None:
    """Raises DecisionError for one that can't be decided so, or not by who looked at this version of it."""
    if row.joined_into_id is not None:
        raise DecisionError(
            N_("Damage {number} turned out to be damage {other}. Decide on that one."),
            number=row.pk, other=row.joined_into_id,
        )  # fmt: skip
    last = row.reviews.exclude(kind=Kind.comment).select_related("by").last()
    if version is not None and version != row.version and last is not None:
        raise DecisionError(FIRST[last.kind], who=full_name(last.by), number=row.pk)
    if not _possible(row, kind):
        raise DecisionError(
            N_("Damage {number} can't be decided so in its present state. Load its page again."),
            number=row.pk,
        )


def _decided(row: Damage, by: User, decision: Decision) -> tuple[Review, list[int]]:
    """The Review, and the tile keys whose cells are to be counted anew."""
    before = facts(row)
    review = Review(damage=row, by=by, kind=decision.kind, comment=decision.comment, model=model_of(row))
    extra = _put_box(row, decision) if decision.kind == Kind.box else ({}, {})
    if decision.kind == Kind.reclass and decision.class_id is not None:
        seen = [sighting_of(one, "") for one in row.sightings.all()]
        row.class_id, row.class_decided = decision.class_id, True
        row.severity = severity_of(decision.class_id, seen) if seen else row.severity
    elif decision.kind in (Kind.schedule, Kind.assign, Kind.due):
        row.assignee_id = row.assignee_id if decision.kind == Kind.due else decision.assignee
        row.due = row.due if decision.kind == Kind.assign else decision.due
    elif decision.kind == Kind.priority:
        row.priority_set = decision.priority
    elif decision.kind == Kind.reject:
        row.rejected_as = decision.rejected_as
    elif decision.kind == Kind.reopen:
        row.rejected_as, row.assignee_id, row.due = "", None, None
    row.state = NEXT[decision.kind][row.state]
    return review, keep(row, before, review, *extra)


def _put_box(row: Damage, decision: Decision) -> tuple[dict[str, object], dict[str, object]]:
    """Move the box in the best picture; what the review keeps of it. Raises DecisionError where there is no picture."""
    best = row.best
    if best is None or not best.frame or decision.box is None:
        raise DecisionError(
            N_("Damage {number} has no picture in which a box could be moved."), number=row.pk
        )
    if decision.picture and decision.picture != best.frame:
        raise DecisionError(
            N_("Damage {number} has another picture since. Look at it again before you move its box."),
            number=row.pk,
        )
    before, best.box = best.box, [round(share, 5) for share in decision.box]
    best.save(update_fields=["box"])
    return {"sighting": best.pk, "box": before}, {"sighting": best.pk, "box": best.box}


def keep(
    row: Damage, before: dict[str, object], review: Review,
    also_before: dict[str, object] | None = None, also_after: dict[str, object] | None = None,
) -> list[int]:  # fmt: skip
    """Save a damage and what follows from a decision on it; the tile keys whose cells are to be counted anew."""
    shown, kind = row.shown, (before["class_id"], before["severity"])
    settle(row)
    work_out([row])
    row.version += 1
    review.before, review.after = before | (also_before or {}), facts(row) | (also_after or {})
    review.save()
    outcomes.work_out(row)
    row.save()
    frames.follow(row, review)
    audited(review.by, f"damage.{review.kind}", str(row.pk), state=row.state, version=row.version)
    if review.kind in TOLD:
        tell(TOLD[review.kind], {"damage": damage_of(row), "by": review.by.username})
    return [row.tile_key] if row.shown != shown or (row.class_id, row.severity) != kind else []


def facts(row: Damage) -> dict[str, object]:
    """What is decided of a damage, as reviews keep it."""
    told = {name: getattr(row, name) for name in FIELDS}
    return told | {"due": row.due.isoformat() if row.due else None, "state": str(row.state)}


def restore(row: Damage, taken: Review) -> None:
    """Put back what a decision changed, without saving it."""
    for name, value in taken.before.items():
        if name in FIELDS and value != taken.after.get(name):
            setattr(row, name, date.fromisoformat(value) if name == "due" and value else value)


def model_of(row: Damage) -> str:
    """On which model's word a damage is decided."""
    return row.best.model if row.best else ""
