"""Roads: the lines that segments are cut from, of a road ledger (道路台帳), OpenStreetMap, or the ways driven."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from detector.errors import N_, RoadDamageError
from detector.trajectory import LocalFrame
from maps.basemap_sources import SourceLayer, batches, layers_of
from maps.map_files import BaseMapError
from maps.streets import Streets

Floats = NDArray[np.float64]
Lines = NDArray[np.object_]
Area = tuple[float, float, float, float]

SHORTEST_M = 1.0
SAME_M = 1.0
"""Lines of one road that lie no further apart, all along, are one line drawn twice."""
DRIVEN_ON = frozenset(
    {
        *(
            kind + link
            for kind in ("motorway", "trunk", "primary", "secondary", "tertiary")
            for link in ("", "_link")
        ),
        *("residential", "unclassified", "living_street", "service", "road", "track", "busway"),
    }
)
"""Values of OpenStreetMap's `highway` that vehicles drive on."""
COLUMNS: dict[str, tuple[str, ...]] = {
    "id": ("路線番号", "路線コード", "路線cd", "道路番号", "rosen_no", "rosen_cd", "rosenno", "road_id", "road_no",
           "route_id", "ref", "id"),
    "name": ("路線名", "路線名称", "道路名", "名称", "name:ja", "name", "rosen_name", "rosenname", "rosen",
             "road_name", "street"),
    "kind": ("道路種別", "道路種類", "種別", "highway", "fclass", "road_class", "class", "kind", "type"),
    "width": ("幅員", "車道幅員", "道路幅員", "fukuin", "width", "width_m"),
    "lanes": ("車線数", "lanes", "lane_count", "num_lanes"),
    "oneway": ("一方通行", "oneway", "one_way"),
    "traffic": ("交通量", "日交通量", "aadt", "traffic", "volume"),
    "level": ("layer", "level"),
}  # fmt: skip
"""What columns of road files are called, in small letters; the first that a file has counts."""
FORWARD = frozenset(("yes", "true", "1", "f", "ft", "t", "あり", "有", "順方向"))
BACKWARD = frozenset(("-1", "reverse", "b", "tf", "逆方向"))


class RoadsError(RoadDamageError):
    """A road file that can't be used."""

    exit_code = 2


@dataclass(frozen=True)
class Roads:
    """Road lines (n,), each from its beginning 起点 to its end, EPSG:4326, and what is known of them.

    `width_m`, `lanes` and `traffic` (vehicles a day) are NaN where not known. `oneway` is 1 along the line,
    -1 against it, 0 both. `level` tells bridges and tunnels from what they cross. `remarks` are what was
    left out of a file, and why. `given` is whether somebody gave these roads, or they are the ways driven.
    """

    lines: Lines
    road_id: list[str]
    name: list[str]
    kind: list[str]
    width_m: Floats
    lanes: Floats
    oneway: NDArray[np.int8]
    traffic: Floats
    level: NDArray[np.int8]
    remarks: list[RoadDamageError] = field(default_factory=list)
    given: bool = True

    def __len__(self) -> int:
        return len(self.lines)


@dataclass(frozen=True)
class _Row:
    """A line of a file and what its columns say."""

    line: shapely.LineString
    road_id: str
    name: str
    kind: str
    width_m: float
    lanes: float
    oneway: int
    traffic: float
    level: int

    @property
    def road(self) -> tuple[object, ...]:
        """What lines that make one road have in common; without number and name a line is its own."""
        alone = () if self.road_id or self.name else (self.line.wkb_hex,)
        rest = (self.kind, self.width_m, self.lanes, self.oneway, self.traffic, self.level)
        return (self.road_id, self.name, *(str(one) for one in rest), *alone)


def read_roads(
    path: Path, crs: CRS | None = None, columns: Mapping[str, str] | None = None, within: Area | None = None
) -> Roads:
    """The roads of a Shapefile, GeoPackage, GeoJSON, 基盤地図情報 or OpenStreetMap file.

    `crs` is for a file that states none; `columns` says which column is which (`COLUMNS`' keys), where its
    name does not. `within` (west, south, east, north; EPSG:4326) leaves out what lies outside. Lines of one road
    that run on from one another become one. Raises RoadsError.
    """
    if not path.is_file():
        raise RoadsError(N_("{path} does not exist."), path=path)
    try:
        rows, others = _rows(path, crs, columns or {}, within)
    except BaseMapError as error:
        raise RoadsError(error.template, **error.values) from error
    if not rows:
        raise RoadsError(
            N_("{path} has no road lines (features of other kinds: {count}). Give the roads' centre lines."),
            path=path, count=others,
        )  # fmt: skip
    metric, frame = _metric([row.line for row in rows])
    long = shapely.length(metric) >= SHORTEST_M
    keep = np.flatnonzero(long)
    twice = _drawn_twice(metric[keep], [rows[index].road for index in keep])
    told: list[RoadDamageError] = [
        RoadsError(message, path=path, count=count)
        for message, count in (
            (N_("{path}: {count} features are no lines, and are left out."), others),
            (N_("{path}: {count} lines are shorter than a metre, and are left out."), int((~long).sum())),
            (N_("{path}: {count} lines are there twice, and count once."), int(twice.sum())),
        )
        if count
    ]
    keep = keep[~twice]
    return _merged([rows[index] for index in keep], metric[keep], frame, told)


def _rows(
    path: Path, crs: CRS | None, columns: Mapping[str, str], within: Area | None
) -> tuple[list[_Row], int]:
    """The road lines of a file that touch an area, and how many features are no lines."""
    rows: list[_Row] = []
    others = 0
    area = shapely.box(*within) if within else None
    for source in _line_layers(path, crs):
        _check_units(source)
        for batch in batches(source):
            for geometry, tags in zip(batch.geometry, batch.tags, strict=True):
                if source.what == "osm" and not _drivable(tags):
                    continue
                lines = _lines(geometry)
                others += not lines
                rows.extend(
                    _row(line, tags, columns) for line in lines if area is None or line.intersects(area)
                )
    return rows, others


def driven_roads(along: Streets) -> Roads:
    """The streets driven as roads, where nobody gave any: without names, width or lanes."""
    lines: list[Floats] = []
    for line in along.lines:
        if lines and np.array_equal(lines[-1][-1], line[0]):
            lines[-1] = np.vstack([lines[-1], line[1:]])
        else:
            lines.append(line)
    unknown = np.full(len(lines), np.nan)
    return Roads(
        np.array([shapely.LineString(line) for line in lines], object).reshape(-1),
        [f"D{number:05d}" for number in range(1, len(lines) + 1)],
        [""] * len(lines), [""] * len(lines), unknown, unknown,
        np.zeros(len(lines), np.int8), unknown, np.zeros(len(lines), np.int8), given=False,
    )  # fmt: skip


def _line_layers(path: Path, crs: CRS | None) -> list[SourceLayer]:
    layers = layers_of(path, "roads", crs, "--roads-crs")
    return [layer for layer in layers if layer.what != "osm" or layer.layer == "lines" or len(layers) == 1]


def _check_units(source: SourceLayer) -> None:
    """Raise RoadsError where degrees are said to be metres: such a city is smaller than a table."""
    if not source.crs.is_projected or source.what == "osm":
        return
    bounds = pyogrio.read_info(source.path, layer=source.layer, force_total_bounds=True)["total_bounds"]
    if bounds is None or np.isnan(bounds).any():
        return
    west, south, east, north = bounds
    if -180 <= west <= east <= 180 and -90 <= south <= north <= 90:
        raise RoadsError(
            N_(
                "{path} says that its coordinates are metres ({crs}), but they are degrees. Set the layer's"
                " coordinate system to longitude and latitude, such as EPSG:6668, and save it again."
            ),
            path=source.path, crs=source.crs.name,
        )  # fmt: skip


def _drivable(tags: Mapping[str, str]) -> bool:
    return tags.get("highway") in DRIVEN_ON and tags.get("area") != "yes"


def _lines(geometry: shapely.Geometry | None) -> list[shapely.LineString]:
    """The lines of a feature, of collections too; empty where it has none."""
    if geometry is None or geometry.is_empty:
        return []
    parts = shapely.get_parts(shapely.get_parts(geometry)) if geometry.geom_type.endswith("Collection") else (
        shapely.get_parts(geometry)
    )  # fmt: skip
    return [shapely.force_2d(one) for one in parts if one.geom_type in ("LineString", "LinearRing")]


def _row(line: shapely.LineString, tags: Mapping[str, str], columns: Mapping[str, str]) -> _Row:
    def told(what: str) -> str:
        names = (columns[what].lower(),) if what in columns else COLUMNS[what]
        return next((tags[name].strip() for name in names if name in tags), "")

    oneway = told("oneway").lower()
    circles = tags.get("junction") in ("roundabout", "circular") or tags.get("highway") == "motorway"
    forward = oneway in FORWARD or (circles and oneway != "no")
    bridge = tags.get("bridge", "no") != "no"
    tunnel = tags.get("tunnel", "no") != "no"
    level = _number(told("level"))
    return _Row(
        line=line,
        road_id=told("id"),
        name=told("name"),
        kind=told("kind"),
        width_m=_number(told("width")),
        lanes=_number(told("lanes")),
        oneway=-1 if oneway in BACKWARD else int(forward),
        traffic=_number(told("traffic")),
        level=int(bridge) - int(tunnel) if np.isnan(level) else int(np.clip(level, -9, 9)),
    )


def _number(text: str) -> float:
    """The first number of a text such as "5.5 m" or "1,200"; NaN where there is none, or none above 0."""
    found = re.search(r"-?\d+(\.\d+)?", text.replace(",", ""))
    value = float(found[0]) if found else float("nan")
    return value if value else float("nan")


def _metric(lines: Sequence[shapely.LineString]) -> tuple[Lines, LocalFrame]:
    every = np.array([*lines, None], object)[:-1]
    west, south, east, north = shapely.total_bounds(every)
    frame = LocalFrame((west + east) / 2, (south + north) / 2)
    return in_metres(every, frame), frame


def in_metres(lines: Lines, frame: LocalFrame) -> Lines:
    """Lines in EPSG:4326 as lines in a metric frame."""
    return np.asarray(shapely.transform(lines, lambda xy: np.column_stack(frame.to_metres(*xy.T))), object)


def _drawn_twice(metric: Lines, road: Sequence[tuple[object, ...]]) -> NDArray[np.bool_]:
    """Which lines lie all along on another of the same road that is as long or longer (n,).

    A viaduct over a street, or two roads of one ledger side by side, differ in number, name or level.
    """
    twice = np.zeros(len(metric), bool)
    alike = {key: index for index, key in enumerate(dict.fromkeys(_unmarked(one) for one in road))}
    of = np.array([alike[_unmarked(one)] for one in road])
    middle = shapely.line_interpolate_point(metric, 0.5, normalized=True)
    one, other = shapely.STRtree(metric).query(middle, predicate="dwithin", distance=SAME_M)
    length = shapely.length(metric)
    pair = (one != other) & (of[one] == of[other])
    pair &= (length[one] < length[other]) | ((length[one] == length[other]) & (one > other))
    one, other = one[pair], other[pair]
    for index, longer in zip(one.tolist(), other.tolist(), strict=True):
        if not twice[longer] and metric[index].within(metric[longer].buffer(SAME_M)):
            twice[index] = True
    return twice


def _unmarked(road: tuple[object, ...]) -> tuple[object, ...]:
    """A road's key without what marks a line without number and name as its own."""
    return road[:8]


def _merged(rows: list[_Row], metric: Lines, frame: LocalFrame, told: list[RoadDamageError]) -> Roads:
    """Lines of one road that run on from one another made one; parts of a road are numbered."""
    order = sorted(range(len(rows)), key=lambda index: tuple(str(key) for key in rows[index].road))
    lines: list[shapely.LineString] = []
    kept: list[_Row] = []
    for _, group in groupby(order, key=lambda index: rows[index].road):
        members = list(group)
        row = rows[members[0]]
        for part in _joined(metric[members], directed=row.oneway != 0):
            lines.append(part)
            kept.append(row)
    back = shapely.transform(
        np.array([*lines, None], object)[:-1], lambda xy: np.column_stack(frame.to_lonlat(*xy.T))
    )
    return Roads(
        np.asarray(back, object),
        _numbered([row.road_id for row in kept]),
        [row.name for row in kept],
        [row.kind for row in kept],
        np.array([row.width_m for row in kept], float),
        np.array([row.lanes for row in kept], float),
        np.array([row.oneway for row in kept], np.int8),
        np.array([row.traffic for row in kept], float),
        np.array([row.level for row in kept], np.int8),
        told,
    )


def _joined(lines: Lines, *, directed: bool) -> list[shapely.LineString]:
    if len(lines) == 1:
        return [lines[0]]
    merged = shapely.line_merge(shapely.MultiLineString([*lines]), directed=directed)
    parts = shapely.get_parts(merged)
    # A road begins where its first line does.
    if len(parts) == 1 and not directed and parts[0].coords[-1] == lines[0].coords[0]:
        return [shapely.reverse(parts[0])]
    return [*parts]


def _numbered(ids: Iterable[str]) -> list[str]:
    """Road numbers, each once: parts of a road are 12-1, 12-2 and so on, roads without number R00001 and so on."""
    given = list(ids)
    parts, so_far = Counter(given), Counter[str]()
    told = []
    for one in given:
        so_far[one] += 1
        if not one:
            told.append(f"R{so_far[one]:05d}")
        else:
            told.append(one if parts[one] == 1 else f"{one}-{so_far[one]}")
    return told
