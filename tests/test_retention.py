"""Retention: what goes, what never goes, and a kill at any step."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db.models import QuerySet
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from made_records import made_damage, made_drive

from roaddamage import leaving, retention, retention_runs
from roaddamage.configuration import Configuration
from roaddamage.footage_folder import add_folder
from roaddamage.jobs import FootageGoneError, JobError, enqueue
from roaddamage.records.decisions import Decision, decide
from roaddamage.records.models import (
    AuditEntry,
    Damage,
    Drive,
    FootageFile,
    Job,
    LabelledFrame,
    Leaving,
    Rerun,
    RerunDrive,
    Retention,
    Sighting,
)
from roaddamage.retention_runs import RetentionError, begin, look, next_run, run
from roaddamage.understanding import footage_of
from roaddamage.web import upkeep
from roaddamage.workspace import Workspace

pytestmark = pytest.mark.django_db
People = dict[str, User]
Keep = Callable[..., None]
OLD = timedelta(days=100)


@pytest.fixture
def keep(settings: Any) -> Keep:
    """Sets how long what is kept."""

    def told(**days: int) -> None:
        settings.CONFIGURATION = Configuration.model_validate({"keep": days})

    return told


def made(workspace: Workspace, by: User, name: str, age: timedelta = OLD, **values: object) -> Drive:
    """A drive with a video and a log, handed in so long ago."""
    drive = made_drive(by, name)
    folder = workspace.footage / name
    folder.mkdir()
    for index, kind in enumerate((FootageFile.Kind.footage, FootageFile.Kind.log)):
        (folder / f"{index}.mp4").write_bytes(b"12345")
        FootageFile.objects.create(
            drive=drive, name="v.mp4", path=f"{name}/{index}.mp4", size=5, sha256=name, kind=kind
        )
    Drive.objects.filter(pk=drive.pk).update(at=timezone.now() - age, **values)
    return Drive.objects.get(pk=drive.pk)


def ended(drive: Drive, place: int, by: User, kind: str, age: timedelta = OLD) -> Damage:
    """A damage with pictures that a person rejected or closed so long ago."""
    row = made_damage(drive, place, pictures=True)
    for one in ("confirm", "repair") if kind == "repair" else (kind,):
        decide(row.pk, by, Decision(one, rejected_as="shadow" if one == "reject" else ""))
    moment = timezone.now() - age
    Damage.objects.filter(pk=row.pk).update(judged_at=moment, repaired_at=moment, last_seen=moment)
    return Damage.objects.get(pk=row.pk)


def pictures(workspace: Workspace) -> set[str]:
    return {path.name for path in workspace.evidence.rglob("*.jpg")}


def footage(workspace: Workspace) -> set[str]:
    return {path.parent.name for path in workspace.footage.rglob("*.mp4")}


@pytest.mark.parametrize(
    ("values", "age", "job", "goes"),
    [
        ({}, OLD, "", True),
        ({"state": "failed"}, OLD, "", True),
        ({}, timedelta(days=29), "", False),
        ({"state": "queued"}, OLD, "", False),
        ({"state": "running"}, OLD, "", False),
        ({}, OLD, "queued", False),
        ({}, OLD, "running", False),
        ({}, OLD, "done", True),
        ({"kept_for": "case 17"}, OLD, "", False),
    ],
    ids=["old", "failed", "young", "waits", "runs", "to be run again", "runs again", "ran again", "kept by hand"],
)  # fmt: skip
def test_which_footage_goes(
    values: dict[str, str],
    age: timedelta,
    job: str,
    goes: bool,
    workspace: Workspace,
    people: People,
    keep: Keep,
) -> None:
    keep(footage_days=30)
    drive = made(workspace, people["crew"], "d1", age, **values)
    if job:
        Job.objects.create(drive=drive, by=people["ml"], state=job)
    told = next(one for one in retention.due() if one.kind == "footage")
    assert (told.count, told.bytes) == ((1, 10) if goes else (0, 0))
    done = run(begin(None))
    assert (done.state, footage(workspace)) == ("done", set() if goes else {"d1"})
    assert done.told.get("footage", {"bytes": 0})["bytes"] == (10 if goes else 0)
    assert drive.files.count() == 2, "what it was made of is known still"
    entries = AuditEntry.objects.filter(action="footage.deleted").values_list("target", "details")
    assert list(entries) == ([("d1", {"files": 2, "bytes": 10, "days": 30})] if goes else [])
    assert not Leaving.objects.exists()


@pytest.mark.parametrize(
    ("asked", "finished", "goes"),
    [(timedelta(days=5), False, False), (timedelta(days=5), True, True), (timedelta(days=31), False, True)],
    ids=["to come", "over", "given up long ago"],
)
def test_footage_of_a_rerun(
    asked: timedelta, finished: bool, goes: bool, workspace: Workspace, people: People, keep: Keep
) -> None:
    keep(footage_days=30)
    rerun = Rerun.objects.create(by=people["ml"])
    Rerun.objects.update(at=timezone.now() - asked)
    drive = made(workspace, people["crew"], "d1")
    RerunDrive.objects.create(
        rerun=rerun, drive=drive, place=0, finished=timezone.now() if finished else None
    )
    run(begin(None))
    assert footage(workspace) == (set() if goes else {"d1"})


def test_a_file_of_two_drives_goes_with_the_second(workspace: Workspace, people: People, keep: Keep) -> None:
    keep(footage_days=30)
    made(workspace, people["crew"], "d1")
    other = made(workspace, people["crew"], "d2", timedelta())
    FootageFile.objects.filter(drive=other, kind="log").update(path="d1/1.mp4")
    run(begin(None))
    assert (workspace.footage / "d1" / "1.mp4").is_file()
    assert not (workspace.footage / "d1" / "0.mp4").exists()
    Drive.objects.filter(pk=other.pk).update(at=timezone.now() - OLD)
    run(begin(None))
    assert not (workspace.footage / "d1").exists()


@pytest.mark.parametrize(
    ("kind", "age", "goes"),
    [("reject", OLD, True), ("repair", OLD, True), ("confirm", OLD, False), ("reject", timedelta(days=29), False)],
)  # fmt: skip
def test_which_pictures_go(
    kind: str, age: timedelta, goes: bool, workspace: Workspace, people: People, keep: Keep
) -> None:
    keep(evidence_days=30)
    drive = made_drive(people["crew"])
    row = ended(drive, 0, people["engineer"], kind, age)
    made_damage(drive, 1, pictures=True)
    told = next(one for one in retention.due() if one.kind == "evidence")
    size = sum(path.stat().st_size for path in workspace.evidence.rglob("0*.jpg"))
    assert (told.count, told.bytes) == ((1, size) if goes else (0, 0))
    assert run(begin(None)).state == "done"
    frames = [f"{uid}.jpg" for uid in LabelledFrame.objects.values_list("uid", flat=True)]
    assert frames, "each decision labels its picture"
    assert all((workspace.folder / "frames" / name).stat().st_size for name in frames)
    living = {"1.jpg", "1-crop.jpg", "1-frame.jpg"}
    assert pictures(workspace) == (living if goes else living | {"0.jpg", "0-crop.jpg", "0-frame.jpg"})
    row.refresh_from_db()
    assert (row.pictures_deleted is not None, Sighting.objects.get(damage=row).crop == "") == (goes, goes)


def test_pictures_that_stay(workspace: Workspace, people: People, keep: Keep) -> None:
    keep(evidence_days=30)
    drive = made_drive(people["crew"])
    seen_again = ended(drive, 0, people["engineer"], "reject")
    Damage.objects.filter(pk=seen_again.pk).update(last_seen=timezone.now())
    target = made_damage(drive, 1, pictures=True)
    joined = ended(drive, 2, people["engineer"], "reject")
    Damage.objects.filter(pk=joined.pk).update(joined_into=target)
    held = made_drive(people["crew"], "held")
    Drive.objects.filter(pk=held.pk).update(kept_for="case 17")
    ended(held, 3, people["engineer"], "repair")
    before = pictures(workspace)
    run(begin(None))
    assert pictures(workspace) == before


class KilledError(BaseException):
    """The process ends here."""


def killed_at(monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    calls = 0
    real_unlink, real_remove = leaving._unlink, leaving.remove

    def unlink(path: str) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise KilledError
        real_unlink(path)
        if step == "after the first file's end, its row still there":
            raise KilledError

    def remove(after: int = 0) -> int:
        if step == "between rows and files" and Leaving.objects.exists():
            raise KilledError
        return real_remove(after)

    monkeypatch.setattr(leaving, "_unlink", unlink)
    monkeypatch.setattr(leaving, "remove", remove)
    if step == "before the rows say so":
        monkeypatch.setattr(QuerySet, "bulk_create", lambda *_, **__: (_ for _ in ()).throw(KilledError))


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("before the rows say so", False),
        ("between rows and files", True),
        ("after the first file's end, its row still there", True),
        ("between two files", True),
    ],
)
@pytest.mark.parametrize("kind", ["footage", "evidence"])
def test_killed(kind: str, step: str, said: bool, workspace: Workspace, people: People, keep: Keep) -> None:
    keep(**{f"{kind}_days": 30})
    drive = made(workspace, people["crew"], "d1")
    row = ended(drive, 0, people["engineer"], "reject")

    def rows_say() -> bool:
        drive.refresh_from_db()
        row.refresh_from_db()
        return (drive.footage_deleted if kind == "footage" else row.pictures_deleted) is not None

    with pytest.MonkeyPatch.context() as patched:
        killed_at(patched, step)
        with pytest.raises(KilledError):
            run(begin(None))
    assert rows_say() == said
    look_for = footage if kind == "footage" else pictures
    if not said:
        assert look_for(workspace), "nothing is half there"
    else:
        assert Leaving.objects.exists()
        leaving.remove()
        assert not look_for(workspace)
    Retention.objects.update(beat=timezone.now() - timedelta(minutes=5))
    assert run(begin(None)).state == "done"
    assert (rows_say(), look_for(workspace), Leaving.objects.exists()) == (True, set(), False)
    assert sorted(Retention.objects.values_list("state", flat=True)) == ["done", "failed"]


def test_a_picture_made_anew_under_a_name_that_leaves_stays(workspace: Workspace, people: People) -> None:
    drive = made_drive(people["crew"])
    made_damage(drive, 0, pictures=True)
    leaving.leave(
        [f"evidence/{drive.pk}/0.jpg", f"evidence/{drive.pk}/old.jpg", "../outside.jpg", "/etc/none"]
    )
    (workspace.evidence / str(drive.pk) / "old.jpg").write_bytes(b"")
    (workspace.folder.parent / "outside.jpg").write_bytes(b"")
    leaving.remove()
    assert set(Leaving.objects.values_list("path", flat=True)) == {"../outside.jpg", "/etc/none"}
    assert pictures(workspace) == {"0.jpg", "0-crop.jpg", "0-frame.jpg"}
    assert (workspace.folder.parent / "outside.jpg").exists()


def test_one_at_a_time(people: People, keep: Keep, workspace: Workspace) -> None:
    keep(footage_days=30)
    row = begin(people["administrator"])
    with pytest.raises(RetentionError):
        begin(None)
    run(row)
    begin(None)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """What the clock says, as retention reads it."""
    now = [timezone.now()]
    monkeypatch.setattr(retention_runs.timezone, "now", lambda: now[0])
    return now


def test_it_is_told_a_day_before(
    workspace: Workspace, people: People, keep: Keep, clock: list[datetime]
) -> None:
    made(workspace, people["crew"], "d1")
    look()
    assert not Retention.objects.exists(), "nothing is deleted where the settings say nothing"
    keep(footage_days=30)
    look()
    look()
    told = Retention.objects.get()
    assert (told.state, told.told["footage"]) == ("announced", {"count": 1, "bytes": 10})
    night = next_run(told)
    assert night
    assert timedelta(hours=24) <= night - told.at <= timedelta(hours=48)
    assert night.astimezone(timezone.get_default_timezone()).hour == 2
    clock[0] = night - timedelta(minutes=1)
    look()
    assert footage(workspace) == {"d1"}
    clock[0] = night
    look()
    assert footage(workspace) == set()
    keep(footage_days=3)  # mistyped
    made(workspace, people["crew"], "d2", timedelta(days=10))
    look()
    assert (Retention.objects.first().state, footage(workspace)) == ("announced", {"d2"})  # type: ignore[union-attr]


def test_a_clock_that_jumps_ahead_deletes_nothing(
    workspace: Workspace, people: People, keep: Keep, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(footage_days=30)
    made(workspace, people["crew"], "d1", timedelta())
    AuditEntry.objects.create(action="x")
    later = timezone.now() + timedelta(days=4000)
    monkeypatch.setattr("django.utils.timezone.now", lambda: later)
    assert not retention.old_footage(30).exists()


def test_the_log_is_forgotten(people: People, keep: Keep, workspace: Workspace) -> None:
    keep(log_days=365)
    for action in ("old", "young"):
        AuditEntry.objects.create(action=action)
    entries = AuditEntry.objects.filter(action="old")
    QuerySet.update(entries, at=timezone.now() - timedelta(days=366))
    assert next(one.count for one in retention.due() if one.kind == "log") == 1
    run(begin(people["administrator"]))
    last = AuditEntry.objects.get(action="log.deleted")
    assert (last.by, last.details) == (people["administrator"], {"count": 1, "days": 365})
    assert not entries.exists()
    assert AuditEntry.objects.filter(action="young").exists()
    with pytest.raises(TypeError):
        entries.delete()


def test_the_pages_say_so(
    workspace: Workspace, people: People, keep: Keep, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(footage_days=30, evidence_days=30)
    drive = made(workspace, people["crew"], "d1", state="failed")
    kept = made(workspace, people["crew"], "d2")
    row = ended(drive, 0, people["engineer"], "reject")
    client.force_login(people["administrator"])
    answer = client.post(reverse("drive_keep", args=[kept.pk]), {"keep": "", "reason": ""}, follow=True)
    assert "残す理由を入力してください" in answer.content.decode()
    client.post(reverse("drive_keep", args=[kept.pk]), {"keep": "", "reason": " case\n17 "})
    page = client.get(reverse("retention")).content.decode()
    assert "case 17" in page
    monkeypatch.setattr(retention_runs, "aside", run)
    client.post(reverse("retention_run"))
    assert footage(workspace) == {"d2"}
    assert Retention.objects.get().by == people["administrator"]
    page = client.get(reverse("drive", args=[drive.pk])).content.decode()
    assert 'id="footage-gone"' in page
    assert 'id="frame"' not in page
    assert client.get(reverse("drive_frame", args=[drive.pk])).status_code == 404
    assert "保存期間" in client.get(reverse("damage", args=[row.pk])).content.decode()
    drive.refresh_from_db()
    with pytest.raises(JobError):
        enqueue(drive, people["crew"])
    with pytest.raises(FootageGoneError):
        footage_of(drive)
    client.post(reverse("drive_keep", args=[kept.pk]), {"let_go": ""})
    client.post(reverse("retention_run"))
    assert footage(workspace) == set()
    actions = AuditEntry.objects.filter(action__startswith="drive.").values_list("action", "details__reason")
    assert list(actions) == [("drive.not_kept", "case 17"), ("drive.kept", "case 17")]


def test_a_file_that_can_not_be_removed_is_told(
    workspace: Workspace, people: People, keep: Keep, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(footage_days=30)
    made(workspace, people["crew"], "d1")

    def refuse(path: Path, **_: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", refuse)
        assert run(begin(None)).state == "done"
    client.force_login(people["administrator"])
    assert Leaving.objects.count() == 2
    look()
    assert not Leaving.objects.exists()
    assert footage(workspace) == set()


def test_what_nobody_needs_any_more_is_cleared(client: Client, people: People) -> None:
    client.force_login(people["crew"])
    Session.objects.update(expire_date=timezone.now() - timedelta(days=1))
    upkeep._sessions()
    upkeep._places()
    assert not Session.objects.exists()


def test_footage_that_is_handed_in_again_is_there_again(
    workspace: Workspace, people: People, keep: Keep, short_drive: Path
) -> None:
    keep(footage_days=30)
    [drive] = add_folder(short_drive.parent, people["crew"], "a" * 32).drives
    Drive.objects.update(at=timezone.now() - OLD, state="done")
    run(begin(None))
    assert footage(workspace) == set()
    assert add_folder(short_drive.parent, people["crew"], "b" * 32).known == [drive]
    assert footage(workspace) == {"b" * 32}
    assert footage_of(Drive.objects.get(pk=drive.pk)).duration_s == pytest.approx(4, abs=0.2)
    run(begin(None))
    assert footage(workspace) == {"b" * 32}, "its time begins anew"
