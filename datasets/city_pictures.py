"""A made city's drives, filmed: pictures in which every damage's box is known, and a drive's files.

The way driven is straightened into a road, painted in pieces when they are reached. What lies on it is the
city's own: its damages, as they are on the day, and its decoys, alike in every drive that passes them the same
way. The asphalt goes by the city and the metres along the route, so that drives along one route see the same.
A corner is a road that bends: there are no openings for the streets that cross.
"""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from datasets.city import HOME, LANE_M, STEP_M, City, CityDrive
from datasets.course import Line
from datasets.drive_files import Truth, write_gpx, write_truth, write_video
from datasets.light import Daylight
from datasets.pavement import HALF_ROADWAY_M, PaintedDamage, Pavement
from datasets.synthetic import DECOYS, NOD_RAD, Scene, box_in_view, paint_decoy
from detector.classes import ALLIGATOR_CRACK, CODES, LONGITUDINAL_CRACK, TRANSVERSE_CRACK
from detector.video import Frame

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bytes = NDArray[np.uint8]

PIECE_M, MARGIN_M = 100.0, 10.0
"""The road is painted in pieces of this length, and this much over at either end."""
SEAM_M = 8.0
"""Towards its ends, over this length, a piece's asphalt turns into that of the seam, which both share."""
REACH_M = 8.0
"""What begins further than this from a piece does not reach into it."""
BEHIND_M, AHEAD_M = 10.0, 80.0
"""The road that is drawn, from the vehicle."""
BESIDE_M = 6.0
STREETS_APART_RAD = math.radians(30)
"""What lies at a greater angle to the route belongs to a street that crosses it."""
DECOY_EVERY_M = 12.0
HILLS_M = 240.0
"""From one hilltop to the next but one, along a row of them."""
NOD_S = 0.3
"""The time in which the suspension forgets a bump."""
EPOCH = datetime.fromtimestamp(1.7e9, UTC)
"""When the city's day 0 begins, as in `CityDrive.fixes`."""


class Filmed(NamedTuple):
    """One picture of a drive: boxes `xyxy` (n, 4) px, `class_id` (n,), and which of the city's damages (n,)."""

    frame: Frame
    xyxy: Floats
    class_id: Ints
    damage: Ints


@dataclass(frozen=True)
class Places:
    """Where a route passes things, (n,) each: their numbers, and the place on the straightened road.

    A thing that is passed twice is here twice. `right_m` is right of the road's middle.
    """

    thing: Ints
    along_m: Floats
    right_m: Floats

    def between(self, begin_m: float, end_m: float) -> Iterator[tuple[int, float, float]]:
        """Each (thing, along_m, right_m) of a stretch."""
        for row in np.flatnonzero((self.along_m >= begin_m) & (self.along_m < end_m)).tolist():
            yield int(self.thing[row]), float(self.along_m[row]), float(self.right_m[row])


def places_on(route: Floats, east_m: Floats, north_m: Floats, heading_rad: Floats) -> Places:
    """Where a route (n, 2) in metres, `STEP_M` a row, passes things on its own roadway."""
    ahead = np.gradient(route, axis=0)
    ahead /= np.hypot(*ahead.T)[:, None]
    near = cKDTree(route).query_ball_point(np.column_stack([east_m, north_m]), BESIDE_M, return_sorted=True)
    rows = []
    for thing, marks in enumerate(near):
        place = np.array([east_m[thing], north_m[thing]])
        street = np.array([math.sin(heading_rad[thing]), math.cos(heading_rad[thing])])
        times = np.split(marks, np.flatnonzero(np.diff(marks) > 2 * BESIDE_M / STEP_M) + 1) if marks else []
        for marks_once in times:
            mark = int(marks_once[np.hypot(*(route[marks_once] - place).T).argmin()])
            off, along = place - route[mark], ahead[mark]
            right_m = float(off[0] * along[1] - off[1] * along[0]) - LANE_M
            if abs(along @ street) > math.cos(STREETS_APART_RAD) and abs(right_m) < HALF_ROADWAY_M:
                rows.append((thing, mark * STEP_M + float(off @ along), right_m))
    table = np.array(rows, float).reshape(-1, 3)
    return Places(table[:, 0].astype(np.int64), table[:, 1], table[:, 2])


class PaintedRoute:
    """A drive's route, straightened and painted piece by piece."""

    def __init__(self, drive: CityDrive) -> None:
        self.city = drive.city
        self.tone = float(np.random.default_rng((self.city.seed, 0)).uniform(85, 125))
        d, there = self.city.damages, np.flatnonzero(self.city.damages.there(drive.day))
        places = places_on(drive.route, d.east_m[there], d.north_m[there], d.heading_rad[there])
        self.damages = replace(places, thing=there[places.thing])
        self.kinds, *decoys = _decoys(self.city)
        self.decoys = places_on(drive.route, *decoys)

    def piece(self, number: int) -> tuple[Bytes, list[tuple[int, PaintedDamage]]]:
        """The road from above for `PIECE_M`, and the damages on it, at their metres along the route."""
        seed, begin_m = self.city.seed, number * PIECE_M - MARGIN_M
        pavement = Pavement(PIECE_M + 2 * MARGIN_M, np.random.default_rng((seed, 1, number)), self.tone)
        self._join(pavement, number)
        pavement.street()
        reach = number * PIECE_M - REACH_M, (number + 1) * PIECE_M + REACH_M
        for thing, along_m, right_m in self.decoys.between(*reach):
            pavement.rng = np.random.default_rng((seed, 2, thing))
            paint_decoy(pavement, self.kinds[thing], along_m - begin_m, right_m)
        painted = []
        for thing, along_m, right_m in self.damages.between(*reach):
            pavement.rng = np.random.default_rng((seed, 3, thing))
            pavement.damages.clear()
            _paint(pavement, self.city, thing, along_m - begin_m, right_m)
            for damage in pavement.damages:
                if number * PIECE_M <= along_m < (number + 1) * PIECE_M:
                    painted.append((thing, replace(damage, outline=damage.outline + (begin_m, 0.0))))
        return pavement.stretch(MARGIN_M, MARGIN_M + PIECE_M), painted

    def _join(self, pavement: Pavement, number: int) -> None:
        """Give a piece the asphalt of the seams at its ends, so that the next goes on where it ends."""
        for seam, middle_m in ((number, MARGIN_M), (number + 1, MARGIN_M + PIECE_M)):
            rng = np.random.default_rng((self.city.seed, 4, seam))
            pavement.blend(Pavement(2 * MARGIN_M, rng, self.tone), middle_m - MARGIN_M, SEAM_M)


def _decoys(city: City) -> tuple[list[str], Floats, Floats, Floats]:
    """The city's decoys: kinds, metres east and north, headings."""
    rng, rows = np.random.default_rng((city.seed, 5)), []
    for street in city.streets.values():
        heading = np.arctan2(*np.gradient(street, axis=0).T)
        for mark in np.flatnonzero(rng.random(len(street)) < 1 / DECOY_EVERY_M).tolist():
            side = rng.uniform(-2.6, 2.6)
            east, north = street[mark] + side * np.array([math.cos(heading[mark]), -math.sin(heading[mark])])
            rows.append((rng.integers(len(DECOYS)), east, north, heading[mark]))
    kind, east_m, north_m, heading_rad = np.array(rows, float).T
    return [DECOYS[int(one)] for one in kind], east_m, north_m, heading_rad


def _paint(pavement: Pavement, city: City, thing: int, along_m: float, right_m: float) -> None:
    """One of the city's damages, its middle there, as long and wide as it is."""
    damages = city.damages
    class_id, length_m, width_m = damages.class_id[thing], damages.length_m[thing], damages.width_m[thing]
    if class_id == LONGITUDINAL_CRACK:
        pavement.crack(along_m - length_m / 2, right_m, length_m, across=False)
    elif class_id == TRANSVERSE_CRACK:
        pavement.crack(along_m, right_m - width_m / 2, width_m, across=True)
    elif class_id == ALLIGATOR_CRACK:
        pavement.alligator(along_m, right_m, length_m, width_m)
    else:
        pavement.pothole(along_m, right_m, length_m, width_m)


def hill_per_m(east_m: float, north_m: float, heading_rad: float, hill_m: float) -> float:
    """Vertical curvature of a road there, in a city whose hills rise `hill_m` above its mean height."""
    wave = 2 * math.pi / HILLS_M
    sin, cos = math.sin(heading_rad), math.cos(heading_rad)
    x, y = wave * east_m, wave * north_m
    bent = 2 * sin * cos * math.cos(x) * math.cos(y) - math.sin(x) * math.sin(y)
    return hill_m * wave**2 * bent


def frames(
    drive: CityDrive, *, light: Daylight | None = None, hill_m: float = 0.0, seed: int = 0
) -> Iterator[Filmed]:
    """The drive's pictures in order; the same for the same `seed`, which sets nodding and sensor noise.

    Raises ValueError for hills that no street has: from some 2 m on.
    """
    for filmed, _ in _film(PaintedRoute(drive), drive, light, hill_m, seed):
        yield filmed


def _film(
    road: PaintedRoute, drive: CityDrive, light: Daylight | None, hill_m: float, seed: int
) -> Iterator[tuple[Filmed, list[tuple[int, PaintedDamage]]]]:
    """Each picture, with the damages painted near it."""
    rng = np.random.default_rng((road.city.seed, 6, seed))
    way = _prolonged(drive.route)
    pieces = deque([road.piece(0), road.piece(1)], maxlen=2)
    number, nod_rad, camera = 0, 0.0, drive.true_camera
    scene = Scene(None, camera, np.random.default_rng((road.city.seed, 7)), light)
    scene.lay(np.concatenate([picture for picture, _ in pieces]))
    keep = math.exp(-1 / drive.fps / NOD_S)
    for index, time_s in enumerate(np.arange(0, drive.route_s[-1] - 1, 1 / drive.fps).tolist()):
        mark = float(np.interp(time_s, drive.route_s, np.arange(len(drive.route))))
        if mark * STEP_M >= (number + 1) * PIECE_M:
            number += 1
            pieces.append(road.piece(number + 1))
            scene.lay(np.concatenate([picture for picture, _ in pieces]), number * PIECE_M)
        east, north, heading = drive.pose(time_s)
        course = _course(way, mark, east, north, heading)
        hill = hill_per_m(east, north, heading, hill_m)
        nod_rad = keep * nod_rad + math.sqrt(1 - keep**2) * rng.normal(0, drive.mount.nod_sd_rad)
        tilt_rad = float(np.clip(nod_rad + drive.dip_rad(time_s), -NOD_RAD, NOD_RAD))
        speed_mps = float(np.interp(time_s, drive.route_s, drive.speed_mps))
        picture = scene.look(mark * STEP_M, course, hill_per_m=hill, nod_rad=tilt_rad, speed_mps=speed_mps)
        damages = [one for _, painted in pieces for one in painted]
        tilted = replace(camera, pitch_rad=camera.pitch_rad + tilt_rad)
        seen = []
        for thing, damage in damages:
            box = box_in_view(damage, tilted, mark * STEP_M, course, hill_per_m=hill)
            if box is not None and not course.hides(damage.centre[0] - mark * STEP_M, damage.centre[1]):
                seen.append((thing, damage.class_id, *box))
        table = np.array(seen, float).reshape(-1, 6)
        which, class_id = table[:, 0].astype(np.int64), table[:, 1].astype(np.int64)
        yield Filmed(Frame(index, time_s, picture), table[:, 2:], class_id, which), damages


def _prolonged(route: Floats) -> Floats:
    """The route with a straight piece before and after it, as far as it can be seen."""
    before = np.arange(-round(BEHIND_M / STEP_M), 0)[:, None]
    after = np.arange(1, round(AHEAD_M / STEP_M) + 2)[:, None]
    return np.concatenate(
        [route[0] + before * (route[1] - route[0]), route, route[-1] + after * (route[-1] - route[-2])]
    )


def _course(way: Floats, mark: float, east: float, north: float, heading: float) -> Line:
    """How the road runs, seen from a vehicle at a mark of the route, `STEP_M` each."""
    first = int(mark)
    line = way[first : first + round((BEHIND_M + AHEAD_M) / STEP_M)]
    right, forward = CityDrive.to_vehicle(line[:, 0], line[:, 1], east, north, heading)
    return Line(np.column_stack([right, forward]), STEP_M, (first - mark) * STEP_M - BEHIND_M, -LANE_M)


def write_city_drive(
    folder: Path, drive: CityDrive, *, light: Daylight | None = None, hill_m: float = 0.0, seed: int = 0
) -> Path:
    """Write drive.mp4, drive.gpx, truth.geojson and camera.json; returns the video's path.

    The log has the receiver's errors; camera.json is the camera as it truly is. truth.geojson holds every
    damage that came into view (see `datasets.synthetic.box_in_view`), its size as painted. Raises OSError
    where the folder can't be written, and as `frames`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    camera, fixes = drive.true_camera, drive.fixes()
    # The video's clock has whole seconds: the receiver's is shifted by the error between them.
    fixes = replace(fixes, utc_s=fixes.utc_s + drive.clock_s)
    write_gpx(folder / "drive.gpx", fixes, "roaddamage city drive", "1.0")
    (folder / "camera.json").write_text(json.dumps(asdict(camera), indent=1) + "\n", encoding="utf-8")
    passed: dict[int, PaintedDamage] = {}

    def pictures() -> Iterator[Bytes]:
        for filmed, damages in _film(PaintedRoute(drive), drive, light, hill_m, seed):
            passed.update((thing, damage) for thing, damage in damages if thing in filmed.damage)
            yield filmed.frame.image

    begin = datetime.fromtimestamp(EPOCH.timestamp() + drive.day * 86_400, UTC)
    video = folder / "drive.mp4"
    rate = Fraction(drive.fps).limit_denominator(1001)
    write_video(video, pictures(), (camera.width_px, camera.height_px), rate, begin)
    write_truth(folder / "truth.geojson", (_truth(drive.city, *one) for one in sorted(passed.items())))
    return video


def _truth(city: City, thing: int, painted: PaintedDamage) -> Truth:
    lon, lat = HOME.to_lonlat(city.damages.east_m[thing], city.damages.north_m[thing])
    length_m, width_m = np.ptp(painted.outline, axis=0).tolist()
    properties = {
        "damage": thing,
        "class": CODES[painted.class_id],
        "length_m": round(length_m, 2),
        "width_m": round(width_m, 2),
    }
    return (float(lon), float(lat)), properties
