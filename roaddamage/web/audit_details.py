"""What the audit log's entries tell besides, in words: the same on the page and in its CSV."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from detector.errors import N_
from roaddamage.records.models import Damage, Export
from roaddamage.web.audit_words import DETAILS
from roaddamage.web.export_form import LANGUAGE_NAMES
from roaddamage.web.people import GROUP_NAMES
from roaddamage.web.templating import say

VALUES: dict[str, dict[str, str]] = {
    "state": {str(value): str(text) for value, text in Damage.State.choices},
    "kind": {str(value): str(text) for value, text in Export.Kind.choices},
    "groups": GROUP_NAMES,
    "language": LANGUAGE_NAMES,
    "way": {"page": N_("shown on the page"), "download": N_("download")},
}
"""Details whose values have words of their own."""
TRUTHS = {True: N_("yes"), False: N_("no")}


def in_words(details: Mapping[str, Any]) -> str:
    """All details of an entry on a line; "" where there are none."""
    return "; ".join(
        f"{say(DETAILS.get(name, name))}: {_value(name, value)}" for name, value in details.items()
    )


def _value(name: str, value: Any) -> str:
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return say(TRUTHS[value])
    if isinstance(value, Mapping):
        return f"({in_words(value)})"
    if isinstance(value, list | tuple):
        return ", ".join(_value(name, one) for one in value) or "–"
    words = VALUES.get(name, {}).get(str(value))
    return say(words) if words else str(value)
