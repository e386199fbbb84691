"""The queue: damages that wait for a person's decision, the most urgent first."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery

from detector.errors import N_
from roaddamage.records.models import Damage, Passage, Review
from roaddamage.records.models.damages import GONE as GONE_BELIEF

QUEUES: dict[str, str] = {
    "proposed": N_("proposals to review"),
    "gone": N_("probably repaired, to be checked"),
    "back": N_("repaired, but seen again"),
}
"""What can wait for a person, and why."""


@dataclass(frozen=True)
class Asked:
    """Which damages of a queue are asked for: of a drive (its key) and a class alone, where given."""

    queue: str = "proposed"
    drive: int | None = None
    class_id: int | None = None


def waiting(asked: Asked) -> QuerySet[Damage]:
    """The damages that wait, in order of priority."""
    rows = {"gone": _gone, "back": _back}.get(asked.queue, _proposed)()
    if asked.class_id is not None:
        rows = rows.filter(class_id=asked.class_id)
    if asked.drive is not None:
        rows = rows.filter(pk__in=Passage.objects.filter(drive=asked.drive).values("damage"))
    return rows.order_by("-priority", "pk")


def seen_again(row: Damage) -> bool:
    """Whether a drive saw it after a person recorded it as repaired."""
    return _back().filter(pk=row.pk).exists()


def _proposed() -> QuerySet[Damage]:
    return Damage.objects.filter(state=Damage.State.proposed, shown=True)


def _gone() -> QuerySet[Damage]:
    """Those that drives took for repaired and, of what people confirmed before, those that a drive missed since."""
    missed = Passage.objects.filter(damage=OuterRef("damage"), seen=False, drive__begin__gt=OuterRef("at"))
    checked = Review.objects.filter(
        ~Exists(missed), damage=OuterRef("pk"), kind=Review.Kind.confirm, undone_by__isnull=True
    )
    rows = Damage.objects.filter(belief=GONE_BELIEF, shown=True)
    # Each part by itself: under an OR, PostgreSQL would look for what was checked among all reviews.
    missed_since = rows.filter(~Exists(checked), state__in=(Damage.State.confirmed, Damage.State.scheduled))
    return rows.filter(Q(state=Damage.State.gone) | Q(pk__in=missed_since.values("pk")))


def _back() -> QuerySet[Damage]:
    """Those that a drive saw after their repair; sought among repairs, of which few damages come back."""
    seen = Review.objects.filter(
        kind=Review.Kind.repair, damage__state=Damage.State.repaired, damage__shown=False,
        damage__last_seen__gt=F("at"),
    )  # fmt: skip
    again = Damage.objects.filter(pk__in=seen.values("damage"), state=Damage.State.repaired)
    repaired = again.annotate(repaired=_last_at(Review.Kind.repair))
    return repaired.filter(joined_into__isnull=True, last_seen__gt=F("repaired"))


def _last_at(kind: str) -> Subquery:
    """When a damage was last decided so, and it was not taken back."""
    of = Review.objects.filter(damage=OuterRef("pk"), kind=kind, undone_by__isnull=True)
    return Subquery(of.order_by("-at").values("at")[:1])
