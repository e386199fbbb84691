"""Logs of serve and workers: lines for people, or a JSON object a line, and never a person's data.

Nothing of what a user typed, was called or handed in gets there: no names, addresses, paths, query strings. Our own messages name
rows by their numbers; an error of ours is told by its template without its values; of other libraries' messages only the
template is kept, and of an exception its kind, where it was raised, and its text where that can be about the program alone.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping
from typing import Any, Literal

from django.db import OperationalError
from pythonjsonlogger.json import JsonFormatter

from detector.errors import RoadDamageError

OURS = ("roaddamage", "detector", "maps", "training", "datasets")
ABOUT_THE_PROGRAM = (
    ArithmeticError, AssertionError, AttributeError, ImportError, MemoryError, NameError, RuntimeError, TypeError,
)  # fmt: skip
"""What such an exception says is of the code, unless it names a path."""
REQUESTS = "roaddamage.requests"
DJANGO_REQUEST = "django.request"
TOLD = ("method", "route", "status", "ms", "user")
"""What a line of a request has."""
KNOWN = frozenset(logging.makeLogRecord({}).__dict__) | {*TOLD, "message", "asctime"}


class Plain(logging.Filter):
    """Takes from a record what may be about a person."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record; all pass."""
        record.msg, record.args = _message(record), None
        if record.exc_info and record.exc_info[1] is not None:
            record.exc_text = raised(record.exc_info[1])
        record.exc_info = record.stack_info = None
        for name in record.__dict__.keys() - KNOWN:  # such as Django's request
            delattr(record, name)
        return True


def _message(record: logging.LogRecord) -> str:
    template, args = str(record.msg), record.args
    if record.name == DJANGO_REQUEST:  # its arguments are the request's path
        return "a request failed"
    ours = record.name.split(".")[0] in OURS
    if isinstance(args, Mapping) or not args:
        return template if ours or args else _first(template)
    told = tuple(_value(one, ours=ours) for one in args)
    try:
        return template % told
    except (TypeError, ValueError):  # a template that wants numbers, or another count
        return template


def _first(text: str) -> str:
    """Of a ready-made text of another library: its first word, by which it is found."""
    return f"{text.split(maxsplit=1)[0] if text.strip() else ''} …"


def _value(value: object, *, ours: bool) -> object:
    if isinstance(value, BaseException):
        return named(value)
    if isinstance(value, int | float) or (ours and isinstance(value, str)):
        return value
    return "…"


def named(error: BaseException) -> str:
    """An exception without what it may tell of a person."""
    kind = type(error).__name__
    if isinstance(error, RoadDamageError):
        return f"{kind}: {error.template}"
    if isinstance(error, OSError):
        return f"{kind}: {error.strerror}"
    if isinstance(error, OperationalError):  # behind where the database is: what is wrong with it
        return f"{kind}: {str(error).strip().rpartition(': ')[2]}"
    if isinstance(error, ABOUT_THE_PROGRAM) and not set("/\\") & set(str(error)):
        return f"{kind}: {error}"
    return kind


def raised(error: BaseException) -> str:
    """Where it was raised, without the text of what was in hand; its causes first."""
    lines: list[str] = []
    while True:
        frames = traceback.extract_tb(error.__traceback__)
        lines[:0] = [f"{one.filename}:{one.lineno} {one.name}" for one in frames] + [named(error)]
        before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if before is None:
            return "\n".join(lines)
        error = before


class Text(logging.Formatter):
    """Lines for people; a request's figures stand behind its message."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line = super().format(record)
        figures = [f"{name}={getattr(record, name)}" for name in TOLD if hasattr(record, name)]
        return " ".join([line, *figures])


def settings_of(form: Literal["text", "json"], *, requests: bool) -> dict[str, Any]:
    """Django's LOGGING."""
    text = {"()": Text, "format": "%(asctime)s %(levelname)s %(name)s %(message)s"}
    json = {
        "()": JsonFormatter, "fmt": "%(asctime)s %(levelname)s %(name)s %(message)s", "json_ensure_ascii": False,
        "rename_fields": {"asctime": "time", "levelname": "level", "name": "logger", "exc_info": "raised"},
        "datefmt": "%Y-%m-%dT%H:%M:%S%z",
    }  # fmt: skip
    quiet = {"level": "CRITICAL"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"plain": {"()": Plain}},
        "formatters": {"text": text, "json": json},
        "handlers": {"console": {"class": "logging.StreamHandler", "filters": ["plain"], "formatter": form}},
        "root": {"handlers": ["console"], "level": "WARNING"},
        "loggers": {
            REQUESTS: {"level": "INFO" if requests else "CRITICAL"},
            # They name users and addresses; the log of who did what, behind the log-in, has it.
            "axes": quiet,
            "django.security": quiet,
            # A line of ours has each refusal; what went wrong is here still.
            DJANGO_REQUEST: {"level": "ERROR"},
        },
    }
