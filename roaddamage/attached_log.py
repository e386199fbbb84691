"""A GPS log that a person gives a drive, in place of what it had."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from detector.errors import N_
from detector.footage import PICTURE_SUFFIXES
from detector.telemetry import read_log
from roaddamage.batch_files import put
from roaddamage.digests import sha256_of
from roaddamage.file_names import IntakeError, log_name
from roaddamage.records.audit import audited
from roaddamage.records.models import Drive, FootageFile
from roaddamage.understanding import look_again


def attach_log(drive: Drive, source: Path, name: str, by: User) -> None:
    """Use this GPS log for a drive, in place of what it had.

    Raises IntakeError for a file that is none, TelemetryError for one without positions; the drive is then as before.
    """
    name = log_name(name)
    footage = drive.files.filter(kind=FootageFile.Kind.footage).first()
    if footage is None or Path(footage.path).suffix.lower() in PICTURE_SUFFIXES:
        raise IntakeError(N_("Pictures carry their own positions; a log can be given for videos only."))
    read_log(source)
    target = put(source, footage.path.split("/")[0], f"attached-{drive.pk}/{name}")
    with transaction.atomic():
        drive.files.filter(kind=FootageFile.Kind.attached).delete()
        FootageFile.objects.create(
            drive=drive, name=name, path=target.relative_to(settings.WORKSPACE.footage).as_posix(),
            size=target.stat().st_size, sha256=sha256_of(target), kind=FootageFile.Kind.attached,
        )  # fmt: skip
        audited(by, "drive.log_attached", drive.name, log=name)
    look_again(drive)
