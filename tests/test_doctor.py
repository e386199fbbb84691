"""What `roaddamage doctor` says of a machine that lacks something."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from roaddamage import doctor
from roaddamage.cli import app
from roaddamage.doctor import Finding, Word
from roaddamage.language import translation
from roaddamage.workspace import Workspace

Change = Callable[[pytest.MonkeyPatch], object]


def room(free: float) -> Change:
    return lambda patch: patch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=free))


def files(count: int) -> Change:
    return lambda patch: patch.setattr(
        os, "statvfs", lambda _: SimpleNamespace(f_files=10**6, f_favail=count)
    )


def other_package(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(doctor, "packages_distributions", lambda: {"datasets": ["roaddamage", "datasets"]})


CASES: dict[str, tuple[Callable[[Workspace], Finding], Change, Word]] = {
    "a GPU": (doctor.gpu, lambda p: p.setattr("detector.model.gpu_count", lambda: 2), Word.ok),
    "no GPU": (doctor.gpu, lambda p: p.setattr("detector.model.gpu_count", lambda: 0), Word.warning),
    "codecs": (doctor.codecs, lambda p: None, Word.ok),
    "no HEVC": (
        doctor.codecs,
        lambda p: p.setattr("av.codec.codecs_available", {"h264", "mjpeg"}),
        Word.fault,
    ),
    "font": (doctor.font, lambda p: None, Word.ok),
    "no font": (doctor.font, lambda p: p.setattr("maps.pdf.font_file", lambda: Path("/nowhere")), Word.fault),
    "room": (doctor.disk, room(2**40), Word.ok),
    "little room": (doctor.disk, room(10 * 2**30), Word.warning),
    "no room": (doctor.disk, room(2**30), Word.fault),
    "files": (doctor.inodes, files(10**6), Word.ok),
    "no inodes": (doctor.inodes, files(10), Word.fault),
    "not writable": (doctor.writable, lambda p: p.setattr(os, "access", lambda *_: False), Word.fault),
    "settings": (doctor.configured, lambda p: p.setenv("ROADDAMAGE_TIMEZONE", "Asia/Nowhere"), Word.fault),
    "clock behind": (doctor.clock, lambda p: p.setattr(doctor, "BUILT_S", 9e9), Word.fault),
    "quiet": (doctor.quiet, lambda p: None, Word.ok),
    "installs": (doctor.quiet, lambda p: p.setenv("YOLO_AUTOINSTALL", "true"), Word.fault),
    "names": (doctor.names, lambda p: None, Word.ok),
    "Hugging Face": (doctor.names, other_package, Word.fault),
    "masking": (doctor.masking, lambda p: None, Word.ok),
    "other networks": (
        doctor.masking,
        lambda p: p.setattr("training.masking_report.networks", lambda: {"a": "b"}),
        Word.warning,
    ),
    "no report": (
        doctor.masking,
        lambda p: p.setattr("training.masking_report.REPORT", Path("nowhere")),
        Word.fault,
    ),
    "no ExifTool": (
        doctor.exiftool,
        lambda p: p.setattr("detector.telemetry.exiftool._program", lambda: None),
        Word.warning,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_finding(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    look, change, word = CASES[case]
    change(monkeypatch)
    found = look(Workspace(tmp_path))
    assert found.word is word, found
    assert found.line(translation("ja")) != found.line(str)


@pytest.mark.django_db
def test_the_newest_record_tells_of_a_clock_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    from roaddamage.records.audit import audited

    audited(None, "user.created")
    assert doctor._records("sqlite").word is Word.ok
    monkeypatch.setattr("time.time", lambda: 1.7e9)
    assert doctor._records("sqlite").word is Word.fault


@pytest.mark.parametrize(("free", "code"), [(2.0**40, 0), (2.0**30, 1)])
def test_the_command(free: float, code: int, tmp_path: Path, monkeypatch: Any) -> None:
    room(free)(monkeypatch)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    done = CliRunner().invoke(app, ["doctor", "--workspace", str(tmp_path / "new")])
    assert (done.exit_code, "could not be looked at" in done.stdout) == (code, False), done.stdout
    assert not (tmp_path / "new").exists()
