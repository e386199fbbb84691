"""Masking for handing on: pictures and videos in, the same masked out, each whole or not at all."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from detector.errors import N_, FootageError, OutputTakenError, RoadDamageError
from detector.footage import Refused, is_hidden
from detector.kept_area import KeptArea
from detector.masking import Masker
from detector.private import Kind
from detector.video import SUFFIXES, Video, probe
from roaddamage.keeping import Keep
from roaddamage.masked_picture import FORMATS, mask_picture
from roaddamage.masked_video import mask_video
from roaddamage.output import check_folder, staged

KINDS = ", ".join(sorted(FORMATS.keys() | SUFFIXES))


@dataclass(frozen=True)
class MaskJob:
    """One call of `roaddamage mask`: files and folders, where to, and what is kept beside the masked pictures."""

    paths: list[Path]
    out: Path
    kept: KeptArea = field(default_factory=KeptArea)
    keep: frozenset[Keep] = frozenset()
    overwrite: bool = False


@dataclass(frozen=True)
class MaskedFile:
    """A file that is done: frames, how many of each kind were covered, frames that could not be used, seconds."""

    name: Path
    frames: int
    covered: Counter[Kind]
    lost: int
    seconds: float


@dataclass
class Plan:
    """What is to be done: files with their names in the output folder, what is refused, and files of other kinds."""

    files: list[tuple[Path | Video, Path]] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)

    @property
    def frames(self) -> int:
        """Frames in all, about."""
        return sum(
            max(1, round(one.duration_s * one.frame_rate)) if isinstance(one, Video) else 1
            for one, _ in self.files
        )


def planned(job: MaskJob) -> Plan:
    """Find the files and open the videos. Raises OutputTakenError where the output folder is a file."""
    check_folder(job.out)
    plan, taken = Plan(), set[str]()
    for path, name in _named(job, plan):
        try:
            file = path if path.suffix.lower() in FORMATS else probe(path)
            plan.files.append((file, _free(name if file is path else name.with_suffix(".mp4"), taken)))
        except RoadDamageError as error:
            plan.refused.append(Refused(path, error))
    sources = {_path(file).resolve() for file, _ in plan.files}
    for file, name in list(plan.files):
        try:
            _check(job, name, sources)
        except RoadDamageError as error:
            plan.files.remove((file, name))
            plan.refused.append(Refused(_path(file), error))
    return plan


def mask(
    job: MaskJob, plan: Plan, masker: Masker, moved: Callable[[int], None] = lambda frames: None
) -> Iterator[MaskedFile | Refused]:
    """Mask the files one after another; `moved` is told frames done. One that can't be used is refused.

    Raises OutputError where the output folder can't be written to: what was done by then is whole.
    """
    done = 0

    def one_more() -> None:
        nonlocal done
        done += 1
        moved(done)

    for file, name in plan.files:
        began = time.perf_counter()
        try:
            with staged(job.out, (str(name),)) as stage:
                part = stage / name
                part.parent.mkdir(parents=True, exist_ok=True)
                if isinstance(file, Video):
                    made = mask_video(file, part, masker, job.kept, job.keep, one_more)
                    frames, covered, lost = made.frames, made.covered, made.lost
                else:
                    frames, covered, lost = 1, mask_picture(file, part, masker, job.kept, job.keep), 0
                    one_more()
                with part.open("rb") as written:  # it is on the disk before it has its name
                    os.fsync(written.fileno())
                (job.out / name).parent.mkdir(parents=True, exist_ok=True)
        except FootageError as error:
            yield Refused(_path(file), error)
            continue
        yield MaskedFile(name, frames, covered, lost, time.perf_counter() - began)


def _named(job: MaskJob, plan: Plan) -> Iterator[tuple[Path, Path]]:
    """Every picture and video, once, with its name below the folder that was given."""
    seen = set[Path]()
    out = job.out.resolve()
    for given in job.paths:
        try:
            found = list(_files(given))
        except RoadDamageError as error:
            plan.refused.append(Refused(given, error))
            continue
        for path in found:
            place = path.resolve()
            if place in seen or (path != given and place.is_relative_to(out)):
                continue
            seen.add(place)
            if path.suffix.lower() in FORMATS.keys() | SUFFIXES:
                yield path, path.relative_to(given) if path != given else Path(path.name)
            else:
                plan.others[path.suffix.lower() or path.name] += 1


def _files(given: Path) -> list[Path]:
    """A file alone, or what lies in a folder. Raises FootageError."""
    try:
        if given.is_dir():
            list(given.iterdir())  # rglob passes over a folder it may not read without a word
            return [one for one in sorted(given.rglob("*")) if one.is_file() and not is_hidden(one, given)]
        if not given.exists():
            raise FootageError(N_("{path} does not exist."), path=given)
    except OSError as error:
        raise FootageError(
            N_("{path} can't be read: {reason}."), path=given, reason=error.strerror
        ) from error
    if given.suffix.lower() not in FORMATS.keys() | SUFFIXES:
        raise FootageError(
            N_("{path} is no picture and no video that can be masked. Known are {kinds}."),
            path=given,
            kinds=KINDS,
        )
    return [given]


def _free(name: Path, taken: set[str]) -> Path:
    """A name that no other file of this call has."""
    free, count = name, 1
    while str(free).lower() in taken:
        count += 1
        free = name.with_stem(f"{name.stem}-{count}")
    taken.add(str(free).lower())
    return free


def _check(job: MaskJob, name: Path, sources: set[Path]) -> None:
    """Raises OutputTakenError for a place that holds what must not be replaced."""
    target = job.out / name
    if target.resolve() in sources:
        raise OutputTakenError(
            N_("{path} is footage, and would be replaced by the results. Give another --out."), path=target
        )
    if target.is_dir() or (target.exists() and not job.overwrite):
        raise OutputTakenError(
            N_("{path} is there already and stays as it is. Give another --out, or --overwrite."), path=target
        )


def _path(file: Path | Video) -> Path:
    return file.path if isinstance(file, Video) else file
