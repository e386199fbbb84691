"""Openings of original footage: a person with the right to it says why, and may then see one drive's for a while.

The log is the record: who has no entry in it that is new enough sees nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils import timezone

from detector.errors import N_, RoadDamageError
from roaddamage.records.audit import audited
from roaddamage.records.erased import hidden_of
from roaddamage.records.models import AuditEntry, Drive, FootageFile

GOOD_FOR = timedelta(minutes=30)
LONGEST_REASON = 500
OPENED, FILE_OPENED = "footage.opened", "footage.file_opened"


class OpeningError(RoadDamageError):
    """Footage that can't be opened."""


def open_footage(user: User, drive: Drive, reason: str) -> None:
    """Let a person see a drive's original footage for `GOOD_FOR`. Raises OpeningError."""
    told = " ".join(reason.split())
    if not told:
        raise OpeningError(N_("Say why the original footage has to be seen. It is kept in the log."))
    if drive.footage_deleted:
        raise OpeningError(N_("The footage of {drive} was deleted."), drive=drive.name)
    if hidden_of(drive).rows:
        raise OpeningError(
            N_("Parts of the footage of {drive} were erased on request: its original is opened no more."),
            drive=drive.name,
        )
    audited(
        user, OPENED, drive.name, reason=told[:LONGEST_REASON], minutes=int(GOOD_FOR.total_seconds() // 60)
    )


def opening_of(user: User, drive: Drive) -> AuditEntry | None:
    """The opening by which a person may see a drive's footage now; none of a drive of which something was erased."""
    if hidden_of(drive).rows:
        return None
    since = timezone.now() - GOOD_FOR
    return AuditEntry.objects.filter(by=user, action=OPENED, target=drive.name, at__gt=since).first()


def ends(opening: AuditEntry) -> datetime:
    """When an opening is over."""
    return opening.at + GOOD_FOR


def note_file(opening: AuditEntry, file: FootageFile, way: str, *, begins: bool) -> None:
    """Write down that a file is opened: at its beginning, and else where this opening's log does not name it yet.

    A player asks for a film in many pieces; `begins` says whether this one is its first.
    """
    named = AuditEntry.objects.filter(
        by=opening.by, action=FILE_OPENED, target=opening.target, at__gte=opening.at,
        details__file=file.name, details__way=way,
    )  # fmt: skip
    if begins or not named.exists():
        audited(
            opening.by, FILE_OPENED, opening.target,
            file=file.name, way=way, reason=opening.details["reason"],
        )  # fmt: skip


def openings_of(drive: Drive) -> QuerySet[AuditEntry]:
    """Who opened a drive's footage, and which of its files, the latest first."""
    wanted = AuditEntry.objects.filter(action__in=(OPENED, FILE_OPENED), target=drive.name)
    return wanted.select_related("by")
