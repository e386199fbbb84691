"""The base map in a page: a folium element, and what the page's policy must then allow.

A PMTiles file goes into the page, cut out around the ways driven; a server's tiles are asked for by the
page. maps/basemap.js draws either.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import folium
import numpy as np
from folium.elements import JSCSSMixin
from folium.map import Layer
from folium.template import Template
from numpy.typing import NDArray

from detector.errors import N_, Translate
from maps.cut_out import CutOut, cut_out
from maps.damage_layer import script_json
from maps.offline import OfflineFigure
from maps.tile_archive import Archive, open_archive
from maps.tile_service import TileService, checked, read_tile_json

EMBEDDED_BYTES = 6_000_000
"""A PMTiles file's part in a page, at most; as base64 it takes a third more."""

BaseMap = Archive | TileService


def open_basemap(where: str, attribution: str = "") -> BaseMap:
    """The base map at a path (PMTiles or TileJSON) or an address. Raises BaseMapError."""
    if "://" in where:
        return checked(TileService(where, attribution))
    path = Path(where)
    return read_tile_json(path) if path.suffix.lower() == ".json" else open_archive(path)


@dataclass(frozen=True)
class Drawn:
    """What of a base map is in a page: `note` says, in English to be translated, what is missing; "" nothing."""

    note: str = ""
    values: tuple[tuple[str, object], ...] = ()

    def told(self, translate: Translate) -> str:
        return translate(self.note).format(**dict(self.values)) if self.note else ""


def add_basemap(
    figure: OfflineFigure, page: folium.Map, basemap: BaseMap, ways: Sequence[NDArray[np.float64]], name: str
) -> Drawn:
    """Put a base map under a page's layers, as far as it lies along `ways` (each (n, 2), lon and lat)."""
    given: dict[str, object] = {"attribution": escape(basemap.attribution)}
    if isinstance(basemap, TileService):
        _ask(figure, basemap)
        given |= {"vector": basemap.vector, "minZoom": basemap.min_zoom, "maxZoom": basemap.max_zoom}
        given["url" if basemap.archive else "tiles"] = basemap.url
        page.add_child(BaseMapLayer(name, given))
        return Drawn()
    part = cut_out(basemap, ways, EMBEDDED_BYTES)
    if part is None:
        return Drawn(N_("The base map {path} has nothing where was driven."), (("path", basemap.path),))
    if basemap.raster:
        figure.allow("img-src", "blob:")
    given["data"] = base64.b64encode(part.data).decode()
    page.add_child(BaseMapLayer(name, given))
    return _kept(part)


def add_served(figure: OfflineFigure, page: folium.Map, archive: Archive, url: str, name: str) -> None:
    """Put a base map under a page's layers of which the page's own server gives pieces at `url` (HTTP ranges)."""
    figure.allow("connect-src", "'self'")
    if archive.raster:
        figure.allow("img-src", "blob:")
    page.add_child(BaseMapLayer(name, {"attribution": escape(archive.attribution), "url": url}))


def _kept(part: CutOut) -> Drawn:
    if not part.left_out:
        return Drawn()
    note = N_(
        "The base map along these ways is larger than the {limit} MB that go into a page: its {count} deepest"
        " zooms are left out, so that it is coarser from close by. Serve it and give its address for all of it."
    )
    return Drawn(note, (("limit", EMBEDDED_BYTES // 1_000_000), ("count", part.left_out)))


def _ask(figure: OfflineFigure, service: TileService) -> None:
    """Let the page ask this one server, for pictures or for data as it needs."""
    if service.archive:
        figure.allow("img-src", "blob:")  # pictures out of the file, if such it holds
    picture = not service.archive and not service.vector
    figure.allow("img-src" if picture else "connect-src", service.origin)


class BaseMapLayer(JSCSSMixin, Layer):
    """The base map as a layer to be switched off and on; `given` is what maps/basemap.js wants."""

    _template = Template(
        """
        {% macro header(this, kwargs) %}
        <style>.leaflet-container .leaflet-control-attribution { font-size: 11px; line-height: 1.5; }</style>
        {% endmacro %}
        {% macro script(this, kwargs) %}
        var {{ this.get_name() }} = L.layerGroup();
        roadBasemap({{ this.get_name() }}, {{ this.given }});
        {% endmacro %}
        """
    )
    default_js = [
        ("pmtiles", "pmtiles.js"), ("protomaps", "protomaps-leaflet.js"), ("basemap", "basemap.js"),
    ]  # fmt: skip

    def __init__(self, name: str, given: dict[str, object]) -> None:
        super().__init__(name=name, overlay=True, control=True, show=True)
        self._name = "BaseMapLayer"
        self.given = script_json(given)
