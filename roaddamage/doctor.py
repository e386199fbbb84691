"""What the application needs of its machine, looked at: each thing is well, to be looked after, or a fault."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from importlib.metadata import packages_distributions
from pathlib import Path

from detector.errors import N_, ModelError, Translate
from roaddamage.workspace import ENVIRONMENT, Workspace

CODECS = ("h264", "hevc", "mjpeg")
LEAST_FREE, FREE = 2 * 2**30, 50 * 2**30
"""Bytes: below the first nothing runs well; a day's footage of one vehicle is about the second."""
LEAST_INODES = 50_000
BUILT_S = datetime(2026, 11, 1, tzinfo=UTC).timestamp()
"""This program is no older: a clock before that is wrong."""
EARLY_S = 300


class Word(StrEnum):
    """How a thing stands."""

    ok = N_("ok")
    warning = N_("warning")
    fault = N_("fault")


@dataclass(frozen=True)
class Finding:
    """A thing looked at: `template` with its `values` says how it is and what to do."""

    word: Word
    template: str
    values: dict[str, object]

    def line(self, translate: Translate) -> str:
        """In the language of `translate`."""
        return f"{translate(self.word.value)}: {translate(self.template).format(**self.values)}"


def examined(folder: Path) -> Iterator[Finding]:
    """Everything, one after the other; nothing is changed, and a look that fails is itself a finding."""
    workspace = Workspace(folder.absolute())
    looks: tuple[Callable[[Workspace], Finding], ...] = (
        gpu, video_on_gpu, codecs, font, pdf, writable, disk, inodes, clock, configured, database, roads, masking, quiet, names, exiftool,
    )  # fmt: skip
    for look in looks:
        try:
            yield look(workspace)
        except Exception as error:  # what may break here is what is looked for
            yield fault(N_("{thing} could not be looked at: {reason}"), thing=look.__name__, reason=error)


def ok(template: str, **values: object) -> Finding:
    """All is well."""
    return Finding(Word.ok, template, values)


def warning(template: str, **values: object) -> Finding:
    """It works, though not as well as it could."""
    return Finding(Word.warning, template, values)


def fault(template: str, **values: object) -> Finding:
    """It does not work."""
    return Finding(Word.fault, template, values)


def gpu(_: Workspace) -> Finding:
    """NVIDIA GPUs that the detector can use."""
    from detector.model import gpu_count

    if count := gpu_count():
        return ok(N_("{count} GPU(s) for the detector."), count=count)
    return warning(
        N_("No GPU: a drive takes several times as long as it lasts. With an NVIDIA GPU, install its driver.")
    )


def video_on_gpu(_: Workspace) -> Finding:
    """Decoding of video on a GPU (NVDEC)."""
    from av.codec.hwaccel import hwdevices_available

    from detector.model import gpu_count

    if gpu_count() and "cuda" not in hwdevices_available():
        return warning(N_("Video is decoded by the processor: this PyAV knows no NVDEC."))
    if gpu_count():
        return ok(N_("Video can be decoded by the GPU (NVDEC)."))
    return ok(N_("Video is decoded by the processor."))


def codecs(_: Workspace) -> Finding:
    """Decoders that dashcams need."""
    from av.codec import codecs_available

    missing = [name for name in CODECS if name not in codecs_available]
    if missing:
        return fault(
            N_("No decoder for {codecs}: install PyAV's own wheel (pip install av)."), codecs=missing
        )
    return ok(N_("Video decoders: {codecs}."), codecs=", ".join(CODECS))


def font(_: Workspace) -> Finding:
    """A Japanese font for PDFs and pictures, our own one."""
    from maps.pdf import font_file

    if font_file().is_file():
        return ok(N_("Japanese font for PDFs and maps: {name}."), name=font_file().name)
    return fault(N_("The Japanese font is missing; install the application again (matplotlib-fontja)."))


def pdf(_: Workspace) -> Finding:
    """WeasyPrint with its system libraries."""
    from maps.pdf import PdfError, weasyprint

    try:
        version = weasyprint().__version__
    except PdfError as error:
        return fault(error.template, **error.values)
    return ok(N_("PDFs by WeasyPrint {version}."), version=version)


def writable(workspace: Workspace) -> Finding:
    """Whether the workspace can be written to, or made."""
    there = _there(workspace)
    if os.access(there, os.W_OK | os.X_OK):
        return ok(N_("The workspace {folder} can be written to."), folder=workspace.folder)
    return fault(
        N_("{folder} can't be written to: give it to the user that runs the application."), folder=there
    )


def disk(workspace: Workspace) -> Finding:
    """Free room for footage."""
    free = shutil.disk_usage(_there(workspace)).free
    values = {"gb": f"{free / 2**30:.1f}", "folder": workspace.folder}
    if free < LEAST_FREE:
        return fault(N_("Only {gb} GiB free at {folder}: make room before anything is uploaded."), **values)
    if free < FREE:
        return warning(
            N_("{gb} GiB free at {folder}: about a day's footage of one vehicle or less."), **values
        )
    return ok(N_("{gb} GiB free at {folder}."), **values)


def inodes(workspace: Workspace) -> Finding:
    """Free room for files, of which evidence makes many."""
    told = os.statvfs(_there(workspace))
    if told.f_files and told.f_favail < LEAST_INODES:
        return fault(
            N_("Room for only {count} more files (inodes): evidence needs many."), count=told.f_favail
        )
    return ok(N_("Room for files (inodes)."))


def clock(_: Workspace) -> Finding:
    """A clock that is not behind this program."""
    now = datetime.now(UTC)
    if now.timestamp() < BUILT_S:
        return fault(
            N_("The clock says {now}, which is past: let it be set by NTP."), now=f"{now:%Y-%m-%d %H:%M} UTC"
        )
    return ok(N_("The clock says {now}."), now=f"{now:%Y-%m-%d %H:%M} UTC")


def configured(workspace: Workspace) -> Finding:
    """The settings, and the municipality's time zone among them."""
    from roaddamage.configuration import ConfigurationError, read

    try:
        told = read(workspace.folder)
    except ConfigurationError as error:
        return fault(error.template, **error.values)
    hosts = ", ".join(told.server.hosts)
    return ok(N_("Reached as {hosts}; times are shown in {zone}."), hosts=hosts, zone=told.server.timezone)


def database(workspace: Workspace) -> Finding:
    """Whether the records answer, have today's tables, and are not of a later time than the clock's."""
    if "DATABASE_URL" not in os.environ and not workspace.records.is_file():
        return ok(N_("No records yet: `roaddamage serve` makes them."))
    os.environ[ENVIRONMENT] = str(workspace.folder)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "roaddamage.settings")
    import django
    from django.db import OperationalError, connection

    django.setup()
    from django.db.migrations.executor import MigrationExecutor

    try:
        executor = MigrationExecutor(connection)
    except OperationalError as error:
        return fault(
            N_("The database does not answer: {reason}. Look at DATABASE_URL and the server."), reason=error
        )
    from roaddamage.server import LATER, later_than_ours

    if later := later_than_ours(executor.loader):
        return fault(LATER, names=", ".join(later))
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return warning(N_("The tables are of an older version: `roaddamage serve` brings them up to date."))
    return _records(connection.vendor)


def _records(vendor: str) -> Finding:
    from roaddamage.records.models import AuditEntry

    newest = AuditEntry.objects.order_by("-pk").values_list("at", flat=True).first()
    if newest and newest.timestamp() > time.time() + EARLY_S:
        return fault(
            N_("The newest record is of {at}, after the clock's time: let the clock be set by NTP."),
            at=newest,
        )
    return ok(N_("The records answer ({database})."), database=vendor)


def roads(workspace: Workspace) -> Finding:
    """Whether the municipality's roads are there, and damages placed on them."""
    if "DATABASE_URL" not in os.environ and not workspace.records.is_file():
        return ok(N_("No roads yet: `roaddamage roads FILE` takes the road ledger in."))
    return _roads()


def _roads() -> Finding:
    from django.db import DatabaseError

    from maps.roads import RoadsError
    from roaddamage.records.placing import waiting
    from roaddamage.roads import roads_in_use, workspace_network

    try:
        row = roads_in_use()
        if row is None:
            return warning(
                N_(
                    "No roads: damages are told without road and chainage. Give the road ledger: `roaddamage roads FILE`."
                )
            )
        workspace_network()
        left = waiting(row.digest).count()
    except RoadsError as error:
        return fault(error.template, **error.values)
    except DatabaseError:
        return warning(N_("Roads could not be looked at: see what is said of the database."))
    if left:
        return warning(
            N_(
                "Drives that are not placed on the roads of {name} yet: {count}. Give it again (`roaddamage roads FILE`)."
            ),
            count=left, name=row.name,
        )  # fmt: skip
    return ok(N_("Roads of {name}: {km} km."), name=row.name, km=f"{row.metres / 1000:.1f}")


def masking(_: Workspace) -> Finding:
    """Whether faces and plates can be masked, by the networks that the report is of."""
    from detector.private import PrivateDetector
    from training.masking_report import read_report

    try:
        PrivateDetector()
        report = read_report()
    except ModelError as error:
        return fault(error.template, **error.values)
    if not report.belongs:
        return warning(
            N_("Faces and plates are masked, but the report on masking is of other networks or settings.")
        )
    return ok(N_("Faces and plates are masked, by the networks measured on {day}."), day=report.day)


def quiet(_: Workspace) -> Finding:
    """That the detector's library sends nothing and installs nothing."""
    from detector.ultralytics_quiet import talkative

    told = talkative()
    if told:
        return fault(N_("ultralytics could ask the internet: {settings}."), settings=", ".join(told))
    return ok(N_("ultralytics sends nothing and installs nothing."))


def names(_: Workspace) -> Finding:
    """That our `datasets` is not another package's of that name."""
    import datasets

    others = set(packages_distributions().get("datasets", ())) - {"roaddamage"}
    ours = Path(str(datasets.__file__)).parent.parent == Path(__file__).parent.parent
    if others or not ours:
        return fault(
            N_(
                "Another package named datasets ({others}) is in this environment: install the application in its own."
            ),
            others=", ".join(sorted(others)) or datasets.__file__,
        )
    return ok(N_("No other package takes the name datasets."))


def exiftool(_: Workspace) -> Finding:
    """ExifTool, which reads rare cameras."""
    from detector.telemetry.exiftool import OLDEST, is_usable

    if is_usable():
        return ok(N_("ExifTool for rare cameras."))
    return warning(
        N_(
            "No ExifTool {oldest} or newer: positions inside some rare cameras' video are not read. It is optional."
        ),
        oldest=".".join(map(str, OLDEST)),
    )


def _there(workspace: Workspace) -> Path:
    """The workspace, or what is there above it."""
    return next(folder for folder in (workspace.folder, *workspace.folder.parents) if folder.exists())
