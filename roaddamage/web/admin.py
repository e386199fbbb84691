"""Which tables administrators see in Django's own pages."""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest
from django_tasks_db.models import DBTaskResult

from roaddamage.records.models import Vehicle
from roaddamage.web.administration import ReadOnly, Written

for foreign in (
    User, Group, DBTaskResult, AccessAttempt, AccessFailureLog, AccessLog,
    EmailAddress, SocialAccount, SocialApp, SocialToken,
):  # fmt: skip
    if admin.site.is_registered(foreign):
        admin.site.unregister(foreign)


@admin.register(User)
class UserAdmin(ReadOnly):
    """Users; they are made and changed on our own page, with one-time passwords."""

    list_display = ("username", "last_name", "first_name", "is_active", "last_login")
    list_filter = ("groups", "is_active")
    search_fields = ("username", "last_name", "first_name")
    fields = ("username", "last_name", "first_name", "is_active", "groups", "last_login", "date_joined")


@admin.register(Group)
class GroupAdmin(ReadOnly):
    """The groups; what they may do stands in `roaddamage.web.access`."""

    list_display = ("name",)
    fields = ("name",)


@admin.register(Vehicle)
class VehicleAdmin(Written):
    """Vehicles can be renamed; how their cameras hang is learnt."""

    list_display = ("name", "drives_seen")
    search_fields = ("name",)
    fields = ("name", "drives_seen")
    readonly_fields = ("drives_seen",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only one that no drive belongs to."""
        return obj is not None and not obj.drives.exists() and super().has_delete_permission(request, obj)
