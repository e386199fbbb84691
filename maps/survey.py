"""A survey: drives with what they saw, as `detect` left them in its output folders, put together again.

What several folders tell is merged anew: a damage that two of them show is one.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas
import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError

from detector.classes import CLASSES, CODES, SEVERITIES
from detector.errors import N_, RoadDamageError
from detector.sightings import Sighting
from detector.visibility import Light
from maps.coverage import Way
from maps.damage import Damage, Decided, State
from maps.exports import EVIDENCE, Driven
from maps.merge import Damages
from maps.passes import Surveyed, surveyed

FILE = "damages.gpkg"
DAY_S = 86_400.0
SAME_M = 1.0
"""Drives of one name and time that are no more different in length are one."""
NEEDED = ("class_share", "common_sd_m"), ("accuracy_m", "light", "reach_m")
"""Columns of sightings and of the track that results of earlier versions lack."""


class SurveyError(RoadDamageError):
    """Results that can't be read again."""

    exit_code = 2


@dataclass(frozen=True)
class Survey:
    """Drives in the order they were given: what each saw, its way, its sightings, and the folders of its results.

    `pictures` are the folders of its evidence. `known` are the damages where they were counted before, people's
    decisions with them: those whose repair was recorded before `as_of_utc_s` are not of the survey, except, marked as
    repaired, those since `kept_since_utc_s`. `now_utc_s` is when ages of damages count (None: at the last drive).
    """

    ways: list[Way] = field(default_factory=list)
    driven: list[Driven] = field(default_factory=list)
    sightings: dict[str, list[Sighting]] = field(default_factory=dict)
    folders: dict[str, Path] = field(default_factory=dict)
    pictures: dict[str, Path] = field(default_factory=dict)
    known: Surveyed | None = None
    as_of_utc_s: float = math.inf
    kept_since_utc_s: float = math.inf
    now_utc_s: float | None = None
    remarks: list[RoadDamageError] = field(default_factory=list)

    def of(self, drives: Collection[str], remarks: Sequence[RoadDamageError] = ()) -> Survey:
        """These drives alone."""
        return replace(
            self,
            ways=[way for way in self.ways if way.drive in drives],
            driven=[drive for drive in self.driven if drive.name in drives],
            sightings={name: seen for name, seen in self.sightings.items() if name in drives},
            folders={name: folder for name, folder in self.folders.items() if name in drives},
            pictures={name: folder for name, folder in self.pictures.items() if name in drives},
            remarks=[*self.remarks, *remarks],
        )

    def under(self, folder: Path) -> set[str]:
        """The drives whose results lie in a folder, or in folders of it."""
        return {name for name, own in self.folders.items() if own.resolve().is_relative_to(folder.resolve())}

    def between(self, since_utc_s: float = -math.inf, until_utc_s: float = math.inf) -> Survey:
        """The drives that began in that time, as of its end; a remark names those without a date."""
        undated = [drive.name for drive in self.driven if drive.begin_utc_s is None]
        names = {
            drive.name
            for drive in self.driven
            if drive.begin_utc_s is not None and since_utc_s <= drive.begin_utc_s < until_utc_s
        }
        remark = SurveyError(
            N_("Drives without a date are left out: {drives}."), drives=", ".join(undated)
        )  # fmt: skip
        part = self.of(names, [remark] if undated else [])
        return replace(part, as_of_utc_s=min(self.as_of_utc_s, until_utc_s))

    def counted(self) -> Surveyed:
        """Its damages, each counted once over all drives, with what the passes say."""
        if self.known is not None:
            told = self.known.of({drive.name for drive in self.driven})
            damages = (self._standing(one) for one in told.damages)
            return replace(told, damages=[one for one in damages if one is not None])
        known = Damages()
        for way in self.ways:
            known.add(self.sightings.get(way.drive, []))
        return surveyed(known, self.ways)

    def _standing(self, damage: Damage) -> Damage | None:
        """A damage that was known before as this survey has it; None where it was repaired before."""
        at_utc_s = damage.repaired_utc_s
        if at_utc_s is None or at_utc_s >= self.as_of_utc_s:
            return damage
        if at_utc_s < self.kept_since_utc_s:
            return None
        return replace(damage, decided=Decided.repaired, state=State.repaired, still_there=0.0)

    def parts(self, gap_days: float) -> list[Survey]:
        """The surveys it consists of, in order of time: drives so far apart are of two. Undated ones are in none."""
        dated = sorted(
            (drive for drive in self.driven if drive.begin_utc_s is not None),
            key=lambda one: one.begin_utc_s or 0,
        )
        if not dated:
            return []
        breaks = [
            index
            for index, (one, other) in enumerate(pairwise(dated), 1)
            if (other.begin_utc_s or 0) - (one.begin_utc_s or 0) > gap_days * DAY_S
        ]
        cuts = [0, *breaks, len(dated)]
        return [self.of({drive.name for drive in dated[first:last]}) for first, last in pairwise(cuts)]

    @property
    def begin_utc_s(self) -> float | None:
        """When its first drive with a date began."""
        return min((one.begin_utc_s for one in self.driven if one.begin_utc_s is not None), default=None)

    @property
    def end_utc_s(self) -> float | None:
        """When its last drive with a date began."""
        return max((one.begin_utc_s for one in self.driven if one.begin_utc_s is not None), default=None)


def read_survey(folders: Sequence[Path]) -> Survey:
    """The survey in these output folders of `detect`, or in folders of them.

    A drive that lies in two of them counts once; two drives of one name are told apart by their
    folders. Raises SurveyError for a folder that has no results, or such as can't be read.
    """
    survey = Survey()
    for folder in folders:
        for one in _results(folder):
            _add(survey, one)
    return survey


def _results(folder: Path) -> list[Path]:
    """The output folders in a folder: itself, else those in it. Raises SurveyError where there is none."""
    if (folder / FILE).is_file():
        return [folder]
    found = sorted(path.parent for path in folder.glob(f"*/{FILE}")) if folder.is_dir() else []
    if not found:
        raise SurveyError(
            N_("{folder} has no results ({file}). Give an output folder of `roaddamage detect`."),
            folder=folder, file=FILE,
        )  # fmt: skip
    return found


def _add(survey: Survey, folder: Path) -> None:
    sightings, track = _layers(folder)
    try:
        for name, rows in track.groupby("drive", sort=False):
            _add_drive(survey, folder, *_way(str(name), rows), sightings[sightings["drive"] == name])
    except (ValueError, KeyError, TypeError) as error:  # somebody wrote in it
        path = folder / FILE
        raise SurveyError(N_("{path} can't be read: {reason}."), path=path, reason=error) from error


def _add_drive(survey: Survey, folder: Path, driven: Driven, way: Way, seen: pandas.DataFrame) -> None:
    name = driven.name
    if any(_is_same(drive, driven) for drive in survey.driven):
        remark = N_("The drive {drive} is in {folder} too, and counts once.")
        survey.remarks.append(SurveyError(remark, drive=name, folder=folder))
        return
    own = name if name not in survey.folders else _told_apart(name, folder, survey.folders)
    survey.ways.append(replace(way, drive=own))
    survey.driven.append(replace(driven, name=own))
    survey.sightings[own] = [_sighting(row, own) for row in seen.to_dict("records")]
    survey.folders[own] = folder
    survey.pictures[own] = folder / EVIDENCE


def _is_same(known: Driven, drive: Driven) -> bool:
    """Whether a drive is one that is known, by its own name or one that tells it apart."""
    return (
        (known.name == drive.name or known.name.startswith(f"{drive.name} ("))
        and known.begin_utc_s == drive.begin_utc_s
        and abs(known.metres - drive.metres) < SAME_M
    )


def _told_apart(name: str, folder: Path, taken: Collection[str]) -> str:
    """The name with as much of the folder's path as makes it another."""
    parts = folder.resolve().parts
    names = (f"{name} ({'/'.join(parts[-count:])})" for count in range(1, len(parts) + 1))
    return next(one for one in names if one not in taken)


def _layers(folder: Path) -> tuple[pandas.DataFrame, geopandas.GeoDataFrame]:
    """Sightings and tracks of a folder. Raises SurveyError."""
    path = folder / FILE
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # GDAL's remarks on a broken file; what fails is said below
            sightings = pyogrio.read_dataframe(path, layer="sightings", read_geometry=False)
            track = pyogrio.read_dataframe(path, layer="track")
    except (DataSourceError, DataLayerError) as error:
        raise SurveyError(N_("{path} can't be read: {reason}."), path=path, reason=error) from error
    for table, needed in zip((sightings, track), NEEDED, strict=True):
        if missing := sorted(set(needed) - set(table.columns)):
            raise SurveyError(
                N_("{path} is of an earlier version (it lacks {columns}). Run `roaddamage detect` on the footage again."),
                path=path, columns=", ".join(missing),
            )  # fmt: skip
    return sightings, track


def _way(name: str, rows: geopandas.GeoDataFrame) -> tuple[Driven, Way]:
    lines: dict[bool, list[np.ndarray]] = {True: [], False: []}
    for judged, geometry in zip(rows["judged"], rows.geometry, strict=True):
        lines[bool(judged)] += [shapely.get_coordinates(part) for part in shapely.get_parts(geometry)]
    first = rows.iloc[0]
    metres = dict(zip(rows["judged"].astype(bool), rows["driven_m"], strict=True))
    unseen_m = float(metres.get(False, 0.0))
    begin = _utc_s(first["begin"])
    reach = np.array(json.loads(first["reach_m"]), float).reshape(len(CLASSES), len(SEVERITIES))
    light = Light[first["light"]] if first["light"] else None
    driven = Driven(name, lines[True], float(sum(metres.values())), begin, lines[False], unseen_m)
    return driven, Way(name, begin, lines[True], float(first["accuracy_m"]), reach, light)


def _utc_s(text: object) -> float | None:
    """POSIX time of an ISO 8601 text; None where there is none."""
    return datetime.fromisoformat(text).timestamp() if isinstance(text, str) and text else None


def _sighting(row: Mapping[Any, Any], drive: str) -> Sighting:
    def number(name: str) -> float:
        value = float(str(row[name]))
        if not math.isfinite(value):
            raise ValueError(f"{name}: {value}")
        return value

    def perhaps(name: str) -> float | None:
        value = row[name]
        return None if value is None or pandas.isna(value) else float(str(value))

    def picture(name: str) -> str:
        return str(row[name] or "").removeprefix(f"{EVIDENCE}/")

    cross = number("cov_east_north_m2")
    return Sighting(
        drive=drive,
        class_id=CODES.index(str(row["class"])),
        confidence=number("confidence"),
        lon=number("lon"),
        lat=number("lat"),
        covariance_m2=((number("var_east_m2"), cross), (cross, number("var_north_m2"))),
        heading_deg=number("heading_deg"),
        length_m=number("length_m"),
        length_sd_m=number("length_sd_m"),
        width_m=number("width_m"),
        width_sd_m=number("width_sd_m"),
        area_m2=perhaps("area_m2"),
        area_sd_m2=perhaps("area_sd_m2"),
        time_s=number("video_time_s"),
        utc_s=_utc_s(row["seen_at"]),
        frames=int(number("frames")),
        model=str(row["model"]),
        evidence=picture("evidence"),
        crop=picture("crop"),
        class_share=number("class_share"),
        common_sd_m=number("common_sd_m"),
        covered=number("covered") if "covered" in row else 0.0,
    )
