"""Problems: errors kept in the records, told later in the language of who reads them."""

from __future__ import annotations

from pathlib import Path

from detector.errors import RoadDamageError, Translate


def problem(error: RoadDamageError, folder: Path | None = None) -> dict[str, object]:
    """An error as JSON; paths in `folder` lose what a reader of a page need not know."""
    values = {name: _plain(value, folder) for name, value in error.values.items()}
    return {"template": error.template, "values": values}


def _plain(value: object, folder: Path | None) -> object:
    if isinstance(value, bool | int | float):
        return value
    text = str(value)
    return text.replace(f"{folder}/", "").replace(str(folder), "") if folder else text


def told(kept: dict[str, object], translate: Translate) -> str:
    """The message, translated."""
    template, values = str(kept.get("template", "")), kept.get("values")
    return translate(template).format(**values) if template and isinstance(values, dict) else ""
