"""Streets: the ground driven, each stretch once however often it was driven, with the drives that went along it.

There is no road network here: ways are laid onto the ways of earlier drives. So what is told per kilometre is
told per kilometre of street, and a street that was driven ten times is not ten times as bad.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from maps.exports import Driven

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PIECE_M = 10.0
STRETCH_M = 100.0
SAME_STREET_M = 15.0
"""Two ways this near that run alike are one street: two receivers off by 4 m each, on two lanes."""
CROSSING_M = 8.0
"""What lies this near a street is part of it, whichever way it runs: a crossing counts once."""
ALIKE = float(np.cos(np.radians(35)))
ALONG_SHARE = 0.4
"""A drive went along a stretch when it did along so much of it."""
STUB_PIECES = 3
"""Shorter bits between what is known already are corners cut, and no street."""
BACK_M = 60.0
"""A drive meets itself no sooner than this far on."""
BESIDE_M = 25.0
"""A damage this near a stretch lies on it."""
EARTH_RADIUS_M = 6_371_007.0
LINE_TOLERANCE_M = 0.5
CUT_LON = -33.5
"""Where the plane begins and ends: a meridian that no road crosses, from Greenland's ice through the Atlantic."""


@dataclass(frozen=True)
class Streets:
    """Stretches of `STRETCH_M` at most: `lines` (n, 2) EPSG:4326, length, whether none could judge them.

    `drives` are for each stretch the places, in the list of drives given, of those that went along it.
    """

    lines: list[Floats]
    metres: Floats
    unseen: NDArray[np.bool_]
    drives: list[list[int]]
    _place: Floats
    _of: Ints

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(self._place)

    def nearest(self, lon: Floats, lat: Floats) -> tuple[Ints, Floats]:
        """The stretch that each place lies on (-1: on none), and how far its middle line is, metres (n,)."""
        if not len(self._place) or not len(lon):
            return np.full(len(lon), -1, np.int64), np.full(len(lon), np.inf)
        flat, scale = _flat(np.column_stack([lon, lat]))
        apart, index = self._tree.query(flat)
        apart_m = apart * scale
        return np.where(apart_m < BESIDE_M, self._of[index], -1), apart_m


@dataclass
class _Pieces:
    """Bits of `PIECE_M` of one or more ways: middle and direction (n, 2), ends, and which run on in order."""

    middle: Floats
    direction: Floats
    begin: Floats
    end: Floats
    order: Ints
    scale: Floats

    def __getitem__(self, which: NDArray[np.bool_] | NDArray[np.intp]) -> _Pieces:
        return _Pieces(
            self.middle[which], self.direction[which], self.begin[which],
            self.end[which], self.order[which], self.scale[which],
        )  # fmt: skip

    @cached_property
    def low(self) -> Floats:
        """The west and south of the middles."""
        return np.asarray(self.middle.min(0))

    @cached_property
    def high(self) -> Floats:
        """The east and north of the middles."""
        return np.asarray(self.middle.max(0))

    def __len__(self) -> int:
        return len(self.middle)


def streets(driven: Sequence[Driven]) -> Streets:
    """The distinct streets of these drives: first what they could judge, then what none of them could."""
    known: list[_Pieces] = []
    stretch_of: list[Ints] = []
    along: list[tuple[int, Ints]] = []
    unseen: list[bool] = []
    for judged in (True, False):
        for index, drive in enumerate(driven):
            pieces = _pieces(drive.ways if judged else drive.unseen)
            if not len(pieces):
                continue
            near = _near(pieces, known)
            new, beside = _laid_on(pieces, [known[row] for row in near])
            if judged and near:
                of = np.concatenate([stretch_of[row] for row in near])
                along.append((index, of[beside[beside >= 0]]))
            pieces = pieces[new]
            for run in _runs(pieces):
                number = len(unseen) + np.arange(len(run)) * _cuts(len(run)) // len(run)
                known.append(pieces[run])
                stretch_of.append(number)
                unseen.extend([not judged] * _cuts(len(run)))
                along.append((index, number))
    return _gathered(known, stretch_of, along, np.array(unseen, bool))


def _gathered(
    known: list[_Pieces], stretch_of: list[Ints], along: list[tuple[int, Ints]], unseen: NDArray[np.bool_]
) -> Streets:
    if not known:
        empty = np.zeros((0, 2))
        return Streets([], np.zeros(0), unseen, [], empty, np.zeros(0, np.int64))
    of = np.concatenate(stretch_of)
    begin, end, middle = (
        np.concatenate([getattr(one, name) for one in known]) for name in ("begin", "end", "middle")
    )
    scale = np.concatenate([one.scale for one in known])
    metres = np.asarray(np.bincount(of, np.hypot(*(end - begin).T) * scale), float)
    bounds = np.searchsorted(of, np.arange(len(unseen) + 1))  # in order of stretches as they were found
    lines = []
    for first, last in pairwise(bounds.tolist()):
        line = np.vstack([begin[first], end[first:last]])
        thin = shapely.LineString(line).simplify(LINE_TOLERANCE_M / scale[first])
        lines.append(_lonlat(np.asarray(thin.coords)))
    drives: list[list[int]] = [[] for _ in lines]
    size = np.bincount(of)
    for index in sorted({one for one, _ in along}):
        hits = np.concatenate([which for one, which in along if one == index])
        count = np.bincount(hits, minlength=len(size))
        for stretch in np.flatnonzero(count >= np.maximum(ALONG_SHARE * size, 1)).tolist():
            drives[stretch].append(index)
    return Streets(lines, metres, unseen, drives, middle, of)


def _pieces(ways: Sequence[Floats]) -> _Pieces:
    """The ways cut into equal bits of about `PIECE_M`; a number is missed in the order between two ways."""
    columns: list[tuple[Floats, ...]] = []
    first = 0
    for way in ways:
        way = way[np.isfinite(way).all(1)]
        if len(way) < 2:
            continue
        line, scale = _flat(way)
        shape = shapely.LineString(line)
        metres = shape.length * float(scale.mean())
        if metres < 1.0:
            continue
        count = max(round(metres / PIECE_M), 1)
        marks = shapely.line_interpolate_point(shape, np.linspace(0, shape.length, count + 1))
        points = shapely.get_coordinates(marks)
        step = np.diff(points, axis=0)
        direction = step / np.maximum(np.hypot(*step.T), 1e-9)[:, None]
        order = first + np.arange(count)
        columns.append((points[:-1] + step / 2, direction, points[:-1], points[1:], order,
                        np.full(count, float(scale.mean()))))  # fmt: skip
        first += count + 1
    if not columns:
        two, one = np.zeros((0, 2)), np.zeros(0)
        return _Pieces(two, two, two, two, np.zeros(0, np.int64), one)
    middle, direction, begin, end, order, scale = (
        np.concatenate(each) for each in zip(*columns, strict=True)
    )
    return _Pieces(middle, direction, begin, end, order.astype(np.int64), scale)


def _near(pieces: _Pieces, known: list[_Pieces]) -> list[int]:
    """Which known runs may lie beside these pieces, by their bounds."""
    reach = SAME_STREET_M / float(pieces.scale.min())
    low, high = pieces.middle.min(0) - reach, pieces.middle.max(0) + reach
    return [row for row, run in enumerate(known) if (run.low <= high).all() and (run.high >= low).all()]


def _laid_on(pieces: _Pieces, known: list[_Pieces]) -> tuple[NDArray[np.bool_], Ints]:
    """Which pieces are new ground, and beside which known piece each runs (-1: none)."""
    new, beside = np.ones(len(pieces), bool), np.full(len(pieces), -1, np.int64)
    if known:
        middle, direction = (
            np.concatenate([getattr(one, name) for one in known]) for name in ("middle", "direction")
        )
        count = min(8, len(middle))
        apart, index = cKDTree(middle).query(pieces.middle, k=np.arange(1, count + 1))
        apart_m = apart * pieces.scale[:, None]
        cosine = np.abs((pieces.direction[:, None] * direction[index]).sum(2))
        alike = (cosine > ALIKE) & (apart_m < SAME_STREET_M)
        any_alike = alike.any(1)
        beside[any_alike] = index[any_alike, alike[any_alike].argmax(1)]
        new = ~any_alike & (apart_m[:, 0] >= CROSSING_M)
    rows = np.flatnonzero(new)
    new[rows[_met_again(pieces[rows])]] = False
    return _without_stubs(pieces, new), beside


def _met_again(pieces: _Pieces) -> NDArray[np.intp]:
    """Which of a drive's own pieces lie on ground that it was on before."""
    if len(pieces) < 2:
        return np.zeros(0, np.intp)
    reach = SAME_STREET_M / float(pieces.scale.min())
    pairs = cKDTree(pieces.middle).query_pairs(reach, output_type="ndarray")
    one, other = pairs.min(1), pairs.max(1)
    apart_m = np.hypot(*(pieces.middle[one] - pieces.middle[other]).T) * pieces.scale[one]
    cosine = np.abs((pieces.direction[one] * pieces.direction[other]).sum(1))
    later = pieces.order[other] - pieces.order[one] > BACK_M / PIECE_M
    same = later & (((cosine > ALIKE) & (apart_m < SAME_STREET_M)) | (apart_m < CROSSING_M))
    one, other = one[same], other[same]
    again = np.zeros(len(pieces), bool)
    for a, b in sorted(zip(one.tolist(), other.tolist(), strict=True), key=lambda pair: pair[1]):
        again[b] |= not again[a]
    return np.flatnonzero(again)


def _without_stubs(pieces: _Pieces, new: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """New ground without the bits that are short and have known ground before or after them."""
    kept = new.copy()
    rows = np.flatnonzero(new)
    for run in _runs(pieces[rows]):
        ends = pieces.order[rows[run[[0, -1]]]] + (-1, 1)
        if len(run) < STUB_PIECES and np.isin(ends, pieces.order).any():
            kept[rows[run]] = False
    return kept


def _runs(pieces: _Pieces) -> Iterator[NDArray[np.intp]]:
    """Places of pieces that follow one another."""
    if len(pieces):
        breaks = np.flatnonzero(np.diff(pieces.order) != 1) + 1
        yield from np.split(np.arange(len(pieces)), breaks)


def _cuts(count: int) -> int:
    """Into how many stretches a run of pieces is cut."""
    return -(-count // round(STRETCH_M / PIECE_M))


def _flat(lonlat: Floats) -> tuple[Floats, Floats]:
    """EPSG:4326 on a conformal plane (n, 2) that holds the whole world, and what its unit is in metres (n,)."""
    lon, lat = np.radians(lonlat).T
    lon = (lon - np.radians(CUT_LON)) % (2 * np.pi)
    lat = np.clip(lat, -1.48, 1.48)
    return np.column_stack([lon, np.arcsinh(np.tan(lat))]) * EARTH_RADIUS_M, np.cos(lat)


def _lonlat(flat: Floats) -> Floats:
    x, y = (flat / EARTH_RADIUS_M).T
    lon = (np.degrees(x) + CUT_LON + 180) % 360 - 180
    return np.asarray(np.column_stack([lon, np.degrees(np.arctan(np.sinh(y)))]), float)
