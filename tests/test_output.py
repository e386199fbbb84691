"""The output folder is as it was, or complete."""

from __future__ import annotations

import errno
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
    (out / "evidence/a.jpg").write_text("old picture")
    (out / "notes.txt").write_text("a person's own")
    return out


def test_new_parts_replace_the_old_and_nothing_else_is_touched(tmp_path: Path) -> None:
    out = earlier(tmp_path / "out")
    with staged(out) as folder:
        (folder / "map.html").write_text("new map")
        (folder / "evidence").mkdir()
        (folder / "evidence/b.jpg").write_text("new picture")
    new = {"map.html": "new map", "evidence/b.jpg": "new picture", "notes.txt": "a person's own"}
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


def test_a_failure_in_the_swap_puts_the_old_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = earlier(tmp_path / "out")
    before = contents(out)
    rename = Path.rename

    def failing(self: Path, target: Path) -> Path:
        if self.name == "evidence" and self.parent != out and "earlier" not in str(self.parent):
            raise OSError(errno.EIO, "Input/output error")
        return rename(self, target)

    with pytest.raises(OutputError, match="Input/output error"), staged(out) as folder:
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
        check_free(out, overwrite=overwrite)


def test_free_folders_are_taken(tmp_path: Path) -> None:
    check_free(tmp_path / "new", overwrite=False)
    check_free(tmp_path, overwrite=False)
    check_free(earlier(tmp_path / "out"), overwrite=True)
    assert "report.json" in PARTS
