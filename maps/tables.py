"""Tables: what engineers get as files and forms, and what each column is called in which of them.

Every table is a GeoDataFrame in EPSG:4326 with the columns named here, in this order, and `geometry`. Numbers that
are not known are NaN, texts "". Texts of our own (class names, directions) are in the user's language already.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import geopandas

from detector.errors import N_


@dataclass(frozen=True)
class Column:
    """A column: its `name` in GeoPackage and GeoJSON, and its `short` one of ten letters in Shapefiles.

    `heading` is for people; it is told to `digits` after the point (None: no number, or a whole one).
    """

    name: str
    short: str
    heading: str
    digits: int | None = None


ROAD = (
    Column("segment", "segment", N_("segment")),
    Column("road_id", "road_id", N_("road number")),
    Column("road", "road", N_("road")),
    Column("road_kind", "road_kind", N_("kind of road")),
    Column("direction", "direction", N_("direction")),
    Column("from_m", "from_m", N_("from (m)"), 1),
    Column("to_m", "to_m", N_("to (m)"), 1),
    Column("length_m", "length_m", N_("length (m)"), 1),
)
"""Of every table of road pieces. `segment` is unique; chainages count from the beginning of the road's line."""
COUNTS = (
    Column("damages", "damages", N_("damages")),
    Column("D00", "n_d00", N_("longitudinal cracks")),
    Column("D10", "n_d10", N_("transverse cracks")),
    Column("D20", "n_d20", N_("alligator cracks")),
    Column("D40", "n_d40", N_("potholes")),
)
DAMAGES = (
    Column("id", "id", N_("id")),
    Column("priority", "priority", N_("priority (of 100)"), 1),
    Column("priority_severity", "p_severity", N_("priority: severity"), 1),
    Column("priority_road", "p_road", N_("priority: road"), 1),
    Column("priority_growth", "p_growth", N_("priority: growth"), 1),
    Column("priority_age", "p_age", N_("priority: age"), 1),
    Column("class", "class", N_("class")),
    Column("class_name", "class_name", N_("class name")),
    Column("severity", "severity", N_("severity")),
    Column("confidence", "confidence", N_("confidence"), 3),
    Column("road_id", "road_id", N_("road number")),
    Column("road", "road", N_("road")),
    Column("direction", "direction", N_("direction")),
    Column("chainage_m", "chainage_m", N_("chainage (m)"), 1),
    Column("segment", "segment", N_("segment")),
    Column("lon", "lon", N_("longitude"), 7),
    Column("lat", "lat", N_("latitude"), 7),
    Column("error_m", "error_m", N_("position error (95 %, m)"), 1),
    Column("length_m", "length_m", N_("length (m)"), 2),
    Column("length_sd_m", "length_sd", N_("length error (m)"), 2),
    Column("width_m", "width_m", N_("width (m)"), 2),
    Column("width_sd_m", "width_sd", N_("width error (m)"), 2),
    Column("area_m2", "area_m2", N_("area (m²)"), 2),
    Column("area_sd_m2", "area_sd", N_("area error (m²)"), 2),
    Column("growth_m2_a_year", "growth", N_("growth of the area (m² a year)"), 3),
    Column("growth_sd_m2_a_year", "growth_sd", N_("growth error (m² a year)"), 3),
    Column("growing", "growing", N_("growing")),
    Column("sightings", "sightings", N_("sightings")),
    Column("drives", "drives", N_("drives")),
    Column("passes", "passes", N_("passes")),
    Column("still_there", "stillthere", N_("probability that it is still there"), 2),
    Column("state", "state", N_("state by passes")),
    Column("decided", "decided", N_("decision")),
    Column("first_seen", "first_seen", N_("first seen")),
    Column("last_seen", "last_seen", N_("last seen")),
    Column("masked_share", "masked", N_("share of it masked in the picture"), 2),
    Column("evidence", "evidence", N_("picture")),
    Column("crop", "crop", N_("crop")),
)
"""One row a damage, gravest first; points. `growing` is a truth value, times are ISO 8601 texts with their zone.

`decided` is what people said of it, empty where they did not yet."""
SEGMENTS = (
    *ROAD,
    Column("lane_m", "lane_m", N_("lane width (m)"), 2),
    Column("drives", "drives", N_("drives")),
    Column("seen_share", "seen_share", N_("share of the lane seen"), 2),
    Column("last_surveyed", "last_seen", N_("last surveyed")),
    *COUNTS,
    Column("crack_ratio", "crack", N_("crack ratio (%)"), 1),
    Column("crack_ratio_low", "crack_low", N_("crack ratio, low (95 %)"), 1),
    Column("crack_ratio_high", "crack_high", N_("crack ratio, high (95 %)"), 1),
    Column("crack_ratio_as_seen", "crack_seen", N_("crack ratio as seen (%)"), 1),
    Column("rut_mm", "rut_mm", N_("rut depth (mm)"), 1),
    Column("iri_mm_per_m", "iri", N_("IRI (mm/m)"), 2),
    Column("measured_on", "measured", N_("measured on")),
    Column("class_crack", "cls_crack", N_("class by crack ratio")),
    Column("class_rut", "cls_rut", N_("class by rut depth")),
    Column("class_iri", "cls_iri", N_("class by IRI")),
    Column("diagnosis", "diagnosis", N_("diagnosis")),
    Column("diagnosis_low", "diag_low", N_("diagnosis, at best (95 %)")),
    Column("diagnosis_high", "diag_high", N_("diagnosis, at worst (95 %)")),
    Column("mci_crack_only", "mci_crack", N_("MCI (crack ratio only)"), 1),
)
"""One row a segment and direction, in order of road and chainage; lines. Classes are Ⅰ, Ⅱ, Ⅲ, or "" where not known."""
HOT_SPOTS = (
    Column("rank", "rank", N_("rank")),
    *ROAD,
    Column("level", "level", N_("significance (%)")),
    Column("z", "z", N_("Gi* (z)"), 2),
    Column("p", "p", N_("p"), 5),
    Column("q", "q", N_("q (false discovery)"), 5),
    Column("rate", "rate", N_("weighted damages per lane-km"), 1),
    Column("rate_around", "rate_aroun", N_("weighted damages per lane-km around"), 1),
    Column("rate_all", "rate_all", N_("weighted damages per lane-km everywhere"), 1),
    Column("seen_lane_m", "seen_lanem", N_("lane seen (m)"), 0),
    Column("drives", "drives", N_("drives")),
    *COUNTS,
    Column("priority", "priority", N_("priority (of 100)"), 1),
    Column("reasons", "reasons", N_("reasons")),
)
"""One row a street segment of 100 m that was compared, hot ones first, rank 1, 2, …; lines.

`level` is 99, 95 or 90 for hot ones (1 - false discovery rate), 0 for others, whose
`rank` is 0. `priority` is that of its gravest damage.
"""
DAMAGE_CHANGE = (
    Column("id", "id", N_("id")),
    Column("change", "change", N_("change")),
    Column("decided", "decided", N_("decision")),
    Column("class", "class", N_("class")),
    Column("class_name", "class_name", N_("class name")),
    Column("severity", "severity", N_("severity")),
    Column("severity_before", "sev_before", N_("severity before")),
    Column("size_before", "size_befor", N_("size before (m, m²)"), 2),
    Column("size_after", "size_after", N_("size after (m, m²)"), 2),
    Column("size_sd", "size_sd", N_("error of the change (m, m²)"), 2),
    Column("road_id", "road_id", N_("road number")),
    Column("road", "road", N_("road")),
    Column("direction", "direction", N_("direction")),
    Column("chainage_m", "chainage_m", N_("chainage (m)"), 1),
    Column("segment", "segment", N_("segment")),
    Column("lon", "lon", N_("longitude"), 7),
    Column("lat", "lat", N_("latitude"), 7),
    Column("first_seen", "first_seen", N_("first seen")),
    Column("last_seen", "last_seen", N_("last seen")),
)
SEGMENT_CHANGE = (
    *ROAD,
    Column("change", "change", N_("change")),
    Column("crack_ratio_before", "crack_bef", N_("crack ratio before (%)"), 1),
    Column("crack_ratio_after", "crack_aft", N_("crack ratio after (%)"), 1),
    Column("crack_ratio_change", "crack_chg", N_("change of crack ratio (points)"), 1),
    Column("change_low", "chg_low", N_("change, low (95 %)"), 1),
    Column("change_high", "chg_high", N_("change, high (95 %)"), 1),
    Column("seen_share_before", "seen_bef", N_("share seen before"), 2),
    Column("seen_share_after", "seen_aft", N_("share seen after"), 2),
    Column("diagnosis_before", "diag_bef", N_("diagnosis before")),
    Column("diagnosis_after", "diag_aft", N_("diagnosis after")),
    Column("new", "new", N_("new")),
    Column("worse", "worse", N_("worse")),
    Column("unchanged", "unchanged", N_("unchanged")),
    Column("better", "better", N_("better")),
    Column("probably_repaired", "repaired", N_("probably repaired")),
    Column("unclear", "unclear", N_("unclear")),
    Column("not_surveyed", "not_survey", N_("not surveyed")),
    Column("surveys", "surveys", N_("surveys")),
    Column("points_a_year", "pts_year", N_("crack ratio, points a year"), 2),
    Column("forecast_year", "fc_year", N_("forecast for")),
    Column("forecast", "forecast", N_("crack ratio forecast (%)"), 1),
    Column("forecast_low", "fc_low", N_("forecast, low (95 %)"), 1),
    Column("forecast_high", "fc_high", N_("forecast, high (95 %)"), 1),
    Column("forecast_note", "fc_note", N_("about the forecast")),
)
"""One row a segment of 100 m and direction; lines. The forecast is empty, and its note says why, with too few surveys."""
COLUMNS: dict[str, tuple[Column, ...]] = {
    "damages": DAMAGES,
    "segments_20m": SEGMENTS,
    "segments_100m": SEGMENTS,
    "hot_spots": HOT_SPOTS,
    "change_damages": DAMAGE_CHANGE,
    "change_segments": SEGMENT_CHANGE,
}
TITLES: dict[str, str] = {
    "damages": N_("Damages"),
    "segments_20m": N_("Segments of 20 m"),
    "segments_100m": N_("Segments of 100 m"),
    "hot_spots": N_("Hot spots"),
    "change_damages": N_("Change of damages"),
    "change_segments": N_("Change of segments"),
}


@dataclass(frozen=True)
class Tables:
    """What a survey, or the comparison of two, comes to.

    `tables` are by the names of `COLUMNS`; one that was not made is left out. `facts` are lines for the top of a
    form ("label", "value"): what was driven, when, by which rules. `notes` say what was left out and why.
    `pictures` are the evidence picture of each damage, by id, where it is there.
    """

    tables: Mapping[str, geopandas.GeoDataFrame]
    facts: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    pictures: Mapping[int, Path] = field(default_factory=dict)
