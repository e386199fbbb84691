"""Erasing: nothing of what was asked for is left in any file, and nothing brings it back."""

from __future__ import annotations

import io
import os
import time
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from made_records import BEGIN, LAT, LON, STEP, made_damage, made_drive
from PIL import Image

from datasets.dataset import read_dataset
from detector.evidence import write_evidence
from detector.masking import Masked
from detector.sightings import Sighting as Seen
from roaddamage import erased_pictures, erasing, frame_exports, frame_files, leaving, papers
from roaddamage.erasing import (
    ErasureError,
    cover_area,
    erase_photo,
    erase_picture,
    erase_span,
    finish,
)
from roaddamage.erasure_search import find
from roaddamage.export_runs import folder_of
from roaddamage.papers import Paper
from roaddamage.records.decisions import Decision, decide
from roaddamage.records.erased import WHOLE, hidden_of
from roaddamage.records.frame_dataset import as_dataset
from roaddamage.records.frame_labels import labels_of
from roaddamage.records.models import (
    AuditEntry,
    Damage,
    Drive,
    Erased,
    Erasure,
    Export,
    FootageFile,
    FrameExport,
    LabelledFrame,
    Leaving,
    Rerun,
    RerunChange,
    RerunDrive,
    Sighting,
    Stop,
    Training,
    WorkList,
)
from roaddamage.records.rows import sighting_of
from roaddamage.workspace import Workspace

pytestmark = pytest.mark.django_db
People = dict[str, User]
SIDE_PX = 640, 360
BOX = 0.4, 0.5, 0.6, 0.8
PERSON = 0.5, 0.3, 0.7, 0.6
"""Beside and over the damage."""


def pixels(place: int) -> np.ndarray:
    """A picture unlike all others: grey noise, its person in red noise."""
    rng = np.random.default_rng(place)
    made = np.repeat(rng.integers(60, 200, (360, 640, 1), np.uint8), 3, 2)
    x1, y1, x2, y2 = (round(share * side) for share, side in zip(PERSON, SIDE_PX * 2, strict=True))
    made[y1:y2, x1:x2] = [220, 20, 20]
    return made


def seen(drive: Drive, place: int, workspace: Workspace) -> Damage:
    """A damage of the drive with pictures as a run writes them."""
    row = made_damage(drive, place)
    folder = workspace.evidence / str(drive.pk)
    folder.mkdir(exist_ok=True)
    masked = Masked(pixels(place), np.empty((0, 4), np.int64), ())
    box = np.array(BOX) * (SIDE_PX * 2)
    write_evidence(folder, str(place), masked, box, row.class_id, frame=True)
    return row


@pytest.fixture
def drive(workspace: Workspace, people: People) -> Drive:
    """A drive past four damages, 2 s and 33 m apart, with its footage."""
    made = made_drive(people["crew"])
    track = [[float(t), LON, LAT + STEP * t / 2] for t in range(21)]
    made.duration_s, made.understood = 20.0, {"track": track, "size_px": list(SIDE_PX)}
    made.save()
    for place in range(4):
        seen(made, place, workspace)
    (workspace.footage / "d1").mkdir()
    (workspace.footage / "d1" / "a.mp4").write_bytes(b"original")
    FootageFile.objects.create(drive=made, name="a.mp4", path="d1/a.mp4", size=8, sha256="a")
    return Drive.objects.get(pk=made.pk)


@pytest.fixture
def asked(people: People) -> Erasure:
    """Somebody stood at the second damage."""
    return Erasure.objects.create(
        by=people["administrator"], reference="R8-17", reason="shows a person", lon=LON, lat=LAT + STEP, radius_m=10.0,
        since=BEGIN - timedelta(minutes=5), until=BEGIN + timedelta(minutes=5),
    )  # fmt: skip


def red(data: bytes) -> bool:
    """Whether a picture shows a person of ours."""
    with Image.open(io.BytesIO(data)) as picture:
        rgb = np.asarray(picture.convert("RGB"), np.int64)
    # Boxes are drawn in the pothole's colour, which is thin.
    return bool(((rgb[..., 0] > 170) & (rgb[..., 1] < 90) & (rgb[..., 2] < 90)).mean() > 0.02)


def showing(workspace: Workspace) -> set[str]:
    """Files of the workspace in which a person of ours is seen, also within zips and pages."""
    found = set()
    for path in workspace.folder.rglob("*"):
        name = str(path.relative_to(workspace.folder))
        if path.suffix in (".jpg", ".part") and path.is_file():
            found |= {name} if red(path.read_bytes()) else set()
        elif path.suffix == ".zip":
            with zipfile.ZipFile(path) as zipped:
                found |= {name for one in zipped.namelist() if one.endswith(".jpg") and red(zipped.read(one))}
        elif path.suffix in (".pdf", ".html"):
            found |= {name} if b"RED" in path.read_bytes() else set()
    return found


def of(place: int, drive: Drive) -> set[str]:
    return {f"evidence/{drive.pk}/{place}{end}.jpg" for end in ("", "-crop", "-frame")}


@pytest.mark.parametrize(
    ("change", "moments", "spans", "stops"),
    [
        ({}, [2000], [(0.5, 3.5)], 1),
        ({"radius_m": 40.0}, [0, 2000, 4000], [(0.0, 5.4)], 1),
        ({"lon": LON + 0.01}, [], [], 0),
        ({"since": BEGIN + timedelta(seconds=2.3)}, [], [(1.3, 3.5)], 1),
        ({"until": BEGIN - timedelta(seconds=1)}, [], [], 0),
    ],
    ids=["at it", "wider", "elsewhere", "later", "before"],
)  # fmt: skip
def test_find(
    change: dict[str, Any], moments: list[int], spans: list[tuple[float, float]], stops: int, drive: Drive,
    asked: Erasure, people: People,
) -> None:  # fmt: skip
    row = Damage.objects.get(best__time_s=2.0)
    work = WorkList.objects.create(title="w", by=people["engineer"])
    Stop.objects.create(
        work_list=work, damage=row, place=1, done=BEGIN + timedelta(minutes=4), photo="1/1-0.jpg"
    )
    for name, value in change.items():
        setattr(asked, name, value)
    told = find(asked)
    assert [one.time_ms for one in told.moments] == moments
    found = [edge for one in told.passings for span in one.spans for edge in span]
    assert found == pytest.approx([edge for span in spans for edge in span], abs=0.6)
    assert len(told.stops) == stops


def test_a_drive_without_times_is_meant_as_a_whole(drive: Drive, asked: Erasure) -> None:
    Drive.objects.update(begin=None, understood={})
    (passing,) = find(asked).passings
    assert (passing.exact, passing.spans) == (False, [(0.0, 20.0)])
    assert [one.time_ms for one in passing.moments] == [0, 2000, 4000, 6000]


def everywhere(workspace: Workspace, drive: Drive, people: People) -> LabelledFrame:
    """The second damage's picture wherever the application puts one."""
    row = Damage.objects.get(best__time_s=2.0)
    decide(row.pk, people["engineer"], Decision("confirm"))
    frame = LabelledFrame.objects.get(time_ms=2000)
    linked = frame_files.file_of(frame.uid), workspace.evidence / str(drive.pk) / "1-frame.jpg"
    assert linked[0].samefile(linked[1])
    export = Export.objects.create(
        kind="survey", state="done", by=people["engineer"], beat=timezone.now(), files=[{"form": "html"}],
        asked={"kind": "survey", "forms": ["html", "pdf"]},
    )  # fmt: skip
    (folder_of(export) / "evidence").mkdir(parents=True)
    (folder_of(export) / "evidence" / "1.jpg").hardlink_to(workspace.evidence / str(drive.pk) / "1.jpg")
    (folder_of(export) / "road-damage.pdf").write_bytes(b"RED")
    zipped = FrameExport.objects.create(by=people["ml"], beat=timezone.now(), kind="cvat", frames=[frame.pk])
    frame_exports.make(zipped.pk)
    base = workspace.datasets / "reviewed"
    dataset = as_dataset(LabelledFrame.objects.all(), base)
    training = Training.objects.create(
        name="t", by=people["ml"], dataset="reviewed", epochs=1, image_px=64, batch=1, state="done"
    )
    (workspace.trainings / str(training.pk)).mkdir(parents=True)
    as_dataset(LabelledFrame.objects.all(), workspace.trainings / str(training.pk) / "data")
    model = workspace.folder / "models" / "0001-t"
    model.mkdir(parents=True)
    (model / "0001-t.trained-on.txt").write_text(f"{dataset.pictures[0].sha256[:16]}\n")
    (model / "report.html").write_text(f"{frame.uid}.jpg data:image/jpeg;base64,RED=")
    work = WorkList.objects.create(title="w", by=people["engineer"])
    Stop.objects.create(work_list=work, damage=row, place=1)
    paper = Paper.of(work, "ja")
    paper.path.parent.mkdir()
    paper.path.write_bytes(b"RED")
    for action, target, form in (
        ("export.downloaded", export.pk, "html"), ("export.downloaded", export.pk, "csv"), ("frames.downloaded", zipped.pk, "cvat"),
    ):  # fmt: skip
        AuditEntry.objects.create(action=action, target=str(target), details={"form": form}, by=people["ml"])
    return LabelledFrame.objects.get(pk=frame.pk)


def test_erased_everywhere(workspace: Workspace, drive: Drive, asked: Erasure, people: People) -> None:
    frame = everywhere(workspace, drive, people)
    others = of(0, drive) | of(2, drive) | of(3, drive)
    before = showing(workspace)
    assert len(before - others) == 11, "each kind of copy shows it"
    old = Paper.of(WorkList.objects.get(), "ja").key
    row = erase_picture(asked, people["administrator"], drive, 2000)
    assert row.finished
    assert showing(workspace) == others
    told = row.held
    assert [
        len(told[kind])
        for kind in ("exports", "frame_exports", "work_lists", "datasets", "trainings", "models")
    ] == [1] * 6
    assert [(one["action"], one["form"]) for one in told["downloads"]] == [
        ("export.downloaded", "html"), ("frames.downloaded", "cvat"),
    ]  # fmt: skip
    best = Sighting.objects.get(time_s=2.0)
    assert (best.frame, best.evidence, best.lat) == ("", "1.jpg", pytest.approx(LAT + STEP)), (
        "its numbers stay"
    )
    frame.refresh_from_db()
    assert (frame.judged, bool(frame.erased), labels_of(frame).said) == (False, True, False)
    assert frame.changes.last().erasure == asked  # type: ignore[union-attr]
    assert not as_dataset(
        [frame.pk], workspace.folder / "again", timezone.now() - timedelta(seconds=0)
    ).pictures
    assert read_dataset(workspace.datasets / "reviewed").pictures == ()
    assert len(read_dataset(workspace.trainings / str(Training.objects.get().pk) / "data").pictures) == 1
    assert (Export.objects.get().files, FrameExport.objects.get().bytes) == ([], None)
    assert Paper.of(WorkList.objects.get(), "ja").key != old, (
        "a paper being made from the old picture is nobody's"
    )
    decide(best.damage_id, people["engineer"], Decision("reclass", class_id=0))
    frame.refresh_from_db()
    assert not frame.judged, "nothing is said of it any more"
    assert AuditEntry.objects.filter(action="erasure.picture", by=people["administrator"]).count() == 1


def test_an_area_is_covered_in_all_copies(
    workspace: Workspace, drive: Drive, asked: Erasure, people: People
) -> None:
    frame = everywhere(workspace, drive, people)
    sha256 = frame.sha256
    assert sha256
    cover_area(asked, people["administrator"], drive, 2000, PERSON)
    assert showing(workspace) == of(0, drive) | of(2, drive) | of(3, drive)
    with Image.open(workspace.evidence / str(drive.pk) / "1-crop.jpg") as crop:
        left, right = np.asarray(crop.convert("L"))[:, :40], np.asarray(crop.convert("L"))[5:60, 110:]
    assert left.std() > 20 > right.std(), "the rest of the crop is as it was"
    dataset = as_dataset([frame.pk], workspace.folder / "again")
    assert len(dataset.pictures) == 1, "its labels stay"
    assert dataset.pictures[0].sha256 != sha256
    assert not red(dataset.image_path(dataset.pictures[0]).read_bytes())


@pytest.mark.parametrize("area", [(0.5, 0.5, 0.5005, 0.9), (0.9, 0.1, 0.2, 0.3), (0.1, 0.2, 0.3)])
def test_an_area_that_is_none(area: tuple[float, ...], drive: Drive, asked: Erasure, people: People) -> None:
    with pytest.raises(ErasureError):
        cover_area(asked, people["administrator"], drive, 2000, area)
    assert not Erased.objects.exists()


@pytest.mark.parametrize(
    ("width", "cut", "area"),
    [
        (640, (0, 0), (0.1, 0.1, 0.2, 0.2)),
        (1920, (0, 0), PERSON),
        (1920, (1, 0), PERSON),
    ],
    ids=["beside the crop", "a frame that was made smaller", "a crop cut otherwise"],
)
def test_where_an_area_lies_in_a_crop(
    width: int, cut: tuple[int, int], area: tuple[float, float, float, float], tmp_path: Path
) -> None:
    image = np.full((width * 9 // 16, width, 3), 90, np.uint8)
    height = len(image)
    x1, y1, x2, y2 = (round(share * side) for share, side in zip(area, (width, height) * 2, strict=True))
    image[y1:y2, x1:x2] = [220, 20, 20]
    box = np.array(BOX) * ([width, height] * 2)
    told = write_evidence(tmp_path, "a", Masked(image, np.empty((0, 4), np.int64), ()), box, 3, frame=True)
    with Image.open(tmp_path / told.crop) as crop, Image.open(tmp_path / told.picture) as picture:
        crop_px, written_px = crop.size, picture.size
    size_px = erased_pictures.frame_size((width, height), written_px)
    assert size_px == (width, height)
    found = erased_pictures.in_crop(area, told.box, (crop_px[0] + cut[0], crop_px[1]), size_px)
    if area != PERSON:
        assert found is None
    else:
        assert (found == WHOLE) == bool(cut[0])
        erased_pictures.rewrite(tmp_path / told.crop, [found] if found else [])
        assert not red((tmp_path / told.crop).read_bytes())


def test_a_stretch_and_the_footage(
    workspace: Workspace, drive: Drive, asked: Erasure, people: People
) -> None:
    rerun = Rerun.objects.create(by=people["ml"])
    part = RerunDrive.objects.create(rerun=rerun, drive=drive, place=0)
    folder = workspace.evidence / str(drive.pk)
    for name, sighting in (("lost", None), ("far", Sighting.objects.get(time_s=6.0))):
        RerunChange.objects.create(of=part, kind="lost", number=1, crop=f"{name}.jpg", sighting=sighting)
        Image.fromarray(pixels(0)).save(folder / f"{name}.jpg")
    erase_span(asked, people["administrator"], drive, 0.0, 1.5)
    assert showing(workspace) == of(1, drive) | of(2, drive) | of(3, drive) | {f"evidence/{drive.pk}/far.jpg"}
    assert (workspace.footage / "d1" / "a.mp4").exists()
    erase_span(asked, people["administrator"], drive, 1.0, 2.0, footage=True)
    assert not (workspace.footage / "d1").exists()
    drive.refresh_from_db()
    assert drive.footage_deleted
    with pytest.raises(ErasureError):
        erase_span(asked, people["administrator"], drive, 3.0, 2.0)


def test_footage_of_a_drive_that_runs_stays(
    workspace: Workspace, drive: Drive, asked: Erasure, people: People
) -> None:
    from roaddamage.records.models import Job

    Job.objects.create(drive=drive, by=people["ml"], state="running", again=True)
    with pytest.raises(ErasureError):
        erase_span(asked, people["administrator"], drive, 1.0, 2.0, footage=True)
    assert not Erased.objects.exists()
    assert showing(workspace) >= of(1, drive), "nothing is half there"


def test_a_photo(workspace: Workspace, drive: Drive, asked: Erasure, people: People) -> None:
    work = WorkList.objects.create(title="w", by=people["engineer"])
    name = f"{work.pk}/1-{'0' * 16}.jpg"
    stop = Stop.objects.create(work_list=work, damage=Damage.objects.first(), place=1, photo=name)
    (workspace.photos / str(work.pk)).mkdir()
    for area in (PERSON, None):
        Image.fromarray(pixels(9)).save(workspace.photos / name)
        erase_photo(asked, people["administrator"], stop, area)
        assert f"photos/{name}" not in showing(workspace)
    with Image.open(workspace.photos / name) as picture:
        assert np.asarray(picture.convert("L"))[:100].std() < 5


@pytest.mark.parametrize(
    ("time_s", "areas"),
    [(10.0, [PERSON]), (10.5, [WHOLE]), (11.2, []), (20.0, [WHOLE]), (20.9, [WHOLE]), (21.5, [])],
)
def test_what_of_footage_is_shown(
    time_s: float, areas: list[Any], drive: Drive, asked: Erasure, people: People
) -> None:
    cover_area(asked, people["administrator"], drive, 10_000, PERSON)
    erase_picture(asked, people["administrator"], drive, 20_000)
    assert hidden_of(drive).areas_at(time_s) == areas


@pytest.mark.parametrize(
    ("time_s", "person", "frame"), [(2.0, False, True), (2.4, False, False), (6.0, True, True)]
)
def test_a_rerun_brings_nothing_back(
    time_s: float, person: bool, frame: bool, drive: Drive, asked: Erasure, people: People, tmp_path: Path
) -> None:
    cover_area(asked, people["administrator"], drive, 2000, PERSON)
    row = Sighting.objects.get(time_s=6.0)
    row.time_s = time_s
    new: Seen = sighting_of(row, drive.name)
    masked = Masked(pixels(5), np.empty((0, 4), np.int64), ())
    write_evidence(tmp_path, "3", masked, np.array(BOX) * (SIDE_PX * 2), 3, frame=True)
    (told,) = erased_pictures.hide_new(drive, [new], tmp_path)
    assert {red(path.read_bytes()) for path in tmp_path.glob("*.jpg")} == {person}
    assert (told.frame != "", (tmp_path / "3-frame.jpg").exists()) == (frame, frame)


class KilledError(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("step", ["files", "rewrite", "take_away"])
def test_killed(step: str, workspace: Workspace, drive: Drive, asked: Erasure, people: People) -> None:
    everywhere(workspace, drive, people)
    at = {
        "files": (leaving, "remove"),
        "rewrite": (erasing, "hide_evidence"),
        "take_away": (erasing.erasure_removal, "take_away"),
    }
    with pytest.MonkeyPatch.context() as patched:

        def killed(*_: object, **__: object) -> None:
            raise KilledError

        patched.setattr(*at[step], killed)
        with pytest.raises(KilledError):
            erase_picture(asked, people["administrator"], drive, 2000)
    assert Erased.objects.get().finished is None, "the rows say so"
    assert finish() == 0
    assert showing(workspace) == of(0, drive) | of(2, drive) | of(3, drive)
    assert (Erased.objects.get().finished is not None, Leaving.objects.count()) == (True, 0)


def test_what_is_being_made_of_it_ends(
    workspace: Workspace, drive: Drive, asked: Erasure, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide(Damage.objects.get(best__time_s=2.0).pk, people["engineer"], Decision("confirm"))
    frame, now = LabelledFrame.objects.get(), timezone.now()
    kept = {"kind": "survey", "forms": ["pdf"]}
    export = Export.objects.create(kind="survey", by=people["engineer"], beat=now, asked=kept)
    row = FrameExport.objects.create(by=people["ml"], beat=now, kind="cvat", frames=[frame.pk])
    real = frame_exports._write

    def written_meanwhile(*given: Any) -> None:
        real(*given)
        erase_picture(asked, people["administrator"], drive, 2000)

    monkeypatch.setattr(frame_exports, "_write", written_meanwhile)
    frame_exports.make(row.pk)
    assert not frame_exports.file_of(row).exists()
    for one in (export, row):
        one.refresh_from_db()
        assert (one.state, bool(one.problem)) == ("failed", True)
    assert showing(workspace) == of(0, drive) | of(2, drive) | of(3, drive)


@pytest.mark.parametrize(("age_s", "there"), [(60, True), (4000, False)])
def test_papers_do_not_stay_for_ever(age_s: float, there: bool, workspace: Workspace) -> None:
    path = workspace.folder / "papers" / "1-ja-0.pdf"
    path.parent.mkdir()
    path.write_bytes(b"")
    os.utime(path, (time.time() - age_s,) * 2)
    papers.clear_old()
    assert path.exists() == there
