"""Errors a user can cause: each says what is wrong, where, and what to do.

A message is an English template whose translation is looked up where it is shown, so this room
needs to know no language: `error.message(translate)`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

Translate = Callable[[str], str]
"""gettext's shape: an English message in, the shown language's message out."""


def N_(message: str) -> str:  # noqa: N802  (gettext's own name for "translate this later")
    """Mark a message for the catalogues without translating it here."""
    return message


REASONS = (
    N_("Invalid data found when processing input"),
    N_("No such file or directory"),
    N_("Permission denied"),
    N_("Input/output error"),
    N_("No space left on device"),
    N_("Read-only file system"),
    N_("File name too long"),
)
"""What the system says most often; other reasons stay as it gives them."""


def filled(template: str, values: Mapping[str, object], translate: Translate) -> str:
    """A message's template with its values, both translated; of the values only `reason` is text of ours."""
    told = dict(values)
    if str(told.get("reason")) in REASONS:
        told["reason"] = translate(str(told["reason"]))
    return translate(template).format(**told)


class RoadDamageError(Exception):
    """Base of every error a user can cause and mend; `values` fill the template's fields."""

    exit_code = 1
    template: str = N_("{reason}")

    def __init__(self, template: str | None = None, **values: object) -> None:
        if template is not None:
            self.template = template
        self.values = values
        super().__init__(self.message())

    def message(self, translate: Translate = str) -> str:
        """The message in the language of `translate`; English by default."""
        return filled(self.template, self.values, translate)


class FootageError(RoadDamageError):
    """Footage that can't be used; the rest of a batch goes on."""

    exit_code = 3


class TelemetryError(FootageError):
    """No positions, or none that fit the footage; the rest of a batch goes on."""


class ModelError(RoadDamageError):
    """A model that can't be used; nothing can run without one."""

    exit_code = 2


class OutputError(RoadDamageError):
    """Results that can't be written; earlier output is left as it was."""


class OutputTakenError(OutputError):
    """The output folder can't be used as it is: not empty, or no folder."""

    exit_code = 2
