"""The languages of the application: gettext catalogues in `locale/`, English as written."""

from __future__ import annotations

import gettext
import os
from pathlib import Path

from detector.errors import Translate

LOCALE = Path(__file__).parent / "locale"
DOMAIN = "roaddamage"
LANGUAGES = ("ja", "en")


def preferred_language() -> str:
    """Japanese where the terminal's locale is Japanese, else English."""
    names = (os.environ.get(name, "") for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    return "ja" if next((name for name in names if name), "").startswith("ja") else "en"


def translation(language: str) -> Translate:
    """The function that gives a message in a language of `LANGUAGES`."""
    return gettext.translation(DOMAIN, LOCALE, [language], fallback=language == "en").gettext
