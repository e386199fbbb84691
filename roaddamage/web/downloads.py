"""Downloads: files sent a piece at a time, so that a large one takes no memory; and lines of tables."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from pathlib import Path

from django.http import Http404, StreamingHttpResponse

from maps.texts import safe_text

PIECE = 2**18


def csv_line(cells: Iterable[str]) -> str:
    """A line of a CSV file whose cells no spreadsheet takes for formulas."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow([safe_text(cell) for cell in cells])
    return text.getvalue()


def sent(path: Path, kind: str, name: str = "") -> StreamingHttpResponse:
    """A file, of this MIME type; with a `name` (ASCII) to be saved under it. Raises Http404 where it is gone."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise Http404 from error

    def pieces() -> Iterator[bytes]:
        with file:
            while piece := file.read(PIECE):
                yield piece

    answer = StreamingHttpResponse(pieces(), content_type=kind)
    answer.headers["Content-Length"] = str(path.stat().st_size)
    if name:
        answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
