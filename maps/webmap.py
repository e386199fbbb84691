"""The map page: damages, heat and the driven track in one file that needs nothing else."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from html import escape
from pathlib import Path

import cv2
import folium
import numpy as np
from branca.element import MacroElement
from folium.plugins import HeatMap
from folium.template import Template
from folium.utilities import JsCode

from detector.classes import CLASSES, SEVERITIES
from detector.errors import N_, Translate
from detector.sightings import Sighting
from maps.basemap_layer import BaseMap, Drawn, add_basemap
from maps.damage_layer import RADIUS_PX, DamageCluster, DamageLayer
from maps.exports import EVIDENCE, Driven
from maps.merge import Damage
from maps.offline import OfflineFigure

TRACK_COLOUR = "#5b6470"
UNSEEN_COLOUR = "#c2410c"
PICTURE_WIDTH_PX = 420
PICTURES_BYTES = 12_000_000
"""Pictures go into the page up to this much; beyond it popups link to the evidence folder only."""
HEAT_WEIGHT = (0.15, 0.3, 0.5)
"""Weight of a small, medium and large damage in the heat layer."""
CLASS_NAME = N_("{name} ({code})")


class _Panel(MacroElement):
    """Title and legend, fixed over the map."""

    _template = Template(
        """
        {% macro header(this, kwargs) %}
        <style>
        .leaflet-container { background: #f3f3ef; font-family: system-ui, "Noto Sans JP",
            "Yu Gothic", "Meiryo", sans-serif; }
        .panel { background: rgba(255,255,255,.94); padding: 8px 12px; border-radius: 6px;
            box-shadow: 0 1px 4px rgba(0,0,0,.3); font-size: 13px; line-height: 1.5; }
        .panel h1 { font-size: 15px; margin: 0; }
        .panel p { margin: 0; color: #444; }
        .panel .row { display: flex; align-items: center; gap: 8px; white-space: nowrap; }
        .panel .dot { border-radius: 50%; border: 2px solid #fff; box-shadow: 0 0 0 1px #bbb;
            display: inline-block; box-sizing: content-box; flex: none; }
        .panel .sizes { display: flex; gap: 12px; margin: 4px 0; }
        .panel .line { width: 22px; border-top: 4px solid; flex: none; }
        .panel .ring { width: 16px; height: 16px; border: 1.5px dashed #666; border-radius: 50%;
            margin: 0 3px; flex: none; box-sizing: border-box; }
        .leaflet-container .leaflet-control-layers { font-size: 13px; line-height: 1.7; }
        @media (max-width: 600px) {
            .panel.legend { display: none; }
            .panel.title { position: fixed; left: 0; bottom: 36px; font-size: 12px; padding: 6px 9px; } }
        </style>
        {% endmacro %}
        {% macro script(this, kwargs) %}
        {{ this._parent.get_name() }}.attributionControl.setPrefix('Leaflet');
        L.control.scale({imperial: false}).addTo({{ this._parent.get_name() }});
        {% for corner, kind, body in this.panels %}
        (function () {
            var control = L.control({position: {{ corner|tojson }}});
            control.onAdd = function () {
                var box = L.DomUtil.create('div', {{ ('panel ' + kind)|tojson }});
                box.innerHTML = {{ body|tojson }};
                L.DomEvent.disableClickPropagation(box);
                return box;
            };
            control.addTo({{ this._parent.get_name() }});
        })();
        {% endfor %}
        {% endmacro %}
        """
    )

    def __init__(self, panels: Sequence[tuple[str, str, str]]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._name = "Panel"
        self.panels = panels


def write_map(
    path: Path,
    damages: Sequence[Damage] | None,
    driven: Sequence[Driven],
    evidence: Path,
    *,
    zone: tzinfo,
    language: str,
    translate: Translate,
    basemap: BaseMap | None = None,
) -> Drawn:
    """Write the page. `evidence` is the folder the pictures are read from; damages None: ways alone.

    Tells what of the base map is in it. Raises OSError where the page can't be written.
    """
    _ = translate
    figure = OfflineFigure(_("Road damage map"), language)
    page = folium.Map(tiles=None, prefer_canvas=True, maxZoom=21, minZoom=3, zoomSnap=0.5)
    figure.add_child(page)
    ways = [way for drive in driven for way in (*drive.ways, *drive.unseen)]
    drawn = add_basemap(figure, page, basemap, ways, _("Base map")) if basemap else Drawn()
    _add_ways(page, driven, _)
    if damages is not None:
        _add_damages(page, damages, evidence, zone, _)
    # On a phone the list would lie over the popups; it opens at a touch.
    narrow = JsCode("window.innerWidth < 600")
    folium.LayerControl(collapsed=narrow).add_to(page)  # type: ignore[arg-type]
    panels = [("topleft", "title", _title(damages, driven, zone, _))]
    if damages is not None:
        panels.append(("bottomright", "legend", _legend(any(drive.unseen for drive in driven), _)))
    _Panel(panels).add_to(page)
    _fit(page, damages or [], driven)
    path.write_text(figure.render(), encoding="utf-8")
    return drawn


def _add_ways(page: folium.Map, driven: Sequence[Driven], _: Translate) -> None:
    """The ways driven, where each began, and dashed where the road could not be judged."""
    ways = folium.FeatureGroup(_("Driven track"), overlay=True)
    for drive in driven:
        seen, unseen = ([way[:, ::-1].tolist() for way in some] for some in (drive.ways, drive.unseen))
        if seen:
            folium.PolyLine(seen, color=TRACK_COLOUR, weight=5, opacity=0.55).add_to(ways)
        if unseen:
            folium.PolyLine(unseen, color=UNSEEN_COLOUR, weight=5, dash_array="4 9").add_to(ways)
        for first in [*seen, *unseen][:1]:
            folium.CircleMarker(first[0], 4, color=TRACK_COLOUR, fill=True, fill_opacity=1).add_to(ways)
    ways.add_to(page)


def _add_damages(
    page: folium.Map, damages: Sequence[Damage], evidence: Path, zone: tzinfo, _: Translate
) -> None:
    """The cluster, a layer for each class, and the heat."""
    cluster = DamageCluster(_("Open the evidence picture"))
    page.add_child(cluster)
    pictures = _pictures(damages, evidence)
    for class_id, row in enumerate(CLASSES):
        mine = [damage for damage in damages if damage.class_id == class_id]
        rows = [_row(damage, pictures.get(damage.number, ""), zone, _) for damage in mine]
        name = _(CLASS_NAME).format(name=_(row.name), code=row.code)
        dot = f'<span style="color:{row.colour}">&#9679;</span> {escape(name)}: {len(mine)}'
        DamageLayer(cluster, rows, row.colour, dot).add_to(page)
    heat = [(d.lat, d.lon, HEAT_WEIGHT[d.severity]) for d in damages]
    # In a group of its own the layer control leaves it alone beyond the zoom it is scaled to.
    warmth = folium.FeatureGroup(_("Heat (by severity)"), overlay=True, show=False).add_to(page)
    HeatMap(heat, radius=24, blur=18, max_zoom=1, min_opacity=0.25).add_to(warmth)


def _fit(page: folium.Map, damages: Sequence[Damage], driven: Sequence[Driven]) -> None:
    points = [way for drive in driven for way in (*drive.ways, *drive.unseen)] + [
        np.array([[d.lon, d.lat]]) for d in damages
    ]
    if points:
        both = np.vstack(points)
        low, high = both.min(0), both.max(0)
        page.fit_bounds([low[::-1].tolist(), high[::-1].tolist()], padding=(40, 40), max_zoom=19)


def _pictures(damages: Sequence[Damage], evidence: Path) -> dict[int, str]:
    """Evidence as data: addresses by damage number, the gravest first, within `PICTURES_BYTES`."""
    pictures, room = {}, PICTURES_BYTES
    for damage in sorted(damages, key=lambda d: (-d.severity, -d.confidence)):
        image = cv2.imread(str(evidence / damage.best.evidence))
        if image is None:
            continue
        height = round(image.shape[0] * PICTURE_WIDTH_PX / image.shape[1])
        small = cv2.resize(image, (PICTURE_WIDTH_PX, height), interpolation=cv2.INTER_AREA)
        data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 72])[1].tobytes()
        room -= len(data) * 4 // 3
        if room < 0:
            break
        pictures[damage.number] = "data:image/jpeg;base64," + base64.b64encode(data).decode()
    return pictures


def _row(damage: Damage, picture: str, zone: tzinfo, _: Translate) -> list[object]:
    """A damage as `maps.damage_layer` wants it."""
    best = damage.best
    name = _(CLASS_NAME).format(name=_(CLASSES[damage.class_id].name), code=CLASSES[damage.class_id].code)
    title = f"#{damage.number} {name} – {_(SEVERITIES[damage.severity])}"
    facts = [
        [_("Size"), _size(best, _)],
        [_("Confidence"), f"{damage.confidence:.0%}"],
        [_("Position error"), _("± {metres} m (95 %)").format(metres=f"{damage.error_m:.0f}")],
        [_("Seen"), _when(best.utc_s, zone, _)],
        [_("In the video"), _("{drive}, at {time}").format(drive=best.drive, time=_clock(best.time_s))],
        [_("Sightings"), _("drives: {count}, frames: {frames}").format(
            count=len({s.drive for s in damage.sightings}), frames=sum(s.frames for s in damage.sightings))],
        [_("Latitude, longitude"), f"{damage.lat:.6f}, {damage.lon:.6f}"],
    ]  # fmt: skip
    if damage.passes > 1:
        seen = len({s.drive for s in damage.sightings})
        told = _("seen in {seen} of {passes} passes: {state} ({probability})")
        told = told.format(
            seen=seen,
            passes=damage.passes,
            state=_(damage.state),
            probability=f"{min(damage.still_there, 0.99):.0%}",
        )
        facts.append([_("Passes"), told])
    if best.area_m2 is not None and best.area_sd_m2 is not None:
        area, area_sd = _stated(best.area_m2, best.area_sd_m2)
        facts.insert(1, [_("Area"), f"{area} ± {area_sd} m²"])
    if damage.growth is not None and damage.growth.sure:
        rate, rate_sd = _stated(damage.growth.m2_a_year, damage.growth.sd_m2_a_year)
        growing = _("{rate} ± {rate_sd} m² a year").format(rate=rate, rate_sd=rate_sd)
        facts.append([_("Growing"), growing])
    link = f"{EVIDENCE}/{best.evidence}"
    place = [round(damage.lat, 7), round(damage.lon, 7)]
    return [*place, damage.severity, round(damage.error_m, 1), title, facts, picture, link]


def _size(seen: Sighting, _: Translate) -> str:
    (length, length_sd), (width, width_sd) = (
        _stated(seen.length_m, seen.length_sd_m),
        _stated(seen.width_m, seen.width_sd_m),
    )
    return _("{length} ± {length_sd} m long, {width} ± {width_sd} m wide").format(
        length=length, length_sd=length_sd, width=width, width_sd=width_sd
    )


def _stated(value: float, sd: float) -> tuple[str, str]:
    """A measure and its error, to as many places as the error has something to say in."""
    places = 1 if sd >= 0.095 else 2
    return f"{value:.{places}f}", f"{max(sd, 0.01):.{places}f}"


def _clock(time_s: float) -> str:
    tenths = round(time_s * 10)
    return f"{tenths // 600}:{tenths % 600 / 10:04.1f}"


def _when(utc_s: float | None, zone: tzinfo, _: Translate) -> str:
    if utc_s is None:
        return _("time unknown")
    return datetime.fromtimestamp(utc_s, UTC).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")


def _title(damages: Sequence[Damage] | None, driven: Sequence[Driven], zone: tzinfo, _: Translate) -> str:
    metres = sum(drive.metres for drive in driven)
    days = sorted({_when(d.begin_utc_s, zone, _)[:10] for d in driven if d.begin_utc_s is not None})
    km = f"{metres / 1000:.2f}"
    if damages is None:
        facts = _("{km} km driven").format(km=km)
    elif damages:
        facts = _("{damages} damages on {km} km driven").format(damages=len(damages), km=km)
    else:
        facts = _("No damage was found on {km} km driven").format(km=km)
    when = " – ".join(dict.fromkeys((days[0], days[-1]))) if days else ""
    lines = [facts, when]
    if damages is not None:
        lines.append(_("Proposals of a model; a person decides."))
    heading = _("Road damage map") if damages is not None else _("Ways driven")
    return f"<h1>{escape(heading)}</h1>" + "".join(f"<p>{escape(line)}</p>" for line in lines if line)


def _legend(some_unseen: bool, _: Translate) -> str:
    sizes = "".join(
        f'<span class="row"><span class="dot" style="width:{2 * radius - 2}px;height:{2 * radius - 2}px;'
        f'background:#777"></span>{escape(_(name))}</span>'
        for radius, name in zip(RADIUS_PX, SEVERITIES, strict=True)
    )
    classes = "".join(
        f'<div class="row"><span class="dot" style="width:12px;height:12px;background:{row.colour}">'
        f"</span>{escape(_(CLASS_NAME).format(name=_(row.name), code=row.code))}</div>"
        for row in CLASSES
    )
    track, error = _("Driven track"), _("Position error, shown for the damage clicked")
    words = escape(_("Driven, could not be judged"))
    unseen = (
        f'<div class="row"><span class="line" style="border-color:{UNSEEN_COLOUR};border-top-style:dashed">'
        f"</span>{words}</div>"
        if some_unseen
        else ""
    )
    return (
        f'{classes}<div class="sizes">{sizes}</div>'
        f'<div class="row"><span class="line" style="border-color:{TRACK_COLOUR}"></span>'
        f"{escape(track)}</div>{unseen}"
        f'<div class="row"><span class="ring"></span>'
        f"{escape(error)}</div>"
    )
