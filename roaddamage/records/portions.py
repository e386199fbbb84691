"""Rows in portions: so many that a query can name them, and one statement write them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

SOME = 500
Key = TypeVar("Key")


def portions(keys: Sequence[Key]) -> Iterator[Sequence[Key]]:
    """Keys in portions that a query can name."""
    return (keys[first : first + SOME] for first in range(0, len(keys), SOME))


def put_fields(kind: type[Any], rows: Sequence[Any], fields: Sequence[str]) -> None:
    """Write these fields of rows that are there already: one statement for many."""
    kind.objects.bulk_create(
        rows, batch_size=SOME, update_conflicts=True, unique_fields=["id"], update_fields=list(fields)
    )
