"""Roads: the lines that segments are cut from, of a road ledger (道路台帳), OpenStreetMap, or the ways driven."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from detector.errors import N_, RoadDamageError
from detector.trajectory import LocalFrame
from maps.basemap_classes import told_by_name
from maps.basemap_sources import SourceLayer, batches, first_bounds, layer_info, layers_of
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
NOT_DRIVEN_ON = frozenset(
    (
        *("footway", "path", "pedestrian", "steps", "cycleway", "bridleway"),
        *("corridor", "construction", "proposed"),
    )
)
"""Values of `highway`, and of Geofabrik's `fclass`, in other files made of OpenStreetMap that none drives on."""
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
FORWARD = frozenset(("yes", "y", "true", "1", "f", "ft", "あり", "有", "順方向"))
BACKWARD = frozenset(("-1", "reverse", "t", "tf", "逆方向"))
"""F, T and B (both) are Geofabrik's; FT and TF those of other networks."""
NO = frozenset(("no", "n", "false", "f", "0"))
MADE_UP = re.compile(r"R\d{5,}")
"""Numbers that we give (`_numbered`)."""
SAMPLE = 1000
"""Features whose coordinates show whether they are degrees or metres."""


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

    def told(self, line: int) -> str:
        """A road's name, or its number where it has none; "" where that is ours alone."""
        number = self.road_id[line]
        return self.name[line] or ("" if is_made_up(number) else number)


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
    if not path.exists():
        raise RoadsError(N_("{path} does not exist."), path=path)
    try:
        rows, others, outside = _rows(path, crs, columns or {}, within)
    except BaseMapError as error:
        raise RoadsError(error.template, **error.values) from error
    if outside and not rows:
        raise RoadsError(
            N_("None of the {count} road lines of {path} lies in the area asked for."),
            path=path, count=outside,
        )  # fmt: skip
    metric, frame = _metric([row.line for row in rows])
    long = shapely.length(metric) >= SHORTEST_M
    if not long.any():
        raise RoadsError(
            N_("{path} has no road lines (features of other kinds: {count}). Give the roads' centre lines."),
            path=path, count=others,
        )  # fmt: skip
    keep = np.flatnonzero(long)
    twice = _drawn_twice(metric[keep], [rows[index].road for index in keep])
    told: list[RoadDamageError] = [
        RoadsError(message, path=path, count=count)
        for message, count in (
            (N_("{path}: features that are no lines, and are left out: {count}."), others),
            (N_("{path}: lines shorter than a metre, which are left out: {count}."), int((~long).sum())),
            (N_("{path}: lines that are there twice, and count once: {count}."), int(twice.sum())),
        )
        if count
    ]
    keep = keep[~twice]
    return _merged([rows[index] for index in keep], metric[keep], frame, told)


def _rows(
    path: Path, crs: CRS | None, columns: Mapping[str, str], within: Area | None
) -> tuple[list[_Row], int, int]:
    """The road lines of a file that touch an area, how many features are no lines, and how many lines lie outside."""
    rows: list[_Row] = []
    others = outside = 0
    area = shapely.box(*within) if within else None
    sources = _line_layers(path, crs)
    _check_columns(path, sources, columns)
    for source in sources:
        _check_units(source)
        for batch in batches(source):
            for geometry, tags in zip(batch.geometry, batch.tags, strict=True):
                if not _drivable(tags, source.what):
                    continue
                lines = _lines(geometry)
                others += not lines
                inside = [line for line in lines if area is None or line.intersects(area)]
                outside += len(lines) - len(inside)
                rows.extend(_row(line, tags, columns) for line in inside)
    return rows, others, outside


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
    """The layers that hold roads: of several those named for them, if there are such. Raises RoadsError."""
    layers = layers_of(path, "roads", crs, "--roads-crs")
    if any(layer.origin == "fgd" for layer in layers):
        raise RoadsError(
            N_(
                "{path} is 基盤地図情報, which has the edges of roads and not their centre lines. Give a road ledger, or"
                " OpenStreetMap."
            ),
            path=path,
        )
    named = [layer for layer in layers if _holds_roads(layer)]
    return named or layers


def _holds_roads(layer: SourceLayer) -> bool:
    return layer.layer == "lines" if layer.what == "osm" else told_by_name(layer.layer) == "roads"


def _check_columns(path: Path, sources: Sequence[SourceLayer], columns: Mapping[str, str]) -> None:
    """Raise RoadsError where a column that was named is in none of the layers."""
    if not columns or any(source.what == "osm" for source in sources):
        return
    there = [str(name) for one in sources for name in layer_info(path, one.layer)["fields"]]
    lowered = {name.lower() for name in there}
    for name in columns.values():
        if name.lower() not in lowered:
            raise RoadsError(
                N_("{path} has no column {column}. Its columns are: {columns}."),
                path=path, column=name, columns=", ".join(there) or "-",
            )  # fmt: skip


def _check_units(source: SourceLayer) -> None:
    """Raise RoadsError where degrees are said to be metres (such a city is smaller than a table), or the reverse."""
    if source.what == "osm":
        return
    bounds = first_bounds(source, SAMPLE)
    reach = np.abs(bounds[:, np.isfinite(bounds).all(0)]).max(1, initial=0.0)
    if not reach.any():
        return
    degrees = bool((reach <= (180, 90, 180, 90)).all())
    metres = bool(reach.max() > 180)  # else longitude and latitude may be the wrong way round
    if not (degrees if source.crs.is_projected else metres):
        return
    if layer_info(source.path, source.layer)["crs"] is None:
        told = N_("{path}: its coordinates are not those of {crs}. Give the right one with {option}.")
    elif degrees:
        told = N_(
            "{path} says that its coordinates are metres ({crs}), but they are degrees. Set the layer's"
            " coordinate system to longitude and latitude, such as EPSG:6668, and save it again."
        )
    else:
        told = N_(
            "{path} says that its coordinates are degrees ({crs}), but they are metres. Set the layer's"
            " coordinate system to the one they are in, such as EPSG:6677, and save it again."
        )
    raise RoadsError(told, path=source.path, crs=source.crs.name, option=source.option)


def _drivable(tags: Mapping[str, str], what: str) -> bool:
    if what == "osm":
        return tags.get("highway") in DRIVEN_ON and tags.get("area") != "yes"
    return tags.get("highway", tags.get("fclass")) not in NOT_DRIVEN_ON


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

    oneway = told("oneway").lower().removesuffix(".0")
    circles = tags.get("junction") in ("roundabout", "circular") or tags.get("highway") == "motorway"
    forward = oneway in FORWARD or (circles and not oneway)
    bridge, tunnel = (tags.get(name, "no").lower() not in NO for name in ("bridge", "tunnel"))
    return _Row(
        line=line,
        road_id=told("id").removesuffix(".0"),  # a table with gaps has its whole numbers as floats
        name=told("name"),
        kind=told("kind"),
        width_m=_number(told("width")),
        lanes=_number(told("lanes")),
        oneway=-1 if oneway in BACKWARD else int(forward),
        traffic=_number(told("traffic")),
        level=_level(told("level")) or int(bridge) - int(tunnel),
    )


def _number(text: str) -> float:
    """The first number of a text such as "5.5 m", "５．５ｍ" or "1,200"; NaN where there is none, or not above 0."""
    plain = unicodedata.normalize("NFKC", text).replace(",", "")
    found = re.search(r"((?<!\w)-)?\d+(\.\d+)?", plain)
    value = float(found[0]) if found else 0.0
    return value if value > 0 else float("nan")


def _level(text: str) -> int:
    """The level that a text is; 0 for others, such as the layer of a drawing."""
    found = re.fullmatch(r"([+-]?\d)(\.0+)?", text)
    return int(found[1]) if found else 0


def _metric(lines: Sequence[shapely.LineString]) -> tuple[Lines, LocalFrame]:
    every = np.array([*lines, None], object)[:-1]
    frame = frame_around(every)
    return in_metres(every, frame), frame


def frame_around(lines: Lines) -> LocalFrame:
    """A metric frame in the middle of lines in EPSG:4326, on either side of the 180th meridian too."""
    points = shapely.get_coordinates(lines)
    points = points[np.isfinite(points).all(1)]
    if not len(points):
        return LocalFrame(0.0, 0.0)
    first = points[0, 0]
    east = (points[:, 0] - first + 180) % 360 - 180
    lon = first + (east.min() + east.max()) / 2
    return LocalFrame(float((lon + 180) % 360 - 180), float(points[:, 1].min() + points[:, 1].max()) / 2)


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


def is_made_up(number: str) -> bool:
    """Whether a road's number was given by us, as its file has none: nobody else knows it."""
    return MADE_UP.fullmatch(number) is not None


def _numbered(ids: Iterable[str]) -> list[str]:
    """Road numbers, each once: parts of a road are 12-1, 12-2 and so on, roads without number R00001 and so on."""
    given = list(ids)
    parts, so_far = Counter(given), Counter[str]()

    def fresh(one: str) -> str:
        while True:
            so_far[one] += 1
            name = f"{one}-{so_far[one]}" if one else f"R{so_far[one]:05d}"
            if name not in parts:
                return name

    return [one if one and parts[one] == 1 else fresh(one) for one in given]
