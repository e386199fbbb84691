"""Placing: on which of the workspace's roads damages lie, and how far along them.

As the exports have it (`maps.on_roads`): a drive's way is matched as a whole, its sightings lie where it was, and a damage
lies where most of its sightings do. Where a sighting lies is kept with it, so that each drive is matched once; what was
told on roads that were in use before (`Drive.roads`) has no say.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from detector.errors import N_
from maps.coverage import Way
from maps.network import Network
from maps.on_roads import agreed
from maps.roads import RoadsError
from maps.snapping import NO_ROAD, snap, track
from roaddamage.records.audit import audited
from roaddamage.records.models import Damage, Drive, RoadsFile, Sighting, Turn
from roaddamage.records.models.lengths import KIND, NAME
from roaddamage.records.portions import SOME, portions
from roaddamage.records.priorities import work_out
from roaddamage.records.rows import way_of
from roaddamage.roads import InUse, clear, in_use, roads_in_use

ON_ROADS = ("road_line", "road_direction", "road_m")
"""Where a sighting lies."""
OF_ROAD = ("road_id", "road", "road_kind", "traffic", "chainage_m")
"""What a damage has of its road."""
Placed = tuple[int, int, int, float]
"""A damage by its place in a list, and what a sighting of it says: line, direction and metres from the line's beginning."""
log = logging.getLogger("roaddamage.roads")


def roads_now() -> InUse | None:
    """The roads to place on; None where none were given, or what is kept of them can't be read."""
    try:
        return in_use()
    except RoadsError as error:
        log.error("%s", error)
        return None


def lay(sightings: Sequence[Sighting], way: Way, network: Network) -> None:
    """Put where a drive's sightings lie into their rows, without saving them; `way` is that drive's."""
    if not sightings:
        return
    driven = track(network, way.lines, way.accuracy_m)
    lonlat = np.array([(one.lon, one.lat) for one in sightings], float).reshape(-1, 2)
    heading = np.radians([one.heading_deg for one in sightings])
    place = np.column_stack(network.frame.to_metres(*lonlat.T))
    told = snap(network, driven, place, heading, network.keep_left)
    for one, line, direction, at_m in zip(
        sightings, told.line.tolist(), told.direction.tolist(), told.at_m.tolist(), strict=True
    ):
        on = line != NO_ROAD
        one.road_line, one.road_direction, one.road_m = (line, direction, at_m) if on else (None, 0, None)


def put_on_roads(rows: Sequence[Damage], placed: Iterable[Placed], network: Network) -> None:
    """Put the roads of damages into their rows, by what their sightings say, without saving them."""
    told = np.array(list(placed), float).reshape(-1, 4)
    of, line, direction = told[:, :3].T.astype(np.int64)
    chosen, (mean_m,) = agreed(of, line, direction, (told[:, 3],), len(rows))
    roads = network.roads
    for row, on, at in zip(rows, chosen[:, 0].tolist(), mean_m.tolist(), strict=True):
        if on == NO_ROAD:
            _off_road(row)
            continue
        row.road_id, row.road = roads.road_id[on][:NAME], (roads.name[on] or roads.road_id[on])[:NAME]
        row.road_kind, row.chainage_m = roads.kind[on][:KIND], at
        row.traffic = None if np.isnan(roads.traffic[on]) else float(roads.traffic[on])


def waiting(digest: str) -> QuerySet[Drive]:
    """The drives that saw damages and are not placed on these roads yet."""
    seen = Exists(Sighting.objects.filter(drive=OuterRef("pk")))
    return Drive.objects.filter(seen, state=Drive.State.done).exclude(roads=digest).order_by("pk")


def place_all(watch: Callable[[int, int], None]) -> None:
    """Place all damages on the roads in use, a drive at a time, and work their priorities out anew.

    `watch` is told how many drives are done, of how many. What was placed already stays when this is ended in the middle,
    and the next time it goes on. Raises RoadsError where others are given meanwhile.
    """
    roads = in_use()
    if roads is None:
        return
    done, left = 0, waiting(roads.digest).count()
    watch(done, left)
    while drive := waiting(roads.digest).first():
        _place_drive(drive, roads)
        done += 1
        watch(done, max(left, done))


def remove_roads(watch: Callable[[int, int], None]) -> str:
    """Put no roads in use: all damages lose their road, and priorities follow, or nothing changes. The file's name.

    `watch` is told how many damages are done, of how many. Raises RoadsError where no roads are in use.
    """
    with transaction.atomic():
        Turn.take("counting")  # whoever counts does so on these roads, or on none
        row = roads_in_use()
        if row is None:
            raise RoadsError(N_("No roads are in use; nothing was removed."))
        RoadsFile.objects.all().delete()
        Drive.objects.exclude(roads="").update(roads="")
        Sighting.objects.filter(road_line__isnull=False).update(road_line=None, road_direction=0, road_m=None)
        on_road = Damage.objects.exclude(road="", road_kind="", chainage_m__isnull=True)
        numbers = list(on_road.order_by("pk").values_list("pk", flat=True))
        for done, some in enumerate(portions(numbers)):
            watch(done * SOME, len(numbers))
            rows = list(Damage.objects.filter(pk__in=some))
            for one in rows:
                _off_road(one)
            work_out(rows)
            Damage.objects.bulk_update(rows, [*OF_ROAD, "priority"], batch_size=SOME)
        audited(None, "roads.removed", row.name, damages=len(numbers))
    with transaction.atomic():
        Turn.take("counting")
        clear()
    watch(len(numbers), len(numbers))
    return row.name


def _off_road(row: Damage) -> None:
    row.road_id = row.road = row.road_kind = ""
    row.traffic = row.chainage_m = None


def _place_drive(drive: Drive, roads: InUse) -> None:
    sightings = list(drive.sightings.order_by("pk"))
    lay(sightings, way_of(drive), roads.network)
    with transaction.atomic():
        Turn.take("counting")
        now = roads_in_use()
        if now is None or now.digest != roads.digest:
            raise RoadsError(N_("Other roads were given in the meantime; damages are placed on those."))
        Sighting.objects.bulk_update(sightings, ON_ROADS, batch_size=SOME)
        Drive.objects.filter(pk=drive.pk).update(roads=roads.digest)
        numbers = sorted({one.damage_id for one in Sighting.objects.filter(drive=drive).only("damage_id")})
        for some in portions(numbers):
            _place_some(some, roads)


def _place_some(numbers: Sequence[int], roads: InUse) -> None:
    rows = list(Damage.objects.filter(pk__in=numbers))
    index = {row.pk: place for place, row in enumerate(rows)}
    told = Sighting.objects.filter(
        damage__in=numbers, drive__roads=roads.digest, road_line__isnull=False
    ).values_list("damage", *ON_ROADS)
    put_on_roads(rows, ((index[number], *rest) for number, *rest in told), roads.network)
    work_out(rows)
    Damage.objects.bulk_update(rows, [*OF_ROAD, "priority"], batch_size=SOME)
