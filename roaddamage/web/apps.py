"""The pages as a Django application."""

from django.apps import AppConfig


class WebConfig(AppConfig):
    """Templates and static files lie beside it."""

    name = "roaddamage.web"
    label = "web"
