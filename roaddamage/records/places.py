"""A damage's places: itself, and what turned out to be it."""

from __future__ import annotations

from roaddamage.records.models import Damage


def places_of(number: int) -> list[int]:
    """A damage, and those that were joined into it, and so on."""
    found = [number]
    while (
        more := Damage.objects.filter(joined_into__in=found)
        .exclude(pk__in=found)
        .values_list("pk", flat=True)
    ):
        found += list(more)
    return found
