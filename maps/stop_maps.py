"""Maps on paper for a repair crew: its stops by number, the order between them, and the roads that were driven."""

from __future__ import annotations

from collections.abc import Sequence

import geopandas
import numpy as np
import shapely
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from detector.errors import N_, Translate
from maps.exports import CRS
from maps.paper_map import PALE, PaperMaps, around_all

ROUTE = ("#17549c", 1.1)
"""Colour and width (points) of the line from stop to stop."""


class StopMaps(PaperMaps):
    """The maps of one work list: stops (n, 2) EPSG:4326 in their order, numbered 1, 2, …, and their class codes.

    `ways` are stretches of road, (m, 2) EPSG:4326 each.
    """

    def __init__(
        self,
        stops: NDArray[np.float64],
        codes: Sequence[str],
        ways: Sequence[NDArray[np.float64]],
        translate: Translate,
    ) -> None:
        lines = [shapely.linestrings(way) for way in ways if len(way) > 1]
        roads = geopandas.GeoDataFrame(
            {"diagnosis": [""] * len(lines), "road": [""] * len(lines)}, geometry=lines, crs=CRS
        )
        shown = geopandas.GeoDataFrame(
            {"class": list(codes)}, geometry=shapely.points(stops.reshape(-1, 2)), crs=CRS
        )
        super().__init__({"segments_100m": roads, "damages": shown}, shown, translate)
        if len(stops):
            self._view = around_all(shapely.points(self._numbered))

    def _draw_numbers(self, axes: Axes, of: int | None = None) -> None:
        colour, width = ROUTE
        axes.plot(*self._numbered.T, color=colour, linewidth=width, linestyle=(0, (4, 2)), zorder=2.9)
        super()._draw_numbers(axes, of)

    def _handles(self) -> list[Line2D]:
        _, (colour, width) = self._translate, ROUTE
        stops = Line2D([], [], color=PALE, marker="o", markersize=8, linestyle="")
        stops.set_label(_(N_("Stops, by number")))
        order = Line2D([], [], color=colour, linewidth=width, linestyle=(0, (4, 2)))
        order.set_label(_(N_("Order of the stops (not the way along roads)")))
        roads = Line2D([], [], color="#6f7782", linewidth=0.6)
        roads.set_label(_(N_("Roads that were driven")))
        return [stops, order, roads]
