"""Damages as folium elements: with their data inside the page, or asking a URL for what the map shows.

Both put the panel, its filters and the details over the map they are added to (`maps/assets/roaddamage`). Every
word of the data gets into the page as text and none as markup.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from branca.element import MacroElement
from folium.elements import JSCSSMixin
from folium.template import Template
from markupsafe import Markup

from detector.classes import CLASSES, SEVERITIES
from detector.errors import N_, Translate
from maps.map_data import STATES
from maps.tables import HOT_SPOTS, SEGMENTS
from maps.words import CHANGES, words

RADIUS_PX = (5, 8, 11)
"""Radius of a point for small, medium and large."""
CLASS_NAME = N_("{name} ({code})")
ALL_VIEWS = ("damages", "condition", "hot_spots", "rate", "coverage", "change")
OF_PIECES = ("condition", "hot_spots")
"""Views of tables of road pieces; a page without the tables has not these."""
SCRIPTS = ("data", "change", "canvas", "source", "page", "ways", "segments", "condition", "hot_spots", "details",
           "panel", "map")  # fmt: skip
Area = tuple[float, float, float, float]


@dataclass(frozen=True)
class About:
    """What the panel says of the data: title, lines under it, notices, strays (a line each).

    `views` are those to choose from (`ALL_VIEWS`); `areas` the bounds (west, south, east, north; EPSG:4326) to
    look at, the first one first; `evidence` the address of the folder that holds the pictures.
    `later_day` (days since 1970) is that from which on drives are of the later of two surveys, 0 where they are of one:
    change is told since the last day before it.
    """

    title: str
    facts: Sequence[str] = ()
    notices: Sequence[str] = ()
    strays: Sequence[str] = ()
    areas: Sequence[Area] = ()
    views: Sequence[str] = tuple(view for view in ALL_VIEWS if view not in OF_PIECES)
    evidence: str = "evidence/"
    later_day: int = 0
    pictures: Mapping[str, str] = field(default_factory=dict)
    """data: addresses of pictures by file name; what is not in it is asked for from `evidence`."""


@dataclass(frozen=True)
class Begin:
    """How a page that asks a URL begins, and what it asks besides.

    `chosen` is the filter at first: rows by "class", "severity" and "state", and under "also" `confidence` (per cent)
    and `from` and `to` (days since 1970 or None). `also` is added to every question. `opened` is the damage whose details are open, `page` the
    address that a damage's number is put behind for a page of its own.
    """

    chosen: Mapping[str, object] = field(default_factory=dict)
    also: Mapping[str, str] = field(default_factory=dict)
    opened: int | None = None
    page: str = ""


class _DamageElement(JSCSSMixin, MacroElement):
    """The page's scripts, started over the parent map with what `config` says."""

    _template = Template(
        """
        {% macro script(this, kwargs) %}
        RoadDamage.start({{ this._parent.get_name() }}, {{ this.config }});
        {% endmacro %}
        """
    )
    default_js = [(f"roaddamage_{name}", f"roaddamage-{name}.js") for name in SCRIPTS]
    default_css = [("roaddamage_css", "roaddamage-map.css")]

    def __init__(self, about: About, source: Mapping[str, object], translate: Translate) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._name = "DamageLayer"
        self.config = script_json({**asdict(about), **source, **_tables(translate)})


class DamageLayer(_DamageElement):
    """Damages, sightings and streets inside the page: `data` is a pack of `maps.columns`.

    `pieces` are packs for the views `OF_PIECES`; in them both directions of a road stand side by side, as
    traffic keeps left or right.
    """

    def __init__(
        self,
        data: str,
        about: About,
        translate: Translate,
        *,
        pieces: Mapping[str, str] | None = None,
        keep_left: bool = True,
    ) -> None:
        source = {
            "data": data,
            "pieces": dict(pieces or {}),
            "keep_left": keep_left,
            "columns": {
                column.name: {"heading": translate(column.heading), "digits": column.digits}
                for column in (*SEGMENTS, *HOT_SPOTS)
            },
        }
        super().__init__(about, source, translate)


class DamageUrlLayer(_DamageElement):
    """Damages that `url` is asked for, as docs/map-layer.md describes; only one view, of damages.

    The page must come from the same origin, in an `OfflineFigure` that may ask it: `allow("connect-src", "'self'")`.
    """

    def __init__(self, url: str, about: About, translate: Translate, begin: Begin | None = None) -> None:
        super().__init__(about, {"url": url, **asdict(begin or Begin())}, translate)


def _tables(translate: Translate) -> dict[str, object]:
    """Classes, severities, states and changes, with their names and looks, and all words."""
    return {
        "words": words(translate),
        "classes": [
            {
                "code": row.code,
                "label": translate(CLASS_NAME).format(name=translate(row.name), code=row.code),
                "colour": row.colour,
                "measure": row.size,
            }
            for row in CLASSES
        ],
        "severities": [translate(name) for name in SEVERITIES],
        "states": [translate(state) for state in STATES],
        "radius": RADIUS_PX,
        "changes": [
            {"colour": colour, "sign": sign, "hollow": hollow} for colour, sign, hollow in CHANGES.values()
        ],
    }


def script_json(value: object) -> Markup:
    """JSON that can stand inside a script element whatever it holds."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for letter, escape in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026"),
                           ("\u2028", "\\u2028"), ("\u2029", "\\u2029")):  # fmt: skip
        text = text.replace(letter, escape)
    return Markup(text)  # noqa: S704  (escaped for a script element above)
