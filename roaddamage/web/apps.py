"""The pages as a Django application, and the administrators' pages of Django's own."""

from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class WebConfig(AppConfig):
    """Templates and static files lie beside it."""

    name = "roaddamage.web"
    label = "web"

    def ready(self) -> None:
        """Write log-ins down."""
        from roaddamage.web import log_ins

        log_ins.listen()


class AdministrationConfig(admin_apps.AdminConfig):
    """Open to the group of administrators."""

    default = False
    default_site = "roaddamage.web.administration.Site"
