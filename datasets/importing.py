"""Labelled pictures of other tools brought into a dataset, each checked, and what was found counted.

Nothing is left out in silence: every picture or box that is not taken as it stands is one entry of
`Report.faults`. An import is there whole or not at all: the manifest is written last.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import chain, count, islice
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from datasets.dataset import (
    NOBODY,
    DatasetError,
    Picture,
    read_dataset,
    write_labels,
    write_manifest,
)
from datasets.formats import SUFFIXES, Labelled, PictureFiles
from datasets.likeness import hashes_of, near_pairs, picture_hash
from datasets.readers import READERS
from datasets.shares import Shares, shares_of
from detector.classes import CODES
from detector.errors import N_

PICTURE_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")
FAULTS = {
    "missing": N_("labelled pictures that are not there, or more than once: left out"),
    "unreadable": N_("pictures that can't be read: left out"),
    "unlabelled": N_("pictures that nobody labelled: left out"),
    "other_size": N_("pictures of another shape than their labels were made for: left out"),
    "scaled": N_("pictures scaled after they were labelled: boxes scaled with them"),
    "duplicate": N_("pictures that are there already, byte for byte: left out"),
    "duplicate_other_boxes": N_("of those, with other boxes: the first are kept"),
    "near_duplicate": N_("pairs of pictures that are nearly the same: kept, and kept together by the split"),
    "other_class": N_("boxes of classes that are not in the table: left out"),
    "not_a_box": N_("pictures with outlines or masks: those are left out"),
    "clipped": N_("boxes that went beyond the picture: cut at its edge"),
    "outside": N_("boxes outside the picture: left out"),
    "no_size": N_("boxes without size: left out"),
    "duplicate_id": N_("ids that something else has already: given anew"),
    "no_road": N_("pictures whose name does not fit --road-pattern: their road is not known"),
}
"""What can be found wrong with pictures and boxes, and what is done about it."""
_STEM = 60

Progress = Callable[[int, int], None]
"""Told how many pictures of how many are done."""


@dataclass(frozen=True)
class About:
    """What is said of all the pictures of an import."""

    source: str = ""
    licence: str = ""
    country: str = ""
    road_pattern: re.Pattern[str] | None = None
    negatives: tuple[str, ...] = ()

    def road(self, path: str) -> str:
        """The road of a picture by its path: the first group of the pattern that took part; "" for none."""
        match = self.road_pattern.search(path) if self.road_pattern else None
        return next((group for group in match.groups() if group), "") if match else ""


@dataclass
class Report:
    """What an import found: pictures named by the labels or by their files, what was added, and faults by kind."""

    kind: str
    path: str
    source: str
    licence: str
    pictures_found: int = 0
    pictures_added: int = 0
    boxes: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CODES, 0))
    other_classes: Counter[str] = field(default_factory=Counter)
    negatives: Counter[str] = field(default_factory=Counter)
    faults: dict[str, list[str]] = field(default_factory=lambda: {kind: [] for kind in FAULTS})

    def fault(self, kind: str, what: object) -> None:
        """Count one fault."""
        self.faults[kind].append(str(what))

    def as_json(self) -> str:
        counts = {kind: len(found) for kind, found in self.faults.items()}
        return json.dumps(vars(self) | {"counts": counts}, ensure_ascii=False, indent=1)


@dataclass(frozen=True)
class _File:
    """A picture file as it was read."""

    sha256: str
    width_px: int
    height_px: int
    phash: str


def import_pictures(
    kind: str,
    path: Path,
    folder: Path,
    about: About,
    *,
    images: Path | None = None,
    progress: Progress = lambda done, total: None,
) -> Report:
    """Add the pictures of `path`, labels of a kind of `READERS`, to the dataset in `folder`, made if need be.

    `images` is where the pictures are, if not beside the labels. Raises DatasetError for what can't be read as
    that kind, OSError where nothing can be written; the dataset is then as it was.
    """
    root = images or _pictures_root(kind, path)
    report = Report(kind, str(path), about.source or path.resolve().stem, about.licence)
    listed = list(READERS[kind](path, PictureFiles(root)))
    if not listed:
        raise DatasetError(
            N_("There are no labelled pictures of kind {kind} in {path}."), path=path, kind=kind
        )
    report.pictures_found = len(listed)
    before = read_dataset(folder).pictures if (folder / "manifest.csv").exists() else ()
    taken = {one.sha256: one for one in before}
    ids = {name for one in before for name in (one.id, *one.box_id)}
    stems = {Path(one.name).stem.casefold() for one in before}
    added: list[tuple[Picture, Path]] = []
    usable = [one for one in listed if _usable(one, report)]
    for done, (one, file) in enumerate(_read_all(usable, report), 1):
        progress(done, len(usable))
        if file is None:
            continue
        shares = shares_of(one, (file.width_px, file.height_px), about.negatives, report.fault)
        if shares is None:
            continue
        report.other_classes.update(shares.others)
        picture = _picture(one, file, shares, about)
        if earlier := taken.get(file.sha256):
            _duplicate(one, picture, earlier, report)
            continue
        assert one.image is not None  # noqa: S101  (`_usable` saw to it)
        shown = one.image.relative_to(root).as_posix()
        road = about.road(shown)
        if about.road_pattern and not road:
            report.fault("no_road", shown)
        picture = replace(
            _identified(picture, one, shares, ids, report),
            name=_safe_name(one.image, file.sha256, stems),
            road=road,
            source=report.source,
            licence=about.licence,
        )
        taken[file.sha256] = picture
        added.append((picture, one.image))
        for class_id in picture.class_id:
            report.boxes[CODES[class_id]] += 1
        report.negatives.update(filter(None, picture.negatives.split(",")))
    report.pictures_added = len(added)
    pictures = [*before, *(picture for picture, _ in added)]
    _count_near(pictures, len(before), report)
    _write(folder, added, pictures, report)
    return report


def _pictures_root(kind: str, path: Path) -> Path:
    """The folder below which the pictures are looked for. Raises DatasetError for a path that can't be of the kind."""
    if not path.exists():
        raise DatasetError(N_("{path} does not exist."), path=path)
    if path.is_dir():
        return path
    if kind in ("rdd2022", "yolo"):
        raise DatasetError(
            N_("{path} is a file; {kind} is a folder of pictures and labels."), path=path, kind=kind
        )
    beside = path.resolve().parent
    return beside.parent if beside.name in ("annotations", "labels") else beside


def _usable(one: Labelled, report: Report) -> bool:
    """Whether there is a picture and somebody labelled it; counted where not."""
    if one.image is None:
        report.fault("missing", f"{one.name} ({one.told_in})")
    elif one.boxes is None:
        report.fault("unlabelled", one.image)
    return one.image is not None and one.boxes is not None


def _read_all(listed: Sequence[Labelled], report: Report) -> Iterator[tuple[Labelled, _File | None]]:
    """The picture files, several read at once, in the order they are listed; None for what can't be read."""
    waiting = iter(listed)
    with ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as readers:
        # A block at a time: a failure ends the import soon, and memory stays small.
        while block := list(islice(waiting, 64)):
            for one, file in zip(block, readers.map(_read, block), strict=True):
                if isinstance(file, str):
                    report.fault("unreadable", f"{one.image}: {file}")
                yield one, file if isinstance(file, _File) else None


def _read(one: Labelled) -> _File | str:
    """A picture file, or why it can't be read."""
    assert one.image is not None  # noqa: S101
    try:
        content = one.image.read_bytes()
        with Image.open(one.image, formats=PICTURE_FORMATS) as stored:
            # A picture's own turn counts, as it does where people label it and where a model is trained.
            picture = ImageOps.exif_transpose(stored)
            grey = np.asarray(picture.convert("L"))
    except (
        OSError,
        ValueError,
        SyntaxError,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
    ) as error:
        return str(error)
    height_px, width_px = grey.shape
    return _File(hashlib.sha256(content).hexdigest(), width_px, height_px, picture_hash(grey))


def _picture(one: Labelled, file: _File, shares: Shares, about: About) -> Picture:
    """A picture with the boxes that count."""
    negatives = {*(one.negatives or ()), *(name for name, _ in shares.marked)}
    return Picture(
        "",
        file.width_px,
        file.height_px,
        country=about.country or one.country,
        negatives=",".join(sorted(negatives)),
        sha256=file.sha256,
        phash=file.phash,
        xyxy=shares.xyxy,
        class_id=shares.class_id,
        judged=shares.judged,
        proposed=one.labelled == NOBODY,
    )


def _identified(picture: Picture, one: Labelled, shares: Shares, taken: set[str], report: Report) -> Picture:
    """The picture with the ids that the labels tell, where nothing in `taken` has them."""
    picture = replace(picture, id=_free(one.picture_id, picture.id, taken, report), box_id=())
    told = zip(shares.boxes, picture.plain_ids, strict=True)
    return replace(picture, box_id=tuple(_free(box.id, spare, taken, report) for box, spare in told))


def _free(told: str, spare: str, taken: set[str], report: Report) -> str:
    """An id that nothing else has, added to `taken`: the one told, else one made of `spare`."""
    if told in taken:
        report.fault("duplicate_id", told)
    tried = chain(filter(None, (told, spare)), (f"{spare}.{number}" for number in count(2)))
    free = next(one for one in tried if one not in taken)
    taken.add(free)
    return free


def _duplicate(one: Labelled, picture: Picture, earlier: Picture, report: Report) -> None:
    told = f"{one.image} = {earlier.name}"
    report.fault("duplicate", told)
    same = picture.class_id.tolist() == earlier.class_id.tolist() and np.allclose(
        picture.xyxy, earlier.xyxy, atol=1e-4
    )
    if not same:
        report.fault("duplicate_other_boxes", told)


def _count_near(pictures: Sequence[Picture], old: int, report: Report) -> None:
    """Count the pairs of near duplicates that this import brought."""
    hashed = [(index, one) for index, one in enumerate(pictures) if one.phash]
    for one, other, bits in near_pairs(hashes_of([picture.phash for _, picture in hashed])):
        if hashed[other][0] >= old:
            report.fault("near_duplicate", f"{hashed[one][1].name} ~ {hashed[other][1].name}: {bits} bits")


def _safe_name(image: Path, sha256: str, stems: set[str]) -> str:
    """A file name of letters, digits, `_`, `-` and `.` whose stem no other picture has; added to `stems`."""
    stem = re.sub(r"[^\w-]+", "_", image.stem)[:_STEM].strip("_") or "picture"
    if stem.casefold() in stems:
        stem = f"{stem}_{sha256[:12]}"
    stems.add(stem.casefold())
    suffix = image.suffix.lower()
    return stem + (suffix if suffix in SUFFIXES else ".jpg")


def _write(
    folder: Path, added: Iterable[tuple[Picture, Path]], pictures: Iterable[Picture], report: Report
) -> None:
    """Write pictures and labels, then the report, then the manifest; what was begun is taken back on failure."""
    for name in ("images", "labels", "reports"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    with _taken_back() as begun:
        for picture, image in added:
            target = folder / "images" / picture.name
            begun += [target, folder / "labels" / picture.label_name]
            # A copy, not a hard link: what is done to the original later must not change the dataset.
            shutil.copyfile(image, target)
            write_labels(folder, picture)
        number = 1 + len(list((folder / "reports").glob("import-*.json")))
        begun.append(folder / "reports" / f"import-{number:04d}.json")
        begun[-1].write_text(report.as_json(), encoding="utf-8")
        write_manifest(folder, pictures)


@contextmanager
def _taken_back() -> Iterator[list[Path]]:
    """A list of files that are removed again when anything goes wrong, a request to end included."""
    begun: list[Path] = []
    try:
        yield begun
    except BaseException:
        for path in begun:
            path.unlink(missing_ok=True)
        raise


def road_pattern(text: str) -> re.Pattern[str]:
    """The pattern of a road's name in a picture's path. Raises DatasetError for none, or one without a group."""
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise DatasetError(
            N_("--road-pattern {pattern} is no regular expression ({reason})."), pattern=text, reason=error
        ) from error
    if not pattern.groups:
        raise DatasetError(
            N_("--road-pattern {pattern} has no group: put the road's part of the name in ( )."), pattern=text
        )
    return pattern
