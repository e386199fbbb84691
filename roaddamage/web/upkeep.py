"""What goes on beside the requests, from the server's start to its end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.management import call_command

from roaddamage import papers, retention_runs, segment_tables
from roaddamage.batches import clear_abandoned
from roaddamage.export_runs import clear_old
from roaddamage.frame_exports import clear_old_zips
from roaddamage.frame_files import clear_unused
from roaddamage.records import frames
from roaddamage.web.asgi_messages import Receive, Send
from roaddamage.web.uploads import in_thread

CLEAR_EVERY_S = 6 * 3600.0
LOOK_EVERY_S = 900.0
"""For what is over its time, which goes at night."""
SEGMENTS_EVERY_S = 120.0
log = logging.getLogger("roaddamage.upkeep")


async def clearing() -> None:
    """Clear abandoned files, those of old exports, and what the records need no more, now and then."""
    while True:
        for clear in (
            frames.catch_up,
            clear_unused,
            clear_old_zips,
            _abandoned,
            clear_old,
            papers.clear_old,
            _sessions,
            _places,
        ):
            await _done(clear)
        await asyncio.sleep(CLEAR_EVERY_S)


async def retaining() -> None:
    """Delete what is over its time, when that is."""
    while True:
        await _done(retention_runs.look)
        await asyncio.sleep(LOOK_EVERY_S)


async def segmenting() -> None:
    """Work the segments out anew once they may be others."""
    while True:
        process = await _done(segment_tables.start)
        while process and process.is_alive():  # no thread waits for it, which the server's end would wait for
            await asyncio.sleep(1.0)
        if process and process.exitcode:
            log.warning("the segments were not worked out: code %s", process.exitcode)
        await asyncio.sleep(SEGMENTS_EVERY_S)


async def _done(do: Callable[[], Any]) -> Any:
    """What it comes to; None where it did not succeed."""
    try:
        return await asyncio.to_thread(in_thread, do)
    except Exception:
        log.warning("%s did not succeed", do.__name__, exc_info=True)
        return None


def _abandoned() -> None:
    clear_abandoned(settings.CONFIGURATION.keep.uploads_days)


def _sessions() -> None:
    """Sessions that are over."""
    call_command("clearsessions")


def _places() -> None:
    """Places in the queue whose jobs are over; the jobs themselves stay."""
    call_command("prune_db_task_results", verbosity=0)


async def lifespan(receive: Receive, send: Send) -> None:
    """From the server's start to its end."""
    tasks: list[asyncio.Task[None]] = []
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            tasks = [
                asyncio.create_task(clearing()),
                asyncio.create_task(retaining()),
                asyncio.create_task(segmenting()),
            ]
        for task in tasks if message["type"] == "lifespan.shutdown" else ():
            task.cancel()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
