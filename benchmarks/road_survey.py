"""A made survey of real or made roads, whose truth is known: damages in lanes, drives with GPS errors, sightings.

Nothing is filmed: a drive sees the damages it passes with some probability, and puts each where its receiver
has it. What follows sightings (snapping, merging, crack ratios, hot spots) is measured against the truth.
Same seed, same survey.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray

from datasets.city import SIZES_M, Receiver
from detector.classes import ALLIGATOR_CRACK, CLASSES, POTHOLE, severity
from detector.errors import Translate
from detector.sightings import FILL, Sighting
from detector.trajectory import LocalFrame
from maps.coverage import Way
from maps.exports import Driven, write_geopackage
from maps.network import Network
from maps.on_roads import OnRoads
from maps.roads import Roads
from maps.survey import FILE, Survey

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SPEED_MS = 9.0
STEP_M = 2.0
REACH_M = 6.0
AGAIN_M = 600.0
"""A vehicle is not back on a road before it has been so far elsewhere."""
JUMP_M = 30.0
"""A drive that jumps so far has gone on somewhere else."""
DAY_S = 86_400.0
BEGIN_UTC_S = 1_750_000_000.0
SHARES = (0.35, 0.25, 0.25, 0.15)
"""Of the classes among damages."""


@dataclass(frozen=True)
class Truth:
    """Damages as they are, (n,): where on the network, in which direction's lane, how far left of its middle."""

    line: Ints
    at_m: Floats
    direction: Ints
    across_m: Floats
    class_id: Ints
    length_m: Floats
    width_m: Floats
    real: NDArray[np.bool_]
    """False: nothing is there, and the detector sees something all the same."""

    def __len__(self) -> int:
        return len(self.line)

    def pick(self, which: NDArray[np.bool_] | Ints) -> Truth:
        """These alone."""
        return Truth(*(getattr(self, name)[which] for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class MadeDrive:
    """A drive: what it gives to the rest, and, for each of `place`, on which line and way it really was."""

    way: Way
    driven: Driven
    sightings: list[Sighting]
    place: Floats
    """Where it really was, (n, 2) metres in the network's plane."""
    line: Ints
    direction: Ints
    at_m: Floats
    seen: Ints
    """Which damage of the truth each sighting is of."""


def damages(
    network: Network, rng: np.random.Generator, per_km: Floats | float, false_per_km: float = 0.0
) -> Truth:
    """Damages strewn over all lanes by chance, so many a lane-km (by line, or of all)."""
    real = _strewn(network, rng, per_km)
    if not false_per_km:
        return real
    false = _strewn(network, rng, false_per_km)
    return both(real, replace(false, real=np.zeros(len(false), bool)))


def both(one: Truth, other: Truth) -> Truth:
    """The damages of two truths."""
    return Truth(
        *(np.concatenate([getattr(one, name), getattr(other, name)]) for name in Truth.__dataclass_fields__)
    )


def _strewn(network: Network, rng: np.random.Generator, per_km: Floats | float) -> Truth:
    lanes = np.where(network.single | (network.roads.oneway != 0), 1, 2)
    count = rng.poisson(network.length_m * lanes / 1000 * per_km * (network.roads.level >= 0))
    line = np.repeat(np.arange(len(network.lines)), count)
    return place(network, rng, line, rng.uniform(0, network.length_m[line]))


def place(network: Network, rng: np.random.Generator, line: Ints, at_m: Floats) -> Truth:
    """Damages of chance kinds and sizes at these places, each in some lane of its road."""
    oneway = network.roads.oneway[line].astype(np.int64)
    direction = np.where(oneway != 0, oneway, rng.choice([-1, 1], len(line)))
    direction = np.where(network.single[line], 0, direction)
    class_id = rng.choice(len(CLASSES), len(line), p=SHARES)
    sizes = np.array([SIZES_M[one] for one in range(len(CLASSES))])[class_id]
    length, width = rng.uniform(sizes[:, 0, 0], sizes[:, 0, 1]), rng.uniform(sizes[:, 1, 0], sizes[:, 1, 1])
    room = np.maximum(network.lane_m[line] - width, 0) / 2
    across = rng.uniform(-room, room)
    return Truth(
        line, at_m, direction, across, class_id.astype(np.int64), length, width, np.ones(len(line), bool)
    )


def lane_places(
    network: Network, line: Ints, at_m: Floats, direction: Ints, left_m: Floats, keep_left: bool
) -> tuple[Floats, Floats]:
    """Places (n, 2) in lanes, and the course there (n, 2); `left_m` is how far left of the lane's middle."""
    lines = network.lines[line]
    low = shapely.get_coordinates(shapely.line_interpolate_point(lines, np.maximum(at_m - 2, 0)))
    high = shapely.get_coordinates(shapely.line_interpolate_point(lines, at_m + 2))
    middle = shapely.get_coordinates(shapely.line_interpolate_point(lines, at_m))
    run = high - low
    run /= np.maximum(np.hypot(*run.T), 1e-9)[:, None]
    course = run * np.where(direction == 0, 1, direction)[:, None]
    two = ~network.single[line] & (network.roads.oneway[line] == 0)
    side = np.where(two, network.lane_m[line] / 2, 0.0) * (1 if keep_left else -1)
    left = np.column_stack([-course[:, 1], course[:, 0]])
    return middle + left * (side + left_m)[:, None], course


def drive(
    network: Network, truth: Truth, rng: np.random.Generator, name: str, length_m: float,
    day: float, *, recall: float = 0.8, receiver: Receiver | None = None, keep_left: bool = True,
) -> MadeDrive:  # fmt: skip
    """A drive over the network by chance turns, so long, with what it saw."""
    receiver = receiver or Receiver(wander_m=2.8)
    line, direction, at = _route(network, rng, length_m)
    true, course = lane_places(
        network, line, at, direction, rng.normal(0, 0.2) + np.zeros(len(line)), keep_left
    )
    error = _wander(rng, len(line), receiver)
    begin = BEGIN_UTC_S + day * DAY_S
    shown = np.column_stack(network.frame.to_lonlat(*(true + error).T))
    reach = np.full((len(CLASSES), 3), REACH_M)
    accuracy = float(np.hypot(receiver.wander_m, receiver.noise_m))
    jumps = np.flatnonzero(np.hypot(*np.diff(true, axis=0).T) > JUMP_M) + 1
    ways = [part for part in np.split(shown, jumps) if len(part) > 1]
    way = Way(name, begin, ways, accuracy, reach)
    driven = Driven(name, ways, length_m, begin)
    sightings, seen = _sightings(
        network,
        truth,
        rng,
        name,
        begin,
        true,
        course,
        error,
        line,
        direction,
        at,
        recall,
        accuracy,
        keep_left,
    )
    return MadeDrive(way, driven, sightings, true, line, direction, at, seen)


def _route(network: Network, rng: np.random.Generator, length_m: float) -> tuple[Ints, Ints, Floats]:
    """Line, direction and chainage every `STEP_M`: on at junctions by chance, but not back to where it just was.

    Where there is no way on it begins somewhere else.
    """
    met = network.junctions
    by_line: dict[int, list[tuple[float, int, float]]] = {}
    for one, at, other, other_at in zip(
        met.line.tolist(), met.at_m.tolist(), met.other.tolist(), met.other_m.tolist(), strict=True
    ):
        by_line.setdefault(one, []).append((at, other, other_at))
    weight = network.length_m * (network.roads.level >= 0)  # beneath the ground there is no GPS
    weight /= weight.sum()
    oneway = network.roads.oneway
    parts: list[tuple[int, int, Floats]] = []
    driven, left_at = 0.0, dict[int, float]()
    line, at, way = -1, 0.0, 1
    while driven < length_m:
        if line < 0:
            line = int(rng.choice(len(weight), p=weight))
            way = int(oneway[line]) or int(rng.choice([-1, 1]))
            at = 0.0 if way > 0 else float(network.length_m[line])
        ahead = sorted(
            (abs(there - at), there, other, there_)
            for there, other, there_ in by_line.get(line, ())
            if (there - at) * way > 1.0
        )
        end = float(network.length_m[line]) if way > 0 else 0.0
        goal = ahead[0][1] if ahead else end
        parts.append((line, way, np.arange(at, goal, way * STEP_M)))
        driven += abs(goal - at)
        left_at[line] = driven
        at = goal
        options: list[tuple[int, float, int]] = [(line, at, way)] if (end - at) * way > 1.0 else []
        for _, there, other, other_at in ahead:
            if abs(there - goal) < 1.0:
                options += [
                    (other, other_at, turn)
                    for turn in (1, -1)
                    if oneway[other] in (0, turn)
                    and weight[other] > 0
                    and driven - left_at.get(other, -AGAIN_M) >= AGAIN_M
                    and (network.length_m[other] - other_at if turn > 0 else other_at) > 5.0
                ]
        line, at, way = options[int(rng.integers(len(options)))] if options else (-1, 0.0, 1)
    lines = np.concatenate([np.full(len(part), one) for one, _, part in parts])
    ways = np.concatenate([np.full(len(part), one) for _, one, part in parts])
    return lines.astype(np.int64), ways.astype(np.int64), np.concatenate([part for *_, part in parts])


def _wander(rng: np.random.Generator, count: int, receiver: Receiver) -> Floats:
    """GPS errors (n, 2) along a drive: a first-order Gauss-Markov wander, and little noise."""
    keep = float(np.exp(-STEP_M / SPEED_MS / receiver.wander_s))
    steps = rng.normal(0, receiver.wander_m, (count, 2))
    steps[1:] *= np.sqrt(1 - keep**2)
    error = np.empty_like(steps)
    error[0] = steps[0]
    for index in range(1, count):
        error[index] = keep * error[index - 1] + steps[index]
    return error


def _sightings(
    network: Network,
    truth: Truth,
    rng: np.random.Generator,
    name: str,
    begin: float,
    true: Floats,
    course: Floats,
    error: Floats,
    line: Ints,
    direction: Ints,
    at: Floats,
    recall: float,
    accuracy: float,
    keep_left: bool,
) -> tuple[list[Sighting], Ints]:
    """What a drive saw: each damage within reach once for every time it went past, by chance."""
    where, _ = lane_places(network, truth.line, truth.at_m, truth.direction, truth.across_m, keep_left)
    passed: list[tuple[int, int]] = []
    turned = (np.diff(line) != 0) | (np.diff(direction) != 0)
    edges = np.flatnonzero(turned | (np.abs(np.diff(at)) > 3 * STEP_M)) + 1
    of_line: dict[int, Ints] = {one: np.flatnonzero(truth.line == one) for one in np.unique(line).tolist()}
    for stretch in np.split(np.arange(len(line)), edges):
        mine = of_line[int(line[stretch[0]])]
        low, high = np.sort(at[stretch[[0, -1]]])
        inside = mine[(truth.at_m[mine] >= low) & (truth.at_m[mine] <= high + STEP_M)]
        for index in inside.tolist():
            step = int(stretch[np.abs(at[stretch] - truth.at_m[index]).argmin()])
            near = np.hypot(*(where[index] - true[step])) < REACH_M
            if near and rng.random() < (recall if truth.real[index] else 0.3):
                passed.append((index, step))
    sightings = []
    for index, step in passed:
        heading = course[step]
        own = rng.normal(0, (0.5, 0.8), 2)
        shown = where[index] + error[step] + own
        lon, lat = network.frame.to_lonlat(*shown)
        size = np.array([truth.length_m[index], truth.width_m[index]])
        size_sd = np.maximum(0.12 * size, 0.03)
        length, width = np.maximum(size + rng.normal(0, size_sd), 0.05)
        kind = int(truth.class_id[index])
        area = float(FILL[kind] * length * width) if kind in FILL else None
        spread = accuracy**2 + 0.7
        sightings.append(
            Sighting(
                drive=name, class_id=kind, confidence=_confidence(rng, real=bool(truth.real[index])),
                lon=float(lon), lat=float(lat), covariance_m2=((spread, 0.0), (0.0, spread)),
                heading_deg=float(np.degrees(np.arctan2(*heading)) % 360),
                length_m=float(length), length_sd_m=float(size_sd[0]), width_m=float(width), width_sd_m=float(size_sd[1]),
                area_m2=area, area_sd_m2=None if area is None else 0.27 * area,
                time_s=step * STEP_M / SPEED_MS, utc_s=begin + step * STEP_M / SPEED_MS, frames=3, model="made",
                evidence="", crop="", class_share=1.0, common_sd_m=accuracy,
            )
        )  # fmt: skip
    return sightings, np.array([index for index, _ in passed], np.int64)


def _confidence(rng: np.random.Generator, *, real: bool) -> float:
    """A confidence that is the probability it says, where nine sightings of ten are of something real."""
    return float(np.clip(rng.beta(10, 1) if real else rng.beta(9, 2), 0.25, 0.99))


def true_severity(truth: Truth) -> Ints:
    """Index into severities of each damage."""
    area = (
        np.where(truth.class_id == ALLIGATOR_CRACK, FILL[ALLIGATOR_CRACK], 1.0)
        * truth.length_m
        * truth.width_m
    )
    rows = zip(truth.class_id.tolist(), truth.length_m, truth.width_m, area, strict=True)
    return np.array(
        [severity(one, float(length), float(width), float(square)) for one, length, width, square in rows],
        np.int64,
    )


def survey_of(drives: Sequence[MadeDrive]) -> Survey:
    """The drives as `detect` would have left them."""
    return Survey(
        [one.way for one in drives],
        [one.driven for one in drives],
        {one.way.drive: one.sightings for one in drives},
        {one.way.drive: Path(one.way.drive) for one in drives},
    )


def write_results(folder: Path, drives: Sequence[MadeDrive], zone: tzinfo, translate: Translate) -> None:
    """The drives as an output folder of `detect`, as far as exports read it; no pictures are there to show."""
    counted = survey_of(drives).counted()
    folder.mkdir(parents=True)
    write_geopackage(
        folder / FILE,
        counted.damages,
        [one.driven for one in drives],
        [one.way for one in drives],
        zone,
        translate,
    )


def later(network: Network, truth: Truth, rng: np.random.Generator, per_km: float) -> Truth:
    """The same damages a year on: a third of cracks longer and wider, one in eight gone, as many to the lane-km new."""
    grown = (rng.random(len(truth)) < 0.35)[:, None] & (truth.class_id != POTHOLE)[:, None]
    size = np.column_stack([truth.length_m, truth.width_m]) * np.where(
        grown, rng.uniform(1.3, 1.8, (len(truth), 1)), 1.0
    )
    left = replace(truth, length_m=size[:, 0], width_m=size[:, 1]).pick(rng.random(len(truth)) >= 0.12)
    return both(left, damages(network, rng, per_km))


def as_they_are(truth: Truth) -> OnRoads:
    """The real damages of the truth on the roads, without any error."""
    truth = truth.pick(truth.real)
    zero = np.zeros(len(truth))
    fill = np.array([FILL.get(one, np.nan) for one in range(len(CLASSES))])[truth.class_id]
    return OnRoads(
        np.arange(len(truth)), truth.line, truth.direction.astype(np.int64), truth.at_m, truth.across_m, zero,
        truth.class_id, true_severity(truth), truth.length_m, zero, truth.width_m, zero,
        fill * truth.length_m * truth.width_m, np.ones(len(truth)),
    )  # fmt: skip


def grid_town(streets: int, spacing_m: float, beside_m: float = 0.0) -> Roads:
    """So many streets each way, so far apart, named alternately; with `beside_m` each has a side road that far off."""
    frame = LocalFrame(139.75, 35.65)
    far = (streets - 1) * spacing_m
    lines, names = [], []
    for number in range(streets):
        at = number * spacing_m
        for name, ends in (("E", ((0.0, at), (far, at))), ("N", ((at, 0.0), (at, far)))):
            lines.append(ends)
            names.append(f"{name}{number}")
            if beside_m:
                off = (0.0, beside_m) if name == "E" else (beside_m, 0.0)
                lines.append(
                    ((ends[0][0] + off[0], ends[0][1] + off[1]), (ends[1][0] + off[0], ends[1][1] + off[1]))
                )
                names.append(f"{name}{number} side")
    xy = np.array(lines).reshape(-1, 2)
    lonlat = np.column_stack(frame.to_lonlat(*xy.T)).reshape(-1, 2, 2)
    unknown = np.full(len(lines), np.nan)
    return Roads(
        np.asarray(shapely.linestrings(lonlat), object), [f"{index + 1}" for index in range(len(lines))], names,
        ["residential"] * len(lines), unknown, unknown, np.zeros(len(lines), np.int8), unknown,
        np.zeros(len(lines), np.int8),
    )  # fmt: skip
