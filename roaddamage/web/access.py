"""Who may go where: the one table of addresses and groups. What is not in it, nobody may see."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User

CREW, ENGINEER, ML, ADMINISTRATOR = "crew", "engineer", "ml", "administrator"
GROUPS = (CREW, ENGINEER, ML, ADMINISTRATOR)
EVERYBODY = frozenset(GROUPS)
DRIVES = frozenset((CREW, ENGINEER, ADMINISTRATOR))
"""Hand footage in, and see what became of it."""
DECIDE = frozenset((ENGINEER, ADMINISTRATOR))
LOOK = frozenset((ENGINEER, ML, ADMINISTRATOR))
REPAIR = frozenset((CREW, ENGINEER, ADMINISTRATOR))
ADMINISTER = frozenset((ADMINISTRATOR,))

PUBLIC = frozenset(("login", "set_language"))
"""For those too who are not known."""
ACCESS: dict[str, frozenset[str]] = {
    "home": EVERYBODY,
    "logout": EVERYBODY,
    "password": EVERYBODY,
}
"""Name of an address → the groups that may go there. The administrators' pages are `ADMINISTER`'s."""
ADMIN_NAMESPACE = "admin"


def groups_of(user: AbstractBaseUser | AnonymousUser) -> frozenset[str]:
    """The groups of a user; a superuser is in all."""
    if not isinstance(user, User) or not user.is_active:
        return frozenset()
    if user.is_superuser:
        return EVERYBODY
    return frozenset(user.groups.values_list("name", flat=True)) & EVERYBODY


def may(user: AbstractBaseUser | AnonymousUser, name: str) -> bool:
    """Whether a user may go to an address, by the name of its view (with its namespace)."""
    wanted = ADMINISTER if name.startswith(f"{ADMIN_NAMESPACE}:") else ACCESS.get(name, frozenset())
    return bool(groups_of(user) & wanted)
