"""Users into their groups, and out of them."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.auth.models import Group, User

from roaddamage.web.access import ADMINISTRATOR


def put_into(row: User, names: Iterable[str]) -> None:
    """Into these groups; administrators, and they alone, get Django's own pages too."""
    row.groups.set([Group.objects.get_or_create(name=name)[0] for name in names])
    row.is_staff = row.is_superuser = ADMINISTRATOR in names
    row.save()


def somebody_left() -> bool:
    """Whether there is an administrator who may log in."""
    return User.objects.filter(is_active=True, groups__name=ADMINISTRATOR).exists()
