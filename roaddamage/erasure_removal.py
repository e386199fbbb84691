"""Copies of pictures taken away: files of exports and papers go, those of datasets and trainings are written anew.

What goes the records say first (`give_up`), in the transaction of the erasure.
"""

from __future__ import annotations

import csv
import io
import re
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from django.conf import settings

from datasets.dataset import COLUMNS
from detector.errors import N_
from maps.pictures import small_address
from roaddamage import aside, export_runs, frame_exports
from roaddamage.erased_pictures import grey_picture, put, rewrite
from roaddamage.erasure_copies import Pictures, Told, manifests, rows_of
from roaddamage.records.erased import WHOLE, Area
from roaddamage.records.models import Export, FrameExport
from roaddamage.records.models.aside import Aside

GREY_PX = 320
THUMBNAIL = re.compile(r"data:image/jpeg;base64,[A-Za-z0-9+/=]+")
CUT = N_("A picture that it may hold was erased meanwhile. Make it again.")


def give_up(told: Told) -> None:
    """Say in the records that the exports' files are gone, and end those being made; in the erasure's transaction."""
    numbers = {kind: [one["number"] for one in told[kind]] for kind in ("exports", "frame_exports")}
    for number in numbers["exports"]:
        aside.fail(Export, number, export_runs.ExportRunError(CUT))
    for number in numbers["frame_exports"]:
        aside.fail(FrameExport, number, frame_exports.FrameExportError(CUT))
    Export.objects.filter(pk__in=numbers["exports"]).update(files=[])
    FrameExport.objects.filter(pk__in=numbers["frame_exports"]).update(bytes=None)


def take_away(told: Told, pictures: Pictures, areas: Sequence[Area]) -> None:
    """Remove the files of what `held` told, and write pictures of datasets anew without these areas. Raises OSError."""
    for one in told.get("exports", ()):
        row = Export.objects.filter(pk=one["number"]).exclude(state=Aside.State.running).first()
        place = settings.WORKSPACE.exports / str(one["number"])
        if (row is None or not row.files) and place.exists():
            shutil.rmtree(place)
    for one in told.get("frame_exports", ()):
        row_of = FrameExport.objects.filter(pk=one["number"], bytes=None).first()
        if row_of:
            frame_exports.file_of(row_of).unlink(missing_ok=True)
    for one in told.get("work_lists", ()):
        for path in (settings.WORKSPACE.folder / "papers").glob(f"{one['number']}-*.pdf"):
            path.unlink(missing_ok=True)
    names = pictures.names | {name for one in told.get("datasets", ()) for name in one["pictures"]}
    _from_datasets(pictures, areas)
    _from_trainings(names, areas)
    _from_reports(names)


def _from_datasets(pictures: Pictures, areas: Sequence[Area]) -> None:
    """Datasets lose a picture that is erased whole."""
    for path, names in manifests("datasets/*", pictures):
        for name in names:
            rewrite(path.parent / "images" / name, areas)
        if WHOLE not in areas:
            continue
        _put_rows(path, [row for row in rows_of(path) if row.get("name") not in names])
        for name in names:
            (path.parent / "images" / name).unlink(missing_ok=True)
            for end in (".txt", ".json"):
                (path.parent / "labels" / f"{Path(name).stem}{end}").unlink(missing_ok=True)


def _put_rows(path: Path, rows: list[dict[str, str]]) -> None:
    text = io.StringIO()
    table = csv.DictWriter(text, COLUMNS, extrasaction="ignore", restval="")
    table.writeheader()
    table.writerows(rows)
    put(path, text.getvalue().encode())


def _from_trainings(names: Iterable[str], areas: Sequence[Area]) -> None:
    """What a training gathered, or is gathering, keeps its number of pictures, so that one under way goes on."""
    folder: Path = settings.WORKSPACE.folder
    for name in names:
        for found in (
            *folder.glob(f"trainings/*/*/images/{name}"),
            *folder.glob(f"datasets/.*/images/{name}"),
        ):
            rewrite(found, areas)


def _from_reports(names: Iterable[str]) -> None:
    """Reports of models that show one of the frames among the worst lose all their pictures."""
    for path in settings.WORKSPACE.folder.glob("models/*/report.html"):
        text = path.read_text(encoding="utf-8")
        if any(name in text for name in names) and THUMBNAIL.search(text):
            grey = small_address(np.asarray(grey_picture(GREY_PX, GREY_PX // 2), np.uint8), GREY_PX)
            put(path, THUMBNAIL.sub(grey, text).encode())
