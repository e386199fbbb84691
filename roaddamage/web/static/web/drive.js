/* A drive's route, the place at a moment of it, and the sliding of its track. */
'use strict';
(() => {
  const route = document.getElementById('route'), moment = document.getElementById('moment');
  const at = (id) => document.getElementById(id);
  const clock = (s) => `${Math.floor(s / 60)}:${(Math.floor(s % 60 * 10) / 10).toFixed(1).padStart(4, '0')}`;

  let basemap = null;
  async function under(map) {
    if (!route.dataset.basemap || !window.roadBasemap) return;
    basemap = basemap || fetch(route.dataset.basemap).then((answer) => (answer.status === 200 ? answer.json() : null)).catch(() => null);
    const told = await basemap;
    if (told) roadBasemap(L.layerGroup().addTo(map), told);
  }
  function mapIn(place, lines) {
    const map = L.map(place, { zoomSnap: 0.5, maxZoom: 21, attributionControl: Boolean(route.dataset.basemap) });
    L.control.scale({ imperial: false }).addTo(map);
    lines.forEach((line) => {
      L.polyline(line, { color: '#ffffff', weight: 8, interactive: false }).addTo(map);
      L.polyline(line, { color: '#17549c', weight: 4, interactive: false }).addTo(map);
    });
    return map;
  }
  const dot = (place, colour, title) => L.circleMarker(place, { radius: 8, color: '#ffffff', weight: 2, fillColor: colour, fillOpacity: 1 })
    .bindTooltip(title);

  let track = [], small = null, here = [];
  if (route && route.dataset.ways && window.L) {
    const lines = JSON.parse(route.dataset.ways).map((line) => line.map(([lon, lat]) => [lat, lon]));
    track = JSON.parse(route.dataset.track);
    const map = mapIn(route, lines), all = lines.flat();
    map.fitBounds(L.latLngBounds(all).pad(0.08));
    dot(all[0], '#00795a', route.dataset.begin).addTo(map);
    dot(all[all.length - 1], '#b3261e', route.dataset.end).addTo(map);
    under(map);
    here.push(dot(all[0], '#f2a900', route.dataset.here).addTo(map));
    if (at('place')) {
      small = mapIn(at('place'), [track.map(([, lon, lat]) => [lat, lon])]);
      small.setView(all[0], 18);
      under(small);
      here.push(dot(all[0], '#f2a900', route.dataset.here).addTo(small));
    }
  }
  if (!moment) return;

  function placeAt(time) {
    let low = 0, high = track.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (track[middle][0] <= time) low = middle; else high = middle;
    }
    const [t0, lon0, lat0] = track[low], [t1, lon1, lat1] = track[high];
    const share = t1 > t0 ? Math.min(Math.max((time - t0) / (t1 - t0), 0), 1) : 0;
    return [lat0 + share * (lat1 - lat0), lon0 + share * (lon1 - lon0)];
  }
  const slide = at('slide'), offset = at('offset'), shift = Number(moment.dataset.shift);
  function place() {
    const time = Number(at('at').value);
    at('at-told').textContent = clock(time);
    at('at').setAttribute('aria-valuetext', clock(time));
    if (slide) at('slide-told').textContent = `${Number(slide.value).toFixed(1)} s`;
    if (!track.length) return;
    const point = placeAt(time - (slide ? Number(slide.value) : 0));
    here.forEach((one) => one.setLatLng(point));
    if (small) small.panTo(point, { animate: false });
  }
  at('at').addEventListener('moved', place);
  if (slide) {
    slide.addEventListener('input', () => {
      offset.value = (shift + Number(slide.value)).toFixed(1);
      place();
    });
    offset.addEventListener('input', () => {
      slide.value = String(Number(offset.value) - shift);
      place();
    });
  }
  place();
})();
