"""`roaddamage erase`. Heavy imports wait inside."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from detector.errors import N_
from roaddamage.common_options import WORKSPACE, errors_said
from roaddamage.language import preferred_language, translation

ERASE_HELP = N_(
    """Erase what shows a place at a time, for good: all pictures of it, and the stretches of drives that were there then.

The same as the administrators' page of erase requests, for all that is found at once; single pictures, and areas of them, are erased there. Without --yes only say what was found.

Examples:

roaddamage erase --at 35.6812,139.7671 --from 2026-04-01T10:00 --until 2026-04-01T10:30 --reference R8-17 --reason "shows a person"

roaddamage erase … --yes
"""
)
app = typer.Typer()
FORMATS = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]
NO_PLACE = N_("{text} is no place: give latitude,longitude in degrees, such as 35.6812,139.7671.")
NO_USER = N_("There is no user {name}.")


@app.command(help=ERASE_HELP)
def erase(
    at: Annotated[str, typer.Option(help=N_("Where: latitude,longitude in degrees."))],
    since: Annotated[
        datetime, typer.Option("--from", formats=FORMATS, help=N_("From when, on the municipality's clock."))
    ],
    until: Annotated[datetime, typer.Option(formats=FORMATS, help=N_("Until when."))],
    reference: Annotated[
        str, typer.Option(help=N_("Number under which the request is kept; not who asked."))
    ],
    reason: Annotated[str, typer.Option(help=N_("Why it is erased."))],
    radius: Annotated[float, typer.Option(min=1, max=500, help=N_("Metres around the place."))] = 30.0,
    footage: Annotated[
        bool,
        typer.Option("--footage", help=N_("Delete the original footage of these drives too, all of it.")),
    ] = False,
    user: Annotated[str, typer.Option(help=N_("User who erases."))] = "admin",
    yes: Annotated[bool, typer.Option("--yes", help=N_("Erase what was found."))] = False,
    workspace: Annotated[Path, WORKSPACE] = Path("workspace"),
) -> None:
    """Erase what shows a place at a time."""
    from roaddamage import server

    translate = translation(preferred_language())
    with errors_said(translate, workspace):
        server.open_workspace(workspace)
        from django.contrib.auth.models import User
        from django.utils import timezone

        from roaddamage.erasing import ErasureError, ask, erase_found
        from roaddamage.erasure_search import find
        from roaddamage.records.models import Erasure

        by = User.objects.filter(username=user).first()
        if by is None:
            raise ErasureError(NO_USER, name=user)
        lat, lon = _place(at)
        asked = Erasure(
            by=by, reference=reference, reason=reason, lon=lon, lat=lat, radius_m=radius,
            since=timezone.make_aware(since), until=timezone.make_aware(until),
        )  # fmt: skip
        found = find(asked)
        for passing in found.passings:
            line = translate(N_("{drive}: pictures: {count}; stretches (s): {spans}"))
            spans = ", ".join(f"{begin:.1f}–{end:.1f}" for begin, end in passing.spans) or "–"
            typer.echo(line.format(drive=passing.drive.name, count=len(passing.moments), spans=spans))
        typer.echo(translate(N_("photos of repairs: {count}")).format(count=len(found.stops)))
        if not yes:
            typer.echo(translate(N_("Nothing was erased: say --yes to erase all of this for good.")))
            return
        ask(asked)
        typer.echo(translate(N_("Erased: {count}.")).format(count=erase_found(asked, found, footage)))


def _place(text: str) -> tuple[float, float]:
    """Latitude and longitude of a text. Raises ErasureError."""
    from roaddamage.erasing import ErasureError

    try:
        lat, lon = (float(part) for part in text.split(","))
    except ValueError as error:
        raise ErasureError(NO_PLACE, text=text) from error
    if not (abs(lat) <= 90 and abs(lon) <= 180):
        raise ErasureError(NO_PLACE, text=text)
    return lat, lon
