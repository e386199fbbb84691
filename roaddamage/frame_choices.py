"""Choosing pictures worth labelling first, with the model in use: each choice in a process of its own, watched as exports are."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone
from numpy.typing import NDArray
from PIL import Image

from detector.errors import N_, RoadDamageError
from roaddamage import aside
from roaddamage.faults import fault_of
from roaddamage.frame_files import file_of
from roaddamage.records.audit import audited
from roaddamage.records.frame_candidates import Waiting, anything_waits, waiting_pictures
from roaddamage.records.models import FrameChoice, LabelledFrame

MOST_BUDGET = 500
LOOKED_AT, LEAST_LOOKED_AT = 8, 200
"""Pictures looked at for each one chosen, and at least."""
MOST_LOOKED_AT, KNOWN = 2_000, 300
"""Of what is labelled, so many of the latest are what others are to be unlike."""
TOLD_EVERY_S = 1.0
State = FrameChoice.State
log = logging.getLogger("roaddamage.frames")


class ChoiceError(RoadDamageError):
    """A choice that can't be made."""


def start(budget: int, by: User) -> FrameChoice:
    """Begin a choice of at most so many pictures; where one is being made, that one. Raises ChoiceError."""
    give_up_dead()
    running = FrameChoice.objects.filter(state=State.running).first()
    if running is not None:
        return running
    if not 1 <= budget <= MOST_BUDGET:
        raise ChoiceError(N_("Choose between 1 and {most} pictures."), most=MOST_BUDGET)
    if not anything_waits():
        raise ChoiceError(
            N_(
                "There is no picture to choose: nobody's decision is awaited on any of which nothing is known yet."
            )
        )
    row = FrameChoice.objects.create(by=by, beat=timezone.now(), budget=budget)
    audited(by, "frames.choose", str(row.pk), count=budget)
    begin(row.pk)
    return row


def begin(number: int) -> None:
    """Make it aside."""
    aside.begin(FrameChoice, number, _in_process)


def _in_process(number: int) -> None:
    from roaddamage.server import run_choice

    code = aside.in_process(run_choice, number)
    unsaid = N_(
        "The program that chose ended unexpectedly (code {code}): the server's memory may not have sufficed."
    )
    aside.fail(FrameChoice, number, ChoiceError(unsaid, code=code))


def run(number: int) -> None:
    """Make a choice that is running; its end is kept, or why it failed."""
    try:
        _choose(FrameChoice.objects.get(pk=number, state=State.running))
    except aside.LostError:
        log.warning("choice %s was given up meanwhile", number)
    except Exception as error:
        known = isinstance(error, RoadDamageError)
        log.log(logging.WARNING if known else logging.ERROR, "choice %s failed", number, exc_info=error)
        told = error if isinstance(error, RoadDamageError) else fault_of(error)
        aside.fail(FrameChoice, number, told)


def _choose(row: FrameChoice) -> None:
    from detector.model import Model
    from roaddamage.gpus import device
    from roaddamage.models import Models
    from training.choosing import Candidate, choose, known, look_over

    waiting = waiting_pictures(min(max(LOOKED_AT * row.budget, LEAST_LOOKED_AT), MOST_LOOKED_AT))
    rows = LabelledFrame.objects.filter(judged=True).order_by("-changed", "-pk")
    labelled = list(rows.values_list("drive__name", "time_ms", "uid")[:KNOWN])
    moved = _Watch(row.pk, len(waiting) + len(labelled))
    with device(waiting=lambda: moved(0)) as where:
        model = Model(Models(settings.WORKSPACE.folder).current(), where)
        before = known(
            (
                (f"{drive}/{ms / 1000:.3f}s", image)
                for drive, ms, uid in labelled
                for image in _read(file_of(uid))
            ),
            model,
            moved,
        )
        seen = (Candidate(one.name, image, told=one.told) for one in waiting for image in _read(one.path))
        pool = look_over(seen, model, None, lambda done: moved(len(before.names) + done))
    by_name = {one.name: one for one in waiting}
    chosen = choose(pool, before, row.budget)
    told = [
        _told(by_name[pool.names[one.row]])
        | {"score": round(one.score, 4), "reasons": [asdict(why) for why in one.reasons]}
        for one in chosen
    ]
    aside.end(
        FrameChoice, row.pk, State.done, chosen=told, model=model.name, done=moved.total, total=moved.total
    )


def _told(one: Waiting) -> dict[str, object]:
    return {"sighting": one.sighting, "damages": sorted(set(one.damages)), "name": one.name}


def _read(path: Path) -> Iterator[NDArray[np.uint8]]:
    """The picture, where it is there and can be read."""
    try:
        with Image.open(path, formats=("JPEG",)) as picture:
            yield np.asarray(picture.convert("RGB"), np.uint8)
    except (OSError, ValueError, SyntaxError) as error:
        log.warning("a picture can't be chosen: %s", error)


class _Watch:
    """Tells the records, about once a second, how many pictures were looked at. Raises LostError where nobody waits."""

    def __init__(self, number: int, total: int) -> None:
        self.number, self.total, self.told_at = number, total, 0.0

    def __call__(self, done: int) -> None:
        if time.monotonic() - self.told_at < TOLD_EVERY_S:
            return
        self.told_at = time.monotonic()
        if not aside.running(FrameChoice, self.number).update(done=done, total=self.total):
            raise aside.LostError


def give_up_dead() -> None:
    """Say of choices that nobody makes any more that they were interrupted."""
    interrupted = ChoiceError(N_("It was interrupted: the server ended meanwhile. Choose again."))
    aside.give_up_dead(FrameChoice, interrupted)
