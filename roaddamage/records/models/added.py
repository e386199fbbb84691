"""Rows that are only ever added."""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar

from django.db import models

Row = TypeVar("Row", bound="Added", covariant=True)


class AddedRows(models.QuerySet[Row]):
    """Rows that are only ever added."""

    def update(self, **kwargs: Any) -> int:
        """Raises TypeError."""
        raise TypeError(f"{self.model.CALLED} is never changed")

    def bulk_update(self, *args: Any, **kwargs: Any) -> int:
        """Raises TypeError."""
        raise TypeError(f"{self.model.CALLED} is never changed")

    def delete(self) -> tuple[int, dict[str, int]]:
        """Raises TypeError."""
        raise TypeError(f"{self.model.CALLED} is never deleted")


class Added(models.Model):
    """A row that is only ever added."""

    CALLED: ClassVar[str]
    """In what is said to whoever tries otherwise."""

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Add it; raises TypeError for one that is there already."""
        if self.pk is not None:
            raise TypeError(f"{self.CALLED} is never changed")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Raises TypeError."""
        raise TypeError(f"{self.CALLED} is never deleted")
