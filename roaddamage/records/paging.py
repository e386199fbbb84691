"""Pages by key: a page is what comes after, or before, a row of another one.

So the last page is as quick as the first, none shows a row twice or leaves one out while rows come and go, and the row
that a link names need not be there any more: its place in the order is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Generic, TypeVar
from urllib.parse import quote, unquote

from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet

M = TypeVar("M", bound=Model)
Values = tuple[Any, ...]
LARGEST = 2**63 - 1
"""Of a key in the databases."""


@dataclass(frozen=True)
class Order:
    """The columns by which rows are put in order, "-" before those that fall; the last one tells all rows apart.

    `may_lack`: the first column can be unknown; such rows come last, whichever way the others go. Where that is not NULL,
    `lacks` tells rows that have it from those that lack it; `then` are the columns of the latter, where not the others.
    `strands` are conditions of which each row fits one, where an index has the rows of each in this order and not those of
    all: keys are asked for by each alone and put together; the columns are numbers then.
    """

    columns: tuple[str, ...]
    may_lack: bool = False
    lacks: tuple[Q, Q] | None = None
    then: tuple[str, ...] = ()
    strands: tuple[Q, ...] = ()

    def key(self, row: Model) -> str:
        """Where a row stands, as an address has it."""
        return ",".join(_text(getattr(row, column.lstrip("-"))) for column in self.columns)

    def read(self, text: str, kind: type[Model]) -> Values:
        """A key's values. Raises ValueError for what is no key of this order."""
        parts = text.split(",")
        values = tuple(_read(part, column, kind) for part, column in zip(parts, self.columns, strict=True))
        lacks = self.may_lack and values[0] is None
        if None in (values[-len(self._parts()[1][1]) :] if lacks else values):
            raise ValueError(f"no key: {text}")
        return values

    def seek(self, rows: QuerySet[M], count: int, key: Values | None = None, back: bool = False) -> list[M]:
        """So many rows after a key, or from the beginning; `back`: before it, or from the end, nearest first."""
        parts = self._parts()
        at = (len(parts) - 1 if back else 0) if key is None else int(self.may_lack and key[0] is None)
        found: list[M] = []
        for number in range(at, -1, -1) if back else range(at, len(parts)):
            within, columns = parts[number]
            beyond = _beyond(columns, key[-len(columns) :], back) if key is not None and number == at else Q()
            ordered = tuple(_turned(one) if back else one for one in columns)
            found += self._first(rows.filter(within, beyond).order_by(*ordered), ordered, count - len(found))
            if len(found) == count:
                break
        return found

    def walk(self, rows: QuerySet[M], step: int) -> Iterator[M]:
        """All rows, so many at a time: no more are in memory, here or in the database."""
        found = self.seek(rows, step)
        while found:
            yield from found
            key = self.read(self.key(found[-1]), rows.model)
            found = self.seek(rows, step, key) if len(found) == step else []

    def _first(self, asked: QuerySet[M], columns: tuple[str, ...], count: int) -> list[M]:
        """So many of the rows asked for, which are in the order of these columns."""
        if not self.strands:
            return list(asked[:count])
        names = [column.lstrip("-") for column in columns]
        keys = [key for one in self.strands for key in asked.filter(one).values_list(*names)[:count]]
        signs = [-1 if column.startswith("-") else 1 for column in columns]
        keys.sort(key=lambda key: [sign * value for sign, value in zip(signs, key, strict=True)])
        numbers = [key[-1] for key in keys[:count]]
        rows = {row.pk: row for row in asked.filter(pk__in=numbers)}
        return [rows[number] for number in numbers if number in rows]

    def _parts(self) -> list[tuple[Q, tuple[str, ...]]]:
        """Rows whose first column is known, then those that lack it: each part has an index's own order."""
        if not self.may_lack:
            return [(Q(), self.columns)]
        name = f"{self.columns[0].lstrip('-')}__isnull"
        known, lacking = self.lacks or (Q(**{name: False}), Q(**{name: True}))
        return [(known, self.columns), (lacking, self.then or self.columns[1:])]


@dataclass(frozen=True)
class Page(Generic[M]):
    """Rows of a list, and the keys from which its neighbours go on: "" where there is none."""

    rows: list[M]
    before: str = ""
    after: str = ""


def page_of(
    rows: QuerySet[M], order: Order, size: int, after: str = "", before: str = "", last: bool = False
) -> Page[M]:
    """The page after a key, or before one, or the last one; else, and where a key can't be read, the first.

    Nothing after the key: the last page. No whole page before it: the first.
    """
    try:
        key = order.read(after or before, rows.model) if after or before else None
    except ValueError:
        key = None
    if last or (key is not None and before and not after):
        found = order.seek(rows, size + 1, key, back=True)
        if last or len(found) >= size:
            shown = found[:size][::-1]
            return _page(rows, order, shown, len(found) > size, False if last else None)
        key = None
    found = order.seek(rows, size + 1, key)
    if key is not None and not found:
        return page_of(rows, order, size, last=True)
    return _page(rows, order, found[:size], None if key else False, len(found) > size)


def _page(
    rows: QuerySet[M], order: Order, shown: list[M], has_before: bool | None, has_after: bool | None
) -> Page[M]:
    """The page of these rows; on the side that is not known yet one row is asked for."""
    if not shown:
        return Page([])
    first, last = order.key(shown[0]), order.key(shown[-1])
    if has_before is None:
        has_before = bool(order.seek(rows, 1, order.read(first, rows.model), back=True))
    if has_after is None:
        has_after = bool(order.seek(rows, 1, order.read(last, rows.model)))
    return Page(shown, first if has_before else "", last if has_after else "")


def _beyond(columns: tuple[str, ...], values: Values, back: bool) -> Q:
    """Rows beyond these values: said so that the first column alone bounds an index."""
    column, value = columns[0], values[0]
    name = column.lstrip("-")
    side = "lt" if column.startswith("-") != back else "gt"
    if len(columns) == 1:
        return Q(**{f"{name}__{side}": value})
    further = _beyond(columns[1:], values[1:], back)
    return Q(**{f"{name}__{side}e": value}) & (Q(**{f"{name}__{side}": value}) | Q(**{name: value}) & further)


def _turned(column: str) -> str:
    return column[1:] if column.startswith("-") else f"-{column}"


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return quote(value, safe="")
    return value.isoformat() if isinstance(value, date) else repr(value)


def _read(text: str, column: str, kind: type[Model]) -> Any:
    name = column.lstrip("-")
    field = kind._meta.pk if name == "pk" else kind._meta.get_field(name)
    if not text:
        return None
    try:
        value = field.to_python(text)  # type: ignore[union-attr]
        if isinstance(value, str) and "\0" not in unquote(value):
            return unquote(value)
        if isinstance(value, datetime):
            return value.astimezone(UTC)
        if (isinstance(value, int | float) and abs(value) <= LARGEST) or isinstance(value, date):
            return value
    except (ValidationError, OverflowError) as error:
        raise ValueError(f"no value of {name}: {text}") from error
    raise ValueError(f"no value of {name}: {text}")
