"""KML 2.2 and Google's gx:Track (https://developers.google.com/kml/documentation/kmlreference)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

from detector.errors import N_, TelemetryError
from detector.telemetry.fixes import Fixes, Row, fixes_from_rows


def read_kml(path: Path) -> Fixes:
    """Fixes of the file's tracks and of its points that carry a time.

    Raises TelemetryError for a file that is not KML.
    """
    rows: list[Row] = []
    try:
        for _, element in ElementTree.iterparse(path):  # noqa: S314  (expat limits entities itself)
            kind = _plain(element)
            if kind == "Track":
                rows.extend(_track(element))
            elif kind == "Placemark":
                rows.extend(_placemark(element))
            if kind in ("Track", "Placemark"):
                element.clear()
    except ElementTree.ParseError as error:
        raise TelemetryError(
            N_("{path} is not a readable KML file ({reason}). Export the track again."),
            path=path,
            reason=error,
        ) from error
    return fixes_from_rows(rows, "kml")


def _plain(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _track(element: ElementTree.Element) -> list[Row]:
    """A gx:Track: as many moments as places, in order."""
    whens = [child.text or "" for child in element if _plain(child) == "when"]
    places = [child.text or "" for child in element if _plain(child) == "coord"]
    rows = (_row(when, place.split()) for when, place in zip(whens, places, strict=False))
    return [row for row in rows if row]


def _placemark(element: ElementTree.Element) -> list[Row]:
    """A single point with its TimeStamp."""
    texts = {_plain(child): child.text or "" for child in element.iter()}
    if "Point" not in texts or "when" not in texts:
        return []
    row = _row(texts["when"], texts.get("coordinates", "").strip().split(","))
    return [row] if row else []


def _row(when: str, place: list[str]) -> Row | None:
    try:
        moment = datetime.fromisoformat(when.strip())
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return {"lon": float(place[0]), "lat": float(place[1]), "utc_s": moment.timestamp()}
    except (ValueError, IndexError, OverflowError):
        return None
