"""Numbers of rows, as addresses and forms have them."""

from __future__ import annotations

MOST_DIGITS = 12
"""More than any row's number has, and fewer than a database could not take."""


def number_in(text: str) -> int | None:
    """The number that a text is; None for any other text."""
    return int(text) if text.isdecimal() and len(text) <= MOST_DIGITS else None
