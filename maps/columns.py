"""Columns: numbers as a page can read them by the hundred thousand, and the texts beside them.

A pack is gzip over: four bytes, the length of a JSON head; the head `{"columns": {name: [type, count, offset]},
"texts": {name: [...]}}`; then the columns, little-endian, each at an offset (from the end of the head, which is
filled up with spaces to a multiple of eight) that its type can be read at. Types are numpy's: u1, u2, u4, i4, f4.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Column = NDArray[Any]

TYPES = ("u1", "u2", "u4", "i4", "f4")
NONE_U2 = 65_535
"""Stands in a column of u2 for what is not known."""


def pack(columns: Mapping[str, Column], texts: Mapping[str, Sequence[str]]) -> str:
    """The pack in base64. Raises ValueError for a column of another type."""
    head: dict[str, Any] = {"columns": {}, "texts": {name: list(all_) for name, all_ in texts.items()}}
    body = bytearray()
    for name, column in columns.items():
        kind = column.dtype.str.lstrip("<|")
        if kind not in TYPES or column.ndim != 1:
            raise ValueError(f"column {name}: expected a row of {TYPES}, got {column.dtype} {column.shape}")
        body += b"\0" * (-len(body) % 8)
        head["columns"][name] = [kind, len(column), len(body)]
        body += np.ascontiguousarray(column).tobytes()
    told = json.dumps(head, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")
    told += b" " * (-(len(told) + 4) % 8)
    packed = gzip.compress(len(told).to_bytes(4, "little") + told + bytes(body), compresslevel=6, mtime=0)
    return base64.b64encode(packed).decode("ascii")


def in_steps(values: Sequence[float] | Column, step: float) -> NDArray[np.uint16]:
    """Measures as counts of a step, from 0 on; what is no number, or too large, is `NONE_U2`."""
    counts = np.round(np.asarray(values, float) / step)
    known = np.isfinite(counts) & (counts < NONE_U2)
    return np.where(known, np.clip(counts, 0, None), NONE_U2).astype("<u2")


def bounds(counts: Sequence[int]) -> NDArray[np.uint32]:
    """Where each one's rows begin in a column that holds those of all, and where the last one's end."""
    return np.concatenate([[0], np.cumsum(np.asarray(counts, np.int64))]).astype("<u4")
