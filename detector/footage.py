"""Footage: what a crew hands over, recognised as drives."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from detector.chapters import Chapter, camera_of, missing_before, other_cameras, trips
from detector.drive import Drive
from detector.errors import N_, FootageError, RoadDamageError, Translate
from detector.picture_drive import PictureDrive
from detector.video import SUFFIXES, Video, probe
from detector.video_drive import VideoDrive

PICTURE_SUFFIXES = frozenset((".jpg", ".jpeg"))
LONGEST_NAME_BYTES = 80

JUNK = frozenset(("$RECYCLE.BIN", "SYSTEM VOLUME INFORMATION", "LOST.DIR", "FOUND.000", "__MACOSX", "@EADIR"))
"""Folders that computers and cameras put beside the footage, in capitals."""


@dataclass(frozen=True)
class Refused:
    """A file that could not be used, and why."""

    path: Path
    error: RoadDamageError

    def message(self, translate: Translate) -> str:
        """What is refused and why, for a person."""
        message = self.error.message(translate)
        return message if str(self.path) in message else f"{self.path}: {message}"


def find_drives(paths: list[Path], gps: Path | None = None) -> Iterator[Drive | Refused]:
    """The drives in files and folders, and what is wrong with the rest; one bad file stops no other.

    A folder is searched with its subfolders. Videos that follow on one another are one drive, each
    other video is one; a folder that holds pictures and no video is one. A file given twice counts
    once; rear and cabin cameras are left out where there is a front one. `gps` is used for every
    video, in place of the logs they may have of their own.
    """
    videos: list[Video] = []
    folders: list[tuple[Path, list[Path]]] = []
    for one in _footage(paths):
        if isinstance(one, Refused):
            yield one
        elif isinstance(one, Video):
            videos.append(one)
        else:
            folders.append(one)
    front = [video for video in videos if camera_of(video.path) == "front"]
    others = [video for video in videos if camera_of(video.path) != "front"]
    names: set[str] = set()
    before: list[Chapter] | None = None
    for chapters in trips(front):
        name = _unique(chapters[0].video.path.stem, names)
        lost = before is not None and missing_before(chapters, before)
        yield VideoDrive(chapters, name, gps, other_cameras(chapters, others), after_lost=lost)
        before = chapters
    if not front:
        for video in videos:
            error = FootageError(
                N_("{path} is the rear or cabin camera's. Give the front camera's video."), path=video.path
            )
            yield Refused(video.path, error)
    for folder, pictures in folders:
        try:
            yield PictureDrive(folder, _unique(folder.name, names), pictures)
        except RoadDamageError as error:
            yield Refused(folder, error)


def _footage(paths: list[Path]) -> Iterator[Video | tuple[Path, list[Path]] | Refused]:
    """Every video, opened, and every folder with its pictures; each once."""
    seen: set[Path] = set()
    for path in paths:
        try:
            found = list(_footage_in(path))
        except RoadDamageError as error:
            yield Refused(path, error)
            continue
        for place, pictures in found:
            if place.resolve() in seen:
                continue
            seen.add(place.resolve())
            try:
                yield (place, pictures) if pictures else probe(place)
            except RoadDamageError as error:
                yield Refused(place, error)


def _footage_in(path: Path) -> Iterator[tuple[Path, list[Path]]]:
    """(video, []) or (folder, its pictures) for everything under a path."""
    try:
        if not path.is_dir():
            if not path.exists():
                raise FootageError(N_("{path} does not exist."), path=path)
            if path.suffix.lower() in PICTURE_SUFFIXES:
                raise FootageError(
                    N_("{path} is a single picture. Give the folder of the drive's pictures."),
                    path=path,
                )
            yield path, []
            return
        list(path.iterdir())  # rglob passes over a folder it may not read without a word
        files = [file for file in sorted(path.rglob("*")) if _is_footage(file, path)]
    except OSError as error:
        raise FootageError(N_("{path} can't be read: {reason}."), path=path, reason=error.strerror) from error
    videos = [file for file in files if file.suffix.lower() in SUFFIXES]
    pictures: dict[Path, list[Path]] = {}
    for file in files:
        if file.suffix.lower() in PICTURE_SUFFIXES:
            pictures.setdefault(file.parent, []).append(file)
    if not files:
        raise FootageError(
            N_("{path} holds no video and no picture. Known are {kinds} and JPEG."),
            path=path,
            kinds=", ".join(sorted(SUFFIXES)),
        )
    yield from ((video, []) for video in videos)
    with_video = {video.parent for video in videos}
    yield from ((folder, them) for folder, them in pictures.items() if folder not in with_video)


def _is_footage(file: Path, top: Path) -> bool:
    """Whether a file is footage: not hidden, and not evidence that an earlier run wrote."""
    if file.suffix.lower() not in SUFFIXES | PICTURE_SUFFIXES or not file.is_file():
        return False
    return not is_hidden(file, top) and not (file.parent.parent / "report.json").exists()


def is_hidden(file: Path, top: Path) -> bool:
    """Whether a file lies, below `top`, where a card's owner does not look: hidden, deleted, a system's own."""
    return any(part.startswith(".") or part.upper() in JUNK for part in file.relative_to(top).parts)


def _unique(stem: str, taken: set[str]) -> str:
    """A name that is safe in a file name and not taken yet."""
    base = re.sub(r"[^\w.-]+", "_", stem).strip("._-")
    base = base.encode()[:LONGEST_NAME_BYTES].decode("utf-8", "ignore") or "drive"
    name, count = base, 1
    while name.lower() in taken:
        count += 1
        name = f"{base}-{count}"
    taken.add(name.lower())
    return name
