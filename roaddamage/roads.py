"""The workspace's roads: the file that an administrator gave, as it was read, and the network that it makes.

Which file is in use the records say, so that all workers mean the same one; the files have their digests as names and
never change.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.db import transaction
from pyproj import CRS

from maps.kept_roads import read_kept, write_kept
from maps.network import Network
from maps.roads import Roads, RoadsError, read_roads
from maps.rules import default_rules
from roaddamage.problems import problem
from roaddamage.records.audit import audited
from roaddamage.records.models import RoadsFile, Turn
from roaddamage.records.models.lengths import NAME

READ = threading.Lock()


def roads_in_use() -> RoadsFile | None:
    """The road file in use; None where none was given."""
    return RoadsFile.objects.order_by("-pk").first()


@dataclass(frozen=True)
class InUse:
    """The roads in use: their file's digest, and the network that they make."""

    digest: str
    network: Network


def workspace_network() -> Network | None:
    """The network of the roads in use; None where none were given. It is read once a process, until others are given.

    Raises RoadsError where the roads that the records name can't be read.
    """
    found = in_use()
    return found.network if found else None


def in_use() -> InUse | None:
    """As `workspace_network`, with the digest."""
    row = roads_in_use()
    if row is None:
        return None
    try:
        return _in_use(row)
    except RoadsError:
        newer = roads_in_use()
        if newer is None or newer.pk == row.pk:
            raise
        return _in_use(newer)  # others were given just now


def _in_use(row: RoadsFile) -> InUse:
    with READ:
        return InUse(row.digest, _network(kept_at(row.digest)))


@lru_cache(maxsize=1)
def _network(path: Path) -> Network:
    """With all that is worked out of it once, so that nobody who holds a lock waits for that."""
    network = Network(read_kept(path), default_rules().lanes)
    network.tree, network.junctions  # noqa: B018
    return network


def kept_at(digest: str) -> Path:
    """Where the roads of this digest lie."""
    folder: Path = settings.WORKSPACE.roads
    return folder / f"{digest}.npz"


def give_roads(path: Path, crs: CRS | None = None, columns: Mapping[str, str] | None = None) -> RoadsFile:
    """Read and check a road file, keep its roads in the workspace, and put them in use; where they are already, nothing changes.

    `crs` and `columns` as `maps.roads.read_roads` has them. Raises RoadsError and OSError; what was in use stays then.
    """
    roads = read_roads(path, crs, columns)
    metres = float(Network(roads, default_rules().lanes).length_m.sum())
    with transaction.atomic():
        Turn.take("counting")  # whoever counts does so on the roads before, or on these
        digest = _keep(roads)
        before = roads_in_use()
        if before is not None and before.digest == digest:
            return before
        row = RoadsFile.objects.create(
            digest=digest, name=path.name[:NAME], lines=len(roads), metres=metres,
            remarks=[problem(one, path.parent) for one in roads.remarks],
        )  # fmt: skip
        audited(None, "roads.given", path.name, lines=len(roads))
    with transaction.atomic():
        Turn.take("counting")
        clear()
    return row


def _keep(roads: Roads) -> str:
    """Write the roads under their digest, aside first; the digest."""
    folder: Path = settings.WORKSPACE.roads
    folder.mkdir(mode=0o700, exist_ok=True)
    aside = folder / f".unfinished-{secrets.token_hex(8)}"
    try:
        write_kept(aside, roads)
        with aside.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        aside.replace(kept_at(digest))
        _sync(folder)
    finally:
        aside.unlink(missing_ok=True)
    return digest


def _sync(folder: Path) -> None:
    """See to it that a name given in a folder is on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def clear() -> None:
    """Remove the files of roads that are in use no more, and what was left half written; whoever counts waits."""
    row = roads_in_use()
    for path in settings.WORKSPACE.roads.iterdir():
        if row is None or path != kept_at(row.digest):
            path.unlink(missing_ok=True)
