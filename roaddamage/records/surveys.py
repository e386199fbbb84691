"""The survey that the records hold: drives with their damages as they were counted, and what people decided on them."""

from __future__ import annotations

import time
from collections import defaultdict
from datetime import datetime

import numpy as np
from django.conf import settings
from django.db.models import Max, QuerySet

from detector.classes import CLASSES, SEVERITIES
from detector.sightings import Sighting
from detector.visibility import Light
from maps.assessment import roads_of
from maps.damage import Damage, Decided, Miss
from maps.growth import growth_of
from maps.map_data import STATES
from maps.passes import LIGHTS, Pass, Recall, Surveyed, recall_of
from maps.roads import Roads
from maps.survey import Survey
from roaddamage.export import Compared, followed
from roaddamage.records import models
from roaddamage.records.rows import driven_of, sighting_of, way_of
from roaddamage.roads import workspace_network

Period = tuple[float, float]
"""From when and until when, POSIX time; infinite where it is open."""
CHUNK = 5_000
DECIDED = {
    models.Damage.State.confirmed: Decided.confirmed,
    models.Damage.State.scheduled: Decided.scheduled,
    models.Damage.State.repaired: Decided.confirmed,  # until it was: `Damage.repaired_utc_s`
}


def survey_of_records() -> Survey:
    """All drives that are done, with the damages as the pages show them.

    Rejected damages, and those that turned out to be others, are not of it; classes that people gave stand.
    """
    drives = list(models.Drive.objects.filter(state=models.Drive.State.done).order_by("begin", "pk"))
    ways = [way_of(drive) for drive in drives]
    names = {drive.pk: drive.name for drive in drives}
    seen = _sightings(names)
    told = _passes({drive.pk: way.light for drive, way in zip(drives, ways, strict=True)}, names)
    damages = _damages(seen, *told)
    sightings: dict[str, list[Sighting]] = {name: [] for name in names.values()}
    for damage in damages:
        for one in damage.sightings:
            sightings[one.drive].append(one)
    return Survey(
        ways,
        [driven_of(drive) for drive in drives],
        sightings,
        pictures={drive.name: settings.WORKSPACE.evidence / str(drive.pk) for drive in drives},
        known=Surveyed(damages, {one.number: told[0].get(one.number, []) for one in damages}, _recall()),
        now_utc_s=time.time(),
    )


def roads_of_records(survey: Survey) -> Roads:
    """The municipality's roads where they were given, else the ways driven. Raises RoadsError."""
    network = workspace_network()
    return network.roads if network is not None else roads_of(survey)


def compared(survey: Survey, earlier: Period, later: Period, gap_days: float) -> Compared:
    """The surveys of two periods, and those that lie between, by which a forecast is surer.

    Raises SurveyError where nothing was driven in one of them.
    """
    between = survey.between(earlier[1], later[0]).parts(gap_days)
    parts = [survey.between(*earlier), *followed(between), survey.between(*later)]
    return Compared(survey.between(earlier[0], later[1]), parts)


def _counted() -> QuerySet[models.Damage]:
    return models.Damage.objects.filter(joined_into__isnull=True).exclude(state=models.Damage.State.rejected)


def _sightings(names: dict[int, str]) -> dict[int, list[Sighting]]:
    found = defaultdict[int, list[Sighting]](list)
    rows = models.Sighting.objects.filter(damage__in=_counted()).order_by("pk")
    for row in rows.iterator(CHUNK):
        found[row.damage_id].append(sighting_of(row, names[row.drive_id]))
    return found


def _passes(
    lights: dict[int, Light | None], names: dict[int, str]
) -> tuple[dict[int, list[Pass]], dict[int, list[Miss]]]:
    """Passes and misses of each damage, in order of time."""
    passes, misses = defaultdict[int, list[Pass]](list), defaultdict[int, list[Miss]](list)
    columns = "damage_id", "drive_id", "utc_s", "in_view", "seen", "detectable"
    rows = models.Passage.objects.filter(damage__in=_counted()).order_by("pk").values_list(*columns)
    for damage, drive, utc_s, in_view, seen, detectable in rows.iterator(CHUNK):
        passes[damage].append(Pass(names[drive], utc_s, in_view, seen, lights[drive]))
        if not seen:
            misses[damage].append(Miss(names[drive], utc_s, detectable))
    return passes, misses


def _damages(
    seen: dict[int, list[Sighting]], passes: dict[int, list[Pass]], misses: dict[int, list[Miss]]
) -> list[Damage]:
    repaired = _repairs()
    told = []
    for row in _counted().order_by("pk").iterator(CHUNK):
        group = tuple(seen.get(row.pk, ()))
        if group:
            told.append(_damage(row, group, tuple(misses.get(row.pk, ())), repaired.get(row.pk)))
    return told


def _damage(
    row: models.Damage, seen: tuple[Sighting, ...], missed: tuple[Miss, ...], repaired: datetime | None
) -> Damage:
    covariance = [[row.var_east_m2, row.cov_east_north_m2], [row.cov_east_north_m2, row.var_north_m2]]
    at_utc_s = None
    if row.state == models.Damage.State.repaired:
        at_utc_s = repaired.timestamp() if repaired else 0.0
    return Damage(
        row.pk, row.class_id, row.severity, row.confidence, row.lon, row.lat, np.array(covariance), seen,
        passes=row.passes, still_there=row.still_there, state=STATES[row.belief],
        growth=growth_of(row.class_id, seen), missed=missed, road=row.road, chainage_m=row.chainage_m,
        decided=DECIDED.get(models.Damage.State(row.state), Decided.nothing), repaired_utc_s=at_utc_s,
        priority_set=row.priority_set,
    )  # fmt: skip


def _repairs() -> dict[int, datetime]:
    """When the repair of each damage was recorded that is repaired."""
    reviews = models.Review.objects.filter(
        damage__state=models.Damage.State.repaired, kind=models.Review.Kind.repair, undone_by__isnull=True
    )
    return dict(reviews.values_list("damage").annotate(Max("at")).order_by())


def _recall() -> Recall:
    """The detector's recall as the records count it."""
    kept = models.RecallCounts.objects.first()
    none = np.zeros((len(CLASSES), len(SEVERITIES), len(LIGHTS), 2))
    return recall_of(np.array(kept.counts, float) if kept else none)
