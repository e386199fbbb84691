"""ExifTool as a last resort: version and units checked, never required."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import telemetry_files as files
from conftest import SHARED, needs_shared, write_video

from detector.telemetry import exiftool, read_embedded
from detector.telemetry.fixes import fixes_from_rows

FETCHED = Path(__file__).parents[1] / ".exiftool/package/bin"
"""Where scripts/install-test-system puts a recent ExifTool, where it can."""


def recent() -> bool:
    return exiftool._program() is not None


@pytest.fixture(autouse=True)
def _on_the_path(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if FETCHED.exists():
        monkeypatch.setenv("PATH", f"{FETCHED}{os.pathsep}{os.environ['PATH']}")
    exiftool._program.cache_clear()
    yield
    exiftool._program.cache_clear()


needs_exiftool = pytest.mark.skipif(
    not FETCHED.exists(),
    reason="no recent ExifTool: scripts/install-test-system fetches it where npm and perl are",
)


@needs_exiftool
@pytest.mark.parametrize("name", ["CAMM", "GPMF GPS5", "GPMF GPS9"])
def test_it_agrees_with_our_own_readers(tmp_path: Path, name: str) -> None:
    assert recent()
    base = write_video(tmp_path / "base.mp4", np.arange(files.SECONDS * 15) / 15)
    handler, form, length_s, write = files.TRACKS[name]
    path = files.add_track(base, tmp_path / "v.mp4", handler, form, write(files.Device()), length_s)
    ours = read_embedded(path, files.SECONDS)
    theirs = fixes_from_rows(exiftool.read_exiftool(path), "exiftool")
    assert ours is not None
    assert len(theirs) == len(ours)
    assert np.abs(theirs.lon - ours.lon).max() < 1e-7
    assert np.abs(theirs.lat - ours.lat).max() < 1e-7
    if np.isfinite(theirs.speed_mps).any():
        assert np.nanmedian(theirs.speed_mps) == pytest.approx(files.SPEED_MPS, rel=0.02)


@needs_exiftool
@needs_shared("data/telemetry/gpmf-parser/max-heromode.mp4")
@pytest.mark.parametrize(
    ("name", "apart_deg"),
    [
        ("gpmf-parser/max-heromode.mp4", 1e-7),
        ("dashcamigo/gopro/hero5-trimmed.mp4", 1e-7),
        ("dashcamigo/gopro/hero6-trimmed.mp4", 1e-7),
        ("dashcamigo/blackvue-mp4/synthetic.mp4", 1e-7),
        ("dashcamigo/novatek-ts/synthetic-happy.TS", 1e-7),
        ("gpmf-parser/karma.mp4", 1.5e-5),  # it gives the drone's fused position, we the receiver's
    ],
)
def test_real_files_agree_with_it(name: str, apart_deg: float) -> None:
    path = SHARED / "data/telemetry" / name
    ours = read_embedded(path, 10.0)
    theirs = exiftool.read_exiftool(path)
    assert ours is not None
    assert len(theirs) - 1 <= len(ours) <= len(theirs)
    lon, lat = (np.array([row[axis] for row in theirs]) for axis in ("lon", "lat"))
    for one_lon, one_lat in zip(ours.lon, ours.lat, strict=True):
        assert np.hypot(lon - one_lon, lat - one_lat).min() <= apart_deg


def program(folder: Path, version: str, answer: str) -> None:
    """A stand-in that answers as some other version of ExifTool would."""
    path = folder / "exiftool"
    path.write_text(
        f"#!/bin/sh\nif [ \"$1\" = -ver ]; then echo {version}; else cat <<'END'\n{answer}\nEND\nfi\n"
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def answer(scale: float) -> str:
    steps = ",".join(
        f'"Doc{i + 1}:GPSLatitude": {35 + i * 1e-4}, "Doc{i + 1}:GPSLongitude": 139.0,'
        f'"Doc{i + 1}:SampleTime": {i}, "Doc{i + 1}:GPSSpeed": {11.09 * scale},'
        f'"Doc{i + 1}:GPSDateTime": "2024:05:14 01:30:{i:02d}.00Z"'
        for i in range(20)
    )
    return f'[{{"SourceFile": "v.mp4", {steps}}}]'


@pytest.mark.parametrize(
    ("version", "rows"), [("12.57", 0), ("13.50", 20), ("13.59", 20), ("14.02", 20), ("nonsense", 0)]
)
def test_an_old_version_is_not_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, rows: int
) -> None:
    program(tmp_path, version, answer(1.0))
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert len(exiftool.read_exiftool(tmp_path / "v.mp4")) == rows


@pytest.mark.parametrize(("scale", "told"), [(1.0, True), (3.6, True), (3600 / 1852, True), (7.3, False)])
def test_the_unit_of_speed_is_checked_against_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scale: float, *, told: bool
) -> None:
    program(tmp_path, "13.59", answer(scale))
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    speeds = [row.get("speed_mps") for row in exiftool.read_exiftool(tmp_path / "v.mp4")]
    assert speeds == ([pytest.approx(11.09, rel=1e-3)] * 20 if told else [None] * 20)


@pytest.mark.parametrize("words", ["", "not JSON", "[]", "[{}, {}]", '[{"Doc1:GPSLatitude": "here"}]'])
def test_an_answer_that_is_none_is_no_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    program(tmp_path, "13.59", words)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert exiftool.read_exiftool(tmp_path / "v.mp4") == []


def test_it_is_not_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which("exiftool") is None
    assert exiftool.read_exiftool(tmp_path / "v.mp4") == []
