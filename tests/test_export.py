"""`roaddamage export` and `compare` end to end, as a user calls them, on a made street whose damages are known."""

from __future__ import annotations

import base64
import csv
import gzip
import json
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import geopandas
import numpy as np
import openpyxl
import pyproj
import pytest
from click.testing import Result
from PIL import Image
from shapely.geometry import LineString
from typer.testing import CliRunner

from detector.classes import CLASSES, CODES, SEVERITIES
from detector.sightings import Sighting
from detector.trajectory import LocalFrame
from maps.coverage import Way
from maps.exports import Driven, write_geopackage
from maps.survey import Survey
from roaddamage.cli import app
from roaddamage.export import PARTS

FRAME = LocalFrame(139.75, 35.65)
STREET_M = 600.0
NAMES = ("=cmd|' /C calc'!A0", "+1", "-1", "@x", "桜田通り", "〜髙𠮷")
"""Of the roads that make the street, a hundred metres each."""
FORMULAS = NAMES[:4]
DAY_S = 86_400.0
BEGIN_UTC_S = 1_740_000_000.0  # 2025-02-20 06:20 in Tokyo
D00, D20, D40 = (CODES.index(code) for code in ("D00", "D20", "D40"))
Place = tuple[float, int, float]
"""A damage: how far along the street, its class, its length in metres."""
BEFORE: list[Place] = [(50, D20, 1.5), (150, D20, 1.5), (250, D40, 0.6), (550, D00, 3.0)]
BETWEEN: list[Place] = [(50, D20, 1.5), (150, D20, 2.3), (250, D40, 0.6), (550, D00, 3.0)]
AFTER: list[Place] = [(50, D20, 1.5), (150, D20, 3.5), (350, D40, 0.6)]
"""One as it was, one grown, one gone, one new; the one at 550 m is not driven past."""


def along(metres: Sequence[float]) -> np.ndarray:
    """Places along the street, EPSG:4326."""
    return np.column_stack(FRAME.to_lonlat(np.array(metres, float), np.zeros(len(metres))))


def write_survey(
    folder: Path, day: float, drives: int, damages: list[Place], *, to_m: float = STREET_M, prefix: str = "d"
) -> Path:
    """An output folder as `detect` leaves it: so many drives along the street, each of which saw these damages."""
    ways, driven, sightings = [], [], dict[str, list[Sighting]]()
    (folder / "evidence").mkdir(parents=True)
    for number in range(drives):
        name, begin = f"{prefix}{number}", BEGIN_UTC_S + day * DAY_S + number * 3600
        line = along(np.arange(0.0, to_m + 1, 5.0).tolist())
        ways.append(Way(name, begin, [line], 1.0, np.full((len(CLASSES), len(SEVERITIES)), 6.0)))
        driven.append(Driven(name, [line], to_m, begin))
        sightings[name] = [
            seen(folder, name, index, begin, one, along([one[0] + 0.1 * number])[0])
            for index, one in enumerate(damages)
        ]
    counted = Survey(ways, driven, sightings).counted()
    zone = ZoneInfo("Asia/Tokyo")
    write_geopackage(folder / "damages.gpkg", counted.damages, driven, ways, zone, str)
    (folder / "report.json").write_text("{}")
    return folder


def seen(folder: Path, drive: str, index: int, begin: float, damage: Place, lonlat: np.ndarray) -> Sighting:
    """A damage as a drive saw it, with a picture of it in a colour of its folder."""
    at_m, kind, length = damage
    pictures = [f"{drive}-{index:04}.jpg", f"{drive}-{index:04}-crop.jpg"]
    for name in pictures:
        Image.new("RGB", (64, 36), (sum(folder.name.encode()) % 256, 9, 9)).save(folder / "evidence" / name)
    area = 0.5 * length if kind != D00 else None
    return Sighting(
        drive=drive, class_id=kind, confidence=0.9, lon=float(lonlat[0]), lat=float(lonlat[1]),
        covariance_m2=((0.5, 0.0), (0.0, 0.5)), heading_deg=90.0, length_m=length, length_sd_m=0.1,
        width_m=0.7, width_sd_m=0.1, area_m2=area, area_sd_m2=None if area is None else 0.1, time_s=at_m / 10,
        utc_s=begin + at_m / 10, frames=3, model="made", evidence=pictures[0], crop=pictures[1],
        common_sd_m=0.5,
    )  # fmt: skip


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_survey(tmp_path_factory.mktemp("survey") / "monday", 0, 2, BEFORE)


@pytest.fixture(scope="module")
def surveys(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three surveys, a year and more from the first to the last; drives of the same names in each."""
    folder = tmp_path_factory.mktemp("surveys")
    return [
        write_survey(folder / "first", 0, 4, BEFORE),
        write_survey(folder / "second", 250, 4, BETWEEN),
        write_survey(folder / "third", 500, 8, AFTER, to_m=450),
    ]


@pytest.fixture(scope="module")
def roads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A road ledger as a Shapefile in Shift_JIS, in zone 9, without a .prj."""
    path = tmp_path_factory.mktemp("roads") / "daicho.shp"
    lines = [LineString(along([100.0 * one, 100.0 * (one + 1)])) for one in range(len(NAMES))]
    table = {
        "路線番号": [f"特{one}" for one in range(len(NAMES))],
        "路線名": [one.replace("𠮷", "吉") for one in NAMES],
    }
    ledger = geopandas.GeoDataFrame({**table, "幅員": 6.5}, geometry=lines, crs="EPSG:4326")
    ledger.to_crs(6677).to_file(path, encoding="cp932")
    path.with_suffix(".prj").unlink()
    return path


def roaddamage(*arguments: object) -> Result:
    """The command, in this process; what it wrote to both streams is `output`."""
    return CliRunner().invoke(app, [str(one) for one in arguments])


def export(out: Path, folder: Path, forms: Sequence[str], *options: object) -> Result:
    """An export that succeeds."""
    to = [word for form in forms for word in ("--to", form)]
    done = roaddamage("export", folder, *to, "--out", out, "--lang", "en", *options)
    assert done.exit_code == 0, done.output
    return done


def rows_of(path: Path, encoding: str = "utf-8-sig") -> list[dict[str, str]]:
    with path.open(encoding=encoding, newline="") as file:
        return list(csv.DictReader(file))


def layers(path: Path) -> dict[str, int]:
    """Rows by layer, as GDAL's own program counts them."""
    said = subprocess.run(
        ["ogrinfo", "-so", "-al", str(path)], check=True, capture_output=True, text=True
    ).stdout
    counts, name = {}, ""
    for line in said.splitlines():
        name = line.removeprefix("Layer name: ") if line.startswith("Layer name: ") else name
        if line.startswith("Feature Count: "):
            counts[name] = int(line.removeprefix("Feature Count: "))
    return counts


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def read_pdf(path: Path) -> str:
    return subprocess.run(["pdftotext", str(path), "-"], check=True, capture_output=True, text=True).stdout


def read_workbook(path: Path) -> Counter[str]:
    """Rows below the heading, by sheet."""
    book = openpyxl.load_workbook(path)
    return Counter({sheet.title: sheet.max_row - 1 for sheet in book})


def read_kml(path: Path) -> Counter[str]:
    """Placemarks by folder."""
    space = "{http://www.opengis.net/kml/2.2}"
    folders = ElementTree.parse(path).iter(f"{space}Folder")  # noqa: S314  (our own file)
    return Counter({one.findtext(f"{space}name"): len(one.findall(f"{space}Placemark")) for one in folders})


def counts_told(out: Path, form: str) -> list[int]:
    """How many damages and segments of 100 m a form of an export has, by a reader of its own kind."""
    path = out / PARTS[form][0]
    if form in ("gpkg", "shp"):
        told = layers(path)
        return [told["damages"], told["segments_100m"]]
    if form == "geojson":
        return [layers(path / f"{name}.geojson")[name] for name in ("damages", "segments_100m")]
    if form == "csv":
        return [len(rows_of(path / f"{name}.csv")) for name in ("damages", "segments_100m")]
    told_of = read_kml(path) if form == "kml" else read_workbook(path)
    return [told_of["Damages"], told_of["Segments of 100 m"]]


TABLES = ("gpkg", "geojson", "shp", "kml", "csv", "xlsx")


@pytest.mark.parametrize(
    ("places", "damages"), [pytest.param(BEFORE, 4, id="survey"), pytest.param([], 0, id="survey of nothing")]
)
def test_every_form_can_be_read(tmp_path: Path, places: list[Place], damages: int) -> None:
    folder = write_survey(tmp_path / "in", 0, 1, places)
    done = export(tmp_path / "out", folder, list(PARTS))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
        part for parts in PARTS.values() for part in parts
    )
    assert {form: counts_told(tmp_path / "out", form) for form in TABLES} == {
        form: [damages, 6] for form in TABLES
    }
    report, page = read_pdf(tmp_path / "out/road-damage.pdf"), (tmp_path / "out/map.html").read_text()
    assert ("No damage was found." in report) == ("No damage was found" in page) == (not damages)
    assert report.count("Decision") == damages
    assert len(list((tmp_path / "out/evidence").iterdir())) == 2 * damages
    for form, parts in PARTS.items():
        assert str(tmp_path / "out" / parts[0]) in done.output, form


def test_japanese(tmp_path: Path, survey: Path) -> None:
    export(tmp_path, survey, ["csv", "xlsx", "pdf", "html"], "--lang", "ja")
    assert "路線名" in rows_of(tmp_path / "csv/damages.csv")[0]
    assert openpyxl.load_workbook(tmp_path / "road-damage.xlsx").sheetnames[:2] == ["概要", "点検記録"]
    assert "道路損傷報告書" in read_pdf(tmp_path / "road-damage.pdf")
    assert 'lang="ja"' in (tmp_path / "map.html").read_text()


def test_no_road_s_name_becomes_a_formula(tmp_path: Path, survey: Path, roads: Path) -> None:
    export(tmp_path, survey, ["csv", "xlsx"], "--roads", roads, "--roads-crs", "EPSG:6677")
    told = {row["road"] for row in rows_of(tmp_path / "csv/segments_100m.csv")}
    assert {f"'{name}" for name in FORMULAS} < told
    cells = [
        cell
        for sheet in openpyxl.load_workbook(tmp_path / "road-damage.xlsx")
        for row in sheet.iter_rows()
        for cell in row
    ]
    assert not [cell.coordinate for cell in cells if cell.data_type in ("f", "e")]
    assert {cell.value for cell in cells if cell.quotePrefix} == set(FORMULAS)


def test_shift_jis(tmp_path: Path, survey: Path, roads: Path) -> None:
    options = "--encoding", "shift_jis", "--lang", "ja", "--roads", roads, "--roads-crs", "EPSG:6677"
    export(tmp_path, survey, ["csv", "shp"], *options)
    names = {row["路線名"] for row in rows_of(tmp_path / "csv/segments_100m.csv", "cp932")}
    assert {"桜田通り", "〜髙吉"} < names | {name.replace("～", "〜") for name in names}
    assert (tmp_path / "shp/segments_100m.cpg").read_text() == "932"
    shown = geopandas.read_file(tmp_path / "shp/segments_100m.shp")
    assert "桜田通り" in set(shown["road"])


@pytest.mark.parametrize(
    ("crs", "code"), [("EPSG:4326", 4326), ("JGD2011", 6668), ("zone 9", 6677), ("9系", 6677)]
)
def test_coordinates_are_pyproj_s(tmp_path: Path, survey: Path, crs: str, code: int) -> None:
    """x is east and y north in every file; in a zone, the columns are named for what they are."""
    export(tmp_path, survey, ["gpkg", "shp", "csv"], "--crs", crs)
    project = pyproj.Transformer.from_crs("EPSG:4326", f"EPSG:{code}", always_xy=True)
    east, north = project.transform(*along([place[0] for place in BEFORE]).T)
    expected = sorted(zip(east, north, strict=True))
    tolerance = 0.5 if code == 6677 else 5e-6
    for path in ("road-damage.gpkg", "shp/damages.shp"):
        told = geopandas.read_file(tmp_path / path, **({"layer": "damages"} if "gpkg" in path else {}))
        assert told.crs.to_epsg() == code
        for there, place in zip(
            sorted(zip(told.geometry.x, told.geometry.y, strict=True)), expected, strict=True
        ):
            assert there == pytest.approx(place, abs=tolerance)
    columns = ("Y, east (m)", "X, north (m)") if code == 6677 else ("longitude", "latitude")
    rows = rows_of(tmp_path / "csv/damages.csv")
    for row, place in zip(
        sorted((float(row[columns[0]]), float(row[columns[1]])) for row in rows), expected, strict=True
    ):
        assert row == pytest.approx(place, abs=tolerance)


@pytest.mark.parametrize(("crs", "told"), [("zone 9", False), ("zone 1", True), ("EPSG:4326", False)])
def test_a_zone_that_is_for_other_ground_is_told(tmp_path: Path, survey: Path, crs: str, told: bool) -> None:
    done = export(tmp_path, survey, ["csv"], "--crs", crs)
    assert ("CS I is for: 4 of 4" in done.output) == told


def bounds(from_m: float, to_m: float) -> str:
    (west, south), (east, north) = along([from_m, to_m])
    return f"{west},{south - 1e-4},{east},{north + 1e-4}"


def test_only_what_lies_within(tmp_path: Path, survey: Path) -> None:
    export(tmp_path, survey, ["csv", "gpkg", "html"], "--bbox", bounds(20, 180))
    damages = rows_of(tmp_path / "csv/damages.csv")
    assert sorted(round(float(row["chainage (m)"])) for row in damages) == [50, 150]
    assert layers(tmp_path / "road-damage.gpkg") == {
        "damages": 2, "segments_20m": 9, "segments_100m": 2, "hot_spots": 2
    }  # fmt: skip
    assert "Damages: 2, on" in (tmp_path / "map.html").read_text()
    pictures = {row[name] for row in damages for name in ("picture", "crop")}
    assert pictures < {f"evidence/{path.name}" for path in (tmp_path / "evidence").iterdir()}


def test_only_drives_since_a_day(tmp_path: Path, surveys: list[Path]) -> None:
    done = export(tmp_path, surveys[0].parent, ["csv"], "--since", "2026-01-01")
    assert "surveyed: 2026-07-05" in done.output
    assert len(rows_of(tmp_path / "csv/damages.csv")) == len(AFTER)


def test_pictures_can_be_found_from_the_export(tmp_path: Path, surveys: list[Path]) -> None:
    """Beside the map, each its own though drives share names; without a map where they were."""
    folder = surveys[0].parent
    export(tmp_path / "map", folder, ["html", "csv"])
    export(tmp_path / "list", folder, ["csv"])
    for out in (tmp_path / "map", tmp_path / "list"):
        named = [row[name] for row in rows_of(out / "csv/damages.csv") for name in ("picture", "crop")]
        assert [name for name in named if not (out / name).is_file()] == []
    kept = Counter(path.read_bytes() for path in (tmp_path / "map/evidence").iterdir())
    given = Counter(path.read_bytes() for one in surveys for path in (one / "evidence").iterdir())
    assert kept == given


def test_measured_values_and_rules(tmp_path: Path, survey: Path, roads: Path) -> None:
    (tmp_path / "measured.csv").write_text(
        "路線番号,測点自,測点至,わだち掘れ量,IRI\n特4,0,100,25.5,9.1\n無い道,0,9,1,1\n", "cp932"
    )
    rules = roaddamage("rules").output.replace("iri_mm_per_m = [3.0, 8.0]", "iri_mm_per_m = [3.0, 10.0]")
    (tmp_path / "rules.toml").write_text(rules)
    given = "--roads", roads, "--roads-crs", "EPSG:6677", "--measured", tmp_path / "measured.csv"
    done = export(tmp_path / "a", survey, ["csv"], *given)
    export(tmp_path / "b", survey, ["csv"], *given, "--rules", tmp_path / "rules.toml")
    assert "無い道" in done.output
    for out, diagnosis in (("a", "Ⅲ"), ("b", "Ⅱ")):
        segments = [
            row for row in rows_of(tmp_path / out / "csv/segments_100m.csv") if row["road number"] == "特4"
        ]
        told = {(row["rut depth (mm)"], row["IRI (mm/m)"], row["class by IRI"]) for row in segments}
        assert told == {("25.5", "9.1", diagnosis)}


@pytest.mark.parametrize(
    ("command", "options", "words"),
    [
        pytest.param("export", ["--crs", "EPSG:3857"], ["EPSG:3857", "EPSG:6677"], id="other coordinates"),
        pytest.param("export", ["--crs", "20系"], ["20系", "9系"], id="no such zone"),
        pytest.param("export", ["--to", "geojson", "--crs", "9系"], ["GeoJSON", "7946"], id="GeoJSON in a zone"),
        pytest.param("export", ["--bbox", "1,2,3"], ["--bbox", "four numbers"], id="three numbers"),
        pytest.param("export", ["--bbox", "a,b,c,d"], ["--bbox", "four numbers"], id="no numbers"),
        pytest.param("export", ["--bbox", "nan,0,1,1"], ["--bbox", "west"], id="nan"),
        pytest.param("export", ["--bbox", "140,35,139,36"], ["--bbox", "west"], id="east before west"),
        pytest.param("export", ["--bbox", "35,139,36,140"], ["--bbox", "south"], id="latitude first"),
        pytest.param("export", ["--since", "yesterday"], ["--since", "yesterday", "2026-04-01"], id="no day"),
        pytest.param("export", ["--since", "2026-02-30"], ["--since", "2026-02-30"], id="no such day"),
        pytest.param("export", ["--since", "2030-01-01"], ["--since", "No drive"], id="after the last drive"),
        pytest.param("compare", ["--at", "1.4.2026"], ["--at", "1.4.2026"], id="a day written otherwise"),
        pytest.param("compare", ["--at", "2030-01-01"], ["one survey only", "--at"], id="all before the day"),
        pytest.param("compare", [], ["one survey only"], id="one survey"),
        pytest.param("compare", ["FOLDER"], ["one survey only"], id="a survey with itself"),
        pytest.param("export", ["--roads-columns", "no=X"], ["'no'", "width"], id="no such column"),
        pytest.param("export", ["--roads-columns", "name"], ["name", "no column"], id="column of nothing"),
        pytest.param("export", ["--roads", "gone.shp"], ["gone.shp", "does not exist"], id="no road file"),
        pytest.param("export", ["--roads", "ROADS"], ["--roads-crs"], id="roads without coordinates"),
        pytest.param("export", ["--roads", "ROADS", "--roads-crs", "x"], ["--roads-crs"], id="no coordinates"),
        pytest.param("export", ["--rules", "gone.toml"], ["gone.toml"], id="no rules"),
        pytest.param("export", ["--measured", "gone.csv"], ["gone.csv"], id="nothing measured"),
        pytest.param("export", ["--timezone", "Mars/Base"], ["Mars/Base"], id="no such zone of time"),
        pytest.param("export", ["--to", "doc"], ["doc", "xlsx"], id="no such form"),
        pytest.param("export", ["EMPTY"], ["empty", "damages.gpkg"], id="folder without results"),
        pytest.param("export", ["TEXT"], ["damages.gpkg", "can't be read"], id="results that are none"),
        pytest.param("export", ["--to", "html", "--out", "FOLDER"], ["evidence", "--out"], id="over a drive's map"),
        pytest.param("export", ["--out", "ROADS"], ["is a file"], id="into a file"),
    ],
)  # fmt: skip
def test_bad_use_is_told_and_changes_nothing(
    tmp_path: Path, survey: Path, roads: Path, command: str, options: list[str], words: list[str]
) -> None:
    (tmp_path / "text").mkdir()
    (tmp_path / "empty").mkdir()
    (tmp_path / "text/damages.gpkg").write_text("text")
    known = {"FOLDER": survey, "ROADS": roads, "EMPTY": tmp_path / "empty", "TEXT": tmp_path / "text"}
    before = contents(survey)
    given = ["--out", tmp_path / "out", "--to", "csv", *(known.get(one, one) for one in options)]
    done = roaddamage(command, survey, *given, "--lang", "en")
    assert done.exit_code == 2, done.output
    said = " ".join(done.output.replace("│", " ").split())
    assert [word for word in words if word not in said] == []
    assert not (tmp_path / "out").exists()
    assert contents(survey) == before


def test_other_files_stay(tmp_path: Path, survey: Path) -> None:
    """Also those that somebody put among ours; what an earlier export wrote is replaced."""
    others = {
        "notes.txt": b"own",
        "shp/daicho.shp": b"own roads",
        "csv/style/a.qml": b"style",
        "shp/damages.qml": b"x",
    }
    for name, content in others.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    (tmp_path / "csv/change_damages.csv").write_text("of an earlier comparison")
    for _ in range(2):
        export(tmp_path, survey, ["csv", "shp"])
        found = contents(tmp_path)
        assert {name: found.get(name) for name in others} == others
        assert "csv/change_damages.csv" not in found
        assert len(rows_of(tmp_path / "csv/damages.csv")) == len(BEFORE)


@contextmanager
def small_files_only(size: int) -> Iterator[None]:
    """The kernel refuses writes beyond a size, as it does on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("room", ["none", "nearly enough"])
@pytest.mark.parametrize("form", list(PARTS))
def test_a_full_disk_is_told_and_changes_nothing(tmp_path: Path, survey: Path, form: str, room: str) -> None:
    out = tmp_path / "out"
    export(out, survey, ["csv", form])
    before = contents(out)
    part = out / PARTS[form][0]
    largest = max(path.stat().st_size for path in (part.iterdir() if part.is_dir() else [part]))
    with small_files_only(400 if room == "none" else largest - 200):
        done = roaddamage("export", survey, "--to", form, "--out", out, "--lang", "en")
    assert done.exit_code == 1, done.output
    assert f"can't be written to {out}: " in done.output
    assert "Nothing there was changed" in done.output
    assert contents(out) == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_killed_in_the_middle_it_changes_nothing(tmp_path: Path, survey: Path) -> None:
    """Asked to end it cleans up; killed it leaves what the next export clears away."""
    out = tmp_path / "out"
    export(out, survey, ["csv", "pdf"])
    before = contents(out)
    command = [sys.executable, "-m", "roaddamage", "export", str(survey), "--out", str(out)]
    command += ["--to", "csv", "--to", "pdf", "--lang", "en"]
    for end in (signal.SIGTERM, signal.SIGKILL):
        with subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
            while process.poll() is None and not list(out.glob(".unfinished-*/csv/segments_100m.csv")):
                time.sleep(0.005)
            process.send_signal(end)
        assert process.returncode in (128 + end, -end), "it was done before it could be asked to end"
        left = contents(out)
        assert {
            name: content for name, content in left.items() if not name.startswith(".unfinished-")
        } == before
        assert (end == signal.SIGKILL) == (left != before)
    export(out, survey, ["csv"])
    assert sorted(path.name for path in out.iterdir()) == ["csv", "road-damage.pdf"]


def compare(out: Path, folders: Sequence[Path], *options: object) -> Result:
    done = roaddamage("compare", *folders, "--out", out, "--lang", "en", *options)
    assert done.exit_code == 0, done.output
    return done


CHANGES = {50: "unchanged", 150: "worse", 250: "probably repaired", 350: "new", 550: "not surveyed"}


@pytest.mark.parametrize("split", ["folders", "a day", "a month apart"])
def test_what_changed(tmp_path: Path, surveys: list[Path], split: str) -> None:
    """However the two surveys are told apart."""
    first, _, last = surveys
    for one in (first, last):
        shutil.copytree(one, tmp_path / "in" / one.name)
    given: dict[str, list[object]] = {
        "folders": [tmp_path / "in/first", tmp_path / "in/third"],
        "a day": [tmp_path / "in", "--at", "2026-01-01"],
        "a month apart": [tmp_path / "in"],
    }
    done = roaddamage("compare", *given[split], "--to", "csv", "--out", tmp_path / "out", "--lang", "en")
    assert done.exit_code == 0, done.output
    rows = rows_of(tmp_path / "out/csv/change_damages.csv")
    assert {round(float(row["chainage (m)"])): row["change"] for row in rows} == CHANGES
    told = next(line for line in done.output.splitlines() if line.startswith("Change of damages: "))
    assert sorted(told.removeprefix("Change of damages: ").split(", ")) == sorted(
        f"{one} 1" for one in CHANGES.values()
    )
    assert "earlier survey: 2025-02-20 (drives: 4)" in done.output
    assert "later survey: 2026-07-05 (drives: 8)" in done.output
    segments = {float(row["from (m)"]): row for row in rows_of(tmp_path / "out/csv/change_segments.csv")}
    kinds = ("new", "worse", "unchanged", "probably repaired", "not surveyed")
    assert {at: [kind for kind in kinds if segments[at][kind] == "1"] for at in segments} == {
        0: ["unchanged"], 100: ["worse"], 200: ["probably repaired"], 300: ["new"], 400: [], 500: ["not surveyed"]
    }  # fmt: skip
    assert segments[500]["change"] == "not surveyed"
    assert float(segments[100]["crack ratio after (%)"]) > float(segments[100]["crack ratio before (%)"]) > 0


def test_every_form_of_a_comparison(tmp_path: Path, surveys: list[Path]) -> None:
    compare(tmp_path, [surveys[0], surveys[-1]], *(word for form in PARTS for word in ("--to", form)))
    rows = {"change_damages": 5, "change_segments": 6}
    for form in ("gpkg", "shp"):
        assert rows.items() <= layers(tmp_path / PARTS[form][0]).items()
    for told in (read_kml(tmp_path / "road-damage.kml"), read_workbook(tmp_path / "road-damage.xlsx")):
        assert [told["Change of damages"], told["Change of segments"]] == [5, 6]
    assert json.loads((tmp_path / "geojson/change_damages.geojson").read_text())["features"][0]["properties"][
        "change"
    ]
    later = (date(2026, 7, 5) - date(1970, 1, 1)).days
    assert re.search(rf'"later_day": ?{later}\b', (tmp_path / "map.html").read_text())
    report = read_pdf(tmp_path / "road-damage.pdf")
    assert "Change since the survey before" in report
    assert "probably repaired" in report


def test_three_surveys_have_a_forecast(tmp_path: Path, surveys: list[Path]) -> None:
    two = compare(tmp_path / "two", [surveys[0], surveys[-1]], "--to", "csv")
    three = compare(tmp_path / "three", surveys, "--to", "csv")
    assert "surveys for the forecast: 2" in two.output
    assert "surveys for the forecast: 3" in three.output
    rows = {
        name: next(
            row for row in rows_of(tmp_path / name / "csv/change_segments.csv") if row["from (m)"] == "100.0"
        )
        for name in ("two", "three")
    }
    assert (rows["two"]["crack ratio forecast (%)"], bool(rows["two"]["about the forecast"])) == ("", True)
    assert rows["three"]["forecast for"].isdigit()
    low, ratio, high = (
        float(rows["three"][name])
        for name in ("forecast, low (95 %)", "crack ratio forecast (%)", "forecast, high (95 %)")
    )
    assert low <= ratio <= high
    assert ratio > float(rows["three"]["crack ratio after (%)"])


def test_detect_names_the_roads_in_the_map(short_drive: Path, tmp_path: Path) -> None:
    """Those of a file without coordinate system, which --roads-crs says."""
    lonlat = [(139.75, 35.649), (139.75, 35.652)]
    roads = geopandas.GeoDataFrame(
        {"路線番号": ["特9"], "路線名": ["桜田通り"]}, geometry=[LineString(lonlat)], crs=4326
    )
    roads.to_crs(6677).to_file(tmp_path / "daicho.shp", encoding="cp932")
    (tmp_path / "daicho.prj").unlink()
    given = ["detect", short_drive, "--roads", tmp_path / "daicho.shp", "--lang", "en", "--quiet"]
    refused = roaddamage(*given, "--out", tmp_path / "a")
    assert (refused.exit_code, "--roads-crs" in refused.output, (tmp_path / "a").exists()) == (2, True, False)
    done = roaddamage(*given, "--roads-crs", "EPSG:6677", "--out", tmp_path / "b")
    assert done.exit_code == 0, done.output
    page = (tmp_path / "b/map.html").read_text()
    packs = [gzip.decompress(base64.b64decode(one)) for one in re.findall(r'"(H4sI[A-Za-z0-9+/=]+)"', page)]
    assert "桜田通り" in b"".join(packs).decode("utf-8", "ignore")
