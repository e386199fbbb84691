"""Problems on pages: in the words of a page, in the reader's language."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from detector.errors import RoadDamageError
from detector.telemetry.clock import APART
from roaddamage.doubts import EVEN, TOGETHER
from roaddamage.doubts import IN_PAGE as DOUBTS_IN_PAGE
from roaddamage.language import translation
from roaddamage.problems import IN_PAGE, problem, told

ROOT = Path(__file__).parent.parent
BEHIND_PAGES = (
    "attached_log", "batch_files", "batches", "faults", "file_names", "footage_folder", "intake", "jobs", "runs",
    "understanding",
)  # fmt: skip
ON_PAGES = [
    *sorted((ROOT / "detector").rglob("*.py")),
    *(ROOT / "roaddamage" / f"{name}.py" for name in BEHIND_PAGES),
]


def messages() -> Iterator[str]:
    """What the modules behind the pages may say."""
    for path in ON_PAGES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "N_":
                yield ast.literal_eval(node.args[0])


def test_no_page_names_an_option_of_the_command_line() -> None:
    naming = {text for text in messages() if " --" in text}
    assert APART in naming
    assert naming <= IN_PAGE.keys()
    assert {TOGETHER, EVEN} <= DOUBTS_IN_PAGE.keys()
    assert not [text for text in (*IN_PAGE.values(), *DOUBTS_IN_PAGE.values()) if "--" in text]


@pytest.mark.parametrize("template", IN_PAGE, ids=lambda text: text[:30])
def test_a_page_says_it_in_japanese_with_the_same_values(template: str) -> None:
    values = {name: f"<{name}>" for name in re.findall(r"{(\w+)}", template)}
    text = told(problem(RoadDamageError(template, **values)), translation("ja"))
    assert text != told(problem(RoadDamageError(template, **values)), translation("en"))
    assert "--" not in text
    assert set(re.findall(r"<\w+>", text)) == {
        f"<{name}>" for name in re.findall(r"{(\w+)}", IN_PAGE[template])
    }
    assert set(re.findall(r"{(\w+)}", IN_PAGE[template])) <= values.keys()


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/srv/w/footage/0123456789abcdef0123456789abcdef/DCIM/a.mp4", "DCIM/a.mp4"),
        ("/srv/w/models/a.pt", "models/a.pt"),
        ("/elsewhere/a.mp4", "/elsewhere/a.mp4"),
    ],
)
def test_a_page_names_files_as_people_know_them(path: str, shown: str) -> None:
    kept = problem(RoadDamageError("{path}", path=Path(path)), Path("/srv/w"))
    assert told(kept, str) == shown


def test_a_reason_is_told_in_the_readers_language() -> None:
    error = RoadDamageError(
        "{path}: {reason}", path="a.mp4", reason="Invalid data found when processing input"
    )
    assert "Invalid" not in error.message(translation("ja"))
    assert "Invalid" not in told(problem(error), translation("ja"))
    assert RoadDamageError(reason="made up").message(translation("ja")) == "made up"
