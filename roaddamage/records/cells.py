"""Cells: damages counted by tile beforehand, so that a look at the whole city need not count them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise

from django.db.models import Count, Sum

from maps.tiles import cluster_shift
from roaddamage.records.models import Cell, Damage

LOWEST, HIGHEST = 3, 14
"""Zooms for which cells are kept; further in the damages themselves are counted."""
SHIFTS = sorted({cluster_shift(zoom) for zoom in range(LOWEST, HIGHEST + 1)})


def count(classes: Iterable[int], severities: Iterable[int]) -> int:
    """How many damages are shown, of these classes and severities."""
    rows = Cell.objects.filter(shift=SHIFTS[-1], class_id__in=classes, severity__in=severities)
    return rows.aggregate(Sum("count"))["count__sum"] or 0


def refresh(tile_keys: Iterable[int]) -> None:
    """Count the cells anew in which these keys lie, from the finest to the coarsest."""
    changed = {key >> SHIFTS[0] for key in tile_keys}
    if not changed:
        return
    _from_damages(changed)
    for finer, shift in pairwise(SHIFTS):
        changed = {key >> (shift - finer) for key in changed}
        _from_finer(finer, shift, changed)


def _from_damages(changed: set[int]) -> None:
    shift = SHIFTS[0]
    for cell in changed:
        rows = (
            Damage.objects.filter(shown=True, tile_key__gte=cell << shift, tile_key__lt=(cell + 1) << shift)
            .values_list("class_id", "severity")
            .annotate(Count("pk"), Sum("lon"), Sum("lat"))
        )
        _replace(shift, cell, list(rows))


def _from_finer(finer: int, shift: int, changed: set[int]) -> None:
    step = shift - finer
    for cell in changed:
        rows = (
            Cell.objects.filter(shift=finer, cell__gte=cell << step, cell__lt=(cell + 1) << step)
            .values_list("class_id", "severity")
            .annotate(Sum("count"), Sum("lon_sum"), Sum("lat_sum"))
        )
        _replace(shift, cell, list(rows))


def _replace(shift: int, cell: int, rows: list[tuple[int, int, int, float, float]]) -> None:
    Cell.objects.filter(shift=shift, cell=cell).delete()
    Cell.objects.bulk_create(
        Cell(
            shift=shift,
            cell=cell,
            class_id=class_id,
            severity=severity,
            count=count,
            lon_sum=lon,
            lat_sum=lat,
        )
        for class_id, severity, count, lon, lat in rows
    )


def rebuild() -> None:
    """Count all cells anew."""
    Cell.objects.all().delete()
    shift = SHIFTS[0]
    cells: dict[tuple[int, int, int], list[float]] = defaultdict(lambda: [0, 0.0, 0.0])
    rows = Damage.objects.filter(shown=True).values_list("tile_key", "class_id", "severity", "lon", "lat")
    for key, class_id, severity, lon, lat in rows.iterator(chunk_size=20_000):
        told = cells[key >> shift, class_id, severity]
        told[0] += 1
        told[1] += lon
        told[2] += lat
    before = 0
    for shift in SHIFTS:
        if before:
            coarser: dict[tuple[int, int, int], list[float]] = defaultdict(lambda: [0, 0.0, 0.0])
            for (cell, class_id, severity), values in cells.items():
                told = coarser[cell >> (shift - before), class_id, severity]
                for index, value in enumerate(values):
                    told[index] += value
            cells = coarser
        before = shift
        Cell.objects.bulk_create(
            (
                Cell(
                    shift=shift,
                    cell=cell,
                    class_id=class_id,
                    severity=severity,
                    count=int(count),
                    lon_sum=lon,
                    lat_sum=lat,
                )
                for (cell, class_id, severity), (count, lon, lat) in cells.items()
            ),
            batch_size=5_000,
        )
