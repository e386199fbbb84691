"""The form of an erase request: where, when, and under which number the municipality keeps it."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.forms import CharField, DateTimeField, FloatField, Form, IntegerField
from django.http import QueryDict

from detector.errors import N_
from roaddamage.records.models import Damage
from roaddamage.records.models.lengths import NAME
from roaddamage.web.templating import say

RADIUS_M, MOST_M = 30, 500
MOST_DAYS = 366


class ErasureForm(Form):
    """A request. A damage's number stands for its place; times are the municipality's."""

    reference = CharField(max_length=NAME)
    reason = CharField(max_length=NAME)
    damage = IntegerField(required=False, min_value=1)
    lon = FloatField(required=False, min_value=-180, max_value=180)
    lat = FloatField(required=False, min_value=-90, max_value=90)
    radius_m = FloatField(min_value=1, max_value=MOST_M)
    since = DateTimeField(input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"])
    until = DateTimeField(input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"])

    def __init__(self, data: QueryDict | None = None) -> None:
        super().__init__(data, initial={"radius_m": RADIUS_M})

    def clean(self) -> dict[str, Any]:
        """Raises ValidationError for no place, and for a time that can't be."""
        told: dict[str, Any] = super().clean() or self.cleaned_data
        if number := told.get("damage"):
            row = Damage.objects.filter(pk=number).only("lon", "lat").first()
            if row is None:
                raise ValidationError(say(N_("There is no damage {number}.")).format(number=number))
            told["lon"], told["lat"] = row.lon, row.lat
        if told.get("lon") is None or told.get("lat") is None:
            raise ValidationError(
                say(N_("Say where: click on the map, or enter longitude and latitude, or a damage's number."))
            )
        since, until = told.get("since"), told.get("until")
        if since and until and since > until:
            raise ValidationError(say(N_("A period can't end before it begins.")))
        if since and until and (until - since).days > MOST_DAYS:
            raise ValidationError(say(N_("Search at most a year at once.")))
        return told

    def values(self) -> dict[str, Any]:
        """A valid form's request."""
        return {name: value for name, value in self.cleaned_data.items() if name != "damage"}

    def shown(self, name: str) -> Any:
        """What a field shows."""
        value = self[name].value()
        return "" if value is None else value
