// Pieces of road as maps/segment_data.py packs them: what a table tells of each, and its line.
'use strict';

(function (rd) {
  const DEGREE = 1e6;

  rd.Segments = class {
    // `told`: {name: {heading, digits}} of the tables' columns.
    constructor({columns, texts}, told, word) {
      Object.assign(this, {c: columns, texts, told, word});
      this.count = columns.line_begin.length - 1;
      this.all = this.from(0);
      const summed = (steps, place) => {
        let sum = 0;
        return Float64Array.from(steps, step => place((sum += step) / DEGREE));
      };
      this.x = summed(columns.line_lon, rd.worldX);
      this.y = summed(columns.line_lat, rd.worldY);
      this.reach = this.furthest();
    }

    // How far pieces get from where they begin, at most.
    furthest() {
      const {c, x, y} = this;
      let most = 0;
      for (let i = 0; i < this.count; i++) {
        const begin = c.line_begin[i];
        for (let p = begin; p < c.line_begin[i + 1]; p++) {
          most = Math.max(most, Math.abs(x[p] - x[begin]), Math.abs(y[p] - y[begin]));
        }
      }
      return most;
    }

    // The pieces of one of the tables.
    from(table) {
      const [begin, end] = this.c.table_begin.slice(table, table + 2);
      return Uint32Array.from({length: end - begin}, (_, k) => begin + k);
    }

    // Those of the pieces that may show within bounds (shares of the world) or a little beside them.
    within({west, east, north, south}, rows) {
      const {c, x, y, reach} = this;
      return rows.filter(i => {
        const p = c.line_begin[i];
        return x[p] >= west - reach && x[p] <= east + reach && y[p] >= north - reach && y[p] <= south + reach;
      });
    }

    seen({scale, left, top, width, height}, rows) {
      return this.within({west: left / scale, east: (left + width) / scale, north: top / scale, south: (top + height) / scale}, rows);
    }

    number(name, i) { return name in this.texts ? NaN : this.c[name][i]; }

    // As people read it; '' where it is not known.
    text(name, i) {
      const value = this.c[name][i], {digits} = this.told[name];
      if (name in this.texts) return this.texts[name][value];
      if (Number.isNaN(value)) return '';
      return digits === null ? value.toLocaleString() : value.toFixed(digits);
    }

    // A measure and the interval that holds it with 95 %.
    ranged(name, low, high, i) {
      const [value, from, to] = [name, low, high].map(column => this.text(column, i));
      return value && from && to && from !== to ? `${value} (95 %: ${from}–${to})` : value;
    }

    // Facts by the names of columns: [heading, value] of those that are known. Headings of words begin as words of
    // the page do; signs such as p stay as they are.
    facts(rows) {
      const heading = name => this.told[name].heading.replace(/^[a-z](?=[a-z])/, letter => letter.toUpperCase());
      return rows.filter(([, value]) => value !== '').map(([name, value]) => [heading(name), value]);
    }

    chainage(i) { return `${this.text('from_m', i)}–${this.text('to_m', i)} m`; }
    stretch(i) { return `${this.number('from_m', i).toFixed(0)}–${this.number('to_m', i).toFixed(0)} m`; }

    road(i) {
      const number = this.text('road_id', i), known = /^R\d{5,}$/.test(number) ? this.word('unnamed_road') : number;
      const road = this.text('road', i) || known || this.word('street');
      return [road, this.text('direction', i)].filter(Boolean).join(' ');
    }

    name(i) { return `${this.road(i)} ${this.stretch(i)}`; }

    middle(i) {
      const {c, x, y} = this, last = c.line_begin[i + 1] - 1, point = (c.line_begin[i] + last) / 2;
      const [a, b] = [Math.floor(point), Math.ceil(point)];
      return [(x[a] + x[b]) / 2, (y[a] + y[b]) / 2];
    }
  };

  // Where both directions share their ground, how many pixels to the left of it each is drawn: on its lane close up,
  // and further out as far as lines are wide.
  const LANE_M = 1.6;
  const FROM_PX = 3.5, TO_PX = 14;
  rd.asidePx = function (view, keepLeft) {
    const lat = 2 * Math.atan(Math.exp(Math.PI * (1 - 2 * (view.top + view.height / 2) / view.scale))) - Math.PI / 2;
    const lane = LANE_M * view.scale / (40075016.7 * Math.cos(lat));
    return (keepLeft ? 1 : -1) * Math.min(Math.max(lane, FROM_PX * rd.thin(view)), TO_PX);
  };

  rd.outlined = (ctx, segments, view, look, i) =>
    rd.drawStreets(ctx, segments, view, () => ({...look, colour: '#111', dash: null, butt: false, width: look.width + 4}), [i]);
})(window.RoadDamage);
