"""What of a drive's footage was erased on request: it is never shown nor written again, whichever model runs.

A picture that was erased, or of which an area was covered, stands for the second before and after it too: footage that
is opened there, or run again, has other frames, in which nobody knows where the person is. Those are not shown at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from roaddamage.records.models import Drive, Erased

AROUND_S = 1.0
HALF_S = 0.0005
"""Times of one picture, as seconds and as milliseconds, differ by no more."""
Area = tuple[float, float, float, float]
"""Shares of a picture's width and height: x1, y1, x2, y2."""
WHOLE: Area = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True)
class Hidden:
    """What is not shown of a drive."""

    rows: Sequence[Erased] = ()

    def areas_at(self, time_s: float) -> list[Area]:
        """What is not shown of the picture at that time; `WHOLE` alone where nothing is."""
        near = [row for row in self.rows if row.begin_s is not None and row.end_s is not None]
        near = [row for row in near if row.begin_s <= time_s <= row.end_s]  # type: ignore[operator]
        same = [row for row in near if row.xyxy and abs((row.time_ms or 0) / 1000 - time_s) <= 2 * HALF_S]
        if near and (not same or any(row.xyxy is None for row in near)):
            return [WHOLE]
        return [area_of(row.xyxy) for row in same if row.xyxy]

    def whole_at(self, time_s: float) -> bool:
        """Whether the picture at that time is not shown at all."""
        return self.areas_at(time_s) == [WHOLE]


def hidden_of(drive: Drive | int) -> Hidden:
    """What is not shown of a drive, as of now."""
    return Hidden(list(Erased.objects.filter(drive=drive)))


def area_of(shares: Sequence[float]) -> Area:
    """As the records keep it."""
    x1, y1, x2, y2 = (float(share) for share in shares)
    return x1, y1, x2, y2
