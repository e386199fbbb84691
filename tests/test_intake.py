"""Taking footage in: names, bad files, the same footage again, a full disk, and drives opened as they were recognised."""

from __future__ import annotations

import errno
import threading
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import BEGIN, SHARED, needs_shared, write_gpx, write_video
from django.db import connection

from detector.footage import find_drives
from detector.video_drive import VideoDrive
from roaddamage import batch_files, batches, intake
from roaddamage.attached_log import attach_log
from roaddamage.batch_files import put
from roaddamage.file_names import IntakeError, safe_path
from roaddamage.footage_folder import add_folder
from roaddamage.intake import recognise
from roaddamage.records.models import Batch, Drive, FootageFile, Upload
from roaddamage.understanding import footage_of, hints, look_again
from roaddamage.watching import Watch
from roaddamage.workspace import Workspace

pytestmark = pytest.mark.django_db
People = dict[str, Any]


def new() -> str:
    return uuid.uuid4().hex


@pytest.mark.parametrize(
    ("name", "path"),
    [
        pytest.param("a.mp4", "a.mp4", id="plain"),
        pytest.param("../../etc/a.mp4", "etc/a.mp4", id="upwards"),
        pytest.param("..\\..\\a.MP4", "a.MP4", id="upwards on Windows"),
        pytest.param("/root/a.gpx", "root/a.gpx", id="absolute"),
        pytest.param("C:\\x\\a.mp4", "C_/x/a.mp4", id="a drive letter"),
        pytest.param("朝の'巡回' \"1\".mp4", "朝の'巡回' _1_.mp4", id="Japanese and quotes"),
        pytest.param(".hidden.mp4", "hidden.mp4", id="hidden"),
        pytest.param("a\x00\n.mp4", "a__.mp4", id="control characters"),
        pytest.param("a\u202e4pm.exe\u2066.mp4", "a_4pm.exe_.mp4", id="written backwards"),
        pytest.param("🚗 نهار.mp4", "🚗 نهار.mp4", id="emoji and Arabic"),
        pytest.param(
            "a\x9b31m\u2028b\udc80.mp4", "a_31m_b?.mp4".replace("?", "_"), id="what a terminal obeys"
        ),
        pytest.param("カ\u3099.mp4", "ガ.mp4", id="composed as one does on a Mac"),
    ],
)
def test_names(name: str, path: str) -> None:
    assert safe_path(name).as_posix() == path


@pytest.mark.parametrize("name", ["", "/", "..", "a", "a.exe", "a.zip", "a.mp4.html", ".mp4"])
def test_names_that_are_refused(name: str) -> None:
    with pytest.raises(IntakeError):
        safe_path(name)


def test_long_names_are_cut_and_stay_apart() -> None:
    one, other = (safe_path(f"{'長' * 500}{number}.mp4") for number in "12")
    assert one != other
    assert safe_path(f"{'長' * 500}1.gpx").stem == one.stem
    deep, elsewhere = (safe_path("/".join(["夜" * 90] * 30 + [end, *"abcdef", "a.mp4"])) for end in "xy")
    assert deep != elsewhere
    assert len(f"{new()}/{deep}") < 500
    assert max(len(part.encode()) for part in deep.parts) < 200


def test_bad_files_stop_no_good_one(
    workspace: Workspace, people: People, tmp_path: Path, short_drive: Path
) -> None:
    card = tmp_path / "card"
    card.mkdir()
    (card / "empty.mp4").touch()
    (card / "archive.mp4").write_bytes(b"PK\x03\x04" + bytes(1000))
    (card / "readme.html").write_text("x")
    (card / "picture.jpg").write_bytes(b"no picture")
    (card / "elsewhere.mp4").symlink_to(short_drive)
    for file in (short_drive, short_drive.with_suffix(".gpx")):
        (card / file.name).write_bytes(file.read_bytes())
    taken = add_folder(card, people["crew"], new())
    assert [drive.name for drive in taken.drives] == ["short"]
    assert {one["name"] for one in taken.refused} >= {"empty.mp4", "archive.mp4", "elsewhere.mp4"}
    again = add_folder(card, people["engineer"], new())
    assert (again.drives, again.known) == ([], taken.drives)
    assert len(list(workspace.footage.rglob("short.mp4"))) == 1
    with pytest.raises(IntakeError, match="holds no video"):
        add_folder(tmp_path / "nothing", people["crew"], new())
    with pytest.raises(IntakeError, match=r"short\.mp4 is a file: give the folder"):
        add_folder(short_drive, people["crew"], new())


def test_part_of_a_drive_is_not_counted_again(workspace: Workspace, people: People, tmp_path: Path) -> None:
    card = tmp_path / "card"
    card.mkdir()
    for number in range(2):
        begin = BEGIN + timedelta(seconds=2 * number)
        write_video(card / f"{number}.mp4", np.arange(60) / 30, begin=begin)
    write_gpx(tmp_path / "card" / "0.gpx", 4)
    assert [drive.files.count() for drive in add_folder(card, people["crew"], new()).drives] == [3]
    (card / "1.mp4").unlink()
    taken = add_folder(card, people["crew"], new())
    assert (taken.drives, taken.known, len(taken.refused)) == ([], [], 1)


@pytest.mark.django_db(transaction=True)
def test_the_same_drive_at_the_same_time_is_one(
    workspace: Workspace, people: People, short_drive: Path
) -> None:
    names = [new() for _ in range(3)]
    for name in names:
        put(short_drive, name, "short.mp4", keep=True)
        put(short_drive.with_suffix(".gpx"), name, "short.gpx", keep=True)
    taken: list[intake.Taken] = []
    together = threading.Barrier(len(names))

    def take(name: str) -> None:
        together.wait()
        try:
            taken.append(recognise(name, people["crew"]))
        finally:
            connection.close()

    threads = [threading.Thread(target=take, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(len(one.drives) for one in taken) == [0, 0, 1]
    assert sorted(len(one.known) for one in taken) == [0, 1, 1]
    assert Drive.objects.count() == 1


@pytest.mark.parametrize("part", [False, True], ids=["the same", "a part of it"])
def test_what_lands_while_a_drive_is_understood(
    workspace: Workspace, people: People, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: bool
) -> None:
    own, other = new(), new()
    for number in range(2):
        write_video(
            tmp_path / f"{number}.mp4", np.arange(60) / 30, begin=BEGIN + timedelta(seconds=2 * number)
        )
    write_gpx(tmp_path / "0.gpx", 4)
    for path in sorted(tmp_path.glob("?.*")):
        put(path, other, path.name, keep=True)
        if not part or path.name != "1.mp4":
            put(path, own, path.name, keep=True)

    def slow(*a: Any) -> Any:
        monkeypatch.undo()
        assert len(recognise(other, people["crew"]).drives) == 1
        return understand(*a)

    understand = intake.understand
    monkeypatch.setattr(intake, "understand", slow)
    taken = recognise(own, people["crew"])
    assert (len(taken.drives), len(taken.known), len(taken.refused)) == (0, int(not part), int(part))


def test_a_full_disk_leaves_nothing_half(
    workspace: Workspace, people: People, short_drive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Any, target: Any, *more: Any) -> None:
        target.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    def no_clone(*_: Any) -> None:
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr(batch_files.fcntl, "ioctl", no_clone)
    monkeypatch.setattr(batch_files.shutil, "copyfileobj", full)
    with pytest.raises(IntakeError, match="disk is full"):
        add_folder(short_drive.parent, people["crew"], new())
    assert not [path for path in workspace.footage.rglob("*") if path.is_file()]
    assert not Drive.objects.exists()


def test_ten_thousand_files(workspace: Workspace, people: People, tmp_path: Path) -> None:
    (tmp_path / "card").mkdir()
    for number in range(10_000):
        (tmp_path / "card" / f"{number:05d}.jpg").touch()
    taken = add_folder(tmp_path / "card", people["crew"], new())
    assert (len(taken.drives), len(taken.refused)) == (0, 1)


@pytest.mark.parametrize("logs", [(0, 1, 2), (1,), ()], ids=["a log each", "one of them", "none"])
def test_chapters_open_again_as_they_were_recognised(
    workspace: Workspace, people: People, tmp_path: Path, logs: tuple[int, ...]
) -> None:
    card = tmp_path / "card"
    card.mkdir()
    for number in range(3):
        begin = BEGIN + timedelta(seconds=3 * number)
        write_video(card / f"{number}.mp4", np.arange(90) / 30, begin=begin)
        if number in logs:
            write_gpx(card / f"{number}.gpx", 3, begin=begin)
    (found,) = [one for one in find_drives([card]) if isinstance(one, VideoDrive)]
    (drive,) = add_folder(card, people["crew"], new()).drives
    again = footage_of(drive)
    assert isinstance(again, VideoDrive)
    assert [chapter.begin_s for chapter in again.chapters] == [chapter.begin_s for chapter in found.chapters]
    if logs:
        first, second = found.fixes(hints(0.0)), again.fixes(hints(0.0))
        assert np.array_equal(first.time_s, second.time_s)
        assert np.array_equal(first.lon, second.lon)
    else:
        assert "problem" in drive.understood
        write_gpx(tmp_path / "other.gpx", 9)
        attach_log(drive, tmp_path / "other.gpx", "other.gpx", people["crew"])
        assert "problem" not in drive.understood
        assert drive.metres == pytest.approx(90, abs=5)
        drive.gps_offset_s = 2.0
        look_again(drive)
        assert drive.understood["track"][0][0] == pytest.approx(2.0, abs=0.1)


@needs_shared("data/drives")
def test_real_drives_open_again_as_they_were_recognised(workspace: Workspace, people: People) -> None:
    found = {
        one.name: one for one in find_drives([SHARED / "data" / "drives"]) if isinstance(one, VideoDrive)
    }
    taken = add_folder(SHARED / "data" / "drives", people["crew"], new())
    assert {drive.name for drive in taken.drives} == set(found)
    for drive in taken.drives:
        first, again = found[drive.name].fixes(hints(0.0)), footage_of(drive).fixes(hints(0.0))
        assert (again.reader, again.clock) == (first.reader, first.clock)
        assert np.array_equal(again.time_s, first.time_s)


def test_a_bad_log_leaves_the_drive_as_it_was(
    workspace: Workspace, people: People, short_drive: Path, tmp_path: Path
) -> None:
    (drive,) = add_folder(short_drive.parent, people["crew"], new()).drives
    bad = tmp_path / "bad.gpx"
    bad.write_text("<gpx/>")
    before = list(drive.files.values_list("path", "kind"))
    with pytest.raises(intake.RoadDamageError):
        attach_log(drive, bad, "bad.gpx", people["crew"])
    with pytest.raises(IntakeError):
        attach_log(drive, short_drive, "short.mp4", people["crew"])
    assert list(drive.files.values_list("path", "kind")) == before


def test_a_batch_tells_what_became_of_it(workspace: Workspace, people: People, short_drive: Path) -> None:
    batch = batches.begin_batch(people["crew"])
    for name in ("short.mp4", "short.gpx", "bad.mp4"):
        if name == "bad.mp4":
            (workspace.uploads / "x").write_bytes(b"bad")
            put(workspace.uploads / "x", batch.uid, name)
        else:
            put(short_drive.parent / name, batch.uid, name, keep=True)
        Upload.objects.create(
            uid=name,
            batch=batch.uid,
            name=name,
            path=name,
            size=3,
            by=people["crew"],
            state=Upload.State.arrived,
        )
    batches.run(batch, people["crew"])
    batch.refresh_from_db()
    assert (batch.state, batch.drives.count(), len(batch.refused)) == (Batch.State.recognised, 1, 1)
    states = dict(Upload.objects.values_list("name", "state"))
    assert states == {"short.mp4": "used", "short.gpx": "used", "bad.mp4": "refused"}
    assert batches.clear_abandoned(days=1) == 0
    assert batches.clear_abandoned(days=-1) == 1
    assert not list(workspace.footage.rglob("bad.mp4"))
    assert all(
        (workspace.footage / path).is_file() for path in FootageFile.objects.values_list("path", flat=True)
    )


def test_a_watched_folder_is_taken_when_it_grows_no_more(tmp_path: Path) -> None:
    now = [0.0]
    folder, kept = tmp_path / "in", tmp_path / "watched.json"
    (folder / "card").mkdir(parents=True)

    def ready(watch: Watch) -> list[str]:
        found = list(watch.ready())
        for one in found:
            watch.took(one)
        return [one.place.name for one in found]

    watch = Watch(folder, kept, 30.0, lambda: now[0])
    (folder / "card" / "a.mp4").write_bytes(b"1")
    assert ready(watch) == []
    now[0] = 29.0
    (folder / "card" / "a.mp4").write_bytes(b"12")
    assert ready(watch) == []
    now[0] = 40.0
    (folder / "loose.mp4").write_bytes(b"1")
    assert ready(watch) == []
    now[0] = 60.0
    assert ready(watch) == ["card"]
    now[0] = 100.0
    assert ready(watch) == ["in"]
    now[0] = 200.0
    assert ready(Watch(folder, kept, 0.0, lambda: now[0])) == []
    (folder / "card" / "b.mp4").write_bytes(b"1")
    assert ready(Watch(folder, kept, 0.0, lambda: now[0])) == ["card"]
