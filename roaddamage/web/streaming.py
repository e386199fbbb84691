"""Files and lists of any length, sent piece by piece.

Django would read all of a list into memory before its first byte leaves, where it is served by an event loop.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse

PIECE_BYTES = 2**16


class Streams:
    """Reads what is streamed in the request's own thread, so much at a time."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer a request."""
        response = self.get_response(request)
        if isinstance(request, ASGIRequest) and isinstance(response, StreamingHttpResponse):
            parts = response.streaming_content
            if isinstance(parts, Iterator):
                response.streaming_content = pieces(parts)
        return response


async def pieces(parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in larger pieces."""
    while piece := await sync_to_async(_next_piece)(parts):
        yield piece


def _next_piece(parts: Iterator[bytes]) -> bytes:
    taken, size = [], 0
    for part in parts:
        taken.append(part)
        size += len(part)
        if size >= PIECE_BYTES:
            break
    return b"".join(taken)
