"""What drives are chosen to be run again."""

from __future__ import annotations

from django import forms
from django.db.models import Exists, OuterRef, QuerySet

from detector.errors import N_
from roaddamage.records.differences import BY_STATE
from roaddamage.records.models import Drive, Sighting, Vehicle
from roaddamage.records.models.drives import LONG
from roaddamage.reruns import cheapest_first

OTHERS = "others"
"""As a model: all but the one in use."""
FOUND = (
    ("", N_("all drives")),
    ("damages", N_("those that found damages")),
    ("decided", N_("those with damages that people decided on")),
)


class Choice(forms.Form):
    """A filter over drives that are done, cheapest first."""

    model = forms.CharField(required=False, max_length=200)
    vehicle = forms.ModelChoiceField(Vehicle.objects.all(), required=False)
    road = forms.CharField(required=False, max_length=100)
    since = forms.DateField(required=False)
    until = forms.DateField(required=False)
    found = forms.ChoiceField(required=False, choices=FOUND)

    def chosen(self, in_use: str) -> QuerySet[Drive]:
        """The drives that pass; a value that can't be meant is passed over."""
        self.is_valid()
        given = self.cleaned_data
        rows = cheapest_first(Drive.objects.select_related("vehicle").defer(*LONG))
        simple = {
            "vehicle": given.get("vehicle"), "begin__date__gte": given.get("since"), "begin__date__lte": given.get("until"),
        }  # fmt: skip
        rows = rows.filter(**{name: value for name, value in simple.items() if value})
        seen = Sighting.objects.filter(drive=OuterRef("pk"))
        if given.get("model") == OTHERS:
            rows = rows.exclude(model=in_use)
        elif given.get("model"):
            rows = rows.filter(model=given["model"])
        if given.get("road"):
            rows = rows.filter(Exists(seen.filter(damage__road__icontains=given["road"])))
        if given.get("found") == "damages":
            rows = rows.filter(found__gt=0)
        elif given.get("found") == "decided":
            rows = rows.filter(Exists(seen.filter(damage__state__in=list(BY_STATE))))
        return rows
