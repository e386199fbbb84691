"""Damages as files: GeoPackage, GeoJSON and CSV."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas
from numpy.typing import NDArray
from shapely.geometry import MultiLineString

from detector.classes import CLASSES, SEVERITIES
from detector.errors import N_, Translate
from detector.sightings import Sighting
from detector.visibility import Light
from maps.coverage import Covered, Way, coverage
from maps.damage import Damage
from maps.gis_files import save_geojson, save_geopackage
from maps.growth import Growth
from maps.sheets import save_csv

CRS = "EPSG:4326"
EVIDENCE = "evidence"
"""The folder beside the files that holds the pictures."""

HEADINGS = {
    "id": N_("id"),
    "class": N_("class"),
    "class_name": N_("class name"),
    "severity": N_("severity"),
    "confidence": N_("confidence"),
    "lon": N_("longitude"),
    "lat": N_("latitude"),
    "error_m": N_("position error (95 %, m)"),
    "length_m": N_("length (m)"),
    "length_sd_m": N_("length error (m)"),
    "width_m": N_("width (m)"),
    "width_sd_m": N_("width error (m)"),
    "area_m2": N_("area (m²)"),
    "area_sd_m2": N_("area error (m²)"),
    "growth_m2_a_year": N_("growth of the area (m² a year)"),
    "growth_sd_m2_a_year": N_("growth error (m² a year)"),
    "growing": N_("growing"),
    "sightings": N_("sightings"),
    "drives": N_("drives"),
    "passes": N_("passes"),
    "still_there": N_("probability that it is still there"),
    "state": N_("state by passes"),
    "first_seen": N_("first seen"),
    "last_seen": N_("last seen"),
    "masked_share": N_("share of it masked in the picture"),
    "evidence": N_("picture"),
    "crop": N_("crop"),
}
"""Columns of the damage table, with the headings of the CSV."""
MAY_BE_EMPTY = ["area_m2", "area_sd_m2", "growth_m2_a_year", "growth_sd_m2_a_year"]


@dataclass(frozen=True)
class Driven:
    """A drive's way, for the track layer: `ways` are (n, 2) EPSG:4326, one for each stretch.

    `unseen` are the stretches in which the road could not be judged; `metres` counts both,
    `unseen_m` these alone.
    """

    name: str
    ways: list[NDArray[np.float64]]
    metres: float
    begin_utc_s: float | None
    unseen: list[NDArray[np.float64]] = field(default_factory=list)
    unseen_m: float = 0.0


def local_time(utc_s: float | None, zone: tzinfo) -> str:
    """ISO 8601 in the municipality's zone, to the second; empty where unknown."""
    if utc_s is None:
        return ""
    return datetime.fromtimestamp(utc_s, UTC).astimezone(zone).isoformat(timespec="seconds")


def damage_table(damages: Sequence[Damage], zone: tzinfo, translate: Translate) -> geopandas.GeoDataFrame:
    """One row a damage, columns as in `HEADINGS`, points in EPSG:4326."""
    rows = []
    for damage in damages:
        best, seen = damage.best, [s.utc_s for s in damage.sightings if s.utc_s is not None]
        rows.append(
            {
                "id": damage.number,
                "class": CLASSES[damage.class_id].code,
                "class_name": translate(CLASSES[damage.class_id].name),
                "severity": translate(SEVERITIES[damage.severity]),
                "confidence": round(damage.confidence, 3),
                "lon": round(damage.lon, 7),
                "lat": round(damage.lat, 7),
                "error_m": round(damage.error_m, 1),
                **_sizes(best),
                **_growth(damage.growth),
                "sightings": len(damage.sightings),
                "drives": " ".join(sorted({s.drive for s in damage.sightings})),
                "passes": damage.passes,
                "still_there": round(damage.still_there, 2),
                "state": translate(damage.state),
                "first_seen": local_time(min(seen, default=None), zone),
                "last_seen": local_time(max(seen, default=None), zone),
                "masked_share": round(best.covered, 2),
                "evidence": f"{EVIDENCE}/{best.evidence}",
                "crop": f"{EVIDENCE}/{best.crop}",
            }
        )
    return _points(rows, list(HEADINGS))


def sighting_table(damages: Sequence[Damage], zone: tzinfo) -> geopandas.GeoDataFrame:
    """One row a sighting, with the damage it is a sighting of; points in EPSG:4326."""
    columns = [
        "damage_id", "drive", "class", "confidence", "lon", "lat", "error_m", "var_east_m2",
        "cov_east_north_m2", "var_north_m2", "heading_deg", "length_m", "length_sd_m", "width_m",
        "width_sd_m", "area_m2", "area_sd_m2", "video_time_s", "seen_at", "frames", "model",
        "evidence", "crop", "class_share", "common_sd_m", "covered",
    ]  # fmt: skip
    rows = []
    for damage in damages:
        for seen in damage.sightings:
            (ee, en), (_, nn) = seen.covariance_m2
            rows.append(
                {
                    "damage_id": damage.number,
                    "drive": seen.drive,
                    "class": CLASSES[seen.class_id].code,
                    "confidence": round(seen.confidence, 4),
                    "lon": round(seen.lon, 8),
                    "lat": round(seen.lat, 8),
                    "error_m": round(seen.error_m, 1),
                    "var_east_m2": round(ee, 4),
                    "cov_east_north_m2": round(en, 4),
                    "var_north_m2": round(nn, 4),
                    "heading_deg": round(seen.heading_deg, 1),
                    **_sizes(seen),
                    "video_time_s": round(seen.time_s, 3),
                    "seen_at": local_time(seen.utc_s, zone),
                    "frames": seen.frames,
                    "model": seen.model,
                    "evidence": f"{EVIDENCE}/{seen.evidence}",
                    "crop": f"{EVIDENCE}/{seen.crop}",
                    "class_share": round(seen.class_share, 3),
                    "common_sd_m": round(seen.common_sd_m, 3),
                    "covered": round(seen.covered, 3),
                }
            )
    return _points(rows, columns)


def track_table(driven: Sequence[Driven], ways: Sequence[Way], zone: tzinfo) -> geopandas.GeoDataFrame:
    """A line a drive of what it judged, one of what it could not; in parts where it has gaps, EPSG:4326.

    `accuracy_m`, `light` and `reach_m` (JSON, classes by severities) are as in `Way`.
    """
    saw = {way.drive: way for way in ways}
    lines = [
        (drive, judged, ways, metres)
        for drive in driven
        for judged, ways, metres in (
            (True, drive.ways, drive.metres - drive.unseen_m),
            (False, drive.unseen, drive.unseen_m),
        )
        if ways
    ]
    return geopandas.GeoDataFrame(
        {
            "drive": [drive.name for drive, *_ in lines],
            "judged": [judged for _, judged, *_ in lines],
            "driven_m": [round(metres, 1) for *_, metres in lines],
            "begin": [local_time(drive.begin_utc_s, zone) for drive, *_ in lines],
            "accuracy_m": [round(saw[drive.name].accuracy_m, 3) for drive, *_ in lines],
            "light": [_code(saw[drive.name].light) for drive, *_ in lines],
            "reach_m": [json.dumps(saw[drive.name].reach_m.tolist()) for drive, *_ in lines],
        },
        geometry=[MultiLineString(ways) for *_, ways, _ in lines],
        crs=CRS,
    )


def coverage_table(covered: Sequence[Covered], zone: tzinfo, translate: Translate) -> geopandas.GeoDataFrame:
    """One row for each width that a drive saw, with what it saw in it; polygons in EPSG:4326.

    `sees` names class and sizes, `reach_m` is how far to each side of the way; `light` is empty where it
    is not known.
    """
    return geopandas.GeoDataFrame(
        {
            "drive": [one.way.drive for one in covered],
            "begin": [local_time(one.way.utc_s, zone) for one in covered],
            "light": [translate(one.way.light) if one.way.light else "" for one in covered],
            "sees": [_kinds(one.kinds, translate) for one in covered],
            "reach_m": [round(one.reach_m, 1) for one in covered],
        },
        geometry=[one.area for one in covered],
        crs=CRS,
    )


def write_geopackage(
    path: Path,
    damages: Sequence[Damage],
    driven: Sequence[Driven],
    ways: Sequence[Way],
    zone: tzinfo,
    translate: Translate,
) -> None:
    """Layers damages, sightings, track and coverage; `maps.survey` reads them again. Raises OSError where the file can't be written."""
    layers = {
        "damages": damage_table(damages, zone, translate),
        "sightings": sighting_table(damages, zone),
        "track": track_table(driven, ways, zone),
        "coverage": coverage_table(coverage(ways), zone, translate),
    }
    kinds = {"track": "MultiLineString", "coverage": "MultiPolygon"}
    save_geopackage(path, {name: (table, kinds.get(name, "Point")) for name, table in layers.items()})


def write_geojson(path: Path, damages: Sequence[Damage], zone: tzinfo, translate: Translate) -> None:
    """RFC 7946: WGS 84, longitude first, UTF-8."""
    save_geojson(path, damage_table(damages, zone, translate))


def write_csv(path: Path, damages: Sequence[Damage], zone: tzinfo, translate: Translate) -> None:
    """UTF-8 with a byte order mark, so that Excel reads Japanese; headings are translated."""
    table = damage_table(damages, zone, translate).drop(columns="geometry")
    save_csv(path, table, [translate(HEADINGS[column]) for column in table.columns])


def _code(light: Light | None) -> str:
    return light.name if light else ""


def _sizes(seen: Sighting) -> dict[str, float | None]:
    sizes = {
        "length_m": seen.length_m,
        "length_sd_m": seen.length_sd_m,
        "width_m": seen.width_m,
        "width_sd_m": seen.width_sd_m,
        "area_m2": seen.area_m2,
        "area_sd_m2": seen.area_sd_m2,
    }
    return {name: None if value is None else round(value, 2) for name, value in sizes.items()}


def _growth(growth: Growth | None) -> dict[str, float | bool | None]:
    return {
        "growth_m2_a_year": None if growth is None else round(growth.m2_a_year, 3),
        "growth_sd_m2_a_year": None if growth is None else round(growth.sd_m2_a_year, 3),
        "growing": growth is not None and growth.sure,
    }


def _kinds(kinds: Sequence[tuple[int, int]], translate: Translate) -> str:
    """Classes with their sizes: "D00 small, D20 medium, D20 large"."""
    return ", ".join(f"{CLASSES[one].code} {translate(SEVERITIES[size])}" for one, size in kinds)


def _points(rows: list[dict[str, Any]], columns: list[str]) -> geopandas.GeoDataFrame:
    table = pandas.DataFrame(rows, columns=columns)
    for name in table.columns.intersection(MAY_BE_EMPTY):
        table[name] = table[name].astype(float)
    points = geopandas.points_from_xy(table["lon"], table["lat"], crs=CRS)
    return geopandas.GeoDataFrame(table, geometry=points, crs=CRS)
