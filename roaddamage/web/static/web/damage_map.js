/* Beside the map: to the list of what it shows, or of what lies in an area drawn over it. */
'use strict';
(function () {
  const at = (id) => document.getElementById(id);
  const bar = at('mapbar'), frame = at('map'), canvas = at('draw');
  const given = JSON.parse(bar.dataset.query), besides = JSON.parse(bar.dataset.besides);
  let mode = '', corners = [], dragging = false;

  const page = () => frame.contentWindow && frame.contentWindow.RoadDamage && frame.contentWindow.RoadDamage.page;
  const fixed = (degrees) => degrees.toFixed(6);
  const day = (days) => new Date(days * 86400000).toISOString().slice(0, 10);

  /* The map's filter as the list's address has it; what is not restricted is left out. */
  function query() {
    const told = new URLSearchParams(), shown = page();
    for (const name of besides) told.set(name, given[name]);
    if (!shown) return told;
    const { filters } = shown.state, all = { class: 'classes', severity: 'severities', state: 'states' };
    for (const [name, table] of Object.entries(all)) {
      if (filters[name].size < shown.config[table].length) told.set(name, [...filters[name]].join(',') || ',');
    }
    if (filters.confidence) told.set('confidence', String(filters.confidence / 100));
    for (const name of ['from', 'to']) if (filters[name] !== null) told.set(name, day(filters[name]));
    return told;
  }

  at('to-list').addEventListener('click', (event) => {
    if (!page()) return;
    const bounds = page().map.getBounds(), told = query();
    told.set('bbox', [bounds.getWest(), bounds.getSouth(), bounds.getEast(), bounds.getNorth()].map(fixed).join(','));
    event.currentTarget.href = bar.dataset.list + '?' + told;
  });

  function begin(chosen) {
    if (!page()) return;
    mode = chosen;
    corners = [];
    const box = canvas.getBoundingClientRect.call(frame);
    canvas.width = box.width;
    canvas.height = box.height;
    canvas.hidden = at('give-up').hidden = false;
    at('hint').textContent = at('hint').dataset[chosen];
    paint();
  }

  function end() {
    mode = '';
    canvas.hidden = at('give-up').hidden = at('finish').hidden = true;
    at('hint').textContent = '';
  }

  function outline() {
    if (mode !== 'rectangle' || corners.length < 2) return corners;
    const [[a, b], [c, d]] = corners;
    return [[a, b], [c, b], [c, d], [a, d]];
  }

  function paint() {
    const ctx = canvas.getContext('2d'), points = outline();
    ctx.clearRect(0, 0, canvas.width, canvas.height);
    ctx.fillStyle = 'rgba(30, 58, 102, 0.16)';
    ctx.strokeStyle = '#1e3a66';
    ctx.lineWidth = 2.5;
    ctx.beginPath();
    points.forEach(([x, y], k) => (k ? ctx.lineTo(x, y) : ctx.moveTo(x, y)));
    if (points.length > 2) ctx.closePath();
    ctx.fill();
    ctx.stroke();
    for (const [x, y] of points) ctx.strokeRect(x - 3, y - 3, 6, 6);
    at('finish').hidden = !mode || points.length < 3 || dragging;
  }

  canvas.addEventListener('pointerdown', (event) => {
    const place = [event.offsetX, event.offsetY];
    if (mode === 'polygon') corners.push(place);
    else {
      corners = [place, place];
      dragging = true;
      canvas.setPointerCapture(event.pointerId);
    }
    paint();
  });
  canvas.addEventListener('pointermove', (event) => {
    if (!dragging) return;
    corners[1] = [event.offsetX, event.offsetY];
    paint();
  });
  canvas.addEventListener('pointerup', () => {
    dragging = false;
    paint();
  });
  document.addEventListener('keydown', (event) => { if (event.key === 'Escape' && mode) end(); });
  at('rectangle').addEventListener('click', () => begin('rectangle'));
  at('polygon').addEventListener('click', () => begin('polygon'));
  at('give-up').addEventListener('click', end);
  at('finish').addEventListener('click', () => {
    const told = query(), { map } = page();
    told.set('area', outline().flatMap((place) => {
      const { lng, lat } = map.containerPointToLatLng(place);
      return [fixed(lng), fixed(lat)];
    }).join(','));
    location.href = bar.dataset.list + '?' + told;
  });
})();
