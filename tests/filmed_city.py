"""What the application makes of a drive past somebody, and every address at which any of it can be asked for."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from PIL import Image
from recognisable import pictures_in, shows, with_somebody
from test_access import NAMES

from roaddamage import export_runs, frame_choices, frame_exports, papers, runs
from roaddamage.drive_runs import run_drive
from roaddamage.footage_folder import add_folder
from roaddamage.jobs import enqueue
from roaddamage.records import models
from roaddamage.records.decisions import Decision, decide

NUMBERS = {
    "api:damage": "damage", "api:decide": "damage", "api:drive": "drive", "api:frame": "frame", "api:rerun": "rerun",
    "api:training": "none", "api:work_list": "list", "comment": "damage", "damage": "damage", "decide": "damage",
    "drive": "drive", "erasure": "none", "export": "export", "frame": "frame", "frame_choice": "choice",
    "frame_export": "frames", "labels": "none", "map_damage": "damage", "ogc:item": "damage", "original": "drive",
    "person": "person", "photo": "stop", "rerun": "rerun", "review_card": "damage", "stop": "stop", "token": "none",
    "training": "none", "vehicle": "vehicle", "webhook": "none", "work_list": "list",
}  # fmt: skip
"""Beginning of an address's name → what its number is of; "none": nothing with pictures is there in this test."""
EXPORTED = ("csv", "geojson", "gpkg", "html", "kml", "pdf", "xlsx")
KINDS = {
    "api:picture": ("picture", "crop", "frame"), "evidence": ("picture", "crop", "frame"), "export_file": EXPORTED,
    "export_new": ("survey", "change"), "model_file": ("card", "weights"), "work_list_file": ("csv", "gpx", "pdf"),
}  # fmt: skip


@dataclass
class City:
    """What the application holds of the drive, and what was seen of it."""

    keys: dict[str, list[object]]
    sightings: list[int]
    pictures: list[str]
    """Names of evidence of the exported map."""
    seen: dict[str, list[set[str]]] = field(default_factory=dict)
    """Digest of an answer or file → who is to be recognised in each of its pictures."""
    giving: set[str] = field(default_factory=set)
    """Names of addresses that gave pictures."""

    def addresses(self, name: str) -> Iterator[str]:
        """All addresses of that name; KeyError for one that this test does not know yet."""
        wanted = NAMES[name]
        if not wanted:
            yield reverse(name)
            return
        many: dict[str, list[object]] = {"uid": ["0" * 32], "collection": ["damages"], "key": ["1-0"]}
        for argument in wanted:
            if argument == "number":
                known = max((one for one in NUMBERS if name.startswith(one)), key=len, default=name)
                many[argument] = self.keys[NUMBERS[known]]
            elif argument == "kind":
                many[argument] = list(KINDS[name])
            elif argument in ("sighting", "file", "change"):
                many[argument] = list(self.sightings) if argument == "sighting" else self.keys[argument]
            elif argument == "name":
                many[argument] = list(self.pictures) if name == "export_map_picture" else ["roaddamage-2"]
        made: list[dict[str, object]] = [{}]
        for argument in wanted:
            made = [{**one, argument: value} for one in made for value in many[argument]]
        yield from (reverse(name, kwargs=one) for one in made)

    def who(self, content: bytes, name: str = "") -> set[str]:
        """Who is to be recognised in an answer or a file."""
        key = hashlib.sha256(content).hexdigest()
        if key not in self.seen:
            self.seen[key] = [shows(one) for one in pictures_in(content)]
        if self.seen[key]:
            self.giving.add(name)
        return set().union(*self.seen[key])


def made_city(people: dict[str, User], street: Path, monkeypatch: pytest.MonkeyPatch) -> City:
    """The drive run, half of its damages decided on, one repaired with a photo, and all that can be made of them made."""
    for module, made in ((export_runs, "run"), (frame_exports, "make"), (frame_choices, "run")):
        monkeypatch.setattr(module, "begin", getattr(module, made))
    monkeypatch.setattr(papers.Paper, "ask", made_now)
    crew, engineer, ml = (logged_in(people[name]) for name in ("crew", "engineer", "ml"))
    (drive,) = add_folder(street.parent, people["crew"], "0" * 32).drives
    crew.post(reverse("drive_vehicle", args=[drive.pk]), {"vehicle": "1"})
    job = enqueue(drive, people["crew"])
    assert runs.run(models.Job, job.pk, "worker", run_drive) == "done", models.Job.objects.get(
        pk=job.pk
    ).problem
    rows = list(models.Damage.objects.order_by("pk"))
    for row in rows[::2]:
        decide(row.pk, people["engineer"], Decision("confirm"))
    crew_list = {"title": "1", "crew": "1", "damage": [row.pk for row in rows[::2]]}
    engineer.post(reverse("work_list_new"), crew_list)
    stop = models.Stop.objects.order_by("pk")[0]
    photo = SimpleUploadedFile(
        "1.jpg", jpeg(with_somebody(np.full((540, 960, 3), 90, np.uint8))), "image/jpeg"
    )
    crew.post(reverse("stop_done", args=[stop.pk]), {"photo": photo})
    asked = {"language": "en", "crs": "EPSG:4326", "encoding": "utf-8-sig", "forms": EXPORTED}
    engineer.post(reverse("export_new", args=["survey"]), asked)
    ml.post(reverse("frames_export"), {"form": "cvat"})
    ml.post(reverse("frames_choose_new"), {"budget": "3"})
    rerun = models.Rerun.objects.create(by=people["ml"], model="1")
    of = models.RerunDrive.objects.create(rerun=rerun, drive=drive, place=0)
    seen = list(models.Sighting.objects.order_by("pk"))
    for one in seen:
        models.RerunChange.objects.create(
            of=of, kind="lost", number=one.damage_id, crop=one.crop, before={}, after={}
        )
    export = models.Export.objects.get()
    assert (
        export.problem
        == models.FrameExport.objects.get().problem
        == models.FrameChoice.objects.get().problem
        == {}
    )
    names = [path.name for path in export_runs.folder_of(export).rglob("*.jpg")]
    keys: dict[str, list[object]] = {
        "damage": [row.pk for row in rows], "drive": [drive.pk], "export": [export.pk], "none": [1], "rerun": [rerun.pk],
        "frame": list(models.LabelledFrame.objects.values_list("pk", flat=True)),
        "frames": [models.FrameExport.objects.get().pk], "choice": [models.FrameChoice.objects.get().pk],
        "list": [models.WorkList.objects.get().pk], "person": [people["crew"].pk],
        "stop": list(models.Stop.objects.values_list("pk", flat=True)), "vehicle": [models.Vehicle.objects.get().pk],
        "file": [drive.files.get(kind="footage").pk],
        "change": list(models.RerunChange.objects.values_list("pk", flat=True)),
    }  # fmt: skip
    return City(keys, [one.pk for one in seen], names)


def made_now(paper: papers.Paper) -> None:
    paper.path.parent.mkdir(exist_ok=True)
    paper.make()


def logged_in(user: User | None) -> Client:
    client = Client(raise_request_exception=False)
    if user is not None:
        client.force_login(user)
    return client


def jpeg(picture: np.ndarray) -> bytes:
    content = io.BytesIO()
    Image.fromarray(picture).save(content, "JPEG", quality=90)
    return content.getvalue()
