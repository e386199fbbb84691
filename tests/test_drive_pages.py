"""Pages of crews: what was recognised, what is mended, the queue."""

from __future__ import annotations

import re
import shutil
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import BEGIN, write_gpx, write_video
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from roaddamage.batch_files import put
from roaddamage.batches import begin_batch, run
from roaddamage.footage_folder import add_folder
from roaddamage.records.models import AuditEntry, Drive, Job, Vehicle
from roaddamage.workspace import Workspace

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]
People = dict[str, Any]


@pytest.fixture
def drive(workspace: Workspace, people: People, short_drive: Path) -> Drive:
    return add_folder(short_drive.parent, people["crew"], uuid.uuid4().hex).drives[0]


@pytest.fixture
def crew(people: People) -> Client:
    client = Client()
    client.force_login(people["crew"])
    return client


def test_a_drive_is_shown_and_its_picture_is_audited(crew: Client, drive: Drive) -> None:
    page = crew.get(f"/drives/{drive.pk}/").content.decode()
    assert drive.name in page
    assert "0.04 km" in page
    picture = crew.get(f"/drives/{drive.pk}/frame.jpg?t=2")
    assert picture.content[:2] == b"\xff\xd8"
    assert AuditEntry.objects.filter(action="drive.frame_seen", target=drive.name).count() == 1
    assert crew.get(f"/drives/{drive.pk}/frame.jpg?t=x").status_code == 404
    assert crew.get("/drives/99999/frame.jpg").status_code == 404


@pytest.mark.parametrize(("name", "status"), [("ml", 403), ("nobody", 403)])
def test_others_see_neither_drive_nor_picture(people: People, drive: Drive, name: str, status: int) -> None:
    client = Client()
    client.force_login(people[name])
    for address in ("", "frame.jpg", "progress/"):
        assert client.get(f"/drives/{drive.pk}/{address}").status_code == status


def test_a_drive_is_mended_and_started(crew: Client, drive: Drive, tmp_path: Path) -> None:
    place = f"/drives/{drive.pk}/"
    crew.post(place + "vehicle/", {"vehicle": "  パトロール  1号 "})
    assert Vehicle.objects.get().name == "パトロール 1号"
    crew.post(place + "clock/", {"offset": "1.5"})
    crew.post(place + "clock/", {"offset": "nan"})
    crew.post(place + "clock/", {"offset": "soon"})
    drive.refresh_from_db()
    assert (drive.gps_offset_s, drive.understood["shift_s"]) == (1.5, 1.5)
    log = write_gpx(tmp_path / "x.gpx", 6).read_bytes()
    crew.post(place + "log/", {"log": SimpleUploadedFile("../朝.gpx", log)})
    assert [file.name for file in drive.files.filter(kind="attached")] == ["朝.gpx"]
    crew.post(place + "log/", {"log": SimpleUploadedFile("bad.gpx", b"<gpx/>")})
    assert [file.name for file in drive.files.filter(kind="attached")] == ["朝.gpx"]
    crew.post(place + "start/")
    crew.post(place + "start/")
    assert Job.objects.get().state == Job.State.queued
    crew.post(place + "clock/", {"offset": "9"})
    drive.refresh_from_db()
    assert (drive.gps_offset_s, drive.state) == (1.5, Drive.State.queued)
    assert drive.name in crew.get("/drives/queue/").content.decode()
    crew.post(place + "cancel/")
    drive.refresh_from_db()
    assert drive.state == Drive.State.cancelled
    crew.post(place + "start/")
    assert Job.objects.filter(state=Job.State.queued).count() == 1


def test_the_result_is_told(crew: Client, drive: Drive) -> None:
    Drive.objects.filter(pk=drive.pk).update(state="done", metres=4200.0, found=17, found_new=3)
    crew.cookies["language"] = "en"
    part = crew.get(f"/drives/{drive.pk}/progress/").content.decode()
    assert "4.2 km, 17 damages, 3 new" in part


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", True), ("?name=short", True), ("?name=other", False), ("?state=done", False), ("?state=nonsense", True),
        ("?since=2024-05-14&until=2024-05-14", True), ("?since=2024-05-15", False), ("?page=99", True),
    ],
)  # fmt: skip
def test_the_list_and_its_filter(crew: Client, drive: Drive, query: str, found: bool) -> None:
    assert (f'"/drives/{drive.pk}/"' in crew.get(f"/drives/{query}").content.decode()) == found


def test_a_batch_is_its_owners(
    crew: Client, people: People, workspace: Workspace, short_drive: Path, drive: Drive, tmp_path: Path
) -> None:
    batch = begin_batch(people["crew"])
    for file in (short_drive, short_drive.with_suffix(".gpx")):
        put(file, batch.uid, file.name, keep=True)
    bad = tmp_path / "bad.mp4"
    bad.touch()
    put(bad, batch.uid, "<b>bad.mp4", keep=True)
    other = write_video(tmp_path / "other.mp4", np.arange(30) / 30)
    put(Path(shutil.copy(other, tmp_path / "copy.mp4")), batch.uid, "a/other.mp4")
    run(batch, people["crew"])
    page = crew.get(f"/upload/{batch.uid}/").content.decode()
    assert f'"/drives/{drive.pk}/"' in page  # the same footage is there already
    assert "bad.mp4" in page
    assert "other" in page
    assert "<b>" not in page
    other_crew = type(people["crew"]).objects.create_user("other")
    other_crew.groups.set(people["crew"].groups.all())
    stranger = Client()
    stranger.force_login(other_crew)
    for address in (f"/upload/{batch.uid}/", f"/upload/{batch.uid}/progress/"):
        assert stranger.get(address).status_code == 404
    assert stranger.post(f"/upload/{batch.uid}/recognise/").status_code == 404


def test_a_batch_larger_than_the_disk_is_refused_before_its_first_byte(
    crew: Client, workspace: Workspace
) -> None:
    answer = crew.post("/upload/new/", {"bytes": str(10**18)})
    assert (answer.status_code, "GB" in answer.json()["error"]) == (507, True)
    assert len(crew.post("/upload/new/", {"bytes": "1"}).json()["batch"]) == 32


def test_a_log_is_told_by_its_own_name(crew: Client, drive: Drive) -> None:
    for name, data, part in (
        ("朝.gpx", b"<gpx><broken", "朝.gpx は読める GPX ではありません"),
        ("朝.png", b"x", "朝.png は GPS ログではありません"),
    ):
        answer = crew.post(f"/drives/{drive.pk}/log/", {"log": SimpleUploadedFile(name, data)}, follow=True)
        assert part in answer.content.decode()


def test_clocks_that_are_apart_are_laid_together_and_slid(crew: Client, drive: Drive, tmp_path: Path) -> None:
    place = f"/drives/{drive.pk}/"
    log = write_gpx(tmp_path / "x.gpx", 60, begin=BEGIN - timedelta(days=9)).read_bytes()
    page = crew.post(place + "log/", {"log": SimpleUploadedFile("x.gpx", log)}, follow=True).content.decode()
    assert "--" not in re.sub("<!--.*?-->", "", page)
    offered = re.search(r'name="offset" value="([\d.]+)"', page)
    assert offered
    assert float(offered[1]) == 9 * 86_400
    crew.post(place + "clock/", {"offset": offered[1]})
    drive.refresh_from_db()
    assert "problem" not in drive.understood
    assert drive.understood["track"][0][0] == 0


def test_what_a_file_lacks_is_told_in_the_readers_language(
    workspace: Workspace, people: People, crew: Client, tmp_path: Path
) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    video = write_video(folder / "MOV0.mp4", np.arange(60) / 30, begin=BEGIN)
    (row,) = add_folder(video.parent, people["crew"], uuid.uuid4().hex).drives
    page = crew.get(f"/drives/{row.pk}/").content.decode()
    assert "MOV0.mp4 には GPS がなく" in page
    assert "/MOV0.mp4" not in page


def test_every_drive_of_a_batch_is_started_at_once(
    crew: Client, people: People, workspace: Workspace, tmp_path: Path
) -> None:
    batch = begin_batch(people["crew"])
    for day, name in enumerate(("one", "two", "three")):
        begin = BEGIN + timedelta(days=day)
        video = write_video(tmp_path / f"{name}.mp4", np.arange(60 + day) / 30, begin=begin)
        put(video, batch.uid, video.name)
        if name != "three":
            put(write_gpx(tmp_path / f"{name}.gpx", 4, begin=begin), batch.uid, f"{name}.gpx")
    run(batch, people["crew"])
    assert "2 件すべての処理を開始" in crew.get(f"/upload/{batch.uid}/").content.decode()
    crew.post(f"/upload/{batch.uid}/start/")
    states = dict(Drive.objects.values_list("name", "state"))
    assert states == {"one": "queued", "two": "queued", "three": "recognised"}
