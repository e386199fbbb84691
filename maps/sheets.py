"""Tables as sheets: CSV files, and a workbook with all of them and the inspection record.

Texts from data never become formulas. Each raises OSError where a file can't be written.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import pandas
from openpyxl import Workbook
from openpyxl.utils import get_column_letter
from openpyxl.writer.excel import ExcelWriter
from pyproj import CRS

from detector.errors import N_, Translate
from maps.cells import A3, GRID, column_cells, heading_cell, lay_out, lines_of, text_cell, width_of
from maps.coordinates import Layer, in_coordinates, is_text
from maps.decided import decided_in
from maps.inspection_record import SEGMENTS_SHOWN, add_inspection_record
from maps.tables import TITLES, Tables
from maps.texts import UTF_8, codec, encodable, safe_text

MOST_ROWS = 1_048_576
"""Of a sheet (Excel's limit)."""
HEADING_PT = 60
LABEL_WIDTH, FACT_WIDTH, LINE_PT = 36, 90, 19
"""Of the overview: columns in characters, and the height of a line."""


def write_csv(folder: Path, tables: Tables, crs: CRS, translate: Translate, encoding: str = UTF_8) -> None:
    """One file a table, with headings in the user's language.

    `encoding` is "utf-8-sig" or "cp932" (Shift_JIS), in which m² is m2, and what has no likeness there "?".
    """
    for layer in in_coordinates(tables, crs):
        headings = [translate(column.heading) for column in layer.columns]
        save_csv(folder / f"{layer.name}.csv", layer.table.drop(columns="geometry"), headings, encoding)


def save_csv(path: Path, table: pandas.DataFrame, headings: Sequence[str], encoding: str = UTF_8) -> None:
    """A table as CSV (RFC 4180); texts that a spreadsheet could take for formulas have a `'` before them."""
    encoding = codec(encoding)
    told = pandas.DataFrame(table)
    for name in [name for name in told.columns if is_text(told[name])]:
        texts = told[name].fillna("")
        told[name] = texts.map({one: safe_text(encodable(str(one), encoding)) for one in texts.unique()})
    told.columns = [encodable(heading, encoding) for heading in headings]
    told.to_csv(path, index=False, encoding=encoding, lineterminator="\r\n", quoting=csv.QUOTE_MINIMAL)


def write_workbook(path: Path, tables: Tables, crs: CRS, translate: Translate) -> None:
    """An Excel workbook: overview, inspection record, and a list a table (long ones on several sheets)."""
    book = Workbook(write_only=True)
    try:
        _add_sheets(book, tables, crs, translate)
        _save(book, path)
    except BaseException:
        _abandon(book)
        raise


def _add_sheets(book: Workbook, tables: Tables, crs: CRS, translate: Translate) -> None:
    _add_overview(book, tables, crs, translate)
    shown = {name: table for name, table in tables.tables.items() if name == SEGMENTS_SHOWN}
    told = decided_in(tables.tables.get("damages"), translate)
    for layer in in_coordinates(Tables(shown), crs):
        add_inspection_record(book, layer, told, translate)
    for layer in in_coordinates(tables, crs):
        for number, part in enumerate(_parts(layer.table), 1):
            title = translate(TITLES[layer.name])
            _add_list(book, layer, part, title if number == 1 else f"{title} ({number})", translate)


def _save(book: Workbook, path: Path) -> None:
    """As `book.save`, whose archive tells of a full disk on standard error too."""
    archive = ZipFile(path, "w", ZIP_DEFLATED)
    try:
        ExcelWriter(book, archive).save()
    except BaseException:
        if archive.fp:
            with suppress(OSError):
                archive.fp.close()
            archive.fp = None
        raise


def _abandon(book: Workbook) -> None:
    """Close what is open of a workbook that is not to be, else Python tells of that on standard error."""
    for sheet in book.worksheets:
        with suppress(Exception):
            sheet.close()
        with suppress(Exception):
            sheet._writer.xf.close()


def _parts(table: pandas.DataFrame) -> Iterator[pandas.DataFrame]:
    """As many rows as a sheet has room for under its heading; one part where there are none."""
    room = MOST_ROWS - 1
    for begin in range(0, max(len(table), 1), room):
        yield table.iloc[begin : begin + room]


def _add_overview(book: Workbook, tables: Tables, crs: CRS, translate: Translate) -> None:
    sheet = book.create_sheet(translate(N_("Overview")))
    lay_out(sheet, [LABEL_WIDTH, FACT_WIDTH], heading_row=1)
    facts = [
        *tables.facts,
        (translate(N_("Coordinates")), f"{crs.name} (EPSG:{crs.to_epsg()})"),
        *((translate(TITLES[name]), f"{len(table):,}") for name, table in tables.tables.items()),
        *((translate(N_("Note")), note) for note in tables.notes),
    ]
    sheet.append([text_cell(sheet, translate(N_("Road damage survey")), size=16, bold=True)])
    sheet.append([text_cell(sheet, decided_in(tables.tables.get("damages"), translate))])
    sheet.append([])
    for row, (label, value) in enumerate(facts, 4):
        sheet.row_dimensions[row].height = LINE_PT * lines_of(value, FACT_WIDTH)
        sheet.append([text_cell(sheet, label, bold=True), text_cell(sheet, value, wrap=True)])


def _add_list(book: Workbook, layer: Layer, part: pandas.DataFrame, title: str, translate: Translate) -> None:
    sheet = book.create_sheet(title)
    headings = [translate(column.heading) for column in layer.columns]
    widths = [width_of(part[one.name], one, text) for one, text in zip(layer.columns, headings, strict=True)]
    lay_out(sheet, widths, heading_row=1, paper=A3)
    sheet.row_dimensions[1].height = HEADING_PT
    sheet.auto_filter.ref = f"A1:{get_column_letter(len(headings))}{len(part) + 1}"
    sheet.append([heading_cell(sheet, heading) for heading in headings])
    for cells in zip(*(column_cells(sheet, part[one.name], one, GRID) for one in layer.columns), strict=True):
        sheet.append(cells)
