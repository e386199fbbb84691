"""Rows of the records as the dataclasses of the rooms below, and back."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

import numpy as np
import shapely

from detector.classes import CLASSES, SEVERITIES
from detector.sightings import Sighting
from detector.trajectory import LocalFrame
from detector.visibility import Light
from maps.coverage import Way
from maps.damage import Damage
from maps.exports import Driven
from maps.laid_sightings import Laid
from maps.map_data import STATES
from maps.tiles import tile_key
from roaddamage.records import models

SAME = (
    "class_id", "confidence", "lon", "lat", "heading_deg", "length_m", "length_sd_m", "width_m", "width_sd_m", "area_m2",
    "area_sd_m2", "time_s", "utc_s", "frames", "model", "evidence", "crop", "frame", "class_share", "common_sd_m", "covered",
)  # fmt: skip
"""Fields that a sighting and its row have alike."""


SEEN = (*SAME, "var_east_m2", "cov_east_north_m2", "var_north_m2", "box")
"""Columns of a sighting's row that its drive's run fills."""


def moment(utc_s: float | None) -> datetime | None:
    """A POSIX time as the records keep it."""
    return None if utc_s is None else datetime.fromtimestamp(utc_s, UTC)


def way_of(drive: models.Drive, lines: list[list[list[float]]] | None = None) -> Way:
    """What a drive saw; with `lines`, on these parts of its way."""
    reach = np.array(drive.reach_m, float).reshape(len(CLASSES), len(SEVERITIES))
    utc_s = drive.begin.timestamp() if drive.begin else None
    light = Light[drive.light] if drive.light else None
    shown = [np.array(line, float) for line in (drive.ways if lines is None else lines)]
    return Way(drive.name, utc_s, shown, drive.accuracy_m, reach, light)


def driven_of(drive: models.Drive) -> Driven:
    """A drive's way, as maps and files have it."""
    return Driven(
        drive.name,
        [np.array(line, float) for line in drive.ways],
        drive.metres,
        drive.begin.timestamp() if drive.begin else None,
        [np.array(line, float) for line in drive.unseen_ways],
        drive.unseen_m,
    )


def fill_drive(drive: models.Drive, way: Way, driven: Driven) -> None:
    """Put what a drive saw into its row."""
    drive.begin = moment(way.utc_s)
    drive.ways = [np.round(line, 7).tolist() for line in way.lines]
    drive.unseen_ways = [np.round(line, 7).tolist() for line in driven.unseen]
    drive.accuracy_m = way.accuracy_m
    drive.reach_m = way.reach_m.tolist()
    drive.light = way.light.name if way.light else ""
    drive.metres, drive.unseen_m = driven.metres, driven.unseen_m
    lines = [line for line in (*way.lines, *driven.unseen) if len(line)]
    if lines:
        drive.west, drive.south, drive.east, drive.north = shapely.total_bounds(
            shapely.multipoints(np.concatenate(lines))
        )


def sighting_of(row: models.Sighting, drive: str) -> Sighting:
    """A sighting as a drive of this name saw it."""
    return Sighting(
        drive=drive,
        covariance_m2=(
            (row.var_east_m2, row.cov_east_north_m2),
            (row.cov_east_north_m2, row.var_north_m2),
        ),
        box=tuple(row.box) if row.box else None,
        **{name: getattr(row, name) for name in SAME},
    )


def laid_of(row: models.Sighting, frame: LocalFrame, own_m2: float) -> Laid:
    """Where merging had put a sighting."""
    east_m, north_m = (float(part) for part in frame.to_metres(row.lon, row.lat))
    return Laid(
        east_m + row.moved_east_m, north_m + row.moved_north_m, own_m2, row.known_m2, row.stretch, row.again
    )


def sighting_row(seen: Sighting, drive: models.Drive, damage: models.Damage) -> models.Sighting:
    """A row that is not saved yet."""
    row = models.Sighting(drive=drive, damage=damage)
    fill_sighting(row, seen)
    return row


def fill_sighting(row: models.Sighting, seen: Sighting, but: Collection[str] = ()) -> None:
    """Put what a drive saw into its row, but for these fields."""
    (row.var_east_m2, row.cov_east_north_m2), (_, row.var_north_m2) = seen.covariance_m2
    told = {name: getattr(seen, name) for name in SAME} | {"box": list(seen.box) if seen.box else None}
    for name, value in told.items():
        if name not in but:
            setattr(row, name, value)


def put_laid(row: models.Sighting, laid: Laid, frame: LocalFrame) -> None:
    """Put where merging laid a sighting into its row."""
    east_m, north_m = (float(part) for part in frame.to_metres(row.lon, row.lat))
    row.moved_east_m, row.moved_north_m = laid.east_m - east_m, laid.north_m - north_m
    row.known_m2, row.stretch, row.again = laid.known_m2, laid.stretch, laid.again


def fill_damage(row: models.Damage, told: Damage) -> None:
    """Put what the drives say of a damage into its row; what a person decided stays."""
    if not row.class_decided:
        row.class_id, row.severity = told.class_id, told.severity
    row.confidence, row.lon, row.lat = told.confidence, told.lon, told.lat
    row.tile_key = int(tile_key(told.lon, told.lat))
    (row.var_east_m2, row.cov_east_north_m2), (_, row.var_north_m2) = told.covariance_m2.tolist()
    best = told.best
    for name in ("length_m", "length_sd_m", "width_m", "width_sd_m", "area_m2", "area_sd_m2"):
        setattr(row, name, getattr(best, name))
    growth = told.growth if told.growth and told.growth.sure else None
    row.growth_m2_a_year = growth.m2_a_year if growth else None
    row.growth_sd_m2_a_year = growth.sd_m2_a_year if growth else None
    row.passes, row.still_there = told.passes, told.still_there
    row.belief = STATES.index(told.state)
    times = [one.utc_s for one in told.sightings if one.utc_s is not None]
    row.first_seen, row.last_seen = moment(min(times, default=None)), moment(max(times, default=None))
    row.sightings_count = len(told.sightings)
    row.drives_count = len({one.drive for one in told.sightings})
    settle(row)


def settle(row: models.Damage) -> None:
    """What follows from its state, its passes and its times: whether it waits for a person, is shown, and how long it waited."""
    states = models.Damage.State
    gone = STATES[row.belief].name == "repaired"
    if row.state == states.proposed and gone:
        row.state = states.gone
    elif row.state == states.gone and not gone:
        row.state = states.proposed
    row.shown = row.joined_into_id is None and row.state not in (states.rejected, states.repaired)
    wait(row)


def wait(row: models.Damage) -> None:
    """How long a damage waited for a person's decision, which its first sight and the first decision say."""
    told = row.first_decided
    row.wait_s = (told - (row.first_seen or row.created)).total_seconds() if told else None
