"""Who may go where: the one table of addresses and groups. What is not in it, nobody may see."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

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
    "upload": DRIVES,
    "batch_new": DRIVES,
    "batch": DRIVES,
    "batch_progress": DRIVES,
    "batch_recognise": DRIVES,
    "drives": DRIVES,
    "queue": DRIVES,
    "basemap_script": DRIVES,
    "drive": DRIVES,
    "drive_progress": DRIVES,
    "drive_frame": DRIVES,
    "drive_basemap": DRIVES,
    "drive_vehicle": DRIVES,
    "drive_log": DRIVES,
    "drive_clock": DRIVES,
    "drive_start": DRIVES,
    "drive_cancel": DRIVES,
    "review": DECIDE,
    "review_card": DECIDE,
    "decide": DECIDE,
    "comment": DECIDE,
    "undo": DECIDE,
    "damage": LOOK,
    "evidence": EVERYBODY,
    "work_lists": REPAIR,
    "work_list_new": DECIDE,
    "work_list": REPAIR,
    "work_list_order": DECIDE,
    "work_list_file": REPAIR,
    "stop": REPAIR,
    "stop_done": REPAIR,
    "stop_undo": REPAIR,
    "stop_picture": REPAIR,
    "photo": REPAIR,
    "figures": LOOK,
    "figures_csv": LOOK,
    "figures_patrol": DECIDE,
    "map": LOOK,
    "map_frame": LOOK,
    "map_damages": LOOK,
    "map_damage": LOOK,
    "basemap": EVERYBODY,
    "damages": LOOK,
    "damages_csv": LOOK,
    "damages_decide": DECIDE,
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


def who(request: HttpRequest) -> User:
    """Whose request it is, behind the log-in. Raises PermissionDenied for somebody who is not known."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user
