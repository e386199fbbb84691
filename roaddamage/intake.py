"""Intake: files that were handed in, recognised as drives and put into the records.

    WORKSPACE/uploads/UID                 a file on its way
    WORKSPACE/footage/BATCH/...           files that were handed in together, under their own names

The same footage twice, by its content, is one drive.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import shutil
import unicodedata
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from django.conf import settings
from django.contrib.auth.models import User
from django.db import DatabaseError, transaction

from detector.drive import Drive as Footage
from detector.errors import N_, RoadDamageError
from detector.footage import PICTURE_SUFFIXES, Refused, find_drives, is_hidden
from detector.picture_drive import PictureDrive
from detector.telemetry import LOG_SUFFIXES, find_log, read_log
from detector.video import SUFFIXES
from detector.video_drive import VideoDrive
from roaddamage.problems import problem
from roaddamage.records.audit import audited
from roaddamage.records.models import Drive, FootageFile, Turn
from roaddamage.understanding import begin_of, look_again, understand

KNOWN = frozenset((*SUFFIXES, *PICTURE_SUFFIXES, *LOG_SUFFIXES))
"""Endings of files that can be of use; others are refused before their first byte."""
LONGEST_NAME, LONGEST_FOLDER, MOST_FOLDERS = 120, 40, 6
"""Bytes of a file's stem and of a folder's name, and folders above a file; paths fit `FootageFile.path` so."""
BLOCK = 2**22
CLONE = 0x40049409
"""Linux' FICLONE."""
Told = Callable[[int], None]
"""Is told of bytes that were read."""


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
    text = unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode()).replace("\\", "/")
    clean = (
        re.sub(
            r'[\x00-\x1f\x7f<>:"|?*\x80-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]', "_", part
        ).strip(" .")
        for part in text.split("/")
    )
    parts = [part for part in clean if part]
    if not parts:
        raise IntakeError(N_("A file without a name can't be taken."))
    *folders, last = parts
    stem, dot, ending = last.rpartition(".")
    if f".{ending}".lower() not in KNOWN or not stem:
        raise IntakeError(
            N_("{name} is no video, no JPEG and no GPS log. Known are: {kinds}."),
            name=_shortened(last, LONGEST_NAME), kinds=", ".join(sorted(KNOWN)),
        )  # fmt: skip
    if len(folders) > MOST_FOLDERS:
        left_out = "/".join(folders[:-MOST_FOLDERS])
        folders = [f"{folders[-MOST_FOLDERS]}-{_mark(left_out)}", *folders[1 - MOST_FOLDERS :]]
    return PurePosixPath(
        *(_shortened(one, LONGEST_FOLDER) for one in folders),
        f"{_shortened(stem, LONGEST_NAME)}{dot}{ending}",
    )


def _shortened(text: str, longest: int) -> str:
    """A name cut to so many bytes; two that begin alike stay two."""
    if len(text.encode()) <= longest:
        return text
    return f"{text.encode()[: longest - 9].decode('utf-8', 'ignore')}-{_mark(text)}"


def _mark(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def batch_folder(batch: str) -> Path:
    """Where the files of a batch lie. Raises IntakeError for what is no batch's name."""
    if not is_batch(batch):
        raise IntakeError(N_("There is no such batch of files."))
    folder: Path = settings.WORKSPACE.footage / batch
    return folder


def is_batch(name: str) -> bool:
    """Whether this can be a batch's name."""
    return re.fullmatch(r"[0-9a-f]{32}", name) is not None


def put(source: Path, batch: str, name: str, *, keep: bool = False) -> Path:
    """Move a file (with `keep`, copy it) to its place in a batch; the place.

    Raises IntakeError, also where the disk is full; nothing half copied stays.
    """
    target = batch_folder(batch) / safe_path(name)
    part = target.with_name(f".part-{_mark(target.name)}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if not keep:
            os.replace(source, target)
            return target
        _copy(source, part)
        os.replace(part, target)
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise not_kept(target.name, error) from error
    return target


def _copy(source: Path, target: Path) -> None:
    """A copy that shares nothing with its source: a card's next file often has the name of its last.

    Raises OSError, and IntakeError where somebody writes to the source.
    """
    before = source.stat()
    with source.open("rb") as file, target.open("wb") as copy:
        try:
            fcntl.ioctl(copy, CLONE, file.fileno())  # takes no room where the file system can do it
        except OSError:
            shutil.copyfileobj(file, copy, BLOCK)
    after = source.stat()
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        target.unlink()
        raise IntakeError(
            N_("{name} changed while it was copied. Take it in again once nothing writes to it."),
            name=source.name,
        )


def not_kept(name: str, error: OSError) -> IntakeError:
    """What a person is told of a file that the disk did not take."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return IntakeError(
            N_("{name} was not kept: the server's disk is full. Ask the administrator to make room."),
            name=name,
        )
    return IntakeError(N_("{name} was not kept: {reason}."), name=name, reason=error.strerror or str(error))


def sha256_of(path: Path, told: Told = lambda _: None) -> str:
    """Of a file's content."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
            told(len(block))
    return digest.hexdigest()


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
    for few in (hashes[begin : begin + 500] for begin in range(0, len(hashes), 500)):
        before = FootageFile.objects.filter(sha256__in=few, kind=FootageFile.Kind.footage)
        # The same drive may land between two questions; it is no *other* drive.
        if other := before.exclude(drive__digest=digest).select_related("drive").first():
            raise IntakeError(
                N_("Some of its files are part of {drive} already. Hand in the others alone."),
                drive=other.drive.name,
            )
    return Drive.objects.filter(digest=digest).first()


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


def log_name(name: str) -> str:
    """What a GPS log may be called here, of what a browser calls it. Raises IntakeError for a file that is none."""
    if Path(name).suffix.lower() not in LOG_SUFFIXES:
        raise IntakeError(
            N_("{name} is no GPS log. Known are: {kinds}."),
            name=Path(name).name,
            kinds=", ".join(LOG_SUFFIXES),
        )
    return safe_path(name).name


def attach_log(drive: Drive, source: Path, name: str, by: User) -> None:
    """Use this GPS log for a drive, in place of what it had.

    Raises IntakeError for a file that is none, TelemetryError for one without positions; the drive is then as before.
    """
    name = log_name(name)
    footage = drive.files.filter(kind=FootageFile.Kind.footage).first()
    if footage is None or Path(footage.path).suffix.lower() in PICTURE_SUFFIXES:
        raise IntakeError(N_("Pictures carry their own positions; a log can be given for videos only."))
    read_log(source)
    target = put(source, footage.path.split("/")[0], f"attached-{drive.pk}/{name}")
    with transaction.atomic():
        drive.files.filter(kind=FootageFile.Kind.attached).delete()
        FootageFile.objects.create(
            drive=drive, name=name, path=target.relative_to(settings.WORKSPACE.footage).as_posix(),
            size=target.stat().st_size, sha256=sha256_of(target), kind=FootageFile.Kind.attached,
        )  # fmt: skip
        audited(by, "drive.log_attached", drive.name, log=name)
    look_again(drive)


def add_folder(
    folder: Path, by: User, batch: str, *, loose: bool = False, only: Container[str] | None = None
) -> Taken:
    """Take in what lies in a folder, copied; files of no use are passed over, links are refused.

    `loose`: only what lies in the folder itself; `only`: paths within it, for those alone. What did not become part
    of a drive is not kept: it is in the folder still.

    Raises IntakeError; nothing of the folder is then there.
    """
    files, links = _files_in(folder, loose, only)
    if not files and not links:
        raise IntakeError(N_("{path} holds no video, no picture and no GPS log."), path=folder)
    try:
        for path in files:
            put(path, batch, path.relative_to(folder).as_posix(), keep=True)
        taken = recognise(batch, by) if files else Taken()
    finally:
        with suppress(DatabaseError):  # else it is cleared later, see `batches.clear_abandoned`
            clear(batch)
    for path in links:
        error = IntakeError(N_("{path} is a link to another place: copy the file itself."), path=path.name)
        taken.refused.append({"name": path.relative_to(folder).as_posix(), **problem(error)})
    return taken


def clear(batch: str) -> None:
    """Remove a batch's files that are part of no drive, and the folders that are empty then."""
    folder, place = batch_folder(batch), Path(settings.WORKSPACE.footage)
    kept = set(FootageFile.objects.filter(path__startswith=f"{batch}/").values_list("path", flat=True))
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir():
            with suppress(OSError):
                path.rmdir()
        elif path.relative_to(place).as_posix() not in kept:
            path.unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()


def _files_in(folder: Path, loose: bool, only: Container[str] | None = None) -> tuple[list[Path], list[Path]]:
    """The files of use in a folder, and the links among them, which might lead anywhere."""
    found = [
        path
        for path in sorted(folder.glob("*") if loose else folder.rglob("*"))
        if path.suffix.lower() in KNOWN
        and not is_hidden(path, folder)
        and (only is None or path.relative_to(folder).as_posix() in only)
    ]
    links = [path for path in found if path.is_symlink()]
    return [path for path in found if path.is_file() and not path.is_symlink()], links


def tidy(paths: Sequence[Path]) -> None:
    """Remove files that became nothing."""
    for path in paths:
        path.unlink(missing_ok=True)
