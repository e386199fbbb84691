"""The main job: footage in, a folder with map, lists, evidence and report out."""

from __future__ import annotations

import importlib.metadata
import json
import math
import platform
import re
import time
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import shapely

from detector.classes import CLASSES
from detector.drive import Drive
from detector.errors import N_, FootageError, Translate
from detector.footage import Refused, find_drives
from detector.kept_area import KeptArea
from detector.model import Model
from detector.pipeline import DriveResult, Options, Progress, detect_drive
from detector.sightings import COVERED_FROM
from detector.telemetry.clock import Tie
from detector.vehicle import Vehicle, read_vehicle, write_vehicle
from maps.assessment import assess, roads_of
from maps.basemap_layer import BaseMap
from maps.coverage import Way, reach_m
from maps.damage import Damage
from maps.exports import EVIDENCE, Driven, local_time, write_csv, write_geojson, write_geopackage
from maps.merge import Damages
from maps.network import Network
from maps.passes import surveyed
from maps.results import map_tables
from maps.roads import Roads
from maps.rules import default_rules
from maps.survey import Survey
from maps.webmap import write_map
from roaddamage import __version__
from roaddamage.doubts import finite
from roaddamage.output import check_free, staged

LIBRARIES = ("ultralytics", "torch", "opencv-python", "av", "geopandas", "folium", "numpy")


@dataclass(frozen=True)
class Job:
    """One call of `roaddamage detect`."""

    footage: list[Path]
    out: Path
    gps: Path | None
    model: Path
    device: str
    options: Options
    overwrite: bool
    zone: ZoneInfo
    language: str
    vehicle: Path | None = None
    kept: KeptArea | None = None
    """The area of the pictures to keep; None: the vehicle's."""
    basemap: BaseMap | None = None
    within: shapely.Geometry | None = None
    roads: Roads | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of a job: the report as written, and whether all footage was used in full."""

    report: dict[str, Any]
    complete: bool
    basemap: str = ""
    """What of the base map is missing in the page; "" nothing."""


class Watcher:
    """What a job tells while it runs; the command line shows it."""

    def drive_begins(self, drive: Drive) -> None:
        """A drive is about to run."""

    def drive_moves(self, progress: Progress) -> None:
        """A frame of the current drive is done."""

    def drive_ends(self, result: DriveResult) -> None:
        """A drive is done."""

    def drive_refused(self, refused: Refused) -> None:
        """A file can't be used; the others go on."""


def run(job: Job, translate: Translate, watcher: Watcher) -> Outcome:
    """Run a job; the output folder is complete afterwards, or as it was.

    Raises OutputError, ModelError and VehicleError. A drive that can't be used is named in the report; when none
    can, nothing is written.
    """
    started = time.perf_counter()
    check_free(job.out, [*job.footage, *([job.gps] if job.gps else [])], overwrite=job.overwrite)
    vehicle = read_vehicle(job.vehicle) if job.vehicle else Vehicle()
    vehicle = replace(vehicle, kept=job.kept or vehicle.kept)
    model = Model(job.model, job.device)
    refused: list[Refused] = []
    results: list[DriveResult] = []
    with staged(job.out) as folder:
        evidence = folder / EVIDENCE
        evidence.mkdir()
        for drive in find_drives(job.footage, job.gps):
            options = replace(job.options, vehicle=vehicle if job.vehicle else Vehicle(kept=vehicle.kept))
            result = _run_drive(drive, model, options, evidence, watcher)
            if isinstance(result, Refused):
                refused.append(result)
                watcher.drive_refused(result)
            else:
                results.append(result)
                vehicle = result.vehicle
                watcher.drive_ends(result)
        if not results:
            raise NothingUsableError(refused, job.out)
        known = Damages()
        for result in results:
            known.add(result.sightings)
        ways = [way_of(result, model.image_px) for result in results]
        counted = surveyed(known, ways)
        damages = counted.damages
        driven = [driven_of(result) for result in results]
        survey = Survey(ways, driven, {one.drive.name: one.sightings for one in results})
        roads = job.roads or roads_of(survey)
        told = assess(survey, Network(roads, default_rules().lanes), default_rules(), counted)
        writing = time.perf_counter()
        write_geopackage(folder / "damages.gpkg", damages, driven, ways, job.zone, translate)
        write_geojson(folder / "damages.geojson", damages, job.zone, translate)
        write_csv(folder / "damages.csv", damages, job.zone, translate)
        under = write_map(
            folder / "map.html", told.named, driven, evidence,
            zone=job.zone, language=job.language, translate=translate, basemap=job.basemap, within=job.within,
            tables=map_tables(told, zone=job.zone, translate=translate), keep_left=told.network.keep_left,
        ).told(translate)  # fmt: skip
        report = _report(job, model, results, damages, refused, translate)
        report["seconds"]["write"] = round(time.perf_counter() - writing, 2)
        report["seconds"]["total"] = round(time.perf_counter() - started, 2)
        text = json.dumps(report, ensure_ascii=False, indent=2, allow_nan=False)
        # A file name that is no text becomes JSON's own escape.
        (folder / "report.json").write_bytes((text + "\n").encode("utf-8", "backslashreplace"))
    if job.vehicle:
        write_vehicle(job.vehicle, vehicle)
    complete = not refused and not any(result.drive.incomplete for result in results)
    return Outcome(report, complete, under)


class NothingUsableError(FootageError):
    """No drive could be used; `refused` says why for each."""

    template = N_("None of the footage could be used; {path} is as it was.")

    def __init__(self, refused: list[Refused], out: Path) -> None:
        super().__init__(path=out)
        self.refused = refused


def _run_drive(
    drive: Drive | Refused, model: Model, options: Options, evidence: Path, watcher: Watcher
) -> DriveResult | Refused:
    if isinstance(drive, Refused):
        return drive
    watcher.drive_begins(drive)
    try:
        return detect_drive(drive, model, options, evidence, watcher.drive_moves)
    except FootageError as error:
        own = re.compile(re.escape(drive.name) + r"-\d{4,}(-crop|-frame)?\.jpg")
        for picture in evidence.iterdir():
            if own.fullmatch(picture.name):
                picture.unlink()
        return Refused(drive.path, error)


def way_of(result: DriveResult, picture_px: int) -> Way:
    """What a drive saw, by a model whose pictures are so many pixels long."""
    path = result.trajectory
    return Way(
        result.drive.name,
        path.utc_at(0.0),
        path.ways(result.seen),
        float(np.median(path.accuracy_m)),
        reach_m(result.camera, picture_px),
        result.coverage.light,
    )


def driven_of(result: DriveResult) -> Driven:
    """A drive's way, for maps and files."""
    path = result.trajectory
    return Driven(
        result.drive.name,
        path.ways(result.seen),
        result.metres,
        path.utc_at(0.0),
        path.ways(result.unseen),
        sum(result.coverage.metres.values()),
    )


def _report(
    job: Job, model: Model, results: list[DriveResult], damages: list[Damage],
    refused: list[Refused], translate: Translate,
) -> dict[str, Any]:  # fmt: skip
    stages: defaultdict[str, float] = defaultdict(float)
    for result in results:
        for stage, value in result.meter.seconds.items():
            stages[stage] += value
    counts = Counter(CLASSES[damage.class_id].code for damage in damages)
    return {
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "damages": len(damages),
        "damages_by_class": {row.code: counts[row.code] for row in CLASSES},
        "sightings": sum(len(result.sightings) for result in results),
        "driven_m": round(sum(result.metres for result in results), 1),
        "unseen_m": round(sum(sum(result.coverage.metres.values()) for result in results), 1),
        "frames": sum(result.meter.frames_judged for result in results),
        "seconds": {stage: round(value, 2) for stage, value in stages.items()},
        "drives": [drive_report(result, job.zone, translate) for result in results],
        "refused": [{"path": str(one.path), "reason": one.error.message(translate)} for one in refused],
        "model": {"name": model.name, "sha256": model.sha256, "device": model.device},
        "options": _told(job.options),
        "vehicle": str(job.vehicle) if job.vehicle else None,
        "masked": True,
        "versions": {"roaddamage": __version__, "python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in LIBRARIES},
    }


def _told(options: Options) -> dict[str, Any]:
    """What a run was told, as JSON has it."""
    told = {name: value for name, value in asdict(options).items() if name != "vehicle"}
    return told | {"people": str(options.people) if options.people else None}


def drive_report(result: DriveResult, zone: ZoneInfo, translate: Translate) -> dict[str, Any]:
    """What is told of one drive, as JSON has it."""
    return {
        "name": result.drive.name,
        "path": str(result.drive.path),
        "begin": local_time(result.trajectory.utc_at(0.0), zone),
        "duration_s": round(result.drive.duration_s, 1),
        "driven_m": round(result.metres, 1),
        "sightings": len(result.sightings),
        "frames": result.meter.frames_judged,
        "unseen": {
            reason.name: {"frames": frames, "m": round(result.coverage.metres[reason], 1)}
            for reason, frames in sorted(result.coverage.frames.items())
        },
        "light": {light.name: frames for light, frames in sorted(result.coverage.lights.items())},
        "boxes": result.meter.boxes,
        "kept_area": result.vehicle.kept.told,
        "covered": sum(one.covered >= COVERED_FROM for one in result.sightings),
        "faults": [fault.message(translate) for fault in result.drive.faults],
        "gps": {
            "reader": result.fixes.reader,
            "fixes": len(result.fixes),
            "fixes_dropped": {outlier.name: count for outlier, count in result.trajectory.dropped.items()},
            "clock": Tie(result.fixes.clock).name,
            "clock_shift_s": round(result.fixes.clock_shift_s, 2),
            "clock_residual_s": finite(result.fixes.clock_residual_s),
            "located_share": round(result.located_share, 3),
        },
        "camera": {
            "horizon": round(result.camera.horizon_px / result.camera.height_px, 3),
            "source": result.source.name,
            "height_m": round(result.camera.height_m, 3),
            "height_sd_m": round(result.camera.height_sd_m, 3),
            "focal_px": round(result.camera.focal_px, 1),
            "pitch_deg": round(math.degrees(result.camera.pitch_rad), 2),
            "pitch_sd_deg": round(math.degrees(result.camera.pitch_sd_rad), 2),
            "range_sd_ratio": round(result.camera.range_error, 3),
            "drives": result.vehicle.drives,
        },
    }


def reasons(refused: list[Refused], translate: Translate) -> list[dict[str, str]]:
    """Each refused path with its reason."""
    return [{"path": str(one.path), "reason": one.error.message(translate)} for one in refused]


def summary(report: dict[str, Any], translate: Translate) -> str:
    """One line a person wants first: way driven, damages, by class."""
    classes = ", ".join(f"{translate(row.name)} {report['damages_by_class'][row.code]}" for row in CLASSES)
    return translate("{km} km driven, damages: {damages} ({classes})").format(
        km=f"{report['driven_m'] / 1000:.2f}", damages=report["damages"], classes=classes
    )
