"""Choosing frames for the command line: footage and pictures in, a dataset of the chosen ones with proposals out."""

from __future__ import annotations

import csv
import hashlib
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from datasets.dataset import Dataset, Picture, read_dataset, write_labels, write_manifest
from datasets.formats import SUFFIXES
from datasets.likeness import picture_hash
from detector.drive import Drive
from detector.errors import N_, FootageError, Translate
from detector.footage import Refused, find_drives
from detector.masking import masker
from detector.model import Model
from detector.video import SUFFIXES as VIDEO_SUFFIXES
from detector.visibility import Inspector
from maps.texts import UTF_8, safe_text
from roaddamage.output import check_free, staged
from training.choosing import Candidate, Chosen, Known, Pool, Weights, choose, known, look_over
from training.evaluate import read_picture

FILES = ("images", "labels", "manifest.csv", "choice.csv")
PROPOSED = 0.25
"""Boxes are proposed from this score on, as `detect` takes them."""
JPEG_QUALITY = 95


@dataclass(frozen=True)
class Told:
    """What came of it: the frames looked at, those chosen with their names, and what could not be used."""

    looked_at: int
    chosen: tuple[tuple[str, Chosen], ...]
    refused: tuple[Refused, ...]


class Source:
    """Frames of footage, one a while, and pictures: all can be passed through as often as need be.

    A folder with videos gives their frames, every `every_s` of each drive, without those in which the road can't be
    judged; any other folder its pictures, one by one.
    """

    def __init__(self, paths: list[Path], every_s: float) -> None:
        """Raises FootageError for a path that is not there, or where nothing is of use."""
        self.every_s = every_s
        self.pictures: dict[str, Path] = {}
        self.drives: list[Drive] = []
        self.refused: list[Refused] = []
        filmed = [path for path in paths if self._add(path)]
        # All at once: a trip's files may be given one by one, and drives of one name are told apart.
        for drive in find_drives(filmed) if filmed else ():
            (self.refused if isinstance(drive, Refused) else self.drives).append(drive)  # type: ignore[arg-type]
        if not self.pictures and not self.drives:
            raise FootageError(
                N_("There is no picture and no video in {path}."), path=", ".join(map(str, paths))
            )

    def _add(self, path: Path) -> bool:
        """Take in a path's pictures, unless it holds videos: then True."""
        if not path.exists():
            raise FootageError(N_("{path} does not exist."), path=path)
        files = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
        files = [one for one in files if not one.name.startswith(".")]
        if any(one.suffix.lower() in VIDEO_SUFFIXES for one in files):
            return True
        root = path if path.is_dir() else path.parent
        for one in files:
            if one.suffix.lower() in SUFFIXES:
                name = one.relative_to(root).as_posix()
                self.pictures[name if name not in self.pictures else one.as_posix()] = one
        return False

    def candidates(self, wanted: frozenset[str] | None = None) -> Iterator[Candidate]:
        """All frames that can be judged, or those wanted by name, one in memory at a time."""
        for name, path in self.pictures.items():
            if wanted is not None and name not in wanted:
                continue
            image = self._read(path)
            if image is not None:
                yield Candidate(name, image)
        for drive in self.drives:
            if wanted is None or any(name.startswith(f"{drive.name}/") for name in wanted):
                try:
                    yield from self._of_drive(drive, wanted)
                except FootageError as error:  # the others go on
                    self._refuse(drive.path, error)

    def _of_drive(self, drive: Drive, wanted: frozenset[str] | None) -> Iterator[Candidate]:
        inspector = Inspector()
        for frame in drive.frames_at(np.arange(0, drive.duration_s, self.every_s)):
            name = f"{drive.name}/{frame.time_s:.2f}s"
            clear = wanted is not None or inspector.why_unseen(frame.image) is None
            if clear and (wanted is None or name in wanted):
                yield Candidate(name, frame.image, sequence=drive.name)

    def _read(self, path: Path) -> NDArray[np.uint8] | None:
        try:
            with Image.open(path) as stored:
                return np.asarray(ImageOps.exif_transpose(stored).convert("RGB"), np.uint8)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            self._refuse(path, FootageError(N_("{path} can't be read: {reason}."), path=path, reason=error))
            return None

    def _refuse(self, path: Path, error: FootageError) -> None:
        if all(one.path != path for one in self.refused):
            self.refused.append(Refused(path, error))


def write_choice(
    paths: list[Path],
    out: Path,
    model: Model,
    other: Model | None,
    labelled: Path | None,
    *,
    every_s: float,
    budget: int,
    weights: Weights,
    seed: int,
    translate: Translate,
    moved: Callable[[int], None] = lambda done: None,
) -> Told:
    """Choose frames of the footage and pictures in `paths`, and write them as a dataset into the new folder `out`.

    Its boxes are the model's proposals, and it says of each picture that nobody labelled it. `choice.csv` tells the
    order, what counted, and why. `moved` is told how many pictures were looked at. Raises RoadDamageError.
    """
    check_free(out, paths, overwrite=False)
    before = _labelled(read_dataset(labelled), model, moved) if labelled else Known()
    source = Source(paths, every_s)
    pool = look_over(source.candidates(), model, other, lambda done: moved(len(before.names) + done))
    chosen = choose(pool, before, budget, weights, seed)
    with staged(out, FILES) as stage:
        (stage / "images").mkdir()
        (stage / "labels").mkdir()
        names = _write_pictures(stage, source, [pool.names[one.row] for one in chosen], model)
        rows = tuple((names[pool.names[one.row]], one) for one in chosen)
        _write_reasons(stage / "choice.csv", rows, pool, translate)
    return Told(len(pool), rows, tuple(source.refused))


def _labelled(dataset: Dataset, model: Model, moved: Callable[[int], None]) -> Known:
    pictures = [one for one in dataset.pictures if not one.proposed]
    pictures.sort(key=lambda one: (one.width_px, one.height_px, one.name))
    return known(((one.name, read_picture(dataset, one)) for one in pictures), model, moved)


def _write_pictures(stage: Path, source: Source, wanted: list[str], model: Model) -> dict[str, str]:
    """Write the pictures, proposals and manifest; each candidate's file, by its name."""
    rank = {name: number for number, name in enumerate(wanted, 1)}
    pictures: dict[int, Picture] = {}
    for one in source.candidates(frozenset(wanted)):
        (found,) = model.detect([one.image], PROPOSED)
        height, width = one.image.shape[:2]
        # Numbered, so that files of one name in two folders stay two, and lists stand in the order of worth.
        file = source.pictures.get(one.name)
        name = f"{rank[one.name]:04d}_{_safe(one.name)}{file.suffix.lower() if file else '.jpg'}"
        path = stage / "images" / name
        masked = masker().masked(one.image)
        if file and not len(masked.kind):
            shutil.copyfile(file, path)
        else:
            path = path.with_suffix(".jpg")
            Image.fromarray(masked.image).save(path, quality=JPEG_QUALITY)
        picture = Picture(
            path.name, width, height, drive=one.sequence, source=one.sequence or "pictures",
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(), phash=picture_hash(one.image),
            xyxy=np.clip(found.xyxy / [width, height, width, height], 0, 1), class_id=found.class_id, proposed=True,
        )  # fmt: skip
        write_labels(stage, picture)
        pictures[rank[one.name]] = picture
    write_manifest(stage, [pictures[number] for number in sorted(pictures)])
    return {name: pictures[number].name for name, number in rank.items()}


def _safe(name: str) -> str:
    stem = name[: -len(Path(name).suffix)] if Path(name).suffix.lower() in SUFFIXES else name
    return re.sub(r"[^\w.-]+", "_", stem).strip("._-")[:60]


def _write_reasons(
    path: Path, rows: tuple[tuple[str, Chosen], ...], pool: Pool, translate: Translate
) -> None:
    """A row a frame, the one most worth labelling first."""
    with path.open("w", newline="", encoding=UTF_8) as file:
        table = csv.writer(file)
        table.writerow(("name", "from", "score", "uncertainty", "disagreement", "novelty", "reasons"))
        for name, one in rows:
            parts = (one.score, one.uncertainty, one.disagreement, one.novelty)
            reasons = "; ".join(reason.text(translate) for reason in one.reasons)
            texts = (safe_text(text) for text in (name, pool.names[one.row], reasons))
            table.writerow((next(texts), next(texts), *(f"{part:.3f}" for part in parts), next(texts)))
