"""What the API's answers hold. Places are EPSG:4326, times ISO 8601 with their zone, measures in the unit named."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from ninja import Field, Schema

from detector.classes import CODES
from roaddamage.records.models import Drive, Passage, Review, Sighting, Stop, WorkList
from roaddamage.records.rows import moment


class Me(Schema):
    """Whose token it is."""

    user: str
    groups: list[str] = Field(description="What the user is: crew, engineer, ml, administrator")


class Damage(Schema):
    """A damage as drives and people know it."""

    number: int
    damage_class: str = Field(alias="class", description="D00, D10, D20 or D40 of the Road Damage Dataset")
    severity: str = Field(description="small, medium or large")
    state: str = Field(
        description="What people made of it: proposed, confirmed, scheduled, repaired, rejected, or gone (drives say that it was repaired; a person has to say so)"
    )
    state_by_passes: str = Field(description="What the drives that went past say")
    rejected_as: str = Field(description="What a rejected proposal was taken for")
    confidence: float = Field(description="Probability that it is damage, 0 to 1")
    still_there: float = Field(description="Probability that it is still there, 0 to 1")
    lon: float
    lat: float
    error_m: float | None = Field(
        description="The longer half-axis of the ellipse that holds its place at 95 %"
    )
    length_m: float = Field(description="Along the road")
    length_sd_m: float = Field(description="Standard error of length_m")
    width_m: float = Field(description="Across the road")
    width_sd_m: float
    area_m2: float | None
    area_sd_m2: float | None
    growth_m2_a_year: float | None = Field(description="Where several drives tell it")
    road: str
    road_kind: str
    chainage_m: float | None = Field(description="Metres from the beginning of the road")
    priority: float = Field(description="Points of 100")
    first_seen: datetime | None
    last_seen: datetime | None
    sightings: int
    drives: int
    passes: int = Field(description="Drives past it in valid conditions, whether they saw it or not")
    assignee: str | None
    due: date | None
    joined_into: int | None = Field(description="The damage that this one turned out to be")
    version: int = Field(
        description="Counts decisions; give it back with one, and a decision in between is told"
    )


class Seen(Schema):
    """One damage as one drive saw it."""

    number: int
    drive: int
    drive_name: str
    at: datetime | None
    damage_class: str = Field(alias="class")
    confidence: float
    lon: float
    lat: float
    length_m: float
    width_m: float
    area_m2: float | None
    model: str
    pictures: list[str] = Field(description="Kinds of pictures that /api/pictures/{sighting}/{kind} has")

    @staticmethod
    def of(row: Sighting, pictures: list[str]) -> dict[str, Any]:
        """A row as the schema has it."""
        same = ("confidence", "lon", "lat", "length_m", "width_m", "area_m2", "model")
        return {name: getattr(row, name) for name in same} | {
            "number": row.pk, "drive": row.drive_id, "drive_name": row.drive.name, "at": moment(row.utc_s),
            "class": CODES[row.class_id], "pictures": pictures,
        }  # fmt: skip


class Missed(Schema):
    """A drive that went past in valid conditions and did not see it."""

    drive: int
    drive_name: str
    at: datetime | None
    detectable: float = Field(description="How likely it would have been seen, were it there")

    @staticmethod
    def of(row: Passage) -> dict[str, Any]:
        """A row as the schema has it."""
        return {
            "drive": row.drive_id, "drive_name": row.drive.name, "at": moment(row.utc_s), "detectable": row.detectable,
        }  # fmt: skip


class Decided(Schema):
    """A person's decision, or comment."""

    number: int
    kind: str
    by: str
    at: datetime
    comment: str
    model: str = Field(description="On which model's word")
    before: dict[str, Any]
    after: dict[str, Any]

    @staticmethod
    def of(row: Review) -> dict[str, Any]:
        """A row as the schema has it."""
        same = ("kind", "at", "comment", "model", "before", "after")
        return {name: getattr(row, name) for name in same} | {"number": row.pk, "by": row.by.username}


class DamageWhole(Damage):
    """A damage with all that is known of it."""

    seen: list[Seen]
    missed: list[Missed]
    history: list[Decided]


class DecisionIn(Schema):
    """A decision to be made."""

    kind: str = Field(
        description="confirm, reject, reclass, box, assign, due, priority, schedule, repair or reopen",
        max_length=16,
    )
    rejected_as: str = Field(
        "", description="reject: shadow, manhole, patch, joint, marking, wet or other", max_length=16
    )
    damage_class: str | None = Field(None, alias="class", description="reclass: D00, D10, D20 or D40")
    box: tuple[float, float, float, float] | None = Field(
        None, description="box: left, top, right, bottom as shares of the best picture"
    )
    assignee: str | None = Field(None, description="assign, schedule: a user's name", max_length=150)
    due: date | None = Field(None, description="due, schedule")
    priority: float | None = Field(
        None, description="priority: points of 100, with a comment; null: the computed one again"
    )
    comment: str = Field("", max_length=10_000)
    version: int | None = Field(None, description="The version looked at; where it is another by now: 409")


class DriveOut(Schema):
    """A drive, and what became of it."""

    number: int
    name: str
    state: str
    vehicle: str | None
    begin: datetime | None
    duration_s: float
    metres: float = Field(description="Driven")
    unseen_m: float = Field(description="Of these, not judged")
    found: int = Field(description="Damages that it saw")
    found_new: int = Field(description="Of these, seen for the first time")
    model: str

    @staticmethod
    def of(row: Drive) -> dict[str, Any]:
        """A row as the schema has it."""
        same = ("name", "state", "begin", "duration_s", "metres", "unseen_m", "found", "found_new", "model")
        return {name: getattr(row, name) for name in same} | {
            "number": row.pk, "vehicle": row.vehicle.name if row.vehicle else None,
        }  # fmt: skip


class StopOut(Schema):
    """A stop of a work list."""

    number: int
    place: int = Field(description="Its place in the order to drive, from 1")
    damage: int
    lon: float
    lat: float
    done: datetime | None
    note: str

    @staticmethod
    def of(row: Stop) -> dict[str, Any]:
        """A row as the schema has it."""
        return {
            "number": row.pk, "place": row.place, "damage": row.damage_id, "lon": row.damage.lon, "lat": row.damage.lat,
            "done": row.done, "note": row.note,
        }  # fmt: skip


class WorkListOut(Schema):
    """Damages handed to a repair crew."""

    number: int
    title: str
    crew: str
    due: date | None
    at: datetime
    stops: list[StopOut]

    @staticmethod
    def of(row: WorkList) -> dict[str, Any]:
        """A row as the schema has it."""
        same = ("title", "crew", "due", "at")
        stops = [StopOut.of(one) for one in row.stops.all()]
        return {name: getattr(row, name) for name in same} | {"number": row.pk, "stops": stops}


class Problem(Schema):
    """Why something was not done."""

    detail: str
