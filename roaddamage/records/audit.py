"""The audit log: who saw, decided, exported or deleted what."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.utils import timezone

from roaddamage.records.models import AuditEntry

NOTED_EVERY = timedelta(hours=1)


def audited(
    by: AbstractBaseUser | AnonymousUser | None, action: str, target: str = "", **details: object
) -> None:
    """Add an entry; `action` is a word or two such as "damage.confirm"."""
    known = by if by is not None and by.is_authenticated else None
    AuditEntry.objects.create(
        by_id=known.pk if known else None, action=action, target=target[:200], details=details
    )


def noted(user: User, action: str, target: str, **details: object) -> None:
    """An entry of the log, once an hour for a program that asks the same again and again."""
    since = timezone.now() - NOTED_EVERY
    if not AuditEntry.objects.filter(by=user, action=action, target=target, at__gte=since).exists():
        audited(user, action, target, **details)
