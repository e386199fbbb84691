// The page: one canvas, the panel and the details, put together over a Leaflet map.
'use strict';

(function (rd) {
  const {el} = rd;
  const TRACK = '#5b6470', UNSEEN = '#c2410c', NOT_DRIVEN = '#9aa1ab';
  const RATES = ['#b9bfc7', '#f0b429', '#ec7a1c', '#d03a1f', '#9b1b30', '#4a0d2b'];
  const AGES = [[7, '#0b3c6f'], [30, '#1f77a8'], [90, '#3fa7a3'], [180, '#a3b545'], [365, '#e0b020'], [Infinity, '#d9691a']];
  const TIMES = [[1, 3], [3, 5], [9, 7], [Infinity, 9]];
  const LEAST_M = 50;
  const HIT_PX = 6;
  const SQUARES_BELOW_ZOOM = 14;
  const NARROW_PX = 701;  // as in map.css

  rd.start = async function (map, config) {
    const page = new Page(map, config);
    try {
      await page.begin();
    } catch (error) {
      page.notice(page.word('broken', {reason: String(error && error.message || error)}));
      throw error;
    }
    return page;
  };

  class Page {
    constructor(map, config) {
      Object.assign(this, {map, config, word: rd.worder(config.words), items: [], selected: null, street: -1, shownView: config.views[0]});
      const all = rows => new Set(rows.keys());
      this.state = {
        view: config.views[0], change: {first: null, second: null, kinds: all(rd.CHANGES)},
        filters: {class: all(config.classes), severity: all(config.severities), state: all(config.states),
                  confidence: 0, from: null, to: null},
      };
      this.shell = el('div.rd-page');
      map.getContainer().parentNode.append(this.shell);
      rd.page = this;
    }

    notice(text) { this.shell.append(el('p.rd-broken.rd-warning', {role: 'alert'}, text)); }

    async begin() {
      const {config, map, word} = this;
      let days = [];
      if (config.data) {
        const damages = new rd.Damages(await rd.unpack(config.data));
        delete config.data;
        this.source = new rd.Inside(damages, config.classes);
        this.streets = new rd.Streets(damages);
        days = damages.days;
      } else {
        this.source = new rd.Remote(config.url, config.classes);
      }
      this.details = new rd.Details(config, word, () => this.close());
      this.panel = new rd.Panel(config, word, this.state, days, {
        changed: () => this.changed(), area: bounds => this.fit(bounds)});
      this.mini = el('div.rd-mini', {'aria-hidden': 'true'});
      this.shell.append(this.mini, this.panel.box, this.details.box);
      map.getContainer().style.setProperty('--rd-head', this.headHeight() + 'px');
      this.tooltip = L.tooltip({direction: 'top', offset: [0, -8]});
      map.attributionControl.setPrefix('Leaflet');
      L.control.scale({imperial: false}).addTo(map);
      if (config.areas.length) this.fit(config.areas[0]);
      else map.setView([36, 138], 5);
      this.filtered();
      this.canvas = new rd.Canvas((ctx, view) => this.draw(ctx, view)).addTo(map);
      map.on('moveend', () => this.moved());
      map.on('click', event => this.clicked(event));
      map.on('mousemove', event => this.hovered(event));
      map.on('mouseout', () => this.tooltip.remove());
      await this.moved();
      this.ready();
    }

    // Says when the first picture stands: the tests and benchmarks/map_page.py wait for it.
    ready() {
      requestAnimationFrame(() => requestAnimationFrame(() => {
        document.documentElement.dataset.ready = String(Math.round(performance.now()));
      }));
    }

    headHeight() { return this.panel.box.querySelector('header').getBoundingClientRect().height; }

    fit([west, south, east, north]) {
      // On a narrow screen the panel lies over the bottom of the map.
      const below = this.map.getSize().x < NARROW_PX ? this.headHeight() : 0;
      this.map.fitBounds([[south, west], [north, east]], {
        paddingTopLeft: [40, 40], paddingBottomRight: [40, 40 + below], maxZoom: 18, animate: false});
    }

    // --- what is shown

    filtered() {
      const {state, config} = this;
      const change = state.view === 'change' && state.change.first !== null ? state.change : null;
      this.counts = this.source.filter(state.filters, change);
      if (this.streets) {
        if (state.view === 'rate') this.rates = this.streets.rates(this.source.mask, LEAST_M);
        if (state.view === 'coverage') this.covered = this.streets.coverage(state.filters.from, state.filters.to);
      }
      this.style = this.look();
      this.showsPoints = config.views.length > 0 && (state.view === 'damages' || change !== null);
    }

    changed() {
      this.filtered();
      if (this.state.view !== this.shownView) this.shut();
      this.shownView = this.state.view;
      if (this.source instanceof rd.Remote) this.moved();
      else this.repaint();
    }

    async moved() {
      try {
        await this.source.refresh(this.map);
        this.shell.querySelectorAll('.rd-broken').forEach(note => note.remove());
      } catch (error) {
        if (error.name === 'AbortError') return;
        if (!this.shell.querySelector('.rd-broken')) this.notice(this.word('no_answer'));
      }
      if (this.source instanceof rd.Remote) this.canvas.repaint();
      this.updatePanel();
      this.drawnAt = performance.now();
    }

    repaint() {
      this.canvas.repaint();
      this.updatePanel();
    }

    updatePanel() {
      if (!this.config.views.length) return;
      const legend = this.legend();
      this.panel.update(this.counts, legend, this.status());
      this.mini.replaceChildren(...this.shortLegend(legend));
      this.panel.entries(...this.entries());
    }

    status() {
      const {word, source, counts, state} = this;
      if (state.view === 'coverage') return this.coveredKm();
      if (!counts) return source.total === null ? '' : word('in_view', {count: source.total.toLocaleString()});
      const words = [word('shown', {count: counts.shown.toLocaleString(), total: source.damages.count.toLocaleString()})];
      const {from, to} = state.filters;
      if ((from !== null || to !== null || state.view === 'change') && source.undated) {
        words.push(word('undated', {count: source.undated.toLocaleString()}));
      }
      return words.join(' ');
    }

    coveredKm() {
      const metres = this.streets.c.line_metres.reduce((sum, m, i) => sum + (this.covered.times[i] ? m : 0), 0);
      return this.word('covered', {km: (metres / 1000).toFixed(2)});
    }

    bounds() {
      const b = this.map.getBounds();
      return {west: rd.worldX(b.getWest()), east: rd.worldX(b.getEast()), north: rd.worldY(b.getNorth()), south: rd.worldY(b.getSouth())};
    }

    colourOf(item) {
      return this.state.view === 'change' ? this.config.changes[item.kind].colour : this.config.classes[item.class].colour;
    }

    // How each stretch is drawn in this view: a function of its place in the list.
    look() {
      const {streets, state} = this;
      if (!streets) return () => null;
      const unseen = {colour: UNSEEN, width: 4, dash: [4, 7], order: 9};
      const dashed = view => i => streets.c.line_unseen[i] ? unseen : view(i);
      if (state.view === 'rate') {
        const steps = this.rateSteps = rateSteps(this.rates.rate);
        this.rateStep = rate => rate ? 1 + steps.filter(bound => rate >= bound).length : 0;
        return dashed(i => {
          const step = this.rateStep(this.rates.rate[i]);
          return {colour: RATES[step], width: step ? 7 : 4, order: step};
        });
      }
      if (state.view === 'coverage') {
        const newest = this.newest = Math.max(...this.source.damages.driveDay, rd.NO_DAY);
        return dashed(i => {
          if (!this.covered.times[i]) return {colour: NOT_DRIVEN, width: 3, dash: [2, 6]};
          const age = this.covered.last[i] === rd.NO_DAY ? null : newest - this.covered.last[i];
          const width = TIMES.find(([most]) => this.covered.times[i] <= most)[1];
          return {colour: age === null ? TRACK : AGES.find(([most]) => age <= most)[1], width, order: age === null ? 0 : 1};
        });
      }
      return dashed(() => ({colour: TRACK + '8c', width: 4}));
    }

    // --- drawing

    draw(ctx, view) {
      const {config, state} = this;
      if (this.streets) this.drawWays(ctx, view);
      if (this.street >= 0) {
        rd.drawStreets(ctx, this.streets, view, i => i === this.street ? {colour: '#111', width: 2} : null);
      }
      this.items = [];
      if (!this.showsPoints) return;
      const {points, clusters} = this.source.shown(view);
      const colours = (state.view === 'change' ? config.changes : config.classes).map(row => row.colour);
      const place = item => [item.x * view.scale - view.left, item.y * view.scale - view.top];
      points.sort((a, b) => a.severity - b.severity);
      for (const item of points) {
        const [x, y] = place(item), radius = config.radius[item.severity];
        const look = state.view === 'change' ? config.changes[item.kind] : {};
        rd.drawPoint(ctx, x, y, state.view === 'change' ? Math.max(radius, 7) : radius, colours[item.kind], look.sign, look.hollow);
        this.items.push({x: item.x, y: item.y, radius, item});
      }
      for (const cluster of clusters) {
        const [x, y] = place(cluster);
        this.items.push({x: cluster.x, y: cluster.y, radius: rd.drawCluster(ctx, x, y, cluster, colours), cluster});
      }
      if (this.selected) {
        this.drawError(ctx, view);
        this.drawRing(ctx, view);
      }
    }

    drawWays(ctx, view) {
      const {streets, state} = this;
      if (state.view === 'rate' && view.zoom < SQUARES_BELOW_ZOOM) {
        const {count} = this.rates, {line_metres: metres, line_unseen: unseen} = streets.c;
        rd.drawSquares(ctx, streets, view, i => unseen[i] ? null : [count[i], metres[i]], rate => RATES[this.rateStep(rate)]);
        return;
      }
      const thin = Math.min(Math.max((view.zoom - 10) / 5, 0.3), 1);
      rd.drawStreets(ctx, streets, view, i => {
        const look = this.style(i);
        return {...look, width: look.width * thin};
      });
    }

    drawError(ctx, view) {
      const {lon, lat, major_m, minor_m, bearing_deg} = this.selected;
      if (major_m === null) return;
      const perMetre = view.scale / (40075016.7 * Math.cos(lat * Math.PI / 180));
      rd.drawEllipse(ctx, rd.worldX(lon) * view.scale - view.left, rd.worldY(lat) * view.scale - view.top,
        major_m * perMetre, (minor_m === null ? major_m : minor_m) * perMetre, bearing_deg,
        this.config.classes[this.selected.class].colour);
    }

    drawRing(ctx, view) {
      const {lon, lat, severity} = this.selected;
      ctx.beginPath();
      ctx.arc(rd.worldX(lon) * view.scale - view.left, rd.worldY(lat) * view.scale - view.top,
        this.config.radius[severity] + 4, 0, 2 * Math.PI);
      ctx.lineWidth = 2.5;
      ctx.strokeStyle = '#111';
      ctx.stroke();
    }

    // --- pointing

    at(latlng) {
      const scale = 256 * 2 ** this.map.getZoom(), x = rd.worldX(latlng.lng), y = rd.worldY(latlng.lat);
      let best = Infinity, found = null;
      for (const one of this.items) {
        const apart = Math.hypot(one.x - x, one.y - y) * scale - one.radius;
        if (apart < HIT_PX && apart < best) { best = apart; found = one; }
      }
      return found;
    }

    streetAt(latlng) {
      if (!this.streets || !['rate', 'coverage'].includes(this.state.view)) return -1;
      const scale = 256 * 2 ** this.map.getZoom();
      return rd.nearestStreet(this.streets, rd.worldX(latlng.lng), rd.worldY(latlng.lat), scale, 10);
    }

    clicked({latlng}) {
      const found = this.at(latlng);
      if (found && found.cluster) {
        this.map.setView([latOf(found.y), lonOf(found.x)], Math.min(this.map.getZoom() + 2, this.map.getMaxZoom()));
      } else if (found) this.open(found.item);
      else {
        const street = this.streetAt(latlng);
        if (street >= 0) this.openStreet(street); else this.close();
      }
    }

    hovered({latlng}) {
      const found = this.at(latlng), street = found ? -1 : this.streetAt(latlng);
      this.map.getContainer().style.cursor = found || street >= 0 ? 'pointer' : '';
      const text = found ? (found.cluster ? this.word('cluster', {count: found.cluster.count.toLocaleString()}) : this.name(found.item))
        : street >= 0 ? this.streetName(street) : '';
      if (!text) { this.tooltip.remove(); return; }
      const at = found ? [latOf(found.y), lonOf(found.x)] : latlng;
      this.tooltip.setLatLng(at).setContent(el('span', {}, text)).addTo(this.map);
    }

    name(item) {
      const {config} = this, words = [`#${item.number}`, config.classes[item.class].label, config.severities[item.severity]];
      if (this.state.view === 'change') words.push(this.word('change_' + rd.CHANGES[item.kind]));
      return words.join(' · ');
    }

    streetName(i) {
      const {word, streets, state} = this;
      if (streets.c.line_unseen[i]) return word('unseen_street');
      if (state.view === 'rate') {
        return word('street_rate', {rate: this.rates.rate[i].toFixed(0), count: this.rates.count[i], metres: streets.c.line_metres[i].toFixed(0)});
      }
      const {times, last} = this.covered;
      return times[i] ? word('street_driven', {times: times[i], day: rd.dayText(last[i]) || word('no_date')}) : word('not_driven_then');
    }

    // --- opening

    async open(item, move) {
      this.street = -1;
      let record;
      try {
        record = await this.source.record(item.key);
      } catch (error) {
        this.details.failed(`#${item.number}`);
        return;
      }
      this.selected = record;
      this.details.damage(record);
      this.bring([record.lat, record.lon], move);
    }

    openStreet(i) {
      const {streets} = this;
      this.selected = null;
      this.street = i;
      const rates = this.rates || streets.rates(this.source.mask, LEAST_M);
      this.details.street({metres: streets.c.line_metres[i], count: rates.count[i], rate: rates.rate[i],
        unseen: Boolean(streets.c.line_unseen[i]), drives: streets.drives(i)});
      const middle = Math.floor((streets.c.line_begin[i] + streets.c.line_begin[i + 1]) / 2);
      this.bring([latOf(streets.y[middle]), lonOf(streets.x[middle])], true);
    }

    // Moves the map so that the place is not under the details.
    bring(latlng, zoom) {
      this.canvas.repaint();
      if (zoom && this.map.getZoom() < 17) this.map.setView(latlng, 17, {animate: false});
      const size = this.map.getSize(), box = this.details.box.getBoundingClientRect();
      const below = size.x < NARROW_PX;
      this.map.panInside(latlng, {paddingTopLeft: [40, 40],
        paddingBottomRight: below ? [40, box.height + 30] : [box.width + 40, 40]});
    }

    // Closes the details and goes back to where they were opened from.
    close() {
      if (!this.details.box.hidden) this.panel.focusOn(this.details.opener);
      this.shut();
    }

    shut() {
      this.details.close();
      this.selected = null;
      this.street = -1;
      this.canvas.repaint();
    }

    // --- legend and list

    legend() {
      const {word, state} = this, rows = [];
      const row = (look, text) => rows.push(el('p.rd-row', {}, el('span.rd-sample', {}, rd.lineSample(look)), el('span', {}, text)));
      if (!this.streets || !this.streets.count) return rows;
      if (state.view === 'rate') {
        const steps = this.rateSteps;
        rows.push(el('h2', {}, word('rate_title')));
        RATES.slice(1, steps.length + 2).map((colour, k) => [colour, k]).reverse().forEach(([colour, k]) => row({colour, width: 7},
          k === steps.length ? word('from', {from: steps[k - 1] || 0}) : k ? word('from_to', {from: steps[k - 1], to: steps[k]}) : word('below', {to: steps[0]})));
        row({colour: RATES[0], width: 4}, word('none'));
      } else if (state.view === 'coverage') {
        rows.push(el('h2', {}, word('last_driven', {day: rd.dayText(this.newest) || '–'})));
        const used = new Set([...this.covered.last].filter((day, i) => this.covered.times[i] && day !== rd.NO_DAY)
          .map(day => AGES.findIndex(([most]) => this.newest - day <= most)));
        AGES.forEach(([most, colour], k) => {
          if (used.has(k)) row({colour, width: 6}, most === Infinity ? word('older', {days: 365}) : word('within_days', {days: most, since: rd.dayText(this.newest - most)}));
        });
        if (this.covered.last.some((day, i) => this.covered.times[i] && day === rd.NO_DAY)) row({colour: TRACK, width: 6}, word('no_date'));
        if (this.covered.times.some((times, i) => !times && !this.streets.c.line_unseen[i])) row({colour: NOT_DRIVEN, width: 3, dash: true}, word('not_driven_then'));
        rows.push(el('h3', {}, word('how_often')));
        TIMES.forEach(([most, width], k) => row({colour: '#1f77a8', width},
          most === Infinity ? word('times_from', {from: TIMES[k - 1][0] + 1}) : word('times', {times: k && most > TIMES[k - 1][0] + 1 ? `${TIMES[k - 1][0] + 1}–${most}` : most})));
      } else row({colour: TRACK, width: 4}, word('driven_street'));
      if (this.streets.c.line_unseen.includes(1)) row({colour: UNSEEN, width: 4, dash: true}, word('unseen_street'));
      if (this.showsPoints) rows.push(el('p.rd-row', {}, el('span.rd-sample', {}, el('span.rd-ring')), el('span', {}, word('error_legend'))));
      if (state.view === 'rate') rows.push(el('p.rd-note', {}, word('rate_note', {metres: LEAST_M})));
      if (state.view === 'rate' && this.rates.beside) rows.push(el('p.rd-note', {}, word('rate_beside', {count: this.rates.beside})));
      if (state.view === 'coverage') rows.push(el('p.rd-note', {}, word('coverage_note')));
      return rows;
    }

    // What stands over the map where the panel is closed, on a narrow screen.
    shortLegend(legend) {
      const {state, config, word} = this;
      if (state.view === 'change') {
        return rd.CHANGES.map((name, kind) => el('p.rd-row', {}, el('span.rd-sample', {}, this.panel.sign(config.changes[kind])), word('change_' + name)));
      }
      if (state.view === 'damages') return [];
      const end = legend.findIndex(row => row.tagName === 'H3');
      return legend.slice(0, end < 0 ? undefined : end).filter(row => row.classList.contains('rd-row')).map(row => row.cloneNode(true));
    }

    entries() {
      const {word, state, streets, source} = this;
      if (state.view === 'rate' || state.view === 'coverage') {
        const rows = [...Array(streets.count).keys()].filter(i => !streets.c.line_unseen[i]);
        const kept = state.view === 'rate' ? rows.filter(i => this.rates.count[i]).sort((a, b) => this.rates.rate[b] - this.rates.rate[a])
          : rows.sort((a, b) => this.covered.last[a] - this.covered.last[b] || this.covered.times[a] - this.covered.times[b]);
        return [word(state.view === 'rate' ? 'worst_streets' : 'longest_ago'), kept.slice(0, rd.Panel.LIST).map(i => [
          rd.lineSample({...this.style(i), width: 6}), this.streetName(i), '', () => this.openStreet(i)])];
      }
      const {items, total} = source.gravest(this.bounds(), rd.Panel.LIST);
      if (source.clusters && source.clusters.length) return [word('list_far'), []];
      const title = word('list', {count: (total || 0).toLocaleString()});
      return [title, items.map(item => {
        const dot = state.view === 'change' ? this.panel.sign(this.config.changes[item.kind]) : rd.colourDot(this.colourOf(item));
        const sure = item.confidence === 255 ? '' : `${item.confidence} %`;
        return [dot, this.name(item), sure, () => this.open(item, true)];
      })];
    }
  }

  const lonOf = x => 360 * x - 180;
  const latOf = y => Math.atan(Math.sinh(Math.PI * (1 - 2 * y))) * 180 / Math.PI;

  // Bounds between five classes, at the quintiles of what is not 0, rounded.
  function rateSteps(rates) {
    const some = Float64Array.from(rates.filter(rate => rate > 0)).sort();
    const round = value => {
      const ten = 10 ** Math.floor(Math.log10(value));
      return [1, 1.5, 2, 3, 5, 7, 10].reduce((a, b) => Math.abs(b * ten - value) < Math.abs(a * ten - value) ? b : a) * ten;
    };
    const steps = [0.2, 0.4, 0.6, 0.8].map(share => some.length ? round(some[Math.floor(share * some.length)]) : 0);
    return [...new Set(steps.filter(step => step > 0))];
  }
})(window.RoadDamage);
