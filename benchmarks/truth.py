"""What the line from boxes to damages is worth, against a made city whose damages are known.

    python -m benchmarks.truth [--seeds 5]

Boxes, fixes and camera errors come from `datasets.city`; trajectory, tracking, sightings and merging are the
ones that ship. Figures are means over seeds with 95 % intervals (t distribution).
"""

from __future__ import annotations

import argparse
import math
import resource
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from datasets.city import HOME, City, CityDrive, Receiver
from datasets.city_pictures import write_city_drive
from datasets.light import Daylight
from detector.camera import Camera, camera_for
from detector.classes import CODES
from detector.footage import Refused, find_drives
from detector.lenses import Lens
from detector.pipeline import Options, Source, find_camera, sighting_of
from detector.sightings import FILL, Sighting
from detector.telemetry.clock import Hints
from detector.tracking import Track, Tracker
from detector.trajectory import Trajectory, trajectory_from_fixes
from detector.visibility import Light
from maps.coverage import Way, reach_m
from maps.damage import State
from maps.merge import Damages
from maps.passes import Pass, belief, measured_recall, passes

CAMERA = Camera(1280, 720, 1004.0, 1.3, math.radians(3.0), focal_sd_ratio=0.03, yaw_sd_rad=math.radians(1.0))
PLAIN = Sighting(
    drive="", class_id=0, confidence=0.8, lon=0.0, lat=0.0, covariance_m2=((11.0, 0.0), (0.0, 11.0)), heading_deg=90.0,
    length_m=0.5, length_sd_m=0.1, width_m=0.5, width_sd_m=0.1, area_m2=0.2, area_sd_m2=0.1, time_s=0.0, utc_s=1.7e9,
    frames=3, model="city", evidence="", crop="", common_sd_m=3.2,
)  # fmt: skip
ROUTE_M = 1500.0
WEEKS = 26
DUSK_RECALL = 0.6
"""Of what is seen by day, what is seen at dusk."""
MODEL_PX = 640
EPOCH_S, DAY_S = 1.7e9, 86_400.0
PASS_M, PASS_S = 12.0, 10.0
"""A damage is passed when it is in view at this distance or nearer; again when that is so after this long."""


@dataclass(frozen=True)
class Seen:
    """What one drive gave: its sightings, which damage each is (-1: none), and how often it drove past which."""

    sightings: list[Sighting]
    truth: NDArray[np.int64]
    passes: Counter[int]
    trajectory: Trajectory


def drive_through(city: City, drive: CityDrive, name: str) -> Seen:
    """Run one made drive through trajectory, tracking and sightings."""
    trajectory = trajectory_from_fixes(drive.fixes())
    tracker, tracks = Tracker(drive.camera), list[Track]()
    owner: dict[tuple[int, bytes], int] = {}
    passes, last_s = Counter[int](), dict[int, float]()
    there = city.damages.there(drive.day)
    for view in drive.views():
        east, north, heading = drive.pose(view.frame.time_s)
        near = np.array([i for i in city.tree.query_ball_point((east, north), 25.0) if there[i]], int)
        for i in near[drive.in_view(near, east, north, heading, PASS_M)].tolist() if len(near) else []:
            passes[i] += view.frame.time_s - last_s.get(i, -np.inf) > PASS_S
            last_s[i] = view.frame.time_s
        for box, truth in zip(view.detections.xyxy, view.truth, strict=True):
            owner[view.frame.index, box.tobytes()] = int(truth)
        tracks.extend(tracker.update(view.frame, trajectory.at(view.frame.time_s), view.detections))
    tracks.extend(tracker.finish())
    sightings = [sighting_of(track, name, trajectory, "city") for track in tracks]
    truth = [owner[track.looked_best.frame.index, track.looked_best.xyxy.tobytes()] for track in tracks]
    return Seen(sightings, np.array(truth, np.int64), passes, trajectory)


def position_misses(city: City, seen: Seen) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distance of each true sighting from its damage in metres, and in squared standard errors."""
    metres, squared = [], []
    for sighting, truth in zip(seen.sightings, seen.truth, strict=True):
        if truth < 0:
            continue
        east, north = HOME.to_metres(sighting.lon, sighting.lat)
        miss = np.array(
            [float(east) - city.damages.east_m[truth], float(north) - city.damages.north_m[truth]]
        )
        metres.append(float(np.hypot(*miss)))
        squared.append(float(miss @ np.linalg.inv(np.array(sighting.covariance_m2)) @ miss))
    return np.array(metres), np.array(squared)


def interval(values: list[float], form: str = "{:.3f}") -> str:
    """Mean ± the half-width of its 95 % interval."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return form.format(mean)
    half = float(stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / math.sqrt(len(values)))
    return f"{form.format(mean)} ± {form.format(half)}"


def within_drives(seeds: int) -> None:
    """Recovery and overcount within a drive, by frame rate and speed."""
    print(
        "\nwithin a drive (damage every 15 m): share of damages driven past that are found; sightings a pass"
    )
    print(f"{'km/h':>6}{'fps':>5}  {'recovery':18}{'overcount':18}{'false of all':18}")
    for kmh in (20.0, 40.0, 60.0):
        for fps in (2.0, 5.0, 10.0, 30.0):
            recovery, overcount, false = [], [], []
            for seed in range(seeds):
                city = City(seed)
                rng = np.random.default_rng(1000 + seed)
                drive = CityDrive(city, city.route(rng, ROUTE_M), rng, CAMERA, kmh=kmh, fps=fps)
                seen = drive_through(city, drive, "drive")
                counts = Counter(seen.truth[seen.truth >= 0].tolist())
                found = set(counts) & set(seen.passes)
                recovery.append(len(found) / len(seen.passes))
                overcount.append(sum(counts[i] for i in found) / sum(seen.passes[i] for i in found))
                false.append(float(np.mean(seen.truth < 0)))
            print(
                f"{kmh:6.0f}{fps:5.0f}  {interval(recovery):18}{interval(overcount):18}{interval(false):18}"
            )


def positions(seeds: int) -> None:
    """Position errors and whether the stated ellipses hold."""
    print("\nposition of sightings (5 fps, 40 km/h)")
    print(f"{'receiver':34}{'median m':16}{'95 % m':16}{'inside 68 %':18}{'inside 95 %':18}")
    receivers = {
        "3 m wander, 0.2 s clock": Receiver(),
        "1 m wander, 0.2 s clock": Receiver(wander_m=1.0),
        "6 m wander, 0.2 s clock": Receiver(wander_m=6.0),
        "0.02 m wander, 0.2 s clock": Receiver(wander_m=0.02, noise_m=0.01),
    }
    bounds = stats.chi2.ppf([0.6827, 0.95], 2)
    for name, receiver in receivers.items():
        rows = []
        city = City(0)
        for seed in range(seeds * 60):  # a drive has one bias: many short drives tell more than few long ones
            rng = np.random.default_rng(2000 + seed)
            drive = CityDrive(city, city.route(rng, ROUTE_M / 6), rng, CAMERA, receiver=receiver)
            metres, squared = position_misses(city, drive_through(city, drive, "drive"))
            if len(metres):
                rows.append(
                    (np.median(metres), np.quantile(metres, 0.95), *(np.mean(squared <= b) for b in bounds))
                )
        columns = [interval([float(v) for v in column], "{:.2f}") for column in zip(*rows, strict=True)]
        print(f"{name:34}{columns[0]:16}{columns[1]:16}{columns[2]:18}{columns[3]:18}")


def sizes(seeds: int) -> None:
    """Errors of length, width and area as shares of the truth, and whether the stated intervals hold."""
    print(
        "\nsizes of sightings (5 fps, 40 km/h): miss as a share of the true size; inside the stated intervals"
    )
    print(
        f"{'class':8}{'size':8}{'number':>8}{'median miss':>13}{'bias':>8}{'inside 68 %':>13}{'inside 95 %':>13}"
    )
    rows: dict[tuple[int, str], list[tuple[float, float, float]]] = {}
    for seed in range(seeds * 4):
        city = City(seed)
        rng = np.random.default_rng(2000 + seed)
        drive = CityDrive(city, city.route(rng, ROUTE_M / 2), rng, CAMERA)
        seen = drive_through(city, drive, "drive")
        for sighting, truth in zip(seen.sightings, seen.truth.tolist(), strict=True):
            if truth < 0 or sighting.class_id != city.damages.class_id[truth]:
                continue
            length_m, width_m = float(city.damages.length_m[truth]), float(city.damages.width_m[truth])
            told = {
                "length": (sighting.length_m, sighting.length_sd_m, length_m),
                "width": (sighting.width_m, sighting.width_sd_m, width_m),
            }
            if sighting.area_m2 is not None and sighting.area_sd_m2 is not None:
                fill = FILL[sighting.class_id]
                told["area"] = (sighting.area_m2, sighting.area_sd_m2, fill * length_m * width_m)
            for name, one in told.items():
                rows.setdefault((sighting.class_id, name), []).append(one)
    for (class_id, name), told_rows in sorted(rows.items()):
        told_m, sd, true = np.array(told_rows).T
        miss = np.abs(told_m - true)
        print(
            f"{CODES[class_id]:8}{name:8}{len(true):8}{np.median(miss / true):13.1%}"
            f"{np.median(told_m / true) - 1:8.1%}{np.mean(miss < sd):13.2f}{np.mean(miss < 1.96 * sd):13.2f}"
        )


def adjusted_rand_index(one: NDArray[np.int64], other: NDArray[np.int64]) -> float:
    """Agreement of two ways to group the same things, 1 for the same and 0 for chance (Hubert & Arabie 1985)."""
    table = np.zeros((one.max() + 1, other.max() + 1))
    np.add.at(table, (one, other), 1)
    pairs = float((table * (table - 1) / 2).sum())
    rows, columns = (float((side * (side - 1) / 2).sum()) for side in (table.sum(1), table.sum(0)))
    chance = rows * columns / (len(one) * (len(one) - 1) / 2)
    return (pairs - chance) / ((rows + columns) / 2 - chance)


def merged(drives: list[Seen]) -> tuple[float, float]:
    """Count ratio and adjusted Rand index of the damages that several drives make, false alarms aside."""
    known = Damages()
    numbers = [known.add(drive.sightings) for drive in drives]
    final = np.array([known.numbers.final(number) for told in numbers for number in told])
    truth = np.concatenate([drive.truth for drive in drives])
    true = truth >= 0
    _, one = np.unique(truth[true], return_inverse=True)
    _, other = np.unique(final[true], return_inverse=True)
    return (other.max() + 1) / (one.max() + 1), adjusted_rand_index(one, other)


def across_drives(seeds: int) -> None:
    """Count ratio and adjusted Rand index, by how dense the damages lie and how many drives there are."""
    print(
        "\nacross drives (5 fps, 40 km/h, receivers 3 m off, every drive its own way through the same blocks)"
    )
    print(f"{'spacing m':>10}{'drives':>8}  {'count ratio':18}{'adjusted Rand':18}{'no merging':12}")
    for spacing_m in (5.0, 15.0, 40.0):
        rows: dict[int, list[tuple[float, float, float]]] = {count: [] for count in (1, 2, 4, 8)}
        for seed in range(seeds):
            city = City(seed, blocks=2, spacing_m=spacing_m)
            seen = []
            for number in range(8):
                rng = np.random.default_rng(3000 + 100 * seed + number)
                drive = CityDrive(city, city.route(rng, ROUTE_M), rng, CAMERA, day=float(number))
                seen.append(drive_through(city, drive, f"drive {number}"))
            for count, told in rows.items():
                truth = np.concatenate([one.truth for one in seen[:count]])
                truth = truth[truth >= 0]
                told.append((*merged(seen[:count]), len(truth) / len(np.unique(truth))))
        for count, told in rows.items():
            ratio, rand, none = ([float(v) for v in column] for column in zip(*told, strict=True))
            print(
                f"{spacing_m:10.0f}{count:8}  {interval(ratio):18}{interval(rand):18}{interval(none, '{:.2f}'):12}"
            )


@dataclass(frozen=True)
class HalfAYear:
    """A drive a week along one route: damages, passes, the day each was last called repaired, the truth."""

    known: Damages
    told: dict[int, list[Pass]]
    called: dict[int, float]
    owner: dict[int, int]


def orders(seeds: int) -> None:
    """How much the damages depend on the order in which four drives are taken in."""
    print("\norder of taking in (four drives, damage every 15 m, ten orders each)")
    spread, rand = list[float](), list[float]()
    for seed in range(seeds):
        seen = _four_drives(seed)
        rng = np.random.default_rng(seed)
        counts, grouped = [], []
        for _ in range(10):
            known, told = Damages(), dict[int, list[int]]()
            for index in rng.permutation(len(seen)).tolist():
                told[index] = known.add(seen[index].sightings)
            counts.append(len(known))
            grouped.append(
                np.array([known.numbers.final(n) for index in range(len(seen)) for n in told[index]])
            )
        spread.append((max(counts) - min(counts)) / float(np.mean(counts)))
        rand.extend(adjusted_rand_index(grouped[0], other) for other in grouped[1:])
    print(
        f"largest difference in number: {interval(spread)}; adjusted Rand index of two orders: {interval(rand)}"
    )


SCENES: dict[str, tuple[float, float, float]] = {
    "noon, level": (12.0, 0.0, 0.0),
    "noon, level, wide lens": (12.0, 0.0, -0.2),
    "noon, hills of 1.5 m": (12.0, 1.5, 0.0),
    "dusk, level": (18.4, 0.0, 0.0),
}
"""Hour, height of hills in metres, distortion of the lens."""


def cameras(seeds: int) -> None:
    """How well the camera is found in filmed drives, nothing but its field of view being known."""
    print("\nthe camera found in filmed drives (300 m at 40 km/h; height 1.1 to 2.2 m, pitch 3 to 9 degrees)")
    print(f"{'scene':26}{'found':>7}{'range %':>9}{'pitch °':>9}{'yaw °':>8}{'roll °':>8}{'inside 95 %':>13}")
    for name, (hour, hill_m, k1) in SCENES.items():
        misses: list[list[float]] = []
        for seed in range(seeds):
            with TemporaryDirectory() as folder:
                miss = _camera_misses(Path(folder), seed, hour, hill_m, k1)
            if miss:
                misses.append(miss)
        if misses:
            each = np.array(misses)
            told = np.median(np.abs(each[:, :4]), 0)
            print(
                f"{name:26}{len(misses):4}/{seeds:2}{told[0]:9.1%}{told[1]:9.2f}{told[2]:8.2f}{told[3]:8.2f}"
                f"{each[:, 4].mean():13.2f}"
            )


def _camera_misses(folder: Path, seed: int, hour: float, hill_m: float, k1: float) -> list[float] | None:
    """Misses of range (as a share), pitch, yaw and roll (degrees), and the share inside 95 %; None: not found."""
    rng = np.random.default_rng(6000 + seed)
    lens = Lens("made", "", 0.62, k1=k1)
    camera = replace(
        camera_for(960, 540, height_m=float(rng.uniform(1.1, 2.2)), lens=lens),
        pitch_rad=math.radians(float(rng.uniform(3, 9))),
    )
    city = City(seed, blocks=3)
    drive = CityDrive(city, city.route(rng, 300.0), rng, camera, fps=15)
    video = write_city_drive(folder, drive, light=Daylight.at(hour), hill_m=hill_m, seed=seed)
    found = next(find_drives([video]))
    if isinstance(found, Refused):
        return None
    told, source, _ = find_camera(found, Options(lens=lens), trajectory_from_fixes(found.fixes(Hints())))
    if source is not Source.motion:
        return None
    true = drive.true_camera
    true = true.refocused(told.focal_px / true.focal_px)
    reach = [one.height_m * one.focal_px / math.cos(one.pitch_rad) ** 2 for one in (told, true)]
    misses = [
        (math.log(reach[0] / reach[1]), told.range_error),
        (told.pitch_rad - true.pitch_rad, told.pitch_sd_rad),
        (told.yaw_rad - true.yaw_rad, told.yaw_sd_rad),
        (told.roll_rad - true.roll_rad, told.roll_sd_rad),
    ]
    inside = float(np.mean([abs(miss) < 1.96 * sd for miss, sd in misses]))
    return [misses[0][0], *(math.degrees(miss) for miss, _ in misses[1:]), inside]


def _four_drives(seed: int) -> list[Seen]:
    city = City(seed, blocks=2)
    seen = []
    for number in range(4):
        rng = np.random.default_rng(3000 + 100 * seed + number)
        drive = CityDrive(city, city.route(rng, ROUTE_M), rng, CAMERA, day=float(number))
        seen.append(drive_through(city, drive, f"drive {number}"))
    return seen


def _half_a_year(city: City, seed: int, dusk: set[int], *, light_told: bool = True) -> HalfAYear:
    """Drive each week, at dusk in those given; passes know that where `light_told`."""
    known, ways, owner = Damages(), list[Way](), dict[int, Counter[int]]()
    called: dict[int, float] = {}
    told: dict[int, list[Pass]] = {}
    route = city.route(np.random.default_rng(seed), ROUTE_M)
    reach = reach_m(CAMERA, MODEL_PX)
    for week in range(WEEKS):
        rng = np.random.default_rng(4000 + 100 * seed + week)
        share = DUSK_RECALL if week in dusk else 1.0
        drive = CityDrive(city, route, rng, CAMERA, day=week * 7.0, light=share)
        seen = drive_through(city, drive, f"week {week}")
        for number, truth in zip(known.add(seen.sightings), seen.truth.tolist(), strict=True):
            owner.setdefault(number, Counter())[truth] += 1
        lines = seen.trajectory.ways(seen.trajectory.spans(float(seen.trajectory.time_s[-1])))
        light = (Light.dim if week in dusk else Light.day) if light_told else None
        ways.append(Way(f"week {week}", EPOCH_S + week * 7 * DAY_S, lines, 3.1, reach, light))
        damages = known.all()
        told = passes(known, damages, ways)
        recall = measured_recall(damages, told)
        for damage in damages:
            if belief(damage, told[damage.number], recall).state is State.repaired:
                called.setdefault(damage.number, week * 7.0)
            else:
                called.pop(damage.number, None)
    most = {number: votes.most_common(1)[0][0] for number, votes in owner.items()}
    return HalfAYear(known, told, called, most)


def _called(city: City, year: HalfAYear) -> list[float]:
    """One seed's figures: repaired, share called, passes and days until then (50 and 90 %), false alarms."""
    after, days, gone, alarms, standing = list[int](), list[float](), 0, 0, 0
    for damage in year.known.all():
        truth = year.owner.get(damage.number, -1)
        if truth < 0 or len(damage.sightings) < 2:
            continue
        end = float(city.damages.repaired_day[truth])
        later = [
            day for one in year.told[damage.number] if (day := ((one.utc_s or 0.0) - EPOCH_S) / DAY_S) >= end
        ]
        if end > WEEKS * 7:
            standing += 1
            alarms += damage.number in year.called
        elif len(later) >= 4:
            gone += 1
            if (day := year.called.get(damage.number, -1.0)) >= end:
                days.append(day - end)
                after.append(sum(one <= day for one in later))
    until = [float(np.quantile(some, share)) for some in (after, days) for share in (0.5, 0.9)]
    return [gone, len(days) / gone, *until, 1000 * alarms / standing]


def repairs(seeds: int) -> None:
    """How soon a repair is noticed, and how often one is called that is none, by day and at dusk."""
    print(
        f"\nrepairs (damage every 15 m, a drive a week for {WEEKS} weeks, a third repaired in that time)"
        f"\nat dusk {DUSK_RECALL} of what is seen by day is seen"
    )
    print(
        f"{'drives':38}{'repaired':>9}  {'share called':16}{'passes 50 %':15}{'passes 90 %':15}"
        f"{'days 50 %':15}{'days 90 %':15}false alarms per 1,000 standing"
    )
    scenes: dict[str, Callable[[int], tuple[set[int], bool]]] = {
        "all by day": lambda _: (set(), True),
        "a third at dusk": lambda seed: (_third(seed), True),
        "a third at dusk, light not told": lambda seed: (_third(seed), False),
        "the last third at dusk": lambda _: (set(range(WEEKS - WEEKS // 3, WEEKS)), True),
        "the last third at dusk, not told": lambda _: (set(range(WEEKS - WEEKS // 3, WEEKS)), False),
    }
    for name, scene in scenes.items():
        rows = []
        for seed in range(seeds):
            city = City(seed, blocks=2, share_repaired=0.35, repaired_within_days=WEEKS * 7.0)
            dusk, light_told = scene(seed)
            rows.append(_called(city, _half_a_year(city, seed, dusk, light_told=light_told)))
        gone, called, *until, alarms = ([float(v) for v in column] for column in zip(*rows, strict=True))
        shown = "".join(f"{interval(column, '{:.1f}'):15}" for column in until)
        print(
            f"{name:38}{sum(gone):9.0f}  {interval(called, '{:.2f}'):16}{shown}{interval(alarms, '{:.1f}')}"
        )


def _third(seed: int) -> set[int]:
    """A third of the weeks, here and there."""
    return set(np.random.default_rng(seed).permutation(WEEKS)[: WEEKS // 3].tolist())


def a_million(_: int) -> None:
    """Time and memory of merging a million sightings, and of adding one drive to them."""
    rng = np.random.default_rng(0)
    drives, each = 2000, 500
    known = Damages()
    print(
        f"\n{drives * each:,} sightings in {drives} drives of {each} (a damage every 15 m, streets driven 20 times)"
    )
    started, last = time.perf_counter(), 0.0
    for number in range(drives + 1):
        street = number % (drives // 20)
        along = np.arange(each) * 15.0
        east = along + rng.normal(0, 0.7, each) + rng.normal(0, 3)
        north = street * 60.0 + np.sin(np.arange(each)) * 2 + rng.normal(0, 0.7, each) + rng.normal(0, 3)
        lon, lat = HOME.to_lonlat(east, north)
        sightings = [
            replace(PLAIN, drive=str(number), class_id=i % 4, lon=x, lat=y, time_s=i * 1.5)
            for i, (x, y) in enumerate(zip(lon.tolist(), lat.tolist(), strict=True))
        ]
        began = time.perf_counter()
        known.add(sightings)
        last = time.perf_counter() - began
    whole = time.perf_counter() - started
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"all: {whole:.0f} s, peak {peak_mib:.0f} MiB, {len(known):,} damages (true: {each * drives // 20:,})"
    )
    print(f"one more drive of {each}: {last:.2f} s")


PARTS: dict[str, Callable[[int], None]] = {
    "within": within_drives,
    "positions": positions,
    "sizes": sizes,
    "cameras": cameras,
    "across": across_drives,
    "orders": orders,
    "repairs": repairs,
    "million": a_million,
}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", choices=PARTS)
    options = parser.parse_args()
    for name, part in PARTS.items():
        if options.only in (None, name):
            part(options.seeds)


if __name__ == "__main__":
    main()
