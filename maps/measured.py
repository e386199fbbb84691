"""Rut depth and IRI from a survey vehicle (路面性状測定車), read from CSV: what no dashcam can tell.

Columns: road (its number or name), from_m, to_m, and any of direction (1, -1, 0), rut_mm, iri_mm_per_m, measured_on;
Japanese headings are known too.
"""

from __future__ import annotations

import csv
import unicodedata
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detector.errors import N_, RoadDamageError
from maps.network import Network, Pieces

Floats = NDArray[np.float64]

HEADINGS: dict[str, tuple[str, ...]] = {
    "road": ("road_id", "road", "路線番号", "路線名", "路線"),
    "from_m": ("from_m", "from", "測点自", "起点側測点", "自", "始点m"),
    "to_m": ("to_m", "to", "測点至", "終点側測点", "至", "終点m"),
    "direction": ("direction", "方向", "上下"),
    "rut_mm": ("rut_mm", "rut", "わだち掘れ量", "わだち掘れ", "わだち掘れ量(mm)"),
    "iri_mm_per_m": ("iri_mm_per_m", "iri", "iri(mm/m)"),
    "measured_on": ("measured_on", "date", "測定日", "測定年月日"),
}
NEEDED = ("road", "from_m", "to_m")
DIRECTIONS = {"": 0, "0": 0, "1": 1, "+": 1, "-1": -1, "-": -1, "下り": 1, "上り": -1, "下": 1, "上": -1}
"""下り is away from where a road begins, 上り towards it."""
ENCODINGS = ("utf-8-sig", "cp932")
LEAST_M = 0.1
"""A row that reaches no further into a segment says nothing of it."""


class MeasuredError(RoadDamageError):
    """A file of measurements that can't be used."""

    exit_code = 2


@dataclass(frozen=True)
class Measured:
    """Of pieces by direction, (2, pieces): the mean over their length, NaN where nothing was measured.

    `measured_on` are the days as the file has them, "" where none.
    """

    rut_mm: Floats
    iri_mm_per_m: Floats
    measured_on: NDArray[np.object_]


@dataclass(frozen=True)
class _Row:
    road: str
    begin_m: float
    end_m: float
    direction: int
    rut_mm: float
    iri_mm_per_m: float
    day: str


def read_measured(path: Path) -> list[_Row]:
    """The rows of a CSV file, in UTF-8 or Shift_JIS. Raises MeasuredError."""
    try:
        rows = list(csv.reader(_text(path).splitlines()))
    except csv.Error as error:
        raise MeasuredError(N_("{path} is not a CSV file: {reason}."), path=path, reason=error) from error
    if not rows:
        raise MeasuredError(N_("{path} is empty."), path=path)
    heads = [_plain(head).lower().replace(" ", "") for head in rows[0]]
    where = {
        name: next((heads.index(one) for one in known if one in heads), -1)
        for name, known in HEADINGS.items()
    }
    missing = [name for name in NEEDED if where[name] < 0]
    if missing:
        raise MeasuredError(
            N_("{path} lacks the columns {missing}. The headings are road, from_m, to_m, direction, rut_mm,"
               " iri_mm_per_m and measured_on."),
            path=path, missing=", ".join(missing),
        )  # fmt: skip
    return [
        _row(path, number, row, where)
        for number, row in enumerate(rows[1:], 2)
        if any(cell.strip() for cell in row)
    ]


def _plain(text: str) -> str:
    """A text with half-width letters, digits and signs for full-width ones."""
    return unicodedata.normalize("NFKC", text).replace("−", "-").strip()


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise MeasuredError(
            N_("{path} can't be read: {reason}."), path=path, reason=error.strerror or error
        ) from error
    for encoding in ENCODINGS if b"\0" not in raw else ():  # UTF-16 would pass for Shift_JIS
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise MeasuredError(N_("{path} is neither UTF-8 nor Shift_JIS. Save it as one of these."), path=path)


def _row(path: Path, number: int, row: list[str], where: dict[str, int]) -> _Row:
    def told(name: str) -> str:
        index = where[name]
        return row[index].strip() if 0 <= index < len(row) else ""

    def number_of(name: str) -> float:
        value = float(_plain(told(name)))
        if not 0 <= value < np.inf:
            raise ValueError
        return value

    try:
        begin, end = sorted((number_of("from_m"), number_of("to_m")))
        direction = DIRECTIONS[_plain(told("direction"))]
        rut, iri = (number_of(name) if told(name) else np.nan for name in ("rut_mm", "iri_mm_per_m"))
    except (ValueError, KeyError) as error:
        raise MeasuredError(
            N_("{path}, line {number}: from_m, to_m, rut_mm and iri_mm_per_m have to be numbers, none below 0, and"
               " direction one of 1, -1 or 0 (下り, 上り)."),
            path=path, number=number,
        ) from error  # fmt: skip
    return _Row(told("road"), begin, end, direction, rut, iri, told("measured_on"))


def on_pieces(rows: list[_Row], network: Network, pieces: Pieces) -> tuple[Measured, list[str]]:
    """What was measured of each piece, and the roads, or stretches of them, that are not there. Direction 0 is both."""
    of: defaultdict[str, list[int]] = defaultdict(list)
    for line, (number, name) in enumerate(zip(network.roads.road_id, network.roads.name, strict=True)):
        for key in {number, number.rpartition("-")[0], name} - {""}:  # parts of a road are 12-1, 12-2
            of[key].append(line)
    shape = (2, len(pieces))
    sums = {name: (np.zeros(shape), np.zeros(shape)) for name in ("rut_mm", "iri_mm_per_m")}
    day = np.full(shape, "", object)
    unknown = []
    for row in rows:
        # A road's chainage is told of its one line; one in parts can't be told from its name alone.
        lines = of.get(row.road, [])
        if len(lines) != 1:
            unknown.append(row.road)
            continue
        first, last = pieces.first[lines[0]], pieces.first[lines[0] + 1]
        part = np.arange(first, last)
        metres = np.fmin(pieces.end_m[part], row.end_m) - np.fmax(pieces.begin_m[part], row.begin_m)
        part, metres = part[metres > LEAST_M], metres[metres > LEAST_M]
        if not len(part):
            unknown.append(f"{row.road} ({row.begin_m:g}-{row.end_m:g} m)")
        lanes = {1: (0,), -1: (1,), 0: (0, 1)}[row.direction]
        for lane in (0,) if network.single[lines[0]] else lanes:
            for name, (total, length) in sums.items():
                value = getattr(row, name)
                if not np.isnan(value):
                    total[lane, part] += value * metres
                    length[lane, part] += metres
            day[lane, part] = [_with(known, row.day) for known in day[lane, part]]
    with np.errstate(invalid="ignore"):
        means = [total / np.where(length > 0, length, np.nan) for total, length in sums.values()]
    return Measured(means[0], means[1], day), list(dict.fromkeys(unknown))


def _with(days: str, day: str) -> str:
    """Days told, and another where it is none of them."""
    return days if day in days.split(", ") else f"{days}, {day}".removeprefix(", ")
