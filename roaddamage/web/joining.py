"""Where an engineer says that two damages are one, or that one is two: forms on a damage's page."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from detector.errors import N_
from roaddamage.records import joining
from roaddamage.records.decisions import DecisionError
from roaddamage.web.access import who
from roaddamage.web.deciding import numbered
from roaddamage.web.templating import say


@require_POST
def damage_join(request: HttpRequest, number: int) -> HttpResponse:
    """Join the damage `other` into this one, both as they were when the person looked at them."""
    try:
        other = numbered(request, "other")
        if other is None:
            raise DecisionError(N_("Choose the damage that is the same as this one."))
        versions = numbered(request, "version"), numbered(request, "other_version")
        joining.join(number, other, who(request), versions, request.POST.get("comment", ""))
    except DecisionError as error:
        messages.error(request, error.message(say))
    else:
        text = say(N_("Damage {other} was joined into this one."))
        messages.success(request, text.format(other=other))
    return redirect("damage", number)


@require_POST
def damage_part(request: HttpRequest, number: int) -> HttpResponse:
    """Make the sightings chosen (`sighting`) a damage of their own."""
    chosen = [int(one) for one in request.POST.getlist("sighting") if one.isdecimal()]
    try:
        review = joining.part(
            number, chosen, who(request), numbered(request, "version"), request.POST.get("comment", "")
        )
    except DecisionError as error:
        messages.error(request, error.message(say))
    else:
        text = say(N_("The sightings chosen are damage {other} from now on."))
        messages.success(request, text.format(other=review.after["goes"]))
    return redirect("damage", number)
