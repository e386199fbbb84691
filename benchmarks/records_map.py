"""The map from the records in headless Chromium: until its page is ready, pans, and the server's answers by zoom.

A part of `python -m benchmarks.records_pages`. Medians of three.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

from benchmarks.map_page import browsers

ROUNDS = 3
READY_MS, PAN_MS = 1_500.0, 200.0
"""How long it may take at a million damages, at every zoom."""
WIDE = (1_280 * 1.2, 800 * 1.2)
PANNED = (0, 5, 8, 10, 11, 12, 13, 14, 15, 16, 17, 18)
"""Zooms; 0 is the one that the page opens with."""
LOOKS = (5, 8, 10, 12, 13, 14, 15, 16, 17, 18)
Row = Callable[[str, float, float], None]
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


def look(address: str, cookie: str, row: Row, recent: str) -> None:
    """Tell what Chromium sees, and how long the server takes for each zoom; `recent` is a day of the latest drives."""
    for browser in browsers():
        context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="ja")
        context.add_cookies([{"name": "sessionid", "value": cookie, "url": address}])
        page = context.new_page()
        ready, pans = _seen(page, address)
        row("map, until it is ready", ready, READY_MS)
        for zoom, took_ms in pans.items():
            row(f"map, a pan at {f'zoom {zoom}' if zoom else 'first'}", took_ms, PAN_MS)
        for also in ("", "&confidence=0.5", "&people=confirmed", f"&from={recent}"):
            for zoom in LOOKS:
                row(
                    f"map, answer at zoom {zoom}{' with ' + also[1:] if also else ''}",
                    _asked(page, address, zoom, also),
                    PAN_MS,
                )
        context.close()


def _seen(page: Any, address: str) -> tuple[float, dict[int, float]]:
    ready, pans = list[float](), dict[int, list[float]]()
    for _ in range(ROUNDS):
        began = time.perf_counter()
        page.goto(f"{address}/map/")
        frame = page.frame(url="**/map/frame/**")
        frame.wait_for_selector("html[data-ready]", state="attached", timeout=120_000)
        ready.append(1000 * (time.perf_counter() - began))
        for zoom in PANNED:
            if zoom:
                frame.evaluate(f"RoadDamage.page.map.setView([35.68, 139.68], {zoom}, {{animate: false}})")
                page.wait_for_timeout(700)
            pans.setdefault(zoom, []).append(frame.evaluate(PAN))
    return statistics.median(ready), {zoom: statistics.median(times) for zoom, times in pans.items()}


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
