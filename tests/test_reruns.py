"""Re-runs: which drives, in which order, what becomes of them whatever happens, and what pages tell."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client
from django.utils import timezone
from django_tasks_db.models import DBTaskResult
from made_records import LAT, made_damage, made_drive
from test_joining import ONE, there

from detector.classes import ALLIGATOR_CRACK, LONGITUDINAL_CRACK, POTHOLE
from roaddamage import jobs, reruns
from roaddamage.records import models
from roaddamage.records.decisions import Decision, decide
from roaddamage.records.differences import added, keep_difference, looks_of
from roaddamage.records.models import Drive, Job, Rerun, RerunChange, RerunDrive
from roaddamage.records.replacing import replace_in
from roaddamage.records.rows import way_of
from roaddamage.rerun_results import hand_over, withdraw
from roaddamage.web.rerun_page import verdict
from roaddamage.workspace import Workspace

pytestmark = pytest.mark.django_db
WORSE, BETTER, OPEN = "worse", "better", ""
ALL = Drive.objects.all


@pytest.fixture
def drives(people: dict[str, Any], workspace: Workspace) -> list[Drive]:
    """Three drives with footage, the second the shortest; what they saw lies 100 m apart."""
    made = []
    for number, metres in enumerate((900.0, 300.0, 600.0)):
        drive = made_drive(people["crew"], f"d{number}", number)
        Drive.objects.filter(pk=drive.pk).update(metres=metres, model="m0")
        models.FootageFile.objects.create(
            drive=drive, name="a.mp4", path=f"{drive.pk}.mp4", size=1, sha256=str(number)
        )
        (workspace.footage / f"{drive.pk}.mp4").write_bytes(b"x")
        made_damage(drive, 3 * number, pictures=True)
        made.append(drive)
    return made


def names(rows: Any) -> list[str]:
    return [one.drive.name for one in rows]


def ran(rerun: Rerun, number: int, *seen: Any, model: str = "m2") -> RerunDrive:
    """The job of one of its drives, done: it saw these, as the worker puts them into the records."""
    of = rerun.drives.select_related("drive", "job").get(drive__name=f"d{number}")
    assert of.job
    job = jobs.claim(of.job.pk, "worker")
    assert job
    own = [replace(one, drive=of.drive.name, model=model) for one in seen]
    with transaction.atomic():
        before, lines = looks_of(of.drive), [np.array(line) for line in of.drive.ways]
        replace_in(of.drive, lines, way_of(of.drive), own)
        keep_difference(of, before)
        of.model, of.finished = model, timezone.now()
        of.save()
    jobs.end(job, Job.State.done)
    return of


def at(place: float, **values: Any) -> Any:
    return replace(ONE, lat=LAT + 0.0003 * place, time_s=2.0 * place, **values)


def test_cheapest_first_and_after_new_footage(drives: list[Drive], people: dict[str, Any]) -> None:
    rerun = reruns.begin(ALL(), people["ml"])
    assert names(rerun.drives.all()) == ["d1", "d2", "d0"]
    new = Drive.objects.create(name="new", digest="new", by=people["crew"])
    job = jobs.enqueue(new, people["crew"])
    order = [row.args_kwargs["args"][0] for row in DBTaskResult.objects.all()]
    assert order == [job.pk, *(one.job_id for one in rerun.drives.all())]
    assert set(Drive.objects.exclude(name="new").values_list("state", flat=True)) == {"done"}
    assert rerun.model == "roaddamage-2" or rerun.model
    first = jobs.claim(rerun.drives.all()[0].job_id, "w")
    assert first
    assert jobs.hand_back(first, counted=False)
    assert set(
        DBTaskResult.objects.filter(args_kwargs__args=[first.pk]).values_list("priority", flat=True)
    ) == {-50}
    assert Drive.objects.get(name="d1").state == "done"


LEFT_OUT: dict[str, Callable[[Drive], object]] = {
    "deleted": lambda drive: Drive.objects.filter(pk=drive.pk).update(footage_deleted=timezone.now()),
    "not where it was put": lambda drive: (settings.WORKSPACE.footage / f"{drive.pk}.mp4").unlink(),
    "waiting or running": lambda drive: Job.objects.create(drive=drive, by=drive.by, again=True),
}


@pytest.mark.parametrize("says", LEFT_OUT)
def test_what_can_not_be_run_again_is_told(says: str, drives: list[Drive], people: dict[str, Any]) -> None:
    LEFT_OUT[says](drives[0])
    rerun = reruns.begin(ALL(), people["ml"])
    assert names(rerun.drives.all()) == ["d1", "d2"]
    (told,) = rerun.left_out
    assert says in told["template"]
    with pytest.raises(jobs.JobError, match=says):
        reruns.begin(ALL().filter(pk=drives[0].pk), people["ml"])
    assert Rerun.objects.count() == 1
    with pytest.raises(jobs.JobError, match="No drive"):
        reruns.begin(ALL().none(), people["ml"])


def test_stopped_and_continued(drives: list[Drive], people: dict[str, Any]) -> None:
    rerun = reruns.begin(ALL(), people["ml"])
    ran(rerun, 1, at(3))
    assert reruns.progress_of(rerun, 0.5).left_s == pytest.approx(750.0)
    running = jobs.claim(rerun.drives.get(drive__name="d2").job_id, "w")
    assert running
    assert reruns.cancel_all(rerun, people["ml"]) == 2
    jobs.end(running, Job.State.cancelled)
    told = reruns.progress_of(rerun, None)
    assert (told.state, told.done, told.open, told.metres_done) == ("cancelled", 1, 0, 300.0)
    assert reruns.go_on(rerun, people["administrator"]) == 2
    assert reruns.progress_of(rerun, None).state == "running"
    for number in (0, 2):
        ran(rerun, number, at(3 * number))
    assert reruns.progress_of(rerun, None).state == "done"
    with pytest.raises(jobs.JobError, match="Nothing"):
        reruns.go_on(rerun, people["ml"])
    actions = models.AuditEntry.objects.filter(action__startswith="rerun.").order_by("pk")
    assert list(actions.values_list("action", flat=True)) == [
        "rerun.begun",
        "rerun.cancelled",
        "rerun.continued",
    ]


def test_a_drive_whose_run_fails_keeps_its_results(drives: list[Drive], people: dict[str, Any]) -> None:
    before = there()
    rerun = reruns.begin(ALL(), people["ml"])
    for one in rerun.drives.all():
        job = jobs.claim(one.job_id or 0, "w")
        assert job
        jobs.end(job, Job.State.failed, jobs.JobError("no"))
    assert reruns.progress_of(rerun, None).state == "failed"
    assert set(Drive.objects.values_list("state", flat=True)) == {"done"}
    assert there() == before
    assert reruns.go_on(rerun, people["ml"]) == 3


def test_how_long_it_takes(drives: list[Drive], people: dict[str, Any]) -> None:
    assert reruns.seconds_a_metre() is None
    now = timezone.now()
    for drive in drives:
        Job.objects.create(
            drive=drive, by=drive.by, state="done", started=now, finished=now + timedelta(seconds=90), metres_done=300.0
        )  # fmt: skip
    assert reruns.seconds_a_metre() == pytest.approx(0.3)


@pytest.fixture
def told(drives: list[Drive], people: dict[str, Any]) -> Rerun:
    """A re-run in which a confirmed damage and a rejected one are lost, one is found, and one changes."""
    by = people["engineer"]
    extra = made_damage(drives[0], 8, pictures=True)
    numbers = list(there())
    decide(numbers[0], by, Decision("confirm"))
    decide(numbers[1], by, Decision("reject", rejected_as="shadow"))
    models.Sighting.objects.update(model="m0")
    rerun = reruns.begin(ALL(), by)
    ran(rerun, 0, at(8, class_id=ALLIGATOR_CRACK, confidence=0.4, area_m2=2.0))
    ran(rerun, 1)
    ran(rerun, 2, at(6, length_m=2.0), at(10))
    assert extra.pk in numbers
    return rerun


def test_what_changed(told: Rerun) -> None:
    rows = RerunChange.objects.filter(of__rerun=told)
    kinds = sorted((one.of.drive.name, one.kind, one.judged, one.elsewhere) for one in rows)
    assert kinds == [
        ("d0", "class", "", False), ("d0", "lost", "confirm", False), ("d1", "lost", "reject", False),
        ("d2", "new", "", False), ("d2", "size", "", False),
    ]  # fmt: skip
    counts = added(told.drives.values_list("counts", flat=True))
    assert counts["again"] == {"confirm": 0, "reject": 0, "": 2}
    assert counts["lost"] == {"confirm": 1, "reject": 1, "": 0}
    assert counts["confidence"][""] == pytest.approx((0.8, 0.6))
    assert verdict(counts)[0] == WORSE
    changed = rows.get(kind="class")
    assert (changed.before["confidence"], changed.after["confidence"]) == (0.8, 0.4)
    assert models.Damage.objects.get(state="confirmed").sightings.get().outdated
    assert models.Damage.objects.filter(state="rejected", sightings__outdated=True).exists()


@pytest.mark.parametrize(
    ("means", "word"),
    [({}, OPEN), ({"better": 1}, BETTER), ({"worse": 1}, WORSE), ({"worse": 1, "better": 2}, BETTER), ({"worse": 1, "better": 1}, WORSE)],
)  # fmt: skip
def test_verdict(means: dict[str, int], word: str) -> None:
    assert verdict(added([{"means": means}]))[0] == word


@pytest.mark.parametrize(
    ("said", "after", "means"),
    [(POTHOLE, ALLIGATOR_CRACK, WORSE), (ALLIGATOR_CRACK, ALLIGATOR_CRACK, BETTER), (LONGITUDINAL_CRACK, ALLIGATOR_CRACK, OPEN)],
    ids=["away from what people said", "to what people said", "neither is it"],
)  # fmt: skip
def test_another_class_is_held_against_what_people_said(
    said: int, after: int, means: str, drives: list[Drive], people: dict[str, Any]
) -> None:
    (number, *_), by = there(), people["engineer"]
    decide(number, by, Decision("confirm"))
    if said != POTHOLE:
        decide(number, by, Decision("reclass", class_id=said))
    of = ran(reruns.begin(ALL().filter(name="d0"), by), 0, at(0, class_id=after, area_m2=0.24))
    (change,) = of.changes.all()
    assert (change.kind, change.means) == ("class", means)
    assert added([of.counts])["class_means"] == {"worse": int(means == WORSE), "better": int(means == BETTER)}
    assert models.Damage.objects.get(pk=number).class_id == (after if said == POTHOLE else said)


def test_found_again_after_it_was_lost(told: Rerun, people: dict[str, Any]) -> None:
    again = reruns.begin(ALL().filter(name="d0"), people["ml"])
    of = ran(again, 0, at(0), at(8, class_id=ALLIGATOR_CRACK, confidence=0.4, area_m2=2.0), model="m3")
    (change,) = of.changes.all()
    assert (change.kind, change.judged, of.model_before) == ("new", "confirm", "m0")
    assert not models.Damage.objects.get(state="confirmed").sightings.get().outdated


def test_pages(told: Rerun, people: dict[str, Any]) -> None:
    client = Client()
    client.force_login(people["engineer"])
    page = client.get(f"/reruns/{told.pk}/").content.decode()
    first = page.index('class="changes"')
    assert page[first:].index("card worse") < page[first:].index("card better")
    lost = RerunChange.objects.get(kind="lost", judged="confirm")
    picture = client.get(f"/reruns/{told.pk}/changes/{lost.pk}/before.jpg")
    assert picture["Content-Type"] == "image/jpeg"
    b"".join(picture)
    new = RerunChange.objects.get(kind="new")
    assert client.get(f"/reruns/{told.pk}/changes/{new.pk}/before.jpg").status_code == 404
    filtered = client.get(f"/reruns/{told.pk}/?kind=lost&judged=confirm").content.decode()
    assert filtered.count("card worse") == 1
    assert "card better" not in filtered
    sent = b"".join(client.get(f"/reruns/{told.pk}/changes.csv")).decode("utf-8-sig")
    table = list(csv.reader(io.StringIO(sent)))
    assert len(table) == 1 + 5
    assert table[1][0] == "d0"
    assert client.get("/reruns/").status_code == 200
    assert client.get(f"/reruns/{told.pk}/part/").status_code == 200
    damage = models.Damage.objects.get(state="confirmed")
    assert "outdated" in client.get(f"/damages/{damage.pk}/").content.decode()


def test_chosen_on_the_page(drives: list[Drive], people: dict[str, Any]) -> None:
    client = Client()
    client.force_login(people["ml"])
    Drive.objects.filter(name="d0").update(model=reruns.model_in_use())
    page = client.get("/reruns/new/").content.decode()
    assert page.count('name="drive"') == 2
    assert client.get("/reruns/new/?model=m0&since=2026-04-03").content.decode().count('name="drive"') == 1
    assert client.get("/reruns/new/?since=nonsense&model=").content.decode().count('name="drive"') == 3
    nothing = client.post("/reruns/new/", {"model": "others", "listed": "1"})
    assert nothing["Location"].startswith("/reruns/new/")
    answer = client.post(
        "/reruns/new/", {"model": "others", "listed": "1", "drive": [drives[1].pk, drives[0].pk, "x"]}
    )
    rerun = Rerun.objects.get()
    assert answer["Location"] == f"/reruns/{rerun.pk}/"
    assert names(rerun.drives.all()) == ["d1"]
    assert client.post(f"/reruns/{rerun.pk}/cancel/").status_code == 302
    assert Job.objects.get().state == "cancelled"
    assert client.post(f"/reruns/{rerun.pk}/continue/").status_code == 302
    assert rerun.drives.get().job == Job.objects.get(state="queued")


def staged(job: Job, *pictures: str) -> Path:
    folder: Path = settings.WORKSPACE.evidence / f".part-{job.pk}-w"
    folder.mkdir()
    for name in pictures:
        (folder / name).write_bytes(b"new")
    return folder


def pictures(drive: Drive) -> set[str]:
    return {path.name for path in (settings.WORKSPACE.evidence / str(drive.pk)).iterdir()}


def test_pictures_are_old_or_new_whenever_it_is_killed(drives: list[Drive], people: dict[str, Any]) -> None:
    drive = drives[0]
    (one,) = reruns.begin(ALL().filter(pk=drive.pk), people["ml"]).drives.all()
    job, before = one.job, pictures(drive)
    assert job
    folder = staged(job, "1.jpg", "1-crop.jpg")
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        hand_over(job, folder)
        raise ZeroDivisionError  # killed before the transaction ends
    assert before < pictures(drive)
    assert not models.Leaving.objects.exists()
    withdraw(job)
    assert pictures(drive) == before
    folder = staged(job, "1.jpg")
    models.Sighting.objects.filter(drive=drive).update(evidence=f"again-{job.pk}-1.jpg", crop="0-crop.jpg")
    with transaction.atomic():
        hand_over(job, folder)
    assert sorted(models.Leaving.objects.values_list("path", flat=True)) == [f"evidence/{drive.pk}/0.jpg"]
    assert before < pictures(drive)
