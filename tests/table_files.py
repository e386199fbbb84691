"""Tables as a survey of Minato ward could come to, made by hand: a handful of rows in each."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import geopandas
import numpy as np
from shapely.geometry import LineString, Point

from maps.tables import COLUMNS, ROAD, SEGMENTS, Tables

FORMULA = '=HYPERLINK("http://x")'
"""A road's name as someone who means ill would have it."""
LONG_NAME = "港区特別区道第" + "千百" * 60 + "号線"
LON, LAT = 139.7437, 35.6581
"""The beginning of the first road, EPSG:4326."""
NAN = math.nan


def made_tables() -> Tables:
    """Every table with rows: Japanese names, unknown values, a name that is a formula, and all classes."""
    return Tables(
        {
            "damages": _damages(),
            "segments_20m": _segments(20.0, 15),
            "segments_100m": _segments(100.0, 3),
            "hot_spots": _hot_spots(),
            "change_damages": _change_damages(),
            "change_segments": _change_segments(),
        },
        facts=(
            ("調査期間", "2026-04-01 – 2026-05-20"),
            ("走行距離", "12.3 km"),
            ("規則", "舗装点検要領 (2016)"),
        ),
        notes=("市外の損傷 3 件は除いた。", "=1+1 & <b>は文字である</b>"),
    )


def empty_tables() -> Tables:
    """Every table, without a row."""
    return Tables({name: table.iloc[:0] for name, table in made_tables().tables.items()})


def with_roads_named(road: str) -> Tables:
    """Every table, with all roads of one name."""
    tables = made_tables()
    return replace(tables, tables={name: table.assign(road=road) for name, table in tables.tables.items()})


def many_segments(count: int) -> Tables:
    """As many segments of 20 m as a city has."""
    row = _segments(20.0, 15)
    return Tables({"segments_20m": row.iloc[np.arange(count) % len(row)].reset_index(drop=True)})


def _table(name: str, rows: list[dict[str, Any]], shapes: list[Any]) -> geopandas.GeoDataFrame:
    columns = [column.name for column in COLUMNS[name]]
    return geopandas.GeoDataFrame(rows, columns=columns, geometry=shapes, crs="EPSG:4326")


def _roads() -> list[tuple[str, str, str]]:
    return [
        ("1001", "桜田通り(国道1号)", "trunk"),
        ("1002", FORMULA, "residential"),
        ("R00001", LONG_NAME, "市道"),
    ]


def _road(number: int, at_m: float, length_m: float) -> dict[str, Any]:
    road_id, road, kind = _roads()[number % 3]
    values = (f"{number}-{at_m:.0f}", road_id, road, kind, "順方向", at_m, at_m + length_m, length_m)
    return dict(zip((column.name for column in ROAD), values, strict=True))


def _line(number: int, at_m: float, length_m: float) -> LineString:
    east, north = LON + number * 0.002, LAT + at_m / 111_000
    return LineString([(east, north), (east, north + length_m / 111_000)])


def _damages() -> geopandas.GeoDataFrame:
    rows, points = [], []
    kinds = [("D40", "ポットホール"), ("D20", "亀甲状ひび割れ"), ("D00", "縦ひび割れ"), ("D10", "横ひび割れ")]
    for number, (code, name) in enumerate(kinds, 1):
        road_id, road, _ = _roads()[number % 3]
        known = number % 2 == 1
        points.append(Point(LON + number * 0.001, LAT + number * 0.0005))
        rows.append(
            {
                "id": number,
                "priority": 90.04 - number,
                "priority_severity": 50.0,
                "priority_road": 20.0,
                "priority_growth": NAN,
                "priority_age": 3.14159,
                "class": code,
                "class_name": name,
                "severity": "大",
                "confidence": 0.9123456,
                "road_id": road_id,
                "road": road,
                "direction": "順方向" if known else "",
                "chainage_m": 123.456 if known else NAN,
                "segment": f"{number}-0",
                "lon": points[-1].x,
                "lat": points[-1].y,
                "error_m": 1.84,
                "length_m": 0.512,
                "length_sd_m": 0.1,
                "width_m": 0.4,
                "width_sd_m": 0.1,
                "area_m2": 0.2 if known else NAN,
                "area_sd_m2": 0.05 if known else NAN,
                "growth_m2_a_year": NAN,
                "growth_sd_m2_a_year": NAN,
                "growing": known,
                "sightings": 3,
                "drives": "走行1 走行2",
                "passes": 4,
                "still_there": 0.98765,
                "state": "あり",
                "first_seen": "2026-04-01T09:30:15+09:00",
                "last_seen": "2026-05-20T10:00:00+09:00" if known else "",
                "masked_share": 0.0 if known else 0.25,
                "evidence": f"evidence/走行1-{number:04}.jpg",
                "crop": f"evidence/走行1-{number:04}-crop.jpg",
            }
        )
    return _table("damages", rows, points)


def _segments(length_m: float, count: int) -> geopandas.GeoDataFrame:
    ratios, classes = (3.2, 27.4, 55.0, NAN), ("Ⅰ", "Ⅱ", "Ⅲ", "")
    rows, lines = [], []
    for number in range(3):
        for place in range(count):
            kind = (number + place) % 4
            ratio, one = ratios[kind], classes[kind]
            seen = 0.31 if one == "" else 0.97
            lines.append(_line(number, place * length_m, length_m))
            rows.append(
                {
                    **_road(number, place * length_m, length_m),
                    "lane_m": 3.25,
                    "drives": 2,
                    "seen_share": seen,
                    "last_surveyed": "2026-05-20T10:00:00+09:00" if place % 3 else "2026-04-01T09:30:15+09:00",
                    "damages": 3,
                    "D00": 1, "D10": 1, "D20": 0, "D40": 1,
                    "crack_ratio": ratio,
                    "crack_ratio_low": ratio - 2,
                    "crack_ratio_high": ratio + 2,
                    "crack_ratio_as_seen": 2.0,
                    "rut_mm": 12.34 if number == 0 else NAN,
                    "iri_mm_per_m": 3.456 if number == 0 else NAN,
                    "measured_on": "2025-11-02" if number == 0 else "",
                    "class_crack": one,
                    "class_rut": "Ⅰ" if number == 0 else "",
                    "class_iri": "Ⅱ" if number == 0 else "",
                    "diagnosis": one,
                    "diagnosis_low": one,
                    "diagnosis_high": "Ⅲ" if one == "Ⅱ" else one,
                    "mci_crack_only": 10 - 1.48 * ratio**0.3,
                }
            )  # fmt: skip
    return _table("segments_20m", rows, lines)


def _hot_spots() -> geopandas.GeoDataFrame:
    rows = []
    for number, level in enumerate((99, 95, 90, 0)):
        rows.append(
            {
                "rank": number + 1 if level > 0 else 0,
                **_road(number, number * 100.0, 100.0),
                "level": level,
                "z": 4.123 - number,
                "p": 0.00001234,
                "q": 0.0004,
                "rate": 812.34,
                "rate_around": 455.0,
                "rate_all": 33.3,
                "seen_lane_m": 98.7,
                "drives": 2,
                "damages": 3,
                "D00": 1, "D10": 1, "D20": 0, "D40": 1,
                "priority": 88.0 if level > 0 else NAN,
                "reasons": "大きなポットホール 1、亀甲状ひび割れ 2" if level > 0 else "",
            }
        )  # fmt: skip
    return _table("hot_spots", rows, [_line(number, number * 100.0, 100.0) for number in range(4)])


def _change_damages() -> geopandas.GeoDataFrame:
    here = _damages()
    there = here.assign(
        change=["新規", "悪化", "変化なし", "補修済みか"],
        severity_before=["", "小", "大", "大"],
        size_before=[NAN, 0.8, 1.2, 3.4],
        size_after=[0.5, 1.9, 1.2, NAN],
        size_sd=[NAN, 0.2, 0.2, NAN],
    )
    return there[[column.name for column in COLUMNS["change_damages"]] + ["geometry"]]


def _change_segments() -> geopandas.GeoDataFrame:
    here = _segments(100.0, 3)
    numbers = [column.name for column in COLUMNS["change_segments"] if column.digits is not None]
    known = {column.name for column in SEGMENTS}
    there = here.assign(
        **{name: np.where(np.arange(len(here)) % 2, 1.25, NAN) for name in numbers if name not in known},
        change="悪化",
        diagnosis_before="Ⅰ",
        diagnosis_after=here["diagnosis"],
        surveys=3,
        forecast_year=[2028 if row % 2 else NAN for row in range(len(here))],
        forecast_note=["" if row % 2 else "調査が 2 回しかない" for row in range(len(here))],
        **dict.fromkeys(
            ("new", "worse", "unchanged", "better", "probably_repaired", "unclear", "not_surveyed"), 1
        ),
    )
    return there[[column.name for column in COLUMNS["change_segments"]] + ["geometry"]]
