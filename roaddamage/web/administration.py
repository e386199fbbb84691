"""Django's own pages for administrators: our group gets in, in our words, and everything done there is written down."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from detector.errors import N_
from roaddamage.records.audit import audited
from roaddamage.web.access import may
from roaddamage.web.templating import say

TITLE = N_("Administration of road damage")
NAMES = {"records": N_("Records"), "Vehicle": N_("Vehicles")}


class Site(admin.AdminSite):
    """Open to who may go there by our table."""

    enable_nav_sidebar = False
    site_url = "/"

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """What every page is told, titles in the reader's language."""
        title = say(TITLE)
        return super().each_context(request) | {"site_title": title, "site_header": title}

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> Any:
        """The tables, ours in the reader's language; Django's own words are translated already."""
        told: list[dict[str, Any]] = super().get_app_list(request, app_label)
        for app in told:
            app["name"] = say(NAMES.get(app["app_label"], str(app["name"])))
            for model in app["models"]:
                model["name"] = say(NAMES.get(model["object_name"], str(model["name"])))
        return told

    def has_permission(self, request: HttpRequest) -> bool:
        """Whether the user may."""
        return may(request.user, "admin:index")


class Written(admin.ModelAdmin[Model]):
    """What is added, changed and deleted here goes into the audit log."""

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        """Write it down."""
        audited(request.user, f"{self.opts.model_name}.created", str(obj))
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        """Write it down, with the fields that changed."""
        audited(request.user, f"{self.opts.model_name}.changed", str(obj), changes=message)
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """Write each down."""
        for obj in queryset:
            audited(request.user, f"{self.opts.model_name}.deleted", str(obj))
        return super().log_deletions(request, queryset)


class ReadOnly(admin.ModelAdmin[Model]):
    """To be looked at."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """No."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """No."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """No."""
        return False
