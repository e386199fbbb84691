"""A base map that the municipality's own server gives: its address, its attribution, and one TileJSON file.

The file is TileJSON 3.0.0; a PMTiles file on a server has an address that begins with `pmtiles://`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from detector.errors import N_
from maps.map_files import BaseMapError
from maps.tile_archive import plain_text

HELD = "pmtiles://"
VECTOR = (".pbf", ".mvt")
HOST = re.compile(r"[a-z0-9.-]+|\[[0-9a-f:.]+\]")


@dataclass(frozen=True)
class TileService:
    """Tiles at `url`, with {z}, {x} and {y} in it, or a PMTiles file there."""

    url: str
    attribution: str = ""
    min_zoom: int = 0
    max_zoom: int = 18

    @property
    def archive(self) -> bool:
        """Whether it is a PMTiles file, of which a page asks for pieces."""
        return urlsplit(self.url).path.endswith(".pmtiles")

    @property
    def vector(self) -> bool:
        """Whether the tiles are drawn by the page; else they are pictures."""
        return urlsplit(self.url).path.endswith(VECTOR)

    @property
    def origin(self) -> str:
        """Scheme, host and port: what a page's policy has to name. Raises BaseMapError where there is none."""
        return origin(self.url)


def origin(url: str) -> str:
    """Scheme, host and port of an address. Raises BaseMapError for one that a policy could not name."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").encode("idna").decode(), parts.port
    except (ValueError, UnicodeError):
        parts, host, port = urlsplit(""), "", None
    host = f"[{host}]" if ":" in host else host
    if parts.scheme not in ("http", "https") or parts.username or not HOST.fullmatch(host):
        raise BaseMapError(
            N_("{url} is no address of tiles. One is http://gis.example.lg.jp/tiles/{{z}}/{{x}}/{{y}}.png."),
            url=url,
        )
    return f"{parts.scheme}://{host}" + (f":{port}" if port else "")


def checked(service: TileService) -> TileService:
    """The service, if a page can draw it. Raises BaseMapError."""
    service.origin  # noqa: B018  (raises)
    fields = set(re.findall(r"\{([^}]*)\}", service.url))
    if not service.archive and not ({"z", "x"} <= fields <= {"z", "x", "y", "-y"} and fields & {"y", "-y"}):
        raise BaseMapError(
            N_("{url} is no address of tiles. One is http://gis.example.lg.jp/tiles/{{z}}/{{x}}/{{y}}.png."),
            url=service.url,
        )
    if not 0 <= service.min_zoom <= service.max_zoom <= 24:
        raise BaseMapError(N_("{url}: zooms go from 0 to 24, the lower one first."), url=service.url)
    return service


def tile_json(service: TileService) -> str:
    """The service as TileJSON."""
    address = (HELD if service.archive else "") + service.url
    told = {
        "tilejson": "3.0.0",
        "tiles": [address],
        "attribution": service.attribution,
        "minzoom": service.min_zoom,
        "maxzoom": service.max_zoom,
    }
    return json.dumps(told, ensure_ascii=False, indent=2) + "\n"


def read_tile_json(path: Path) -> TileService:
    """The service that a TileJSON file names. Raises BaseMapError."""
    try:
        told: Any = json.loads(path.read_text("utf-8"))
        (address,) = told["tiles"]
        service = TileService(
            str(address).removeprefix(HELD), plain_text(str(told.get("attribution") or "")),
            int(told.get("minzoom", 0)), int(told.get("maxzoom", 18)),
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BaseMapError(
            N_("{path} is no TileJSON file with one address of tiles. `roaddamage basemap add` makes one."),
            path=path,
        ) from error
    return checked(service)
