"""Trainings: their data, what becomes of them on bad days, and models in and out of use from the pages."""

from __future__ import annotations

import errno
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django_tasks_db.models import DBTaskResult
from labelled_pictures import rendered
from made_models import poor_model, small_dataset, spoil, train_quickly

from datasets.dataset import Dataset, DatasetError, Picture
from detector.model import DEFAULT_MODEL
from roaddamage import gpus, training_data, training_runs
from roaddamage.jobs import Watch, cancel
from roaddamage.language import translation
from roaddamage.models import Models
from roaddamage.problems import told
from roaddamage.records.models import AuditEntry, LabelledFrame, Training
from roaddamage.runs import run
from roaddamage.training_runs import again, begin, comparison_of, folder_of, run_training
from roaddamage.workers import Worker
from roaddamage.workspace import Workspace
from training.epochs import Moved

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]
JAPANESE = translation("ja")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return small_dataset(tmp_path_factory.mktemp("data") / "city")


@pytest.fixture(scope="module")
def poor(data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return poor_model(data, tmp_path_factory.mktemp("runs") / "poor")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    train_quickly(monkeypatch, tmp_path)


@pytest.fixture
def spoilt(workspace: Workspace, data: Dataset, poor: Path) -> Workspace:
    """A workspace with a dataset, in which a spoilt model is in use."""
    spoil(workspace, data, poor)
    return workspace


def asked(by: User, **more: Any) -> Training:
    values = {"name": "spring", "dataset": "city", "epochs": 1, "image_px": 64, "batch": 4, "frames": False}
    return begin(by, **{**values, "begin_from": "0001-poor", **more})


def ran(row: Training) -> Training:
    run(Training, row.pk, "one", run_training)
    row.refresh_from_db()
    return row


def picture(name: str, **more: Any) -> Picture:
    return Picture(name, 320, 192, sha256=f"{name}-sha", **more)


HELD = picture("held", part="test", road="held road", drive="held drive", phash="00000000000000ff")
LEARNT = picture("learnt", part="train", phash="ffffffffffffffff", road="main")


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        (picture("new", phash="0f0f0f0f0f0f0f0f", road="main"), "added"),
        (picture("part", judged=np.array([[0.1, 0.1, 0.5, 0.5]])), "partly"),
        (picture("near", phash="00000000000000f0"), "near"),
        (replace(HELD, name="same", id="same", phash="", part=""), "near"),
        (picture("road", road="held road"), "road"),
        (picture("drive", drive="held drive"), "road"),
        (replace(LEARNT, name="other", part=""), "known"),
        (picture("learnt2", phash="ffffffffffffffff"), "added"),
    ],
)
def test_frames_that_would_be_learnt_by_heart_are_left_out(frame: Picture, why: str) -> None:
    chosen, counts = training_data.choose([HELD, LEARNT], [frame])
    assert getattr(counts, why) == 1
    assert [one.part for one in chosen] == ["train"] * counts.added
    assert counts.added == (why in ("added", "partly"))


def test_data_is_the_dataset_with_new_frames_to_learn_from(data: Dataset, tmp_path: Path) -> None:
    def frames(folder: Path) -> Dataset:
        told = rendered(folder, [""] * 3, seed=9, size_px=(320, 192), road=lambda index: f"new{index}")
        for one in told.pictures:
            (folder / "images" / one.name).rename(folder / "images" / f"f{one.name}")
        named = [replace(one, name=f"f{one.name}", id=f"f{one.id}", box_id=()) for one in told.pictures]
        return Dataset(folder, tuple(named))

    told, counts = training_data.gather(data.folder, frames, tmp_path / "data", lambda done, total: None)
    assert counts.added == 3
    assert [len(told.part(name)) for name in ("train", "val", "test")] == [7, 2, 6]
    assert not (tmp_path / "data-frames").exists()
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError):
        training_data.gather(tmp_path / "empty", None, tmp_path / "other", lambda done, total: None)


class KilledError(BaseException):
    """Nothing catches it, as nothing catches SIGKILL."""


def test_a_training_that_is_killed_goes_on_where_it_was(
    spoilt: Workspace, people: dict[str, User], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = asked(people["ml"], epochs=2)
    assert list(DBTaskResult.objects.values_list("queue_name", flat=True)) == ["trainings"]
    epochs: list[int] = []
    really = training_runs._watch

    def watch(row: Training, device: gpus.Lent) -> Any:
        inner = really(row, device)

        def told_of(moved: Moved) -> bool:
            epochs.append(moved.epoch)
            if epochs == [1, 2]:
                raise KilledError
            return inner(moved)

        return told_of

    monkeypatch.setattr(training_runs, "_watch", watch)
    with pytest.raises(KilledError):
        ran(row)
    shutil.rmtree(spoilt.datasets)  # what has begun needs it no more
    now = [0.0]
    other = Watch(lambda: now[0])
    assert other.look() == 0
    now[0] = 61.0
    assert other.look() == 1
    assert ran(row).state == "done"
    assert epochs == [1, 2, 2], "the first epoch was kept"
    assert [epoch for epoch, *_ in row.course] == [1, 2]
    assert (row.attempts, row.promotable, row.against) == (2, False, "0001-poor")
    assert comparison_of(row)


def test_labelled_frames_alone_are_a_dataset_once_there_are_roads_enough(
    data: Dataset, tmp_path: Path
) -> None:
    def frames(count: int) -> Callable[[Path], Dataset]:
        bare = tuple(replace(one, part="") for one in data.pictures[:count])

        def write(folder: Path) -> Dataset:
            shutil.copytree(data.folder, folder)
            return Dataset(folder, bare)

        return write

    folder = tmp_path / "datasets"
    with pytest.raises(DatasetError, match="too few roads"):
        training_data.own(folder, frames(1))
    assert not list(folder.iterdir())
    made = training_data.own(folder, frames(len(data.pictures)))
    parts = training_data.there(folder)[training_data.OWN]
    assert sum(parts.values()) == len(data.pictures)
    before = (made / "manifest.csv").read_bytes()
    assert training_data.own(folder, frames(1)) == made, "frozen"
    assert (made / "manifest.csv").read_bytes() == before


def test_the_page_offers_the_labelled_frames_where_some_are_whole(workspace: Workspace, ml: Client) -> None:
    frame = LabelledFrame.objects.create(uid="f1", time_ms=1, width_px=64, height_px=64)
    assert f'value="{training_data.OWN}"' not in ml.get(reverse("training_new")).content.decode()
    frame.whole = True
    frame.save()
    asked = {"name": "own", "dataset": training_data.OWN, "frames": "1", "begin_from": "package", "epochs": 1,
             "image_px": 64, "batch": 2}  # fmt: skip
    assert f'value="{training_data.OWN}"' in ml.get(reverse("training_new")).content.decode()
    assert ml.post(reverse("training_new"), asked).status_code == 302
    row = Training.objects.get()
    run(Training, row.pk, "one", run_training)
    row.refresh_from_db()
    assert "too few roads" in told(row.problem, str)


def test_a_worker_takes_drives_or_trainings() -> None:
    assert Worker("a", once=True).queue_names == ["default"]
    assert Worker("a", once=True, trainings=True).queue_names == ["trainings"]


def full(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_bad_days(spoilt: Workspace, people: dict[str, User], monkeypatch: pytest.MonkeyPatch) -> None:
    by = people["ml"]
    row = asked(by)
    with monkeypatch.context() as bad:
        bad.setattr(training_data, "_link", full)
        assert ran(row).state == "failed"
    assert "disk is full" in told(row.problem, str)
    again(row, by)
    row.refresh_from_db()
    assert (row.state, row.problem, row.attempts) == ("queued", {}, 0)
    with pytest.raises(training_runs.JobError, match="waiting or running"):
        again(row, by)

    def cancelled(*args: Any) -> Path:
        cancel(row, by)
        args[3](Moved(1, 1, 1, 1, 0.5))
        raise AssertionError

    with monkeypatch.context() as bad:
        bad.setattr(training_runs, "train", cancelled)
        assert ran(row).state == "cancelled"
    gone = asked(by)
    shutil.rmtree(spoilt.datasets / "city")
    assert ran(gone).state == "failed"
    assert "manifest.csv" in told(gone.problem, str)
    assert str(spoilt.folder) not in told(gone.problem, str)
    with pytest.raises(training_runs.JobError, match="no dataset"):
        asked(by)


def test_the_budget_ends_a_training_with_what_it_has_learnt(people: dict[str, User]) -> None:
    row = Training(pk=1, by=people["ml"], worker="one", state="running", budget_min=1, spent_s=61.0)
    row.name, row.dataset, row.epochs, row.image_px, row.batch = "a", "b", 9, 64, 4
    row.save()
    watch = training_runs._watch(row, gpus.Lent("cpu", None, lambda: None))
    assert watch(Moved(1, 9, 1, 2, 0.5)) is True
    row.budget_min = None
    assert training_runs._watch(row, gpus.Lent("cpu", None, lambda: None))(Moved(1, 9, 1, 2, 0.5)) is False


class WaitingError(Exception):
    pass


def waits() -> None:
    raise WaitingError


@pytest.mark.parametrize("count", [0, 1], ids=["cpu", "one GPU"])
def test_two_trainings_take_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(gpus, "gpu_count", lambda: count)
    monkeypatch.setattr(gpus, "WAIT_S", 0.01)
    with gpus.lent(waits, tmp_path) as one:
        assert one.name == ("0" if count else "cpu")
        with pytest.raises(WaitingError), gpus.lent(waits, tmp_path):
            raise AssertionError
    with gpus.lent(waits, tmp_path):
        pass


def test_drives_go_first_after_each_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpus, "gpu_count", lambda: 1)
    monkeypatch.setattr(gpus, "WAIT_S", 0.05)
    had, asking = threading.Event(), threading.Event()

    def drive() -> None:
        with gpus.device(tmp_path, asking.set):
            had.set()

    with gpus.lent(lambda: None, tmp_path) as training:
        waiting = threading.Thread(target=drive)
        waiting.start()
        assert asking.wait(60)
        assert not had.is_set()
        while not had.is_set():
            training.step_aside()
        waiting.join(60)
        with pytest.raises(WaitingError), gpus.device(tmp_path, waits):
            raise AssertionError


@pytest.fixture
def ml(client: Client, people: dict[str, User]) -> Iterator[Client]:
    client.force_login(people["ml"])
    client.cookies["language"] = "en"
    return client


def text(answer: Any) -> str:
    return str(answer.content.decode())


def test_a_worse_model_is_refused_a_better_one_promoted_and_rolled_back(
    spoilt: Workspace, ml: Client
) -> None:
    asks = {"dataset": "city", "epochs": 1, "image_px": 64, "batch": 4, "begin_from": "current"}
    answer = ml.post(reverse("training_new"), {**asks, "name": "worse"})
    worse = Training.objects.get()
    assert answer.headers["Location"] == reverse("training", args=[worse.pk])
    assert ran(worse).promotable is False
    page = reverse("training", args=[worse.pk])
    assert "It is not better by the rule" in text(ml.get(page))
    refused = ml.post(reverse("training_promote", args=[worse.pk]))
    assert refused.status_code == 422
    assert "Not put in use: 0001-poor stays" in text(refused)
    ml.post(reverse("training_new"), {**asks, "name": "better", "begin_from": "package", "image_px": 320})
    better = ran(Training.objects.first() or worse)
    assert (better.state, better.promotable) == ("done", True), better.problem
    ml.post(reverse("training_promote", args=[better.pk]))
    kept = Models(spoilt.folder)
    assert kept.current_name() == "0002-better"
    last = kept.history()[-1]
    assert (last.by, last.forced, last.test_sha256) == ("ml", False, better.test_sha256)
    assert {path.name for path in kept.current().parent.iterdir()} >= {"card.md", "data.md", "report.html"}
    report = ml.get(reverse("model_file", args=["0002-better", "report"]))
    assert b"0002-better" in b"".join(report)  # type: ignore[arg-type]
    stale = ml.post(reverse("training_promote", args=[worse.pk]), {"reason": "a trial"})
    assert "compare anew" in text(stale)
    again(worse, worse.by)
    assert ran(worse).against == "0002-better"
    assert ml.post(reverse("training_promote", args=[worse.pk]), {"reason": "a trial"}).status_code == 302
    assert (kept.current_name(), kept.history()[-1].forced) == ("0003-worse", True)
    shown = text(ml.get(reverse("models")))
    assert "against the rule" in shown
    assert "<svg" in shown
    assert f"{better.pk} better" in shown
    assert ml.post(reverse("model_rollback")).status_code == 422
    assert kept.current_name() == "0003-worse"
    ml.post(reverse("model_rollback"), {"reason": "it was a trial"})
    assert kept.current_name() == "0002-better"
    told_of = [*AuditEntry.objects.order_by("pk").values_list("action", flat=True)]
    assert [one for one in told_of if one.startswith("model.")] == [
        "model.promoted", "model.seen", "model.promoted", "model.rolled_back",
    ]  # fmt: skip


@pytest.mark.parametrize("language", ["ja", "en"])
def test_a_model_whose_file_is_gone_is_said_and_passed_over(
    language: str, spoilt: Workspace, people: dict[str, User], ml: Client
) -> None:
    ml.cookies["language"] = language
    say = JAPANESE if language == "ja" else str
    shutil.rmtree(spoilt.folder / "models" / "0001-poor")
    page = text(ml.get(reverse("models")))
    assert say("Pass over models whose files are gone") in page
    assert "roaddamage rollback" not in page
    form = {"name": "a", "dataset": "city", "epochs": 1, "image_px": 64, "batch": 4, "begin_from": "current"}
    assert ml.post(reverse("training_new"), form).status_code == 422
    ml.post(reverse("model_rollback"), {"reason": "lost", "past_missing": "1"})
    assert Models(spoilt.folder).current() == DEFAULT_MODEL


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"image_px": 100}, "multiple of 32, such as 96"),
        ({"epochs": 0}, "greater than or equal to 1"),
        ({"dataset": "../etc"}, "Select a valid choice"),
        ({"name": ""}, "required"),
        ({"budget_min": "-1"}, "greater than or equal to 1"),
    ],
)
def test_what_can_not_be_is_said_in_words(
    more: dict[str, Any], words: str, spoilt: Workspace, ml: Client
) -> None:
    form = {"name": "a", "dataset": "city", "epochs": 1, "image_px": 64, "batch": 4, "begin_from": "current"}
    answer = ml.post(reverse("training_new"), {**form, **more})
    assert answer.status_code == 422
    assert words in text(answer)
    assert not Training.objects.exists()


def test_pages_of_a_new_workspace(workspace: Workspace, ml: Client) -> None:
    assert "been in use from the beginning" in text(ml.get(reverse("models")))
    assert "There is no dataset to begin with" in text(ml.get(reverse("training_new")))
    (workspace.folder / "models").mkdir()
    (workspace.folder / "models" / "history.json").write_text("[")
    assert "Restore it from a backup" in text(ml.get(reverse("models")))


def test_where_files_lie(workspace: Workspace) -> None:
    assert folder_of(Training(pk=7)) == workspace.folder / "trainings" / "7"
