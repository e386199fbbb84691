"""Starting the application: the workspace made or brought up to date, a first administrator, pages and workers."""

from __future__ import annotations

import logging
import multiprocessing
import os
import secrets
import signal
import socket
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec

from detector.errors import N_, RoadDamageError
from roaddamage import __version__, locks
from roaddamage.workspace import ENVIRONMENT, Workspace

if TYPE_CHECKING:
    from django.db.migrations.loader import MigrationLoader

FIRST = "admin"
Given = ParamSpec("Given")
LATER = N_("The records are of a later version of the application ({names}): install that again.")


class ServerError(RoadDamageError):
    """The application can't be started as it was asked to be."""


class WorkspaceError(RoadDamageError):
    """A folder that is no workspace."""

    exit_code = 2


def prepare(folder: Path) -> Workspace:
    """Start Django for a workspace, which is made, and its tables brought up to date, where that is to be done.

    Raises OSError, and ServerError where the database does not answer, or its tables are of a later version.
    """
    Workspace(folder.absolute()).make()
    workspace = start_django(folder)
    with locks.turn(workspace.starting):  # others start at the same time, as after a machine's start
        _bring_up_to_date(workspace)
    from django.contrib.auth.models import Group

    from roaddamage.web.access import GROUPS

    for name in GROUPS:
        Group.objects.get_or_create(name=name)
    return workspace


def start_django(folder: Path) -> Workspace:
    """Start Django for a workspace, without a look at it."""
    workspace = Workspace(folder.absolute())
    os.environ[ENVIRONMENT] = str(workspace.folder)
    os.environ["DJANGO_SETTINGS_MODULE"] = "roaddamage.settings"
    import django

    django.setup()
    return workspace


def later_than_ours(loader: MigrationLoader) -> list[str]:
    """Changes of the tables that this version does not know: it would fill them with what they do not expect."""
    return sorted(
        name
        for app, name in loader.applied_migrations
        if app == "records" and (app, name) not in loader.graph.nodes
    )


def _bring_up_to_date(workspace: Workspace) -> None:
    """Make the tables, or change them to today's. Raises ServerError."""
    from django.core.management import call_command
    from django.db import InterfaceError, OperationalError, connection
    from django.db.migrations.executor import MigrationExecutor

    try:
        executor = MigrationExecutor(connection)
        loader = executor.loader
        if later := later_than_ours(loader):
            raise ServerError(LATER, names=", ".join(later))
        if loader.applied_migrations and executor.migration_plan(loader.graph.leaf_nodes()):
            _mask_what_is_there(workspace, {*loader.applied_migrations})
            _keep_as_they_were(workspace)
        call_command("migrate", verbosity=0, interactive=False)
        from roaddamage import earlier_pictures

        if earlier_pictures.is_unfinished(workspace):
            earlier_pictures.forget_what_was_made(workspace)
    except (OperationalError, InterfaceError) as error:
        raise ServerError(
            N_(
                "The records can't be used: {reason}. Look at DATABASE_URL, the server and the workspace's disk."
            ),
            reason=str(error).strip(),
        ) from error


def _mask_what_is_there(workspace: Workspace, applied: set[tuple[str, str]]) -> None:
    """Mask pictures from before pictures were masked, and tell how far that is on a terminal."""
    from roaddamage import earlier_pictures
    from roaddamage.common_options import working
    from roaddamage.language import preferred_language, translation
    from roaddamage.masker_in_use import masker_in_use

    if earlier_pictures.SINCE not in applied and ("records", "0001_first") in applied:
        with working(translation(preferred_language()), workspace.folder) as moved:
            earlier_pictures.mask_files(workspace, masker_in_use(), moved)


def _keep_as_they_were(workspace: Workspace) -> None:
    """A copy of the records beside them, before they are changed; of PostgreSQL an administrator has one."""
    from django.db import connection

    from roaddamage.backup import dumped

    if connection.vendor == "sqlite":
        kept = workspace.folder / f"records-before-{__version__}.sqlite3"
        dumped(workspace.folder).replace(kept)


def open_workspace(folder: Path) -> Workspace:
    """Start Django for a workspace that is there. Raises WorkspaceError where it is not."""
    if not Workspace(folder.absolute()).is_made:
        raise WorkspaceError(
            N_("{path} is no workspace. Give the folder that `roaddamage serve` was started with."),
            path=folder,
        )
    return prepare(folder)


def first_administrator() -> str | None:
    """Where there is no user yet, make one; its one-time password, to be changed at the first log-in."""
    from django.conf import settings
    from django.contrib.auth.models import Group, User

    from roaddamage.records.audit import audited
    from roaddamage.records.models import OneTimePassword
    from roaddamage.web.access import ADMINISTRATOR

    with locks.turn(settings.WORKSPACE.starting):
        if User.objects.exists():
            return None
        password = secrets.token_urlsafe(9)
        user = User.objects.create_superuser(FIRST, "", password)
        user.groups.add(Group.objects.get(name=ADMINISTRATOR))
        OneTimePassword.objects.create(user=user)
        audited(None, "user.created", FIRST)
        return password


def listening(host: str, port: int) -> socket.socket:
    """A place that browsers can reach. Raises ServerError where it can't be had."""
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
    except OSError as error:
        made.close()
        raise ServerError(
            N_(
                "The application can't listen on {host}, port {port}: {reason}. If it runs there already, end that first;"
                " else choose another --port."
            ),
            host=host, port=port, reason=error.strerror,
        ) from error  # fmt: skip
    return made


def serve_pages(place: socket.socket, ready: Callable[[], None]) -> None:
    """Answer requests until asked to end (SIGTERM, Ctrl-C); `ready` is called when it begins."""
    import uvicorn

    class Pages(uvicorn.Server):
        """A server that says when it is ready."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                ready()

    # uvicorn hands the signal on when it is through; what comes after it is to be done all the same.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    config = uvicorn.Config(
        "roaddamage.asgi:application", log_config=None, access_log=False, proxy_headers=True, timeout_graceful_shutdown=5,
        h11_max_incomplete_event_size=64 * 1024, server_header=False,
    )  # fmt: skip
    Pages(config).run(sockets=[place])


NICE = 10
"""Trainings leave the processor to drives and pages, where those want it."""


def start_worker(folder: Path, trainings: bool = False) -> multiprocessing.process.BaseProcess:
    """A worker in a process of its own."""
    process = multiprocessing.get_context("spawn").Process(
        target=run_worker, args=(folder, False, trainings), daemon=False
    )
    process.start()
    return process


def logged(run: Callable[Given, None]) -> Callable[Given, None]:
    """What a process of ours runs: where it fails, that goes into the log, and not, with all it had in hand, to the screen."""

    @wraps(run)
    def running(*args: Given.args, **kwargs: Given.kwargs) -> None:
        try:
            run(*args, **kwargs)
        except Exception:
            if multiprocessing.parent_process() is None:
                raise
            logging.getLogger("roaddamage").exception("%s failed", run.__name__)
            sys.exit(1)

    return running


@logged
def run_worker(folder: Path, once: bool = False, trainings: bool = False) -> None:
    """Be a worker, of drives or of trainings, until asked to end; with `once`, until nothing waits."""
    prepare(folder)
    from roaddamage.workers import work

    if trainings:
        os.nice(NICE)
    work(once=once, trainings=trainings)


def _be_a_child(folder: Path, nice: int = 0) -> None:
    """Prepare for a piece of work, and end with the process that started this one; `nice`: leave the processor to others."""
    prepare(folder)
    from roaddamage.workers import end_with_parent

    end_with_parent()
    os.nice(nice)


@logged
def run_export(folder: Path, number: int) -> None:
    """Make an export (`roaddamage.export_runs`)."""
    _be_a_child(folder)
    from roaddamage.export_runs import run

    run(number)


@logged
def run_choice(folder: Path, number: int) -> None:
    """Choose pictures worth labelling (`roaddamage.frame_choices`)."""
    _be_a_child(folder, NICE)
    from roaddamage.frame_choices import run

    run(number)


@logged
def run_segments(folder: Path) -> None:
    """Work the segments out (`roaddamage.segment_tables`)."""
    _be_a_child(folder, NICE)
    from roaddamage.segment_tables import work_out

    work_out()


@logged
def run_paper(folder: Path, work_list: int, language: str, key: str) -> None:
    """Make a work list's PDF (`roaddamage.papers`)."""
    _be_a_child(folder)
    from roaddamage.papers import Paper

    Paper(work_list, language, key).make()
