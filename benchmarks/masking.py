"""What masking costs: its share of a drive's time, and seconds a picture by size.

    python -m benchmarks.masking [--drive VIDEO] [--rounds 2]

A drive (the built-in sample, or one with its log in it or beside it) goes through the pipeline with masking and
without, by turns in one process, and the best of the rounds counts, so that other work on the machine disturbs both
alike. Elapsed time says what a crew waits for, as pictures are masked beside the pipeline; processor time what the
machine works for it. The aim is a share under 10 %. Pictures of other sizes are a frame of the drive, resized.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from unittest import mock

import cv2
import numpy as np

from datasets.sample_drive import write_sample_drive
from detector import pipeline
from detector.drive import Drive
from detector.footage import Refused, find_drives
from detector.masking import Masker
from detector.model import Model
from detector.private import Found, Image
from detector.telemetry.clock import Hints
from detector.trajectory import trajectory_from_fixes

SIZES = ((640, 360), (960, 540), (1280, 720), (1920, 1080), (3840, 2160))
AIM = 0.1


class Counting(Masker):
    """Masking as it is, which counts the pictures it looks at."""

    pictures = 0

    def find(self, image: Image) -> Found:
        """As `Masker.find`."""
        self.pictures += 1
        return super().find(image)


class Blind(Masker):
    """Masking that looks at nothing, and so finds nothing."""

    def __init__(self) -> None:
        """Without networks."""

    def find(self, image: Image) -> Found:
        """Nothing."""
        return Found(np.empty((0, 4), np.float32), (), np.empty(0, np.float32))


@dataclass(frozen=True)
class Cost:
    """Elapsed and processor seconds."""

    elapsed_s: float
    processor_s: float

    def best(self, other: Cost) -> Cost:
        """The lesser of both, each by itself."""
        return Cost(min(self.elapsed_s, other.elapsed_s), min(self.processor_s, other.processor_s))


NEVER = Cost(float("inf"), float("inf"))


def cost(work: Callable[[], object]) -> Cost:
    """What work costs."""
    elapsed, processor = time.perf_counter(), time.process_time()
    work()
    return Cost(time.perf_counter() - elapsed, time.process_time() - processor)


def drive_of(video: Path) -> Drive:
    """The drive of a video. Ends the program where it is none."""
    (drive,) = find_drives([video])
    if isinstance(drive, Refused):
        raise SystemExit(str(drive.error))
    return drive


def run(drive: Drive, model: Model, masker: Masker) -> None:
    """A drive through the pipeline, with its pictures."""
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.object(pipeline, "masker", return_value=masker),
    ):
        pipeline.detect_drive(drive, model, pipeline.Options(), Path(folder))


def told_of_drive(drive: Drive, rounds: int) -> str:
    """The share of masking in a drive's time."""
    model, masking = Model(), Counting()
    with_it = without = NEVER
    metres = trajectory_from_fixes(drive.fixes(Hints())).metres_driven(drive.duration_s)
    for _ in range(rounds):
        with_it = with_it.best(cost(partial(run, drive, model, masking)))
        without = without.best(cost(partial(run, drive, model, Blind())))
    shares = [
        1 - low / high
        for high, low in (
            (with_it.elapsed_s, without.elapsed_s),
            (with_it.processor_s, without.processor_s),
        )
    ]
    pictures = masking.pictures // rounds
    picture_s = (with_it.processor_s - without.processor_s) / max(pictures, 1)
    a_km_s = without.processor_s / (metres / 1000)
    most = AIM / (1 - AIM) * a_km_s / picture_s if pictures else float("inf")
    return (
        f"{drive.name}, {drive.duration_s:.0f} s, {metres:.0f} m: {pictures} pictures masked\n"
        f"elapsed    {with_it.elapsed_s:7.1f} s masked {without.elapsed_s:7.1f} s without  {shares[0]:6.1%}\n"
        f"processor  {with_it.processor_s:7.1f} s masked {without.processor_s:7.1f} s without  {shares[1]:6.1%}\n"
        f"under {AIM:.0%} of the processor's time up to {most:.0f} pictures a km; here {1000 * pictures / metres:.0f}"
    )


def told_of_sizes(drive: Drive, rounds: int) -> str:
    """Seconds a picture, by size."""
    masker, frame = Masker(), next(iter(drive.frames_at(np.array([drive.duration_s / 2])))).image
    lines = [f"{'a picture of':16}{'elapsed s':>10}{'processor s':>13}"]
    for size in SIZES:
        image = np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)
        spent = NEVER
        for _ in range(1 + rounds):
            spent = spent.best(cost(partial(masker.masked, image)))
        lines.append(f"{size[0]:5} x {size[1]:<8}{spent.elapsed_s:10.2f}{spent.processor_s:13.2f}")
    return "\n".join(lines)


def main() -> None:
    """Print both."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--drive", type=Path)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        drive = drive_of(options.drive or write_sample_drive(Path(folder)))
        print(told_of_sizes(drive, options.rounds), flush=True)
        print(told_of_drive(drive, options.rounds))


if __name__ == "__main__":
    main()
