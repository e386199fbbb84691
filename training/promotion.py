"""Whether a candidate is better than the model in use: both on the same pictures, road by road.

Intervals of a difference come from drawing the same roads for both (a paired bootstrap): what makes a road hard
is hard for both, and drops out.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from datasets.dataset import Dataset, DatasetError, Picture, known_lines
from detector.classes import CODES
from detector.errors import N_
from detector.model import Model
from training.evaluate import ALL, Evaluation, Interval, Looked, ap50_samples, built, look, scored
from training.scores import interval

SEEN_DIGITS = 16
"""Of a picture's SHA-256: enough to tell a million apart."""


@dataclass(frozen=True)
class Change:
    """A class's AP50 (ALL: the mean) of the model in use and of the candidate, and the 95 % interval of the gain.

    None where the class has no labels.
    """

    code: str
    current: float | None
    candidate: float | None
    difference: Interval | None

    @property
    def gain(self) -> float:
        return (self.candidate or 0.0) - (self.current or 0.0)

    @property
    def worse(self) -> bool:
        """Whether the candidate is worse by more than the choice of roads explains."""
        return self.difference is not None and self.difference[1] < 0

    @property
    def better(self) -> bool:
        """Whether the candidate is better by more than the choice of roads explains."""
        return self.difference is not None and self.difference[0] > 0


@dataclass(frozen=True)
class Comparison:
    """A candidate against the model in use. `seen` is how many of the pictures each had learnt from: None, unknown."""

    current: Evaluation
    candidate: Evaluation
    changes: tuple[Change, ...]
    current_seen: int | None
    candidate_seen: int | None

    @property
    def mean(self) -> Change:
        """The primary metric: mean AP50."""
        return self.changes[-1]

    @property
    def worse(self) -> tuple[str, ...]:
        """Codes of the classes that got significantly worse."""
        return tuple(one.code for one in self.changes[:-1] if one.worse)

    @property
    def promotable(self) -> bool:
        """Better in the primary metric, no class significantly worse, and not asked what it had been told."""
        return self.mean.gain > 0 and not self.worse and not self.candidate_seen

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Comparison:
        """What `to_json` wrote. Raises DatasetError for anything else."""
        try:
            told: Comparison = built(cls, json.loads(text))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DatasetError(N_("This is no comparison of two models ({reason})."), reason=error) from error
        return told


def compare(
    candidate: Model,
    current: Model,
    dataset: Dataset,
    seen: tuple[Path, Path],
    moved: Callable[[int, int], None] = lambda done, total: None,
    looked: Callable[[Looked], None] = lambda candidate: None,
) -> Comparison:
    """Both models on the dataset's test part. `seen` are the candidate's and the current model's `seen_file`.

    `looked` is given what the candidate found, for whoever wants more of it.

    Raises DatasetError as `evaluate` does, and for a part without any damage: there is nothing to compare by.
    """
    looks = [
        look(current, dataset, "test", lambda done, total: moved(done, 2 * total)),
        look(candidate, dataset, "test", lambda done, total: moved(total + done, 2 * total)),
    ]
    looked(looks[1])
    samples = [ap50_samples(one) for one in looks]
    evaluations = [scored(one) for one in looks]
    if evaluations[0].whole.scores[-1].ap50 is None:
        raise DatasetError(N_("The test part of {path} has no damage to find."), path=dataset.folder)
    changes = tuple(
        Change(code, before.ap50, after.ap50, interval(samples[1][row] - samples[0][row]))
        for row, (code, before, after) in enumerate(
            zip((*CODES, ALL), evaluations[0].whole.scores, evaluations[1].whole.scores, strict=True)
        )
    )
    pictures = dataset.part("test")
    return Comparison(
        evaluations[0], evaluations[1], changes, *(seen_count(pictures, path) for path in seen[::-1])
    )


def part_hash(dataset: Dataset, part: str = "test") -> str:
    """A hash of a part's pictures, boxes and judged areas: the same as long as the part is."""
    digest = hashlib.sha256()
    for one in sorted(dataset.part(part), key=lambda picture: picture.sha256):
        digest.update("\t".join((one.sha256, *known_lines(one))).encode())
    return digest.hexdigest()


def seen_file(model: Path) -> Path:
    """Where it stands what a model learnt from, or was chosen by: a line a picture, with those of its start."""
    return model.with_suffix(".trained-on.txt")


def write_seen(path: Path, digests: Iterable[str], began_from: Path | None) -> None:
    """Write a model's `seen_file`: pictures by their SHA-256, and those in the file of the model it began from.

    Where that one's are not known this one's aren't either, and no file is written.
    """
    if began_from is not None and not began_from.exists():
        return
    before = began_from.read_text(encoding="utf-8").split() if began_from else []
    rows = sorted({*before, *(one[:SEEN_DIGITS] for one in digests)})
    path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")


def seen_count(pictures: Iterable[Picture], path: Path) -> int | None:
    """How many of the pictures a model learnt from, by its `seen_file`; None where there is none."""
    if not path.exists():
        return None
    known = set(path.read_text(encoding="utf-8").split())
    return sum(one.sha256[:SEEN_DIGITS] in known for one in pictures)
