"""Maps on paper: the whole survey in one picture, and what lies around one damage. North is up."""

from __future__ import annotations

import io
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import geopandas
import numpy as np
import pandas
import shapely
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.ft2font import FT2Font
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from detector.classes import CLASSES
from detector.errors import N_, Translate
from detector.trajectory import LocalFrame
from maps.pdf import font_file
from maps.roads import in_metres

Floats = NDArray[np.float64]
View = tuple[float, float, float, float]
"""West, south, east, north in metres."""

DPI = 200
OVERVIEW_MM = (180.0, 125.0)
LEGEND_MM = 8.0
AROUND_MM = (84.0, 74.0)
AROUND_M = 250.0
"""How far a damage's map reaches to the west and east."""
LEAST_M = 300.0
"""How far the overview reaches at least."""
FULL_WIDTH_M, LEAST_WIDTH = 6_000.0, 0.4
"""Lines have their full width on maps of so many metres or fewer, and never less than so much of it."""
MOST_NAMES = 12
NAME_LETTERS = 20
BESIDE_MM = 3.2
"""How far above its road a name stands."""

DIAGNOSES: dict[str, tuple[str, float, str]] = {
    "": ("#6f7782", 0.6, N_("not judged")),
    "Ⅰ": ("#3d93c4", 1.3, "Ⅰ"),
    "Ⅱ": ("#f0a000", 2.0, "Ⅱ"),
    "Ⅲ": ("#a3001f", 2.8, "Ⅲ"),
}
"""Diagnosis → colour and width (points) of its segments, and what it is called; the worse the wider.

The colours are those of the map page."""
HOT = ("#7b2d8b", 0.3, 8.0)
"""Colour, opacity and width (points) of hot spots."""
INK, PALE, PAPER = "#1f2933", "#7b8794", "#ffffff"
COLOURS = {row.code: row.colour for row in CLASSES}


class PaperMaps:
    """The maps of one report: `shown` are its damages, which are numbered 1, 2, … in this order."""

    def __init__(
        self,
        tables: Mapping[str, geopandas.GeoDataFrame],
        shown: geopandas.GeoDataFrame,
        translate: Translate,
    ) -> None:
        self._translate = translate
        self._font = FontProperties(fname=font_file())
        self._glyphs = frozenset(FT2Font(font_file()).get_charmap())
        segments, spots = tables.get("segments_100m"), tables.get("hot_spots")
        damages = tables.get("damages")
        hot = None if spots is None else spots[spots["rank"] > 0]
        geometry = [
            np.asarray(() if table is None else table.geometry.to_numpy(), object)
            for table in (segments, hot, damages, shown)
        ]
        parts = geometry[0] if len(geometry[0]) else np.concatenate(geometry)
        self.empty = not len(parts)
        """Whether there is nothing to draw."""
        if self.empty:
            return
        west, south, east, north = shapely.total_bounds(parts)
        frame = LocalFrame((west + east) / 2, (south + north) / 2)
        self._view = around_all(in_metres(parts, frame))
        self._segments, self._hot, points, numbered = (in_metres(part, frame) for part in geometry)
        self._points, self._numbered = shapely.get_coordinates(points), shapely.get_coordinates(numbered)
        self._diagnosis = _texts(segments, "diagnosis")
        self._names = np.array([self._drawable(name) for name in _texts(segments, "road")], object)
        self._classes, self._shown_classes = _texts(damages, "class"), _texts(shown, "class")

    def overview(self) -> bytes:
        """The whole survey as a PNG: segments by diagnosis, hot spots, and the report's damages by number."""
        figure, axes = _sheet(OVERVIEW_MM, self._view, LEGEND_MM)
        self._draw_roads(axes)
        self._draw_numbers(axes)
        self._furnish(axes)
        _legend(figure, self._handles(), self._font)
        return _png(figure)

    def around(self, number: int) -> bytes:
        """A damage of the report (1, 2, …) as a PNG, with a ring, and its neighbours."""
        east, north = self._numbered[number - 1]
        reach = AROUND_M * AROUND_MM[1] / AROUND_MM[0]
        view = (east - AROUND_M, north - reach, east + AROUND_M, north + reach)
        figure, axes = _sheet(AROUND_MM, view)
        self._draw_roads(axes)
        near = _inside(self._points, view)
        colours = [colour_of(code) for code in self._classes[near]]
        x, y = self._points[near].T
        axes.scatter(x, y, s=9, c=colours, edgecolors=PAPER, linewidths=0.4, zorder=3)
        self._draw_numbers(axes, of=number)
        self._furnish(axes)
        return _png(figure)

    def _draw_roads(self, axes: Axes) -> None:
        view = _view(axes)
        box, thin = shapely.box(*view), float(np.clip(FULL_WIDTH_M / (view[2] - view[0]), LEAST_WIDTH, 1.0))
        colour, opacity, width = HOT
        hot = self._hot[shapely.intersects(self._hot, box)]
        axes.add_collection(_lines(hot, colors=colour, alpha=opacity, linewidths=width * thin, zorder=1))
        near = self._tree.query(box)
        diagnosis = self._diagnosis[near]
        for order, (name, (colour, width, _)) in enumerate(DIAGNOSES.items()):
            lines = self._segments[near[diagnosis == name]]
            axes.add_collection(_lines(lines, colors=colour, linewidths=width * thin, zorder=2 + order / 10))

    def _draw_numbers(self, axes: Axes, of: int | None = None) -> None:
        """The report's damages as points with their numbers, grave ones on top; one of them with a ring."""
        view = _view(axes)
        for row in np.flatnonzero(_inside(self._numbered, view))[::-1]:
            place, chosen, order = self._numbered[row], row + 1 == of, 10 - row / len(self._numbered)
            order += chosen
            axes.plot(
                *place, "o", markersize=11 if chosen else 8, color=colour_of(self._shown_classes[row]),
                markeredgecolor=INK if chosen else PAPER, markeredgewidth=1.6 if chosen else 0.5, zorder=order,
            )  # fmt: skip
            self._write(axes, place, str(row + 1), 6, zorder=order, colour=PAPER)

    def _furnish(self, axes: Axes) -> None:
        """Road names, scale bar, north arrow."""
        self._name_roads(axes)
        (west, south, east, north), mm = _view(axes), _metres_a_mm(axes)
        metres = _round_length((east - west) / 4)
        x, y = west + 4 * mm, south + 4 * mm
        halo = [patheffects.withStroke(linewidth=4, foreground=PAPER)]
        axes.plot([x, x + metres], [y, y], color=INK, linewidth=2, zorder=20, path_effects=halo)
        text = f"{metres / 1000:g} km" if metres >= 1000 else f"{metres:g} m"
        self._write(axes, (x + metres / 2, y + 2.5 * mm), text, 7, zorder=20, halo=True)
        tip, foot = (east - 5 * mm, north - 3 * mm), (east - 5 * mm, north - 13 * mm)
        axes.annotate("", tip, foot, arrowprops={"arrowstyle": "-|>", "color": INK, "lw": 1.2}, zorder=20)
        self._write(axes, (foot[0], foot[1] - 1.5 * mm), "N", 8, zorder=20, halo=True)

    def _name_roads(self, axes: Axes) -> None:
        """Write the names of the longest roads in view, where they do not lie over one another."""
        view = _view(axes)
        near = np.sort(self._tree.query(shapely.box(*view), predicate="intersects"))
        pieces, of = shapely.get_parts(shapely.clip_by_rect(self._segments[near], *view), return_index=True)
        length, names = shapely.length(pieces), self._names[near[of]]
        total = pandas.Series(length, dtype=float).groupby(names).sum().drop("", errors="ignore")
        taken: list[Bbox] = []
        for name in total.nlargest(MOST_NAMES).index:
            mine = pieces[names == name]
            middle = shapely.line_interpolate_point(mine[len(mine) // 2], 0.5, normalized=True)
            at = (shapely.get_x(middle), shapely.get_y(middle) + BESIDE_MM * _metres_a_mm(axes))
            text = self._write(axes, at, name, 6.5, zorder=8, halo=True)
            box = text.get_window_extent()
            if any(box.overlaps(other) for other in taken):
                text.remove()
            else:
                taken.append(box)

    def _write(
        self, axes: Axes, at: tuple[float, float], text: str, size: float, *, zorder: float,
        colour: str = INK, halo: bool = False,
    ) -> Text:  # fmt: skip
        font = self._font.copy()
        font.set_size(size)
        return axes.text(
            at[0], at[1], text, fontproperties=font, color=colour, parse_math=False, clip_on=True, zorder=zorder,
            path_effects=[patheffects.withStroke(linewidth=2, foreground=PAPER)] if halo else None,
            ha="center", va="center_baseline",
        )  # fmt: skip

    def _drawable(self, name: str) -> str:
        """A name on one short line, without letters that the font lacks."""
        line = "".join(letter for letter in " ".join(name.split()) if ord(letter) in self._glyphs)
        return line if len(line) <= NAME_LETTERS else line[: NAME_LETTERS - 1] + "…"

    def _handles(self) -> list[Line2D]:
        _ = self._translate
        roads = [
            Line2D([], [], color=colour, linewidth=width, label=_(name))
            for colour, width, name in reversed(DIAGNOSES.values())
        ]
        colour, opacity, width = HOT
        hot = Line2D([], [], color=colour, alpha=opacity, linewidth=width, label=_("Hot spots"))
        points = Line2D([], [], color=PALE, marker="o", markersize=8, linestyle="")
        points.set_label(_("Damages of this report, by number"))
        return [*roads, hot, points]

    @cached_property
    def _tree(self) -> shapely.STRtree:
        return shapely.STRtree(self._segments)


def _sheet(size_mm: tuple[float, float], view: View, strip_mm: float = 0.0) -> tuple[Figure, Axes]:
    """A sheet with a map, and a strip under it for the legend."""
    figure = Figure(figsize=(size_mm[0] / 25.4, size_mm[1] / 25.4), dpi=DPI)
    FigureCanvasAgg(figure)
    share = strip_mm / size_mm[1]
    axes = figure.add_axes((0.002, share + 0.002, 0.996, 0.996 - share))
    axes.set(xlim=view[::2], ylim=view[1::2], xticks=[], yticks=[])
    axes.spines[:].set(color=PALE, linewidth=0.6)
    return figure, axes


def around_all(parts: NDArray[Any]) -> View:
    """What holds all parts, in the shape of the overview."""
    west, south, east, north = shapely.total_bounds(parts)
    shape = (OVERVIEW_MM[1] - LEGEND_MM) / OVERVIEW_MM[0]
    reach = max((east - west) / 2, (north - south) / 2 / shape, LEAST_M) * 1.06
    x, y = (west + east) / 2, (south + north) / 2
    return x - reach, y - reach * shape, x + reach, y + reach * shape


def _view(axes: Axes) -> View:
    (west, east), (south, north) = axes.get_xlim(), axes.get_ylim()
    return west, south, east, north


def _metres_a_mm(axes: Axes) -> float:
    west, _, east, _ = _view(axes)
    return (east - west) / float(axes.get_window_extent().width / DPI * 25.4)


def _inside(points: Floats, view: View) -> NDArray[np.bool_]:
    return np.asarray(((points >= view[:2]) & (points <= view[2:])).all(1))


def _lines(geometry: NDArray[Any], **style: Any) -> LineCollection:
    return LineCollection(
        [shapely.get_coordinates(part) for part in shapely.get_parts(geometry)], capstyle="round", **style
    )


def _texts(table: geopandas.GeoDataFrame | None, column: str) -> NDArray[Any]:
    return np.array([] if table is None else table[column].fillna("").astype(str), object)


def colour_of(code: str) -> str:
    """The colour of a damage class."""
    return COLOURS.get(code, PALE)


def _round_length(metres: float) -> float:
    """The largest of 1, 2, 5, 10, 20, … m that is no longer."""
    ten = 10.0 ** np.floor(np.log10(metres))
    return float(ten * max(step for step in (1, 2, 5) if step * ten <= metres))


def _legend(figure: Figure, handles: list[Line2D], font: FontProperties) -> None:
    font = font.copy()
    font.set_size(7.5)
    figure.legend(
        handles=handles, loc="lower center", ncols=len(handles), prop=font, frameon=False, borderpad=0.2
    )


def _png(figure: Figure) -> bytes:
    content = io.BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()
