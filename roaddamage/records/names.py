"""People's names as people write them."""

from __future__ import annotations

from django.contrib.auth.models import User


def full_name(user: User) -> str:
    """A person's name: the family name first where it is written in Japanese; the user name where there is none."""
    family, given = user.last_name, user.first_name
    parts = (given, family) if (family + given).isascii() else (family, given)
    return " ".join(part for part in parts if part) or user.get_username()
