"""Tables as KML, for Google Earth: a folder a table, a placemark a row that says what its columns hold.

Written with the standard library: GDAL's driver has one layer a file, and nothing to read for people.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.sax.saxutils import XMLGenerator
from xml.sax.xmlreader import AttributesImpl

import pandas
import shapely
from pyproj import CRS

from detector.classes import CLASSES
from detector.errors import Translate
from maps.coordinates import WGS84, Layer, in_coordinates
from maps.tables import TITLES, Tables

LINE_PX = 4
LINES, HOT = "lines", "hot"
DIAGNOSES = {"Ⅰ": "diagnosis-1", "Ⅱ": "diagnosis-2", "Ⅲ": "diagnosis-3"}
COLOURS = {
    **{row.code: row.colour for row in CLASSES},
    **dict(
        zip(
            (LINES, *DIAGNOSES.values(), HOT),
            ("#6f7782", "#3d93c4", "#f0a000", "#a3001f", "#7b2d8b"),
            strict=True,
        )
    ),
}
"""Colour by style, those of the map page: points by class, segments by diagnosis, hot spots, and other lines."""


def write_kml(path: Path, tables: Tables, translate: Translate) -> None:
    """KML 2.2 (OGC 07-147r2), EPSG:4326. Texts of data are text in the descriptions, never markup.

    Raises OSError where the file can't be written.
    """
    with path.open("wb") as file:
        xml = XMLGenerator(file, "utf-8", short_empty_elements=True)
        xml.startDocument()
        with _element(xml, "kml", xmlns="http://www.opengis.net/kml/2.2"), _element(xml, "Document"):
            for name, colour in COLOURS.items():
                _write_style(xml, name, colour)
            for layer in in_coordinates(tables, CRS.from_epsg(WGS84)):
                with _element(xml, "Folder"):
                    _write(xml, "name", translate(TITLES[layer.name]))
                    _write_rows(xml, layer, translate)


def _write_rows(xml: XMLGenerator, layer: Layer, translate: Translate) -> None:
    headings = [html.escape(translate(column.heading)) for column in layer.columns]
    names = [column.name for column in layer.columns]
    title = names.index("segment" if "id" not in names else "id")
    values = (layer.table[name].tolist() for name in names)
    for shape, *row in zip(layer.table.geometry, *values, strict=True):
        told = [_told(one, column.digits) for one, column in zip(row, layer.columns, strict=True)]
        with _element(xml, "Placemark"):
            _write(xml, "name", told[title])
            _write(xml, "description", _description(headings, told))
            _write(xml, "styleUrl", f"#{_style(dict(zip(names, row, strict=True)))}")
            _write_shape(xml, shape)


def _style(row: Mapping[str, Any]) -> str:
    if "class" in row:
        return str(row["class"])
    return HOT if row.get("level", 0) > 0 else DIAGNOSES.get(row.get("diagnosis", ""), LINES)


def _told(value: Any, digits: int | None) -> str:
    if pandas.isna(value):
        return ""
    return str(value) if digits is None else f"{value:.{digits}f}"


def _description(headings: list[str], told: list[str]) -> str:
    """A table in HTML: what is known of a row."""
    rows = [
        f"<tr><th align='left'>{heading}</th><td>{html.escape(text)}</td></tr>"
        for heading, text in zip(headings, told, strict=True)
        if text
    ]
    return f"<table>{''.join(rows)}</table>"


def _write_style(xml: XMLGenerator, name: str, colour: str) -> None:
    """`colour` is #rrggbb; KML has aabbggrr."""
    red, green, blue = colour[1:3], colour[3:5], colour[5:7]
    with _element(xml, "Style", id=name):
        for kind in ("IconStyle", "LineStyle"):
            with _element(xml, kind):
                _write(xml, "color", f"ff{blue}{green}{red}")
                if kind == "LineStyle":
                    _write(xml, "width", str(LINE_PX))


def _write_shape(xml: XMLGenerator, shape: shapely.Geometry | None) -> None:
    if shape is None or shape.is_empty:
        return
    if shape.geom_type.startswith("Multi"):
        with _element(xml, "MultiGeometry"):
            for part in shape.geoms:
                _write_shape(xml, part)
        return
    with _element(xml, shape.geom_type):
        _write(
            xml,
            "coordinates",
            " ".join(f"{lon:.7f},{lat:.7f}" for lon, lat in shapely.get_coordinates(shape)),
        )


@contextmanager
def _element(xml: XMLGenerator, name: str, **attributes: str) -> Iterator[None]:
    xml.startElement(name, AttributesImpl(attributes))
    yield
    xml.endElement(name)


def _write(xml: XMLGenerator, name: str, text: str) -> None:
    with _element(xml, name):
        xml.characters(text)
