"""A drive: one trip of one vehicle, whatever it was recorded with.

Videos and folders of pictures answer the same questions: how long, where (fixes), a few looks, and the
frames along the way.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from detector.errors import FootageError
from detector.lenses import Lens
from detector.telemetry.clock import Hints
from detector.telemetry.fixes import Fixes
from detector.trajectory import Trajectory
from detector.video import Frame


class Drive(Protocol):
    """One trip of one vehicle."""

    name: str
    path: Path

    @property
    def duration_s(self) -> float:
        """Seconds from the first frame to the last."""

    @property
    def faults(self) -> list[FootageError]:
        """What could not be read of it; empty when all could."""

    @property
    def incomplete(self) -> bool:
        """Whether part of the drive is missing for that reason."""

    def fixes(self, hints: Hints) -> Fixes:
        """The drive's fixes, tied to its own time."""

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height of its pictures."""

    @property
    def lens(self) -> Lens | None:
        """The lens, where the files tell which camera made them."""

    @property
    def frame_s(self) -> float:
        """Seconds from one picture to the next, roughly."""

    def looks(self, count: int) -> list[NDArray[np.uint8]]:
        """A few pictures spread over the drive, cheaply, as `detector.horizon.reduced` gives them."""

    def frames_at(self, times_s: NDArray[np.float64]) -> Iterator[Frame]:
        """The first picture at or after each of these ascending times, each once."""

    def frames(self, trajectory: Trajectory, every_m: float, device: str = "cpu") -> Iterator[Frame]:
        """The frames along the way, one about every `every_m` driven, none while parked.

        A CUDA `device` decodes them where it can.
        """
