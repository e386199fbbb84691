"""Texts from data as files can hold them: without control characters or formulas, in an encoding, in so many bytes."""

from __future__ import annotations

import codecs
import re
import unicodedata

UTF_8 = "utf-8-sig"
"""With a byte order mark, so that Excel reads Japanese."""
SHIFT_JIS = "cp932"
"""What Windows means by Shift_JIS: it has Ⅰ, ㎡ and 髙, which the standard's does not."""

NO_TEXT = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML can't hold (XML 1.0, 2.2). Surrogates are bytes of a file's name that are no text."""
FORMULA_BEGINS = tuple("=+-@\t\r\n")
DASHES = str.maketrans("‐‑–—−", "-----")


def printable(text: str) -> str:
    """The text without what no XML file, and so no workbook, can hold."""
    return NO_TEXT.sub("", text)


def is_formula(text: str) -> bool:
    """Whether a spreadsheet could take the text for a formula (OWASP, "CSV injection"), full-width signs too."""
    return _plain(text[:1]).startswith(FORMULA_BEGINS)


def safe_text(text: str) -> str:
    """The text, after a `'` where a spreadsheet could take it for a formula."""
    return f"'{text}" if is_formula(text) else text


def codec(encoding: str) -> str:
    """Python's name of an encoding as people mean it: Shift_JIS is that of Windows, UTF-8 has its mark."""
    name = codecs.lookup(encoding).name
    return {"shift_jis": SHIFT_JIS, "utf-8": UTF_8}.get(name, name)


def encodable(text: str, encoding: str) -> str:
    """The text in characters that the encoding has: m² is m2, what has no likeness "?"."""
    if _fits(text, encoding):
        return text
    return "".join(_likest(one, encoding) for one in unicodedata.normalize("NFC", text))


def cut(text: str, size: int, encoding: str) -> str:
    """As much of the text as fits into so many bytes, in whole characters."""
    return text.encode(encoding)[:size].decode(encoding, "ignore")


def _likest(character: str, encoding: str) -> str:
    return next((one for one in (character, _plain(character)) if _fits(one, encoding)), "?")


def _plain(text: str) -> str:
    """Half-width, on the line and without accents."""
    apart = unicodedata.normalize("NFKD", text.translate(DASHES))
    return "".join(one for one in apart if not unicodedata.combining(one))


def _fits(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
