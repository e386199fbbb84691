"""A training's data: a dataset of the workspace as it is now, with the frames that people judged added to learn from.

The val and test parts stay the dataset's own, so that rounds of labelling can be compared. A frame that is nearly one of
their pictures, or of a road or drive of theirs, would be learnt by heart before it is asked for: it is left out.
Pictures are linked, so that a dataset that goes, or is replaced, changes nothing for a training that has begun.
"""

from __future__ import annotations

import csv
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from datasets.dataset import (
    PARTS,
    Dataset,
    DatasetError,
    Picture,
    read_dataset,
    write_labels,
    write_manifest,
)
from datasets.likeness import NEAR_BITS, hashes_of
from datasets.splitting import split
from detector.errors import N_

MANIFEST = "manifest.csv"
OWN = "reviewed"
"""The dataset of the labelled frames alone: made once, and frozen; later frames are added as to any other."""


@dataclass(frozen=True)
class Counts:
    """What became of the frames: `added`, of them `partly` labelled, or left out.

    `known`: the dataset has it already; `near`: nearly a picture that is asked for; `road`: of a road or drive that is.
    """

    added: int = 0
    partly: int = 0
    known: int = 0
    near: int = 0
    road: int = 0


def there(folder: Path) -> dict[str, Counter[str]]:
    """The datasets of a workspace that can be trained on, with their pictures by part."""
    found = {}
    for path in sorted(folder.glob(f"[!.]*/{MANIFEST}")):
        try:
            with path.open(newline="", encoding="utf-8") as file:
                parts = Counter(row.get("part") or "" for row in csv.DictReader(file))
        except (OSError, csv.Error, UnicodeDecodeError):
            continue  # read as a whole when it is begun with; then its fault is said
        if all(parts[name] for name in PARTS):
            found[path.parent.name] = parts
    return found


def own(folder: Path, frames: Callable[[Path], Dataset]) -> Path:
    """The dataset `OWN` among those in `folder`: where there is none yet, all labelled frames, split by road for good.

    `frames` writes them into a folder that it is given. Raises DatasetError where they are of too few roads, OSError where the
    disk is full.
    """
    target, aside = folder / OWN, folder / f".unfinished-{OWN}"
    if (target / MANIFEST).is_file():
        return target
    shutil.rmtree(aside, ignore_errors=True)  # half of one, by a worker that died
    folder.mkdir(parents=True, exist_ok=True)
    pictures = _parted(frames(aside).pictures)
    if not pictures:
        shutil.rmtree(aside, ignore_errors=True)
        raise DatasetError(
            N_(
                "The labelled frames are of too few roads to be split into train, val and test. Review pictures of at least three roads (or drives), and say that nothing else is in them; or choose another dataset."
            )
        )
    write_manifest(aside, pictures)
    aside.rename(target)
    return target


def _parted(pictures: tuple[Picture, ...]) -> tuple[Picture, ...]:
    """The pictures in train, val and test; none where they are of too few roads for that."""
    for share in (0.1, 0.2, 0.3):  # of few roads each is much of them all
        with suppress(DatasetError):
            made, _ = split(pictures, test=max(share, 0.2), val=share)
            if {one.part for one in made} >= set(PARTS):
                return made
    return ()


def gather(
    base: Path, frames: Callable[[Path], Dataset] | None, folder: Path, moved: Callable[[int, int], None]
) -> tuple[Dataset, Counts]:
    """A dataset in `folder` of the base and its new frames; `frames` writes those into a folder that it is given.

    `moved` is told pictures done, and all there are. Raises DatasetError where the base can't be read or lacks a part or
    picture, OSError where the disk is full.
    """
    shutil.rmtree(folder, ignore_errors=True)  # half of one, by a worker that died
    told = read_dataset(base)
    for part in PARTS:
        if not told.part(part):
            raise DatasetError(
                N_("{path} has no {part} part. Run `roaddamage dataset split` first."), path=base, part=part
            )
    aside = folder.with_name(f"{folder.name}-frames")
    shutil.rmtree(aside, ignore_errors=True)
    reviewed = frames(aside) if frames else None
    chosen, counts = choose(told.pictures, reviewed.pictures if reviewed else ())
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
    sources = [(told, one) for one in told.pictures if one.part]
    sources += [(reviewed, one) for one in chosen if reviewed]
    for number, (source, one) in enumerate(sources, 1):
        _link(source.image_path(one), folder / "images" / one.name)
        write_labels(folder, one)
        moved(number, len(sources))
    write_manifest(folder, [one for _, one in sources])  # the last thing: what has one is whole
    shutil.rmtree(aside, ignore_errors=True)
    return read_dataset(folder), counts


def choose(base: Iterable[Picture], frames: Iterable[Picture]) -> tuple[list[Picture], Counts]:
    """The frames to learn from beside a dataset's pictures, for its train part."""
    base = tuple(base)
    held = [one for one in base if one.part in ("val", "test")]
    held_hashes = hashes_of([one.phash for one in held if one.phash])
    places = {place for one in held for place in (one.road, one.drive) if place}
    asked = {one.sha256 for one in held if one.sha256}
    taken = {name for one in base for name in (one.id, one.sha256, one.name, *one.box_id) if name}
    counts: Counter[str] = Counter()
    chosen = []
    for one in frames:
        why = _left_out(one, asked, held_hashes, places, taken)
        counts[why or "added"] += 1
        if not why:
            counts["partly"] += one.judged is not None
            chosen.append(replace(one, part="train"))
    return chosen, Counts(**counts)


def _left_out(one: Picture, asked: set[str], held: np.ndarray, places: set[str], taken: set[str]) -> str:
    """Why a frame is not learnt from, "" where it is: a field of `Counts`."""
    if one.sha256 in asked or (one.phash and _near(one.phash, held)):
        return "near"
    if {one.road, one.drive} & places:
        return "road"
    return "known" if taken & {one.id, one.sha256, one.name, *one.box_id} else ""


def _near(phash: str, held: np.ndarray) -> bool:
    apart = np.bitwise_count(hashes_of([phash]) ^ held)
    return bool((apart <= NEAR_BITS).any())


def _link(source: Path, target: Path) -> None:
    """The same file under another name; a copy where the disk is another one. Raises DatasetError where it is gone."""
    try:
        try:
            os.link(source, target)
        except FileNotFoundError:
            raise
        except OSError:
            shutil.copyfile(source, target)
    except FileNotFoundError as error:
        raise DatasetError(
            N_("{path}, which the dataset names, is gone. Restore it, or import the dataset anew."),
            path=source,
        ) from error
