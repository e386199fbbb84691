"""The selection: which damages a person looks at, by one filter that the map, the list and its downloads share."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Case, Exists, F, FloatField, IntegerField, OuterRef, Q, QuerySet, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, Mod
from django.db.models.lookups import Exact, GreaterThanOrEqual, In

from detector.classes import CLASSES, SEVERITIES
from detector.errors import N_, RoadDamageError
from maps.map_data import STATES
from maps.question import Bounds, Filter, bounds, chosen
from maps.tiles import viewport_ranges
from roaddamage.records import cells
from roaddamage.records.models import Damage, Sighting
from roaddamage.records.models.lengths import NAME

MOST_CORNERS = 100
RANGES = 24
NOBODY = "nobody"
"""As an assignee: damages that nobody was given."""
OPEN = (Damage.State.proposed, Damage.State.confirmed, Damage.State.scheduled, Damage.State.gone)
"""What maps show, and lists where nothing else is asked for."""


class SelectionError(RoadDamageError):
    """A filter that can't be read."""


@dataclass(frozen=True)
class Selection:
    """A filter as the map has it, and what the records know besides.

    `people` are states that people gave (`Damage.State`; none: the open ones), `drive` a drive's key, `assignee` a
    user's key or `NOBODY`, `road` a part of a road's name or its number, `priority` the least points of 100, `area` the
    corners of a polygon, `bbox` bounds, both EPSG:4326.
    """

    filter: Filter = field(default_factory=Filter)
    people: tuple[str, ...] = ()
    drive: int | None = None
    assignee: str = ""
    road: str = ""
    priority: float = 0.0
    bbox: Bounds | None = None
    area: tuple[tuple[float, float], ...] = ()

    @property
    def by_kind_alone(self) -> bool:
        """Whether the cells, which tell class and severity apart, can answer for it (`records.cells`)."""
        return self.filter.by_kind_alone and not (
            self.people or self.drive or self.assignee or self.road or self.priority or self.area
        )

    @property
    def open_and_closed(self) -> bool:
        """Whether damages of both kinds are asked for, each of which has its index (`Damage.shown`)."""
        return bool(set(self.people) & set(OPEN)) and not set(self.people) <= set(OPEN)

    @property
    def strands(self) -> tuple[Q, ...]:
        """The states by which its damages are told apart, where the index by state has all that it asks of them."""
        own = self.filter
        within = not (self.drive or self.assignee or self.road or self.bbox or self.area)
        if not within or any(math.isfinite(day) for day in own.days) or (own == Filter() and not self.people):
            return ()
        states = self.people or OPEN
        return tuple(Q(state=state) for state in states) if set(states) <= set(OPEN) else ()

    def rows(self, by_state: bool = False) -> QuerySet[Damage]:
        """The damages; those joined into others are never among them. `by_state`: to be asked for by `strands`."""
        return Damage.objects.filter(self.condition(by_state=by_state))

    def numbers(self) -> list[int]:
        """The numbers of its damages, in no order."""
        strands = self.strands
        rows = self.rows(by_state=bool(strands)).order_by()
        return [
            number for one in strands or (Q(),) for number in rows.filter(one).values_list("pk", flat=True)
        ]

    def condition(self, placed: bool = False, by_state: bool = False) -> Q:
        """What the database is asked for; `placed`: besides a range of tile keys, `by_state`: besides a state.

        It is to go by the index of these, then, and not by one of what else is asked for.
        """
        parts = [_of_people(self.people, placed), _of_filter(self.filter, placed, by_state)]
        if self.bbox is not None:
            parts.append(within(self.bbox))
        if self.drive is not None:
            parts.append(Q(pk__in=Sighting.objects.filter(drive=self.drive).values("damage")))
        if self.assignee:
            nobody = Q(Exact(Coalesce(F("assignee"), Value(0)), 0)) if placed else Q(assignee__isnull=True)
            parts.append(nobody if self.assignee == NOBODY else Q(assignee=int(self.assignee)))
        if self.road:
            # Of those that lie on a road: so that the index by road is looked through, and no row.
            named = Q(road__icontains=self.road) | Q(road_id__iexact=self.road)
            parts.append(Q(road__gt="") & named)
        if self.priority:
            points: Combinable = Coalesce(F("priority"), Value(0.0)) if placed else F("priority")
            parts.append(Q(GreaterThanOrEqual(points, self.priority)))
        if self.area:
            parts.append(_inside(self.area))
        every = Q()
        for part in parts:
            every &= part
        return every


def count_of(selection: Selection) -> int:
    """How many damages it has; of the whole city by kind, they are counted already."""
    if selection.by_kind_alone and selection.bbox is None:
        return cells.count(selection.filter.class_, selection.filter.severity)
    if strands := selection.strands:
        rows = selection.rows(by_state=True)
        return sum(rows.filter(one).count() for one in strands)
    return selection.rows().count()


def read(query: Mapping[str, Sequence[str]]) -> Selection:
    """Read a selection from an address's query; empty fields of forms say nothing. Raises SelectionError."""
    try:
        told = {name: values for name, values in query.items() if any(values)}
        kept = {name: [",".join(values)] for name, values in told.items()}
        # An empty choice of the map chooses none; of a form, where nothing is ticked, it is not sent at all.
        kept |= {name: [""] for name in ("class", "severity", "state") if name in query and name not in kept}
        area = kept.get("area", [""])[0]
        return Selection(
            Filter(**chosen(kept)),
            _people(kept.get("people", [""])[0]),
            int(kept["drive"][0]) if "drive" in kept else None,
            _assignee(kept.get("assignee", [""])[0]),
            _road(kept.get("road", [""])[0]),
            _points(kept.get("priority", ["0"])[0]),
            bounds(kept["bbox"][0]) if "bbox" in kept else None,
            _corners(area) if area else (),
        )
    except (ValueError, KeyError) as error:
        raise SelectionError(
            N_("The filter in this page's address can't be read. Choose the filter again.")
        ) from error


def query_of(selection: Selection) -> dict[str, str]:
    """The query that says the same; what is not restricted is left out."""
    own = selection.filter
    told = {
        name: _listed(values) if len(values) < len(every) else ""
        for name, values, every in (
            ("class", own.class_, CLASSES), ("severity", own.severity, SEVERITIES), ("state", own.state, STATES),
        )
    } | {
        name: day_of(day).isoformat() if math.isfinite(day) else ""
        for name, day in zip(("from", "to"), own.days, strict=True)
    } | {
        "confidence": f"{own.confidence:g}" if own.confidence else "",
        "people": ",".join(selection.people),
        "drive": "" if selection.drive is None else str(selection.drive),
        "assignee": selection.assignee,
        "road": selection.road,
        "priority": f"{selection.priority:g}" if selection.priority else "",
        "bbox": _degrees(selection.bbox or ()),
        "area": _degrees([part for corner in selection.area for part in corner]),
    }  # fmt: skip
    return {name: value for name, value in told.items() if value}


def _listed(values: frozenset[int]) -> str:
    return ",".join(str(value) for value in sorted(values)) or ","


def _degrees(values: Sequence[float]) -> str:
    return ",".join(f"{degrees:.6f}" for degrees in values)


def day_of(day: float) -> date:
    """The date of a day counted since 1970."""
    return date(1970, 1, 1) + timedelta(days=int(day))


def _people(text: str) -> tuple[str, ...]:
    return tuple(Damage.State(part).value for part in text.split(",") if part)


def _assignee(text: str) -> str:
    return text if text in ("", NOBODY) else str(int(text))


def _road(text: str) -> str:
    if "\0" in text:
        raise ValueError("no road")
    return text.strip()[:NAME]


def _points(text: str) -> float:
    points = float(text)
    if not 0 <= points <= 100:
        raise ValueError("no points")
    return points


def _corners(text: str) -> tuple[tuple[float, float], ...]:
    parts = [float(part) for part in text.split(",")]
    corners = tuple(zip(parts[::2], parts[1::2], strict=True))
    if not 3 <= len(corners) <= MOST_CORNERS or not all(math.isfinite(part) for part in parts):
        raise ValueError("no area")
    return corners


def within(box: Bounds) -> Q:
    """Damages within bounds, by ranges of tile keys; where west is east of east, across the antimeridian."""
    found = Q(pk__in=[])
    for low, high in viewport_ranges(*box, RANGES):
        found |= Q(tile_key__gte=low, tile_key__lt=high)
    return found & exactly(box)


def exactly(box: Bounds) -> Q:
    """Damages within bounds, held against these alone."""
    west, south, east, north = box
    across = Q(lon__gte=west) | Q(lon__lte=east) if west > east else Q(lon__gte=west, lon__lte=east)
    return across & Q(lat__gte=south, lat__lte=north)


def _among(name: str, values: Sequence[Any], placed: bool) -> Q:
    """One of these values; `placed`: said so that no index by it is taken."""
    if placed:
        return Q(In(Coalesce(F(name), Value(values[0])), values)) if values else Q(pk__in=[])
    return Q(**{f"{name}__in": values})


def _of_people(states: Sequence[str], placed: bool) -> Q:
    if not states:
        return Q(shown=True)
    kept = _among("state", states, placed)
    if set(states) <= set(OPEN):
        return kept & Q(shown=True)
    closed = Q(joined_into__isnull=True)
    return kept & (closed if set(states) & set(OPEN) else closed & Q(shown=False))


def _of_filter(own: Filter, placed: bool, by_state: bool) -> Q:
    kept = Q()
    for name, values, every in (
        ("class_id", own.class_, CLASSES), ("severity", own.severity, SEVERITIES), ("belief", own.state, STATES),
    ):  # fmt: skip
        if len(values) < len(every):
            kept &= _among(name, sorted(values), placed)
    if own.confidence:
        share: Combinable = Coalesce(F("confidence"), Value(0.0)) if placed or by_state else F("confidence")
        kept &= Q(GreaterThanOrEqual(share, own.confidence))
    return kept & _seen(*(_moment(day + late) for late, day in enumerate(own.days)))


def _moment(day: float) -> datetime | None:
    """When a day begins on the municipality's clock."""
    if not math.isfinite(day):
        return None
    try:
        begin = datetime.combine(day_of(day), datetime.min.time(), ZoneInfo(settings.TIME_ZONE))
    except OverflowError as error:
        raise ValueError("no day") from error
    return begin.astimezone(UTC)


def _seen(begin: datetime | None, end: datetime | None) -> Q:
    """Seen at some time from `begin` until before `end`; sightings are asked only where first and last do not tell."""
    kept = Q(last_seen__gte=begin) if begin else Q()
    if end is None:
        return kept
    if begin is None:
        return Q(first_seen__lt=end)
    between = Sighting.objects.filter(
        damage=OuterRef("pk"), utc_s__gte=begin.timestamp(), utc_s__lt=end.timestamp()
    )
    first = Q(first_seen__gte=begin, first_seen__lt=end)
    return kept & (Q(last_seen__lt=end) | first | (Q(first_seen__lt=end) & Q(Exists(between))))


def _inside(corners: Sequence[tuple[float, float]]) -> Q:
    """Damages inside a polygon: a line to the east crosses its edges an odd number of times."""
    lons, lats = zip(*corners, strict=True)
    crossings: Combinable = Value(0)
    for (lon, lat), (other_lon, other_lat) in zip(corners, (*corners[1:], corners[0]), strict=True):
        if lat == other_lat:
            continue
        low, high = sorted((lat, other_lat))
        slope = (other_lon - lon) / (other_lat - lat)
        edge = (F("lat") - Value(lat, FloatField())) * Value(slope, FloatField()) + Value(lon, FloatField())
        crossed = When(Q(lat__gt=low, lat__lte=high, lon__lt=edge), then=Value(1))
        crossings = crossings + Case(crossed, default=Value(0), output_field=IntegerField())
    odd = Q(Exact(Mod(crossings, 2, output_field=IntegerField()), 1))
    return within((min(lons), min(lats), max(lons), max(lats))) & odd
