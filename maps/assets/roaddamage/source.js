// Where damages come from: inside the page, or a URL that is asked for what the map shows.
// Both give points as {x, y, kind, severity, class, key} and clusters as {x, y, count, kinds}.
'use strict';

(function (rd) {
  rd.Inside = class {
    constructor(damages, classes) {
      this.damages = damages;
      this.classes = classes;
      this.mask = new Uint8Array(damages.count);
      this.kind = damages.c.class;
      this.kinds = classes.length;
      this.undated = 0;
      for (let i = 0; i < damages.count; i++) if (!damages.isDated(i)) this.undated++;
      this._changes = {};
    }

    // Holds every damage against the filter; counts, for each choice, what it would show.
    filter(filters, change) {
      const {c, count} = this.damages, {from, to} = filters;
      const dated = from !== null || to !== null;
      const kinds = change ? this.changes(change.first, change.second) : null;
      this.kind = kinds || c.class;
      this.kinds = kinds ? rd.CHANGES.length : this.classes.length;
      const zeros = length => new Array(length).fill(0);
      const counts = {class: zeros(this.classes.length), severity: zeros(8), state: zeros(8),
                      change: zeros(rd.CHANGES.length), shown: 0};
      const fits = Object.fromEntries(['class', 'severity', 'state'].map(
        name => [name, Uint8Array.from({length: 256}, (_, value) => filters[name].has(value))]));
      const fitsChange = Uint8Array.from({length: 256}, (_, value) => !change || change.kinds.has(value));
      for (let i = 0; i < count; i++) {
        this.mask[i] = 0;
        if (c.confidence[i] < filters.confidence || (kinds && kinds[i] === rd.NO_CHANGE)) continue;
        const of = c.class[i], severity = c.severity[i], state = c.state[i], became = kinds ? kinds[i] : 0;
        const good = [fits.class[of], fits.severity[severity], fits.state[state], fitsChange[became]];
        const wrong = 4 - good[0] - good[1] - good[2] - good[3];
        if (wrong > 1 || (dated && !kinds && !this.damages.seenWithin(i, from, to))) continue;
        // Beside a choice stands how many it would show: those that fit but for it, at most.
        if (!wrong || !good[0]) counts.class[of]++;
        if (!wrong || !good[1]) counts.severity[severity]++;
        if (!wrong || !good[2]) counts.state[state]++;
        if (kinds && (!wrong || !good[3])) counts.change[became]++;
        if (!wrong) {
          this.mask[i] = 1;
          counts.shown++;
        }
      }
      return counts;
    }

    changes(first, second) {
      if (this._changes.first !== first || this._changes.second !== second) {
        this._changes = {first, second, kinds: rd.changes(this.damages, this.classes, first, second)};
      }
      return this._changes.kinds;
    }

    item(i) {
      const {c, x, y} = this.damages;
      return {x: x[i], y: y[i], kind: this.kind[i], class: c.class[i], severity: c.severity[i],
              number: c.number[i], confidence: c.confidence[i], key: i};
    }

    shown(view) {
      const {x, y} = this.damages;
      const found = rd.clustered(x, y, this.mask, this.kind, this.kinds, view);
      return {points: found.points.map(i => this.item(i)), clusters: found.clusters};
    }

    // The gravest within bounds (shares of the world), and how many there are.
    gravest(bounds, most) {
      const {c, x, y} = this.damages, inside = [];
      for (let i = 0; i < this.mask.length; i++) {
        if (this.mask[i] && x[i] >= bounds.west && x[i] <= bounds.east && y[i] >= bounds.north && y[i] <= bounds.south) {
          inside.push(i);
        }
      }
      // What is below the least grave one to be shown need not be sorted.
      const rank = this.kind === c.class ? () => 0 : i => rd.CHANGES.length - rd.CHANGE_RANK[this.kind[i]];
      const gravity = i => rank(i) * 1024 + c.severity[i] * 256 + (c.confidence[i] === 255 ? 0 : c.confidence[i]);
      const many = new Uint32Array(1024 * (rd.CHANGES.length + 1));
      for (const i of inside) many[gravity(i)]++;
      let least = many.length, above = 0;
      while (least > 0 && above < most) above += many[--least];
      const gravest = inside.filter(i => gravity(i) >= least).sort((a, b) => gravity(b) - gravity(a) || a - b);
      return {total: inside.length, items: gravest.slice(0, most).map(i => this.item(i))};
    }

    async record(key) { return this.damages.record(key); }
    async refresh() {}
  };

  rd.Remote = class {
    // `also` goes with every question, whatever the panel's filter is.
    constructor(url, classes, also) {
      this.url = url;
      this.also = also || {};
      this.kinds = classes.length;
      this.total = null;
      this.points = [];
      this.clusters = [];
      this.choice = null;
    }

    filter(filters) {
      this.choice = filters;
      return null;
    }

    // Asks for what the map shows; a later question ends an earlier one. Throws what fetch throws.
    async refresh(map) {
      if (this._asked) this._asked.abort();
      const asked = this._asked = new AbortController(), bounds = map.getBounds().pad(0.1);
      const query = new URLSearchParams({
        bbox: [bounds.getWest(), bounds.getSouth(), bounds.getEast(), bounds.getNorth()]
          .map(degrees => degrees.toFixed(6)).join(','),
        zoom: Math.floor(map.getZoom()),
      });
      const {choice} = this;
      for (const [name, value] of Object.entries(this.also)) query.set(name, value);
      for (const name of ['class', 'severity', 'state']) query.set(name, [...choice[name]].join(','));
      if (choice.confidence) query.set('confidence', choice.confidence / 100);
      if (choice.from !== null) query.set('from', rd.dayText(choice.from));
      if (choice.to !== null) query.set('to', rd.dayText(choice.to));
      const answer = await fetch(this.url + '?' + query, {signal: asked.signal});
      if (!answer.ok) throw new Error(String(answer.status));
      const told = await answer.json();
      this.total = told.total;
      this.points = this._points(told.points);
      this.clusters = this._clusters(told.clusters);
    }

    _points(p) {
      if (!p) return [];
      return p.number.map((number, k) => ({
        x: rd.worldX(p.lon[k]), y: rd.worldY(p.lat[k]), kind: p.class[k], class: p.class[k],
        severity: p.severity[k], confidence: p.confidence[k], number, key: number,
      }));
    }

    _clusters(c) {
      if (!c) return [];
      return c.count.map((count, k) => (
        {x: rd.worldX(c.lon[k]), y: rd.worldY(c.lat[k]), count, kinds: c.class[k]}));
    }

    shown() { return {points: this.points, clusters: this.clusters}; }

    gravest(bounds, most) {
      const inside = this.points.filter(
        p => p.x >= bounds.west && p.x <= bounds.east && p.y >= bounds.north && p.y <= bounds.south);
      inside.sort((a, b) => b.severity - a.severity || b.confidence - a.confidence || a.number - b.number);
      return {total: this.total, items: inside.slice(0, most)};
    }

    async record(key) {
      const answer = await fetch(this.url + '/' + encodeURIComponent(key));
      if (!answer.ok) throw new Error(String(answer.status));
      return answer.json();
    }
  };
})(window.RoadDamage);
