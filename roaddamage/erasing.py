"""Erasing: what shows a person or vehicle is taken out of every file of the workspace, for good.

The rows say so first, in one transaction with all that follows from it in the records; then the files follow. A program
that is killed in between leaves rows without an end (`Erased.finished`), and whoever looks next goes on (`finish`).
"""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from detector.errors import N_, RoadDamageError
from roaddamage import erasure_copies, erasure_removal, frame_files, leaving, photos
from roaddamage.erased_pictures import hide_evidence, rewrite
from roaddamage.erasure_copies import Pictures
from roaddamage.erasure_search import Found
from roaddamage.records.audit import audited
from roaddamage.records.erased import AROUND_S, HALF_S, WHOLE, area_of
from roaddamage.records.frame_labels import Labels
from roaddamage.records.frames import put
from roaddamage.records.models import (
    Drive,
    Erased,
    Erasure,
    Job,
    LabelledFrame,
    RerunChange,
    Sighting,
    Stop,
    Turn,
)

Kind = Erased.Kind
LEAST_SHARE = 0.002
"""A smaller area is a slip of the hand."""
NO_AREA = N_("Draw the area that is to be covered on the picture.")
NO_STRETCH = N_("Say from which second of the drive to which: the stretch must end after it begins.")
log = logging.getLogger("roaddamage.erasing")


class ErasureError(RoadDamageError):
    """Something that can't be erased."""


def erase_picture(erasure: Erasure, by: User, drive: Drive, time_ms: int) -> Erased:
    """Erase one picture of a drive, as the records have it."""
    time_s = time_ms / 1000
    return _erase(
        erasure, by, Kind.picture, drive=drive, time_ms=time_ms, begin_s=time_s - AROUND_S, end_s=time_s + AROUND_S
    )  # fmt: skip


def cover_area(erasure: Erasure, by: User, drive: Drive, time_ms: int, area: Sequence[float]) -> Erased:
    """Cover an area (shares) of one picture of a drive. Raises ErasureError for one that is none."""
    time_s = time_ms / 1000
    return _erase(
        erasure, by, Kind.area, drive=drive, time_ms=time_ms, xyxy=_checked(area), begin_s=time_s - AROUND_S,
        end_s=time_s + AROUND_S,
    )  # fmt: skip


def erase_span(
    erasure: Erasure, by: User, drive: Drive, begin_s: float, end_s: float, footage: bool = False
) -> Erased:
    """Erase all that a drive holds of a stretch of its time; `footage`: its original footage too, all of it.

    Raises ErasureError for no stretch, and where footage is to go that waits or runs.
    """
    if not 0 <= begin_s <= end_s < math.inf:
        raise ErasureError(NO_STRETCH)
    kind = Kind.footage if footage else Kind.span
    return _erase(erasure, by, kind, drive=drive, begin_s=begin_s, end_s=end_s)


def erase_photo(erasure: Erasure, by: User, stop: Stop, area: Sequence[float] | None = None) -> Erased:
    """Erase a photo of a repair, or cover an area of it. Raises ErasureError for an area that is none."""
    if area is None:
        return _erase(erasure, by, Kind.photo, stop=stop)
    return _erase(erasure, by, Kind.photo_area, stop=stop, xyxy=_checked(area))


def ask(asked: Erasure) -> None:
    """Keep a request."""
    asked.save()
    audited(asked.by, "erasure.asked", asked.reference, request=asked.pk, reason=asked.reason)


def erase_found(asked: Erasure, found: Found, footage: bool = False) -> int:
    """Erase all that was found for a request that is kept: how many stretches, other pictures and photos.

    `footage`: with the original footage of these drives. Raises ErasureError as `erase_span` does.
    """
    count = 0
    for passing in found.passings:
        for begin_s, end_s in passing.spans:
            erase_span(asked, asked.by, passing.drive, begin_s, end_s, footage)
        beside = [one for one in passing.moments if not passing.holds(one.time_s) and not one.is_gone]
        for one in beside:
            erase_picture(asked, asked.by, passing.drive, one.time_ms)
        count += len(passing.spans) + len(beside)
    for stop in found.stops:
        erase_photo(asked, asked.by, stop)
    return count + len(found.stops)


def _checked(area: Sequence[float]) -> list[float]:
    edges = [round(min(max(float(share), 0.0), 1.0), 6) for share in area if math.isfinite(share)]
    if len(edges) != 4 or edges[2] - edges[0] < LEAST_SHARE or edges[3] - edges[1] < LEAST_SHARE:
        raise ErasureError(NO_AREA)
    return edges


def _erase(erasure: Erasure, by: User, kind: Kind, **values: Any) -> Erased:
    """The rows, in one transaction; then the files."""
    row = Erased(erasure=erasure, by=by, kind=kind, **values)
    in_files = erasure_copies.in_files(pictures_of(row)) if row.drive_id else {}
    with transaction.atomic():
        Turn.take("counting")  # which writes sightings back as it read them, and ends runs
        row.save()
        if row.drive_id:
            _say(row, by, in_files)
        told = {"time_s": round(row.begin_s, 1)} if row.begin_s is not None else {}
        target = row.drive.name if row.drive else str(row.stop_id)
        audited(by, f"erasure.{kind}", target, request=erasure.pk, reference=erasure.reference, **told)
    finish()
    row.refresh_from_db()
    return row


def _say(row: Erased, by: User, in_files: erasure_copies.Told) -> None:
    """All that follows in the records."""
    pictures = pictures_of(row)
    row.held = erasure_copies.in_records(pictures) | in_files
    row.save(update_fields=["held"])
    erasure_removal.give_up(row.held)
    gone: list[str] = []
    if row.xyxy is None:
        for seen in pictures.sightings:
            gone += [seen.frame] if seen.frame else []
        Sighting.objects.filter(pk__in=[seen.pk for seen in pictures.sightings]).update(frame="")
    for frame in pictures.frames:
        if row.xyxy is None:
            put(frame, Labels(), by, erasure=row.erasure)
            frame.erased = frame.erased or timezone.now()
        frame.sha256 = frame.phash = ""
        frame.save(update_fields=["erased", "sha256", "phash"])
    gone += _of_reruns(row, pictures)
    leaving.leave(f"{leaving.EVIDENCE}/{row.drive_id}/{name}" for name in gone)
    if row.kind == Kind.footage and row.drive:
        _say_footage(row.drive)


def _say_footage(drive: Drive) -> None:
    if Job.objects.filter(drive=drive, state__in=Job.OPEN).exists():
        raise ErasureError(
            N_("{drive} waits or runs: cancel that first, then delete its footage."), drive=drive.name
        )
    leaving.leave(f"{leaving.FOOTAGE}/{path}" for path in drive.files.values_list("path", flat=True))
    Drive.objects.filter(pk=drive.pk, footage_deleted=None).update(footage_deleted=timezone.now())


def _of_reruns(row: Erased, pictures: Pictures) -> list[str]:
    """Small pictures of what earlier runs of the drive saw, whose moment nobody knows any more: they go as well.

    Those of what the last run saw elsewhere in the drive stay.
    """
    named = set(Sighting.objects.filter(drive=row.drive_id).values_list("crop", flat=True))
    changes = RerunChange.objects.filter(of__drive=row.drive_id).exclude(crop="").select_related("sighting")
    begin_s, end_s = (row.begin_s or 0.0) - 4 * AROUND_S, (row.end_s or 0.0) + 4 * AROUND_S
    near = [one for one in changes if one.sighting is None or begin_s <= one.sighting.time_s <= end_s]
    mine = [one for one in near if one.crop not in named]
    RerunChange.objects.filter(pk__in=[one.pk for one in mine]).update(crop="")
    return [one.crop for one in mine]


def pictures_of(row: Erased) -> Pictures:
    """The pictures of a drive that a row is of: those of its moment, or of all its stretch."""
    if row.time_ms is not None:
        begin_s = end_s = row.time_ms / 1000
    else:
        begin_s, end_s = row.begin_s or 0.0, row.end_s or 0.0
    seen = Sighting.objects.filter(drive=row.drive_id, time_s__range=(begin_s - HALF_S, end_s + HALF_S))
    frames = LabelledFrame.objects.filter(
        drive=row.drive_id, time_ms__range=(round(begin_s * 1000), round(end_s * 1000))
    )
    digests = {frame.sha256 or _digest(frame.uid) for frame in frames} - {""}
    since = row.drive.at if row.drive else timezone.now()
    return Pictures(list(seen.order_by("pk")), list(frames.order_by("pk")), frozenset(digests), since)


def _digest(uid: str) -> str:
    try:
        return hashlib.sha256(frame_files.file_of(uid).read_bytes()).hexdigest()
    except OSError:
        return ""


def finish() -> int:
    """Have the files follow what the rows say; how many rows are left for the next look."""
    leaving.remove()
    left = 0
    for row in Erased.objects.filter(finished=None).select_related("drive", "stop", "erasure"):
        try:
            _files(row)
        except OSError as error:
            left += 1
            log.warning("erased %s: a file could not be written anew yet: %s", row.pk, error)
            continue
        Erased.objects.filter(pk=row.pk).update(finished=timezone.now())
    return left


def _files(row: Erased) -> None:
    areas = [area_of(row.xyxy) if row.xyxy else WHOLE]
    if row.stop:
        if path := photos.photo_file(row.stop.photo):
            rewrite(path, areas)
        return
    pictures = pictures_of(row)
    for seen in pictures.sightings:
        hide_evidence(settings.WORKSPACE.evidence / str(row.drive_id), seen, areas, row.drive)
    for frame in pictures.frames:
        rewrite(frame_files.file_of(frame.uid), areas)
    erasure_removal.take_away(row.held, pictures, areas)
