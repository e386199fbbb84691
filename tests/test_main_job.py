"""The main job end to end, as a user calls it: `roaddamage detect`."""

from __future__ import annotations

import csv
import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
from apart import apart
from command import LOCALE, as_command, roaddamage, roaddamage_apart
from conftest import BEGIN, SHARED, needs_shared, write_gpx, write_video
from kept import once
from made_videos import write_beginning
from pyproj import Geod

from detector.classes import CODES
from detector.footage import find_drives
from detector.model import DEFAULT_MODEL, Model
from detector.pipeline import Options, detect_drive
from detector.telemetry import read_log
from detector.telemetry.clock import Hints
from detector.video_drive import VideoDrive
from maps.merge import Damages

GEOD = Geod(ellps="WGS84")
BRIEF_S = 12.0


@pytest.fixture(scope="module")
def found(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of the sample drive."""

    def fill(folder: Path) -> None:
        out = folder / "out"
        done = roaddamage(
            "detect", sample, "--out", out, "--camera-height", 1.3, "--hfov", 65, "--lang", "en"
        )
        assert done.returncode == 0, done.stderr
        assert str(out / "map.html") in done.stdout

    return once(tmp_path_factory, "found", fill) / "out"


def truth_of(sample: Path, report: dict[str, Any]) -> list[dict[str, Any]]:
    """The true damages that the drive went past."""
    features = json.loads(sample.with_suffix(".truth.geojson").read_text())["features"]
    return [f for f in features if f["properties"]["along_m"] < report["driven_m"] + 8]


def test_the_sample_s_damages_are_found_where_they_are(sample: Path, found: Path) -> None:
    report = json.loads((found / "report.json").read_text())
    features = json.loads((found / "damages.geojson").read_text())["features"]
    truth = truth_of(sample, report)
    assert len(features) == report["damages"] >= 8
    matched, inside, sized = 0, 0, []
    for feature in features:
        own = feature["properties"]
        lon, lat = feature["geometry"]["coordinates"]
        distances = [GEOD.inv(lon, lat, *t["geometry"]["coordinates"])[2] for t in truth]
        nearest = truth[int(np.argmin(distances))]["properties"]
        inside += min(distances) < own["error_m"]
        if nearest["class"] == own["class"] and min(distances) < 3:
            matched += 1
            sized.append(abs(own["width_m"] - nearest["width_m"]) < 0.6)
    assert matched >= 0.7 * len(features), "most of what was found is really there, and called right"
    assert inside >= 0.9 * len(features), "the stated errors hold"
    assert np.mean(sized) > 0.8
    assert report["drives"][0]["camera"]["source"] == "motion"


def test_parked_time_is_not_sampled(found: Path) -> None:
    report = json.loads((found / "report.json").read_text())
    assert report["frames"] == pytest.approx(report["driven_m"] / 2.5, abs=6)


def test_report_says_what_it_ran_on(found: Path) -> None:
    report = json.loads((found / "report.json").read_text())
    assert set(report["damages_by_class"]) == set(CODES)
    assert report["model"]["name"] == DEFAULT_MODEL.stem
    assert len(report["model"]["sha256"]) == 64
    assert {"decode", "model", "camera", "track", "write", "total"} <= set(report["seconds"])
    assert {"ultralytics", "torch", "roaddamage", "python"} <= set(report["versions"])
    assert report["masked"] is True


def test_every_file_opens_with_an_independent_reader(found: Path) -> None:
    report = json.loads((found / "report.json").read_text())
    layers = dict(pyogrio.list_layers(found / "damages.gpkg"))
    assert layers == {
        "damages": "Point",
        "sightings": "Point",
        "track": "MultiLineString",
        "coverage": "MultiPolygon",
    }
    with sqlite3.connect(found / "damages.gpkg") as database:
        assert database.execute("select count(*) from damages").fetchone() == (report["damages"],)
        assert database.execute("select distinct srs_id from gpkg_geometry_columns").fetchall() == [(4326,)]
    database.close()
    raw = (found / "damages.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(raw.decode("utf-8-sig").splitlines()))
    assert len(rows) == report["damages"]
    for row in rows:
        assert (found / row["picture"]).stat().st_size > 1000
        assert (found / row["crop"]).stat().st_size > 300
    lons = [float(row["longitude"]) for row in rows]
    assert all(139.7 < lon < 139.8 for lon in lons)
    assert rows[0]["first seen"].endswith("+09:00")


def test_japanese_is_written_when_asked(short_drive: Path, tmp_path: Path) -> None:
    done = roaddamage("detect", short_drive, "--out", tmp_path / "o", "--lang", "ja")
    assert done.returncode == 0, done.stderr
    assert "走行" in done.stdout
    assert (tmp_path / "o/damages.csv").read_text("utf-8-sig").startswith("番号,分類記号")


def test_json_for_scripts(short_drive: Path, tmp_path: Path) -> None:
    done = apart(as_command, "detect", short_drive, "--out", tmp_path / "o", "--json", env=LOCALE)
    assert json.loads(done.stdout) == json.loads((tmp_path / "o/report.json").read_text())
    assert done.stderr == ""


def test_a_folder_of_pictures_runs(tmp_path: Path) -> None:
    from test_footage import picture_folder

    folder = picture_folder(tmp_path / "walk")
    done = roaddamage("detect", folder, "--out", tmp_path / "o", "--json")
    report = json.loads(done.stdout)
    assert (done.returncode, report["frames"], report["drives"][0]["gps"]["reader"]) == (0, 12, "exif")


def test_a_log_for_several_videos(short_drive: Path, tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        shutil.copy(short_drive, tmp_path / name)
    done = roaddamage(
        "detect", tmp_path, "--gps", short_drive.with_suffix(".gpx"), "--out", tmp_path / "o", "--json"
    )
    assert [drive["frames"] for drive in json.loads(done.stdout)["drives"]] == [16, 16]


def test_one_bad_file_never_stops_the_others(short_drive: Path, tmp_path: Path) -> None:
    card = tmp_path / "card"
    shutil.copytree(short_drive.parent, card)
    (card / "empty.mp4").write_bytes(b"")
    (card / "text.mp4").write_text("text")
    write_video(card / "nogps.mp4", np.arange(30) / 30)
    write_video(card / "late.mp4", np.arange(30) / 30, begin=datetime(2024, 6, 1, 3, 20, tzinfo=UTC))
    write_gpx(card / "late.gpx", 30)
    done = roaddamage("detect", card, "--out", tmp_path / "o", "--lang", "en")
    assert done.returncode == 3
    report = json.loads((tmp_path / "o/report.json").read_text())
    assert [drive["name"] for drive in report["drives"]] == ["short"]
    reasons = {Path(one["path"]).name: one["reason"] for one in report["refused"]}
    for name, word in {
        "empty.mp4": "empty",
        "text.mp4": "not a video",
        "nogps.mp4": "--gps",
        "late.mp4": "does not overlap",
    }.items():
        assert word in reasons[name]
        assert name in done.stderr


def bad_model(tmp_path: Path) -> Path:
    path = tmp_path / "m.pt"
    path.write_text("no model")
    return path


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        pytest.param(["nowhere.mp4"], 3, ["nowhere.mp4", "does not exist"], id="missing file"),
        pytest.param(["VIDEO", "--model", "BAD_MODEL"], 2, ["m.pt", "not a YOLO"], id="no model"),
        pytest.param(["VIDEO", "--device", "cuda:99"], 2, ["cuda:99", "--device cpu"], id="no CUDA"),
        pytest.param(["VIDEO", "--device", "gpu"], 2, ["gpu", "cuda:N"], id="no device"),
        pytest.param(["VIDEO", "--gps", "none.gpx"], 3, ["none.gpx", "can't be read"], id="no log"),
        pytest.param(["VIDEO", "--every-m", "0"], 2, ["--every-m"], id="sampling of nothing"),
        pytest.param(["VIDEO", "--confidence", "7"], 2, ["--confidence"], id="confidence beyond 1"),
        pytest.param(["VIDEO", "--camera-height", "20"], 2, ["0.3 and 5"], id="camera on a tower"),
        pytest.param(["VIDEO", "--timezone", "Mars/Base"], 2, ["Mars/Base"], id="no such zone"),
        pytest.param(["VIDEO"], 2, ["not empty", "--overwrite"], id="output not empty"),
        pytest.param([], 2, ["FOOTAGE"], id="nothing given"),
    ],
)
def test_bad_use_is_told_and_changes_nothing(
    short_drive: Path, tmp_path: Path, arguments: list[str], code: int, words: list[str]
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for name in ("map.html", "report.json"):
        (out / name).write_text("earlier")
    known = {"VIDEO": str(short_drive), "BAD_MODEL": str(bad_model(tmp_path))}
    given = [known.get(argument, argument) for argument in arguments]
    overwrite = [] if "not empty" in words else ["--overwrite"]
    done = roaddamage("detect", *given, "--out", out, *overwrite, "--lang", "en")
    assert done.returncode == code
    assert [word for word in words if word not in done.stderr.replace("\n", " ")] == []
    assert "Traceback" not in done.stderr
    assert {path.name: path.read_text() for path in out.iterdir()} == {
        "map.html": "earlier",
        "report.json": "earlier",
    }
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.pt", "out"]


def test_a_full_disk_is_told_and_changes_nothing(brief_sample: Path, tmp_path: Path) -> None:
    """The kernel refuses writes beyond a size, as it does on a full disk."""
    out = tmp_path / "out"
    out.mkdir()
    for name in ("map.html", "report.json"):
        (out / name).write_text("earlier")

    def small_files_only() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))

    done = roaddamage_apart(
        "detect", brief_sample, "--out", out, "--overwrite", "--lang", "en",
        preexec_fn=small_files_only, env={"PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert done.returncode == 1
    assert "can't be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert {path.name: path.read_text() for path in out.iterdir()} == {
        "map.html": "earlier",
        "report.json": "earlier",
    }
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_overwriting_replaces_earlier_results(short_drive: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for _ in range(2):
        assert roaddamage("detect", short_drive, "--out", out, "--overwrite", "--quiet").returncode == 0
    assert json.loads((out / "report.json").read_text())["damages"] == 0
    assert BEGIN.isoformat()[:10] in (out / "map.html").read_text()


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, Any]]:
    """The report of a real drive, by its name."""

    def report(name: str) -> Any:
        video = SHARED / f"data/drives/{name}.mp4"

        def fill(folder: Path) -> None:
            assert roaddamage("detect", video, "--out", folder / "out", "--quiet").returncode == 0

        return json.loads((once(tmp_path_factory, name, fill) / "out" / "report.json").read_text())

    return report


@needs_shared("data/drives/RS290.mp4")
@pytest.mark.parametrize(("name", "least", "metres"), [("RS290", 20, 310), ("DF251", 30, 379)])
def test_real_drives_show_their_damage(
    real: Callable[[str], dict[str, Any]], name: str, least: int, metres: float
) -> None:
    report = real(name)
    assert report["damages"] >= least
    assert report["driven_m"] == pytest.approx(metres, rel=0.02)
    assert report["drives"][0]["camera"]["horizon"] < 0, "the horizon lies above these pictures"
    assert report["drives"][0]["unseen"]["repeated"]["frames"] > 50, "each picture is shown for half a second"


@pytest.fixture
def brief_real(tmp_path: Path) -> Path:
    """The first third of a real drive: its video, and its log beside it."""
    folder = tmp_path / "card"
    folder.mkdir()
    shutil.copy(SHARED / "data/drives/RS290.gpx", folder)
    return write_beginning(SHARED / "data/drives/RS290.mp4", folder / "RS290.mp4", BRIEF_S)


@needs_shared("data/drives/RS290.mp4")
def test_a_real_drive_with_other_gps_and_sampling_doubles_nothing(brief_real: Path, tmp_path: Path) -> None:
    known, counts = Damages(), []
    model = Model(DEFAULT_MODEL, "cpu")
    for every_m, east_m, north_m in ((2.5, 0.0, 0.0), (1.7, 3.0, -2.0)):
        (drive,) = find_drives([brief_real])
        assert isinstance(drive, VideoDrive)
        own = drive.fixes(Hints())
        lon, lat = own.lon + east_m / (111_320 * np.cos(np.radians(own.lat))), own.lat + north_m / 110_941
        shifted = replace(own, lon=lon, lat=lat)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(VideoDrive, "fixes", lambda *_, fixes=shifted: fixes)
            result = detect_drive(drive, model, Options(every_m=every_m, camera_height_m=2.4), tmp_path)
        known.add([replace(one, drive=f"{every_m}") for one in result.sightings])
        counts.append(len(known))
    assert 4 < counts[1] <= 1.1 * counts[0]


@needs_shared("data/drives/RS290.mp4")
def test_a_real_drive_given_twice_is_counted_once(brief_real: Path, tmp_path: Path) -> None:
    once_only = json.loads(roaddamage("detect", brief_real, "--out", tmp_path / "one", "--json").stdout)
    for suffix in (".mp4", ".gpx"):
        shutil.copy(brief_real.with_suffix(suffix), brief_real.with_name(f"again{suffix}"))
    both = json.loads(roaddamage("detect", brief_real.parent, "--out", tmp_path / "two", "--json").stdout)
    assert both["sightings"] == 2 * once_only["sightings"] > 8
    assert both["damages"] == once_only["damages"]


def test_asked_to_end_it_leaves_nothing_behind(brief_sample: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "roaddamage", "detect", str(brief_sample), "--out", str(tmp_path / "out")],
        stderr=subprocess.DEVNULL,
    )
    while process.poll() is None and not list(tmp_path.glob("out/.unfinished-*/evidence/*.jpg")):
        time.sleep(0.02)
    assert process.poll() is None, "it was done before it could be asked to end"
    process.terminate()
    assert process.wait(300) == 128 + signal.SIGTERM
    assert list(tmp_path.iterdir()) == []


def test_a_refused_drive_takes_no_other_s_pictures_with_it(brief_sample: Path, tmp_path: Path) -> None:
    for suffix in (".mp4", ".gpx"):
        shutil.copy(brief_sample.with_suffix(suffix), tmp_path / f"drive-1{suffix}")
    write_video(tmp_path / "drive.mp4", np.arange(30) / 30)
    done = roaddamage("detect", tmp_path, "--out", tmp_path / "o", "--json")
    assert done.returncode == 3
    report = json.loads(done.stdout)
    assert report["sightings"] > 5
    assert len(list((tmp_path / "o/evidence").iterdir())) == 2 * report["sightings"]


def test_a_given_log_comes_before_one_beside_the_video(short_drive: Path, tmp_path: Path) -> None:
    shutil.copytree(short_drive.parent, tmp_path / "card")
    log = tmp_path / "other.csv"
    log.write_text("time_s,lat,lon\n" + "".join(f"{i},{40 + i / 11095},139.75\n" for i in range(6)))
    roaddamage("detect", tmp_path / "card", "--gps", log, "--out", tmp_path / "o", "--quiet")
    bounds = pyogrio.read_info(tmp_path / "o/damages.gpkg", layer="track", force_total_bounds=True)[
        "total_bounds"
    ]
    assert bounds[1] == pytest.approx(40, abs=0.01)


def test_a_file_name_that_is_no_text(short_drive: Path, tmp_path: Path) -> None:
    name = os.fsdecode(b"\x83h.mp4")  # Shift_JIS, on a card that knows only that
    shutil.copy(short_drive, tmp_path / name)
    write_gpx((tmp_path / name).with_suffix(".gpx"), 4)
    (tmp_path / os.fsdecode(b"\x83x.mp4")).write_bytes(b"")
    for call, as_json in ((roaddamage_apart, ()), (roaddamage, ("--json",))):
        done = call("detect", tmp_path, "--out", tmp_path / "o", "--overwrite", *as_json)
        assert done.returncode == 3
        assert "Traceback" not in done.stderr
    assert json.loads((tmp_path / "o/report.json").read_text())["refused"]


def test_when_nothing_could_be_used_json_says_why(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"")
    done = roaddamage("detect", tmp_path / "a.mp4", "--out", tmp_path / "o", "--json", "--lang", "en")
    assert done.returncode == 3
    assert "empty" in json.loads(done.stdout)["refused"][0]["reason"]
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_probe_tells_what_is_there(short_drive: Path, tmp_path: Path, browser: Any) -> None:
    card = tmp_path / "card"
    shutil.copytree(short_drive.parent, card)
    (card / "empty.mp4").write_bytes(b"")
    done = roaddamage("probe", card, "--map", tmp_path / "way.html")
    assert done.returncode == 3
    assert "short: files: 1, 0:04, 320 x 240, 0.04 km, from 2024-05-14T10:30:00+09:00" in done.stdout
    assert "GPS: gpx, 5 fixes, usable 100%" in done.stdout
    assert "empty.mp4" in done.stderr
    page = browser.new_page()
    page.goto((tmp_path / "way.html").as_uri())
    assert "0.04 km driven" in page.inner_text("body")


def test_probe_in_json_is_a_line_a_drive(short_drive: Path) -> None:
    told = json.loads(roaddamage("probe", short_drive, "--json").stdout)
    assert (told["drive"], told["fixes"], told["usable_share"], told["gaps"]) == ("short", 5, 1.0, [])


@pytest.mark.parametrize("form", ["gpx", "csv", "geojson", "json"])
def test_telemetry_writes_what_can_be_read_again(short_drive: Path, tmp_path: Path, form: str) -> None:
    path = tmp_path / f"fixes.{form}"
    assert roaddamage("telemetry", short_drive, "--to", form, "--out", path).returncode == 0
    if form in ("gpx", "csv"):
        fixes = read_log(path)
        assert (len(fixes), fixes.utc_s[0]) == (5, BEGIN.timestamp())
        assert fixes.lat[-1] == pytest.approx(35.65 + 40 / 110_950, abs=1e-7)
        return
    data = json.loads(path.read_text())
    first = data["features"][0]["properties"] if form == "geojson" else data[0]
    assert first["time_s"] == 0.0
    assert first["utc"].startswith("2024-05-14T01:30:00")


def test_telemetry_of_nothing_says_why(tmp_path: Path) -> None:
    write_video(tmp_path / "v.mp4", np.arange(30) / 30)
    done = roaddamage("telemetry", tmp_path / "v.mp4")
    assert (done.returncode, done.stdout) == (3, "")
    assert "--gps" in done.stderr


def test_the_sample_is_scored_in_blocks(found: Path, sample: Path) -> None:
    truth = sample.with_suffix(".truth.geojson")
    told = roaddamage("score-drive", found, "--truth", truth, "--json")
    assert told.returncode == 0, told.stderr
    of_all = json.loads(told.stdout)["scores"][-1]
    assert of_all["blocks"]["detection"] > 0.8
    assert "km; blocks of 20 m" in roaddamage("score-drive", found, "--truth", truth).stdout
