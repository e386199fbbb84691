"""The condition of the roads by segment, worked out beside the requests whenever what it depends on changed.

It takes as long as an export: a process of its own does it, and until it is through, what was worked out before is told.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from datetime import time as clock
from itertools import islice
from multiprocessing.process import BaseProcess
from typing import Any
from zoneinfo import ZoneInfo

import geopandas
import numpy as np
import shapely
from django.conf import settings
from django.db.models import Count, Max
from django.utils import timezone

from maps.assessment import assess
from maps.network import Network
from maps.results import hot_columns, tables_of
from maps.rules import default_rules
from roaddamage import __version__
from roaddamage.aside import process_of
from roaddamage.language import translation
from roaddamage.records import models
from roaddamage.records.models import Segment, SegmentTable
from roaddamage.records.surveys import roads_of_records, survey_of_records
from roaddamage.roads import roads_in_use
from roaddamage.server import run_segments

LENGTHS_M = {20: "segments_20m", 100: "segments_100m"}
ROWS = 2_000
"""Rows are written so many at a time: others may write in between."""
LEAST_PAUSE_S, PAUSE_TIMES = 300.0, 10.0
"""Where things change all the time: a pause between two tables, and no less than so many times what the last one took."""


def in_use() -> SegmentTable | None:
    """The table to be told; None before the first is done."""
    return SegmentTable.objects.filter(done__isnull=False).order_by("-done", "-pk").first()


def depends_on() -> str:
    """A digest of what the segments are worked out from: another one where they may be others."""
    roads = roads_in_use()
    drives = models.Drive.objects.filter(state=models.Drive.State.done)
    reviews = models.Review.objects.all()
    counted = {"count": Count("pk"), "last": Max("pk")}
    told = [
        __version__, roads and roads.digest, drives.aggregate(**counted),
        models.Sighting.objects.aggregate(**counted), reviews.aggregate(**counted),
        reviews.filter(undone_by__isnull=False).count(),
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def is_due() -> bool:
    """Whether they are to be worked out anew now."""
    last = in_use()
    if last is None or last.done is None:
        return True
    since_s = (timezone.now() - last.done).total_seconds()
    return since_s >= max(LEAST_PAUSE_S, PAUSE_TIMES * last.took_s) and last.key != depends_on()


def start() -> BaseProcess | None:
    """Have them worked out in a process of its own, where that is due and no export, which people wait for, is made."""
    if models.Export.objects.filter(state=models.Export.State.running).exists() or not is_due():
        return None
    return process_of(run_segments)


def work_out() -> SegmentTable:
    """Work them out from the records as they are, and tell them from now on. Raises RoadsError and RulesError."""
    begun = time.monotonic()
    table = SegmentTable.objects.create(key=depends_on())
    rows = _rows(table)
    while portion := list(islice(rows, ROWS)):
        Segment.objects.bulk_create(portion)
    table.took_s, table.done = time.monotonic() - begun, timezone.now()
    table.save()
    # What another process is writing now is not done, and not older.
    for old in SegmentTable.objects.filter(pk__lt=table.pk):
        old.segments.all().delete()
        old.delete()
    return table


def _rows(table: SegmentTable) -> Iterator[Segment]:
    survey, rules, zone = survey_of_records(), default_rules(), ZoneInfo(settings.TIME_ZONE)
    if not survey.driven:
        return
    told = assess(survey, Network(roads_of_records(survey), rules.lanes), rules)
    tables = tables_of(told, zone=zone, translate=translation("en")).tables
    for metres, name in LENGTHS_M.items():
        hot = hot_columns(told, told.short if metres == 20 else told.long)
        yield from _of(table, metres, tables[name].assign(**hot), zone)


def _of(table: SegmentTable, metres: int, rows: geopandas.GeoDataFrame, zone: ZoneInfo) -> Iterator[Segment]:
    values = rows.drop(columns="geometry").to_dict("records")
    bounds = shapely.bounds(rows.geometry.to_numpy()).tolist()
    for number, (told, line, box) in enumerate(zip(values, rows.geometry, bounds, strict=True), 1):
        begin, end = _day(told["last_surveyed"], zone)
        yield Segment(
            table=table, metres=metres, number=number, line=shapely.get_coordinates(line).tolist(), west=box[0],
            south=box[1], east=box[2], north=box[3], begin=begin, end=end,
            told={name: _plain(value) for name, value in told.items()},
        )  # fmt: skip


def _day(text: str, zone: ZoneInfo) -> tuple[datetime | None, datetime | None]:
    """When a day begins and ends; None for none."""
    if not text:
        return None, None
    begin = datetime.combine(date.fromisoformat(text), clock.min, zone)
    return begin, begin + timedelta(days=1, seconds=-1)


def _plain(value: Any) -> Any:
    """A value as JSON has it: None for a number that is not known, and for a text that is empty."""
    value = value.item() if isinstance(value, np.generic) else value
    return None if value == "" or (isinstance(value, float) and math.isnan(value)) else value
