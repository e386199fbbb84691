"""Held: what shows a person is kept covered from frame to frame, so that where the networks miss it, it does not show.

Boxes of following frames are of one thing where each lies where the ones before were going. Between two of its boxes
the thing is where a straight way has it, before its first and after its last where it was going. Such boxes are grown
by how little is known of them, and join those that were found. It is a stream: only the last half second is kept.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from detector.private import Found, Kind, distinct

T = TypeVar("T")
Floats = NDArray[np.float64]

GAP_S, GAP_FRAMES = 0.5, 3
"""Two boxes no further apart than this, by one of the two, may be of one thing with nothing found in between."""
HOLD_S, HOLD_FRAMES = 0.3, 2
"""So long, by one of the two, a thing is covered before its first and after its last box."""
GROW_PER_S = 1.0
"""A box is grown by this share of its sides, on each side, for each second to the nearest that was found."""
MOST_WAITING = 64
"""So many frames wait at most for what comes after them."""
FIT_S = 0.2
"""Boxes of so long, two at least, tell where a thing is going: more tell of where it was going, fewer are unsteady."""
REACH, REACH_PER_S, REACH_NEW = 0.8, 2.0, 0.7
"""How far from where it should be a thing may be found, in its longer sides: at once, a second on, and if seen once."""
SIZES, SIZES_PER_S = 0.6, 1.5
"""How far its sides may differ, as logarithms: at once, and a second on."""
OTHER = 1e6
"""What it costs to take a box for a thing that it can't be."""


@dataclass(frozen=True)
class Looked(Generic[T]):
    """A frame, in whatever form, its time, and what was found in it; None where nobody looked."""

    time_s: float
    found: Found | None
    frame: T


@dataclass(frozen=True)
class Held(Generic[T]):
    """A frame, its time, and what is to be covered in it: what was found, and what should be there (score 0)."""

    time_s: float
    found: Found
    frame: T


@dataclass(frozen=True)
class _Seen:
    """A box of a thing, in the frame of that number of those looked at: its middle and its sides' logarithms, (4,)."""

    time_s: float
    number: int
    at: Floats


@dataclass
class _Thing:
    """One face or plate, as far as it was followed; boxes too old to matter are forgotten."""

    kind: Kind
    seen: deque[_Seen] = field(default_factory=deque)

    def at(self, time_s: float, number: int) -> Floats | None:
        """Where it is by its boxes at other times, grown; None where it is not known."""
        before = [one for one in self.seen if one.time_s < time_s]
        after = [one for one in self.seen if one.time_s > time_s]
        if before and after and _near(before[-1], after[0].time_s, after[0].number, GAP_S, GAP_FRAMES):
            first, last = before[-1], after[0]
            share = (time_s - first.time_s) / (last.time_s - first.time_s)
            away_s = min(time_s - first.time_s, last.time_s - time_s)
            return _grown(first.at + share * (last.at - first.at), away_s)
        for ends in (before[::-1], after):
            if ends and _near(ends[0], time_s, number, HOLD_S, HOLD_FRAMES):
                there = _gone(ends, time_s)
                there[2:] = np.maximum(there[2:], ends[0].at[2:])
                return _grown(there, abs(time_s - ends[0].time_s))
        return None

    def cost(self, boxes: Floats, time_s: float) -> Floats:
        """How far boxes (n, 4) lie from where it should be, 1 being as far as it may; `OTHER` beyond that."""
        last = self.seen[-1]
        away_s = time_s - last.time_s
        expected = np.stack([_gone(list(self.seen)[::-1], time_s), last.at])
        side = np.exp(np.maximum(boxes[:, 2:], last.at[2:]).max(1))
        reach = REACH + REACH_PER_S * away_s + REACH_NEW * (len(self.seen) == 1)
        far = np.linalg.norm(boxes[:, None, :2] - expected[:, :2], axis=2).min(1) / (side * reach)
        other = np.abs(boxes[:, 2:] - last.at[2:]).max(1) / (SIZES + SIZES_PER_S * away_s)
        return np.where((far <= 1) & (other <= 1), far, OTHER)


class _Things:
    """All that is followed."""

    def __init__(self) -> None:
        self._all: list[_Thing] = []
        self.number = 0

    def follow(self, time_s: float, found: Found) -> None:
        """Tell which box is of which thing; what is of none is a new one."""
        self.number += 1
        for kind in set(found.kind):
            boxes = _each_once(found, kind)
            things = [
                one
                for one in self._all
                if one.kind == kind and _near(one.seen[-1], time_s, self.number, GAP_S, GAP_FRAMES)
            ]
            costs = np.stack([one.cost(boxes, time_s) for one in things]) if things else np.empty((0, 0))
            pairs = zip(*linear_sum_assignment(costs), strict=True)
            whose = {box: things[thing] for thing, box in pairs if costs[thing, box] < OTHER}
            for index, box in enumerate(boxes):
                if (thing := whose.get(index)) is None:
                    thing = _Thing(kind)
                    self._all.append(thing)
                thing.seen.append(_Seen(time_s, self.number, box))

    def forget(self, time_s: float, number: int) -> None:
        """Drop what can't tell of any frame from this one on."""
        for thing in self._all:
            while (
                thing.seen
                and thing.seen[0].time_s < time_s
                and not _near(thing.seen[0], time_s, number, GAP_S, 2 * GAP_FRAMES)
            ):
                thing.seen.popleft()
        self._all = [thing for thing in self._all if thing.seen]

    def with_held(self, frame: Looked[T], number: int) -> Held[T]:
        """The frame with what was found, and all that should be there."""
        there = [(thing.kind, thing.at(frame.time_s, number)) for thing in self._all]
        held = [(kind, _corners(at)) for kind, at in there if at is not None]
        found = frame.found or Found(np.empty((0, 4), np.float32), (), np.empty(0, np.float32))
        boxes = np.array([box for _, box in held], np.float32).reshape(-1, 4)
        kinds = found.kind + tuple(kind for kind, _ in held)
        scores = np.concatenate([found.score, np.zeros(len(held), np.float32)])
        every = Found(np.concatenate([found.xyxy, boxes]), kinds, scores)
        return Held(frame.time_s, every, frame.frame)


def held(frames: Iterable[Looked[T]], most: int = MOST_WAITING) -> Iterator[Held[T]]:
    """The same frames, each with what was found in it, and what was found before or after and should be there.

    Times ascend. A frame comes once half a second after it was seen; no more than `most` frames wait.
    """
    things, waiting = _Things(), deque[tuple[int, Looked[T]]]()

    def first() -> Held[T]:
        number, frame = waiting.popleft()
        things.forget(frame.time_s, number)
        return things.with_held(frame, number)

    for frame in frames:
        if frame.found is not None:
            things.follow(frame.time_s, frame.found)
        waiting.append((things.number, frame))
        while len(waiting) > most or _decided(waiting):
            yield first()
    while waiting:
        yield first()


def _decided(waiting: deque[tuple[int, Looked[T]]]) -> bool:
    """Whether nothing that comes can tell any more of the frame that waits longest."""
    (number, frame), (last, latest) = waiting[0], waiting[-1]
    return latest.time_s - frame.time_s > GAP_S and last - number > GAP_FRAMES


def _near(seen: _Seen, time_s: float, number: int, most_s: float, most_frames: int) -> bool:
    return abs(time_s - seen.time_s) <= most_s or abs(number - seen.number) <= most_frames


def _gone(seen: list[_Seen], time_s: float) -> Floats:
    """Where a thing of these boxes is at another time if it goes on as it did; the first of them is the nearest."""
    nearest = seen[0]
    told = [one for one in seen[1:] if abs(one.time_s - nearest.time_s) <= FIT_S] or seen[1:2]
    if not told:
        return nearest.at.copy()
    speed = (told[-1].at - nearest.at) / (told[-1].time_s - nearest.time_s)
    return np.asarray(nearest.at + speed * (time_s - nearest.time_s), np.float64)


def _grown(at: Floats, away_s: float) -> Floats:
    sides = np.exp(at[2:])
    return np.concatenate([at[:2], np.log(sides + 2 * GROW_PER_S * away_s * sides.max())])


def _each_once(found: Found, kind: Kind) -> Floats:
    """Each thing of a kind once, with all the ground its boxes cover: middles and logarithms of sides, (n, 4)."""
    mine = found.of(kind)
    boxes = mine.xyxy.astype(np.float64)
    best = boxes[distinct(mine.xyxy, mine.score)]
    whose = np.stack([_overlap(boxes, one) for one in best]).argmax(0)
    made = []
    for index in range(len(best)):
        low, high = boxes[whose == index, :2].min(0), boxes[whose == index, 2:].max(0)
        made.append(np.concatenate([(low + high) / 2, np.log(np.maximum(high - low, 1.0))]))
    return np.stack(made)


def _overlap(boxes: Floats, one: Floats) -> Floats:
    """How much boxes (n, 4) have in common with one: intersection over union."""
    sides = np.clip(np.minimum(boxes[:, 2:], one[2:]) - np.maximum(boxes[:, :2], one[:2]), 0, None)
    common = sides.prod(1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1) + (one[2:] - one[:2]).prod()
    return np.asarray(common / np.maximum(areas - common, 1e-9), np.float64)


def _corners(at: Floats) -> Floats:
    half = np.exp(at[2:]) / 2
    return np.concatenate([at[:2] - half, at[:2] + half])
