"""The application's pages with a city in the records: milliseconds of the server, the map in Chromium, memory.

    python -m benchmarks.records_pages [--damages 1000000] [--without-map]

Once on SQLite and once on a PostgreSQL of its own (`scripts/with-postgresql`), each filled anew with a made city
(`benchmarks.recorded_city`): 2,000 drives, for each ten open damages one that is repaired or rejected, two of five
decided on. The application runs as `roaddamage serve` does. Every time is the median of three, beside its limit; a
row over its limit is marked, and the command then ends with status 1. `--here FOLDER` measures one database alone:
that of DATABASE_URL, else SQLite in the folder, which is filled where it is empty and kept.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from html import unescape
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from benchmarks import records_map
from benchmarks.recorded_city import USER

PORT = 8_931
ROUNDS = 3
PAGE_MS, CSV_BEGINS_MS, GROWTH_MIB = 500.0, 1_000.0, 64.0
"""Limits: of a page, of a download's first byte, and of what memory it may take."""
PAGES = {
    "home": "/", "drives": "/drives/", "a drive": "/drives/7/", "figures, 13 weeks": "/figures/",
    "figures, 104 weeks": "/figures/?weeks=104", "review": "/review/", "review, gone": "/review/?state=gone",
    "review, back": "/review/?state=back", "review, a class": "/review/?class=3",
    "review, a drive": "/review/?drive=7", "review, a card": "/review/{plain}/",
    "a damage": "/damages/{plain}/", "a damage, 190 passes": "/damages/{busy}/", "its record on the map": "/map/damages/{busy}",
    "work lists": "/work-lists/", "new work list": "/work-lists/new/", "around a damage": "/work-lists/new/?around={plain}",
    "a work list": "/work-lists/1/", "a stop": "/stops/1/", "log": "/log/", "log, one action": "/log/?action=damage.confirm",
    "log, deep": "/log/?page=9999", "the map's frame": "/map/frame/",
}  # fmt: skip
SORTS = ("priority", "severity", "confidence", "last_seen", "first_seen", "due", "number")
FILTERS = (
    "class=3", "class=3&severity=2", "people=confirmed", "people=confirmed,scheduled&class=1&confidence=0.7",
    "people=repaired,rejected", "confidence=0.9&state=1", "confidence=0.999&class=2&severity=2&people=scheduled",
    "from={recent}", "from={recent}&to={recent}", "assignee=nobody&people=scheduled", "drive=7", "drive=1900",
    "area=139.60,35.60,139.64,35.60,139.64,35.63,139.60,35.63",
)  # fmt: skip


@dataclass
class Told:
    """What was measured; `over` are those that took longer than they may."""

    over: list[str] = field(default_factory=list)

    def row(self, name: str, value: float, limit: float, unit: str = "ms") -> None:
        """Print one measure beside its limit."""
        late = value > limit
        if late:
            self.over.append(name)
        print(
            f"  {name:58} {value:8.0f} {unit} = {value / limit:5.2f} of {limit:.0f}{'  OVER' if late else ''}",
            flush=True,
        )


class Server:
    """The application in a process of its own, asked by somebody who is logged in."""

    def __init__(self, workspace: Path) -> None:
        command = [sys.executable, "-m", "roaddamage", "serve", "--workspace", str(workspace)]
        command += ["--port", str(PORT), "--workers", "0"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        self.cookie = _session()
        for _ in range(600):
            try:
                self.get("/login/")
                return
            except OSError:
                time.sleep(0.1)
        raise SystemExit("the application does not answer")

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{PORT}"

    def get(self, path: str) -> tuple[str, float]:
        """A page, and the milliseconds until it was there. Exits where there is none."""
        began = time.perf_counter()
        with self._asked(path) as answer:
            body = answer.read().decode()
        return body, 1000 * (time.perf_counter() - began)

    def download(self, path: str) -> tuple[float, float, int]:
        """Milliseconds to the first byte of a download, seconds to the last, and its bytes."""
        began, size = time.perf_counter(), 0
        with self._asked(path) as answer:
            size += len(answer.read(1))
            first_ms = 1000 * (time.perf_counter() - began)
            while piece := answer.read(2**16):
                size += len(piece)
        return first_ms, time.perf_counter() - began, size

    @contextmanager
    def _asked(self, path: str) -> Iterator[Any]:
        connection = HTTPConnection("127.0.0.1", PORT, timeout=600)
        try:
            connection.request("GET", path, headers={"Cookie": f"sessionid={self.cookie}; language=ja"})
            answer = connection.getresponse()
            if answer.status != 200:
                raise SystemExit(f"{path}: {answer.status}")
            yield answer
        finally:
            connection.close()

    def memory_mib(self) -> tuple[float, float]:
        """What the process holds now, and held at most."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        now, most = (int(re.search(rf"{name}:\s+(\d+)", status)[1]) / 1024 for name in ("VmRSS", "VmHWM"))  # type: ignore[index]
        return now, most

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(20)


def _session() -> str:
    """A log-in's cookie."""
    from django.contrib.auth.models import User
    from django.test import Client

    client = Client()
    client.force_login(User.objects.get(username=USER), "django.contrib.auth.backends.ModelBackend")
    return client.cookies["sessionid"].value


def measure(workspace: Path, told: Told, with_map: bool) -> None:
    """Print what everything takes on the database in use."""
    from django.db.models import Max
    from django.utils import timezone

    from roaddamage.records.models import Damage

    rows = Damage.objects.filter(state="proposed")
    known = {
        "plain": rows.filter(passes=1).aggregate(Max("pk"))["pk__max"],
        "busy": rows.order_by("-passes").values_list("pk", flat=True)[0],
        "recent": (timezone.now() - timedelta(days=60)).date().isoformat(),
    }  # fmt: skip
    server = Server(workspace)
    try:
        server.get("/damages/")  # what is loaded once
        for name, path in PAGES.items():
            told.row(name, _median(server, path.format(**known)), PAGE_MS)
        for sort in SORTS:
            _paged(server, told, f"/damages/?sort={sort}")
        for query in FILTERS:
            told.row(f"list, {query}", _median(server, f"/damages/?{query.format(**known)}"), PAGE_MS)
        before, _ = server.memory_mib()
        first_ms, took_s, size = server.download("/damages/list.csv?sort=last_seen")
        told.row("CSV of all, until its first byte", first_ms, CSV_BEGINS_MS)
        print(f"  CSV of all: {size / 2**20:.0f} MiB in {took_s:.0f} s")
        told.row("memory it took", server.memory_mib()[0] - before, GROWTH_MIB, "MiB")
        if with_map:
            records_map.look(server.address, server.cookie, told.row, known["recent"])
        print("  server: {:.0f} MiB, at most {:.0f}".format(*server.memory_mib()), flush=True)
    finally:
        server.close()


def _median(server: Server, path: str) -> float:
    return statistics.median(server.get(path)[1] for _ in range(ROUNDS))


def _paged(server: Server, told: Told, path: str) -> None:
    """The first page of an order, the next, the last and the one before that, as their links have it."""
    page, _ = server.get(path)
    told.row(f"list, {path}: first", _median(server, path), PAGE_MS)
    for name, link in (("next", 'rel="next"'), ("last", "&amp;last"), ("before that", 'rel="prev"')):
        found = next((one for one in re.findall(r"<a [^>]*>", page) if link in one), None)
        if found is None:
            return  # a small city has one page
        path = urljoin(path, unescape(found.partition('href="')[2].partition('"')[0]))
        page, _ = server.get(path)
        told.row(f"list, {name}", _median(server, path), PAGE_MS)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--damages", type=int, default=1_000_000)
    parser.add_argument("--without-map", action="store_true")
    parser.add_argument("--here", type=Path, metavar="FOLDER", help="one database alone")
    options = parser.parse_args()
    if options.here:
        sys.exit(_here(options.here, options.damages, not options.without_map))
    starter = Path(__file__).parents[1] / "scripts" / "with-postgresql"
    plain = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    over = 0
    for begin in ([], [str(starter)]):
        with tempfile.TemporaryDirectory() as folder:
            command = [
                *begin,
                sys.executable,
                "-m",
                "benchmarks.records_pages",
                *sys.argv[1:],
                "--here",
                folder,
            ]
            over |= subprocess.run(command, env=plain, check=False).returncode
    sys.exit(over)


def _here(folder: Path, damages: int, with_map: bool) -> int:
    """Measure the database in use; the exit status."""
    from roaddamage.server import prepare

    prepare(folder)
    from django.db import connection

    from benchmarks.recorded_city import fill
    from roaddamage.records.models import Damage

    if not Damage.objects.exists():
        began = time.perf_counter()
        fill(damages)
        print(f"filled in {time.perf_counter() - began:.0f} s")
    told = Told()
    print(
        f"{connection.vendor}: {Damage.objects.count():,} damages; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )
    measure(folder, told, with_map)
    print(f"  over their limits: {len(told.over)}")
    return 1 if told.over else 0


if __name__ == "__main__":
    main()
