"""Damages as a folium element: one cluster for all, one layer a class, popups built as text nodes.

The rows travel as JSON and every word of them is put in the page by `textContent`, so that nothing
in the data can become markup. Row: [lat, lon, severity, error_m, title, [[label, value], ...],
picture (data: address or ""), link].
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from folium.elements import JSCSSMixin
from folium.map import Layer
from folium.template import Template
from markupsafe import Markup

RADIUS_PX = (6, 9, 12)
"""Radius of a point for small, medium and large."""


class DamageCluster(JSCSSMixin, Layer):
    """The cluster that holds the damages of all classes; shows a ring of their colours."""

    _template = Template(
        """
        {% macro header(this, kwargs) %}
        <style>
        .damage-cluster { border-radius: 50%; display: flex; align-items: center;
            justify-content: center; box-shadow: 0 1px 4px rgba(0,0,0,.45); }
        .damage-cluster span { background: #fff; border-radius: 50%; width: 70%; height: 70%;
            display: flex; align-items: center; justify-content: center;
            font: 600 13px/1 system-ui, sans-serif; color: #222; }
        .damage { font: 13px/1.45 system-ui, "Noto Sans JP", "Yu Gothic", "Meiryo", sans-serif; }
        .damage h3 { margin: 0 0 6px; font-size: 15px; }
        .damage img { width: 100%; display: block; margin-bottom: 6px; background: #ddd; }
        .damage table { border-collapse: collapse; width: 100%; }
        .damage th { text-align: left; font-weight: 400; color: #555; padding: 1px 10px 1px 0;
            white-space: nowrap; vertical-align: top; }
        .damage td { padding: 1px 0; }
        </style>
        {% endmacro %}
        {% macro script(this, kwargs) %}
        var {{ this.get_name() }} = L.markerClusterGroup({
            maxClusterRadius: 36, disableClusteringAtZoom: 19, spiderfyOnMaxZoom: false,
            showCoverageOnHover: false, chunkedLoading: true,
            iconCreateFunction: function (cluster) {
                var counts = {}, children = cluster.getAllChildMarkers(), n = children.length;
                children.forEach(function (m) {
                    counts[m.options.fillColor] = (counts[m.options.fillColor] || 0) + 1;
                });
                var from = 0, ring = Object.keys(counts).sort().map(function (colour) {
                    var part = colour + ' ' + from + 'turn ' + (from += counts[colour] / n) + 'turn';
                    return part;
                }).join(',');
                var size = n < 10 ? 34 : n < 100 ? 40 : 48;
                var ball = document.createElement('div');
                ball.className = 'damage-cluster';
                ball.style.cssText = 'width:' + size + 'px;height:' + size + 'px;' +
                    'background:conic-gradient(' + ring + ')';
                ball.appendChild(document.createElement('span')).textContent = n;
                return L.divIcon({html: ball, className: '', iconSize: [size, size]});
            }
        });
        function damagePopup(row, point) {
            var box = document.createElement('div');
            box.className = 'damage';
            box.appendChild(document.createElement('h3')).textContent = row[4];
            if (row[6]) {
                var picture = document.createElement('img');
                picture.src = row[6];
                picture.alt = row[4];
                picture.onload = function () { point.getPopup().update(); };
                box.appendChild(picture);
            }
            var table = box.appendChild(document.createElement('table'));
            row[5].forEach(function (pair) {
                var line = table.insertRow();
                line.appendChild(document.createElement('th')).textContent = pair[0];
                line.insertCell().textContent = pair[1];
            });
            if (row[7]) {
                var link = box.appendChild(document.createElement('a'));
                link.href = row[7];
                link.target = '_blank';
                link.rel = 'noopener';
                link.textContent = {{ this.link_text|tojson }};
            }
            return box;
        }
        function damagePoints(rows, colour, map) {
            var circle = null;
            return rows.map(function (row) {
                var point = L.circleMarker([row[0], row[1]], {
                    radius: {{ this.radius_px|tojson }}[row[2]], color: '#fff', weight: 2,
                    fillColor: colour, fillOpacity: 0.95
                });
                point.bindTooltip(function () {
                    var text = document.createElement('span');
                    text.textContent = row[4];
                    return text;
                });
                point.bindPopup(function () { return damagePopup(row, point); },
                    {minWidth: 300, maxWidth: Math.min(340, window.innerWidth - 60)});
                point.on('popupopen', function () {
                    circle = L.circle([row[0], row[1]], {radius: row[3], color: colour, weight: 1.5,
                        dashArray: '5 4', fillOpacity: 0.08, interactive: false}).addTo(map);
                });
                point.on('popupclose', function () { if (circle) { circle.remove(); circle = null; } });
                return point;
            });
        }
        {% endmacro %}
        """
    )
    default_js = [("markercluster", "leaflet.markercluster.js")]
    default_css = [("markercluster_css", "MarkerCluster.css")]

    def __init__(self, link_text: str) -> None:
        super().__init__(control=False)
        self._name = "DamageCluster"
        self.link_text = link_text
        self.radius_px = RADIUS_PX


class DamageLayer(JSCSSMixin, Layer):
    """One class's damages inside the cluster, to be switched on and off."""

    _template = Template(
        """
        {% macro script(this, kwargs) %}
        var {{ this.get_name() }} = L.featureGroup.subGroup({{ this.cluster.get_name() }},
            damagePoints({{ this.rows }}, {{ this.colour|tojson }}, {{ this._parent.get_name() }}));
        {% endmacro %}
        """
    )
    default_js = [("subgroup", "leaflet.featuregroup.subgroup.js")]

    def __init__(self, cluster: DamageCluster, rows: Sequence[Sequence[Any]], colour: str, name: str) -> None:
        super().__init__(name=name, overlay=True, control=True, show=True)
        self._name = "DamageLayer"
        self.cluster = cluster
        self.rows = script_json(rows)
        self.colour = colour


def script_json(value: object) -> Markup:
    """JSON that can stand inside a script element whatever it holds."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for letter, escape in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026"),
                           ("\u2028", "\\u2028"), ("\u2029", "\\u2029")):  # fmt: skip
        text = text.replace(letter, escape)
    return Markup(text)  # noqa: S704  (escaped for a script element above)
