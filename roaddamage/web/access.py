"""Who may go where: the one table of addresses and groups. What is not in it, nobody may see."""

from __future__ import annotations

from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from roaddamage.records.models import OneTimePassword

CREW, ENGINEER, ML, ADMINISTRATOR = "crew", "engineer", "ml", "administrator"
EVERYBODY = frozenset((CREW, ENGINEER, ML, ADMINISTRATOR))
FOOTAGE = "footage"
"""Those who may see original footage, where nobody is masked. It is given by name, and no other group brings it."""
GROUPS = (CREW, ENGINEER, ML, ADMINISTRATOR, FOOTAGE)
DRIVES = frozenset((CREW, ENGINEER, ADMINISTRATOR))
"""Hand footage in, and see what became of it."""
DECIDE = frozenset((ENGINEER, ADMINISTRATOR))
LOOK = frozenset((ENGINEER, ML, ADMINISTRATOR))
LABEL = frozenset((ML, ADMINISTRATOR))
"""Take labels out to tools, and in again; train models, and put them in use."""
REPAIR = frozenset((CREW, ENGINEER, ADMINISTRATOR))
ADMINISTER = frozenset((ADMINISTRATOR,))
ORIGINALS = frozenset((FOOTAGE,))

PUBLIC = frozenset(
    ("login", "openid_connect_login", "openid_connect_callback", "set_language", "favicon", "healthz")
)
"""For those too who are not known."""
KNOWN = frozenset(("logout", "password"))
"""For everyone who is known, also without a group, or with a password that is to be changed first."""
ACCESS: dict[str, frozenset[str]] = {
    "home": EVERYBODY,
    "upload": DRIVES,
    "batch_new": DRIVES,
    "batch": DRIVES,
    "batch_progress": DRIVES,
    "batch_recognise": DRIVES,
    "batch_start": DRIVES,
    "drives": DRIVES,
    "queue": DRIVES,
    "basemap_script": DRIVES,
    "drive": DRIVES,
    "drive_progress": DRIVES,
    "drive_frame": DRIVES,
    "drive_basemap": DRIVES,
    "originals": ORIGINALS,
    "originals_open": ORIGINALS,
    "original": ORIGINALS,
    "drive_vehicle": DRIVES,
    "drive_log": DRIVES,
    "drive_clock": DRIVES,
    "drive_start": DRIVES,
    "drive_cancel": DRIVES,
    "vehicle": DECIDE,
    "vehicle_frame": DECIDE,
    "vehicle_area": DECIDE,
    "review": DECIDE,
    "review_card": DECIDE,
    "decide": DECIDE,
    "damage_whole": DECIDE,
    "comment": DECIDE,
    "damage_join": DECIDE,
    "damage_part": DECIDE,
    "undo": DECIDE,
    "damage": LOOK,
    "evidence": LOOK,
    "frames": LOOK,
    "frames_export": LABEL,
    "frame_export_part": LABEL,
    "frame_export_file": LABEL,
    "frames_choose": LOOK,
    "frames_choose_new": LABEL,
    "frame_choice_part": LOOK,
    "frame_choice_export": LABEL,
    "labels": LABEL,
    "labels_new": LABEL,
    "labels_read": LABEL,
    "labels_decide": LABEL,
    "frame": LOOK,
    "frame_whole": LOOK,
    "frame_picture": LOOK,
    "frame_small": LOOK,
    "work_lists": REPAIR,
    "work_list_new": DECIDE,
    "work_list": REPAIR,
    "work_list_change": DECIDE,
    "work_list_order": DECIDE,
    "work_list_file": REPAIR,
    "work_list_paper": REPAIR,
    "stop": REPAIR,
    "stop_done": REPAIR,
    "stop_undo": REPAIR,
    "stop_picture": REPAIR,
    "photo": REPAIR,
    "survey": LOOK,
    "survey_change": LOOK,
    "exports": LOOK,
    "export_new": DECIDE,
    "export_part": LOOK,
    "export_delete": DECIDE,
    "export_file": LOOK,
    "export_map": LOOK,
    "export_map_frame": LOOK,
    "export_map_picture": LOOK,
    "figures": LOOK,
    "figures_csv": LOOK,
    "figures_patrol": DECIDE,
    "reruns": LOOK,
    "rerun_new": LABEL,
    "rerun": LOOK,
    "rerun_part": LOOK,
    "rerun_cancel": LABEL,
    "rerun_continue": LABEL,
    "rerun_csv": LOOK,
    "rerun_picture": LOOK,
    "people": ADMINISTER,
    "person_new": ADMINISTER,
    "person": ADMINISTER,
    "person_password": ADMINISTER,
    "person_unlock": ADMINISTER,
    "audit": ADMINISTER,
    "audit_csv": ADMINISTER,
    "map": LOOK,
    "map_frame": LOOK,
    "map_damages": LOOK,
    "map_damage": LOOK,
    "basemap": EVERYBODY,
    "damages": LOOK,
    "damages_csv": LOOK,
    "damages_decide": DECIDE,
    "health": ADMINISTER,
    "health_part": ADMINISTER,
    "metrics": ADMINISTER,
    "masking": ADMINISTER,
    "erasures": ADMINISTER,
    "erasure_new": ADMINISTER,
    "erasure": ADMINISTER,
    "erasure_pictures": ADMINISTER,
    "erasure_span": ADMINISTER,
    "erasure_cover": ADMINISTER,
    "retention": ADMINISTER,
    "retention_part": ADMINISTER,
    "retention_run": ADMINISTER,
    "drive_keep": DECIDE,
    "models": LABEL,
    "model_file": LABEL,
    "model_rollback": LABEL,
    "training_new": LABEL,
    "training": LABEL,
    "training_part": LABEL,
    "training_again": LABEL,
    "training_cancel": LABEL,
    "training_promote": LABEL,
    "webhooks": ADMINISTER,
    "webhook_new": ADMINISTER,
    "webhook_change": ADMINISTER,
    "tokens": LOOK,
    "token_new": LOOK,
    "token_withdraw": LOOK,
    "api:openapi-json": EVERYBODY,
    "api:openapi-view": EVERYBODY,
    "api:api-root": EVERYBODY,
    "api:me": EVERYBODY,
    "api:damages": LOOK,
    "api:damage": LOOK,
    "api:decide": DECIDE,
    "api:picture": LOOK,
    "api:drives": LOOK,
    "api:drive": LOOK,
    "api:work_lists": LOOK,
    "api:work_list": LOOK,
    "api:frames": LOOK,
    "api:frame": LOOK,
    "api:trainings": LABEL,
    "api:training": LABEL,
    "api:reruns": LOOK,
    "api:rerun": LOOK,
    "ogc:api-root": LOOK,
    "ogc:openapi-json": LOOK,
    "ogc:openapi-view": LOOK,
    "ogc:landing": LOOK,
    "ogc:conformance": LOOK,
    "ogc:collections": LOOK,
    "ogc:collection": LOOK,
    "ogc:items": LOOK,
    "ogc:item": LOOK,
}
"""Name of an address → the groups that may go there. The administrators' pages are `ADMINISTER`'s."""
ADMIN_NAMESPACE = "admin"
KEPT = "groups_kept"


def must_change_password(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Whether the user's password was given by somebody else, and is good for one log-in only."""
    return user.is_authenticated and OneTimePassword.objects.filter(user_id=user.pk).exists()


def groups_of(user: AbstractBaseUser | AnonymousUser) -> frozenset[str]:
    """The groups of a user; a superuser is in all but `FOOTAGE`, and nobody is in one before a one-time password is changed.

    Of a request's user they are asked for once: pages ask for each link whether to show it (`keep_groups`).
    """
    kept: frozenset[str] | None = getattr(user, KEPT, None)
    if kept is not None:
        return kept
    if not isinstance(user, User) or not user.is_active or must_change_password(user):
        return frozenset()
    named = frozenset(user.groups.values_list("name", flat=True)) & frozenset(GROUPS)
    return named | EVERYBODY if user.is_superuser else named


def keep_groups(user: AbstractBaseUser | AnonymousUser) -> None:
    """Keep the groups of a request's user for as long as the request lives."""
    setattr(user, KEPT, groups_of(user))


def may(user: AbstractBaseUser | AnonymousUser, name: str) -> bool:
    """Whether a user may go to an address, by the name of its view (with its namespace)."""
    if name in KNOWN:
        return user.is_authenticated and user.is_active
    wanted = ADMINISTER if name.startswith(f"{ADMIN_NAMESPACE}:") else ACCESS.get(name, frozenset())
    return bool(groups_of(user) & wanted)


def who(request: HttpRequest) -> User:
    """Whose request it is, behind the log-in. Raises PermissionDenied for somebody who is not known."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


class Administrators(BaseBackend):
    """Lets the group of administrators do all that Django's own pages offer."""

    def has_perm(self, user_obj: AbstractBaseUser | AnonymousUser, perm: str, obj: object = None) -> bool:
        """Whether the user is an administrator."""
        return ADMINISTRATOR in groups_of(user_obj)

    def has_module_perms(self, user_obj: AbstractBaseUser | AnonymousUser, app_label: str) -> bool:
        """Whether the user is an administrator."""
        return ADMINISTRATOR in groups_of(user_obj)
