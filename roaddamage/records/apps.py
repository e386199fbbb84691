"""The records as a Django application."""

from django.apps import AppConfig


class RecordsConfig(AppConfig):
    """Its models are the whole of what is kept."""

    name = "roaddamage.records"
    label = "records"
