"""The inspection record: a sheet laid out like 舗装点検記録様式 (舗装点検要領, 国土交通省 道路局, 2016), a row 100 m.

Road after road, each under a head with what a record needs; those of which nothing was seen or measured are in the
lists alone. What an inspector has to decide is left blank.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas
from openpyxl import Workbook
from openpyxl.styles import Border
from openpyxl.worksheet._write_only import WriteOnlyWorksheet

from detector.errors import N_, Translate
from maps.cells import GRID, THIN, column_cells, heading_cell, lay_out, shortened, text_cell
from maps.coordinates import Layer
from maps.tables import Column

SEGMENTS_SHOWN = "segments_100m"
WIDTHS = {
    "from_m": 10, "to_m": 10, "length_m": 10, "crack_ratio": 12, "rut_mm": 12, "iri_mm_per_m": 12,
    "class_crack": 12, "class_rut": 12, "class_iri": 12, "diagnosis": 12,
}  # fmt: skip
ACTION, REMARKS = Column("action", "", N_("action")), Column("remarks", "", N_("remarks"))
ACTION_WIDTH, REMARKS_WIDTH = 18, 64
NAME_WIDTH = 140
"""Of a road's name in its head; the lists have it in full."""
HEADING_ROW, HEADING_PT, ROW_PT = 3, 36, 20
HEAD_FILL = "DDEBF7"
EDGES = Border(top=THIN, bottom=THIN)
LABELS = (0, 4, 7, 10)
"""Places of labels in a head; what they label stands right of them."""


def add_inspection_record(book: Workbook, layer: Layer, decided: str, translate: Translate) -> None:
    """Add the sheet; `layer` has the columns of `SEGMENTS`, `decided` says what people decided (`maps.decided`)."""
    _ = translate
    sheet = book.create_sheet(_(N_("Inspection record")))
    shown = [*(column for column in layer.columns if column.name in WIDTHS), ACTION, REMARKS]
    lay_out(sheet, [*WIDTHS.values(), ACTION_WIDTH, REMARKS_WIDTH], HEADING_ROW)
    sheet.row_dimensions[HEADING_ROW].height = HEADING_PT
    sheet.sheet_format.defaultRowHeight, sheet.sheet_format.customHeight = ROW_PT, True
    sheet.append([text_cell(sheet, _(N_("Pavement inspection record")), size=16, bold=True)])
    about = N_("Laid out like the national form (舗装点検記録様式), which it does not replace. {decided}")
    sheet.append([text_cell(sheet, _(about).format(decided=decided))])
    sheet.append([heading_cell(sheet, _(column.heading)) for column in shown])
    for __, rows in layer.table.groupby(["road_id", "road", "direction"], sort=False):
        if not ((rows["seen_share"] > 0) | (rows["measured_on"] != "") | (rows["diagnosis"] != "")).any():
            continue
        rows = rows.assign(action="", remarks=[_remarks(row, _) for row in rows.to_dict("records")])
        for head in _heads(sheet, rows, _):
            sheet.append(head)
        for cells in zip(*(column_cells(sheet, rows[one.name], one, GRID) for one in shown), strict=True):
            sheet.append(cells)
        sheet.append([])


def _heads(sheet: WriteOnlyWorksheet, rows: pandas.DataFrame, _: Translate) -> Iterator[list[Any]]:
    """Two rows above a road's segments: what it is, and who inspected it when."""
    first = rows.iloc[0]
    lines = [
        {0: _(N_("road")), 2: shortened(first["road"], NAME_WIDTH)},
        {
            0: _(N_("road number")), 2: first["road_id"],
            4: _(N_("lane")), 5: first["direction"],
            7: _(N_("inspected on")), 8: _days(rows["last_surveyed"]),
            10: _(N_("inspector")),
        },
    ]  # fmt: skip
    for line in lines:
        yield [
            text_cell(sheet, line.get(place, ""), bold=place in LABELS, fill=HEAD_FILL, border=EDGES)
            for place in range(len(WIDTHS) + 2)
        ]


def _days(times: pandas.Series) -> str:
    """From the first day to the last of ISO 8601 times; empty where none is known."""
    days = sorted({text[: len("2026-05-01")] for text in times if text})
    return " – ".join(dict.fromkeys((days[0], days[-1]))) if days else ""


def _remarks(row: dict[Any, Any], _: Translate) -> str:
    told = []
    if not row["diagnosis"]:
        told.append(_(N_("not judged")))
    if pandas.notna(row["seen_share"]):
        told.append(_(N_("lane seen: {percent} %")).format(percent=f"{100 * row['seen_share']:.0f}"))
    low, high = row["diagnosis_low"], row["diagnosis_high"]
    if low and high and low != high:
        told.append(_(N_("{low} to {high} possible (95 %)")).format(low=low, high=high))
    if row["measured_on"]:
        told.append(_(N_("rut depth and IRI measured on {date}")).format(date=row["measured_on"]))
    return " / ".join(told)
