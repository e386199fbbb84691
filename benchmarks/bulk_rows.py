"""Rows written past the ORM, a million at a time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np


def put(model: Any, count: int, /, **given: Any) -> None:
    """Write so many rows, numbered from 1: a value or a column a field, defaults for the others; JSON as text."""
    from django.core.management.color import no_style
    from django.db import connection

    given.setdefault("id", range(1, count + 1))
    fields = list(model._meta.concrete_fields)
    columns = [_column(field, given.pop(field.attname, field.get_default()), count) for field in fields]
    assert not given, f"{model.__name__} has no {', '.join(given)}"  # noqa: S101
    names = ", ".join(connection.ops.quote_name(field.column) for field in fields)
    table: str = model._meta.db_table
    rows: Any = zip(*columns, strict=True)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
            for line in connection.ops.sequence_reset_sql(no_style(), [model]):
                cursor.execute(line)
        else:
            marks = ", ".join(["%s"] * len(fields))
            cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)  # noqa: S608


def _column(field: Any, value: Any, count: int) -> Sequence[Any]:
    from django.db import connection, models

    values: Any = value.tolist() if isinstance(value, np.ndarray) else value
    if isinstance(values, str) or not isinstance(values, Sequence):
        if isinstance(field, models.JSONField) and not isinstance(values, str) and values is not None:
            values = json.dumps(values)
        values = [values] * count
    elif isinstance(field, models.JSONField) and not values:
        values = ["[]"] * count  # the default of a list
    if isinstance(field, models.DateTimeField):
        return [connection.ops.adapt_datetimefield_value(one) for one in values]
    told: Sequence[Any] = values
    return told
