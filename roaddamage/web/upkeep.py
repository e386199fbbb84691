"""What goes on beside the requests, from the server's start to its end."""

from __future__ import annotations

import asyncio
import logging

from roaddamage.batches import clear_abandoned
from roaddamage.export_runs import clear_old
from roaddamage.web.asgi_messages import Receive, Send
from roaddamage.web.uploads import in_thread

CLEAR_EVERY_S = 6 * 3600.0
log = logging.getLogger("roaddamage.uploads")


async def clearing() -> None:
    """Clear abandoned files, and those of old exports, now and then."""
    while True:
        for clear in (clear_abandoned, clear_old):
            try:
                await asyncio.to_thread(in_thread, clear)
            except Exception:
                log.warning("%s: files could not be cleared", clear.__name__, exc_info=True)
        await asyncio.sleep(CLEAR_EVERY_S)


async def lifespan(receive: Receive, send: Send) -> None:
    """From the server's start to its end."""
    task: asyncio.Task[None] | None = None
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            task = asyncio.create_task(clearing())
        elif task:
            task.cancel()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
