"""Cells of workbooks: numbers stay numbers, dates dates, texts texts, and 診断区分 has its colours.

A sheet is written row by row (a city has 500,000 segments), so a cell is made once for a column and filled anew.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from datetime import datetime

import pandas
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet._write_only import WriteOnlyWorksheet

from maps.coordinates import is_text
from maps.tables import Column
from maps.texts import is_formula, printable

CLASS_FILLS = {"Ⅰ": "CFE8F7", "Ⅱ": "FFE699", "Ⅲ": "F4A582"}
"""Of 診断区分: apart for colour-blind readers too, and, printed in grey, ever darker."""
FONT = "Yu Gothic"
"""Excel's own in Japanese; where there is none the program takes another."""
HEADING_FILL = "E7E6E6"
TIMES = ("first_seen", "last_seen", "last_surveyed", "measured_on")
FIRST_YEAR = 1900
"""Of dates in a workbook; others are texts."""
A3, A4 = 8, 9
MARGIN_INCH, HEAD_INCH = 0.4, 0.25
WIDEST, TIME_WIDTH = 40, 16
"""Of columns, in characters."""
SAMPLE = 300
"""Rows that a column's width goes by."""
THIN = Side(style="thin", color="808080")
GRID = Border(left=THIN, right=THIN, top=THIN, bottom=THIN)


def text_cell(
    sheet: WriteOnlyWorksheet, text: str = "", *, size: int = 11, bold: bool = False, fill: str = "",
    border: Border | None = None, align: str = "general", wrap: bool = False,
) -> WriteOnlyCell:  # fmt: skip
    """A cell that holds a text, whatever it begins with."""
    cell = WriteOnlyCell(sheet)
    cell.font = Font(name=FONT, bold=bold, size=size)
    cell.alignment = Alignment(horizontal=align, vertical="center", wrap_text=wrap)
    if fill:
        cell.fill = PatternFill("solid", fgColor=fill)
    if border:
        cell.border = border
    _put(cell, printable(text))
    cell.quotePrefix = is_formula(text)
    return cell


def heading_cell(sheet: WriteOnlyWorksheet, text: str) -> WriteOnlyCell:
    """A cell of a table's first row."""
    return text_cell(sheet, text, bold=True, fill=HEADING_FILL, border=GRID, align="center", wrap=True)


def column_cells(
    sheet: WriteOnlyWorksheet, values: pandas.Series, column: Column, border: Border | None = None
) -> Iterator[WriteOnlyCell]:
    """A cell for each value, good until the next is asked for; empty ones where nothing is known."""
    if is_text(values):
        return _text_cells(sheet, values, column.name in TIMES, border)
    return _number_cells(sheet, values, column.digits, border)


def text_width(text: str) -> int:
    """How many half-width characters wide a text is."""
    return sum(2 if unicodedata.east_asian_width(one) in "WFA" else 1 for one in text)


def lines_of(text: str, width: int) -> int:
    """On how many lines a text stands in a column so many characters wide, a little more than it needs."""
    return sum(1 + text_width(line) // (width - 5) for line in text.split("\n"))


def shortened(text: str, width: int) -> str:
    """The text, or as much of it and "…" as is so many half-width characters wide."""
    if text_width(text) <= width:
        return text
    return next(text[:end] for end in range(len(text), -1, -1) if text_width(text[:end]) < width - 1) + "…"


def width_of(values: pandas.Series, column: Column, heading: str) -> int:
    """Wide enough for most of a column's values, and for its heading on a few lines, in characters."""
    texts = [str(one) for one in values.iloc[:SAMPLE].dropna().tolist()]
    values_width = min(max(map(text_width, texts), default=0), TIME_WIDTH if column.name in TIMES else WIDEST)
    word = max(map(len, re.findall("[!-~]+", heading)), default=0)
    return max(values_width, text_width(heading) // 2, word) + 3


def lay_out(sheet: WriteOnlyWorksheet, widths: list[int], heading_row: int, paper: int = A4) -> None:
    """Widths of columns, the heading kept in view and on every page, landscape, as wide as the paper."""
    for number, width in enumerate(widths, 1):
        sheet.column_dimensions[get_column_letter(number)].width = width
    sheet.freeze_panes = f"A{heading_row + 1}"
    sheet.print_title_rows = f"{heading_row}:{heading_row}"
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.paperSize = paper
    sheet.page_setup.fitToHeight = 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
    margins = sheet.page_margins
    margins.left = margins.right = MARGIN_INCH
    margins.top, margins.bottom = MARGIN_INCH, 2 * MARGIN_INCH
    margins.header = margins.footer = HEAD_INCH
    sheet.oddFooter.left.text = "&A"
    sheet.oddFooter.right.text = "&P / &N"


def _number_cells(
    sheet: WriteOnlyWorksheet, values: pandas.Series, digits: int | None, border: Border | None
) -> Iterator[WriteOnlyCell]:
    cell = text_cell(sheet, border=border)
    cell.number_format = f"0.{'0' * digits}" if digits else "General"
    for value in values.astype(object).where(values.notna(), None).tolist():
        cell.value = value
        yield cell


def _text_cells(
    sheet: WriteOnlyWorksheet, values: pandas.Series, times: bool, border: Border | None
) -> Iterator[WriteOnlyCell]:
    plain, quoted, day, time = (text_cell(sheet, border=border) for _ in range(4))
    quoted.quotePrefix = True
    day.number_format, time.number_format = "yyyy-mm-dd", "yyyy-mm-dd hh:mm"
    classes = {
        name: text_cell(sheet, border=border, fill=fill, align="center", bold=name == "Ⅲ")
        for name, fill in CLASS_FILLS.items()
    }
    for text in values.tolist():
        if times and (when := _when(text)):
            cell = time if "T" in text else day
            cell.value = when
        else:
            cell = quoted if is_formula(text) else classes.get(text, plain)
            _put(cell, text)
        yield cell


def _put(cell: WriteOnlyCell, text: str) -> None:
    """Set a text as it is: openpyxl would make a formula of "=1", and an error of "#N/A"."""
    cell.value = text or None
    if text:
        cell.data_type = "s"


def _when(text: str) -> datetime | None:
    """A time as its zone's clocks show it: a workbook knows no zones."""
    try:
        when = datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        return None
    return when if when.year >= FIRST_YEAR else None
