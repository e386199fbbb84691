"""The form that asks for an export: a period or two, forms, coordinates, language."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from typing import Any

from django.core.exceptions import ValidationError
from django.forms import ChoiceField, DateField, FloatField, Form, MultipleChoiceField
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import get_language

from detector.errors import N_
from maps.coordinates import JGD2011, ZONES
from maps.rules import default_rules
from maps.texts import SHIFT_JIS, UTF_8
from roaddamage.asked_exports import LANGUAGES, Asked
from roaddamage.records.models import Drive, Export
from roaddamage.web.templating import say

FORMS: dict[str, str] = {
    "xlsx": N_("Excel workbook"), "pdf": N_("PDF report"), "html": N_("Map (HTML)"), "gpkg": N_("GeoPackage"),
    "shp": N_("Shapefile"), "geojson": N_("GeoJSON"), "kml": N_("KML (Google Earth)"), "csv": N_("CSV"),
}  # fmt: skip
SYSTEMS: dict[str, str] = {"EPSG:4326": "WGS 84 (EPSG:4326)", "EPSG:6668": "JGD2011 (EPSG:6668)"}
PLANES: dict[str, int] = {f"EPSG:{JGD2011 + number}": number for number in range(1, len(ZONES) + 1)}
"""Plane-rectangular zones by their code."""
ENCODINGS = {UTF_8: "UTF-8", SHIFT_JIS: "Shift_JIS"}
LANGUAGE_NAMES = {"ja": "日本語", "en": "English"}
EDGES = ("west", "south", "east", "north")


class ExportForm(Form):
    """What to make; days are the municipality's, both included."""

    forms = MultipleChoiceField(choices=[(name, name) for name in FORMS], required=False)
    language = ChoiceField(choices=[(name, name) for name in LANGUAGES])
    crs = ChoiceField(choices=[(name, name) for name in (*SYSTEMS, *PLANES)])
    encoding = ChoiceField(choices=[(name, name) for name in ENCODINGS])
    since = DateField(required=False)
    until = DateField(required=False)
    earlier_since = DateField(required=False)
    earlier_until = DateField(required=False)
    west = FloatField(required=False, min_value=-180, max_value=180)
    south = FloatField(required=False, min_value=-90, max_value=90)
    east = FloatField(required=False, min_value=-180, max_value=180)
    north = FloatField(required=False, min_value=-90, max_value=90)

    def __init__(self, kind: str, data: QueryDict | None = None) -> None:
        super().__init__(data, initial=_begin(kind))
        self.kind = kind

    def clean(self) -> dict[str, Any]:
        """Raises ValidationError for periods, areas and coordinates that can't be."""
        told: dict[str, Any] = super().clean() or self.cleaned_data
        _check_days(told, "since", "until")
        if self.kind == Export.Kind.change:
            _check_days(told, "earlier_since", "earlier_until")
            if not (told.get("earlier_until") and told.get("since")):
                raise ValidationError(
                    say(N_("Say until which day the earlier period lasts, and from which day the later one."))
                )
            if told["earlier_until"] >= told["since"]:
                raise ValidationError(say(N_("The later period has to begin after the earlier one ends.")))
        if "geojson" in told.get("forms", ()) and told.get("crs") in PLANES:
            raise ValidationError(
                say(N_("GeoJSON has degrees: choose WGS 84 or JGD2011, or leave GeoJSON out."))
            )
        edges = [told.get(name) for name in EDGES]
        if any(edge is not None for edge in edges) and not _is_area(edges):
            raise ValidationError(
                say(N_("An area needs all four edges, west below east and south below north."))
            )
        return told

    def asked(self) -> Asked:
        """What a valid form asks for."""
        told = self.cleaned_data
        edges = tuple(told[name] for name in EDGES)
        both = self.kind == Export.Kind.change
        return Asked(
            self.kind, tuple(name for name in FORMS if name in told["forms"]), told["language"], told["crs"],
            told["encoding"], _iso(told["since"]), _iso(told["until"]),
            _iso(told["earlier_since"]) if both else "", _iso(told["earlier_until"]) if both else "",
            None if edges[0] is None else edges,
        )  # fmt: skip

    def shown(self, name: str) -> Any:
        """What a field shows."""
        value = self[name].value()
        return "" if value is None else value


def _begin(kind: str) -> dict[str, Any]:
    language = (get_language() or "ja").split("-")[0]
    begin = {
        "language": language if language in LANGUAGES else "en", "crs": "EPSG:4326", "encoding": UTF_8, "forms": ["xlsx"],
    }  # fmt: skip
    return {**begin, **_periods()} if kind == Export.Kind.change else begin


def _periods() -> dict[str, date]:
    """Where drives lie far enough apart: the last two surveys."""
    gap = timedelta(days=default_rules().change.survey_gap_days)
    begins = Drive.objects.filter(state=Drive.State.done, begin__isnull=False).order_by("begin")
    days = [timezone.localtime(one).date() for one in begins.values_list("begin", flat=True) if one]
    breaks = [index for index, (one, other) in enumerate(pairwise(days), 1) if other - one > gap]
    if not breaks:
        return {}
    first, middle = breaks[-2] if len(breaks) > 1 else 0, breaks[-1]
    return {
        "earlier_since": days[first], "earlier_until": days[middle - 1], "since": days[middle], "until": days[-1],
    }  # fmt: skip


def _check_days(told: dict[str, Any], since: str, until: str) -> None:
    if told.get(since) and told.get(until) and told[since] > told[until]:
        raise ValidationError(say(N_("A period can't end before it begins.")))


def _is_area(edges: list[Any]) -> bool:
    return all(edge is not None for edge in edges) and edges[0] < edges[2] and edges[1] < edges[3]


def _iso(day: date | None) -> str:
    return day.isoformat() if day else ""


def systems() -> list[tuple[str, str]]:
    """Coordinate systems to choose from, in words."""
    zone = say(N_("JGD2011, plane-rectangular zone {number} (EPSG:{code})"))
    planes = [(name, zone.format(number=number, code=JGD2011 + number)) for name, number in PLANES.items()]
    return [*SYSTEMS.items(), *planes]
