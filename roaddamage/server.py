"""Starting the application: the workspace made or brought up to date, a first administrator, pages and workers."""

from __future__ import annotations

import multiprocessing
import os
import secrets
import signal
import sys
from pathlib import Path

from roaddamage.workspace import ENVIRONMENT, Workspace

FIRST = "admin"


def prepare(folder: Path) -> Workspace:
    """Start Django for a workspace, which is made, and its tables brought up to date, where that is to be done.

    Raises OSError, and django.db.OperationalError where the database does not answer.
    """
    workspace = Workspace(folder.absolute())
    workspace.make()
    os.environ[ENVIRONMENT] = str(workspace.folder)
    os.environ["DJANGO_SETTINGS_MODULE"] = "roaddamage.settings"
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0, interactive=False)
    from django.contrib.auth.models import Group

    from roaddamage.web.access import GROUPS

    for name in GROUPS:
        Group.objects.get_or_create(name=name)
    return workspace


def first_administrator() -> str | None:
    """Where there is no user yet, make one; its one-time password, to be changed at the first log-in."""
    from django.contrib.auth.models import Group, User

    from roaddamage.records.audit import audited
    from roaddamage.records.models import OneTimePassword
    from roaddamage.web.access import ADMINISTRATOR

    if User.objects.exists():
        return None
    password = secrets.token_urlsafe(9)
    user = User.objects.create_superuser(FIRST, "", password)
    user.groups.add(Group.objects.get(name=ADMINISTRATOR))
    OneTimePassword.objects.create(user=user)
    audited(None, "user.created", FIRST)
    return password


def serve_pages(host: str, port: int) -> None:
    """Answer requests until asked to end (SIGTERM, Ctrl-C)."""
    import uvicorn

    # uvicorn hands the signal on when it is through; what comes after it is to be done all the same.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    uvicorn.run(
        "roaddamage.asgi:application", host=host, port=port, log_level="warning", proxy_headers=True,
        timeout_graceful_shutdown=5, h11_max_incomplete_event_size=64 * 1024,
    )  # fmt: skip


def start_worker(folder: Path) -> multiprocessing.process.BaseProcess:
    """A worker in a process of its own."""
    process = multiprocessing.get_context("spawn").Process(target=run_worker, args=(folder,), daemon=False)
    process.start()
    return process


def run_worker(folder: Path, once: bool = False) -> None:
    """Be a worker until asked to end; with `once`, until nothing waits."""
    prepare(folder)
    from roaddamage.workers import work

    work(once=once)
