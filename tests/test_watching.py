"""A watched folder on bad days: cards copied in part, pulled out, overwritten; the program ended; the database away."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from conftest import BEGIN, write_gpx, write_video
from django.db import OperationalError
from django.utils import timezone

from roaddamage import add_cli, batch_files, batches
from roaddamage.file_names import IntakeError
from roaddamage.footage_folder import add_folder
from roaddamage.records.audit import audited
from roaddamage.records.models import Batch, Drive, FootageFile, Job, Upload
from roaddamage.watching import AGAIN_S, Ready, Watch, is_cut
from roaddamage.workspace import Workspace

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]
People = dict[str, Any]
BATCH, OTHER = "a" * 32, "b" * 32


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """A video whose index stands in front, so that half of it can be played, and its log."""
    folder = tmp_path / "in" / "card"
    folder.mkdir(parents=True)
    write_gpx(folder / "a.gpx", 4)
    write_video(folder / "a.mp4", np.arange(120) / 30, begin=BEGIN, options={"movflags": "faststart"})
    return folder


@pytest.fixture
def watch(card: Path, clock: Clock, tmp_path: Path) -> Watch:
    return Watch(card.parent, tmp_path / "watched.json", 30.0, clock)


def after(watch: Watch, clock: Clock, seconds: float) -> list[Ready]:
    """What is ready when so much time has passed since a look."""
    list(watch.ready())
    clock.now += seconds
    return list(watch.ready())


@pytest.mark.parametrize(
    ("content", "cut"),
    [
        (lambda whole: whole, False),
        (lambda whole: whole[: len(whole) // 2], True),
        (lambda whole: whole[:20], True),
        (lambda whole: whole + bytes(50), False),
        (lambda whole: b"no video at all", False),
        (lambda whole: b"", False),
        (lambda whole: b"\0\0\0\1ftyp" + b"\xff" * 8, False),
    ],
    ids=["whole", "half", "hardly begun", "padded", "no video", "empty", "absurd"],
)
def test_a_video_copied_in_part_is_told(content: Callable[[bytes], bytes], cut: bool, card: Path) -> None:
    path = card / "a.mp4"
    path.write_bytes(content(path.read_bytes()))
    assert is_cut(path) is cut


def test_a_card_pulled_out_half_way_is_taken_when_it_is_whole(card: Path, watch: Watch, clock: Clock) -> None:
    whole = (card / "a.mp4").read_bytes()
    (card / "a.mp4").write_bytes(whole[: len(whole) // 2])
    (card / "b.mkv").write_bytes(b"1")
    (one,) = after(watch, clock, 30.0)
    assert (one.cut, one.whole) == ({"a.mp4"}, {"b.mkv", "a.gpx"})
    watch.took(one)
    assert after(watch, clock, 1e6) == []
    (card / "a.mp4").write_bytes(whole)
    (one,) = after(watch, clock, 30.0)
    assert (one.cut, one.whole) == (set(), {"a.mp4", "a.gpx"})
    watch.took(one)
    again = Watch(watch.folder, watch.kept, 0.0, clock)
    assert list(again.ready()) == []


def test_what_goes_while_it_is_looked_at_is_not_taken(card: Path, watch: Watch, clock: Clock) -> None:
    assert len(after(watch, clock, 30.0)) == 1
    card.rename(card.with_name(".gone"))
    assert list(watch.ready()) == []
    card.with_name(".gone").rename(watch.folder.with_name("card"))
    watch.folder.rmdir()
    with pytest.raises(OSError, match="No such file"):
        list(watch.ready())


def throw(error: Exception) -> Any:
    raise error


@pytest.mark.parametrize("error", [OperationalError("away"), IntakeError("full"), OSError(5, "I/O error")])
def test_what_could_not_be_taken_is_tried_again(
    error: Exception, card: Path, watch: Watch, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(add_cli, "_take", lambda *_, **__: throw(error))
    (one,) = after(watch, clock, 30.0)
    add_cli._take_watched(watch, one, SimpleNamespace(), str)  # type: ignore[arg-type]
    assert after(watch, clock, AGAIN_S - 1.0) == []
    (one,) = after(watch, clock, 2.0)
    monkeypatch.setattr(add_cli, "_take", lambda *_, **__: 0)
    add_cli._take_watched(watch, one, SimpleNamespace(), str)  # type: ignore[arg-type]
    assert after(watch, clock, math.inf) == []


def test_a_drive_that_was_taken_but_not_queued_is_queued_later(
    workspace: Workspace, people: People, card: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add_folder(card, people["crew"], BATCH)
    assert Drive.objects.get().state == "recognised"
    for _ in range(2):
        assert add_cli._take(card, people["crew"], str) == 0
    assert Job.objects.count() == 1
    assert [line.split(" ", 1)[1] for line in capsys.readouterr().out.splitlines()] == [
        "0.04 km, waiting for a worker",
        "is there already",
    ]


def test_a_card_written_anew_leaves_its_drive_as_it_was(
    workspace: Workspace, people: People, card: Path
) -> None:
    was = (card / "a.mp4").read_bytes()
    add_folder(card, people["crew"], BATCH)
    with (card / "a.mp4").open("r+b") as file:  # as a camera that begins to count anew
        file.write(b"overwritten")
    assert (workspace.footage / BATCH / "a.mp4").read_bytes() == was


def test_a_file_that_grows_while_it_is_copied_is_not_taken(
    workspace: Workspace, people: People, card: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_files.fcntl, "ioctl", lambda *_: throw(OSError(95, "not supported")))
    really = batch_files.shutil.copyfileobj

    def growing(source: Any, *more: Any) -> None:
        really(source, *more)
        with open(source.name, "ab") as file:
            file.write(b"more")

    monkeypatch.setattr(batch_files.shutil, "copyfileobj", growing)
    with pytest.raises(IntakeError, match="changed while it was copied"):
        add_folder(card, people["crew"], BATCH)
    assert (list(workspace.footage.iterdir()), Drive.objects.count()) == ([], 0)


def test_what_became_no_drive_is_not_kept(workspace: Workspace, people: People, card: Path) -> None:
    (card / "deep").mkdir()
    (card / "deep" / "bad.mp4").write_bytes(b"no video")
    assert len(add_folder(card, people["crew"], BATCH).refused) == 1
    assert len(add_folder(card, people["crew"], OTHER).known) == 1
    left = {path.relative_to(workspace.footage).as_posix() for path in workspace.footage.rglob("*")}
    assert left == {BATCH, *FootageFile.objects.values_list("path", flat=True)}


def test_what_a_killed_program_left_is_cleared(workspace: Workspace, people: People, card: Path) -> None:
    add_folder(card, people["crew"], BATCH)
    for name in (OTHER, "c" * 32, "someone else's"):
        (workspace.footage / name).mkdir()
        (workspace.footage / name / ".part-1").write_bytes(b"1")
    for name in (BATCH, OTHER, "someone else's"):
        os.utime(workspace.footage / name, (0, 0))
    batches.clear_abandoned()
    left = {path.name for path in workspace.footage.iterdir()}
    assert left == {BATCH, "c" * 32, "someone else's"}
    assert (workspace.footage / BATCH / "a.mp4").is_file()


def test_a_problem_names_the_file_as_its_card_does(workspace: Workspace, people: People, card: Path) -> None:
    (card / "a.gpx").unlink()
    (drive,) = add_folder(card, people["crew"], BATCH).drives
    assert drive.understood["problem"]["values"]["path"] == "a.mp4"


@pytest.mark.parametrize(
    ("beat_s", "silent"), [(-5.0, False), (5.0, False), (-50.0, True), (3600.0, True)],
    ids=["just now", "a clock a little ahead", "dead", "before the clock was set back"],
)  # fmt: skip
def test_a_batch_whose_program_died_can_be_begun_again(people: People, beat_s: float, silent: bool) -> None:
    beat = timezone.now() + timedelta(seconds=beat_s)
    batch = Batch.objects.create(uid=BATCH, by=people["crew"], state="recognising", beat=beat)
    assert batches.stalled(batch) is silent
    begun: list[object] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            batches.threading, "Thread", lambda **told: SimpleNamespace(start=lambda: begun.append(told))
        )
        assert batches.start(batch, people["crew"]) is silent
    assert len(begun) == int(silent)


def test_a_clock_far_ahead_clears_nothing(
    workspace: Workspace, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    audited(people["crew"], "user.logged_in")
    Upload.objects.create(uid="1", batch=BATCH, name="a.mp4", path="a.mp4", size=1, by=people["crew"])
    now = timezone.now()
    monkeypatch.setattr(batches.timezone, "now", lambda: now + timedelta(days=3650))
    assert batches.clear_abandoned() == 0
    audited(people["crew"], "user.logged_in")
    assert batches.clear_abandoned() == 1


ENDED = """
import sys
from roaddamage import batch_files
from roaddamage.__main__ import main
really = batch_files._copy
def copy(source, target):
    really(source, target)
    print("copied", flush=True)
    sys.stdin.read()
batch_files._copy = copy
sys.argv[0] = "roaddamage"
main()
"""


def test_ended_while_it_copies_nothing_stays(card: Path, tmp_path: Path) -> None:
    hidden = ("DATABASE_URL", "DJANGO_SETTINGS_MODULE")
    env = {name: value for name, value in os.environ.items() if name not in hidden}
    folder = tmp_path / "workspace"
    env |= {"ROADDAMAGE_WORKSPACE": str(folder), "DJANGO_SETTINGS_MODULE": "roaddamage.settings"}
    script = "import django; django.setup()\n" + ENDED
    command = [sys.executable, "-c", script, "add", str(card), "--workspace", str(folder)]
    with subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert b"admin" in process.stdout.readline()  # whose password is told but once
        assert process.stdout.readline() == b"copied\n"
        assert list((folder / "footage").rglob(".part-*"))
        process.send_signal(signal.SIGTERM)
        process.wait(300)
    assert process.returncode == 128 + signal.SIGTERM
    assert list((folder / "footage").iterdir()) == []
