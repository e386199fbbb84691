"""Files of places, such as people's GIS writes: GeoJSON, GeoPackage, Shapefile."""

from __future__ import annotations

from pathlib import Path

import geopandas
import pyogrio
from pyogrio.errors import DataLayerError, DataSourceError

from detector.errors import N_, RoadDamageError


class PlacesError(RoadDamageError):
    """A file of places that can't be used."""

    exit_code = 2


def read_places(path: Path, layer: str | None = None) -> geopandas.GeoDataFrame:
    """The rows of a layer that have a place; without a name the layer "damages", else the first.

    Raises PlacesError for a file that can't be read, or does not tell its coordinate system.
    """
    try:
        names = pyogrio.list_layers(path)[:, 0].tolist()
        one = layer or ("damages" if "damages" in names else names[0])
        table = geopandas.read_file(path, engine="pyogrio", layer=one)
    except (DataSourceError, DataLayerError, OSError) as error:
        raise PlacesError(N_("{path} can't be read: {reason}."), path=path, reason=error) from error
    if not isinstance(table, geopandas.GeoDataFrame) or table.crs is None:
        raise PlacesError(N_("{path} has no places, or does not say in which coordinates."), path=path)
    return table[~table.geometry.is_empty & table.geometry.notna()]
