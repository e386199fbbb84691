"""Intake: files that were handed in, recognised as drives and put into the records.

The same footage twice, by its content, is one drive.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from detector.drive import Drive as Footage
from detector.errors import N_, RoadDamageError
from detector.footage import PICTURE_SUFFIXES, Refused, find_drives
from detector.picture_drive import PictureDrive
from detector.telemetry import find_log
from detector.video_drive import VideoDrive
from roaddamage.batch_files import batch_folder, not_kept, tidy
from roaddamage.digests import Told, sha256_of
from roaddamage.file_names import IntakeError
from roaddamage.problems import problem
from roaddamage.records.audit import audited
from roaddamage.records.models import Drive, FootageFile, Turn
from roaddamage.records.portions import portions
from roaddamage.understanding import begin_of, understand


@dataclass
class Taken:
    """What was made of files handed in together: new drives, drives known before, and what was refused."""

    drives: list[Drive] = field(default_factory=list)
    known: list[Drive] = field(default_factory=list)
    refused: list[dict[str, object]] = field(default_factory=list)
    """Problems (`roaddamage.problems`), each with the `name` of its file."""


def recognise(batch: str, by: User, told: Told = lambda _: None) -> Taken:
    """Make drives of a batch's files. One bad file stops no other; what has become a drive already stays."""
    folder, taken = batch_folder(batch), Taken()
    for found in find_drives([folder]):
        if isinstance(found, Refused):
            _refuse(taken, folder, found.path, found.error)
            continue
        try:
            _take(found, folder, by, taken, told)
        except RoadDamageError as error:
            _refuse(taken, folder, found.path, error)
        except OSError as error:
            _refuse(taken, folder, found.path, not_kept(found.path.name, error))
    return taken


def _refuse(taken: Taken, folder: Path, path: Path, error: RoadDamageError) -> None:
    name = path.relative_to(folder).as_posix() if path != folder and path.is_relative_to(folder) else ""
    taken.refused.append({"name": name, **problem(error, folder)})


def _take(found: Footage, folder: Path, by: User, taken: Taken, told: Told) -> None:
    files = list(_files(found))
    hashes = [(path, kind, sha256_of(path, told)) for path, kind in files]
    footage = sorted(own for _, kind, own in hashes if kind == FootageFile.Kind.footage)
    digest = hashlib.sha256("".join(footage).encode()).hexdigest()
    if before := _before(digest, footage):
        if before.footage_deleted:
            _there_again(before, hashes, by)
        _known(before, files, taken)
        return
    understood, preview = understand(found, 0.0)
    with transaction.atomic():
        Turn.take("drives")  # so that no other takes the name, or the same footage, from here on
        if before := _before(digest, footage):
            _known(before, files, taken)
            return
        drive = Drive.objects.create(
            digest=digest, name=_free_name(found.name), by=by, understood=understood, preview=preview,
            duration_s=found.duration_s, metres=float(str(understood["driven_m"])), begin=begin_of(understood),
        )  # fmt: skip
        FootageFile.objects.bulk_create(
            FootageFile(
                drive=drive, name=path.name, path=path.relative_to(settings.WORKSPACE.footage).as_posix(),
                size=path.stat().st_size, sha256=own, kind=kind,
            )
            for path, kind, own in hashes
        )  # fmt: skip
        audited(by, "drive.taken", drive.name, files=len(files))
    taken.drives.append(drive)


def _before(digest: str, hashes: list[str]) -> Drive | None:
    """The drive that this footage is already: what was driven once is counted once.

    Raises IntakeError where only some of its files are another drive's.
    """
    for few in portions(hashes):
        before = FootageFile.objects.filter(sha256__in=few, kind=FootageFile.Kind.footage)
        # The same drive may land between two questions; it is no *other* drive.
        if other := before.exclude(drive__digest=digest).select_related("drive").first():
            raise IntakeError(
                N_("Some of its files are part of {drive} already. Hand in the others alone."),
                drive=other.drive.name,
            )
    return Drive.objects.filter(digest=digest).first()


def _there_again(drive: Drive, hashes: list[tuple[Path, str, str]], by: User) -> None:
    """Footage that was deleted, as its time was over, and is handed in again: kept as if for the first time."""
    place: Path = settings.WORKSPACE.footage
    with transaction.atomic():
        Drive.objects.select_for_update().get(pk=drive.pk)
        gone = drive.files.exclude(sha256__in=[own for _, _, own in hashes])
        gone.delete()  # logs that did not come with it this time
        for path, _, own in hashes:
            drive.files.filter(sha256=own).update(path=path.relative_to(place).as_posix())
        Drive.objects.filter(pk=drive.pk).update(footage_deleted=None, at=timezone.now())
        audited(by, "drive.taken", drive.name, files=len(hashes))


def _known(drive: Drive, files: list[tuple[Path, str]], taken: Taken) -> None:
    """Footage that is there already is not kept twice."""
    if drive not in taken.drives and drive not in taken.known:
        taken.known.append(drive)
    place: Path = settings.WORKSPACE.footage
    mine = {place / path for path in drive.files.values_list("path", flat=True)}
    tidy([path for path, kind in files if kind == FootageFile.Kind.footage and path not in mine])


def _files(found: Footage) -> Iterator[tuple[Path, str]]:
    """The files of a drive, and what each is for."""
    kinds = FootageFile.Kind
    if isinstance(found, VideoDrive):
        logs: set[Path] = set()
        for chapter in found.chapters:
            yield chapter.video.path, kinds.footage
            log = find_log(chapter.video.path)
            if log and log not in logs:
                logs.add(log)
                yield log, kinds.log
    elif isinstance(found, PictureDrive):
        yield from ((path, kinds.footage) for path in _pictures_beside(found.path))


def _pictures_beside(folder: Path) -> list[Path]:
    """The pictures that make a folder a drive, with those that can't be read."""
    return [
        path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in PICTURE_SUFFIXES and not path.name.startswith(".") and path.is_file()
    ]


def _free_name(name: str) -> str:
    count, free = 1, name
    while Drive.objects.filter(name=free).exists():
        count += 1
        free = f"{name}-{count}"
    return free
