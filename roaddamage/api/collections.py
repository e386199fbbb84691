"""What the OGC API offers: collections of features, each with its geometry, its properties and its time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Max, Min, Q, QuerySet

from detector.errors import N_, RoadDamageError
from maps.question import Bounds
from maps.tables import TITLES
from roaddamage.api.schemas import DriveOut
from roaddamage.records.facts import damage_of
from roaddamage.records.models import Drive, Segment
from roaddamage.records.selection import Selection, exactly, within
from roaddamage.segment_tables import LENGTHS_M, in_use

Moments = tuple[datetime | None, datetime | None]
"""Begin and end, both included; None where open."""


class NotYetError(RoadDamageError):
    """Features that are being worked out for the first time."""


@dataclass(frozen=True)
class Collection:
    """Features of one kind, from the rows of a table."""

    name: str
    title: str
    about: str
    rows: Callable[[], QuerySet[Any]]
    geometry: Callable[[Any], dict[str, Any]]
    properties: Callable[[Any], dict[str, Any]]
    inside: Callable[[Bounds], Q]
    during: Callable[[Moments], Q]
    times: tuple[str, str]
    """Fields that tell when a row begins and ends."""
    corners: tuple[str, str, str, str]
    """Fields that tell how far a row reaches: west, south, east, north."""
    key: str = "pk"
    """The field that is a feature's number, by which pages follow one another."""

    def extent(self) -> dict[str, Any]:
        """Where and when there is anything, as the OGC API writes it; nothing for an empty collection."""
        west, south, east, north = self.corners
        begin, end = self.times
        try:
            rows = self.rows()
        except NotYetError:
            return {}
        told = rows.aggregate(
            box_west=Min(west), box_south=Min(south), box_east=Max(east), box_north=Max(north), since=Min(begin), until=Max(end)
        )  # fmt: skip
        found: dict[str, Any] = {}
        if told["box_west"] is not None:
            found["spatial"] = {
                "bbox": [[told[f"box_{side}"] for side in ("west", "south", "east", "north")]]
            }
        if told["since"] is not None:
            found["temporal"] = {"interval": [[told["since"].isoformat(), told["until"].isoformat()]]}
        return found

    def chosen(self, bbox: Bounds | None, moments: Moments | None) -> QuerySet[Any]:
        """The rows that are there and then; those without a time are at all times."""
        kept = self.rows()
        if bbox is not None:
            kept = kept.filter(self.inside(bbox))
        if moments is not None:
            kept = kept.filter(self.during(moments) | Q(**{f"{self.times[0]}__isnull": True}))
        return kept


def _seen_during(moments: Moments) -> Q:
    begin, end = moments
    kept = Q(last_seen__gte=begin) if begin else Q()
    return kept & Q(first_seen__lte=end) if end else kept


def _driven_during(moments: Moments) -> Q:
    begin, end = moments
    kept = Q(begin__gte=begin) if begin else Q()
    return kept & Q(begin__lte=end) if end else kept


def _touches(bbox: Bounds) -> Q:
    west, south, east, north = bbox
    across = Q(east__gte=west) | Q(west__lte=east) if west > east else Q(east__gte=west, west__lte=east)
    return across & Q(north__gte=south, south__lte=north)


def _segments(metres: int) -> QuerySet[Segment]:
    """Raises NotYetError."""
    table = in_use()
    if table is None:
        raise NotYetError(
            N_("The segments are being worked out for the first time. Ask again in some minutes.")
        )
    return Segment.objects.filter(table=table, metres=metres)


def _surveyed_during(moments: Moments) -> Q:
    begin, end = moments
    kept = Q(end__gte=begin) if begin else Q()
    return kept & Q(begin__lte=end) if end else kept


def _of_segments(metres: int, name: str, title: str) -> Collection:
    return Collection(
        name, title, N_("Stretches of road by direction: crack ratio with its interval, class, and what of it was seen."),
        lambda: _segments(metres),
        lambda row: {"type": "LineString", "coordinates": row.line},
        lambda row: row.told, _touches, _surveyed_during,
        ("begin", "end"), ("west", "south", "east", "north"), "number",
    )  # fmt: skip


COLLECTIONS = {
    one.name: one
    for one in (
        Collection(
            "damages", N_("Road damage"), N_("What is open: neither rejected nor repaired, each damage once."),
            lambda: Selection().rows().select_related("assignee"),
            lambda row: {"type": "Point", "coordinates": [round(row.lon, 7), round(row.lat, 7)]},
            lambda row: {name: value for name, value in damage_of(row).items() if name not in ("lon", "lat")},
            lambda bbox: within(bbox) & exactly(bbox), _seen_during,
            ("first_seen", "last_seen"), ("lon", "lat", "lon", "lat"),
        ),
        Collection(
            "drives", N_("Drives"), N_("The ways that drives could judge."),
            lambda: Drive.objects.filter(state=Drive.State.done, west__isnull=False).select_related("vehicle"),
            lambda row: {"type": "MultiLineString", "coordinates": [line for line in row.ways if len(line) > 1]},
            DriveOut.of, _touches, _driven_during,
            ("begin", "begin"), ("west", "south", "east", "north"),
        ),
        *(_of_segments(metres, name, TITLES[name]) for metres, name in LENGTHS_M.items()),
    )
}  # fmt: skip
