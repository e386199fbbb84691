"""The output folder is as it was, or complete."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from detector.errors import OutputError, OutputTakenError
from roaddamage.output import PARTS, check_free, staged


def contents(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_text() for path in files}


def earlier(out: Path) -> Path:
    (out / "evidence").mkdir(parents=True)
    (out / "map.html").write_text("old map")
    (out / "report.json").write_text("old report")
    (out / "evidence/a.jpg").write_text("old picture")
    (out / "notes.txt").write_text("a person's own")
    return out


def test_new_parts_replace_the_old_and_nothing_else_is_touched(tmp_path: Path) -> None:
    out = earlier(tmp_path / "out")
    with staged(out) as folder:
        (folder / "map.html").write_text("new map")
        (folder / "report.json").write_text("new report")
        (folder / "evidence").mkdir()
        (folder / "evidence/b.jpg").write_text("new picture")
    new = {
        "report.json": "new report",
        "map.html": "new map",
        "evidence/b.jpg": "new picture",
        "notes.txt": "a person's own",
    }
    assert contents(out) == new
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt(), ValueError("a bug")]
)
def test_whatever_happens_earlier_output_stays(tmp_path: Path, error: BaseException) -> None:
    out = earlier(tmp_path / "out")
    before = contents(out)
    with pytest.raises(OutputError if isinstance(error, OSError) else type(error)), staged(out) as folder:
        (folder / "map.html").write_text("half a m")
        raise error
    assert contents(out) == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("failure", [OSError(errno.EIO, "Input/output error"), KeyboardInterrupt()])
def test_a_failure_in_the_swap_puts_the_old_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException
) -> None:
    out = earlier(tmp_path / "out")
    before = contents(out)
    rename = Path.rename

    def failing(self: Path, target: Path) -> Path:
        if self.name == "evidence" and target.parent == out and "earlier" not in str(self.parent):
            raise failure
        return rename(self, target)

    with pytest.raises((OutputError, KeyboardInterrupt)), staged(out) as folder:
        (folder / "map.html").write_text("new map")
        (folder / "evidence").mkdir()
        monkeypatch.setattr(Path, "rename", failing)
    assert contents(out) == before


@pytest.mark.parametrize(
    ("make", "overwrite", "word"),
    [
        pytest.param(earlier, False, "not empty", id="not empty"),
        pytest.param(lambda out: out.write_text("x"), True, "is a file", id="a file"),
    ],
)
def test_a_taken_folder_is_refused(tmp_path: Path, make: object, word: str, *, overwrite: bool) -> None:
    out = tmp_path / "out"
    make(out)  # type: ignore[operator]
    with pytest.raises(OutputTakenError, match=word):
        check_free(out, [], overwrite=overwrite)


def test_free_folders_are_taken(tmp_path: Path) -> None:
    check_free(tmp_path / "new", [], overwrite=False)
    check_free(tmp_path, [], overwrite=False)
    check_free(earlier(tmp_path / "out"), [tmp_path / "out/notes.txt"], overwrite=True)
    assert "report.json" in PARTS


@pytest.mark.parametrize(
    ("inside", "word"),
    [
        pytest.param("evidence/drive.mp4", "is footage", id="footage in a part"),
        pytest.param("map.html", "is footage", id="a part as footage"),
    ],
)
def test_footage_is_never_replaced(tmp_path: Path, inside: str, word: str) -> None:
    out = earlier(tmp_path / "out")
    (out / inside).touch()
    with pytest.raises(OutputTakenError, match=word):
        check_free(out, [out / inside], overwrite=True)


def test_only_an_earlier_run_s_parts_are_replaced(tmp_path: Path) -> None:
    out = earlier(tmp_path / "out")
    (out / "report.json").unlink()
    with pytest.raises(OutputTakenError, match="not from an earlier run"):
        check_free(out, [], overwrite=True)


def test_what_a_killed_run_left_is_cleared_away(tmp_path: Path) -> None:
    out = earlier(tmp_path / "out")
    before = contents(out)
    (out / ".unfinished-999999999-x/evidence").mkdir(parents=True)
    running = out / f".unfinished-{os.getpid()}-y"
    running.mkdir()
    check_free(out, [], overwrite=True)
    with pytest.raises(ValueError, match="a bug"), staged(out):
        raise ValueError("a bug")
    assert contents(out) == before
    assert [path.name for path in out.iterdir() if path.name.startswith(".")] == [running.name]


def test_folders_made_for_a_failed_run_go_with_it(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a bug"), staged(tmp_path / "deep/er/out"):
        raise ValueError("a bug")
    assert list(tmp_path.iterdir()) == []


def test_output_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "disk")
    with staged(tmp_path / "out") as folder:
        (folder / "map.html").write_text("new map")
    assert contents(tmp_path / "disk") == {"map.html": "new map"}
