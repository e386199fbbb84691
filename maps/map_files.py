"""Files of map data: found in folders and zips, and looked into before they are believed."""

from __future__ import annotations

import re
import shutil
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from detector.errors import N_, RoadDamageError
from maps.basemap_classes import PLAIN

SUFFIXES = (".osm.pbf", ".pbf", ".gpkg", ".shp", ".gml", ".xml")
ALONE_SUFFIXES = (".geojson",)
"""Read when a file of the kind is named, and not looked for in folders, where results may lie."""
HEAD_BYTES = 65_536
ROOM_SHARE = 0.8
"""Of what is free on the disk, what a zip may unpack to."""


class BaseMapError(RoadDamageError):
    """A base map, or a source of one, that can't be used; nothing is written."""

    exit_code = 3


def source_files(given: Sequence[str], scratch: Path) -> list[tuple[str, Path]]:
    """The files that the arguments name, each with what it was said to hold ("" where nothing was).

    An argument is a file, a folder or a zip of files, with `roads=` or the like before it where it has to be
    said. Zips are unpacked into `scratch`. Raises BaseMapError.
    """
    found: list[tuple[str, Path]] = []
    for argument in given:
        what, path = _said(argument)
        if not path.exists():
            raise BaseMapError(N_("{path} does not exist."), path=path)
        files = sorted(_expanded(path, scratch)) if path.is_dir() or path.suffix == ".zip" else [path]
        if not files:
            raise BaseMapError(
                N_("{path} holds none of these: {kinds}."), path=path, kinds=", ".join(SUFFIXES)
            )
        found.extend((what, file) for file in files)
    return found


def _said(argument: str) -> tuple[str, Path]:
    what, equals, rest = argument.partition("=")
    return (what, Path(rest)) if equals and what in PLAIN else ("", Path(argument))


def _expanded(path: Path, scratch: Path) -> Iterator[Path]:
    """Files of a folder or a zip; zips in it too, as 基盤地図情報 comes."""
    if path.suffix == ".zip":
        path = _unpacked(path, scratch)
    for file in path.rglob("*"):
        if file.suffix == ".zip":
            yield from _expanded(file, scratch)
        elif file.is_file() and _is_map_data(file.name):
            yield file


def _unpacked(path: Path, scratch: Path) -> Path:
    """A folder with what is in a zip. A zip that says it needs more room than there is is not begun."""
    folder = scratch / f"{path.stem}-{len(list(scratch.iterdir()))}"
    try:
        with zipfile.ZipFile(path) as archive:
            needed = sum(one.file_size for one in archive.infolist())
            if needed > shutil.disk_usage(scratch).free * ROOM_SHARE:
                raise BaseMapError(
                    N_("{path} unpacks to {size} GB, and {scratch} has no room for that."),
                    path=path, size=f"{needed / 1e9:,.1f}", scratch=scratch,
                )  # fmt: skip
            archive.extractall(folder)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise BaseMapError(N_("{path} is not the zip its name says."), path=path) from error
    except (RuntimeError, NotImplementedError) as error:  # a password, or a packing that Python does not know
        raise BaseMapError(
            N_("{path} can't be unpacked ({reason}). Unpack it, and give the folder."),
            path=path,
            reason=error,
        ) from error
    return folder


def _is_map_data(name: str) -> bool:
    """By a file's name in a folder, where metadata and schemas lie beside the data, and are XML too."""
    lowered = name.lower()
    return lowered.startswith("fg-gml") if lowered.endswith(".xml") else lowered.endswith(SUFFIXES)


def looked_into(path: Path) -> tuple[str, bytes]:
    """What ends a file's name, and how the file begins. Raises BaseMapError for one that is not what it says."""
    head = _head(path)
    suffix = next((end for end in SUFFIXES + ALONE_SUFFIXES if path.name.lower().endswith(end)), "")
    if not suffix:
        kinds = ", ".join(SUFFIXES + ALONE_SUFFIXES)
        raise BaseMapError(N_("{path} is of no kind that is read here: {kinds}."), path=path, kinds=kinds)
    if not _is_kind(path, suffix, head):
        raise BaseMapError(
            N_("{path} is not what its name says ({kind}). Download or export it again."),
            path=path, kind=suffix,
        )  # fmt: skip
    if not _is_whole(path, suffix):
        raise BaseMapError(N_("{path} breaks off before its end. Download or export it again."), path=path)
    return suffix, head


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(HEAD_BYTES)
    except OSError as error:
        reason = error.strerror or str(error)
        raise BaseMapError(N_("{path} can't be read: {reason}."), path=path, reason=reason) from error


def _is_kind(path: Path, suffix: str, head: bytes) -> bool:
    """Whether a file begins as files of its name's kind do."""
    if suffix in (".osm.pbf", ".pbf"):
        return b"OSMHeader" in head[:32]
    if suffix == ".gpkg":
        return head.startswith(b"SQLite format 3\0")
    if suffix == ".shp":
        return head.startswith(b"\x00\x00\x27\x0a")
    begins = b"{" if suffix == ".geojson" else b"<"
    return head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(begins)


def _is_whole(path: Path, suffix: str) -> bool:
    """Whether a file ends where it says: GDAL takes the rest of one that does not as read."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if suffix in (".osm.pbf", ".pbf"):
            return _blocks_end(file) == size
        if suffix == ".shp":
            file.seek(24)
            return int.from_bytes(file.read(4), "big") * 2 <= size
        if suffix in (".gml", ".xml"):
            file.seek(max(0, size - 200))
            return re.search(rb"</[^<>]+>(\s|<!--.*-->)*$", file.read(), re.S) is not None
    return True


def _blocks_end(file: BinaryIO) -> int:
    """Where the last block of an OpenStreetMap file ends: length, header, and data as long as it says."""
    end = 0
    while length := file.read(4):
        header = file.read(min(int.from_bytes(length, "big"), HEAD_BYTES))
        # Its fields: 1 type and 2 index, each with its length before it; then 3, `datasize`, a varint.
        at = 0
        while at + 1 < len(header) and header[at] != 0x18:
            at += 2 + header[at + 1]
        digits = header[at + 1 :]
        end += 4 + len(header) + sum((byte & 0x7F) << 7 * place for place, byte in enumerate(digits))
        file.seek(end)
    return end
