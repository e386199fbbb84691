"""The audit log: who saw, decided, exported or deleted what."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

from roaddamage.records.models import AuditEntry


def audited(
    by: AbstractBaseUser | AnonymousUser | None, action: str, target: str = "", **details: object
) -> None:
    """Add an entry; `action` is a word or two such as "damage.confirm"."""
    known = by if by is not None and by.is_authenticated else None
    AuditEntry.objects.create(
        by_id=known.pk if known else None, action=action, target=target[:200], details=details
    )
