"""Intake: files that were handed in, recognised as drives and put into the records.

    WORKSPACE/uploads/UID                 a file on its way
    WORKSPACE/footage/BATCH/...           files that were handed in together, under their own names

The same footage twice, by its content, is one drive.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from detector.drive import Drive as Footage
from detector.errors import N_, RoadDamageError
from detector.footage import PICTURE_SUFFIXES, Refused, find_drives
from detector.picture_drive import PictureDrive
from detector.telemetry import LOG_SUFFIXES, find_log
from detector.telemetry.clock import Hints
from detector.trajectory import trajectory_from_fixes
from detector.video import SUFFIXES
from detector.video_drive import VideoDrive
from roaddamage.probe import Located, facts
from roaddamage.problems import problem
from roaddamage.records.audit import audited
from roaddamage.records.models import Drive, FootageFile

KNOWN = frozenset((*SUFFIXES, *PICTURE_SUFFIXES, *LOG_SUFFIXES))
"""Endings of files that can be of use; others are refused before their first byte."""
LONGEST_NAME = 120
MOST_FOLDERS = 6
BLOCK = 2**20
PREVIEW_POINTS = 600


class IntakeError(RoadDamageError):
    """A file that can't be taken in."""


@dataclass
class Taken:
    """What was made of files handed in together: new drives, drives known before, and what was refused."""

    drives: list[Drive] = field(default_factory=list)
    known: list[Drive] = field(default_factory=list)
    refused: list[dict[str, object]] = field(default_factory=list)
    """Problems (`roaddamage.problems`), each with the `name` of its file."""


def safe_path(name: str) -> PurePosixPath:
    """The path of a file within its batch, of what a browser or a card calls it: never outside, never hidden.

    Raises IntakeError where nothing is left of it, or its ending is none of `KNOWN`.
    """
    text = unicodedata.normalize("NFC", name).replace("\\", "/")
    parts = []
    for part in text.split("/"):
        clean = re.sub(r'[\x00-\x1f\x7f<>:"|?*]', "_", part).strip().strip(".")
        if clean:
            stem, dot, ending = clean.rpartition(".")
            cut = (stem or ending).encode()[:LONGEST_NAME].decode("utf-8", "ignore")
            parts.append(f"{cut}{dot}{ending[:8]}" if stem else cut)
    if not parts:
        raise IntakeError(N_("A file without a name can't be taken."))
    path = PurePosixPath(*parts[-MOST_FOLDERS:])
    if path.suffix.lower() not in KNOWN:
        raise IntakeError(
            N_("{name} is no video, no JPEG and no GPS log. Known are: {kinds}."),
            name=path.name, kinds=", ".join(sorted(KNOWN)),
        )  # fmt: skip
    return path


def batch_folder(batch: str) -> Path:
    """Where the files of a batch lie. Raises IntakeError for what is no batch's name."""
    if not re.fullmatch(r"[0-9a-f]{32}", batch):
        raise IntakeError(N_("There is no such batch of files."))
    folder: Path = settings.WORKSPACE.footage / batch
    return folder


def put(source: Path, batch: str, name: str, *, keep: bool = False) -> Path:
    """Move a file (with `keep`, link or copy it) to its place in a batch; the place.

    Raises IntakeError and OSError.
    """
    path = safe_path(name)
    target = batch_folder(batch) / path
    target.parent.mkdir(parents=True, exist_ok=True)
    if not keep:
        os.replace(source, target)
        return target
    part = target.with_name(f".{target.name}.part")
    part.unlink(missing_ok=True)
    try:
        os.link(source, part)
    except OSError:
        shutil.copyfile(source, part)
    os.replace(part, target)
    return target


def sha256_of(path: Path) -> str:
    """Of a file's content."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def recognise(batch: str, by: User) -> Taken:
    """Make drives of a batch's files. One bad file stops no other; what has become a drive already stays."""
    folder, taken = batch_folder(batch), Taken()
    for found in find_drives([folder]):
        if isinstance(found, Refused):
            _refuse(taken, folder, found.path, found.error)
            continue
        try:
            _take(found, folder, by, taken)
        except RoadDamageError as error:
            _refuse(taken, folder, found.path, error)
    return taken


def _refuse(taken: Taken, folder: Path, path: Path, error: RoadDamageError) -> None:
    name = path.relative_to(folder).as_posix() if path != folder and path.is_relative_to(folder) else ""
    taken.refused.append({"name": name, **problem(error, folder)})


def _take(found: Footage, folder: Path, by: User, taken: Taken) -> None:
    files = list(_files(found))
    hashes = [(path, kind, sha256_of(path)) for path, kind in files]
    footage = sorted(own for _, kind, own in hashes if kind == FootageFile.Kind.footage)
    digest = hashlib.sha256("".join(footage).encode()).hexdigest()
    if before := Drive.objects.filter(digest=digest).first():
        taken.known.append(before)
        return
    understood, preview = understand(found, 0.0)
    with transaction.atomic():
        drive, fresh = Drive.objects.get_or_create(
            digest=digest,
            defaults={"name": _free_name(found.name), "by": by, "understood": understood, "preview": preview,
                      "duration_s": found.duration_s, "metres": float(str(understood["driven_m"]))},
        )  # fmt: skip
        if not fresh:
            taken.known.append(drive)
            return
        FootageFile.objects.bulk_create(
            FootageFile(
                drive=drive, name=path.name, path=path.relative_to(settings.WORKSPACE.footage).as_posix(),
                size=path.stat().st_size, sha256=own, kind=kind,
            )
            for path, kind, own in hashes
        )  # fmt: skip
        audited(by, "drive.taken", drive.name, files=len(files))
    taken.drives.append(drive)


def _files(found: Footage) -> Iterator[tuple[Path, str]]:
    """The files of a drive, and what each is for."""
    kinds = FootageFile.Kind
    if isinstance(found, VideoDrive):
        logs = set()
        for chapter in found.chapters:
            yield chapter.video.path, kinds.footage
            log = found.gps or find_log(chapter.video.path)
            if log and log not in logs:
                logs.add(log)
                yield log, kinds.log
    elif isinstance(found, PictureDrive):
        yield from ((path, kinds.footage) for path in found.pictures)


def _free_name(name: str) -> str:
    count, free = 1, name
    while Drive.objects.filter(name=free).exists():
        count += 1
        free = f"{name}-{count}"
    return free


def hints(offset_s: float) -> Hints:
    """What is known of a drive's clocks: the municipality's zone, and a person's correction."""
    from datetime import datetime, timedelta

    zone = ZoneInfo(settings.TIME_ZONE)
    return Hints(offset_s, (datetime.now(zone).utcoffset() or timedelta()).total_seconds(), None)


def understand(found: Footage, offset_s: float) -> tuple[dict[str, object], list[list[list[float]]]]:
    """What a drive is told to be before it runs, and its way; `problem` where it has no usable positions."""
    try:
        fixes = found.fixes(hints(offset_s))
        path = trajectory_from_fixes(fixes)
        told = facts(Located(found, fixes, path), ZoneInfo(settings.TIME_ZONE))
        told.pop("path")
        ways = [_thinned(line.tolist()) for line in path.ways([(0.0, found.duration_s)]) if len(line)]
    except RoadDamageError as error:
        width_px, height_px = found.size_px
        told = {
            "drive": found.name, "duration_s": round(found.duration_s, 1), "size_px": [width_px, height_px],
            "driven_m": 0.0, "problem": problem(error, settings.WORKSPACE.footage),
        }  # fmt: skip
        ways = []
    return told, ways


def _thinned(line: list[list[float]]) -> list[list[float]]:
    step = max(len(line) // PREVIEW_POINTS, 1)
    return [[round(lon, 6), round(lat, 6)] for lon, lat in (*line[::step], line[-1])]


def footage_of(drive: Drive) -> Footage:
    """A drive's files opened again. Raises RoadDamageError where they are gone or can't be read."""
    files = list(drive.files.all())
    place: Path = settings.WORKSPACE.footage
    footage = [place / file.path for file in files if file.kind == FootageFile.Kind.footage]
    logs = [place / file.path for file in files if file.kind == FootageFile.Kind.log]
    pictures = bool(footage) and footage[0].suffix.lower() in PICTURE_SUFFIXES
    if pictures:
        return PictureDrive(footage[0].parent, drive.name, footage)
    # One log for one video, or for all of them where a person attached it; else each video finds its own.
    attached = logs[0] if len(logs) == 1 else None
    for found in find_drives(footage, attached):
        if isinstance(found, Refused):
            raise found.error
        found.name = drive.name
        return found
    raise IntakeError(N_("The footage of {drive} is gone."), drive=drive.name)


def attach_log(drive: Drive, source: Path, name: str, by: User) -> None:
    """Use this GPS log for a drive, in place of what it had. Raises IntakeError for a file that is none."""
    path = safe_path(name)
    if path.suffix.lower() not in LOG_SUFFIXES:
        raise IntakeError(
            N_("{name} is no GPS log. Known are: {kinds}."), name=path.name, kinds=", ".join(LOG_SUFFIXES)
        )
    batch = drive.files.first().path.split("/")[0]  # type: ignore[union-attr]
    target = put(source, batch, f"attached/{path.name}")
    with transaction.atomic():
        drive.files.filter(kind=FootageFile.Kind.log).delete()
        FootageFile.objects.create(
            drive=drive, name=path.name, path=target.relative_to(settings.WORKSPACE.footage).as_posix(),
            size=target.stat().st_size, sha256=sha256_of(target), kind=FootageFile.Kind.log,
        )  # fmt: skip
        audited(by, "drive.log_attached", drive.name, log=path.name)
    look_again(drive)


def look_again(drive: Drive) -> None:
    """Tell anew what a drive is, with its log and its clock's correction."""
    drive.understood, drive.preview = understand(footage_of(drive), drive.gps_offset_s)
    drive.metres = float(str(drive.understood["driven_m"]))
    drive.save(update_fields=["understood", "preview", "metres"])


def add_folder(folder: Path, by: User, batch: str) -> Taken:
    """Take in what lies in a folder, linked or copied; files of no use are passed over. Raises OSError."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix.lower() in KNOWN]
    for path in files:
        put(path, batch, path.relative_to(folder).as_posix(), keep=True)
    if not files:
        raise IntakeError(N_("{path} holds no video, no picture and no GPS log."), path=folder)
    return recognise(batch, by)


def tidy(paths: Sequence[Path]) -> None:
    """Remove files that became nothing."""
    for path in paths:
        path.unlink(missing_ok=True)
