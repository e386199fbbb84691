// The page: one canvas, the panel and the details, put together over a Leaflet map.
'use strict';

(function (rd) {
  const {el} = rd;
  const HIT_PX = 6;
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
      Object.assign(this, {map, config, word: rd.worder(config.words), items: [], pieces: {}, selected: null, street: -1, shownView: config.views[0]});
      const all = rows => new Set(rows.keys()), chosen = config.chosen || {};
      const some = (name, rows) => name in chosen ? new Set(chosen[name]) : all(rows);
      this.state = {
        view: config.views[0], change: {first: null, second: null, kinds: all(rd.CHANGES)},
        filters: {class: some('class', config.classes), severity: some('severity', config.severities),
                  state: some('state', config.states), confidence: 0, from: null, to: null, ...chosen.also},
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
        const pieces = {};
        for (const [view, pack] of Object.entries(config.pieces)) pieces[view] = new rd.Segments(await rd.unpack(pack), config.columns, word);
        delete config.data;
        delete config.pieces;
        this.source = new rd.Inside(damages, config.classes);
        this.ways = new rd.Ways(damages, word);
        if (pieces.condition) this.pieces.condition = new rd.Condition(pieces.condition, config, word);
        if (pieces.hot_spots) this.pieces.hot_spots = new rd.HotSpots(pieces.hot_spots, pieces.condition, config, word);
        days = damages.days;
      } else {
        this.source = new rd.Remote(config.url, config.classes, config.also);
      }
      this.details = new rd.Details(config, word, () => this.close());
      this.panel = new rd.Panel(config, word, this.state, days, {
        changed: () => this.changed(), area: bounds => this.fit(bounds)});
      new ResizeObserver(() => this.keepInSight()).observe(this.details.box);
      this.mini = el('div.rd-mini', {'aria-hidden': 'true'});
      this.shell.append(this.mini, this.panel.box, this.details.box);
      map.getContainer().style.setProperty('--rd-head', this.headHeight() + 'px');
      this.tooltip = L.tooltip({direction: 'top', offset: [0, -8]});
      map.attributionControl.setPrefix('Leaflet');
      map.zoomControl.remove();
      L.control.zoom({zoomInTitle: word('zoom_in'), zoomOutTitle: word('zoom_out')}).addTo(map);
      map.getContainer().setAttribute('aria-label', word('map'));
      map.getContainer().setAttribute('role', 'region');
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
      if (config.opened) await this.open({key: config.opened, number: config.opened}, true);
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

    // What draws lines in this view, tells of them and lists them; undefined where there are none.
    get lines() { return this.pieces[this.state.view] || this.ways; }

    filtered() {
      const {state, config} = this;
      const change = state.view === 'change' && state.change.first !== null ? state.change : null;
      this.comparing = change !== null;
      this.counts = this.source.filter(state.filters, change);
      if (this.ways) this.ways.refresh(state.view, this.source.mask, state.filters);
      this.showsPoints = config.views.length > 0 && (state.view === 'damages' || this.comparing);
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
      const {word, source, counts, state, lines} = this, ofLines = lines ? lines.status() : '';
      if (ofLines) return ofLines;
      if (!counts) return source.total === null ? '' : word('in_view', {count: source.total.toLocaleString()});
      const words = [word('shown', {count: counts.shown.toLocaleString(), total: source.damages.count.toLocaleString()})];
      const {from, to} = state.filters;
      if ((from !== null || to !== null || this.comparing) && source.undated) {
        words.push(word('undated', {count: source.undated.toLocaleString()}));
      }
      return words.join(' ');
    }

    bounds() {
      const b = this.map.getBounds();
      return {west: rd.worldX(b.getWest()), east: rd.worldX(b.getEast()), north: rd.worldY(b.getNorth()), south: rd.worldY(b.getSouth())};
    }

    // --- drawing

    draw(ctx, view) {
      const {config} = this;
      if (this.lines) this.lines.draw(ctx, view, this.street);
      this.items = [];
      if (!this.showsPoints) return;
      const {points, clusters} = this.source.shown(view);
      const colours = (this.comparing ? config.changes : config.classes).map(row => row.colour);
      const place = item => [item.x * view.scale - view.left, item.y * view.scale - view.top];
      points.sort((a, b) => a.severity - b.severity);
      for (const item of points) {
        const [x, y] = place(item), radius = config.radius[item.severity];
        const look = this.comparing ? config.changes[item.kind] : {};
        rd.drawPoint(ctx, x, y, this.comparing ? Math.max(radius, 7) : radius, colours[item.kind], look.sign, look.hollow);
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
      return this.lines ? this.lines.at(rd.worldX(latlng.lng), rd.worldY(latlng.lat), this.canvas.view()) : -1;
    }

    clicked({latlng}) {
      const found = this.at(latlng);
      if (found && found.cluster) {
        this.map.setView([latOf(found.y), lonOf(found.x)], Math.min(this.map.getZoom() + 2, this.map.getMaxZoom()));
      } else if (found) this.open(found.item);
      else {
        const street = this.streetAt(latlng);
        if (street >= 0) this.openStreet(street, this.state.view !== 'condition'); else this.close();
      }
    }

    hovered({latlng}) {
      const found = this.at(latlng), street = found ? -1 : this.streetAt(latlng);
      this.map.getContainer().style.cursor = found || street >= 0 ? 'pointer' : '';
      const text = found ? (found.cluster ? this.word('cluster', {count: found.cluster.count.toLocaleString()}) : this.name(found.item))
        : street >= 0 ? this.lines.name(street) : '';
      if (!text) { this.tooltip.remove(); return; }
      const at = found ? [latOf(found.y), lonOf(found.x)] : latlng;
      this.tooltip.setLatLng(at).setContent(el('span', {}, text)).addTo(this.map);
    }

    name(item) {
      const {config} = this, words = [`#${item.number}`, config.classes[item.class].label, config.severities[item.severity]];
      if (this.comparing) words.push(this.word('change_' + rd.CHANGES[item.kind]));
      return words.join(' · ');
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
      this.bring([record.lat, record.lon], move ? 17 : 0);
    }

    openStreet(i, move) {
      this.selected = null;
      this.street = i;
      this.lines.open(this.details, i);
      const [x, y] = this.lines.middle(i);
      this.bring([latOf(y), lonOf(x)], move ? this.lines.closeUp(i) : 0);
    }

    bring(latlng, least) {
      this.canvas.repaint();
      if (this.map.getZoom() < least) this.map.setView(latlng, least, {animate: false});
      this.opened = latlng;
      this.keepInSight();
    }

    // Moves the map so that what is opened is not under the details, also when these grow by a picture.
    keepInSight() {
      const box = this.details.box.getBoundingClientRect();
      if (!this.opened || !box.height) return;
      const narrow = this.map.getSize().x < NARROW_PX;
      this.map.panInside(this.opened, {paddingTopLeft: [40, 40],
        paddingBottomRight: narrow ? [40, box.height + 40] : [box.width + 40, 40]});
    }

    // Closes the details and goes back to where they were opened from.
    close() {
      if (!this.details.box.hidden) this.panel.focusOn(this.details.opener);
      this.shut();
    }

    shut() {
      this.details.close();
      this.opened = null;
      this.selected = null;
      this.street = -1;
      this.canvas.repaint();
    }

    // --- legend and list

    legend() {
      const {word, lines} = this, rows = lines ? lines.legend() : [];
      if (this.showsPoints) {
        rows.push(el('p.rd-row', {}, el('span.rd-sample', {}, el('span.rd-ring')), el('span', {}, word('error_legend'))));
      }
      return rows.concat((lines ? lines.notes() : []).map(note => el('p.rd-note', {}, note)));
    }

    // What stands over the map where the panel is closed, on a narrow screen.
    shortLegend(legend) {
      const {config, word} = this;
      if (this.comparing) {
        return rd.CHANGES.map((name, kind) => el('p.rd-row', {}, el('span.rd-sample', {}, this.panel.sign(config.changes[kind])), word('change_' + name)));
      }
      if (!this.lines || !this.lines.speak) return [];
      const end = legend.findIndex(row => row.tagName === 'H3');
      return legend.slice(0, end < 0 ? undefined : end).filter(row => row.classList.contains('rd-row')).map(row => row.cloneNode(true));
    }

    entries() {
      const {word, state, lines, source} = this;
      if (lines && lines.speak) {
        const [title, rows] = lines.entries(this.bounds(), rd.Panel.LIST, this.map.getZoom());
        return [title, rows.map(([sample, text, note, i]) => [sample, text, note, () => this.openStreet(i, true)])];
      }
      if (state.view === 'change' && !this.comparing) return ['', []];
      const {items, total} = source.gravest(this.bounds(), rd.Panel.LIST);
      if (source.clusters && source.clusters.length) return [word('list_far'), []];
      const title = word('list', {count: (total || 0).toLocaleString()});
      return [title, items.map(item => {
        const dot = this.comparing ? this.panel.sign(this.config.changes[item.kind]) : rd.colourDot(this.config.classes[item.class].colour);
        const sure = item.confidence === 255 ? '' : `${item.confidence} %`;
        return [dot, this.name(item), sure, () => this.open(item, true)];
      })];
    }
  }

  const lonOf = x => 360 * x - 180;
  const latOf = y => Math.atan(Math.sinh(Math.PI * (1 - 2 * y))) * 180 / Math.PI;
})(window.RoadDamage);
