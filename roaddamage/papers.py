"""Papers: the PDF of a long work list, made by a process of its own while a page shows how far it is.

A paper is a file in the workspace's `papers/`, named for its list and for all that it tells (`Paper.key`): what was made
once is there for everybody, until the list changes or it is `OLD_S`. The server that has it made holds a lock that ends
with its process, so that after a server that was killed the next who asks has it made again. Written aside and renamed.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.utils.translation import override

from detector.errors import N_, RoadDamageError
from roaddamage import aside, locks
from roaddamage.language import translation
from roaddamage.problems import problem
from roaddamage.records.models import WorkList
from roaddamage.server import run_paper
from roaddamage.work_list_files import as_pdf, told

FEW = 10
"""The PDF of so many stops is made while the browser waits: some two seconds."""
OLD_S = 3_600.0
"""After so long a paper is made anew: other drives may have been along its roads."""
_turns = threading.Semaphore(1)
log = logging.getLogger("roaddamage.papers")


class PaperError(RoadDamageError):
    """A paper that can't be made."""


@dataclass(frozen=True)
class Paper:
    """A work list's PDF in a language: `key` is a digest of what it tells."""

    work_list: int
    language: str
    key: str

    @classmethod
    def of(cls, row: WorkList, language: str) -> Paper:
        """The paper of a list as it is now."""
        text = json.dumps([language, told(row)], default=str)
        return cls(row.pk, language, hashlib.sha256(text.encode()).hexdigest()[:20])

    @property
    def path(self) -> Path:
        """Where it lies once it is made."""
        folder: Path = settings.WORKSPACE.folder / "papers"
        return folder / f"{self.work_list}-{self.language}-{self.key}.pdf"

    @property
    def ready(self) -> bool:
        """Whether it is made, and not old."""
        try:
            return time.time() - self.path.stat().st_mtime < OLD_S
        except FileNotFoundError:
            return False

    @property
    def problem(self) -> dict[str, object]:
        """Why it could not be made (`roaddamage.problems`); {} where nothing is known against it."""
        try:
            kept: dict[str, object] = json.loads(self._file("problem").read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return kept

    def done(self) -> float:
        """Of how many of its stops the map and the picture are there (0 to 1)."""
        try:
            return float(self._file("done").read_text() or 0)
        except (FileNotFoundError, ValueError):
            return 0.0

    def ask(self) -> None:
        """Have it made aside, where it is neither made nor being made."""
        self.path.parent.mkdir(exist_ok=True)
        if not self.ready:
            threading.Thread(target=_aside, args=(self,), daemon=True).start()

    def again(self) -> None:
        """Forget why it could not be made."""
        self._file("problem").unlink(missing_ok=True)

    def make(self) -> None:
        """Make it, in this process."""
        part = self._file("part")
        try:
            row = WorkList.objects.get(pk=self.work_list)
            with override(self.language):
                part.write_bytes(as_pdf(row, translation(self.language), self._tell))
            part.rename(self.path)
        except (RoadDamageError, OSError) as error:
            self.failed(error if isinstance(error, RoadDamageError) else PaperError(
                N_("The PDF could not be written ({reason}). Ask who looks after the server."), reason=error.strerror
            ))  # fmt: skip
        finally:
            part.unlink(missing_ok=True)

    def failed(self, error: RoadDamageError) -> None:
        """Keep why it could not be made."""
        self._file("problem").write_text(json.dumps(problem(error)))

    def _tell(self, done: int, total: int) -> None:
        self._file("done").write_text(f"{done / max(total, 1):.3f}")

    def clear(self) -> None:
        """Papers of the list as it was before go."""
        for other in self.path.parent.glob(f"{self.work_list}-{self.language}-*"):
            if other.stem != self.path.stem:
                other.unlink(missing_ok=True)
        self._file("done").unlink(missing_ok=True)

    def _file(self, kind: str) -> Path:
        return self.path.with_suffix(f".{kind}")

    def held(self) -> AbstractContextManager[bool]:
        """A lock for who makes it; it ends with the process."""
        return locks.held(self._file("lock"))


def clear_old() -> int:
    """Remove papers that would be made anew anyway; how many. One may hold a picture that was erased while it was made."""
    before, count = time.time() - OLD_S, 0
    for path in (settings.WORKSPACE.folder / "papers").glob("*.pdf"):
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < before:
                path.unlink()
                count += 1
    return count


def _aside(paper: Paper) -> None:
    """Wait for a paper's turn and its process; one that ended without a word is told of."""
    try:
        with paper.held() as mine:
            if not mine:
                return
            with _turns:
                code = in_process(paper)
            if not paper.ready and not paper.problem:
                unsaid = N_(
                    "The program that made the PDF ended unexpectedly (code {code}). Try again, or ask who looks after the server."
                )
                paper.failed(PaperError(unsaid, code=code))
            paper.clear()
    except Exception:
        log.exception("the paper of work list %s was not made", paper.work_list)
    finally:
        connection.close()


def in_process(paper: Paper) -> int:
    """Make a paper in a process of its own; its exit code."""
    return aside.in_process(run_paper, paper.work_list, paper.language, paper.key)
