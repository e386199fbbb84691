/* Erase requests: a place chosen on a map, an area drawn on a picture. */
'use strict';
(() => {
  const at = (id) => document.getElementById(id);
  const where = at('where');
  if (where && window.L) {
    const map = L.map(where, { zoomSnap: 0.5, maxZoom: 21, attributionControl: Boolean(where.dataset.basemap) });
    L.control.scale({ imperial: false }).addTo(map);
    if (where.dataset.basemap && window.roadBasemap) {
      roadBasemap(L.layerGroup().addTo(map), { url: where.dataset.basemap, attribution: where.dataset.attribution });
    }
    const lines = JSON.parse(where.dataset.ways).map((line) => line.map(([lon, lat]) => [lat, lon]));
    lines.forEach((line) => L.polyline(line, { color: '#17549c', weight: 4, interactive: false }).addTo(map));
    if (lines.length) map.fitBounds(L.latLngBounds(lines.flat()).pad(0.08));
    else map.setView([36.2, 138.2], 5);
    const circle = L.circle([0, 0], { color: '#b3261e', weight: 2, fillOpacity: 0.2, radius: 1 });
    const dot = L.circleMarker([0, 0], { radius: 5, color: '#ffffff', weight: 2, fillColor: '#b3261e', fillOpacity: 1 });
    const show = () => {
      const known = at('lat').value !== '' && at('lon').value !== '';
      for (const layer of [circle, dot]) {
        if (known) layer.setLatLng([Number(at('lat').value), Number(at('lon').value)]).addTo(map);
        else layer.remove();
      }
      circle.setRadius(Number(at('radius_m').value) || 1);
      return known;
    };
    map.on('click', ({ latlng }) => {
      at('lat').value = latlng.lat.toFixed(6);
      at('lon').value = latlng.wrap().lng.toFixed(6);
      at('damage').value = '';
      show();
    });
    for (const name of ['lat', 'lon', 'radius_m']) at(name).addEventListener('input', show);
    if (show()) map.setView(circle.getLatLng(), 18);
  }

  if (at('all')) {
    at('all').addEventListener('click', () => {
      const boxes = [...at('all').form.querySelectorAll('input[type=checkbox]')], every = boxes.every((box) => box.checked);
      boxes.forEach((box) => { box.checked = !every; });
    });
  }

  // After box.js has looked for stages of its own: this one is drawn on here alone.
  document.addEventListener('DOMContentLoaded', () => {
    const area = at('area'), stage = document.querySelector('.cover');
    if (!area || !stage) return;
    stage.classList.add('stage');
    const [box] = RoadDamageBox.attach(stage.parentElement);
    const picture = stage.querySelector('img');
    if (picture.complete) box.begin();
    else picture.addEventListener('load', () => box.begin(), { once: true });
    // Where nothing is yet, a new area begins.
    box.svg.addEventListener('pointerdown', (event) => {
      if (event.target !== box.svg) return;
      const [x, y] = box.at(event).map((share) => Math.min(share, 0.99));
      box.put([x, y, x + 0.01, y + 0.01]);
      box.held = { corner: '3', from: [x, y], value: [...box.value] };
      box.svg.setPointerCapture(event.pointerId);
      event.preventDefault();
    });
    box.svg.addEventListener('keydown', (event) => {
      if (box.arrow(event.key, event.shiftKey)) event.preventDefault();
    });
    area.form.addEventListener('submit', () => { area.value = box.value.map((share) => share.toFixed(6)).join(','); });
  });
})();
