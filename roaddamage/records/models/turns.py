"""What only one may do at a time."""

from __future__ import annotations

from django.db import models


class Turn(models.Model):
    """What only one may do at a time: whoever holds its row's lock, until its transaction ends."""

    name = models.CharField(max_length=40, primary_key=True)

    @classmethod
    def take(cls, name: str) -> None:
        """Wait for one's turn; to be called within a transaction."""
        cls.objects.get_or_create(name=name)
        cls.objects.select_for_update().get(name=name)
