"""The command line keeps its promises: quick help, a reference in step, every message translated."""

from __future__ import annotations

import gettext
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from command import roaddamage

from detector.errors import RoadDamageError
from roaddamage.cli import app, localised
from roaddamage.language import DOMAIN, LOCALE, preferred_language, translation

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    "arguments", [["--help"], ["detect", "--help"], ["dataset", "import", "--help"], ["--version"]]
)
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys\n"
        "from roaddamage.__main__ import main\n"
        f"sys.argv[1:] = {arguments!r}\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'ultralytics', 'cv2', 'geopandas', 'folium', 'scipy', 'numpy'} & set(sys.modules)\n"
        "print('HEAVY', sorted(heavy))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "HEAVY []" in done.stdout


def test_help_speaks_the_terminal_s_language() -> None:
    japanese = roaddamage("detect", "--help", env={"LC_ALL": "ja_JP.UTF-8"}).stdout
    assert "映像ファイル" in japanese
    assert "Video files" not in japanese


@pytest.mark.parametrize(
    ("names", "language"),
    [
        ({"LANG": "ja_JP.UTF-8"}, "ja"),
        ({"LANG": "en_GB.UTF-8"}, "en"),
        ({"LC_ALL": "C", "LANG": "ja_JP.UTF-8"}, "en"),
        ({}, "en"),
    ],
)
def test_language_follows_the_locale(
    monkeypatch: pytest.MonkeyPatch, names: dict[str, str], language: str
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in names.items():
        monkeypatch.setenv(name, value)
    assert preferred_language() == language


METHODS = [("**.py", "python"), ("**/jinja2/**.html", "jinja2")]


@cache
def messages() -> set[str]:
    """Every message the code marks for translation."""
    found: set[str] = set()
    for room in ("datasets", "detector", "maps", "roaddamage", "training"):
        keywords = {"_": None, "N_": None, "translate": None}
        for _, _, message, _, _ in extract_from_dir(ROOT / room, METHODS, keywords=keywords):
            found.add(message if isinstance(message, str) else message[0])
    return found


def test_every_message_is_translated_and_none_is_left_over() -> None:
    folder = LOCALE / "ja/LC_MESSAGES"
    with (folder / f"{DOMAIN}.po").open("rb") as file:
        catalogue = {message.id: message.string for message in read_po(file) if message.id}
    assert set(catalogue) == messages()
    assert [key for key, value in catalogue.items() if not value] == []
    with (folder / f"{DOMAIN}.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    assert {key: compiled.gettext(key) for key in catalogue} == catalogue


def test_translated_messages_keep_their_fields() -> None:
    from string import Formatter

    def fields(text: str) -> set[str | None]:
        return {name for _, name, _, _ in Formatter().parse(text)} - {None}

    translate = translation("ja")
    assert [text for text in messages() if fields(text) != fields(translate(text))] == []


def test_an_error_speaks_the_language_it_is_asked_in() -> None:
    error = RoadDamageError("{path} does not exist.", path="x.mp4")
    assert str(error) == "x.mp4 does not exist."
    assert error.message(translation("ja")) == "x.mp4 はありません。"


@pytest.mark.parametrize(
    ("page", "script"), [("cli.md", "write-cli-reference"), ("exports.md", "write-columns")]
)
def test_made_pages_are_what_the_code_says(page: str, script: str) -> None:
    made = subprocess.run([ROOT / "scripts" / script, "-"], capture_output=True, text=True, check=True).stdout
    assert (ROOT / "docs" / page).read_text() == made


def test_every_command_has_its_help_in_japanese() -> None:
    command = typer.main.get_command(app)
    localised(command, translation("ja"))

    def helps(one: Any) -> list[str]:
        return [
            one.help or "",
            *(text for inner in getattr(one, "commands", {}).values() for text in helps(inner)),
        ]

    assert [text[:60] for text in helps(command) if text and not re.search("[ぁ-んァ-ヶ]", text)] == []
