"""The report for the meeting: read back with Poppler's tools, and its maps by their colours."""

from __future__ import annotations

import io
import logging
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import geopandas
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from table_files import FORMULA, LONG_NAME, empty_tables, made_tables

from detector.errors import Translate
from maps.change import Change
from maps.decided import decided_so_far
from maps.offline import data_uri
from maps.paper_map import COLOURS, DIAGNOSES, HOT, PaperMaps
from maps.pdf import PdfError, quiet, write_pdf
from maps.report import MOST_ROWS, PICTURE_PX, write_report
from maps.tables import Tables

JAPANESE = {
    "Road damage report": "道路損傷報告書",
    "Hot spots, by rank": "損傷の多発箇所",
    "Decision": "判断",
    "In charge": "担当",
    "Due": "期日",
    "Remarks": "備考",
    "Pothole": "ポットホール",
    "large": "大",
}
"""Some of its words; the catalogue has tests of its own."""
TOKYO = ZoneInfo("Asia/Tokyo")
READS_FILES = '<img src="file:///etc/passwd"><style>@import "http://10.0.0.1/x.css"</style>'


def japanese(message: str) -> str:
    return JAPANESE.get(message, message)


def report(folder: Path, tables: Tables, translate: Translate = japanese, most: int = 30) -> Path:
    path = folder / "report.pdf"
    write_report(path, tables, zone=TOKYO, language="ja", translate=translate, most_damages=most)
    return path


def pages(path: Path) -> list[str]:
    """The text of each page, its spaces and line ends made one space."""
    text = subprocess.run(
        ["pdftotext", "-layout", path, "-"], check=True, capture_output=True, text=True
    ).stdout
    return [" ".join(page.split()) for page in text.split("\f")[:-1]]


def listed(tool: str, path: Path, *options: str) -> list[list[str]]:
    """The rows of what pdffonts and pdfimages print, without the two lines of heading."""
    text = subprocess.run([tool, *options, path], check=True, capture_output=True, text=True).stdout
    return [line.split() for line in text.splitlines()[2:]]


def with_damages(tables: Tables, **columns: object) -> Tables:
    damages = tables.tables["damages"].assign(**columns)
    return replace(tables, tables={**tables.tables, "damages": damages})


def picture(path: Path, size: tuple[int, int] = (1280, 720)) -> Path:
    noise = np.random.default_rng(1).integers(0, 255, (*size[::-1], 3), np.uint8)
    Image.fromarray(noise).save(path)
    return path


@pytest.mark.parametrize(
    ("decided", "told"),
    [
        (0, "Proposals of a model; a person decides."),
        (3, "People decided on 3 of 1,200 damages; the others are proposals of a model."),
        (1200, "People decided on all of these damages."),
    ],
)
def test_the_head_says_whose_word_it_is(decided: int, told: str) -> None:
    assert decided_so_far(decided, 1200, str) == told


def test_japanese(tmp_path: Path) -> None:
    """Everything is in it, in the order of the meeting, and the text can be searched."""
    path = report(tmp_path, made_tables())
    first, tables, *damages = pages(path)
    for text in (
        "道路損傷報告書",
        "調査期間",
        "2026-04-01 – 2026-05-20",
        "Proposals of a model; a person decides.",
        "市外の損傷 3 件は除いた。",
    ):
        assert text in first
    assert "ポットホール (D40) 1 0 0 1" in first
    assert "total 4 0 0 4" in first
    for text in (
        "損傷の多発箇所",
        "大きなポットホール 1",
        "桜田通り(国道1号)",
        "Change since the survey before",
        "悪化 9",
    ):
        assert text in tables
    assert [page.split()[0] for page in damages] == ["1", "2", "3", "4"]
    assert "ポットホール (D40) · 大" in damages[0]
    for text in ("判断", "担当", "期日", "備考", "89.0 / 100", "0.51 ± 0.10 m long", "123.5 m", "± 1.8 m"):
        assert text in damages[0]
    assert "2026-04-01 – 2026-05-20" in damages[0]
    fonts = listed("pdffonts", path)
    assert fonts
    for font in fonts:
        assert "IPAexGothic" in font[0]
        assert font[-5:-2] == ["yes", "yes", "yes"]  # embedded, a subset, with its letters


def test_english(tmp_path: Path) -> None:
    first, _, damage, *_ = pages(report(tmp_path, made_tables(), str))
    assert "Segments of 100 m by diagnosis" in first
    assert "Ⅲ 3 0.3 33.3 %" in first
    assert "not judged 2 0.2 22.2 %" in first
    assert "Decision In charge Due Remarks" in damage


def test_unknown_values_are_dashes(tmp_path: Path) -> None:
    text = " ".join(pages(report(tmp_path, made_tables())))
    assert "nan" not in text.lower()
    assert "priority: growth –" in text
    assert "Chainage – (segment" in text
    assert "Seen 2026-04-01 " in text
    assert "– –" not in text


def test_no_page_is_empty_or_overflows(tmp_path: Path) -> None:
    """Each page has ink, and none outside its margins; a name of hundreds of letters does not burst it."""
    path = report(
        tmp_path, with_damages(made_tables(), road=LONG_NAME, class_name="長" * 200, segment="s" * 300)
    )
    subprocess.run(["pdftoppm", "-r", "50", "-gray", path, tmp_path / "page"], check=True)
    drawn = sorted(tmp_path.glob("page*.pgm"))
    assert len(drawn) == 6
    margin = round(14 / 25.4 * 50)
    for file in drawn:
        ink = np.asarray(Image.open(file)) < 200
        assert ink[margin : -2 * margin].mean() > 0.002, file
        assert not ink[:, :margin].any(), file
        assert not ink[:, -margin:].any(), file


def test_gravest_first_and_how_many_more(tmp_path: Path) -> None:
    tables = with_damages(made_tables(), priority=[1.0, np.nan, 77.0, 5.0])
    first, _, *damages = pages(report(tmp_path, tables, str, most=2))
    assert "Damages of the highest priority, with a page each: 2. 2 more are in the tables." in first
    assert ["No. 1 of 2 · id 3" in damages[0], "No. 2 of 2 · id 4" in damages[1], len(damages)] == [
        True,
        True,
        2,
    ]


@pytest.mark.parametrize(
    ("low", "told"),
    [
        pytest.param(0.2, "(+0.2 – +1.2)", id="beyond its error"),
        pytest.param(-0.2, "The crack ratio grew beyond its error on no segment", id="perhaps not at all"),
    ],
)
def test_segments_that_surely_grew(tmp_path: Path, low: float, told: str) -> None:
    tables = made_tables()
    segments = tables.tables["change_segments"].assign(change_low=low)
    text = " ".join(pages(report(tmp_path, replace(tables, tables={"change_segments": segments}), str)))
    assert told in text


def test_more_hot_spots_than_the_table_takes(tmp_path: Path) -> None:
    tables = made_tables()
    spots = tables.tables["hot_spots"].iloc[[0] * (MOST_ROWS + 3)].assign(rank=range(1, MOST_ROWS + 4))
    text = " ".join(pages(report(tmp_path, replace(tables, tables={"hot_spots": spots}), str)))
    assert "3 more are in the tables." in text
    assert text.count("812.3") == MOST_ROWS


def test_counts_of_what_changed_stand_on_one_page(tmp_path: Path) -> None:
    """Though the table before them ends where there is room for some of their rows alone."""
    tables = made_tables().tables
    reasons = ["reason " * (40 if row < 4 else 1) for row in range(MOST_ROWS)]
    spots = tables["hot_spots"].iloc[[0] * MOST_ROWS].assign(rank=range(1, MOST_ROWS + 1), reasons=reasons)
    changed = tables["change_damages"].iloc[[0] * len(Change)].assign(change=[str(one) for one in Change])
    text = pages(report(tmp_path, Tables({"hot_spots": spots, "change_damages": changed}), str))
    (page,) = (one for one in text if "Change since the survey before" in one)
    assert [one for one in Change if f"{one} 1" not in page] == []


@pytest.mark.parametrize("tables", [Tables({}), empty_tables()], ids=["no tables", "no rows"])
def test_a_survey_of_nothing_says_so(tmp_path: Path, tables: Tables) -> None:
    text = " ".join(pages(report(tmp_path, tables, str)))
    assert "No damage was found." in text
    assert "There is nothing to draw." in text
    assert (
        ("No segment was surveyed." in text)
        == ("No place stands out from chance." in text)
        == bool(tables.tables)
    )


def test_text_from_data_is_text(tmp_path: Path) -> None:
    path = report(
        tmp_path, with_damages(made_tables(), road=[READS_FILES, FORMULA, "{{ 7*7 }}", "\x1b[1m\x00a"])
    )
    text = "".join(pages(path)).replace(" ", "")
    for name in ('<imgsrc="file:///etc/passwd">', FORMULA, "{{7*7}}"):
        assert name in text
    assert "root:" not in text


def test_nothing_but_data_addresses_is_read(tmp_path: Path) -> None:
    """Even where markup got in: the same style sheet and picture count as data:, and not as files."""
    sheet = tmp_path / "sheet.css"
    sheet.write_text("body::before { content: 'READ' }")
    photo = picture(tmp_path / "photo.png", (8, 8))

    def shown(style: str, source: str) -> tuple[bool, int]:
        page = f'<link rel="stylesheet" href="{style}"><link rel="attachment" href="{source}"><img src="{source}">x'
        write_pdf(tmp_path / "page.pdf", page)
        attached = "/EmbeddedFile" in (tmp_path / "page.pdf").read_bytes().decode("latin-1")
        pictures = len(listed("pdfimages", tmp_path / "page.pdf", "-list"))
        return "READ" in " ".join(pages(tmp_path / "page.pdf")), pictures + attached

    assert shown("data:text/css,body::before{content:'READ'}", data_uri(photo)) == (True, 2)
    assert shown(sheet.as_uri(), photo.as_uri()) == (False, 0)
    assert shown("http://127.0.0.1:9/x.css", "http://127.0.0.1:9/x.png") == (False, 0)


def test_pictures(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """A large picture is made small; for one that is cut off, none at all or no picture, a line says so. In silence."""
    caplog.set_level(logging.DEBUG)
    whole = picture(tmp_path / "whole.jpg")
    cut, other = tmp_path / "cut.jpg", tmp_path / "other.jpg"
    cut.write_bytes(whole.read_bytes()[:20_000])
    other.write_text("<svg/>")
    tables = replace(made_tables(), pictures={1: whole, 2: cut, 3: other, 4: tmp_path / "gone.jpg"})
    path = report(tmp_path, tables, str)
    assert [("There is no picture of this damage." in page) for page in pages(path)[2:]] == [
        False,
        True,
        True,
        True,
    ]
    photos = [row for row in listed("pdfimages", path, "-list") if row[8] == "jpeg"]
    assert [row[3] for row in photos] == [str(PICTURE_PX)]
    assert capfd.readouterr() == ("", "")
    assert not [record for record in caplog.records if record.name.split(".")[0] != "PIL"]


def test_progress_ends_at_its_end(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    write_report(
        tmp_path / "a.pdf", made_tables(), zone=TOKYO, language="en", translate=str,
        progress=lambda done, of: told.append((done, of)),
    )  # fmt: skip
    assert told == [(done, 6) for done in range(1, 7)]


def test_without_pango_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "weasyprint.py").write_text(
        "print('noise')\nraise OSError('cannot load libpango-1.0-0\\nmore')"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "weasyprint", raising=False)
    with pytest.raises(
        PdfError, match=r"\(cannot load libpango-1\.0-0\)\. Install it .* libharfbuzz-subset0"
    ):
        report(tmp_path, made_tables())
    assert not (tmp_path / "report.pdf").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_is_an_error_of_the_system() -> None:
    with pytest.raises(OSError, match="No space left"):
        write_pdf(Path("/dev/full"), "<p>x</p>")


def test_import_is_silent_where_caches_cannot_be_kept() -> None:
    """As for a service whose user has no home."""
    environment = {**os.environ, "MPLCONFIGDIR": "/dev/null/none"}
    done = subprocess.run(
        [sys.executable, "-c", "import maps.report"],
        env=environment, cwd=Path(__file__).parents[1], capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_levels_of_loggers_are_given_back() -> None:
    logger = logging.getLogger("weasyprint")
    before = logger.level
    with quiet():
        assert not logger.isEnabledFor(logging.ERROR)
    assert logger.level == before


def drawn(png: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def middle(image: NDArray[np.uint8], colour: str) -> tuple[float, float] | None:
    """How far to the right and down the middle of all of a colour lies, 0 to 1; None where there is none."""
    rgb = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    rows, columns = np.nonzero((image == rgb).all(-1))
    return (columns.mean() / image.shape[1], rows.mean() / image.shape[0]) if len(rows) else None


def made_maps(**columns: object) -> PaperMaps:
    tables = made_tables().tables
    segments: geopandas.GeoDataFrame = tables["segments_100m"].assign(**columns)
    return PaperMaps({**tables, "segments_100m": segments}, tables["damages"], str)


def test_overview_shows_each_class_where_it_is() -> None:
    image = drawn(made_maps().overview())[:-70]  # without the legend
    for name, (colour, *_) in DIAGNOSES.items():
        assert middle(image, colour), name
    only = drawn(made_maps(diagnosis="Ⅰ").overview())[:-70]
    assert [bool(middle(only, DIAGNOSES[name][0])) for name in ("Ⅰ", "Ⅱ", "Ⅲ")] == [True, False, False]
    west, east = (
        middle(image, COLOURS[code]) for code in ("D40", "D10")
    )  # each further north-east than the last
    assert west
    assert east
    assert west[0] < east[0]
    assert west[1] > east[1]


def test_map_around_has_the_damage_in_its_middle() -> None:
    maps = made_maps()
    at = middle(drawn(maps.around(2)), COLOURS["D20"])
    assert at == pytest.approx((0.5, 0.5), abs=0.01)
    assert middle(drawn(maps.around(2)), COLOURS["D40"])  # the neighbour, 105 m away
    assert not middle(drawn(maps.around(1)), COLOURS["D10"])  # 320 m away


def test_hot_spots_alone_can_be_drawn() -> None:
    tables = made_tables().tables
    maps = PaperMaps({"hot_spots": tables["hot_spots"]}, tables["damages"].iloc[:0], str)
    rgb = np.array([int(HOT[0][i : i + 2], 16) for i in (1, 3, 5)])
    mixed = np.round(255 + (rgb - 255) * HOT[1])
    assert (abs(drawn(maps.overview())[:-70] - mixed) <= 1).all(-1).sum() > 100


@pytest.mark.parametrize("name", ["$\\frac{x}$", "😀通り", "a\nb\x00", "ა" * 30, "", LONG_NAME])
def test_any_road_name_can_be_drawn(name: str) -> None:
    """Formulas, letters that the font lacks, and no name: no error and no warning."""
    assert drawn(made_maps(road=name).overview()).shape == (984, 1417, 3)
