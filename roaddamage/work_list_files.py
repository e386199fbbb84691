"""A work list to take along: on paper (PDF), for a navigation device (GPX), and as a table (CSV)."""

from __future__ import annotations

import base64
import csv
import io
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import gpxpy.gpx
import numpy as np
from django.template.loader import render_to_string
from django.utils import timezone

from detector.classes import CLASSES, SEVERITIES
from detector.errors import N_, Translate
from maps.pdf import font_file, quiet, weasyprint, write_pdf
from maps.pictures import small_picture
from maps.texts import UTF_8, printable, safe_text
from roaddamage.records.models import Damage, Erased, Stop, WorkList
from roaddamage.web.evidence import picture_of
from roaddamage.web.small_map import ways_around
from roaddamage.whereabouts import on_road

PICTURE_PX = 1000
PRINTED = (
    "class_id", "severity", "lon", "lat", "length_m", "length_sd_m", "width_m", "width_sd_m", "area_m2", "area_sd_m2",
    "road", "chainage_m", "priority", "last_seen", "state",
)  # fmt: skip
"""What papers tell of a damage."""
ROOM_DEG = 0.004
"""Roads are drawn so far around the stops; more than a damage's map reaches."""
HEADINGS = (
    N_("stop"), N_("damage"), N_("class"), N_("class name"), N_("severity"), N_("road"), N_("chainage (m)"), N_("latitude"), N_("longitude"),
    N_("length (m)"), N_("width (m)"), N_("area (m²)"), N_("priority (of 100)"), N_("due"), N_("state"), N_("done"),
    N_("note"),
)  # fmt: skip


def evidence_file(damage: Damage) -> Path | None:
    """The picture that speaks for a damage, in the workspace; None where there is none."""
    return picture_of(damage.best, "picture") if damage.best else None


def stops_of(work_list: WorkList) -> list[Stop]:
    """In their order, with all that pages and files tell of them."""
    return list(work_list.stops.select_related("damage__best", "by"))


def name_of(stop: Stop, translate: Translate) -> str:
    """A stop in a few words: "3 Pothole (large) #17"."""
    damage = stop.damage
    return translate(N_("{place} {kind} ({size}) #{number}")).format(
        place=stop.place, kind=translate(CLASSES[damage.class_id].name),
        size=translate(SEVERITIES[damage.severity]), number=damage.pk,
    )  # fmt: skip


def as_gpx(work_list: WorkList, translate: Translate) -> str:
    """GPX 1.1: a waypoint a stop, in their order, and a route through them."""
    document = gpxpy.gpx.GPX()
    document.creator, document.name = "roaddamage", printable(work_list.title)
    route = gpxpy.gpx.GPXRoute(name=printable(work_list.title), description=printable(work_list.note))
    for stop in stops_of(work_list):
        damage, name = stop.damage, name_of(stop, translate)
        road = printable(on_road(damage, translate)) or None
        document.waypoints.append(
            gpxpy.gpx.GPXWaypoint(
                round(damage.lat, 7), round(damage.lon, 7), name=name, description=road, symbol="Flag, Red"
            )
        )
        route.points.append(gpxpy.gpx.GPXRoutePoint(round(damage.lat, 7), round(damage.lon, 7), name=name))
    document.routes.append(route)
    return str(document.to_xml(version="1.1"))


def as_csv(work_list: WorkList, translate: Translate) -> bytes:
    """A row a stop; UTF-8 with its mark, for Excel."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([translate(heading) for heading in HEADINGS])
    for stop in stops_of(work_list):
        one = stop.damage
        done = timezone.localtime(stop.done).isoformat(timespec="minutes") if stop.done else ""
        writer.writerow([
            stop.place, one.pk, CLASSES[one.class_id].code, translate(CLASSES[one.class_id].name),
            translate(SEVERITIES[one.severity]), safe_text(printable(one.road)),
            "" if one.chainage_m is None else f"{one.chainage_m:.1f}", f"{one.lat:.7f}", f"{one.lon:.7f}",
            f"{one.length_m:.2f}", f"{one.width_m:.2f}", "" if one.area_m2 is None else f"{one.area_m2:.2f}",
            f"{one.priority:.1f}", work_list.due or "", translate(str(Damage.State(one.state).label)), done,
            safe_text(printable(stop.note)),
        ])  # fmt: skip
    return text.getvalue().encode(UTF_8)


def told(work_list: WorkList) -> list[object]:
    """All that a list's paper tells, but for the roads around its stops: another answer, another paper."""
    row = WorkList.objects.filter(pk=work_list.pk).values().get()
    stops = work_list.stops.values_list("pk", "place", "done", "note", "damage", "damage__version")
    damages = Damage.objects.filter(stops__work_list=work_list).order_by("pk")
    erased = Erased.objects.filter(drive__sightings__damage__stops__work_list=work_list)
    return [row, list(stops), list(damages.values("pk", "best", *PRINTED)), erased.distinct().count()]


def as_pdf(
    work_list: WorkList, translate: Translate, watch: Callable[[int, int], None] = lambda done, total: None
) -> bytes:
    """A4: an overview with the stops by number, then a page a stop. Raises PdfError.

    `watch` is told of how many stops the map and the picture are there; laying the pages out takes twice as long again.
    """
    weasyprint()
    stops = stops_of(work_list)
    pages = []
    with quiet():
        overview, around = _maps(stops, translate)
        for stop, map_picture in zip(stops, around, strict=True):
            path = evidence_file(stop.damage)
            pages.append(
                {"stop": stop, "picture": path and small_picture(path, PICTURE_PX), "map": map_picture}
            )
            watch(len(pages), len(stops))
    html = render_to_string(
        "web/work_list_paper.html",
        {"list": work_list, "pages": pages, "overview": overview, "font": font_file().as_uri(),
         "made": timezone.now()},
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "list.pdf"
        write_pdf(path, html)
        return path.read_bytes()


def _maps(stops: Sequence[Stop], translate: Translate) -> tuple[str, Iterator[str]]:
    """The overview, and then the map of each stop when its turn comes."""
    from maps.stop_maps import StopMaps  # matplotlib, which pages do without

    if not stops:
        return "", iter(())
    places = np.array([(stop.damage.lon, stop.damage.lat) for stop in stops])
    (west, south), (east, north) = (places.min(0) - ROOM_DEG).tolist(), (places.max(0) + ROOM_DEG).tolist()
    codes = [CLASSES[stop.damage.class_id].code for stop in stops]
    maps = StopMaps(places, codes, list(ways_around(west, south, east, north)), translate)
    return _png(maps.overview()), (_png(maps.around(number)) for number in range(1, len(stops) + 1))


def _png(content: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(content).decode()
