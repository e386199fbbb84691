"""Problems: errors kept in the records, told later in the language of who reads them, in the words of a page."""

from __future__ import annotations

import re
from pathlib import Path

from detector.errors import N_, RoadDamageError, Translate, filled
from detector.forms import CPU_ONLY, NEEDS_CUDA
from detector.model import NO_DEVICE, NO_MEMORY
from detector.pipeline import NO_OVERLAP
from detector.telemetry.clock import APART, LONG_LOG
from detector.telemetry.delimited import NO_COLUMNS
from detector.video_drive import NO_GPS
from roaddamage import model_faults

IN_PAGE = {
    APART: N_(
        "The GPS log does not overlap the video in time: the log runs from {log_start} to {log_end}, the video from"
        " {video_start} to {video_end} (UTC). Attach the log of this trip, or correct the clock on the drive's page."
    ),
    LONG_LOG: N_(
        "The GPS log covers {log} s and the video {video} s, and the video does not say when it began. Attach the log"
        " of this trip, or say on the drive's page that they begin together, and slide the track from there."
    ),
    NO_OVERLAP: N_(
        "The GPS log does not overlap the footage {path} in time. Correct its clock on the drive's page, or attach the"
        " log of this trip."
    ),
    NO_GPS: N_("{path} has no GPS, and no log came with it. Attach its log ({kinds}) on the drive's page."),
    NO_COLUMNS: N_(
        "{path} has no columns that can be told to be latitude, longitude and time (its headings: {headings}). Call"
        " them lat, lon and time (known are {names}), or attach the log as GPX."
    ),
    NEEDS_CUDA: N_(
        "The model in use runs on an NVIDIA GPU only, and this server has none. Ask who looks after the server."
    ),
    NO_MEMORY: N_(
        "{device} has too little memory for {count} pictures at once. Try again when nothing else uses it, or ask who"
        " looks after the server."
    ),
    NO_DEVICE: N_(
        "This server has no {device} (CUDA devices there: {count}). Ask who looks after the server."
    ),
    CPU_ONLY: N_("{path} can't run on {device} on this server. Ask who looks after it for another model."),
    **model_faults.IN_PAGE,
}
"""What a page says in place of what names an option of the command line."""


BATCH = re.compile(r"^(footage/)?[0-9a-f]{32}/")
"""Where a batch's files lie, which no reader of a page knows."""


def problem(error: RoadDamageError, folder: Path | None = None) -> dict[str, object]:
    """An error as JSON; paths in `folder` lose what a reader of a page need not know."""
    values = {name: _plain(value, folder) for name, value in error.values.items()}
    return {"template": IN_PAGE.get(error.template, error.template), "values": values}


def _plain(value: object, folder: Path | None) -> object:
    if isinstance(value, bool | int | float):
        return value
    text = str(value)
    return BATCH.sub("", text.replace(f"{folder}/", "").replace(str(folder), "")) if folder else text


def told(kept: dict[str, object], translate: Translate) -> str:
    """The message, translated."""
    template, values = str(kept.get("template", "")), kept.get("values")
    return filled(template, values, translate) if template and isinstance(values, dict) else ""
