"""Re-runs by real workers: killed at any moment, and with a detector that tells something else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import rerun_day
from apart import apart
from bad_day import is_erased
from command import LOCALE, as_command
from kept import once

Ran = tuple[Path, dict[str, Any]]


@pytest.fixture
def ran(first_run: Path) -> Ran:
    """A folder with the workspace of a drive that was really run, and how its records look."""
    return first_run, json.loads((first_run / "told.json").read_text())


def again(run: Path, workspace: Path, moment: str) -> Any:
    done = apart(rerun_day.day, workspace, moment, run)
    if moment in rerun_day.MOMENTS:
        assert done.returncode == -9, done.stderr
        return None
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def undisturbed(first_run: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """How the records look once half of it was seen again."""

    def fill(folder: Path) -> None:
        shutil.copytree(first_run / "workspace", folder / "workspace")
        (folder / "told.json").write_text(json.dumps(again(first_run, folder / "workspace", "none")))

    told: dict[str, Any] = json.loads((once(tmp_path_factory, "half-of-it", fill) / "told.json").read_text())
    return told


def test_what_is_seen_no_more_goes_with_its_pictures(ran: Ran, undisturbed: dict[str, Any]) -> None:
    before = ran[1]
    assert len(undisturbed["sightings"]) == (len(before["sightings"]) + 1) // 2
    assert undisturbed["damages"] < before["damages"]
    assert {kind for kind, *_ in undisturbed["changes"]} == {"lost"}
    assert [job[0] for job in undisturbed["jobs"]] == ["done", "done"]
    names = {Path(name).name for name in undisturbed["files"]}
    assert {row[5] for row in undisturbed["sightings"]} <= names
    assert all(
        name.startswith("again-") or name.endswith("-crop.jpg") for name in names if name.endswith(".jpg")
    )


@pytest.mark.parametrize("moment", rerun_day.MOMENTS)
def test_killed_at_any_moment_it_is_as_before_or_as_after(
    moment: str, ran: Ran, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    run, before = ran
    folder = tmp_path / "workspace"
    shutil.copytree(run / "workspace", folder)
    again(run, folder, moment)
    looked = again(run, folder, "look")
    whole = before if moment in ("replaced", "handed over") else undisturbed
    for name in ("sightings", "damages", "passages", "drives"):
        assert looked[name] == whole[name], name
    told = again(run, folder, "none")
    assert told.pop("places") in ([], ["SUCCESSFUL"])
    assert told == {name: value for name, value in undisturbed.items() if name != "places"}


def test_pictures_of_a_killed_run_never_stand_in_the_next_one_s_place(ran: Ran, tmp_path: Path) -> None:
    run, _ = ran
    folder = tmp_path / "workspace"
    shutil.copytree(run / "workspace", folder)
    again(run, folder, "handed over")
    stale = b"of the killed run"
    for path in (folder / "evidence").rglob("again-*.jpg"):
        path.write_bytes(stale)
    again(run, folder, "none")
    shown = [path.read_bytes() for path in (folder / "evidence").rglob("again-*.jpg")]
    assert (len(shown) > 4, stale in shown) == (True, False)


def test_an_erasure_between_two_attempts_is_heeded(
    ran: Ran, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    run, _ = ran
    folder = tmp_path / "workspace"
    shutil.copytree(run / "workspace", folder)
    told = again(run, folder, "torn")
    assert len(told["sightings"]) == len(undisturbed["sightings"])
    new = list((folder / "evidence").rglob("again-*.jpg"))
    assert new
    assert [path for path in new if not is_erased(path)] == []


def test_a_detector_that_is_to_be_surer(ran: Ran, tmp_path: Path) -> None:
    run, before = ran
    folder = tmp_path / "workspace"
    shutil.copytree(run / "workspace", folder)
    told = again(run, folder, "really")
    assert 0 < len(told["sightings"]) < len(before["sightings"])
    lost = [number for kind, number, _ in told["changes"] if kind == "lost"]
    new = [number for kind, number, _ in told["changes"] if kind == "new"]
    assert told["damages"] == before["damages"] - len(lost) + len(new)
    assert len(new) <= len(lost)


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (["--all"], 0, "Re-run"),
        (["sample"], 0, "Re-run"),
        (["--older-models"], 1, "No drive"),
        (["nowhere"], 2, "nowhere"),
        (["--all", "--older-models"], 2, "either"),
        (["--all", "--user", "stranger"], 2, "stranger"),
    ],
)
def test_from_the_command_line(options: list[str], code: int, says: str, ran: Ran, tmp_path: Path) -> None:
    folder = tmp_path / "workspace"
    shutil.copytree(ran[0] / "workspace", folder)
    done = apart(as_command, "rerun", *options, "--workspace", folder, env=LOCALE)
    assert done.returncode == code, done.stderr
    assert says in done.stdout + done.stderr
