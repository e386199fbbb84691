"""What snapping, crack ratios and hot spots are worth against a made survey whose truth is known, and what they cost.

    python -m benchmarks.segments [--roads city.osm.pbf] [--km 300] [--seeds 10] [--only snapping|ratios|hot-spots|cost]

Drives go over real roads where a road file is given, else over a made town whose streets have side roads 10 m off.
Damages, receivers and detectors are made (`benchmarks.road_survey`); all that follows is what ships.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import shapely
from numpy.typing import NDArray

from benchmarks.road_survey import (
    MadeDrive,
    Truth,
    as_they_are,
    both,
    damages,
    drive,
    grid_town,
    later,
    place,
    survey_of,
    write_results,
)
from datasets.city import Receiver
from maps.assessment import Assessment, assess
from maps.condition import crack_cells
from maps.exposure import Exposure, exposure
from maps.hot_spots import hot_spots, neighbours
from maps.network import Network
from maps.passes import Recall
from maps.roads import read_roads
from maps.rules import Rules, default_rules
from maps.segments import Segments, segments, slot
from maps.snapping import snap, track

Floats = NDArray[np.float64]

DRIVE_M = 10_000.0
RECALL = 0.75
PER_KM = 12.0
"""Damages to the lane-km where nothing else is said; about as many as the drives that were labelled show."""
FALSE_SHARE = 0.28
"""Things that look like damage, as a share of damages: with how often each is seen, every tenth sighting is of one."""
BESIDE_M, ALIKE_DEG = 20.0, 20.0
"""A parallel road lies so near, and runs so much alike."""
JUNCTION_M = 15.0
"""So near where two roads meet a damage is on either."""
SPOTS = 8
GBIT = 1024.0


def network_of(path: Path | None, rules: Rules) -> Network:
    """The roads of a file, or the made town's."""
    return Network(read_roads(path) if path else grid_town(16, 200.0, 10.0), rules.lanes)


def drives_over(
    network: Network, truth: Truth, rng: np.random.Generator, km: float, gps_m: float, days: float = 2.0,
    from_day: float = 0.0,
) -> list[MadeDrive]:  # fmt: skip
    """Drives of 10 km, some days apart, by a receiver wrong by so much (root mean square of the distance)."""
    receiver = Receiver(wander_m=gps_m / np.sqrt(2))
    count = max(round(km * 1000 / DRIVE_M), 1)
    return [
        drive(
            network,
            truth,
            rng,
            f"d{from_day:04.0f}-{number:03d}",
            DRIVE_M,
            from_day + number * days,
            recall=RECALL,
            receiver=receiver,
        )
        for number in range(count)
    ]


def snapping(network: Network, rules: Rules, km: float, gps_m: float) -> dict[str, str]:
    """Sightings on the right road, by us and by the nearest line, at all and beside parallel roads."""
    rng = np.random.default_rng(1)
    truth = damages(network, rng, PER_KM)
    right, nearest, parallel, lane = [], [], [], []
    seconds = 0.0
    for one in drives_over(network, truth, rng, km, gps_m):
        if not one.sightings:
            continue
        at = np.column_stack(
            network.frame.to_metres([s.lon for s in one.sightings], [s.lat for s in one.sightings])
        )
        heading = np.radians([s.heading_deg for s in one.sightings])
        began = time.perf_counter()
        told = snap(network, track(network, one.way.lines, one.way.accuracy_m), at, heading, keep_left=True)
        seconds += time.perf_counter() - began
        line, chainage = truth.line[one.seen], truth.at_m[one.seen]
        near = network.short.line[network.tree.nearest(shapely.points(at))]
        right.append(_same_road(network, line, chainage, told.line))
        nearest.append(_same_road(network, line, chainage, near))
        parallel.append(_parallel(network, line, chainage))
        lane.append((told.direction == truth.direction[one.seen])[told.line == line])
    ours, theirs, beside = (np.concatenate(column) for column in (right, nearest, parallel))
    return {
        "GPS error (m)": f"{gps_m:g}",
        "sightings": f"{len(ours):,}",
        "right road": f"{ours.mean():.2%}",
        "right lane": f"{np.concatenate(lane).mean():.1%}",
        "nearest line": f"{theirs.mean():.2%}",
        "beside parallel roads": f"{beside.sum():,}",
        "right road there": f"{ours[beside].mean():.2%}",
        "nearest line there": f"{theirs[beside].mean():.2%}",
        "s per 100 km": f"{seconds / km * 100:.1f}",
    }


def _same_road(network: Network, line: Any, chainage: Floats, told: Any) -> NDArray[np.bool_]:
    """Whether each was put on its road, or, at a junction, on the one that meets it there."""
    good = told == line
    met = network.junctions
    for index in np.flatnonzero(~good & (told >= 0)):
        both = (met.line == line[index]) & (met.other == told[index])
        good[index] = bool((np.abs(met.at_m[both] - chainage[index]) < JUNCTION_M).any())
    return np.asarray(good, bool)


def _parallel(network: Network, line: Any, chainage: Floats) -> NDArray[np.bool_]:
    """Whether another road runs alike beside each place."""
    lines = network.lines[line]
    points = shapely.line_interpolate_point(lines, chainage)
    course = _course(lines, chainage)
    row, piece = network.tree.query(points, predicate="dwithin", distance=BESIDE_M)
    other = network.short.line[piece]
    there = shapely.line_locate_point(network.lines[other], points[row])
    alike = np.abs((_course(network.lines[other], there) * course[row]).sum(1)) > np.cos(
        np.radians(ALIKE_DEG)
    )
    beside = np.zeros(len(line), bool)
    beside[row[alike & (other != line[row])]] = True
    return beside


def _course(lines: Any, chainage: Floats) -> Floats:
    low, high = (
        shapely.get_coordinates(shapely.line_interpolate_point(lines, np.maximum(chainage + by, 0)))
        for by in (-3.0, 3.0)
    )
    step = high - low
    return np.asarray(step / np.maximum(np.hypot(*step.T), 1e-9)[:, None], float)


def true_ratio(network: Network, truth: Truth, told: Segments, rules: Rules) -> Floats:
    """Crack ratios as they are, by the same mesh, (2, pieces) percent."""
    pieces = told.pieces
    area = np.zeros((2, len(pieces)))
    for line, direction, at, area_m2 in crack_cells(network, as_they_are(truth), rules.condition):
        np.add.at(area, (slot(direction), pieces.at(line, at)), area_m2)
    return np.asarray(100 * area / ((pieces.end_m - pieces.begin_m) * told.lane_m), float)


def surveyed_town(
    network: Network, rules: Rules, seed: int, km: float, per_km: Floats | float
) -> tuple[Truth, Assessment]:
    """A made survey, assessed: damages strewn by chance, so many to the lane-km."""
    rng = np.random.default_rng(seed)
    truth = damages(network, rng, per_km, FALSE_SHARE * float(np.mean(per_km)))
    return truth, assess(survey_of(drives_over(network, truth, rng, km, 4.0)), network, rules)


def _ratio_run(task: tuple[Path | None, int, float, float]) -> list[tuple[float, ...]]:
    path, seed, km, per_km = task
    rules = default_rules()
    network = network_of(path, rules)
    by_line = np.random.default_rng(1000 + seed).gamma(2, per_km / 2, len(network.lines))
    truth, told = surveyed_town(network, rules, seed, km, by_line)
    rows: list[tuple[float, ...]] = []
    for found in (told.short, told.long):
        true = true_ratio(network, truth, found, rules)
        judged = np.isfinite(found.crack_ratio)
        low, high, ratio, true = (
            found.low[judged],
            found.high[judged],
            found.crack_ratio[judged],
            true[judged],
        )
        rows.append((
            float(judged.sum()), float(((true >= low - 1e-9) & (true <= high + 1e-9)).mean()), float((true > high).mean()),
            float(true.mean()), float(ratio.mean()), float(found.as_seen[judged].mean()), float((high - low).mean()),
        ))  # fmt: skip
    return rows


def ratios(path: Path | None, seeds: int, km: float, per_km: float) -> list[dict[str, str]]:
    """How often the true crack ratio lies in the stated 95 % interval, for segments of 20 m and 100 m."""
    told = _all(_ratio_run, [(path, seed, km, per_km) for seed in range(seeds)])
    rows = []
    for name, place_ in (("20 m", 0), ("100 m", 1)):
        run = np.array([one[place_] for one in told])
        mean, sd = run.mean(0), run.std(0, ddof=1)
        rows.append({
            "segments": name, "damages a lane-km": f"{per_km:g}", "judged": f"{mean[0]:.0f}",
            "in its 95 % interval": f"{mean[1]:.1%} ± {sd[1] / np.sqrt(len(run)):.1%}", "above it": f"{mean[2]:.1%}",
            "true ratio (%)": f"{mean[3]:.2f}", "told": f"{mean[4]:.2f}", "as seen": f"{mean[5]:.2f}",
            "width": f"{mean[6]:.2f}",
        })  # fmt: skip
    return rows


def _hot_run(task: tuple[Path | None, int, float, int]) -> tuple[int, int, int, int]:
    path, seed, km, spots = task
    rules = default_rules()
    network = network_of(path, rules)
    rng = np.random.default_rng(seed)
    truth = damages(network, rng, PER_KM, FALSE_SHARE * PER_KM)
    drives = drives_over(network, truth, rng, km, 4.0)
    near = neighbours(network, 1)
    planted = np.zeros(0, np.int64)
    if spots:
        planted = rng.choice(_often_seen(network, drives), spots, replace=False)
        truth = both(truth, _planted(network, rng, near, planted))
        rng = np.random.default_rng(seed)
        damages(network, rng, PER_KM, FALSE_SHARE * PER_KM)
        drives = drives_over(network, truth, rng, km, 4.0)
    hot = assess(survey_of(drives), network, rules).hot
    called = hot.level > 0
    within = np.zeros(len(called), bool)
    within[(near @ (near[:, planted].sum(1) > 0)) > 0] = bool(spots)
    found = sum(bool(called[near.indices[near.indptr[one] : near.indptr[one + 1]]].any()) for one in planted)
    return int(called.sum()), int((called & ~within).sum()), found, len(planted)


def _often_seen(network: Network, drives: list[MadeDrive]) -> NDArray[np.intp]:
    """Pieces of 100 m of which drives saw more than a whole lane."""
    seen, _ = exposure(network, [one.way for one in drives])
    piece = network.long.at(seen.line, seen.begin_m)
    lane_m = np.bincount(piece, (seen.share * seen.length_m).sum(0), minlength=len(network.long))
    return np.flatnonzero(lane_m > 120)


def _planted(network: Network, rng: np.random.Generator, near: Any, planted: Any) -> Truth:
    """Six times as many damages as elsewhere on each of these segments and on what touches it."""
    pieces = network.long
    rows = np.unique(
        np.concatenate([near.indices[near.indptr[one] : near.indptr[one + 1]] for one in planted])
    )
    lanes = np.where(network.single | (network.roads.oneway != 0), 1, 2)[pieces.line[rows]]
    length = pieces.end_m[rows] - pieces.begin_m[rows]
    count = rng.poisson(5 * PER_KM * lanes * length / 1000)
    of = np.repeat(rows, count)
    return place(network, rng, pieces.line[of], rng.uniform(pieces.begin_m[of], pieces.end_m[of]))


def hot(path: Path | None, seeds: int, km: float, spots: int) -> dict[str, str]:
    """Hot spots where they were put, and where none was."""
    told = np.array(_all(_hot_run, [(path, seed, km, spots) for seed in range(seeds)]))
    called, false, found, there = told.sum(0)
    return {
        "put": f"{spots} a survey" if spots else "none",
        "surveys": str(seeds),
        "found": f"{found} of {there}" if spots else "-",
        "segments called hot": str(called),
        "of them elsewhere": f"{false} ({false / max(called, 1):.0%})" if spots else str(false),
        "surveys with a false one": f"{(told[:, 1] > 0).sum()} of {seeds}",
    }


def cost() -> list[dict[str, str]]:
    """Time and memory for 1,000 km of roads and 1,000,000 damages, and of one more drive."""
    rules = default_rules()
    network, whole = _timed(lambda: Network(grid_town(72, 100.0), rules.lanes))
    _, laid = _timed(lambda: (network.tree, network.junctions))
    rng = np.random.default_rng(1)
    km = float(network.length_m.sum() / 1000)
    truth = damages(network, rng, 20.0)
    drives = drives_over(network, truth, rng, km, 4.0)
    seen = Exposure(network)

    def all_drives() -> None:
        for one in drives:
            seen.add(one.way, track(network, one.way.lines, one.way.accuracy_m))

    _, driving = _timed(all_drives)
    one = drives[0]
    _, again = _timed(lambda: seen.add(one.way, track(network, one.way.lines, one.way.accuracy_m)))
    share = np.full((4, 3), RECALL)
    recall = Recall(share[..., None], share, share[:, 0], np.full(4, 0.02))
    rows = [{"what": f"network of {km:,.0f} km", "s": f"{whole + laid:.2f}", "peak MiB": _peak()},
            {"what": f"exposure of {len(drives)} drives, {km:,.0f} km", "s": f"{driving:.1f}", "peak MiB": _peak()},
            {"what": "one more drive of 10 km", "s": f"{again:.2f} ({again / driving:.1%} of all)", "peak MiB": _peak()}]  # fmt: skip
    before = 0.0
    for count in (100_000, 1_000_000):
        placed = as_they_are(damages(network, rng, count / km / 2))
        placed = replace(placed, weight=np.full(len(placed), 0.9), place_sd_m=np.full(len(placed), 2.0))
        _, made = _timed(partial(segments, network, seen, placed, recall, rules.condition))
        _, compared = _timed(partial(hot_spots, network, seen, placed, recall, rules.hot_spots))
        ratio = f" ({made / before:.1f} × that of a tenth)" if before else ""
        before = made
        rows.append(
            {"what": f"segments of {len(placed):,} damages", "s": f"{made:.1f}{ratio}", "peak MiB": _peak()}
        )
        rows.append(
            {"what": f"hot spots of {len(placed):,} damages", "s": f"{compared:.1f}", "peak MiB": _peak()}
        )
    return rows


def made_years(network: Network, folder: Path, km: float) -> None:
    """Three yearly surveys of the same roads in folders of their own, with hot spots and what a year does."""
    rng = np.random.default_rng(4)
    near = neighbours(network, 1)
    truth = damages(network, rng, PER_KM, FALSE_SHARE * PER_KM)
    drives = drives_over(network, truth, rng, km, 4.0)
    truth = both(
        truth, _planted(network, rng, near, rng.choice(_often_seen(network, drives), SPOTS, replace=False))
    )
    for year in range(3):
        drives = drives_over(network, truth, rng, km, 4.0, days=1.0, from_day=365.0 * (year - 2))
        write_results(folder / f"{2023 + year}", drives, ZoneInfo("Asia/Tokyo"), str)
        truth = later(network, truth, rng, 1.5)


def _timed(made: Callable[[], Any]) -> tuple[Any, float]:
    began = time.perf_counter()
    return made(), time.perf_counter() - began


def _peak() -> str:
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / GBIT:.0f}"


def _all(work: Callable[[Any], Any], tasks: list[Any]) -> list[Any]:
    with multiprocessing.get_context("spawn").Pool() as pool:
        return pool.map(work, tasks, chunksize=1)


def _print(title: str, rows: list[dict[str, str]]) -> None:
    print(f"\n{title}\n")
    print("| " + " | ".join(rows[0]) + " |")
    print("|" + "---|" * len(rows[0]))
    for row in rows:
        print("| " + " | ".join(row.values()) + " |")


def main() -> None:
    """Run what is asked for and print it as tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--roads", type=Path, help="road file; without it a made town")
    parser.add_argument("--km", type=float, default=300.0)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument(
        "--results", type=Path, help="write three made years of surveys into this folder; measure nothing"
    )
    parser.add_argument("--only", choices=("snapping", "ratios", "hot-spots", "cost"))
    given = parser.parse_args()
    rules = default_rules()
    if given.results:
        made_years(network_of(given.roads, rules), given.results, given.km)
        return
    if given.only in (None, "snapping"):
        network = network_of(given.roads, rules)
        _print(f"Snapping, {given.km:g} km on {network.length_m.sum() / 1000:.1f} km of roads",
               [snapping(network, rules, given.km, gps_m) for gps_m in (4.0, 5.7)])  # fmt: skip
    if given.only in (None, "ratios"):
        _print(
            "Crack ratios",
            [row for per_km in (PER_KM, 40.0) for row in ratios(given.roads, given.seeds, given.km, per_km)],
        )
    if given.only in (None, "hot-spots"):
        _print(
            "Hot spots",
            [hot(given.roads, given.seeds * times, given.km, spots) for spots, times in ((SPOTS, 1), (0, 2))],
        )
    if given.only in (None, "cost"):
        _print("Cost", cost())


if __name__ == "__main__":
    main()
