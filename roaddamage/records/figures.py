"""Figures: what was driven, found and decided, by week and in all, on the municipality's calendar.

A week begins on its Monday (ISO 8601) at midnight of the municipality's zone. Decisions that were taken back do not
count, and of several on one damage the latest stands, so that weeks add up. What came of them is kept with the damage
(`roaddamage.records.outcomes`), and a week is a range of an index.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from math import sqrt
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import Coalesce, TruncWeek
from django.utils import timezone

from detector.classes import CLASSES
from roaddamage.records.models import Damage, Drive, PatrolFigures, Review, Sighting

Z_95 = 1.959964
HOUR_S = 3600.0
WEEK = timedelta(days=7)


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
    for one, row in _told_of(told, _by_week(_driven(), since).annotate(**_SUMS)):
        one.drives, one.km, one.judged_km = row["drives"], *_km(row)
    unclocked = {monday_of(at) for at in _without_clock(since)}
    undated = {
        monday_of(at) for at in _never_seen().filter(created__gte=since).values_list("created", flat=True)
    }
    for monday, one in told.items():
        begin, end = midnight(monday), midnight(monday + WEEK)
        one.found = _seen(begin, end, monday in unclocked)
        one.new = _new(begin, end, monday in undated)
        one.repaired = Damage.objects.filter(repaired_at__gte=begin, repaired_at__lt=end).count()
        one.share = _share(Damage.objects.filter(judged_at__gte=begin, judged_at__lt=end))
        one.hours = _hours(Damage.objects.filter(first_decided__gte=begin, first_decided__lt=end))
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
    row = _driven().aggregate(**_SUMS)
    km, judged_km = _km(row)
    damages = Damage.objects.filter(joined_into__isnull=True).count()
    repaired = Damage.objects.filter(repaired_at__isnull=False).count()
    decided = Damage.objects.filter(wait_s__isnull=False)
    return Figures(
        None, row["drives"], km, judged_km, damages, damages, repaired, _hours(decided), _share(_judged())
    )


def by_class() -> list[Share]:
    """The share of each class of `CLASSES`, by the class that the model proposed."""
    shares = [Share() for _ in CLASSES]
    for class_id, kind, count in (
        _judged().order_by().values_list("class_id", "judged").annotate(count=Count("*"))
    ):
        shares[class_id] = _and(shares[class_id], kind, count)
    changed = _judged().filter(class_was__isnull=False).order_by()
    for was, class_id, kind, count in changed.values_list("class_was", "class_id", "judged").annotate(
        count=Count("*")
    ):
        shares[class_id] = _and(shares[class_id], kind, -count)
        shares[was] = _and(shares[was], kind, count)
    return shares


def saved() -> list[Saved]:
    """The months for which hours were entered, the latest first."""
    return [Saved(row.month, row.hours_before, row.hours_now) for row in PatrolFigures.objects.all()]


_SUMS = {"drives": Count("*"), "metres__sum": Sum("metres"), "unseen_m__sum": Sum("unseen_m")}


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


def _without_clock(since: datetime) -> Iterable[datetime]:
    """When drives were handed in whose sightings do not know when they were."""
    drives = Sighting.objects.filter(utc_s__isnull=True).values("drive")
    return Drive.objects.filter(at__gte=since, pk__in=drives).values_list("at", flat=True)


def _seen(begin: datetime, end: datetime, unclocked: bool) -> int:
    """Damages that were seen in a time, by the sighting's own clock; where it has none, when its drive was handed in."""
    seen = Q(utc_s__gte=begin.timestamp(), utc_s__lt=end.timestamp())
    if unclocked:
        seen |= Q(utc_s__isnull=True, drive__at__gte=begin, drive__at__lt=end)
    return int(Sighting.objects.filter(seen).aggregate(count=Count("damage", distinct=True))["count"])


def _never_seen() -> QuerySet[Damage]:
    """Damages of which no clock tells when they were seen."""
    return Damage.objects.filter(joined_into__isnull=True, first_seen__isnull=True)


def _new(begin: datetime, end: datetime, undated: bool) -> int:
    """Damages that were first seen in a time; where no clock tells, that came into the records."""
    rows = Damage.objects.filter(joined_into__isnull=True, first_seen__gte=begin, first_seen__lt=end)
    return rows.count() + (
        _never_seen().filter(created__gte=begin, created__lt=end).count() if undated else 0
    )


def _judged() -> QuerySet[Damage]:
    return Damage.objects.filter(judged_at__isnull=False)


def _share(rows: QuerySet[Damage]) -> Share:
    share = Share()
    for kind, count in rows.order_by().values_list("judged").annotate(count=Count("*")):
        share = _and(share, kind, count)
    return share


def _hours(rows: QuerySet[Damage]) -> float | None:
    """How long these waited for a decision, in the median."""
    count = rows.count()
    middle = (
        rows.order_by("wait_s").values_list("wait_s", flat=True)[(count - 1) // 2 : count // 2 + 1]
        if count
        else []
    )
    return median(wait_s / HOUR_S for wait_s in middle if wait_s is not None) if count else None
