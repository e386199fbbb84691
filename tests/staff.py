"""People of a workspace that is served: what tests call in a process apart."""

from __future__ import annotations

from pathlib import Path

from roaddamage.server import prepare


def staffed(folder: Path, secret: str, people: dict[str, str]) -> None:
    """A workspace with `people`, their groups by their names; each one's password is `secret` and the name."""
    prepare(folder)
    from django.contrib.auth.models import Group, User

    for name, group in people.items():
        User.objects.create_user(name, password=f"{secret}{name}").groups.add(Group.objects.get(name=group))
