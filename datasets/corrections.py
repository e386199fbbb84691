"""What people changed in CVAT or Label Studio: an export that comes back, held against the dataset box by box.

Pictures and boxes are told by their ids, so that a box that was moved is that box, and not one deleted and one added.
What can't be taken is counted, and leaves the picture or box as it was.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from datasets.dataset import (
    NOBODY,
    Dataset,
    DatasetError,
    Floats,
    Picture,
    write_labels,
    write_manifest,
)
from datasets.formats import LOOKALIKES, Labelled, PictureFiles
from datasets.importing import FAULTS as IMPORT_FAULTS
from datasets.overlap import iou
from datasets.readers import READERS
from datasets.shares import Shares, shares_of
from detector.classes import CODES
from detector.errors import N_
from detector.swap import swap

KINDS = ("cvat", "labelstudio")
"""Tools that keep ids."""
MOVED_PX = 0.5
"""A box is where it was if no edge went further: tools round, and people's hands are no surer."""
FAULTS = {
    "unknown": N_("pictures that this dataset does not have: left out"),
    "twice": N_("pictures that are there more than once: the first counts"),
    "unlabelled": N_("pictures that nobody has worked on: left as they are"),
    "tested": N_("pictures of val or test, now judged in part: left as they are"),
    **{kind: IMPORT_FAULTS[kind] for kind in ("other_size", "scaled", "not_a_box", "clipped")},
    "other_class": N_("boxes of classes that are not in the table: left as they were, new ones left out"),
    "outside": N_("boxes outside the picture: left as they were, new ones left out"),
    "no_size": N_("boxes without size: left as they were, new ones left out"),
    "duplicate_id": N_("copies of a box with its id: taken as new boxes"),
    "other_picture": N_("boxes with the id of a box in another picture: taken as new boxes"),
    "unknown_id": N_("boxes with ids that this dataset does not have: taken as new boxes"),
}
"""What can be found wrong with corrections, and what is done about it."""


@dataclass(frozen=True)
class Difference:
    """What a person changed in one picture, boxes by their ids.

    `rejected` are those of `deleted` that were said to be something else, and what.
    """

    before: Picture
    after: Picture
    added: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()
    reclassed: tuple[str, ...] = ()
    rejected: tuple[tuple[str, str], ...] = ()

    @property
    def changed(self) -> bool:
        """Whether anything was."""
        boxes = self.added or self.deleted or self.moved or self.reclassed
        return bool(boxes) or self.judged_anew or self.before.negatives != self.after.negatives

    @property
    def judged_anew(self) -> bool:
        """Whether other areas are judged than before, or the whole picture now, or anything at all for the first time."""
        before, after = self.before.judged, self.after.judged
        if self.before.proposed:
            return True
        if before is None or after is None:
            return before is not after
        return not np.array_equal(before, after)

    def told(self) -> dict[str, Any]:
        """The change for a report, boxes as shares of the picture."""
        before, after = (
            {
                key: {"class": CODES[class_id], "xyxy": box}
                for key, class_id, box in zip(
                    one.box_id, one.class_id.tolist(), one.xyxy.round(6).tolist(), strict=True
                )
            }
            for one in (self.before, self.after)
        )
        told: dict[str, Any] = {"id": self.after.id, "name": self.after.name}
        told["added"] = {key: after[key] for key in self.added}
        told["deleted"] = {key: before[key] for key in self.deleted}
        told["rejected"] = dict(self.rejected)
        told["changed"] = {
            key: {"before": before[key], "after": after[key]}
            for key in self.after.box_id
            if key in self.moved or key in self.reclassed
        }
        for name in ("negatives", "labelled"):
            told[name] = {"before": getattr(self.before, name), "after": getattr(self.after, name)}
        return told


@dataclass
class Corrections:
    """What came back: pictures found in the file, a difference for each that was worked on, and faults by kind."""

    kind: str
    path: str
    pictures_found: int = 0
    differences: list[Difference] = field(default_factory=list)
    faults: dict[str, list[str]] = field(default_factory=lambda: {kind: [] for kind in FAULTS})

    def fault(self, kind: str, what: object) -> None:
        """Count one fault."""
        self.faults[kind].append(str(what))

    @property
    def changed(self) -> list[Difference]:
        """Those that changed anything."""
        return [one for one in self.differences if one.changed]

    def counts(self) -> dict[str, int]:
        """Pictures worked on and changed; boxes by what was done; pictures that are judged as a whole now."""
        boxes = ("added", "deleted", "moved", "reclassed", "rejected")
        return {
            "pictures": len(self.differences),
            "changed": len(self.changed),
            **{name: sum(len(getattr(one, name)) for one in self.differences) for name in boxes},
            "now_whole": sum(one.judged_anew and one.after.judged is None for one in self.differences),
        }

    def as_json(self) -> str:
        """All of it as text."""
        told = {
            "kind": self.kind,
            "path": self.path,
            "pictures_found": self.pictures_found,
            "counts": self.counts(),
            "faults": {kind: found for kind, found in self.faults.items() if found},
            "pictures": [one.told() for one in self.changed],
        }
        return json.dumps(told, ensure_ascii=False, indent=1)


def read_corrections(kind: str, path: Path, dataset: Dataset) -> Corrections:
    """What labels of one of `KINDS` change in a dataset; the dataset itself is left as it is.

    Raises DatasetError for what can't be read as that kind, or holds no picture of the dataset.
    """
    if not path.exists():
        raise DatasetError(N_("{path} does not exist."), path=path)
    found = Corrections(kind, str(path))
    by_id = {one.id: one for one in dataset.pictures}
    by_name = {one.name: one for one in dataset.pictures}
    elsewhere = {box_id: one.name for one in dataset.pictures for box_id in one.box_id}
    seen: set[str] = set()
    for one in READERS[kind](path, PictureFiles(dataset.folder / "images")):
        found.pictures_found += 1
        name = one.image.name if one.image else one.name
        before = by_id.get(one.picture_id) if one.picture_id else by_name.get(name)
        told = f"{one.name} ({one.told_in.name})"
        if before is None:
            found.fault("unknown", f"{told}: {one.picture_id}" if one.picture_id else told)
        elif one.boxes is None or one.labelled == NOBODY:
            found.fault("unlabelled", told)
        elif before.name in seen:
            found.fault("twice", told)
        else:
            seen.add(before.name)
            if difference := _difference(before, one, elsewhere, found):
                found.differences.append(difference)
    if not seen and not found.faults["unlabelled"]:
        raise DatasetError(
            N_(
                "None of the {count} pictures in {path} is in {dataset}. Name the dataset they were exported from."
            ),
            count=found.pictures_found,
            path=path,
            dataset=dataset.folder,
        )
    return found


def corrected(path: Path, dataset: Dataset) -> tuple[Picture, ...]:
    """The pictures of a dataset that one person worked on, as that person left them: `path` is .xml of CVAT, or .json.

    Raises DatasetError as `read_corrections` does.
    """
    kind = "cvat" if path.suffix.lower() == ".xml" else "labelstudio"
    return tuple(one.after for one in read_corrections(kind, path, dataset).differences)


def _difference(
    before: Picture, one: Labelled, elsewhere: dict[str, str], found: Corrections
) -> Difference | None:
    """What one picture's labels changed; None where they can't be taken."""
    shares = shares_of(one, (before.width_px, before.height_px), LOOKALIKES, found.fault)
    if shares is None:
        return None
    ids = _ids(before, shares, elsewhere, found)
    after = _boxes(before, shares, ids)
    deleted = [row for row, box_id in enumerate(before.box_id) if box_id not in after.box_id]
    judged = _judged(before, one, shares, deleted)
    if judged is not None and before.part not in ("", "train"):
        found.fault("tested", before.name)
        return None
    after = replace(after, judged=judged, proposed=False, negatives=_negatives(before, one, shares))
    return _compared(before, after, shares)


def _boxes(before: Picture, shares: Shares, ids: list[str]) -> Picture:
    """The picture with the boxes that came back, and those as they were whose labels can't be taken.

    They stand as they stood, new ones behind, so that what did not change is written as it was.
    """
    row_of = {box_id: row for row, box_id in enumerate(before.box_id)}
    kept = [box.id for box in shares.refused if box.id in row_of and box.id not in ids]
    rows = [row_of[box_id] for box_id in dict.fromkeys(kept)]
    box_id = (*ids, *dict.fromkeys(kept))
    xyxy = np.concatenate([shares.xyxy, before.xyxy[rows]])
    class_id = np.concatenate([shares.class_id, before.class_id[rows]])
    for row, one in enumerate(box_id):
        if one in row_of and _apart_px(before, xyxy[row], before.xyxy[row_of[one]]) <= MOVED_PX:
            xyxy[row] = before.xyxy[row_of[one]]
    order = sorted(range(len(box_id)), key=lambda row: row_of.get(box_id[row], len(row_of) + row))
    return replace(
        before,
        xyxy=xyxy[order].reshape(-1, 4),
        class_id=class_id[order],
        box_id=tuple(box_id[row] for row in order),
        judged=None,
    )


def _compared(before: Picture, after: Picture, shares: Shares) -> Difference:
    row_of = {box_id: row for row, box_id in enumerate(before.box_id)}
    both = [(box_id, row, row_of[box_id]) for row, box_id in enumerate(after.box_id) if box_id in row_of]
    deleted = tuple(box_id for box_id in before.box_id if box_id not in after.box_id)
    rejected = {box.id: name for name, box in shares.marked if box.id in deleted}
    return Difference(
        before,
        after,
        added=tuple(box_id for box_id in after.box_id if box_id not in row_of),
        deleted=deleted,
        moved=tuple(key for key, row, old in both if (after.xyxy[row] != before.xyxy[old]).any()),
        reclassed=tuple(key for key, row, old in both if after.class_id[row] != before.class_id[old]),
        rejected=tuple(rejected.items()),
    )


def _ids(before: Picture, shares: Shares, elsewhere: dict[str, str], found: Corrections) -> list[str]:
    """The ids of the boxes that came back; a copy, or one of another picture, gets a new one."""
    holder = _holders(before, shares)
    ids: list[str] = []

    def taken(box_id: str) -> bool:
        return box_id in ids or box_id in holder or elsewhere.get(box_id, before.name) != before.name

    for row, box in enumerate(shares.boxes):
        told = f"{before.name}: {box.id}"
        if box.id and holder[box.id] != row:
            found.fault("duplicate_id", told)
        elif elsewhere.get(box.id, before.name) != before.name:
            found.fault("other_picture", told)
        elif box.id:
            if box.id not in before.box_id and not box.drawn:
                found.fault("unknown_id", told)
            ids.append(box.id)
            continue
        ids.append(next(one for one in _new_ids(before, shares, row) if not taken(one)))
    return ids


def _holders(before: Picture, shares: Shares) -> dict[str, int]:
    """The row of the box that an id is of: of copies, the one nearest to where the box was."""
    holder: dict[str, int] = {}
    for row, box in enumerate(shares.boxes):
        other = holder.setdefault(box.id, row)
        if other != row and box.id in before.box_id:
            there = before.xyxy[[before.box_id.index(box.id)]]
            overlap = iou(shares.xyxy[[other, row]], there)[:, 0]
            holder[box.id] = row if overlap[1] > overlap[0] else other
    return holder


def _new_ids(before: Picture, shares: Shares, row: int) -> Iterator[str]:
    """Ids for a new box, made of what and where it is: the same file read again gives the same."""
    content = f"{before.id} {shares.class_id[row]} {shares.xyxy[row].round(4).tolist()}"
    plain = f"{before.id}-{hashlib.sha256(content.encode()).hexdigest()[:8]}"
    yield plain
    yield from (f"{plain}.{number}" for number in count(2))


def _apart_px(picture: Picture, one: Floats, other: Floats) -> float:
    """How far the edges of two boxes (4,) are apart at most."""
    size = [picture.width_px, picture.height_px] * 2
    return float((np.abs(one - other) * size).max())


def _negatives(before: Picture, one: Labelled, shares: Shares) -> str:
    """What looks like damage and is none: as the tags say, where there are any, and what boxes were said to be."""
    told = before.negatives.split(",") if one.negatives is None else one.negatives
    return ",".join(sorted({*filter(None, told), *(name for name, _ in shares.marked)}))


def _judged(before: Picture, one: Labelled, shares: Shares, deleted: list[int]) -> Floats | None:
    """The areas judged now; where a box was deleted, a person said that nothing is there."""
    judged = shares.judged
    if judged is None and not one.labelled and before.judged is not None:
        judged = np.concatenate([before.judged, shares.marked_xyxy])
    if judged is None:
        return None
    marked = [box.id for _, box in shares.marked]
    bare = [row for row in deleted if before.box_id[row] not in marked]
    judged = np.concatenate([judged, before.xyxy[bare]])
    if before.judged is not None and _same_areas(before, judged, before.judged):
        return before.judged
    return judged


def _same_areas(picture: Picture, one: Floats, other: Floats) -> bool:
    """Whether two sets of areas are the same but for rounding and order."""
    near = [[_apart_px(picture, area, each) <= MOVED_PX for each in other] for area in one]
    return len(one) == len(other) and all(map(any, near)) and all(map(any, zip(*near, strict=True)))


def write_corrections(dataset: Dataset, corrections: Corrections) -> Path:
    """Write the changed pictures' labels and the manifest, all of it or nothing; returns the report's path.

    Raises OSError where something can't be written; the dataset is then as it was.
    """
    after = {one.before.name: one.after for one in corrections.changed}
    folder, reports = dataset.folder, dataset.folder / "reports"
    reports.mkdir(exist_ok=True)
    number = 1 + len(list(reports.glob("corrections-*.json")))
    report = f"reports/corrections-{number:04d}.json"
    stage = Path(tempfile.mkdtemp(prefix=".corrections-", dir=folder))
    try:
        for name in ("labels", "reports"):
            (stage / name).mkdir()
        for picture in after.values():
            write_labels(stage, picture)
        (stage / report).write_text(corrections.as_json() + "\n", encoding="utf-8")
        write_manifest(stage, [after.get(one.name, one) for one in dataset.pictures])
        labels = [f"labels/{one.label_name}" for one in after.values()]
        beside = [str(Path(name).with_suffix(".json")) for name in labels]
        # The manifest last: it decides what is in the dataset.
        swap(stage, folder, [*labels, *beside, report, "manifest.csv"])
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    return folder / report
