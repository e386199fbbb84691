"""Runs of exports: each aside (`roaddamage.aside`), in a process of its own. Files lie aside until all are there."""

from __future__ import annotations

import logging
import shutil
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone

from detector.errors import N_, RoadDamageError
from roaddamage import aside
from roaddamage.records.audit import audited
from roaddamage.records.models import Export
from roaddamage.server import run_export

TOLD_EVERY_S = 1.0
USUAL_S = {"reading": 2.0, "roads": 1.0, "placing": 5.0, "telling": 2.0, "pdf": 8.0, "html": 2.0, "xlsx": 2.0}
"""What steps usually take, next to one another, where none was taken before; others: a second."""
log = logging.getLogger("roaddamage.exports")
State = Export.State


class ExportRunError(RoadDamageError):
    """An export that can't be made."""


def start(kept: dict[str, Any], by: User) -> Export:
    """Begin an export (`roaddamage.asked_exports.Asked`, as kept); where the very same is running, that one."""
    for row in Export.objects.filter(state=State.running, kind=kept["kind"]):
        if row.asked == _as_json(kept):
            return row
    row = Export.objects.create(kind=kept["kind"], asked=_as_json(kept), by=by, beat=timezone.now())
    audited(by, "export.made", str(row.pk), **_as_json(kept))
    begin(row.pk)
    return row


def _as_json(kept: dict[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in kept.items()}


def begin(number: int) -> None:
    """Make it aside."""
    aside.begin(Export, number, in_process)


def in_process(number: int) -> None:
    """Make an export in a process of its own; one that ended without a word is told of."""
    code = aside.in_process(run_export, number)
    unsaid = N_(
        "The program that made it ended unexpectedly (code {code}): the server's memory may not have sufficed. Choose a"
        " shorter time, or ask who looks after the server."
    )
    aside.fail(Export, number, ExportRunError(unsaid, code=code))


def run(number: int) -> None:
    """Make an export that is running: its files get their place, and its end is kept, or why it failed."""
    from roaddamage.asked_exports import Asked, make

    row = Export.objects.get(pk=number)
    staged = settings.WORKSPACE.exports / f".part-{number}"
    shutil.rmtree(staged, ignore_errors=True)
    watch = Watch(number)
    try:
        staged.mkdir(parents=True)
        told, files = make(Asked.read(row.asked), staged, watch)
        place = folder_of(row)
        shutil.rmtree(place, ignore_errors=True)
        staged.rename(place)
        if not aside.end(Export, number, State.done, told=told, files=files, took_s=watch.finished()):
            shutil.rmtree(place, ignore_errors=True)
    except aside.LostError:
        log.warning("export %s was given up meanwhile", number)
    except Exception as error:
        if isinstance(error, RoadDamageError):  # the page says it; whoever asked can mend it
            log.info("export %s: %s", number, error)
        else:
            log.log(
                logging.WARNING if isinstance(error, OSError) else logging.ERROR,
                "export %s failed",
                number,
                exc_info=error,
            )
        aside.fail(Export, number, _problem_of(error))
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _problem_of(error: Exception) -> RoadDamageError:
    if isinstance(error, MemoryError):
        return ExportRunError(
            N_("The server's memory did not suffice. Choose a shorter time, or a machine with more of it.")
        )
    return aside.problem_of(error)


class Watch:
    """Tells the records, about once a second, what is being done. Raises LostError where nobody waits for it."""

    def __init__(self, number: int) -> None:
        self.mine = aside.running(Export, number)
        self.took_s: dict[str, float] = {}
        self.key, self.begun, self.told_at = "", time.monotonic(), 0.0

    def __call__(self, step: object, done: int, total: int) -> None:
        """A step (`roaddamage.export.Step`), and how far it is."""
        key, now = str(getattr(step, "key", "")), time.monotonic()
        if key == self.key and now - self.told_at < TOLD_EVERY_S:
            return
        if key != self.key:
            self.finished()
            self.key, self.begun = key, now
        self.told_at = now
        values = {"step": key, "share": done / total if total else 0.0, "took_s": self.took_s}
        if not self.mine.update(**values):
            raise aside.LostError

    def finished(self) -> dict[str, float]:
        """Seconds of each step, the last one's too."""
        if self.key:
            self.took_s[self.key] = round(time.monotonic() - self.begun, 2)
        return self.took_s


def progress(row: Export) -> tuple[float, float | None]:
    """How much of a running export is done (0 to 1), and the seconds left; None where that can't be told yet.

    By what the last export like it took, at the pace of this one.
    """
    from roaddamage.asked_exports import Asked

    last = Export.objects.filter(state=State.done, kind=row.kind).first()
    known = last.took_s if last else {}
    steps = Asked.read(row.asked).steps()
    usual = {key: max(float(known.get(key, USUAL_S.get(key, 1.0))), 0.05) for key in steps}
    done_s = sum(usual[key] for key in row.took_s if key in usual)
    total_s = sum(usual.values())
    now_s = done_s + usual.get(row.step, 0.0) * row.share
    took_s = sum(row.took_s.values())
    if not (last or took_s > 1.0) or not row.step:
        return now_s / total_s, None
    pace = took_s / done_s if done_s and took_s > 1.0 else 1.0
    return now_s / total_s, (total_s - now_s) * pace


def give_up_dead() -> None:
    """Say of exports that nobody makes any more that they were interrupted."""
    interrupted = ExportRunError(N_("It was interrupted: the server ended meanwhile. Make it again."))
    for number in aside.give_up_dead(Export, interrupted):
        shutil.rmtree(settings.WORKSPACE.exports / f".part-{number}", ignore_errors=True)


def folder_of(row: Export) -> Path:
    """Where its files lie."""
    place: Path = settings.WORKSPACE.exports / str(row.pk)
    return place


def delete(row: Export, by: User) -> None:
    """Delete an export with its files; one that is running ends then."""
    audited(by, "export.deleted", str(row.pk), **row.asked)
    place = folder_of(row)
    row.delete()
    shutil.rmtree(place, ignore_errors=True)


def clear_old(days: float | None = None) -> int:
    """Clear files of exports away that are older (`settings.EXPORT_DAYS`), and what was left without a row; how many.

    What the pages tell stays: the last of each kind.
    """
    give_up_dead()
    kept_days = settings.EXPORT_DAYS if days is None else days
    before = timezone.now() - timedelta(days=kept_days)
    done = Export.objects.filter(state=State.done)
    last = [row.pk for kind in Export.Kind if (row := done.filter(kind=kind).first())]
    count = 0
    for row in Export.objects.filter(at__lt=before).exclude(state=State.running):
        if row.files:
            audited(None, "export.cleared", str(row.pk), days=kept_days)
            count += 1
        shutil.rmtree(folder_of(row), ignore_errors=True)
        if row.pk in last:
            Export.objects.filter(pk=row.pk).update(files=[])
        else:
            row.delete()
    _clear_left()
    return count


def _clear_left() -> None:
    """Folders of exports that are no more, or failed at their very end."""
    folder: Path = settings.WORKSPACE.exports
    paths = list(folder.iterdir()) if folder.is_dir() else []  # before the rows: each has its own by then
    known = {str(pk) for pk in Export.objects.exclude(state=State.failed).values_list("pk", flat=True)}
    for path in paths:
        if path.name.removeprefix(".part-") not in known:
            shutil.rmtree(path, ignore_errors=True)
