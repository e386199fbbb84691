"""The workspace's models: which one is in use, which were before, and why.

    WORKSPACE/models/history.json             what was promoted and rolled back, in order; replaced whole
    WORKSPACE/models/NAME/NAME.pt             a promoted model, what its scores are worth (NAME.json) and what it
                                              learnt from (NAME.trained-on.txt) beside it,
                                              card.md, data.md, report.html, comparison.json

The model in use is the one promoted last and not rolled back; without any it is the package's.
"""

from __future__ import annotations

import dataclasses
import fcntl
import getpass
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from datasets.card import card
from datasets.dataset import Dataset
from detector.errors import N_, RoadDamageError, Translate
from detector.forms import form_of
from detector.model import DEFAULT_MODEL, Model, digest
from detector.reliability import read_reliability, write_reliability
from roaddamage.model_faults import BEFORE_GONE, GONE, NOT_BETTER, OTHER_TEST
from training.evaluation_report import page
from training.model_card import model_card
from training.promotion import Comparison, compare, part_hash, seen_file
from training.reliability import fit_on
from training.train import RUN

HISTORY = "history.json"
STAGE = ".unfinished-"
UNNAMED = frozenset(("model", "best", "last"))
"""What trainings call their models; the run's folder says more."""


class PromotionError(RoadDamageError):
    """A promotion or rollback that was refused; the model in use stays."""


class HistoryError(RoadDamageError):
    """The workspace's models are not as they were left."""

    exit_code = 2


@dataclass(frozen=True)
class Event:
    """A promotion, or a rollback to an earlier model ("" is the package's): when (UTC), by whom, and why."""

    at: str
    by: str
    kind: str
    model: str
    sha256: str = ""
    test_sha256: str = ""
    ap50: float | None = None
    before_ap50: float | None = None
    forced: bool = False
    reason: str = ""


class Models:
    """The models of a workspace. Reading makes nothing; the first promotion makes the folder.

    `by` is who changes them, as the history says it; "" is the user of the operating system.
    """

    def __init__(self, workspace: Path, by: str = "") -> None:
        self.folder = workspace / "models"
        self.by = by

    def history(self) -> list[Event]:
        """All events, oldest first. Raises HistoryError for a file that is no history."""
        path = self.folder / HISTORY
        try:
            return [Event(**row) for row in json.loads(path.read_text(encoding="utf-8"))]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, TypeError) as error:
            raise HistoryError(
                N_("{path} can't be read ({reason}). Restore it from a backup."), path=path, reason=error
            ) from error

    def current(self) -> Path:
        """The model in use. Raises HistoryError where its file is gone."""
        path = self.path_of(self.current_name())
        if not path.is_file():
            raise HistoryError(GONE, path=path)
        return path

    def current_name(self) -> str:
        """What the model in use is called here; "" is the package's."""
        return ["", *in_use(self.history())][-1]

    def path_of(self, name: str) -> Path:
        """Where a promoted model lies; "" is the package's."""
        return self._path(name) if name else DEFAULT_MODEL

    def rollback(self, reason: str = "", *, past_missing: bool = False) -> Path:
        """Return to the model before the one in use; `past_missing` passes over those whose files are gone.

        Raises PromotionError where there is none before, or, without that, its file is gone.
        """
        with self._changing():
            events = self.history()
            names = in_use(events)
            if not names:
                raise PromotionError(N_("Nothing was promoted here: the package's model is in use already."))
            earlier = ["", *names[:-1]]
            while past_missing and earlier[-1] and not self._path(earlier[-1]).is_file():
                earlier.pop()
            before = earlier[-1]
            path = self._path(before) if before else DEFAULT_MODEL
            if not path.is_file():
                raise PromotionError(BEFORE_GONE, path=path)
            self._write([*events, Event(_now(), self._user(), "rollback", before, reason=reason)])
        return path

    def promote(
        self,
        candidate: Path,
        dataset: Dataset,
        *,
        device: str = "auto",
        name: str = "",
        reason: str = "",
        new_test: bool = False,
        language: str = "en",
        translate: Translate = str,
        moved: Callable[[int, int], None] = lambda done, total: None,
        compared: Callable[[Comparison], None] = lambda told: None,
    ) -> Path:
        """Put the candidate in use where it is better on the dataset's test part; returns its path.

        `reason` promotes it all the same. The test part stays the one of the promotion before unless `new_test`.
        `compared` is told the comparison, whichever way it goes. Raises PromotionError where it is refused, and
        what loading and scoring raise; then everything is as it was.
        """
        with self._changing():
            events = self.history()
            test = part_hash(dataset)
            self._check_test(events, test, dataset, new_test)
            title = self._title(name or _own_name(candidate), events)
            with self._stage(title) as stage:
                model = _staged(candidate, stage / f"{title}.pt", dataset, device)
                told = self._compared(model, candidate, dataset, device, moved)
                compared(told)
                _check_better(told, reason)
                _document(stage, title, told, candidate, dataset, reason, language, translate)
            self._write([*events, self._promotion(title, told, test, reason)])
        return self._path(title)

    def promote_compared(
        self,
        candidate: Path,
        dataset: Dataset,
        told: Comparison,
        *,
        name: str,
        reason: str = "",
        new_test: bool = False,
        language: str = "en",
        translate: Translate = str,
    ) -> Path:
        """Put a candidate in use that was compared with the model in use before, as `promote` does.

        What its scores are worth was fitted on this dataset when it was trained. Raises PromotionError too where the
        comparison is of other models than these.
        """
        with self._changing():
            events = self.history()
            test = part_hash(dataset)
            self._check_test(events, test, dataset, new_test)
            if digest(candidate) != told.candidate.sha256 or digest(self.current()) != told.current.sha256:
                raise PromotionError(
                    N_("Another model was put in use since they were compared: compare anew.")
                )
            _check_better(told, reason)
            title = self._title(name, events)
            told = dataclasses.replace(told, candidate=dataclasses.replace(told.candidate, model=title))
            with self._stage(title) as stage:
                shutil.copyfile(candidate, stage / f"{title}.pt")
                write_reliability(stage / f"{title}.pt", read_reliability(candidate))
                _document(stage, title, told, candidate, dataset, reason, language, translate)
            self._write([*events, self._promotion(title, told, test, reason)])
        return self._path(title)

    @contextmanager
    def _stage(self, title: str) -> Iterator[Path]:
        """A folder for a model to be put in use, which gets its name in the end, or goes."""
        for left in self.folder.glob(f"{STAGE}*"):  # by a promotion that was killed
            shutil.rmtree(left)
        stage = Path(tempfile.mkdtemp(prefix=STAGE, dir=self.folder))
        stage.chmod(0o755)
        try:
            yield stage
            os.replace(stage, self.folder / title)
        finally:
            shutil.rmtree(stage, ignore_errors=True)

    def _promotion(self, title: str, told: Comparison, test: str, reason: str) -> Event:
        mean = told.mean
        return Event(
            _now(), self._user(), "promotion", title, told.candidate.sha256, test, mean.candidate, mean.current,
            forced=not told.promotable, reason=reason,
        )  # fmt: skip

    def _user(self) -> str:
        return self.by or _user()

    def _compared(
        self, model: Model, candidate: Path, dataset: Dataset, device: str, moved: Callable[[int, int], None]
    ) -> Comparison:
        before = self.current()
        current = Model(before, device)
        if current.sha256 == model.sha256:
            raise PromotionError(N_("{path} is the model in use already."), path=candidate)
        return compare(model, current, dataset, (seen_file(candidate), seen_file(before)), moved)

    def _check_test(self, events: list[Event], test: str, dataset: Dataset, new_test: bool) -> None:
        earlier = next((one.test_sha256 for one in reversed(events) if one.test_sha256), test)
        if earlier != test and not new_test:
            raise PromotionError(OTHER_TEST, path=dataset.folder)

    def _title(self, wanted: str, events: list[Event]) -> str:
        """A name that is no other model's, safe as a file's."""
        number = 1 + sum(one.kind == "promotion" for one in events)
        safe = re.sub(r"[^\w.-]+", "-", wanted).strip(".-")[:60] or "model"
        while (self.folder / f"{number:04}-{safe}").exists():  # one that a broken promotion left
            number += 1
        return f"{number:04}-{safe}"

    def _path(self, name: str) -> Path:
        return self.folder / name / f"{name}.pt"

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """One change at a time; a full disk and the like become PromotionError."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with (self.folder / ".lock").open("w") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError as error:
                    raise PromotionError(
                        N_("Another promotion is at work on {path}. Try again when it is done."),
                        path=self.folder,
                    ) from error
                yield
        except OSError as error:
            raise PromotionError(
                N_("{path} can't be written to: {reason}. Nothing was changed."),
                path=self.folder,
                reason=error.strerror or error,
            ) from error

    def _write(self, events: list[Event]) -> None:
        part = self.folder / f"{HISTORY}.part"
        with part.open("w", encoding="utf-8") as file:
            json.dump([dataclasses.asdict(one) for one in events], file, indent=1, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        part.replace(self.folder / HISTORY)


def in_use(events: list[Event]) -> list[str]:
    """Names of the models promoted and not rolled back, the one in use last."""
    names: list[str] = []
    for one in events:
        if one.kind == "promotion":
            names.append(one.model)
        else:  # to the model named; "" is the package's, before all others
            del names[names.index(one.model) + 1 if one.model in names else 0 :]
    return names


def _check_better(told: Comparison, reason: str) -> None:
    if not told.promotable and not reason:
        raise PromotionError(NOT_BETTER, name=told.current.model)


def _staged(candidate: Path, path: Path, dataset: Dataset, device: str) -> Model:
    """The candidate as it will be in use: under its name, its confidence fitted on the dataset's val part."""
    if form_of(candidate):
        raise PromotionError(
            N_("{path} is an exported form. Promote the checkpoint, and export that."), path=candidate
        )
    model = Model(candidate, device)
    shutil.copyfile(candidate, path)
    val = [(dataset.image_path(one), one.boxes_px, one.class_id) for one in dataset.part("val")]
    write_reliability(path, fit_on(model, val) if val else read_reliability(candidate))
    return Model(path, device)


def _document(
    stage: Path,
    title: str,
    told: Comparison,
    candidate: Path,
    dataset: Dataset,
    reason: str,
    language: str,
    translate: Translate,
) -> None:
    """Write all that stands beside a promoted model."""
    run = _run_of(candidate)
    texts = {
        "card.md": model_card(
            title, told, run, "" if told.promotable else reason, bool(dataset.part("val")), translate
        ),
        "data.md": card(dataset, translate),
        "report.html": page(told.candidate, dataset, language, translate),
        "comparison.json": told.to_json(),
    }
    for name, text in texts.items():
        (stage / name).write_text(text, encoding="utf-8")
    if seen_file(candidate).exists():
        shutil.copyfile(seen_file(candidate), seen_file(stage / f"{title}.pt"))


def _run_of(candidate: Path) -> dict[str, Any] | None:
    """The record of the training that the candidate came from, if it lies beside it whole."""
    try:
        told = json.loads(candidate.with_name(RUN).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    whole = (
        isinstance(told, dict)
        and {"settings", "pictures", "data_sha256", "begun", "ended", "versions"} <= told.keys()
    )
    return told if whole else None


def _own_name(candidate: Path) -> str:
    return candidate.resolve().parent.name if candidate.stem in UNNAMED else candidate.stem


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no name for this number, as in a container
        return str(os.getuid())
