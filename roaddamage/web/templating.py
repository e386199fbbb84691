"""Jinja2 for the pages: everything escaped, every word through the project's own catalogues."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import date, datetime
from typing import Any

import jinja2
from django.contrib.messages import get_messages
from django.templatetags.static import static
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.translation import get_language

from detector.classes import CLASSES, SEVERITIES
from roaddamage import __version__
from roaddamage.language import translation
from roaddamage.problems import told
from roaddamage.records.names import full_name
from roaddamage.web.access import may
from roaddamage.web.menu import current
from roaddamage.whereabouts import kind_of_road, on_road

ISO_DAY = re.compile(r"(?<![\d-])\d{4}-\d\d-\d\d(?![\dT-])")


def say(message: str) -> str:
    """A message in the language of the request."""
    language = (get_language() or "ja").split("-")[0]
    return translation(language if language in ("ja", "en") else "en")(message)


def local(moment: datetime | None, form: str = "SHORT_DATETIME_FORMAT") -> str:
    """A time on the municipality's clock, as the language writes it; "–" where there is none."""
    return "–" if moment is None else formats.date_format(timezone.localtime(moment), form)


def day(value: date | None, form: str = "SHORT_DATE_FORMAT") -> str:
    """A day as the language writes it; "–" where there is none."""
    return "–" if value is None else formats.date_format(value, form)


def dated(text: str) -> str:
    """A text of ours with its days, which are ISO 8601 there, as the language writes them."""
    return ISO_DAY.sub(lambda found: _day_of(found[0]), text)


def _day_of(text: str) -> str:
    with suppress(ValueError):
        return day(date.fromisoformat(text))
    return text


def number(value: float | None, digits: int = 0) -> str:
    """A number as the language writes it; "–" for None."""
    return (
        "–"
        if value is None
        else formats.number_format(round(value, digits), digits, use_l10n=True, force_grouping=True)
    )


def length_of(seconds: float | None) -> str:
    """A length of time as 1:02:03 or 2:03; "–" where there is none."""
    if seconds is None:
        return "–"
    minutes, rest = divmod(round(max(seconds, 0.0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def size_of(count: float) -> str:
    """Bytes as MB or GB."""
    return f"{number(count / 1e9, 2)} GB" if count >= 1e9 else f"{number(count / 1e6, 1)} MB"


def environment(**options: Any) -> jinja2.Environment:
    """The environment that Django asks for."""
    options |= {"trim_blocks": True, "lstrip_blocks": True, "extensions": ["jinja2.ext.i18n"]}
    made = jinja2.Environment(**{**options, "autoescape": True})  # noqa: S701  (it is on)
    made.install_gettext_callables(  # type: ignore[attr-defined]
        say, lambda one, many, count: say(one if count == 1 else many), newstyle=True
    )
    made.globals |= {
        "url": lambda name, *args, **kwargs: reverse(name, args=args, kwargs=kwargs),
        "static": static, "messages_of": get_messages, "version": __version__, "classes": CLASSES,
        "severities": SEVERITIES, "may_go": may, "current": current, "language": lambda: (get_language() or "ja")[:2],
    }  # fmt: skip
    made.filters |= {
        "local": local, "day": day, "dated": dated,
        "length_of": length_of, "number": number, "size_of": size_of, "full_name": full_name, "problem": lambda kept: told(kept, say), "say": lambda text: say(str(text)),
        "on_road": lambda row: on_road(row, say), "kind_of_road": lambda kind: kind_of_road(kind, say),
    }  # fmt: skip
    return made
