"""Bodies of requests: what is sent on and on is refused without being kept."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from roaddamage.web.bodies import bounded

PIECE = 2**20
Message = MutableMapping[str, Any]


class Endless:
    """Somebody who sends piece after piece, and what they are answered."""

    def __init__(self, path: str, pieces: int, **headers: str) -> None:
        named = [(name.encode(), value.encode()) for name, value in headers.items()]
        self.scope = {"type": "http", "method": "POST", "path": path, "headers": named}
        self.pieces, self.asked = pieces, 0
        self.status, self.told, self.text = 0, "", ""

    def asks(self) -> None:
        """In a thread of its own: a browser of other tests may have a loop in this one."""
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, bounded(pages, self.scope, self.receive, self.send)).result()

    async def receive(self) -> Message:
        self.asked += 1
        return {
            "type": "http.request",
            "body": b"a" * PIECE,
            "more_body": not self.pieces or self.asked < self.pieces,
        }

    async def send(self, message: Message) -> None:
        self.status = message.get("status", self.status)
        self.told += str(message.get("headers", ""))
        self.text += message.get("body", b"").decode()


async def pages(scope: Message, receive: Any, send: Any) -> None:
    """Reads all, as Django does, then answers."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"read"})


@pytest.mark.parametrize(
    ("path", "pieces", "headers", "status", "read"),
    [
        pytest.param("/login/", 2, {}, 200, 2, id="a form"),
        pytest.param("/login/", 0, {}, 413, 6, id="endless, nobody"),
        pytest.param("/nowhere/", 0, {}, 413, 6, id="endless, no page"),
        pytest.param("/drives/1/log/", 40, {}, 200, 40, id="a log"),
        pytest.param("/drives/1/log/", 0, {}, 413, 49, id="endless log"),
        pytest.param("/stops/1/done/", 24, {}, 200, 24, id="a photo"),
        pytest.param("/stops/1/done/", 0, {}, 413, 27, id="endless photo"),
        pytest.param(
            "/login/", 0, {"content-length": "99999999999"}, 413, 0, id="said to be long: not begun"
        ),
    ],
)
def test_how_much_is_read(path: str, pieces: int, headers: dict[str, str], status: int, read: int) -> None:
    sender = Endless(path, pieces, **headers)
    sender.asks()
    assert (sender.status, sender.asked) == (status, read)


@pytest.mark.parametrize(
    ("cookie", "part"), [("", "一度に送る量が多すぎます"), ("language=en", "Too much was sent at once")]
)
def test_it_is_told_in_the_readers_language_and_hung_up(cookie: str, part: str) -> None:
    sender = Endless("/login/", 0, cookie=cookie)
    sender.asks()
    assert part in sender.text
    assert "b'connection', b'close'" in sender.told
