"""Pictures that could be labelled: those with proposals that nobody decided on, and of which nothing is said yet."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from django.conf import settings

from detector.classes import CLASSES
from roaddamage.records.frames import time_ms
from roaddamage.records.models import Damage, LabelledFrame, Passage, Sighting
from roaddamage.records.portions import portions
from training.doubt import votes_differ

LATEST = 50_000
"""So many of the latest proposals are considered."""


@dataclass
class Waiting:
    """One picture: a sighting that has it, the proposals in it, and how far drives differ on what is there (0 to 1)."""

    name: str
    path: Path
    sighting: int
    damages: list[int] = field(default_factory=list)
    doubt: float = 0.0
    told: float = 0.0


def anything_waits() -> bool:
    """Whether there is any such picture."""
    return any(True for _ in _undecided())


def waiting_pictures(most: int) -> list[Waiting]:
    """The pictures whose proposals' scores are most doubtful, drive by drive, at most so many."""
    found: dict[tuple[int, int], Waiting] = {}
    for key, row in _undecided():
        path = settings.WORKSPACE.evidence / str(row["drive"]) / PurePath(row["frame"]).name
        one = found.setdefault(key, Waiting(f"{row['drive__name']}/{row['time_s']:.3f}s", path, row["pk"]))
        one.damages.append(row["damage"])
        one.doubt += min(row["confidence"], 1 - row["confidence"])
    chosen = sorted(found.values(), key=lambda one: (-one.doubt, one.name))[:most]
    differ = _differ([number for one in chosen for number in one.damages])
    for one in chosen:
        one.told = max(differ.get(number, 0.0) for number in one.damages)
    return sorted(chosen, key=lambda one: one.name)


def _undecided() -> Iterator[tuple[tuple[int, int], dict[str, Any]]]:
    """The latest proposals in pictures of which nothing is said, each with its picture's drive and time in ms."""
    proposed = Sighting.objects.filter(
        damage__state=Damage.State.proposed, damage__shown=True, outdated=False, frame__gt="", box__isnull=False
    )  # fmt: skip
    said = set(LabelledFrame.objects.filter(judged=True).values_list("drive", "time_ms"))
    names = ("pk", "drive", "drive__name", "time_s", "frame", "damage", "confidence")
    for row in proposed.order_by("-pk").values(*names)[:LATEST].iterator():
        key = row["drive"], time_ms(row["time_s"])
        if key not in said:
            yield key, row


def _differ(damages: Sequence[int]) -> dict[int, float]:
    """How far the drives past each of these damages differ on what is there, where more than one went past."""
    votes: defaultdict[int, Counter[int]] = defaultdict(Counter)
    for some in portions(damages):
        for damage, class_id in Sighting.objects.filter(damage__in=some).values_list("damage", "class_id"):
            votes[damage][class_id] += 1
        for damage in Passage.objects.filter(damage__in=some, seen=False).values_list("damage", flat=True):
            votes[damage][len(CLASSES)] += 1
    kinds = range(len(CLASSES) + 1)
    return {
        damage: votes_differ(np.array([count[kind] for kind in kinds], float))
        for damage, count in votes.items()
        if count.total() > 1
    }
