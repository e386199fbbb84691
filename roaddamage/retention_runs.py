"""When retention deletes: every night, one at a time, and never for the first time after the settings changed unannounced.

Where `[keep]` of the settings is another one than at the last look, that is written down first, with what would go; what
is over its time goes a night later at the earliest. A person who has seen the page may have it done at once.
"""

from __future__ import annotations

import logging
import threading
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils import timezone

from detector.errors import N_, RoadDamageError
from roaddamage import erasing
from roaddamage.beating import beating
from roaddamage.faults import fault_of
from roaddamage.problems import problem
from roaddamage.records.audit import audited
from roaddamage.records.models import Retention, Turn
from roaddamage.retention import days_kept, delete, due

AT_NIGHT = time(2)
"""On the municipality's clock."""
NOTICE = timedelta(hours=24)
"""Between a change of the settings and the first deletion."""
BEAT_S, DEAD_AFTER = 5.0, timedelta(seconds=60)
KEPT_RUNS = 400
State = Retention.State
log = logging.getLogger("roaddamage.retention")


class RetentionError(RoadDamageError):
    """A deletion that can't be begun."""


def deletes() -> bool:
    """Whether the settings have footage, pictures or the log deleted at all."""
    return any(days_kept()[kind] for kind in ("footage", "evidence", "log"))


def next_run(last: Retention | None) -> datetime | None:
    """When the application deletes by itself the next time; None where it does not."""
    if not deletes():
        return None
    if last is None or last.days != days_kept():
        return _night_after(timezone.now() + NOTICE)
    return _night_after(last.at + NOTICE if last.state == State.announced else last.at)


def _night_after(moment: datetime) -> datetime:
    zone = ZoneInfo(settings.TIME_ZONE)
    local = moment.astimezone(zone)
    night = datetime.combine(local.date(), AT_NIGHT, zone)
    return night if night > local else datetime.combine(local.date() + timedelta(days=1), AT_NIGHT, zone)


def look() -> None:
    """What the server does now and then: go on with what was cut short, announce, or delete where it is time."""
    erasing.finish()
    if not deletes():
        return
    last = Retention.objects.first()
    if last is None or last.days != days_kept():
        announce()
        return
    interrupted = last.state == State.running and _is_dead(last)
    night = next_run(last)
    if interrupted or (last.state != State.running and night and timezone.now() >= night):
        run(begin(None))


def announce() -> Retention:
    """Write down that the settings changed, and what would go now."""
    told = {one.kind: {"count": one.count, "bytes": one.bytes} for one in due()}
    with transaction.atomic():
        Turn.take("retention")
        last = Retention.objects.first()
        if last and last.days == days_kept():  # another server was first
            return last
        told_days: dict[str, Any] = {f"{kind}_days": days for kind, days in days_kept().items()}
        audited(None, "retention.announced", "", **told_days)
        return Retention.objects.create(
            state=State.announced, days=days_kept(), told=told, beat=timezone.now()
        )


def begin(by: User | None) -> Retention:
    """A run for this process alone. Raises RetentionError where one is going on."""
    with transaction.atomic():
        Turn.take("retention")
        for row in Retention.objects.filter(state=State.running):
            if not _is_dead(row):
                raise RetentionError(N_("What is over its time is being deleted already."))
            interrupted = RetentionError(
                N_("It was interrupted: the server ended meanwhile. The next one goes on.")
            )
            Retention.objects.filter(pk=row.pk).update(
                state=State.failed, finished=timezone.now(), problem=problem(interrupted)
            )
        old = next(iter(Retention.objects.values_list("pk", flat=True)[KEPT_RUNS : KEPT_RUNS + 1]), None)
        if old:
            Retention.objects.filter(pk__lte=old).delete()
        return Retention.objects.create(state=State.running, by=by, days=days_kept(), beat=timezone.now())


def run(row: Retention) -> Retention:
    """Delete what is over its time; what came of it is in the row."""
    mine = Retention.objects.filter(pk=row.pk, state=State.running)
    told: dict[str, dict[str, int]] = {}
    if not mine.exists():  # whoever looked last took it for dead
        return row
    try:
        with beating(lambda: mine.update(beat=timezone.now()), BEAT_S, "retention"):
            for kind, count, size in delete(row.by):
                one = told.setdefault(kind, {"count": 0, "bytes": 0})
                one["count"] += count
                one["bytes"] += size
        mine.update(state=State.done, finished=timezone.now(), told=told)
    except Exception as error:
        log.exception("retention failed")
        kept = error if isinstance(error, RoadDamageError) else fault_of(error)
        mine.update(state=State.failed, finished=timezone.now(), told=told, problem=problem(kept))
    row.refresh_from_db()
    return row


def aside(row: Retention) -> None:
    """The same in a thread of its own."""

    def do() -> None:
        try:
            run(row)
        except Exception:
            log.exception("retention ended without a word")
        finally:
            connection.close()

    threading.Thread(target=do, daemon=True).start()


def _is_dead(row: Retention) -> bool:
    return abs(timezone.now() - row.beat) > DEAD_AFTER
