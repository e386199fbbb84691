"""The map page: damages, segments, hot spots, streets and their change in one file that needs nothing else."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from urllib.parse import quote

import folium
import numpy as np
import shapely

from detector.classes import CLASSES, SEVERITIES
from detector.errors import N_, Translate
from maps.basemap_layer import BaseMap, Drawn, add_basemap
from maps.columns import pack
from maps.damage import Damage
from maps.damage_layer import ALL_VIEWS, CLASS_NAME, OF_PIECES, About, DamageLayer
from maps.decided import decided_so_far
from maps.exports import EVIDENCE, Driven
from maps.map_data import DAY_S, Clock, map_columns
from maps.offline import OfflineFigure
from maps.pictures import inside
from maps.placing import Placed, place
from maps.segment_data import segment_columns
from maps.streets import streets
from maps.tables import COLUMNS, Tables

MOST_DAMAGES = 100_000
"""A page with its data inside holds so many; beyond that the least grave are left out, and it says so."""
MOST_SEGMENTS = 250_000
"""A page holds so many of 20 m; beyond that it has those of 100 m alone, and it says so."""
LEFT_OUT = N_("This page holds segments of 100 m only: there are {count} of 20 m. The lists have them all.")
STRAYS_NAMED = 200


def write_map(
    path: Path,
    damages: Sequence[Damage] | None,
    driven: Sequence[Driven],
    evidence: Path,
    *,
    zone: tzinfo,
    language: str,
    translate: Translate,
    within: shapely.Geometry | None = None,
    basemap: BaseMap | None = None,
    most: int = MOST_DAMAGES,
    tables: Tables | None = None,
    keep_left: bool = True,
    later_utc_s: float = math.inf,
) -> Drawn:
    """Write the page. `evidence` is the folder the pictures are read from; damages None: ways alone.

    With `tables` it shows segments and hot spots too, where these are among them. Their lines run as traffic does:
    where two lie on the same ground each is drawn to the side that traffic keeps.

    The page looks for what pictures it does not hold in the folder `evidence` beside it. `within` is the
    municipality's ground (EPSG:4326): what lies outside is listed, not drawn. Tells what of the base map is in the
    page. Drives since `later_utc_s` are of the later of two surveys, and change begins as between these. Raises OSError
    where the page can't be written.
    """
    _ = translate
    figure = OfflineFigure(_("Road damage map"), language)
    page = new_map()
    figure.add_child(page)
    ways = [way for drive in driven for way in (*drive.ways, *drive.unseen)]
    drawn = add_basemap(figure, page, basemap, ways, _("Base map")) if basemap else Drawn()
    along = streets(driven)
    placed = place(damages or [], along, within)
    kept, notices = _kept(damages or [], placed, most, _)
    pieces, left_out = _pieces(tables, _) if tables else ({}, [])
    about = About(
        title=_("Road damage map") if damages is not None else _("Ways driven"),
        facts=_facts(damages, driven, zone, _),
        notices=[*notices, *left_out],
        strays=_strays(damages or [], placed, _),
        areas=placed.areas,
        views=[view for view in ALL_VIEWS if _shows(view, damages, pieces)],
        evidence=quote(EVIDENCE) + "/",
        later_day=Clock(zone).local_s(later_utc_s) // DAY_S,
        pictures=inside(kept, evidence),
    )
    data = pack(*map_columns(kept, driven, along, zone))
    page.add_child(DamageLayer(data, about, _, pieces=pieces, keep_left=keep_left))
    if basemap:
        folium.LayerControl(position="topleft", collapsed=False).add_to(page)
    path.write_text(figure.render(), encoding="utf-8", errors="backslashreplace")
    return drawn


def new_map() -> folium.Map:
    """An empty map as all our pages have it; base map layers are added to it before the damages."""
    return folium.Map(tiles=None, maxZoom=21, minZoom=3, zoomSnap=0.5)


def _shows(view: str, damages: Sequence[Damage] | None, pieces: Mapping[str, str]) -> bool:
    return view in pieces if view in OF_PIECES else view == "coverage" or damages is not None


def _pieces(tables: Tables, _: Translate) -> tuple[dict[str, str], list[str]]:
    """The packs of the views of pieces, and what the page has to say of what it leaves out."""
    known, pieces, notices = tables.tables, dict[str, str](), list(tables.notes)
    if "segments_100m" in known:
        lengths = [known[name] for name in ("segments_100m", "segments_20m") if name in known]
        if len(lengths[-1]) > MOST_SEGMENTS:
            notices.append(_(LEFT_OUT).format(count=f"{len(lengths.pop()):,}"))
        pieces["condition"] = pack(*segment_columns(lengths, COLUMNS["segments_100m"]))
    if "hot_spots" in known:
        pieces["hot_spots"] = pack(*segment_columns([known["hot_spots"]], COLUMNS["hot_spots"]))
    return pieces, notices


def _kept(
    damages: Sequence[Damage], placed: Placed, most: int, _: Translate
) -> tuple[list[Damage], list[str]]:
    """The damages that the page holds, by number, and what it has to say of those that it does not."""
    on_map = [damage for damage, there in zip(damages, placed.on_map, strict=True) if there]
    if len(on_map) <= most:
        return on_map, []
    ranked = sorted(on_map, key=lambda one: (-one.severity, -_known(one.confidence), one.number))
    left_out = Counter(one.severity for one in ranked[most:])
    counts = ", ".join(f"{_(SEVERITIES[size])} {left_out[size]:,}" for size in sorted(left_out, reverse=True))
    told = _(
        "This page holds the {most} gravest damages (by severity, then confidence). {count} are left out, also of"
        " all counts and rates: {counts}. The lists have them all."
    )
    kept = sorted(ranked[:most], key=lambda one: one.number)
    return kept, [told.format(most=f"{most:,}", count=f"{len(ranked) - most:,}", counts=counts)]


def _known(share: float) -> float:
    return share if np.isfinite(share) else 0.0


def _strays(damages: Sequence[Damage], placed: Placed, _: Translate) -> list[str]:
    """A line for each damage that is nowhere near, and one for those that are too many."""
    strays = [damage for damage, there in zip(damages, placed.on_map, strict=True) if not there]
    told = []
    for damage in strays[:STRAYS_NAMED]:
        kind = CLASSES[damage.class_id]
        name = _(CLASS_NAME).format(name=_(kind.name), code=kind.code)
        drives = ", ".join(sorted({seen.drive for seen in damage.sightings}))
        told.append(f"#{damage.number} {name}: {damage.lat:.6f}, {damage.lon:.6f} ({drives})")
    if len(strays) > len(told):
        told.append(_("and {count} more: see the lists").format(count=len(strays) - len(told)))
    return told


def _facts(
    damages: Sequence[Damage] | None, driven: Sequence[Driven], zone: tzinfo, _: Translate
) -> list[str]:
    metres = sum(drive.metres for drive in driven)
    days = sorted(_day(d.begin_utc_s, zone) for d in driven if d.begin_utc_s is not None)
    km = f"{metres / 1000:.2f}"
    if damages is None:
        facts = _("{km} km driven").format(km=km)
    elif damages:
        facts = _("Damages: {damages}, on {km} km driven").format(damages=f"{len(damages):,}", km=km)
    else:
        facts = _("No damage was found on {km} km driven").format(km=km)
    when = " – ".join(dict.fromkeys((days[0], days[-1]))) if days else ""
    lines = [facts, when]
    if damages is not None:
        lines.append(decided_so_far(sum(bool(one.decided) for one in damages), len(damages), _))
    return [line for line in lines if line]


def _day(utc_s: float, zone: tzinfo) -> str:
    return datetime.fromtimestamp(utc_s, UTC).astimezone(zone).strftime("%Y-%m-%d")
