"""What a base map is made from: OpenStreetMap, 基盤地図情報 GML, Shapefile, GeoPackage; read as streams.

GDAL (through pyogrio) hands over record batches, so that memory does not grow with a file.
"""

from __future__ import annotations

import re
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nanoarrow as na
import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray
from pyogrio.errors import DataLayerError, DataSourceError
from pyogrio.raw import open_arrow
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from detector.errors import N_
from maps.basemap_classes import FGD, WORDS, told_by_name
from maps.map_files import BaseMapError, looked_into

OSM_TAGS = Path(__file__).parent / "osmconf.ini"
OSM_LAYERS = ("points", "lines", "multipolygons")
BATCH = 20_000
"""Features at once; decides the memory taken."""
FGD_CRS = {"jgd2000": 4612, "jgd2011": 6668, "jgd2024": 6668}
"""EPSG code of 基盤地図情報's own names; JGD2024 differs from JGD2011 in heights alone."""


@dataclass(frozen=True)
class SourceLayer:
    """A layer of a file: `what` it holds, as a key of PLAIN or FGD, or "osm"; `crs` of its coordinates."""

    path: Path
    layer: str
    what: str
    crs: CRS
    northing_first: bool = False
    open_options: dict[str, str] = field(default_factory=dict)
    option: str = "--crs"
    """Which option says the coordinate system, for messages."""

    @property
    def origin(self) -> str:
        """osm, fgd or plain: which rules its features are drawn by."""
        return "osm" if self.what == "osm" else "fgd" if self.what in FGD else "plain"


@dataclass(frozen=True)
class Batch:
    """Some features: `geometry` (n,) in EPSG:4326, longitude first; `tags` (n,), what is known of each."""

    geometry: NDArray[np.object_]
    tags: list[dict[str, str]]


def layers_of(path: Path, what: str, crs: CRS | None, option: str = "--crs") -> list[SourceLayer]:
    """The layers of a file that can be drawn; `crs`, of that option, is for those that state none.

    Empty for a class of 基盤地図情報 that is not drawn, such as contours. Raises BaseMapError for a file
    that is not what its name says, or of which nothing tells what it holds or in which coordinates.
    """
    suffix, head = looked_into(path)
    if suffix in (".osm.pbf", ".pbf"):
        options = {"CONFIG_FILE": str(OSM_TAGS)}
        return [SourceLayer(path, layer, "osm", CRS(4326), open_options=options) for layer in OSM_LAYERS]
    if suffix in (".gml", ".xml") and b"fguuid:" in head:
        return _fgd_layers(path, head)
    return _plain_layers(path, what, crs, option)


def _fgd_layers(path: Path, head: bytes) -> list[SourceLayer]:
    name = re.search(rb"fguuid:(\w+)\.bl", head)
    datum = name[1].decode() if name else "jgd2011"
    crs = CRS(FGD_CRS.get(datum, 6668))
    # GDAL puts longitude first for the newer names only.
    northing_first = datum == "jgd2000"
    return [
        SourceLayer(path, layer, layer, crs, northing_first) for layer in _layer_names(path) if layer in FGD
    ]


def _plain_layers(path: Path, what: str, given: CRS | None, option: str) -> list[SourceLayer]:
    found = []
    names = _layer_names(path)
    for layer in names:
        told = what or _told(path, layer, alone=len(names) == 1)
        if not told:
            continue
        crs = _crs(path, layer) or given
        if crs is None:
            raise BaseMapError(
                N_(
                    "{path} has no coordinate system (layer {layer}). Say which it is with {option}, such as"
                    " {option} EPSG:6677 for plane-rectangular zone IX, or EPSG:6668 for longitude and latitude"
                    " of JGD2011."
                ),
                path=path, layer=layer, option=option,
            )  # fmt: skip
        found.append(SourceLayer(path, layer, told, crs, option=option))
    if not found:
        raise BaseMapError(
            N_(
                "Nothing tells what {path} holds (layers: {layers}). Say it before its name, such as"
                " roads={path}; one of {kinds}."
            ),
            path=path, layers=", ".join(names) or "-", kinds=", ".join(WORDS),
        )  # fmt: skip
    return found


def _told(path: Path, layer: str, *, alone: bool) -> str:
    """What a layer holds: by its columns, by its name, or by that of a file with no other layer."""
    columns = {str(name).lower() for name in layer_info(path, layer)["fields"]}
    if (
        columns & {"highway", "waterway", "landuse", "building", "railway", "natural"}
        and "fclass" not in columns
    ):
        return "osm"
    return told_by_name(layer) or (told_by_name(path.stem) if alone else "")


def layer_info(path: Path, layer: str) -> dict[str, Any]:
    """What GDAL tells of a layer: `fields`, `crs` and more. Raises BaseMapError."""
    with _readable(path):
        info: dict[str, Any] = pyogrio.read_info(path, layer=layer, **_options(path))
    return info


def _layer_names(path: Path) -> list[str]:
    with _readable(path):
        return [str(name) for name, kind in pyogrio.list_layers(path) if kind is not None]


def first_bounds(source: SourceLayer, count: int) -> NDArray[np.float64]:
    """West, south, east and north of so many features, in their own coordinates (4, n). Raises BaseMapError."""
    with _readable(source.path):
        _, bounds = pyogrio.read_bounds(source.path, layer=source.layer, max_features=count)
    return np.asarray(bounds, float)


def _crs(path: Path, layer: str) -> CRS | None:
    text = layer_info(path, layer)["crs"]
    try:
        return CRS.from_user_input(text) if text else None
    except CRSError:
        return None


def _options(path: Path) -> dict[str, str]:
    """A Shapefile that does not tell its encoding was written on a Japanese Windows."""
    if path.suffix.lower() != ".shp" or path.with_suffix(".cpg").exists():
        return {}
    table = path.with_suffix(".dbf")
    if not table.exists():
        return {}
    with table.open("rb") as file:
        language = file.read(30)[29:30]
    return {"encoding": "CP932"} if language in (b"", b"\x00", b"\x13", b"\x7b") else {}


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """What GDAL only remarks on is left alone; what it can't read becomes a BaseMapError."""
    with _unremarked(), _told_unreadable(path):
        yield


@contextmanager
def _told_unreadable(path: Path) -> Iterator[None]:
    try:
        yield
    except (DataSourceError, DataLayerError, sqlite3.Error, RuntimeError, UnicodeDecodeError) as error:
        raise BaseMapError(
            N_("{path} can't be read as what its name says: {reason}"), path=path, reason=error
        ) from error


def batches(source: SourceLayer) -> Iterator[Batch]:
    """The features of a layer in EPSG:4326, so many at a time. Raises BaseMapError."""
    to_lonlat = Transformer.from_crs(source.crs, 4326, always_xy=True)
    with ExitStack() as stack, _told_unreadable(source.path):
        with _unremarked():
            opened = open_arrow(
                source.path, layer=source.layer, batch_size=BATCH,
                **_options(source.path), **source.open_options,
            )  # fmt: skip
            meta, stream = stack.enter_context(opened)
            chunks = iter(na.ArrayStream(stream))
        column = meta["geometry_name"] or "wkb_geometry"
        while True:
            # Not around the yield: what the caller does is no business of ours.
            with _unremarked():
                chunk = next(chunks, None)
                if chunk is None:
                    return
                batch = _batch(source, to_lonlat, chunk, column, [str(name) for name in meta["fields"]])
            yield batch


@contextmanager
def _unremarked() -> Iterator[None]:
    """Without the remarks of GDAL (an unclosed ring) and nanoarrow."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _batch(source: SourceLayer, to_lonlat: Transformer, chunk: Any, column: str, names: list[str]) -> Batch:
    """A record batch of Arrow as geometry and tags."""

    def lonlat(points: NDArray[np.float64]) -> NDArray[np.float64]:
        east, north = points.T[::-1] if source.northing_first else points.T
        # 1e-7 degrees is a centimetre; more digits only cost time.
        return np.round(np.column_stack(to_lonlat.transform(east, north)), 7)

    schema = [field.name for field in chunk.schema.fields]
    wkb = np.array(chunk.child(schema.index(column)).to_pylist(), dtype=object)
    geometry = shapely.transform(shapely.from_wkb(wkb, on_invalid="ignore"), lonlat)
    _check_place(source, geometry)
    columns = [chunk.child(schema.index(name)).to_pylist() for name in names]
    lowered = [name.lower() for name in names]
    tags = [
        {name: str(value) for name, value in zip(lowered, row, strict=True) if value not in (None, "")}
        for row in zip(*columns, strict=True)
    ]
    return Batch(geometry, tags or [{} for _ in wkb])


def _check_place(source: SourceLayer, geometry: NDArray[np.object_]) -> None:
    """Raise BaseMapError where coordinates are not on the globe: the system was not theirs."""
    west, south, east, north = shapely.total_bounds(geometry)
    if np.isnan(west):
        return
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise BaseMapError(
            N_("{path}: its coordinates are not on the globe in {crs}. Give the right one with {option}."),
            path=source.path, crs=source.crs.name, option=source.option,
        )  # fmt: skip
