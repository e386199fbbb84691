"""A part of a file, as players of films ask for it (HTTP range requests, RFC 9110, 14)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from django.http import Http404, HttpResponse, HttpResponseBase, StreamingHttpResponse

PIECE_BYTES = 2**18
ONE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def first_byte(asked: str) -> int:
    """Where a Range header begins; 0 for one that asks for all, or for the last part."""
    found = ONE.fullmatch(asked.strip())
    return int(found[1]) if found and found[1] else 0


def part_of(path: Path, kind: str, asked: str) -> HttpResponseBase:
    """What a Range header asks for of a file, of this MIME type; all of it for "" and what is no single range.

    Raises Http404 where the file is gone.
    """
    if not path.is_file():
        raise Http404
    size = path.stat().st_size
    found = ONE.fullmatch(asked.strip())
    begin, end = _bounds(found, size) if found else (0, size)
    if found and begin >= end:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    answer = StreamingHttpResponse(_pieces(path, begin, end), content_type=kind, status=206 if found else 200)
    answer.headers["Accept-Ranges"], answer.headers["Content-Length"] = "bytes", str(end - begin)
    if found:
        answer.headers["Content-Range"] = f"bytes {begin}-{end - 1}/{size}"
    return answer


def _bounds(found: re.Match[str], size: int) -> tuple[int, int]:
    """First byte, and the one after the last; the same where there is nothing."""
    first, last = found.groups()
    if not first:
        return (max(size - int(last), 0), size) if last and int(last) else (0, 0)
    end = min(int(last) + 1, size) if last else size
    return int(first), end


def _pieces(path: Path, begin: int, end: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(begin)
        while begin < end and (piece := file.read(min(PIECE_BYTES, end - begin))):
            begin += len(piece)
            yield piece
