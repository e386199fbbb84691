"""The files of a made drive, as a dashcam leaves them, and the truth beside them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import av
import gpxpy.gpx
import numpy as np
from numpy.typing import NDArray

from detector.telemetry.fixes import METRES_PER_DOP, Fixes

Truth = tuple[tuple[float, float], dict[str, object]]
"""A damage: lon, lat (EPSG:4326), and its properties."""


def write_video(
    path: Path,
    pictures: Iterable[NDArray[np.uint8]],
    size_px: tuple[int, int],
    rate: Fraction,
    begin: datetime,
) -> None:
    """Write pictures, (H, W, 3) uint8 RGB, as mp4; the file is there whole or not at all.

    `size_px` is width and height, both even. Raises OSError where the folder can't be written.
    """
    part = path.with_suffix(".part" + path.suffix)
    with av.open(str(part), "w", options={"movflags": "+faststart"}) as container:
        container.metadata["creation_time"] = begin.isoformat()
        stream = container.add_stream("libx264", rate=rate)
        stream.gop_size = max(round(rate), 1)  # a key frame a second, as dashcams write them
        stream.width, stream.height, stream.pix_fmt = *size_px, "yuv420p"
        # Its macroblock tree comes out differently by how the pictures happen to lie in memory.
        stream.options = {"preset": "veryfast", "crf": "24", "x264-params": "mbtree=0"}
        stream.thread_type = "AUTO"
        for picture in pictures:
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    part.rename(path)


def write_gpx(path: Path, fixes: Fixes, creator: str, version: str = "1.1") -> None:
    """Write fixes as a GPX track by their `utc_s`; speed and heading only in version 1.0, which has them."""
    document = gpxpy.gpx.GPX()
    document.creator = creator
    track = gpxpy.gpx.GPXTrack()
    segment = gpxpy.gpx.GPXTrackSegment()
    track.segments.append(segment)
    document.tracks.append(track)
    for row in range(len(fixes)):
        moment = datetime.fromtimestamp(float(fixes.utc_s[row]), UTC)
        point = gpxpy.gpx.GPXTrackPoint(
            round(float(fixes.lat[row]), 7), round(float(fixes.lon[row]), 7), time=moment
        )
        point.horizontal_dilution = round(float(fixes.accuracy_m[row]) / METRES_PER_DOP, 2)
        if version == "1.0":
            point.speed, point.course = fixes.speed_mps[row], fixes.heading_deg[row]
        segment.points.append(point)
    path.write_text(document.to_xml(version), encoding="utf-8")


def write_truth(path: Path, truths: Iterable[Truth]) -> None:
    """Write damages as GeoJSON points."""
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [round(lon, 7), round(lat, 7)]},
            "properties": properties,
        }
        for (lon, lat), properties in truths
    ]
    text = json.dumps({"type": "FeatureCollection", "features": features}, indent=1)
    path.write_text(text + "\n", encoding="utf-8")
