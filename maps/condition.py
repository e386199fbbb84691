"""Condition of a pavement: the crack ratio ひび割れ率, the diagnosis 診断区分 and the MCI, by their published rules.

Crack ratio (舗装調査・試験法便覧 S029, 日本道路協会): the lane is laid out in a mesh of 0.5 m; a cell with one crack
counts 0.15 m², one with two or more the whole 0.25 m²; the ratio is their sum over the lane's area. Diagnosis
(舗装点検要領, 国土交通省 道路局, 2016, for asphalt): Ⅰ below 20 %, Ⅱ below 40 %, Ⅲ from there on, and alike for rut depth
(20, 40 mm) and IRI (3, 8 mm/m). All numbers stand in the rules.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from detector.classes import ALLIGATOR_CRACK, CLASSES, LONGITUDINAL_CRACK, POTHOLE, TRANSVERSE_CRACK
from detector.sightings import FILL
from maps.coverage import smallest_m
from maps.network import Network
from maps.on_roads import OnRoads
from maps.rules import ConditionRules

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DIAGNOSES = ("", "Ⅰ", "Ⅱ", "Ⅲ")
"""By how bad; the first one stands for what is not known."""
AT_ONCE = 200_000
"""Damages whose cells are held at a time."""
SURELY = 0.999
MEDIUM = 1


def crack_cells(
    network: Network, damages: OnRoads, rules: ConditionRules
) -> Iterator[tuple[Ints, Ints, Floats, Floats]]:
    """The cells of the mesh that damages lie in, some lines at a time: line, direction, chainage (m) and m² of each.

    A crack lies in all cells that it touches, straight along or across its lane; what covers an area, in those whose
    middle it covers. A damage that is there with some probability counts what is to be expected; in a
    cell with several that is worked out over all ways in which they may be there or not.
    """
    order = np.argsort(damages.line, kind="stable")
    order = order[damages.line[order] >= 0]
    ends = np.flatnonzero(np.diff(damages.line[order])) + 1
    wanted = np.searchsorted(ends, np.arange(AT_ONCE, len(order), AT_ONCE))
    cuts = np.unique(ends[wanted[wanted < len(ends)]])
    for rows in np.split(order, cuts):
        if len(rows):
            yield _cells(network, damages[rows], rules)


def _cells(network: Network, damages: OnRoads, rules: ConditionRules) -> tuple[Ints, Ints, Floats, Floats]:
    mesh = rules.mesh_m
    rows, columns = _extent(network, damages, mesh)
    tall, wide = rows[:, 1] - rows[:, 0] + 1, columns[:, 1] - columns[:, 0] + 1
    of = np.repeat(np.arange(len(damages)), tall * wide)
    place = np.arange(len(of)) - np.repeat(np.cumsum(tall * wide) - tall * wide, tall * wide)
    row, column = rows[of, 0] + place // wide[of], columns[of, 0] + place % wide[of]
    lane = 2 * damages.line[of] + (damages.direction[of] < 0)
    most = int(columns[:, 1].max()) + 1, int(rows[:, 1].max()) + 1
    key, cell = np.unique((lane * most[1] + row) * most[0] + column, return_inverse=True)
    weight = np.clip(damages.weight, 0, SURELY)[of]
    kind = damages.class_id[of]

    def spared(which: NDArray[np.bool_]) -> Floats:
        """The probability that none of these is there, by cell."""
        sums = np.bincount(cell[which], np.log1p(-weight[which]), minlength=len(key))
        return np.asarray(np.exp(sums), float)

    single = (kind == LONGITUDINAL_CRACK) | (kind == TRANSVERSE_CRACK)
    odds = np.bincount(cell[single], (weight / (1 - weight))[single], minlength=len(key))
    no_area, no_pothole, none = spared(kind == ALLIGATOR_CRACK), spared(kind == POTHOLE), spared(single)
    one = none * odds

    def expected(least_m2: float) -> Floats:
        """What cells count for their cracks, and no less than this."""
        single_m2, whole_m2 = max(rules.one_crack_m2, least_m2), max(rules.more_cracks_m2, least_m2)
        cracks_m2 = none * least_m2 + one * single_m2 + (1 - none - one) * whole_m2
        return np.asarray((1 - no_area) * whole_m2 + no_area * cracks_m2, float)

    area_m2 = no_pothole * expected(0.0) + (1 - no_pothole) * expected(rules.pothole_m2)
    lanes, along = key // (most[0] * most[1]), key // most[0] % most[1]
    return lanes // 2, np.where(lanes % 2, -1, 1), (along + 0.5) * mesh, area_m2


def _extent(network: Network, damages: OnRoads, mesh: float) -> tuple[Ints, Ints]:
    """First and last row along the line, and column across the lane, of the cells of each damage, (n, 2) each."""
    length, width = _covered_m(damages)
    lane_m = network.lane_m[damages.line]
    touched = damages.class_id == LONGITUDINAL_CRACK
    rows = _steps(damages.at_m, length, mesh, touched, network.length_m[damages.line])
    width = np.minimum(width, lane_m)
    room = (lane_m - width) / 2
    across = np.clip(damages.across_m, -room, room) + lane_m / 2
    touched = damages.class_id == TRANSVERSE_CRACK
    return rows, _steps(across, width, mesh, touched, lane_m)


def _covered_m(damages: OnRoads) -> tuple[Floats, Floats]:
    """Length along and width across of what each damage covers: a crack is a line, the rest fill their boxes in part."""
    box_m2 = np.maximum(damages.length_m * damages.width_m, 1e-6)
    usual = np.array([FILL.get(one, 1.0) for one in range(len(CLASSES))])[damages.class_id]
    fill = np.where(np.isfinite(damages.area_m2), damages.area_m2 / box_m2, usual)
    scale = np.sqrt(np.clip(fill, 0.05, 1.0))
    length = np.where(damages.class_id == LONGITUDINAL_CRACK, damages.length_m, damages.length_m * scale)
    width = np.where(damages.class_id == TRANSVERSE_CRACK, damages.width_m, damages.width_m * scale)
    return (
        np.where(damages.class_id == TRANSVERSE_CRACK, 0.0, length),
        np.where(damages.class_id == LONGITUDINAL_CRACK, 0.0, width),
    )


def _steps(middle: Floats, size: Floats, mesh: float, touched: NDArray[np.bool_], room: Floats) -> Ints:
    """First and last cell of a stretch so long about its middle, those within `room` alone."""
    low, high = (middle - size / 2) / mesh, (middle + size / 2) / mesh
    first = np.where(touched, np.floor(low), np.ceil(low - 0.5))
    last = np.where(touched, np.ceil(high), np.ceil(high - 0.5)) - 1
    here = np.floor(middle / mesh)
    none = last < first
    first, last = np.where(none, here, first), np.where(none, here, last)
    most = np.maximum(np.ceil(room / mesh - 1e-6), 1) - 1
    return np.column_stack([np.clip(first, 0, most), np.clip(last, 0, most)]).astype(np.int64)


def mesh_area_m2(damages: OnRoads, rules: ConditionRules) -> Floats:
    """What each damage by itself counts in the mesh on average over where it lies in it, (n,) m²."""
    mesh = rules.mesh_m
    length, width = _covered_m(damages)
    one = np.full(len(damages), rules.one_crack_m2)
    line_cells = np.where(damages.class_id == LONGITUDINAL_CRACK, length, width) / mesh + 1
    cells = np.maximum(length / mesh, 1) * np.maximum(width / mesh, 1)
    by_class = {
        LONGITUDINAL_CRACK: one * line_cells,
        TRANSVERSE_CRACK: one * line_cells,
        ALLIGATOR_CRACK: rules.more_cracks_m2 * cells,
        POTHOLE: rules.pothole_m2 * cells,
    }
    return np.asarray(np.choose(damages.class_id, [by_class[one] for one in range(len(CLASSES))]), float)


def area_ratio_sd(damages: OnRoads, rules: ConditionRules) -> Floats:
    """Standard error of what each counts in the mesh, as a share of it (n,): sizes, and how it lies in the mesh."""
    length = damages.length_sd_m / np.maximum(damages.length_m, 0.1)
    width = damages.width_sd_m / np.maximum(damages.width_m, 0.1)
    both = np.hypot(length, width)
    size = np.choose(damages.class_id, [length, width, both, both])
    # Cells are whole: what a crack's ends, or a patch's edges, make of them differs by half a cell or so.
    unit = np.where(np.isin(damages.class_id, (LONGITUDINAL_CRACK, TRANSVERSE_CRACK)), rules.one_crack_m2,
                    rules.more_cracks_m2)  # fmt: skip
    return np.asarray(np.hypot(size, 0.4 * unit / np.maximum(mesh_area_m2(damages, rules), 0.01)), float)


def usual_area_m2(rules: ConditionRules) -> Floats:
    """What the smallest damage of medium size counts, by class: where a survey has none to tell."""
    size = smallest_m()[:, MEDIUM]
    every = np.arange(len(CLASSES))
    zero = np.zeros(len(every))
    made = OnRoads(every, every, every, zero, zero, zero, every, every, size[:, 0], zero, size[:, 1], zero,
                   np.full(len(every), np.nan), zero)  # fmt: skip
    return mesh_area_m2(made, rules)


def diagnosis(values: Floats, steps: tuple[float, ...]) -> NDArray[np.int8]:
    """Index into `DIAGNOSES` (n,): Ⅰ below the first step, Ⅱ below the second, Ⅲ from there on; 0 for NaN."""
    found = 1 + (values >= steps[0]) + (values >= steps[1])
    return np.asarray(np.where(np.isnan(values), 0, found), np.int8)


def mci_crack_only(crack_ratio: Floats) -> Floats:
    """MCI₁ = 10 − 2.23 C^0.3, C in percent: the form of the Maintenance Control Index for cracks alone.

    建設省土木研究所, 1981; the index of a road is the least of its four forms, the others need rut depth.
    """
    return np.asarray(10 - 2.23 * np.maximum(crack_ratio, 0) ** 0.3, float)
