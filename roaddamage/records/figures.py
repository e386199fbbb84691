"""Figures: what was driven, found and decided, by week and in all, on the municipality's calendar.

A week begins on its Monday (ISO 8601) at midnight of the municipality's zone. Decisions that were taken back do not
count, and of several on one damage the latest stands, so that weeks add up.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from math import sqrt
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Count, Exists, F, IntegerField, Min, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce, TruncWeek
from django.utils import timezone

from detector.classes import CLASSES
from roaddamage.records.models import Damage, Drive, PatrolFigures, Review, Sighting

Z_95 = 1.959964
HOUR_S = 3600.0
WEEK = timedelta(days=7)
LONGEST_DRIVE = timedelta(days=2)
JUDGEMENTS = (Review.Kind.confirm, Review.Kind.reject)


@dataclass(frozen=True)
class Share:
    """How many proposals people confirmed, of those that they confirmed or rejected."""

    confirmed: int = 0
    rejected: int = 0

    @property
    def decided(self) -> int:
        return self.confirmed + self.rejected

    @property
    def value(self) -> float | None:
        """0 to 1; None where nothing was decided."""
        return self.confirmed / self.decided if self.decided else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Its 95 % interval (Wilson, 1927); None where nothing was decided."""
        if not self.decided:
            return None
        count, share, square = self.decided, self.confirmed / self.decided, Z_95**2
        middle = (share + square / (2 * count)) / (1 + square / count)
        reach = Z_95 * sqrt(share * (1 - share) / count + square / (4 * count**2)) / (1 + square / count)
        return max(middle - reach, 0.0), min(middle + reach, 1.0)


@dataclass
class Figures:
    """The figures of a week (`monday`), or of all time (None).

    `found` are damages that a drive of the week saw, `new` those that none had seen before; `hours` from first sight
    to decision in the median, None where none was decided.
    """

    monday: date | None = None
    drives: int = 0
    km: float = 0.0
    judged_km: float = 0.0
    found: int = 0
    new: int = 0
    repaired: int = 0
    hours: float | None = None
    share: Share = field(default_factory=Share)

    @property
    def sunday(self) -> date | None:
        """The week's last day."""
        return self.monday + timedelta(days=6) if self.monday else None


@dataclass(frozen=True)
class Saved:
    """Hours of patrol in a month, as the municipality entered them."""

    month: date
    before: float
    now: float

    @property
    def hours(self) -> float:
        return self.before - self.now


def zone() -> ZoneInfo:
    """The municipality's."""
    return ZoneInfo(settings.TIME_ZONE)


def midnight(day: date) -> datetime:
    """When a day begins in the municipality."""
    return datetime.combine(day, time(), zone())


def monday_of(moment: datetime) -> date:
    """The week that a moment belongs to."""
    day = moment.astimezone(zone()).date()
    return day - timedelta(days=day.weekday())


def weekly(weeks: int, now: datetime | None = None) -> list[Figures]:
    """So many weeks up to this one, the latest first; weeks in which nothing happened too."""
    last = monday_of(now or timezone.now())
    told = {monday: Figures(monday) for monday in (last - WEEK * back for back in range(weeks))}
    since = midnight(min(told))
    for monday, one in told.items():
        one.found = _seen(midnight(monday), midnight(monday + WEEK))
        one.new = _new(midnight(monday), midnight(monday + WEEK))
    for one, row in _told_of(told, _by_week(_driven(), since).annotate(*_SUMS)):
        one.drives, one.km, one.judged_km = row["pk__count"], *_km(row)
    for rows in _not_in_order():
        for one, row in _told_of(told, _by_week(rows, since).annotate(Count("pk"))):
            one.new += row["pk__count"]
    for one, row in _told_of(told, _by_week(_repaired(), since).annotate(Count("pk"))):
        one.repaired = row["pk__count"]
    for one, row in _told_of(told, _by_week(_standing(), since, "kind").annotate(Count("pk"))):
        one.share = _and(one.share, row["kind"], row["pk__count"])
    for day, hours in _hours_by_week(since).items():
        if day in told:
            told[day].hours = median(hours)
    return list(told.values())


def _told_of(
    told: dict[date, Figures], rows: Iterable[dict[str, Any]]
) -> Iterator[tuple[Figures, dict[str, Any]]]:
    """Each row with the week that it is of; rows of other weeks (clocks that run ahead) are left out."""
    for row in rows:
        if one := told.get(row["week"].date()):
            yield one, row


def in_all() -> Figures:
    """All that the records hold."""
    row = _driven().aggregate(*_SUMS)
    km, judged_km = _km(row)
    share = Share()
    for kind, count in _standing().values_list("kind").annotate(Count("pk")):
        share = _and(share, kind, count)
    damages = Damage.objects.filter(joined_into__isnull=True).count()
    hours = [hours for _, hours in _hours(_first_judged())]
    return Figures(
        None, row["pk__count"], km, judged_km, damages, damages, _repaired().count(),
        median(hours) if hours else None, share,
    )  # fmt: skip


def by_class() -> list[Share]:
    """The share of each class of `CLASSES`, by the class that the model proposed."""
    shares = [Share() for _ in CLASSES]
    changed = Review.objects.filter(
        damage=OuterRef("damage"), kind=Review.Kind.reclass, undone_by__isnull=True
    )
    was = Cast(KeyTextTransform("class_id", "before"), IntegerField())
    first = Subquery(changed.order_by("at", "pk").annotate(was=was).values("was")[:1])
    rows = _standing().annotate(proposed=Coalesce(first, "damage__class_id", output_field=IntegerField()))
    for class_id, kind, count in rows.values_list("proposed", "kind").annotate(Count("pk")):
        shares[class_id] = _and(shares[class_id], kind, count)
    return shares


def saved() -> list[Saved]:
    """The months for which hours were entered, the latest first."""
    return [Saved(row.month, row.hours_before, row.hours_now) for row in PatrolFigures.objects.all()]


_SUMS = (Count("pk"), Sum("metres"), Sum("unseen_m"))


def _km(row: dict[str, Any]) -> tuple[float, float]:
    metres, unseen_m = row["metres__sum"] or 0.0, row["unseen_m__sum"] or 0.0
    return metres / 1000, (metres - unseen_m) / 1000


def _and(share: Share, kind: str, count: int) -> Share:
    if kind == Review.Kind.confirm:
        return Share(share.confirmed + count, share.rejected)
    return Share(share.confirmed, share.rejected + count)


def _by_week(rows: QuerySet[Any], since: datetime, *also: str) -> QuerySet[Any]:
    """Rows with a `moment`, grouped by their `week`."""
    told: QuerySet[Any] = rows.filter(moment__gte=since).order_by()
    weeks: QuerySet[Any] = told.annotate(week=TruncWeek("moment", tzinfo=zone())).values("week", *also)
    return weeks


def _driven() -> QuerySet[Any]:
    return Drive.objects.filter(state=Drive.State.done).annotate(moment=Coalesce("begin", "at"))


def _seen(begin: datetime, end: datetime) -> int:
    """Damages that were seen in a time; by the sighting's own clock, so that a drive may go on past midnight."""
    near = Drive.objects.filter(
        Q(begin__gte=begin - LONGEST_DRIVE, begin__lt=end) | Q(at__gte=begin, at__lt=end)
    )
    clocked = Q(utc_s__gte=begin.timestamp(), utc_s__lt=end.timestamp())
    without = Q(utc_s__isnull=True, drive__at__gte=begin, drive__at__lt=end)
    rows = Sighting.objects.filter(clocked | without, drive__in=near.values("pk"))
    return int(rows.aggregate(count=Count("damage", distinct=True))["count"])


def _new(begin: datetime, end: datetime) -> int:
    """Damages that maps show and that were first seen in a time, as an index has them in order."""
    return Damage.objects.filter(shown=True, first_seen__gte=begin, first_seen__lt=end).count()


def _not_in_order() -> tuple[QuerySet[Any], ...]:
    """The other damages, with the `moment` of their first sight."""
    rows = Damage.objects.filter(joined_into__isnull=True).annotate(moment=Coalesce("first_seen", "created"))
    return rows.filter(shown=False), rows.filter(shown=True, first_seen__isnull=True)


def _standing_of(kinds: tuple[str, ...], reopened_from: tuple[str, ...]) -> QuerySet[Any]:
    """The latest review of these kinds of each damage; those taken back, or opened again from these states, left out."""
    valid = Review.objects.filter(undone_by__isnull=True)
    reopened = Q(kind=Review.Kind.reopen, before__state__in=reopened_from)
    later = valid.filter(Q(kind__in=kinds) | reopened, damage=OuterRef("damage")).filter(
        Q(at__gt=OuterRef("at")) | Q(at=OuterRef("at"), pk__gt=OuterRef("pk"))
    )
    return valid.filter(~Exists(later), kind__in=kinds).order_by().annotate(moment=F("at"))


def _standing() -> QuerySet[Any]:
    return _standing_of(JUDGEMENTS, (Damage.State.rejected,))


def _repaired() -> QuerySet[Any]:
    return _standing_of((Review.Kind.repair,), (Damage.State.repaired,))


def _first_judged() -> QuerySet[Any]:
    """When each damage was first decided on, and first seen."""
    return (
        Review.objects.filter(kind__in=(*JUDGEMENTS, Review.Kind.repair), undone_by__isnull=True)
        .order_by()
        .values("damage", first_seen=Coalesce("damage__first_seen", "damage__created"))
        .annotate(moment=Min("at"))
    )


def _hours(rows: Iterable[dict[str, Any]]) -> Iterator[tuple[datetime, float]]:
    for row in rows:
        yield row["moment"], (row["moment"] - row["first_seen"]).total_seconds() / HOUR_S


def _hours_by_week(since: datetime) -> dict[date, list[float]]:
    weeks: dict[date, list[float]] = defaultdict(list)
    for moment, hours in _hours(_first_judged().filter(moment__gte=since)):
        weeks[monday_of(moment)].append(hours)
    return weeks
