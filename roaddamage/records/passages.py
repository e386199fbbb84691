"""Passages: the passes of drives at damages, as rows."""

from __future__ import annotations

from collections.abc import Sequence

from maps.damage import Damage
from maps.passes import Pass, Recall, between, missed
from roaddamage.records import models
from roaddamage.records.portions import SOME, portions


def put_passages(
    near: Sequence[tuple[models.Damage, Damage]], gone: Sequence[models.Damage],
    told: dict[int, list[Pass]], recall: Recall,
) -> None:  # fmt: skip
    """Write the passes of these damages anew; those that were joined with others have none of their own."""
    for some in portions([row.pk for row in (*(row for row, _ in near), *gone)]):
        models.Passage.objects.filter(damage__in=some).delete()
    names = {one.drive for _, damage in near for one in told[damage.number]}
    drives = dict(models.Drive.objects.filter(name__in=names).values_list("name", "pk"))
    rows = []
    for row, damage in near:
        passes = told[damage.number]
        surely = {id(one) for one in between(passes)}
        detectable = {one.drive: one.detectable for one in missed(damage, passes, recall)}
        rows += [
            models.Passage(
                drive_id=drives[one.drive], damage=row, utc_s=one.utc_s, in_view=one.in_view, seen=one.seen,
                detectable=detectable.get(one.drive, 1.0), between=id(one) in surely,
            )
            for one in passes
        ]  # fmt: skip
    models.Passage.objects.bulk_create(rows, batch_size=SOME)
