"""The map from the records: seconds until its page is ready, milliseconds of a pan, and server times by zoom.

    python -m benchmarks.records_map [--damages 1000000] [--database URL ...]

Damages lie along made streets (`benchmarks.damage_store.made_store`) in a workspace of its own; each database is filled
anew, and must be empty: SQLite always, PostgreSQL where its URL is given or its server is installed. The application
runs as `roaddamage serve` does, headless Chromium opens its map. Medians of three.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PORT = 8_931
USER, PASSWORD = "benchmark", "benchmark-1-secret"
ROUNDS = 3
BATCH = 20_000
WIDE = (1_280 * 1.2, 800 * 1.2)
LOOKS = (5, 8, 10, 12, 13, 14, 15, 16, 17, 18)
STRICTER = ("", "&confidence=0.5", "&people=confirmed", "&from=2024-10-10")
PAN = """async () => {
    const page = RoadDamage.page, times = [];
    for (let turn = 0; turn < 3; turn++) {
        const before = page.drawnAt, begin = performance.now();
        page.map.panBy([turn % 2 ? -480 : 480, 300], {animate: false});
        while (page.drawnAt === before) await new Promise(requestAnimationFrame);
        times.push(performance.now() - begin);
    }
    return times.sort((a, b) => a - b)[1];
}"""


def fill(count: int) -> None:
    """Put so many damages, one drive and one user into the records; Django is set up."""
    import numpy as np
    from django.contrib.auth.models import Group, User
    from django.db import connection

    from benchmarks.damage_store import made_store
    from roaddamage.records import cells
    from roaddamage.records.models import Damage, Drive
    from roaddamage.records.rows import moment

    user = User.objects.create_user(USER, password=PASSWORD)
    user.groups.add(Group.objects.get(name="engineer"))
    Drive.objects.create(
        name="made", digest="made", by=user, state=Drive.State.done, west=139.5, south=35.5, east=139.86,
        north=35.86, metres=1e6,
    )  # fmt: skip
    store = made_store(count)
    states = np.random.default_rng(1).choice(["proposed", "confirmed", "scheduled"], count, p=[0.6, 0.3, 0.1])
    for first in range(0, count, BATCH):
        Damage.objects.bulk_create([
            Damage(
                class_id=int(store.class_id[k]), severity=int(store.severity[k]), belief=int(store.state[k]),
                confidence=float(store.confidence[k]), lon=float(store.lon[k]), lat=float(store.lat[k]),
                tile_key=int(store.key[k]), var_east_m2=4.0, cov_east_north_m2=0.0, var_north_m2=4.0,
                length_m=1.0, length_sd_m=0.2, width_m=0.5, width_sd_m=0.1, state=str(states[k]),
                priority=float(store.confidence[k]) * 60, first_seen=moment(float(store.day[k]) * 86_400),
                last_seen=moment(float(store.day[k]) * 86_400),
            )
            for k in range(first, min(first + BATCH, count))
        ])  # fmt: skip
    cells.rebuild()
    with connection.cursor() as cursor:  # as autovacuum, and SQLite's own upkeep, would in time
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")


@contextmanager
def served(workspace: Path, environment: dict[str, str]) -> Iterator[str]:
    """The application in a process of its own; its address."""
    command = [sys.executable, "-m", "roaddamage", "serve", "--workspace", str(workspace)]
    command += ["--port", str(PORT), "--workers", "0"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        _wait(f"http://127.0.0.1:{PORT}/login/")
        yield f"http://127.0.0.1:{PORT}"
    finally:
        process.terminate()
        process.wait(20)


def _wait(address: str) -> None:
    from urllib.request import urlopen

    for _ in range(600):
        try:
            with urlopen(address):  # noqa: S310  (http, this machine)
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the application does not answer")


@contextmanager
def postgresql(folder: Path) -> Iterator[str | None]:
    """A server of its own, as a user who is not root; None where none is installed."""
    found = [*sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")), shutil.which("initdb")]
    if not found[0]:
        yield None
        return
    tools, data = Path(found[0]).parent, folder / "postgresql"
    data.mkdir()
    own: list[str | Path] = (
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.getuid() == 0 else []
    )
    if own:
        folder.chmod(0o755)
        shutil.chown(data, 65534, 65534)
    options = (
        f"-p {PORT + 1} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off -c jit=off"
    )
    quiet: dict[str, Any] = {"check": True, "stdout": subprocess.DEVNULL, "cwd": data}
    subprocess.run([*own, tools / "initdb", "-D", data, "-U", "postgres", "-A", "trust"], **quiet)
    start = [*own, tools / "pg_ctl", "-D", data, "-w", "-l", data / "log", "-o", options, "start"]
    subprocess.run(start, **quiet)
    try:
        yield f"postgresql://postgres@127.0.0.1:{PORT + 1}/postgres"
    finally:
        subprocess.run([*own, tools / "pg_ctl", "-D", data, "-m", "fast", "stop"], **quiet)


def look(browser: Any, address: str) -> None:
    """Print what Chromium sees, and how long the server takes for each zoom and filter."""
    page = browser.new_context(viewport={"width": 1280, "height": 800}, locale="ja").new_page()
    page.goto(f"{address}/login/")
    page.fill("input[name=username]", USER)
    page.fill("input[name=password]", PASSWORD)
    page.click("main button")
    ready, pans = list[float](), dict[int, list[float]]()
    for _ in range(ROUNDS):
        began = time.perf_counter()
        page.goto(f"{address}/map/")
        frame = page.frame(url="**/map/frame/**")
        frame.wait_for_selector("html[data-ready]", state="attached", timeout=120_000)
        ready.append(time.perf_counter() - began)
        for zoom in (0, 12, 14, 16, 18):
            if zoom:
                frame.evaluate(f"RoadDamage.page.map.setView([35.68, 139.68], {zoom}, {{animate: false}})")
                page.wait_for_timeout(700)
            pans.setdefault(zoom, []).append(frame.evaluate(PAN))
    print(f"  page ready {statistics.median(ready):.2f} s")
    told = ", ".join(f"{zoom or 'at first'}: {statistics.median(times):.0f}" for zoom, times in pans.items())
    print(f"  pan, ms by zoom: {told}", flush=True)
    for also in STRICTER:
        row = [f"{zoom}: {_asked(page, address, zoom, also):.0f}" for zoom in LOOKS]
        print(f"  answer, ms by zoom{' with ' + also[1:] if also else ''}: {', '.join(row)}", flush=True)
    times = []
    for path in (
        "/damages/",
        "/damages/?sort=last_seen",
        "/damages/?class=3&people=confirmed",
        "/damages/?page=19000",
    ):
        began = time.perf_counter()
        assert page.request.get(address + path).ok  # noqa: S101
        times.append(f"{path}: {1000 * (time.perf_counter() - began):.0f}")
    print(f"  list, ms: {', '.join(times)}", flush=True)


def _asked(page: Any, address: str, zoom: int, also: str) -> float:
    wide, high = (pixels * 360 / 256 / 2**zoom / 2 for pixels in WIDE)
    box = ",".join(
        f"{value:.6f}" for value in (139.68 - wide, 35.68 - high * 0.81, 139.68 + wide, 35.68 + high * 0.81)
    )
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        answer = page.request.get(f"{address}/map/damages?bbox={box}&zoom={zoom}{also}")
        times.append(1000 * (time.perf_counter() - began))
        assert answer.ok, answer.text()  # noqa: S101
    return statistics.median(times)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--damages", type=int, default=1_000_000)
    parser.add_argument("--database", nargs="*", default=[])
    parser.add_argument("--fill", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.fill:
        from roaddamage.server import prepare

        prepare(options.fill)
        fill(options.damages)
        return
    from benchmarks.map_page import browsers

    with tempfile.TemporaryDirectory() as name, postgresql(Path(name)) as own:
        for browser in browsers():
            for number, url in enumerate(["", *options.database, *([own] if own else [])]):
                workspace = Path(name) / f"workspace-{number}"
                environment = {**os.environ, **({"DATABASE_URL": url} if url else {})}
                if not url:
                    environment.pop("DATABASE_URL", None)
                began = time.perf_counter()
                command = [sys.executable, "-m", "benchmarks.records_map", "--fill", str(workspace)]
                subprocess.run([*command, "--damages", str(options.damages)], env=environment, check=True)
                kind = "PostgreSQL" if url else "SQLite"
                print(f"{kind}: {options.damages:,} damages, filled in {time.perf_counter() - began:.0f} s")
                with served(workspace, environment) as address:
                    look(browser, address)


if __name__ == "__main__":
    main()
