"""Map data written by our own code: a few streets, in each form that a base map is made from."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from typing import Any

import geopandas as gpd
import osmium
from osmium.osm.mutable import Node, Way
from shapely.geometry import LineString, Point, Polygon

LON, LAT = 139.75, 35.65
"""South-west corner of the streets."""


def place(east_m: float, north_m: float) -> tuple[float, float]:
    """Longitude and latitude of a point so far from the corner."""
    return LON + east_m / 90_500, LAT + north_m / 110_941


def block(east_m: float, north_m: float, side_m: float) -> list[tuple[float, float]]:
    """A closed square."""
    corners = ((0, 0), (side_m, 0), (side_m, side_m), (0, side_m), (0, 0))
    return [place(east_m + east, north_m + north) for east, north in corners]


OSM_WAYS: list[tuple[list[tuple[float, float]], dict[str, str]]] = [
    ([place(0, 0), place(0, 900)], {"highway": "primary", "name": "Chuo-dori", "name:ja": "中央通り"}),
    ([place(0, 300), place(600, 300)], {"highway": "residential", "name": "さくら通り"}),
    ([place(0, 500), place(600, 500)], {"highway": "tertiary", "tunnel": "yes"}),
    ([place(100, 0), place(100, 900)], {"railway": "rail", "name": "本線"}),
    ([place(300, 0), place(300, 900)], {"waterway": "river", "name": "目黒川"}),
    ([place(0, 100), place(50, 100)], {"highway": "proposed"}),
    (block(200, 600, 20), {"building": "yes"}),
    (block(400, 600, 150), {"leisure": "park", "name": "中央公園"}),
    (block(20, 600, 60), {"natural": "water", "name": "不忍池"}),
]  # fmt: skip
OSM_POINTS: list[tuple[tuple[float, float], dict[str, str]]] = [
    (place(100, 400), {"railway": "station", "name": "Shibuya", "name:ja": "渋谷"}),
    (place(300, 300), {"place": "suburb", "name": "本町"}),
    (place(10, 10), {"highway": "crossing"}),
]


def write_pbf(
    path: Path,
    ways: list[tuple[list[tuple[float, float]], dict[str, str]]] = OSM_WAYS,
    points: list[tuple[tuple[float, float], dict[str, str]]] = OSM_POINTS,
) -> Path:
    """An OpenStreetMap file of these ways and points."""
    drawn: list[Any] = []
    nodes: list[Any] = []
    for line, tags in ways:
        first = len(nodes) + 1
        nodes.extend(Node(id=first + at, location=spot) for at, spot in enumerate(line))
        ids = list(range(first, first + len(line)))
        if line[0] == line[-1]:
            ids[-1] = first
        drawn.append(Way(id=len(drawn) + 1, nodes=ids, tags=tags))
    for spot, tags in points:
        nodes.append(Node(id=len(nodes) + 1, location=spot, tags=tags))
    with osmium.SimpleWriter(str(path), overwrite=True) as writer:
        for node in nodes:
            writer.add_node(node)
        for way in drawn:
            writer.add_way(way)
    return path


FGD_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<Dataset xmlns:gml="http://www.opengis.net/gml/3.2" xmlns="http://fgd.gsi.go.jp/spec/2008/FGD_GMLSchema" gml:id="D">
<gml:description>基盤地図情報メタデータ ID=fmdid:15-2001</gml:description>
"""
FGD_COMMON = """<{kind} gml:id="f{number}"><fid>{number}</fid>
<lfSpanFr gml:id="f{number}-1"><gml:timePosition>2016-10-01</gml:timePosition></lfSpanFr>
<devDate gml:id="f{number}-2"><gml:timePosition>2017-01-01</gml:timePosition></devDate>
<orgGILvl>2500</orgGILvl><vis>{vis}</vis>{shape}<type>{type}</type>{name}</{kind}>
"""
LINE = """<loc><gml:Curve gml:id="f{number}-g" srsName="fguuid:{datum}.bl"><gml:segments><gml:LineStringSegment>
<gml:posList>
{points}
</gml:posList></gml:LineStringSegment></gml:segments></gml:Curve></loc>"""
AREA = """<area><gml:Surface gml:id="f{number}-g" srsName="fguuid:{datum}.bl"><gml:patches><gml:PolygonPatch><gml:exterior>
<gml:Ring><gml:curveMember><gml:Curve gml:id="f{number}-h"><gml:segments><gml:LineStringSegment><gml:posList>
{points}
</gml:posList></gml:LineStringSegment></gml:segments></gml:Curve></gml:curveMember></gml:Ring></gml:exterior>
</gml:PolygonPatch></gml:patches></gml:Surface></area>"""
POINT = """<pos><gml:Point gml:id="f{number}-g" srsName="fguuid:{datum}.bl"><gml:pos>{points}</gml:pos></gml:Point></pos>"""

Fgd = tuple[str, list[tuple[float, float]], str, str, str]
"""Feature class, points, type, name, vis."""
FGD_FEATURES: list[Fgd] = [
    ("RdEdg", [place(0, 0), place(0, 900)], "真幅道路", "", "表示"),
    ("RdEdg", [place(300, 0), place(300, 90)], "庭園路等", "", "表示"),
    ("RdEdg", [place(400, 0), place(400, 90)], "真幅道路", "", "非表示"),
    ("BldA", block(200, 600, 20), "普通建物", "", "表示"),
    ("WA", block(20, 600, 60), "湖池", "不忍池", "表示"),
    ("CommPt", [place(300, 300)], "大字・町・丁目", "本町一丁目", "表示"),
    ("Cntr", [place(0, 0), place(50, 900)], "計曲線", "", "表示"),
]


def write_fgd(folder: Path, datum: str = "jgd2024", features: list[Fgd] = FGD_FEATURES) -> list[Path]:
    """基盤地図情報 GML, a file for each feature class as it is downloaded."""
    written: dict[str, str] = {}
    for number, (kind, line, type_, name, vis) in enumerate(features):
        closed = len(line) > 1 and line[0] == line[-1]
        shape = (POINT if len(line) == 1 else AREA if closed else LINE).format(
            number=number, datum=datum, points="\n".join(f"{lat:.9f} {lon:.9f}" for lon, lat in line)
        )
        named = f"<name>{name}</name>" if name else ""
        text = FGD_COMMON.format(kind=kind, number=number, vis=vis, shape=shape, type=type_, name=named)
        written[kind] = written.get(kind, "") + text
    paths = []
    for kind, body in written.items():
        paths.append(folder / f"FG-GML-533935-{kind}-20240401-0001.xml")
        paths[-1].write_text(FGD_HEAD + body + "</Dataset>\n", "utf-8")
    return paths


def streets(crs: str = "EPSG:6668") -> gpd.GeoDataFrame:
    """Two roads of a municipality's ledger."""
    frame = gpd.GeoDataFrame(
        {"路線名": ["市道1号線", "国道246号"], "幅員": [4.0, 20.0]},
        geometry=[LineString([place(0, 0), place(0, 900)]), LineString([place(0, 300), place(600, 300)])],
        crs="EPSG:6668",
    )
    return frame.to_crs(crs)


def write_shapefile(path: Path, frame: gpd.GeoDataFrame, *, crs: bool = True) -> Path:
    """A Shapefile as Japanese Windows programs write it, with no word on its encoding, or on its `crs`."""
    frame.to_file(path, encoding="CP932")
    path.with_suffix(".cpg").unlink(missing_ok=True)
    if not crs:
        path.with_suffix(".prj").unlink()
    return path


def write_geopackage(path: Path, crs: str = "EPSG:6677") -> Path:
    """Roads, buildings and names, a layer each."""
    streets(crs).to_file(path, layer="道路", driver="GPKG")
    for layer, name, shape in (
        ("建物", "市役所", Polygon(block(200, 600, 20))),
        ("地名", "本町", Point(place(300, 300))),
        ("観測点", "A", Point(place(1, 1))),
    ):
        frame = gpd.GeoDataFrame({"名称": [name]}, geometry=[shape], crs="EPSG:6668")
        frame.to_crs(crs).to_file(path, layer=layer, driver="GPKG")
    return path


def write_mbtiles(
    path: Path, kind: str, tiles: dict[tuple[int, int, int], bytes], *, view: bool = False, **told: str
) -> Path:
    """MBTiles of these tiles, by zoom, column and row from the north; as a table, or as a `view` of one."""
    name = "stored" if view else "tiles"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE metadata (name text, value text)")
        database.execute(
            f"CREATE TABLE {name} (zoom_level int, tile_column int, tile_row int, tile_data blob)"
        )
        metadata = {"format": kind, "bounds": "139.7,35.6,139.8,35.7", **told}
        database.executemany("INSERT INTO metadata VALUES (?, ?)", metadata.items())
        rows = [(z, x, (1 << z) - 1 - y, data) for (z, x, y), data in tiles.items()]
        database.executemany(f"INSERT INTO {name} VALUES (?, ?, ?, ?)", rows)  # noqa: S608
        if view:
            database.execute("CREATE VIEW tiles AS SELECT * FROM stored")
    database.close()
    return path


def zipped(path: Path, files: list[Path]) -> Path:
    """A zip with these files in a zip within it, as 基盤地図情報 is packed when much is downloaded at once."""
    inner = path.parent / f"{path.stem}-inner"
    inner.mkdir()
    for file in files:
        shutil.copy(file, inner)
    outer = path.parent / f"{path.stem}-outer"
    outer.mkdir()
    shutil.make_archive(str(outer / "FG-GML-533935-ALL-20240401"), "zip", inner)
    shutil.make_archive(str(path.with_suffix("")), "zip", outer)
    return path
