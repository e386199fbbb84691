"""A server for the map's URL layer, with damages in memory: what docs/map-layer.md asks of one, and no more.

The tests and `benchmarks.map_page` put it behind the page; the application answers from its records instead, by
the same keys.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs

import numpy as np
import uvicorn
from numpy.typing import NDArray

from detector.classes import CLASSES, SEVERITIES
from maps.question import MOST_POINTS, Question, question
from maps.tiles import cluster_shift, tile_key, viewport_ranges

Floats = NDArray[np.float64]
Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]

PRECOMPUTED_ZOOM = 13
"""Up to here clusters are counted beforehand, by class and severity."""
DAY_S = 86_400
KINDS = len(CLASSES) * len(SEVERITIES)


@dataclass(frozen=True)
class DamageStore:
    """Columns (n,) in order of `key`: damages by number from 1, EPSG:4326, last seen in days since 1970."""

    lon: Floats
    lat: Floats
    class_id: NDArray[np.int64]
    severity: NDArray[np.int64]
    state: NDArray[np.int64]
    confidence: Floats
    day: NDArray[np.int64]
    key: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        key = tile_key(self.lon, self.lat)
        order = np.argsort(key, kind="stable")
        object.__setattr__(self, "key", key[order])
        for name in ("lon", "lat", "class_id", "severity", "state", "confidence", "day"):
            object.__setattr__(self, name, getattr(self, name)[order])

    @cached_property
    def kind(self) -> NDArray[np.int64]:
        """Class and severity in one number."""
        return self.class_id * len(SEVERITIES) + self.severity

    @cached_property
    def precomputed(self) -> dict[int, tuple[NDArray[np.int64], NDArray[np.int64], Floats]]:
        """By shift: cells in order, counts (cells, kinds), and means (cells, kinds, lon and lat) times those."""
        levels = {}
        for zoom in range(PRECOMPUTED_ZOOM + 1):
            shift = cluster_shift(zoom)
            cells, of = np.unique(self.key >> shift, return_inverse=True)
            at = of * KINDS + self.kind
            shape, size = (len(cells), KINDS), len(cells) * KINDS
            counts = np.bincount(at, minlength=size).reshape(shape)
            sums = [np.bincount(at, place, minlength=size).reshape(shape) for place in (self.lon, self.lat)]
            levels[shift] = (cells, counts.astype(np.int64), np.stack(sums, -1).astype(float))
        return levels

    def answer(self, asked: Question) -> dict[str, Any]:
        """Points where there are few, else clusters, and how many damages of the view pass the filter."""
        ranges = viewport_ranges(*asked.bbox)
        if asked.zoom <= PRECOMPUTED_ZOOM and asked.by_kind_alone:
            told = self._beforehand(asked, ranges)
            if told["total"] > MOST_POINTS:
                return told
        rows = self._rows(asked, ranges)
        if len(rows) <= MOST_POINTS:
            return {"total": len(rows), "points": self._points(rows)}
        shift = cluster_shift(asked.zoom)
        cells, of = np.unique(self.key[rows] >> shift, return_inverse=True)
        by_class = np.bincount(of * len(CLASSES) + self.class_id[rows], minlength=len(cells) * len(CLASSES))
        count = np.bincount(of)
        lon, lat = (np.bincount(of, place[rows]) / count for place in (self.lon, self.lat))
        return {"total": len(rows), "clusters": _clusters(lon, lat, by_class.reshape(-1, len(CLASSES)))}

    def record(self, number: int) -> dict[str, Any]:
        """All that is known of one damage. Raises KeyError where there is none."""
        if not 1 <= number <= len(self.key):
            raise KeyError(number)
        row = number - 1
        seen = {
            "drive": "made", "time": int(self.day[row]) * DAY_S, "at_s": None, "confidence": self.confidence[row],
            "frames": 3, "length": 1.0, "length_sd": 0.2, "width": 0.5, "width_sd": 0.1, "area": None,
            "area_sd": None, "evidence": "", "crop": "", "best": True,
        }  # fmt: skip
        return {
            "number": number, "class": int(self.class_id[row]), "severity": int(self.severity[row]),
            "state": int(self.state[row]), "confidence": self.confidence[row], "still_there": 0.9, "passes": 1,
            "lon": self.lon[row], "lat": self.lat[row], "major_m": 5.0, "minor_m": 3.0, "bearing_deg": 30,
            "road": "", "chainage_m": None, "growth": None, "growth_sd": None, "sightings": [seen], "missed": [],
        }  # fmt: skip

    def _rows(self, asked: Question, ranges: list[tuple[int, int]]) -> NDArray[np.intp]:
        bounds = np.searchsorted(self.key, np.array(ranges, np.int64).reshape(-1, 2))
        rows = np.concatenate([np.zeros(0, np.intp), *(np.arange(*span) for span in bounds)])
        west, south, east, north = asked.bbox
        lon, lat = self.lon[rows], self.lat[rows]
        keep = (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)
        for column, chosen in (
            (self.class_id, asked.class_), (self.severity, asked.severity), (self.state, asked.state),
        ):  # fmt: skip
            keep &= np.isin(column[rows], list(chosen))
        keep &= self.confidence[rows] >= asked.confidence
        keep &= (self.day[rows] >= asked.days[0]) & (self.day[rows] <= asked.days[1])
        return np.asarray(rows[keep], np.intp)

    def _points(self, rows: NDArray[np.intp]) -> dict[str, list[Any]]:
        columns = {
            "number": rows + 1,
            "lon": np.round(self.lon[rows], 7),
            "lat": np.round(self.lat[rows], 7),
            "class": self.class_id[rows],
            "severity": self.severity[rows],
            "confidence": np.round(100 * self.confidence[rows]).astype(int),
        }
        return {name: column.tolist() for name, column in columns.items()}

    def _beforehand(self, asked: Question, ranges: list[tuple[int, int]]) -> dict[str, Any]:
        """Clusters of whole cells, so that those at the edges count what lies just outside too."""
        shift = cluster_shift(asked.zoom)
        cells, counts, sums = self.precomputed[shift]
        first = [np.searchsorted(cells, low >> shift) for low, _ in ranges]
        last = [np.searchsorted(cells, (high - 1 >> shift) + 1) for _, high in ranges]
        which = [np.arange(a, b) for a, b in zip(first, last, strict=True)]
        rows = np.unique(np.concatenate([np.zeros(0, np.intp), *which]))
        kinds = [one * len(SEVERITIES) + size for one in asked.class_ for size in asked.severity]
        chosen = counts[rows][:, kinds]
        by_class = np.zeros((len(rows), len(CLASSES)), np.int64)
        np.add.at(by_class.T, np.array(kinds, np.intp) // len(SEVERITIES), chosen.T)
        count = by_class.sum(1)
        lon, lat = (sums[rows][:, kinds].sum(1) / np.maximum(count, 1)[:, None]).T
        west, south, east, north = asked.bbox
        keep = (count > 0) & (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)
        return {"total": int(count[keep].sum()), "clusters": _clusters(lon[keep], lat[keep], by_class[keep])}


def _clusters(lon: Floats, lat: Floats, by_class: NDArray[np.int64]) -> dict[str, list[Any]]:
    return {
        "lon": np.round(lon, 6).tolist(),
        "lat": np.round(lat, 6).tolist(),
        "count": by_class.sum(1).tolist(),
        "class": by_class.tolist(),
    }


def made_store(count: int, seed: int = 0) -> DamageStore:
    """So many damages along the streets of a made region of 36 km, each street 15 m of one damage."""
    rng = np.random.default_rng(seed)
    place = rng.uniform(0, 0.36, (count, 2))
    across = rng.random(count) < 0.5
    street = np.round(place / 0.0012) * 0.0012 + rng.normal(0, 1.5e-5, (count, 2))
    lon, lat = np.where(across, place[:, 0], street[:, 0]), np.where(across, street[:, 1], place[:, 1])
    return DamageStore(
        139.5 + lon, 35.5 + lat, rng.integers(0, len(CLASSES), count), rng.choice(3, count, p=[0.5, 0.35, 0.15]),
        rng.choice(3, count, p=[0.85, 0.1, 0.05]), rng.uniform(0.2, 1, count).round(3),
        rng.integers(20_000, 20_400, count),
    )  # fmt: skip


class DamageApp:
    """ASGI: `/` is the page, `/damages` answers questions, `/damages/NUMBER` tells of one."""

    def __init__(self, store: DamageStore, page: str) -> None:
        self.store, self.page = store, page.encode()

    async def __call__(self, scope: Message, receive: object, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        status, kind, body = self._answered(scope["path"], scope["query_string"].decode())
        headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _answered(self, path: str, query: str) -> tuple[int, bytes, bytes]:
        if path == "/":
            return 200, b"text/html; charset=utf-8", self.page
        try:
            if path == "/damages":
                told = self.store.answer(question(parse_qs(query, keep_blank_values=True)))
            else:
                told = self.store.record(int(path.removeprefix("/damages/")))
        except KeyError:
            return 404, b"text/plain", b"not found"
        except ValueError:
            return 400, b"text/plain", b"not understood"
        return 200, b"application/json", json.dumps(told, separators=(",", ":")).encode()


@contextmanager
def served(app: DamageApp) -> Iterator[str]:
    """Serve on this machine alone, in a thread of its own; gives the address of the page."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.02)
    try:
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.should_exit = True
        thread.join(10)
