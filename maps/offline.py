"""A folium figure that needs no network: every script and style is carried, inlined, and checked.

Folium and its plugins name their assets by CDN address. `OfflineFigure` swaps each for the file
that stands in `maps/assets` (or comes with folium), leaves out those listed as not needed, and
raises for anything else when the page is built, so that no page can quietly ask the internet.
"""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

from branca.element import CssLink, Element, Figure, JavascriptLink

ASSETS = Path(__file__).parent / "assets"

CARRIED: dict[str, Path] = {
    "leaflet.js": ASSETS / "leaflet" / "leaflet.js",
    "leaflet.css": ASSETS / "leaflet" / "leaflet.css",
    **{
        f"roaddamage-{file.name}": file
        for file in sorted((ASSETS / "roaddamage").iterdir())
        if file.suffix in (".js", ".css")
    },
    "pmtiles.js": ASSETS / "pmtiles" / "pmtiles.js",
    "protomaps-leaflet.js": ASSETS / "protomaps-leaflet" / "protomaps-leaflet.js",
    "basemap.js": ASSETS.parent / "basemap.js",
}
"""File name at the end of an asset's address → the file carried for it."""

NOT_NEEDED = frozenset(
    (
        "jquery-3.7.1.min.js", "bootstrap.bundle.min.js", "bootstrap.min.css",
        "bootstrap-glyphicons.css", "all.min.css", "leaflet.awesome-markers.js",
        "leaflet.awesome-markers.css", "leaflet.awesome.rotate.min.css",
    )
)  # fmt: skip
"""Folium's defaults for its own popups and icons, which our pages do not use."""

POLICY = {
    "default-src": ("'none'",),
    "script-src": ("'unsafe-inline'",),
    "style-src": ("'unsafe-inline'",),
    "img-src": ("data:", "'self'"),
    "base-uri": ("'none'",),
    "form-action": ("'none'",),
}
"""Content-Security-Policy of every page, by directive; `OfflineFigure.allow` adds to it.

Pictures may lie beside the page."""


class MissingAssetError(LookupError):
    """A page asks for an asset that is not carried; add it to `CARRIED` and `maps/assets`."""


class OfflineFigure(Figure):
    """A page in one file: `language` is its HTML `lang`, `title` its title."""

    def __init__(self, title: str, language: str) -> None:
        super().__init__(title=title)
        self.language = language
        self.policy = {directive: list(sources) for directive, sources in POLICY.items()}

    def allow(self, directive: str, source: str) -> None:
        """Let the page ask `source` (an origin, or a scheme) for what `directive` is about."""
        allowed = self.policy.setdefault(directive, [])
        if source not in allowed:
            allowed.append(source)

    def render(self, **kwargs: Any) -> str:
        """The whole page. Raises MissingAssetError for anything not carried."""
        for child in list(self._children.values()):
            child.render(**kwargs)
        policy = "; ".join(" ".join((directive, *sources)) for directive, sources in self.policy.items())
        policy = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        policy += '<link rel="icon" href="data:,">'  # else browsers ask the server for one
        self.header.add_child(Element(policy), name="policy", index=0)
        for name, element in list(self.header._children.items()):
            if isinstance(element, (JavascriptLink, CssLink)):
                self.header._children[name] = _inlined(element)
        page: str = self._template.render(this=self, kwargs=kwargs)
        page = page.replace("<html>", f'<html lang="{self.language}">', 1)
        left = re.findall(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=[\"'](?!data:)[^\"']+", page)
        if left:
            raise MissingAssetError(f"references left in the page: {left[:3]}")
        return page


class _Verbatim(Element):
    """Text that goes into the page as it is, not read as a template."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def render(self, **kwargs: Any) -> str:
        return self._text


def _inlined(link: JavascriptLink | CssLink) -> _Verbatim:
    file_name = link.url.rsplit("/", 1)[-1]
    if file_name in NOT_NEEDED:
        return _Verbatim("")
    path = CARRIED.get(file_name)
    if path is None:
        raise MissingAssetError(f"{link.url} is not carried in {ASSETS}")
    text = path.read_text("utf-8")
    if isinstance(link, CssLink):
        return _Verbatim(f"<style>{_css_with_pictures(text, path.parent)}</style>")
    text = re.sub(r"(?m)^//# sourceMappingURL=.*$", "", text)
    return _Verbatim("<script>" + re.sub(r"</(?=script)", r"<\\/", text, flags=re.I) + "</script>")


def _css_with_pictures(text: str, folder: Path) -> str:
    """The style sheet with its pictures inside; what is not carried becomes none."""

    def inline(match: re.Match[str]) -> str:
        file = folder / Path(match[1].strip("'\"")).name
        return f"url({data_uri(file)})" if file.is_file() else "none"

    return re.sub(r"url\(([^)#]+)\)", inline, text)


def data_uri(path: Path) -> str:
    """A PNG or JPEG as a data: address."""
    kind = "png" if path.suffix == ".png" else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"
