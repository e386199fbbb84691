"""Which frames are worth labelling first, within a budget, and why each.

Three things count, each from 0 to 1: how doubtful the model is of what it finds (uncertainty), how far two opinions
differ (disagreement), and how unlike the frame is to what is labelled or chosen already (novelty). One by one the
frame is taken whose weighted sum is greatest; each one taken makes its like less novel. With novelty alone that is
the greedy k-centre of core-set selection (Sener and Savarese 2018). Near duplicates of what is labelled or chosen
(`datasets.likeness`) are never taken.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from datasets.likeness import NEAR_BITS, Hashes, hashes_of, picture_hash
from detector.classes import CLASSES
from detector.errors import N_, Translate
from detector.model import Detections, Model
from training.doubt import difference, expected_mistakes, flicker, mirrored, presence, reliable
from training.evaluation_report import class_name
from training.scores import Floats

LEAST_SCORE = 0.05
UNRELATED = 0.7
"""The distance of two pictures that have nothing in common: vectors at right angles lie 0.71 apart."""
WORTH_TELLING = 0.25
"""A part of the sum is named as a reason from this share of it on."""
_ROWS = 4096


@dataclass(frozen=True)
class Weights:
    """What each part counts for; only their proportions matter."""

    uncertainty: float = 0.4
    disagreement: float = 0.2
    novelty: float = 0.4


@dataclass(frozen=True)
class Candidate:
    """A frame that could be labelled: `image` (H, W, 3) RGB.

    `sequence` names the drive whose frames follow on one another in their order, "" for single pictures. `told` is
    how far others' opinions of what is in it differ (`training.doubt.votes_differ`), 0 where none are known.
    """

    name: str
    image: NDArray[np.uint8]
    sequence: str = ""
    told: float = 0.0


@dataclass(frozen=True)
class Pool:
    """What is kept of the candidates (n), about a kilobyte each, whatever their pictures' size.

    `mistakes` are expected ones, `differing` boxes that two opinions differ on, summed by how much. `doubtful` is
    the class and probability of the box nearest to one half, nan where there is none. `vector` (n, d) are float16
    embeddings, `sequence` rows of the drives (-1: none).
    """

    names: tuple[str, ...]
    mistakes: Floats
    boxes: NDArray[np.int64]
    doubtful: Floats
    differing: Floats
    told: Floats
    present: NDArray[np.float16]
    sequence: NDArray[np.int64]
    vector: NDArray[np.float16]
    hashes: Hashes
    two_models: bool

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class Known:
    """What is labelled already: names (m), embeddings (m, d), perceptual hashes (m)."""

    names: tuple[str, ...] = ()
    vector: NDArray[np.float16] = field(default_factory=lambda: np.empty((0, 1), np.float16))
    hashes: Hashes = field(default_factory=lambda: np.empty(0, np.uint64))


@dataclass(frozen=True)
class Reason:
    """Why a frame was chosen: a template and what fills it."""

    template: str
    values: Mapping[str, object]

    def text(self, translate: Translate) -> str:
        """In the language of `translate`; a class is told by its name."""
        values = {
            name: class_name(str(value), translate) if name == "code" else value
            for name, value in self.values.items()
        }
        return translate(self.template).format(**values)


@dataclass(frozen=True)
class Chosen:
    """A frame that is worth labelling: its row in the pool, what counted, and why in words, the weightiest first."""

    row: int
    score: float
    uncertainty: float
    disagreement: float
    novelty: float
    reasons: tuple[Reason, ...]


def look_over(
    candidates: Iterable[Candidate],
    model: Model,
    other: Model | None = None,
    moved: Callable[[int], None] = lambda done: None,
) -> Pool:
    """Have the model look at each candidate once, one batch of pictures in memory at a time.

    The second opinion is `other`'s, or without one the model's own of the mirrored picture. `moved` is told how many
    are done. Raises ModelError for an exported form, which gives no embeddings.
    """
    rows: list[tuple[object, ...]] = []
    drives: dict[str, int] = {}
    for batch in _batches(candidates, model.batch):
        images = [one.image for one in batch]
        found = model.detect(images, LEAST_SCORE)
        if other is None:
            second, judge = _mirrored(model, images), model
        else:
            second, judge = other.detect(images, LEAST_SCORE), other
        vectors = model.embed(images).astype(np.float16)
        for one, mine, theirs, vector in zip(batch, found, second, vectors, strict=True):
            p, q = reliable(mine, model.reliability), reliable(theirs, judge.reliability)
            rows.append(
                (
                    one.name,
                    expected_mistakes(p),
                    int(((p > 0.2) & (p < 0.8)).sum()),
                    _most_doubtful(mine, p),
                    float(difference(mine, p, theirs, q).sum()),
                    one.told,
                    presence(mine.class_id, p).astype(np.float16),
                    drives.setdefault(one.sequence, len(drives)) if one.sequence else -1,
                    vector,
                    int(picture_hash(one.image), 16),
                )
            )
        moved(len(rows))
    return _pool(rows, two_models=other is not None)


def _pool(rows: list[tuple[object, ...]], *, two_models: bool) -> Pool:
    columns = list(zip(*rows, strict=True)) if rows else [()] * 10
    names, mistakes, boxes, doubtful, differing, told, present, sequence, vector, hashes = columns
    return Pool(
        tuple(str(name) for name in names),
        np.array(mistakes, float),
        np.array(boxes, np.int64),
        np.array(doubtful, float).reshape(-1, 2),
        np.array(differing, float),
        np.array(told, float),
        np.array(present, np.float16).reshape(-1, len(CLASSES)),
        np.array(sequence, np.int64),
        np.array(vector, np.float16).reshape(len(rows), -1),
        np.array(hashes, np.uint64),
        two_models,
    )


def known(
    pictures: Iterable[tuple[str, NDArray[np.uint8]]],
    model: Model,
    moved: Callable[[int], None] = lambda done: None,
) -> Known:
    """What is kept of labelled pictures, by name, one batch in memory at a time."""
    names: list[str] = []
    vectors, hashes = [], []
    for batch in _batches((Candidate(name, image) for name, image in pictures), model.batch):
        names += [one.name for one in batch]
        vectors.append(model.embed([one.image for one in batch]).astype(np.float16))
        hashes += [picture_hash(one.image) for one in batch]
        moved(len(names))
    return Known(tuple(names), np.concatenate(vectors), hashes_of(hashes)) if names else Known()


def _batches(candidates: Iterable[Candidate], size: int) -> Iterator[list[Candidate]]:
    """Neighbours of one shape together: among others they would be padded, and judged otherwise."""
    for _, alike in groupby(candidates, key=lambda one: one.image.shape):
        batch: list[Candidate] = []
        for one in alike:
            batch.append(one)
            if len(batch) == size:
                yield batch
                batch = []
        if batch:
            yield batch


def _mirrored(model: Model, images: Sequence[NDArray[np.uint8]]) -> list[Detections]:
    turned = model.detect([np.ascontiguousarray(image[:, ::-1]) for image in images], LEAST_SCORE)
    return [mirrored(one, image.shape[1]) for one, image in zip(turned, images, strict=True)]


def _most_doubtful(found: Detections, p: Floats) -> tuple[float, float]:
    if not len(found):
        return math.nan, math.nan
    row = int(np.abs(p - 0.5).argmin())
    return float(found.class_id[row]), float(p[row])


def choose(
    pool: Pool, labelled: Known, budget: int, weights: Weights = Weights(), seed: int = 0
) -> list[Chosen]:
    """At most `budget` candidates, the one most worth labelling first; the same seed gives the same ones.

    Fewer come where the rest are near duplicates. Where sums are equal, the seed decides.
    """
    if not len(pool):
        return []
    order = np.random.default_rng(seed).permutation(len(pool))
    flickering = flicker(pool.present, np.where(pool.sequence < 0, -1 - np.arange(len(pool)), pool.sequence))
    opinions = np.column_stack([_share(pool.differing), flickering.max(1, initial=0), pool.told])
    told = _Told(pool, labelled, opinions, flickering)
    vectors, before = _centred(pool.vector, labelled.vector)
    near, nearest = _nearest(vectors, before)
    free = ~_near_duplicates(pool.hashes, labelled.hashes)
    steady = weights.uncertainty * _share(pool.mistakes) + weights.disagreement * opinions.max(1, initial=0)
    total = max(weights.uncertainty + weights.disagreement + weights.novelty, 1e-9)
    chosen: list[Chosen] = []
    while len(chosen) < budget and free.any():
        novelty = np.minimum(near / UNRELATED, 1)
        score = np.where(free, steady + weights.novelty * novelty, -1)
        row = int(order[score[order].argmax()])
        chosen.append(told.chosen(row, float(score[row]) / total, float(novelty[row]), nearest[row], weights))
        free &= np.bitwise_count(pool.hashes ^ pool.hashes[row]) > NEAR_BITS
        apart = _distance(vectors, vectors[row])
        closer = apart < near
        near[closer], nearest[closer] = apart[closer], len(labelled.names) + row
    return chosen


@dataclass(frozen=True)
class _Told:
    """Puts what counted into words. `opinions` (n, 3) are of two opinions, of neighbours, of drives."""

    pool: Pool
    labelled: Known
    opinions: Floats
    flickering: Floats

    def chosen(self, row: int, score: float, novelty: float, nearest: int, weights: Weights) -> Chosen:
        uncertainty = float(_share(self.pool.mistakes[row]))
        disagreement = float(self.opinions[row].max())
        parts = [
            (weights.uncertainty * uncertainty, self._uncertain(row)),
            (weights.disagreement * disagreement, self._disagreeing(row)),
            (weights.novelty * novelty, self._novel(nearest)),
        ]
        whole = sum(part for part, _ in parts)
        ranked = sorted(parts, key=lambda pair: -pair[0])
        reasons = tuple(reason for part, reason in ranked if part > 0 and part >= WORTH_TELLING * whole)
        return Chosen(row, score, uncertainty, disagreement, novelty, reasons)

    def _uncertain(self, row: int) -> Reason:
        class_id, p = self.pool.doubtful[row]
        if np.isnan(p):
            return Reason(N_("nothing was found in it"), {})
        values = {
            "count": int(self.pool.boxes[row]),
            "code": CLASSES[int(class_id)].code,
            "share": f"{p:.0%}",
        }
        return Reason(
            N_(
                "the model is unsure of {count} of its boxes, most of all of one as {code} (likely to {share})"
            ),
            values,
        )

    def _disagreeing(self, row: int) -> Reason:
        which = int(self.opinions[row].argmax())
        if which == 2:
            return Reason(N_("the drives past this place differ on what is there"), {})
        if which == 1:
            class_id = int(self.flickering[row].argmax())
            values = {
                "code": CLASSES[class_id].code,
                "share": f"{float(self.pool.present[row, class_id]):.0%}",
            }
            return Reason(N_("{code}: likely to {share} here, otherwise in the frames beside it"), values)
        values = {"count": f"{self.pool.differing[row]:.1f}"}
        if self.pool.two_models:
            return Reason(N_("boxes by which the two models differ: {count}"), values)
        return Reason(N_("boxes that the model finds otherwise in the mirrored picture: {count}"), values)

    def _novel(self, nearest: int) -> Reason:
        if nearest < 0:
            return Reason(N_("nothing is labelled yet"), {})
        names = self.labelled.names
        name = names[nearest] if nearest < len(names) else self.pool.names[nearest - len(names)]
        return Reason(N_("unlike what is labelled or chosen (nearest: {name})"), {"name": name})


def _share(amount: Floats) -> Floats:
    """An amount from 0 on as a share: 1 is 0.63, 2 is 0.86."""
    return np.asarray(1 - np.exp(-np.asarray(amount, float)))


def _centred(
    one: NDArray[np.float16], other: NDArray[np.float16]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Both as vectors of length one about their common mean, (n, d) and (m, d)."""
    if not len(other):
        other = np.empty((0, one.shape[1]), np.float16)
    both = np.concatenate([one, other]).astype(np.float32)
    both -= both.mean(0) if len(both) else 0
    both /= np.maximum(np.linalg.norm(both, axis=1, keepdims=True), 1e-6)
    return both[: len(one)], both[len(one) :]


def _distance(vectors: NDArray[np.float32], one: NDArray[np.float32]) -> NDArray[np.float32]:
    """Half the chord between each of the vectors (n, d) and one (d,), or several (d, m): from 0 to 1."""
    return np.asarray(np.sqrt(np.clip((1 - vectors @ one) / 2, 0, 1)))


def _nearest(
    vectors: NDArray[np.float32], others: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The distance of each vector (n,) to the nearest of the others, and which; 1 and -1 where there are none."""
    near = np.ones(len(vectors), np.float32)
    which = np.full(len(vectors), -1)
    for begin in range(0, len(others), _ROWS):
        apart = _distance(vectors, others[begin : begin + _ROWS].T)
        best = apart.argmin(1)
        closest = apart[np.arange(len(vectors)), best]
        closer = (closest < near) | (which < 0)
        near[closer], which[closer] = closest[closer], begin + best[closer]
    return near, which


def _near_duplicates(hashes: Hashes, others: Hashes) -> NDArray[np.bool_]:
    """Which hashes (n,) differ from one of the others in no more than `NEAR_BITS`."""
    near = np.zeros(len(hashes), bool)
    for begin in range(0, len(others), 64):
        near |= (np.bitwise_count(hashes[:, None] ^ others[None, begin : begin + 64]) <= NEAR_BITS).any(1)
    return near
