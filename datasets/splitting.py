"""A dataset split into train, val and test: by road, drive or source, never by frame, and without leaks.

Pictures of one road (or drive, or source) stay on one side, and so do near duplicates, whatever their roads.
A picture that has a part keeps it, so that a test set stays the same while the dataset grows. Nothing is tested on
pictures labelled in part: they are for training, or, where others of their group are tested on, for nothing.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from datasets.dataset import PARTS, WHOLE, DatasetError, Floats, Picture
from datasets.likeness import hashes_of, near_pairs, nearest_pair
from detector.classes import CLASSES, CODES
from detector.errors import N_, Translate

KEYS = ("road", "drive", "source")
"""What may be kept together."""


@dataclass(frozen=True)
class Leakage:
    """What a split is worth: its groups, those that straddle parts, and how near the parts come to each other.

    A group is all that must stay together. `nearest` tells, for each two parts, the two pictures that differ
    least and in how many bits of their hashes. `counts` are pictures and boxes by part, class and source.
    """

    by: str
    groups: int
    largest_group: int
    tied_by_likeness: int
    without_key: int
    without_hash: int
    straddling: list[list[str]]
    nearest: dict[str, tuple[str, str, int]]
    counts: dict[str, dict[str, int]]
    held_out: int = 0
    """Pictures labelled in part that have no part, since val or test holds others of their group."""

    def as_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False, indent=1)

    def as_text(self, translate: Translate = str) -> str:
        """The report for people."""
        _ = translate
        lines = [
            _(N_("Groups (by {by}): {groups}, the largest of {largest} pictures")).format(
                by=self.by, groups=self.groups, largest=self.largest_group
            ),
            _(N_("Tied together by near duplicates: {count}")).format(count=self.tied_by_likeness),
            _(N_("Groups that straddle parts: {count}")).format(count=len(self.straddling)),
        ]
        if self.without_key:
            lines.append(
                _(N_("pictures without {by}, kept together by drive or source: {count}")).format(
                    count=self.without_key, by=self.by
                )
            )
        if self.without_hash:
            lines.append(
                _(
                    N_("pictures without perceptual hash, whose near duplicates are not known: {count}")
                ).format(count=self.without_hash)
            )
        if self.held_out:
            lines.append(
                _(
                    N_(
                        "{count} pictures labelled in part have no part: others of their {by} are tested on,"
                        " which they can't be"
                    )
                ).format(count=self.held_out, by=self.by)
            )
        for parts, (one, other, bits) in self.nearest.items():
            lines.append(
                _(N_("Nearest pictures of {parts}: {bits} of 64 bits ({one}, {other})")).format(
                    parts=parts, bits=bits, one=one, other=other
                )
            )
        for part, counts in self.counts.items():
            lines.append(f"{part}: {counts_text(counts, _)}")
        return "\n".join(lines)


def split(
    pictures: Sequence[Picture],
    *,
    by: str = "road",
    test: float = 0.2,
    val: float = 0.1,
    seed: int = 0,
    anew: bool = False,
) -> tuple[tuple[Picture, ...], Leakage]:
    """The pictures with their parts, and what the split is worth; same pictures and seed, same split.

    What nobody labelled, but a model proposed, gets no part.

    `test` and `val` are shares of the pictures and, as well as whole groups allow, of each class's boxes. With
    `anew` the parts that pictures have are forgotten. Raises DatasetError for shares that can be none, and
    where there are fewer groups than parts.
    """
    shares = {"train": 1 - test - val, "val": val, "test": test}
    if min(test, val) < 0 or shares["train"] <= 0:
        raise DatasetError(N_("--test and --val are shares of 1 that must leave some for training."))
    waiting = [one.proposed for one in pictures]
    proposed, pictures = (
        [one for one, waits in zip(pictures, waiting, strict=True) if waits is wanted]
        for wanted in (True, False)
    )
    if anew:
        pictures = [replace(one, part="") for one in pictures]
    groups, tied = _groups(pictures, by)
    wanted = [part for part in PARTS if shares[part] > 0]
    whole = sum(any(pictures[index].judged is None for index in group) for group in groups)
    # One group that can't be tested on is enough for training.
    if whole + min(len(groups) - whole, 1) < len(wanted):
        raise DatasetError(
            N_(
                "{count} groups of pictures are too few for {parts} parts: pictures of one {by} stay"
                " together. Import with --road-pattern, or split --by something else."
            ),
            count=whole,
            parts=len(wanted),
            by=by,
        )
    parts = _assigned(pictures, groups, {part: shares[part] for part in wanted}, seed)
    placed = tuple(replace(one, part=part) for one, part in zip(pictures, parts, strict=True))
    turns = {True: iter(proposed), False: iter(placed)}
    return tuple(next(turns[waits]) for waits in waiting), _leakage(placed, groups, by, tied)


def _groups(pictures: Sequence[Picture], by: str) -> tuple[list[list[int]], int]:
    """Indices of pictures that must stay together, and how many groups near duplicates tied to others."""
    parent = list(range(len(pictures)))

    def first(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    seen: dict[tuple[str, ...], int] = {}
    for index, one in enumerate(pictures):
        parent[first(index)] = first(seen.setdefault(_key(one, by), index))
    hashed = [index for index, one in enumerate(pictures) if one.phash]
    for one_, other, _ in near_pairs(hashes_of([pictures[index].phash for index in hashed])):
        parent[first(hashed[one_])] = first(hashed[other])
    groups: dict[int, list[int]] = {}
    for index in range(len(pictures)):
        groups.setdefault(first(index), []).append(index)
    return list(groups.values()), len(seen) - len(groups)


def _key(picture: Picture, by: str) -> tuple[str, ...]:
    """What a picture is kept together by; where that is not known, by the next wider thing, never by itself."""
    names = {
        "road": ("road", "drive", "source"),
        "drive": ("drive", "road", "source"),
        "source": ("source",),
    }[by]
    name = next((name for name in names if getattr(picture, name)), "source")
    if name == "source":
        return name, picture.source
    # The same name of a road in two countries or two sources is not the same road.
    return name, picture.source, picture.country, str(getattr(picture, name))


def _assigned(
    pictures: Sequence[Picture], groups: list[list[int]], shares: dict[str, float], seed: int
) -> list[str]:
    """The part of each picture: whole groups, each to where it brings the counts nearest to the shares."""
    parts = [one.part for one in pictures]
    amounts = np.array([_amounts(one) for one in pictures])
    total = np.maximum(amounts.sum(axis=0), 1)
    target = {part: total * _wanted(part, share) for part, share in shares.items()}
    have = {part: np.zeros_like(total) for part in PARTS}
    for part in PARTS:
        have[part] += amounts[[one == part for one in parts]].sum(axis=0)
    free: list[list[int]] = []
    for group in groups:
        kept = Counter(part for index in group if (part := parts[index]))
        loose = [index for index in group if not parts[index]]
        if not kept:
            free.append(group)
        elif loose:
            part = kept.most_common(1)[0][0]
            have[part] += amounts[loose].sum(axis=0)
            for index in loose:
                parts[index] = part
    random.Random(seed).shuffle(free)  # noqa: S311  (no secret)
    # Large groups first: small ones then even out what the large ones left uneven.
    for group in sorted(free, key=lambda group: -len(group).bit_length()):
        amount = amounts[group].sum(axis=0)
        able = target if any(pictures[index].judged is None for index in group) else ["train"]
        part = min(able, key=lambda part: _excess(have[part], amount, target[part], total))
        have[part] += amount
        for index in group:
            parts[index] = part
    return [
        part if one.judged is None or part == "train" else ""
        for one, part in zip(pictures, parts, strict=True)
    ]


def _amounts(picture: Picture) -> Floats:
    """What is shared out: the picture itself, its boxes by class, and whether it is labelled in part.

    A picture labelled in part counts as nothing else, since it can't be in every part.
    """
    if picture.judged is not None:
        return np.array([0.0] * (1 + len(CLASSES)) + [1.0])
    return np.array([1.0, *np.bincount(picture.class_id, minlength=len(CLASSES)), 0.0])


def _wanted(part: str, share: float) -> Floats:
    """The shares of a part of what is shared out: of pictures labelled in part, all are wanted for training."""
    return np.array([share] * (1 + len(CLASSES)) + [float(part == "train")])


def _excess(have: Floats, amount: Floats, target: Floats, total: Floats) -> float:
    """How much further from its target a part is with an amount added, in squared shares."""
    return float((((have + amount - target) / total) ** 2 - ((have - target) / total) ** 2).sum())


def _leakage(pictures: Sequence[Picture], groups: list[list[int]], by: str, tied: int) -> Leakage:
    straddling = [
        sorted(pictures[index].name for index in group)
        for group in groups
        if len({pictures[index].part for index in group}) > 1
    ]
    nearest = {}
    hashed = {part: [one for one in pictures if one.part == part and one.phash] for part in PARTS}
    for one, other in (("train", "test"), ("train", "val"), ("val", "test")):
        left, right = (hashes_of([picture.phash for picture in hashed[part]]) for part in (one, other))
        if found := nearest_pair(left, right):
            names = hashed[one][found[0]].name, hashed[other][found[1]].name
            nearest[f"{one}, {other}"] = (*names, found[2])
    return Leakage(
        by=by,
        groups=len(groups),
        largest_group=max((len(group) for group in groups), default=0),
        tied_by_likeness=tied,
        without_hash=sum(not one.phash for one in pictures),
        without_key=sum(not getattr(one, by) for one in pictures),
        straddling=straddling,
        nearest=nearest,
        counts={part: counted(one for one in pictures if one.part == part) for part in PARTS},
        held_out=sum(one.judged is not None and not one.part for one in pictures),
    )


def counts_text(counts: dict[str, int], translate: Translate = str) -> str:
    """What `counted` gives, as a line for people."""
    words = {
        "pictures": N_("pictures"),
        "partly": N_("labelled in part"),
        "clean": N_("without damage"),
    }
    return ", ".join(f"{translate(words.get(name, name))} {count:,}" for name, count in counts.items())


def counted(pictures: Iterable[Picture]) -> dict[str, int]:
    """Pictures, those labelled in part, those without damage, boxes by class, and pictures by "source NAME".

    Without damage are only pictures that were judged as a whole.
    """
    counts = {"pictures": 0, "partly": 0, "clean": 0} | dict.fromkeys(CODES, 0)
    sources: Counter[str] = Counter()
    for one in pictures:
        counts["pictures"] += 1
        counts["partly"] += one.judged is not None
        counts["clean"] += one.labelled == WHOLE and not len(one.class_id)
        for class_id in one.class_id.tolist():
            counts[CODES[class_id]] += 1
        sources[one.source] += 1
    return counts | {f"source {name}": count for name, count in sorted(sources.items())}
