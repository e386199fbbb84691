"""GPS inside the video file itself: the readers of each family, tried in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from detector.errors import N_, TelemetryError
from detector.telemetry.blackvue import read_nmea_boxes
from detector.telemetry.boxes import Container
from detector.telemetry.camm import read_camm
from detector.telemetry.clock import Tie
from detector.telemetry.cues import read_cues
from detector.telemetry.exiftool import read_exiftool
from detector.telemetry.fixes import Fixes, Row, fixes_from_rows, usable
from detector.telemetry.freegps import read_freegps
from detector.telemetry.gpmf import read_gpmf
from detector.telemetry.ssmd import holds_scrambled, read_ssmd
from detector.telemetry.transport_stream import read_transport_stream

READERS: tuple[tuple[str, Callable[[Container], list[Row]]], ...] = (
    ("gpmf", read_gpmf),
    ("camm", read_camm),
    ("ssmd", read_ssmd),
    ("cues", read_cues),
    ("transport stream", read_transport_stream),
    ("freegps", read_freegps),
    ("nmea boxes", read_nmea_boxes),
)
FEWEST_FIXES = 2
LEAP_S = 1.0
"""Further from its place in the count than this, a record's own time is not believed."""


def read_embedded(path: Path, duration_s: float) -> Fixes | None:
    """Fixes of the first reader that finds any, tied to the first frame; None where none does.

    Raises TelemetryError for positions that are there but scrambled, and for a file that can't be
    read.
    """
    try:
        with path.open("rb") as file:
            container = Container(file)
            for name, rows in _found(container, path):
                if len(rows) >= FEWEST_FIXES:
                    fixes = fixes_from_rows(rows, name)
                    return _tied(fixes, rows, duration_s, _first_frame_s(container))
            if holds_scrambled(container):
                raise TelemetryError(
                    N_(
                        "{path} holds GPS that its maker has scrambled (LigoGPS). Export the track with"
                        " the maker's viewer, and put it beside the video."
                    ),
                    path=path,
                )
    except OSError as error:
        raise TelemetryError(
            N_("{path} can't be read: {reason}."), path=path, reason=error.strerror
        ) from error
    return None


def _found(container: Container, path: Path) -> Iterator[tuple[str, list[Row]]]:
    """What each reader finds, as far as anyone asks."""
    for name, reader in READERS:
        yield name, usable(reader(container))
    yield "exiftool", read_exiftool(path)


def _first_frame_s(container: Container) -> float:
    """When the first frame is shown, on the movie's timeline; frames an edit list cuts off aside."""
    for track in container.tracks():
        if track.handler == b"vide" and track.samples:
            shown = [sample.time_s for sample in track.samples[:600] if sample.time_s > -1e-3]
            return min(shown, default=0.0)
    return 0.0


def _tied(fixes: Fixes, rows: list[Row], duration_s: float, first_frame_s: float) -> Fixes:
    """Media time and UTC of every fix, tied by the median over all of them.

    A late first fix, or a clock that leaps once it has one, moves a median little; the first fix
    alone may be seconds off.
    """
    if np.isfinite(fixes.time_s).all():
        time_s = fixes.time_s - first_frame_s
        clock = Tie.fix
    elif any("nominal_s" in row for row in rows):
        nominal = np.array([row.get("nominal_s", np.nan) for row in rows])
        time_s = fixes.utc_s - np.nanmedian(fixes.utc_s - nominal)
        leapt = np.abs(time_s - nominal) > LEAP_S  # the device's clock was wrong then, its counting not
        time_s = np.where(leapt, nominal, time_s)
        clock = Tie.records
    else:
        even = np.arange(len(fixes)) / len(fixes)
        share = [row.get("share", place) for row, place in zip(rows, even, strict=True)]
        time_s = np.array(share, float) * duration_s
        clock = Tie.even
    apart = fixes.utc_s - time_s
    if not np.isfinite(apart).any():
        return replace(fixes, time_s=time_s, clock=clock)
    zero_s = float(np.nanmedian(apart))
    residual_s = float(np.nanmedian(np.abs(apart - zero_s)))
    return replace(fixes, time_s=time_s, utc_s=time_s + zero_s, clock=clock, clock_residual_s=residual_s)
