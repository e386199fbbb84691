"""What shows a place at a time: pictures in the records, photos of repairs, and drives whose footage was there then.

A drive's own track says where its vehicle was (a place a second); times between are interpolated. A place counts as near
where the vehicle was within the radius, or the damage that a picture is of.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
from django.db.models import Q, QuerySet
from numpy.typing import NDArray

from detector.trajectory import LocalFrame
from roaddamage.records.erased import HALF_S
from roaddamage.records.models import Drive, Erased, Erasure, LabelledFrame, Sighting, Stop

STEP_S = 0.5
GAP_S = 2.0
"""Two stretches of a drive that are no further apart are one."""
MARGIN_S = 1.0
"""A stretch is so much longer at both ends: the camera sees ahead of the vehicle."""
DEGREE_M = 111_000.0
Floats = NDArray[np.float64]


@dataclass
class Moment:
    """One picture of a drive: what was found in it, and its labelled frame where there is one."""

    drive: Drive
    time_ms: int
    sightings: list[Sighting] = field(default_factory=list)
    frame: LabelledFrame | None = None
    erased: list[Erased] = field(default_factory=list)

    @property
    def time_s(self) -> float:
        """Since the drive began."""
        return self.time_ms / 1000

    @property
    def at(self) -> datetime | None:
        """When it was taken, where that is known."""
        return self.drive.begin + timedelta(milliseconds=self.time_ms) if self.drive.begin else None

    @property
    def is_gone(self) -> bool:
        """Whether nothing of it is shown any more."""
        return any(row.xyxy is None for row in self.erased)


@dataclass
class Passing:
    """A drive that was there then: from when to when since it began, seconds, and its pictures."""

    drive: Drive
    spans: list[tuple[float, float]]
    moments: list[Moment]
    exact: bool = True
    """False: nobody knows where the vehicle was when, or when the drive began; all of it is meant."""

    def holds(self, time_s: float) -> bool:
        """Whether a time is within one of its stretches."""
        return any(begin <= time_s <= end for begin, end in self.spans)

    @property
    def gone(self) -> list[Erased]:
        """Stretches of it that were erased."""
        return [row for row in self.drive.erased.all() if row.kind in (Erased.Kind.span, Erased.Kind.footage)]


@dataclass
class Found:
    """All of it."""

    passings: list[Passing]
    stops: list[Stop]

    @property
    def moments(self) -> list[Moment]:
        """The pictures of all drives."""
        return [one for passing in self.passings for one in passing.moments]


def find(asked: Erasure) -> Found:
    """What the records and the footage hold of a request's place and time."""
    passings = [one for drive in _drives(asked) if (one := _passing(drive, asked))]
    stops = Stop.objects.filter(done__range=(asked.since, asked.until)).exclude(photo="")
    near = [
        stop
        for stop in stops.select_related("damage", "work_list")
        if _metres(asked, stop.damage.lon, stop.damage.lat) <= asked.radius_m
    ]
    return Found(passings, near)


def _drives(asked: Erasure) -> Iterator[Drive]:
    """Drives that may have been there then, the earliest first."""
    lat = asked.radius_m / DEGREE_M
    lon = lat / max(float(np.cos(np.radians(asked.lat))), 0.01)
    there = Q(west=None) | Q(
        west__lte=asked.lon + lon,
        east__gte=asked.lon - lon,
        south__lte=asked.lat + lat,
        north__gte=asked.lat - lat,
    )
    unknown = Q(begin=None)
    rows = Drive.objects.filter(there, unknown | Q(begin__lte=asked.until)).defer("report", "reach_m")
    for drive in rows.prefetch_related("erased").order_by("begin", "pk"):
        if (
            drive.begin is None
            or drive.begin + timedelta(seconds=drive.duration_s or 86_400.0) >= asked.since
        ):
            yield drive


def _passing(drive: Drive, asked: Erasure) -> Passing | None:
    begin_s, end_s = _window(drive, asked)
    track = np.array(drive.understood.get("track") or (), float).reshape(-1, 3)
    exact = drive.begin is not None and len(track) > 1
    spans = list(_spans(drive, track, asked, begin_s, end_s))
    moments = _moments(drive, asked, spans, begin_s, end_s)
    return Passing(drive, spans, moments, exact) if spans or moments else None


def _window(drive: Drive, asked: Erasure) -> tuple[float, float]:
    """The time that is asked for, in seconds since a drive began; all of it where nobody knows when that was."""
    if drive.begin is None:
        return 0.0, max(drive.duration_s, 0.0)
    begin_s, end_s = ((one - drive.begin).total_seconds() for one in (asked.since, asked.until))
    return max(begin_s, 0.0), min(end_s, drive.duration_s) if drive.duration_s else end_s


def _spans(
    drive: Drive, track: Floats, asked: Erasure, begin_s: float, end_s: float
) -> Iterator[tuple[float, float]]:
    """When its vehicle was near."""
    if end_s < begin_s:
        return
    if len(track) < 2:
        lines = [
            np.array(line, float).reshape(-1, 2) for line in (*drive.ways, *drive.unseen_ways, *drive.preview)
        ]
        if any(_line_metres(asked, line).min() <= asked.radius_m for line in lines if len(line)):
            yield begin_s, end_s
        return
    first, last = max(begin_s, float(track[0, 0])), min(end_s, float(track[-1, 0]))
    if last < first:
        return
    times = np.linspace(first, last, max(int((last - first) / STEP_S) + 2, 2))
    lon, lat = (np.interp(times, track[:, 0], track[:, place]) for place in (1, 2))
    near = times[_metres(asked, lon, lat) <= asked.radius_m]
    for run in np.split(near, np.flatnonzero(np.diff(near) > GAP_S) + 1):
        if len(run):
            yield (
                max(float(run[0]) - MARGIN_S, 0.0),
                min(float(run[-1]) + MARGIN_S, drive.duration_s or np.inf),
            )


def _line_metres(asked: Erasure, line: Floats) -> Floats:
    """From the place to points along a line, closer together than the radius."""
    length = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))]) * DEGREE_M
    steps = np.linspace(0.0, length[-1], max(int(length[-1] / max(asked.radius_m / 2, 1.0)) + 1, 2))
    lon, lat = (np.interp(steps, length, line[:, place]) for place in (0, 1))
    return np.asarray(_metres(asked, lon, lat))


def _metres(asked: Erasure, lon: float | Floats, lat: float | Floats) -> Floats:
    """From the place."""
    return np.asarray(np.hypot(*LocalFrame(asked.lon, asked.lat).to_metres(lon, lat)))


def _moments(
    drive: Drive, asked: Erasure, spans: Sequence[tuple[float, float]], begin_s: float, end_s: float
) -> list[Moment]:
    """Its pictures within these stretches, and those of damages that lie near."""
    found: dict[int, Moment] = {}

    def one(time_s: float) -> Moment:
        return found.setdefault(round(time_s * 1000), Moment(drive, round(time_s * 1000)))

    def within(time_s: float) -> bool:
        return any(begin <= time_s <= end for begin, end in spans)

    rows = Sighting.objects.filter(drive=drive, time_s__range=(begin_s, end_s)).exclude(evidence="")
    for seen in rows.order_by("time_s", "pk"):
        if within(seen.time_s) or float(_metres(asked, seen.lon, seen.lat)) <= asked.radius_m:
            one(seen.time_s).sightings.append(seen)
    frames = LabelledFrame.objects.filter(
        drive=drive, time_ms__range=(round(begin_s * 1000), round(end_s * 1000))
    )
    for frame in frames:
        if within(frame.time_ms / 1000) or frame.time_ms in found:
            one(frame.time_ms / 1000).frame = frame
    for moment_of in found.values():
        moment_of.erased = [row for row in drive.erased.all() if _is_of(row, moment_of.time_ms)]
    return [found[time_ms] for time_ms in sorted(found)]


def seen_at(drive: Drive, time_ms: int) -> QuerySet[Sighting]:
    """What was found in one picture of a drive."""
    around_s = time_ms / 1000 - HALF_S, time_ms / 1000 + HALF_S
    return Sighting.objects.filter(drive=drive, time_s__range=around_s).order_by("pk")


def _is_of(row: Erased, time_ms: int) -> bool:
    if row.time_ms is not None:
        return row.time_ms == time_ms
    return (row.begin_s or 0.0) * 1000 <= time_ms <= (row.end_s or 0.0) * 1000
