"""Small maps in pages: the roads that were driven, stops and neighbours, as an SVG without script. North is up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import shapely
from numpy.typing import NDArray

from detector.classes import CLASSES
from detector.trajectory import LocalFrame
from roaddamage.records.models import Damage, Drive

WIDTH, HEIGHT = 640, 400
"""The picture's own units."""
ROOM = 34
AROUND_M, LEAST_M = 150.0, 60.0
"""How far a map reaches at least to the west and east of its middle: around one place, and around several."""
MOST_DRIVES = 60


@dataclass(frozen=True)
class Dot:
    """A damage on the map: its number among the stops ("" for a neighbour), and colour."""

    x: float
    y: float
    text: str
    colour: str


@dataclass
class SmallMap:
    """What to draw, in the picture's units: `roads` and `route` are SVG path data."""

    width: int = WIDTH
    height: int = HEIGHT
    roads: str = ""
    route: str = ""
    dots: list[Dot] = field(default_factory=list)
    scale: float = 0.0
    """The bar's length, which is so many `scale_m`."""
    scale_m: int = 0


def small_map(damages: Sequence[Damage], texts: Sequence[str], route: bool = False) -> SmallMap:
    """A map that holds these damages, in this order, with a text each."""
    frame = LocalFrame(damages[0].lon, damages[0].lat)
    places = np.column_stack(frame.to_metres([row.lon for row in damages], [row.lat for row in damages]))
    middle, reach = (places.min(0) + places.max(0)) / 2, (places.max(0) - places.min(0)) / 2
    share = (WIDTH / 2 - ROOM) / (WIDTH / 2)
    half = max(reach[0] / share, reach[1] / share * WIDTH / HEIGHT, LEAST_M if route else AROUND_M)
    metre = WIDTH / 2 / half

    def drawn(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray((points - middle) * [metre, -metre] + [WIDTH / 2, HEIGHT / 2])

    spots = drawn(places)
    told = SmallMap()
    told.roads = " ".join(_path(drawn(line)) for line in _roads(frame, middle, half))
    told.route = _path(spots) if route and len(spots) > 1 else ""
    told.dots = [
        Dot(round(float(x), 1), round(float(y), 1), text, CLASSES[row.class_id].colour)
        for (x, y), text, row in zip(spots, texts, damages, strict=True)
    ]
    told.scale_m = _round_metres(half / 2)
    told.scale = round(told.scale_m * metre, 1)
    return told


def ways_around(west: float, south: float, east: float, north: float) -> Iterator[NDArray[np.float64]]:
    """The ways of the latest drives within bounds, (n, 2) EPSG:4326 each."""
    drives = Drive.objects.filter(
        state=Drive.State.done, west__lte=east, east__gte=west, south__lte=north, north__gte=south
    )
    for ways, unseen in drives.values_list("ways", "unseen_ways")[:MOST_DRIVES]:
        yield from (np.array(line, float).reshape(-1, 2) for line in (*ways, *unseen) if len(line) > 1)


def _roads(frame: LocalFrame, middle: NDArray[np.float64], half: float) -> Iterator[NDArray[np.float64]]:
    wide, high = half, half * HEIGHT / WIDTH
    (west, east), (south, north) = frame.to_lonlat(
        [middle[0] - wide, middle[0] + wide], [middle[1] - high, middle[1] + high]
    )
    lines = [
        shapely.linestrings(np.column_stack(frame.to_metres(*line.T)))
        for line in ways_around(float(west), float(south), float(east), float(north))
    ]
    box = (middle[0] - wide, middle[1] - high, middle[0] + wide, middle[1] + high)
    clipped = shapely.clip_by_rect(shapely.simplify(np.array(lines, object), half / 400), *box)
    for part in shapely.get_parts(shapely.get_parts(clipped)):
        if part.geom_type == "LineString" and not part.is_empty:
            yield shapely.get_coordinates(part)


def _path(points: NDArray[np.float64]) -> str:
    return "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _round_metres(metres: float) -> int:
    """The largest of 10, 20, 50, 100, … that is no longer."""
    ten = 10 ** int(np.log10(max(metres, 10.0)))
    return int(max(step for step in (1, 2, 5) if step * ten <= max(metres, 10.0)) * ten)
