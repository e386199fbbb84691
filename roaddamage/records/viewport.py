"""The viewport: what docs/map-layer.md asks, answered from the records by ranges of tile keys."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from django.conf import settings
from django.db.models import Count, F, Q, Sum

from detector.classes import CLASSES
from maps.map_data import NO_TIME, Clock, axes_of
from maps.question import MOST_POINTS, Bounds, Filter
from maps.roads import is_made_up
from maps.tiles import cluster_shift, viewport_ranges
from roaddamage.records import cells
from roaddamage.records.models import Cell, Damage, Passage, Sighting
from roaddamage.records.selection import RANGES, Selection, exactly

Counts = dict[int, list[float]]
"""By cell: how many of each class, then the sums of their longitudes and latitudes."""
Picture = Callable[[Sighting, str], str]
"""The address of a sighting's picture: `evidence` or `crop`; "" where there is none."""
COLUMNS = ("pk", "lon", "lat", "class_id", "severity", "confidence")
KEPT_RANGES = 64


def answer(bbox: Bounds, zoom: int, selection: Selection) -> dict[str, Any]:
    """Points where there are few, else clusters, and how many damages of the view pass the filter.

    Raises ValueError for bounds that are none.
    """
    if zoom <= cells.HIGHEST and selection.by_kind_alone:
        told = _kept(bbox, max(zoom, cells.LOWEST), selection.filter)
        if told["total"] > MOST_POINTS:
            return told
    # A query for each range: SQLite would look through all damages for many at once.
    rows = Damage.objects.filter(replace(selection, bbox=None).condition(placed=True), exactly(bbox))
    ranges = viewport_ranges(*bbox, RANGES)
    sides = [rows.filter(shown=True), rows.filter(shown=False)] if selection.open_and_closed else [rows]
    pieces = [side.filter(tile_key__gte=low, tile_key__lt=high) for side in sides for low, high in ranges]
    found = list[tuple[Any, ...]]()
    for piece in pieces:
        found += piece.values_list(*COLUMNS)[: MOST_POINTS + 1 - len(found)]
        if len(found) > MOST_POINTS:
            break
    else:
        return {"total": len(found), "points": _points(sorted(found))}
    grouped = chain.from_iterable(
        piece.annotate(cell=F("tile_key").bitrightshift(cluster_shift(zoom)))
        .values_list("cell", "class_id")
        .annotate(count=Count("*"), lons=Sum("lon"), lats=Sum("lat"))
        .order_by()
        for piece in pieces
    )
    return _clusters(_by_cell(grouped))


def _kept(bbox: Bounds, zoom: int, own: Filter) -> dict[str, Any]:
    """Clusters of whole cells, so that those at the edges count what lies just outside too."""
    shift = cluster_shift(zoom)
    within = Q(pk__in=[])
    for low, high in viewport_ranges(*bbox, KEPT_RANGES):
        within |= Q(cell__gte=low >> shift, cell__lte=(high - 1) >> shift)
    rows = Cell.objects.filter(
        within, shift=shift, class_id__in=sorted(own.class_), severity__in=sorted(own.severity)
    )
    counts = _by_cell(rows.values_list("cell", "class_id", "count", "lon_sum", "lat_sum"))
    west, south, east, north = bbox
    seen = {}
    for cell, told in counts.items():
        lon, lat = _mean(told)
        across = west <= lon <= east if west <= east else lon >= west or lon <= east
        if across and south <= lat <= north:
            seen[cell] = told
    return _clusters(seen)


def _by_cell(rows: Iterable[tuple[int, int, int, float, float]]) -> Counts:
    counts: Counts = defaultdict(lambda: [0.0] * (len(CLASSES) + 2))
    for cell, class_id, count, lon, lat in rows:
        told = counts[cell]
        told[class_id] += count
        told[-2] += lon
        told[-1] += lat
    return counts


def _mean(told: list[float]) -> tuple[float, float]:
    count = sum(told[:-2])
    return told[-2] / count, told[-1] / count


def _clusters(counts: Counts) -> dict[str, Any]:
    means = [_mean(told) for told in counts.values()]
    kinds = [[int(count) for count in told[:-2]] for told in counts.values()]
    each = [sum(row) for row in kinds]
    clusters = {
        "lon": [round(lon, 6) for lon, _ in means],
        "lat": [round(lat, 6) for _, lat in means],
        "count": each,
        "class": kinds,
    }
    return {"total": sum(each), "clusters": clusters}


def _points(rows: list[tuple[Any, ...]]) -> dict[str, list[Any]]:
    number, lon, lat, class_id, severity, confidence = zip(*rows, strict=True) if rows else [()] * 6
    return {
        "number": list(number),
        "lon": [round(one, 7) for one in lon],
        "lat": [round(one, 7) for one in lat],
        "class": list(class_id),
        "severity": list(severity),
        "confidence": [round(100 * one) for one in confidence],
    }


def record(number: int, picture: Picture) -> dict[str, Any]:
    """All that is known of one damage, or of that which it turned out to be. Raises Damage.DoesNotExist."""
    row = Damage.objects.get(pk=number)
    while row.joined_into is not None:
        row = row.joined_into
    clock = Clock(ZoneInfo(settings.TIME_ZONE))
    covariance = [
        [row.var_east_m2, row.cov_east_north_m2],
        [row.cov_east_north_m2, row.var_north_m2],
    ]
    major_m, minor_m, bearing_deg = (float(part[0]) for part in axes_of(np.array([covariance], float)))
    seen = row.sightings.select_related("drive").order_by("utc_s", "pk")
    missed = row.passages.filter(seen=False).select_related("drive").order_by("utc_s", "pk")
    usable = np.isfinite(major_m)
    return {
        "number": row.pk, "class": row.class_id, "severity": row.severity, "state": row.belief,
        "confidence": row.confidence, "still_there": row.still_there, "passes": row.passes,
        "lon": row.lon, "lat": row.lat, "major_m": round(major_m, 2) if usable else None,
        "minor_m": round(minor_m, 2) if usable else None, "bearing_deg": round(bearing_deg),
        "road": "" if is_made_up(row.road) else row.road, "chainage_m": row.chainage_m, "growth": row.growth_m2_a_year,
        "growth_sd": row.growth_sd_m2_a_year,
        "sightings": [_seen(one, row, clock, picture) for one in seen],
        "missed": [_missed(one, clock) for one in missed],
    }  # fmt: skip


def _time(utc_s: float | None, clock: Clock) -> int | None:
    local_s = clock.local_s(utc_s)
    return None if local_s == NO_TIME else local_s


def _seen(one: Sighting, damage: Damage, clock: Clock, picture: Picture) -> dict[str, Any]:
    return {
        "drive": one.drive.name, "time": _time(one.utc_s, clock), "at_s": one.time_s,
        "confidence": one.confidence, "covered": one.covered, "frames": one.frames, "length": one.length_m,
        "length_sd": one.length_sd_m, "width": one.width_m, "width_sd": one.width_sd_m, "area": one.area_m2,
        "area_sd": one.area_sd_m2, "evidence": picture(one, "evidence"), "crop": picture(one, "crop"),
        "best": one.pk == damage.best_id,
    }  # fmt: skip


def _missed(one: Passage, clock: Clock) -> dict[str, Any]:
    return {"drive": one.drive.name, "time": _time(one.utc_s, clock)}
