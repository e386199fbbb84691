"""CSV files and the workbook: what people read in a spreadsheet, and what no spreadsheet may run."""

from __future__ import annotations

import csv
import gc
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet
from table_files import FORMULA, empty_tables, made_tables, with_roads_named

from maps import sheets
from maps.cells import CLASS_FILLS, shortened
from maps.coordinates import coordinate_system
from maps.sheets import LINE_PT, write_csv, write_workbook
from maps.tables import COLUMNS, TITLES, Tables
from maps.texts import cut, encodable, is_formula, printable, safe_text

TOKYO = coordinate_system("9系")
LONLAT = coordinate_system("4326")
ALL_SHEETS = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,-1"
"""LibreOffice's words for: CSV in UTF-8, a file a sheet."""


def rows_of(path: Path, encoding: str = "utf-8-sig") -> list[dict[str, str]]:
    with path.open(encoding=encoding, newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def book_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("book") / "tables.xlsx"
    write_workbook(path, made_tables(), TOKYO, str)
    return path


@pytest.fixture(scope="module")
def book(book_path: Path) -> openpyxl.Workbook:
    return openpyxl.load_workbook(book_path)


def listed(sheet: Worksheet) -> list[dict[str, Any]]:
    headings, *rows = sheet.iter_rows(values_only=True)
    return [dict(zip((str(one) for one in headings), row, strict=True)) for row in rows]


@pytest.mark.parametrize(
    ("text", "formula"),
    [
        ("=1+1", True), ("+1", True), ("-1", True), ("@SUM(A1)", True), ("\t=1", True), ("\r=1", True), ("\n=1", True),
        ("＝1", True), ("＋1", True), ("－1", True), ("＠A", True), ("−1", True), ("—1", True), ("⁼1", True),
        ("﹦1", True), ("", False), ("桜田通り", False), ("1=1", False), ("1-2", False), ("ー", False), ("'=1", False),
    ],
)  # fmt: skip
def test_what_could_be_a_formula(text: str, formula: bool) -> None:
    assert is_formula(text) is formula
    assert safe_text(text) == ("'" + text if formula else text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("m²", "m2"), ("Ⅰ Ⅱ Ⅲ ㎡ 髙", "Ⅰ Ⅱ Ⅲ ㎡ 髙"), ("2026 – 2027", "2026 - 2027"), ("😀", "?"), ("𠮷野", "?野"),
        ("Café", "Cafe"), ("ホ\u309aート", "ポート"), ("～〜", "～〜"),
    ],
)  # fmt: skip
def test_texts_in_shift_jis(text: str, told: str) -> None:
    assert encodable(text, "cp932") == told
    assert encodable(text, "utf-8") == text
    told.encode("cp932")


@pytest.mark.parametrize(
    ("size", "encoding", "told"),
    [
        (6, "utf-8", "桜田"),
        (5, "utf-8", "桜"),
        (5, "cp932", "桜田"),
        (4, "cp932", "桜田"),
        (99, "cp932", "桜田通り"),
    ],
)
def test_texts_are_cut_between_characters(size: int, encoding: str, told: str) -> None:
    assert cut("桜田通り", size, encoding) == told


def test_texts_without_what_xml_lacks() -> None:
    assert printable("a\0b\x0bc\x1f\tあ\n\ufffe\ud800😀") == "abc\tあ\n😀"


@pytest.mark.parametrize(("width", "told"), [(8, "桜田通り"), (7, "桜田…"), (6, "桜田…"), (5, "桜…")])
def test_texts_as_wide_as_there_is_room(width: int, told: str) -> None:
    assert shortened("桜田通り", width) == told


def test_csv_is_what_excel_reads(tmp_path: Path) -> None:
    write_csv(tmp_path, made_tables(), TOKYO, lambda text: "路線名" if text == "road" else text)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"{name}.csv" for name in COLUMNS)
    raw = (tmp_path / "damages.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbfid,")
    assert raw.count(b"\n") == raw.count(b"\r\n") == 5
    first, second, *_ = rows_of(tmp_path / "damages.csv")
    assert first["路線名"] == "'" + FORMULA
    assert (first["priority (of 100)"], first["confidence"], first["chainage (m)"]) == (
        "89.0",
        "0.912",
        "123.5",
    )
    assert (second["area (m²)"], second["last seen"], second["direction"]) == ("", "", "")
    assert "longitude" not in first
    assert -38_500 < float(first["X, north (m)"]) < -36_000
    assert -9_000 < float(first["Y, east (m)"]) < -7_000
    assert [row["forecast for"] for row in rows_of(tmp_path / "change_segments.csv")][:2] == ["", "2028"]


def test_csv_in_shift_jis(tmp_path: Path) -> None:
    for encoding in ("cp932", "Shift_JIS"):
        write_csv(tmp_path, with_roads_named("⁼𠮷野"), LONLAT, str, encoding)
        rows = rows_of(tmp_path / "segments_100m.csv", "cp932")
        assert {row["diagnosis"] for row in rows} == {"Ⅰ", "Ⅱ", "Ⅲ", ""}
        assert rows[0]["road"] == "'=?野"
        assert "area (m2)" in rows_of(tmp_path / "damages.csv", "cp932")[0]


def test_csv_of_nothing_has_headings(tmp_path: Path) -> None:
    write_csv(tmp_path, empty_tables(), LONLAT, str)
    headings = ",".join(column.heading for column in COLUMNS["hot_spots"])
    assert (tmp_path / "hot_spots.csv").read_text("utf-8-sig") == headings + "\n"


def test_the_workbook_as_libreoffice_reads_it(book_path: Path, tmp_path: Path) -> None:
    profile = f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}"
    options = ["--headless", "--convert-to", ALL_SHEETS, "--outdir", str(tmp_path)]
    command = ["soffice", profile, *options, str(book_path)]
    subprocess.run(command, check=True, capture_output=True, timeout=600)
    read = {path.stem.removeprefix("tables-"): path for path in tmp_path.glob("*.csv")}
    assert set(read) == {"Overview", "Inspection record", *TITLES.values()}
    first, second, *_ = rows_of(read["Damages"], "utf-8")
    assert first["road"] == FORMULA
    assert float(first["X, north (m)"]) == pytest.approx(-37872.917)
    assert float(first["Y, east (m)"]) == pytest.approx(-8025.009)
    assert (first["class name"], first["first seen"]) == ("ポットホール", "2026-04-01 09:30:15")
    assert second["area (m²)"] == ""
    assert "=1+1 & <b>は文字である</b>" in read["Overview"].read_text("utf-8")
    assert [row["diagnosis"] for row in rows_of(read["Segments of 100 m"], "utf-8")][:3] == ["Ⅰ", "Ⅱ", "Ⅲ"]


def test_cells_are_numbers_dates_and_texts(book: openpyxl.Workbook) -> None:
    first, second, *_ = listed(book["Damages"])
    assert first["priority (of 100)"] == 89
    assert first["first seen"] == datetime(2026, 4, 1, 9, 30, 15)
    assert first["growing"] is True
    assert (second["area (m²)"], second["last seen"], second["direction"]) == (None, None, None)
    rows = [*book["Damages"].iter_rows(min_row=2)]
    road = [cell.value for cell in book["Damages"][1]].index("road")
    assert [(row[road].data_type, row[road].quotePrefix) for row in rows] == [
        ("s", True), ("s", False), ("s", False), ("s", True)
    ]  # fmt: skip
    assert [row[1].number_format for row in rows] == ["0.0"] * 4
    assert not [c for sheet in book for row in sheet.iter_rows() for c in row if c.data_type in ("f", "e")]


@pytest.mark.parametrize("name", ["=1+1", "+81", "＝1", "#N/A", "#REF!"])
def test_no_text_becomes_a_formula_or_an_error(tmp_path: Path, name: str) -> None:
    write_workbook(tmp_path / "tables.xlsx", with_roads_named(name), LONLAT, str)
    for sheet in openpyxl.load_workbook(tmp_path / "tables.xlsx"):
        told = [cell for row in sheet.iter_rows() for cell in row if cell.value == name]
        assert {cell.data_type for cell in told} <= {"s"}
        assert {bool(cell.quotePrefix) for cell in told} <= {not name.startswith("#")}
        assert told or sheet.title == "Overview"


def test_control_characters_are_left_out_of_workbook_and_csv(tmp_path: Path) -> None:
    tables = with_roads_named("a\x00\x0b\udc83b")
    write_workbook(tmp_path / "tables.xlsx", tables, LONLAT, str)
    write_csv(tmp_path, tables, LONLAT, str)
    assert listed(openpyxl.load_workbook(tmp_path / "tables.xlsx")["Damages"])[0]["road"] == "ab"
    assert rows_of(tmp_path / "damages.csv")[0]["road"] == "ab"


def test_classes_have_text_and_colour(book: openpyxl.Workbook) -> None:
    for title in ("Segments of 100 m", "Inspection record"):
        fills = {
            (cell.value, cell.fill.fgColor.rgb)
            for row in book[title].iter_rows()
            for cell in row
            if cell.value in CLASS_FILLS
        }
        assert fills == {(name, "00" + fill) for name, fill in CLASS_FILLS.items()}


def test_sheets_are_laid_out_for_paper_and_screen(book: openpyxl.Workbook) -> None:
    lists = book["Segments of 20 m"]
    assert (lists.freeze_panes, lists.print_title_rows) == ("A2", "$1:$1")
    assert lists.auto_filter.ref == f"A1:{get_column_letter(len(COLUMNS['segments_20m']))}46"
    record = book["Inspection record"]
    assert (record.freeze_panes, record.print_title_rows) == ("A4", "$3:$3")
    for sheet in book:
        assert (sheet.page_setup.orientation, sheet.page_setup.fitToHeight) == ("landscape", 0)
        assert sheet.page_setup.paperSize == (9 if sheet.title in ("Overview", "Inspection record") else 8)
        assert sheet.column_dimensions["A"].width >= 5


def test_the_record_has_a_head_a_road_and_a_row_a_segment(book: openpyxl.Workbook) -> None:
    rows = [list(row) for row in book["Inspection record"].iter_rows(min_row=3, values_only=True)]
    segments = [row for row in rows if isinstance(row[0], int | float)]
    assert len(segments) == len(made_tables().tables["segments_100m"])
    assert [row[2] for row in rows if row[0] == "road"][:2] == ["桜田通り(国道1号)", FORMULA]
    head = next(row for row in rows if row[0] == "road number")
    assert [head[place] for place in (2, 5, 8, 10, 11)] == [
        "1001", "順方向", "2026-04-01 – 2026-05-20", "inspector", None
    ]  # fmt: skip
    assert segments[1][:11] == [100, 200, 100, 27.4, 12.3, 3.46, "Ⅱ", "Ⅰ", "Ⅱ", "Ⅱ", None]
    remarks = "lane seen: 97 % / Ⅱ to Ⅲ possible (95 %) / rut depth and IRI measured on 2025-11-02"
    assert segments[1][11] == remarks
    assert segments[5][9:] == [None, None, "not judged / lane seen: 31 %"]


@pytest.mark.parametrize(
    ("column", "value", "recorded"),
    [("seen_share", 0.3, True), ("measured_on", "2025-11-02", True), ("seen_share", 0.0, False)],
)
def test_the_record_has_the_roads_of_which_something_is_known(
    tmp_path: Path, column: str, value: object, recorded: bool
) -> None:
    tables = made_tables()
    segments = tables.tables["segments_100m"].assign(seen_share=0.0, measured_on="", diagnosis="")
    segments.loc[segments["road_id"] == "1001", column] = value
    write_workbook(tmp_path / "tables.xlsx", Tables({"segments_100m": segments}), LONLAT, str)
    rows = openpyxl.load_workbook(tmp_path / "tables.xlsx")["Inspection record"].iter_rows(values_only=True)
    assert [row[2] for row in rows if row[0] == "road number"] == ["1001"] * recorded


def test_rows_of_the_overview_are_as_high_as_their_texts(tmp_path: Path) -> None:
    write_workbook(tmp_path / "tables.xlsx", Tables({}, notes=("short", "長い" * 100)), LONLAT, str)
    sheet = openpyxl.load_workbook(tmp_path / "tables.xlsx")["Overview"]
    heights = [sheet.row_dimensions[row].height for row in (sheet.max_row - 1, sheet.max_row)]
    assert heights == [LINE_PT, 5 * LINE_PT]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_is_told_once() -> None:
    """And not again by what Python cleans up: that is a warning, and so an error here."""
    with pytest.raises(OSError, match="No space left"):
        write_workbook(Path("/dev/full"), made_tables(), LONLAT, str)
    gc.collect()


def test_a_long_table_goes_on_on_further_sheets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "MOST_ROWS", 21)
    write_workbook(tmp_path / "tables.xlsx", made_tables(), LONLAT, str)
    book = openpyxl.load_workbook(tmp_path / "tables.xlsx")
    titles = ["Segments of 20 m", "Segments of 20 m (2)", "Segments of 20 m (3)"]
    assert [title for title in book.sheetnames if "20 m" in title] == titles
    told = [row["segment"] for title in titles for row in listed(book[title])]
    assert told == made_tables().tables["segments_20m"]["segment"].tolist()


def test_a_survey_of_nothing_has_its_sheets(tmp_path: Path) -> None:
    write_workbook(tmp_path / "tables.xlsx", empty_tables(), LONLAT, str)
    book = openpyxl.load_workbook(tmp_path / "tables.xlsx")
    assert book.sheetnames == ["Overview", "Inspection record", *TITLES.values()]
    assert {len(listed(book[title])) for title in TITLES.values()} == {0}
    write_workbook(tmp_path / "none.xlsx", Tables({}), LONLAT, str)
    assert openpyxl.load_workbook(tmp_path / "none.xlsx").sheetnames == ["Overview"]
