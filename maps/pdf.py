"""HTML as a PDF: WeasyPrint with our own font, and with no way to any other file or to a network."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from PIL import ImageFile

from detector.errors import N_, RoadDamageError

TALKATIVE = ("weasyprint", "fontTools", "matplotlib")


class PdfError(RoadDamageError):
    """No PDF can be made on this computer."""


def font_file() -> Path:
    """IPAexGothic, for every text on paper. Found without importing its package, which would change matplotlib."""
    return Path(str(distribution("matplotlib-fontja").locate_file("matplotlib_fontja/fonts/ipaexg.ttf")))


def weasyprint() -> Any:
    """WeasyPrint, whose libraries the system has to have. Raises PdfError where it lacks them."""
    truncated = ImageFile.LOAD_TRUNCATED_IMAGES
    try:
        with redirect_stdout(io.StringIO()):  # where it tells of a missing library
            import weasyprint as library
    except OSError as error:
        raise PdfError(
            N_(
                "A PDF report needs the library Pango, which is not on this computer ({reason})."
                " Install it (Debian, Ubuntu: apt-get install libpango-1.0-0 libpangoft2-1.0-0"
                " libharfbuzz-subset0), or do without the report."
            ),
            reason=str(error).splitlines()[0],
        ) from error
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = truncated  # which it sets for the whole program
    return library


def write_pdf(path: Path, html: str) -> None:
    """Lay out a page of HTML and write it as a PDF.

    Nothing is read but data: addresses and our font; what asks for more is left out. Raises OSError where the file
    can't be written, PdfError.
    """
    library = weasyprint()
    with quiet():
        content: bytes = library.HTML(string=html, url_fetcher=_fetcher(library)).write_pdf()
    path.write_bytes(content)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what the libraries log of their own doings off the user's screen."""
    loggers = [logging.getLogger(name) for name in TALKATIVE]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _fetcher(library: Any) -> object:
    ours = font_file().as_uri()

    class OnlyOurs(library.urls.URLFetcher):  # type: ignore[misc]
        """Fetches what came with the HTML, and the font."""

        def fetch(self, url: str, headers: dict[str, str] | None = None) -> Any:
            if not url.startswith("data:") and url != ours:
                raise ValueError(f"not fetched: {url}")
            return super().fetch(url, headers)

    return OnlyOurs()
