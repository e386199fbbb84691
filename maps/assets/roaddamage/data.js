// Columns as maps/columns.py packs them, and what is read off them. Days and times are the wall clock's.
'use strict';
window.RoadDamage = window.RoadDamage || {};

(function (rd) {
  const TYPES = {u1: Uint8Array, u2: Uint16Array, u4: Uint32Array, i4: Int32Array, f4: Float32Array};
  const NONE_U2 = 65535;
  const DAY_S = 86400;
  rd.NO_DAY = -1;

  rd.unpack = async function (base64) {
    const text = atob(base64);
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
    const buffer = await new Response(stream).arrayBuffer();
    const length = new DataView(buffer).getUint32(0, true);
    const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
    const columns = {};
    for (const [name, [kind, count, offset]] of Object.entries(head.columns)) {
      columns[name] = new TYPES[kind](buffer, 4 + length + offset, count);
    }
    return {columns, texts: head.texts};
  };

  rd.dayOf = time => time ? Math.floor(time / DAY_S) : rd.NO_DAY;
  rd.dayText = day => day === rd.NO_DAY ? '' : new Date(day * DAY_S * 1000).toISOString().slice(0, 10);
  rd.dayFrom = text => /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(text) / 1000 / DAY_S : null;
  rd.timeText = time => time ? new Date(time * 1000).toISOString().slice(0, 16).replace('T', ' ') : '';
  rd.clockText = s => `${Math.floor(s / 60)}:${(s % 60).toFixed(1).padStart(4, '0')}`;

  // Web Mercator as shares of the world's square.
  rd.worldX = lon => (lon + 180) / 360;
  rd.worldY = lat => 0.5 - Math.asinh(Math.tan(lat * Math.PI / 180)) / (2 * Math.PI);

  const steps = (column, i, step) => column[i] === NONE_U2 ? null : column[i] * step;
  const percent = value => value === 255 ? null : value / 100;
  const number = value => Number.isFinite(value) ? value : null;

  rd.Damages = class {
    constructor({columns, texts}) {
      this.c = columns;
      this.texts = texts;
      this.count = columns.number.length;
      this.x = Float64Array.from(columns.lon, lon => rd.worldX(lon / 1e7));
      this.y = Float64Array.from(columns.lat, lat => rd.worldY(lat / 1e7));
      this.seenDay = Int32Array.from(columns.seen_time, rd.dayOf);
      this.driveDay = Int32Array.from(columns.drive_time, rd.dayOf);
      this.days = [...new Set([...this.driveDay, ...this.seenDay])].filter(d => d !== rd.NO_DAY).sort((a, b) => a - b);
    }

    // Whether a drive saw it on one of these days (null: open).
    seenWithin(i, from, to) {
      const c = this.c;
      for (let s = c.seen_begin[i]; s < c.seen_begin[i + 1]; s++) {
        const day = this.seenDay[s];
        if (day !== rd.NO_DAY && (from === null || day >= from) && (to === null || day <= to)) return true;
      }
      return false;
    }

    isDated(i) {
      for (let s = this.c.seen_begin[i]; s < this.c.seen_begin[i + 1]; s++) {
        if (this.seenDay[s] !== rd.NO_DAY) return true;
      }
      return false;
    }

    metres(column, s) { return column[s] === NONE_U2 ? NaN : column[s] * 0.01; }

    size(s) {
      const c = this.c, size = {};
      for (const name of ['length', 'length_sd', 'width', 'width_sd', 'area', 'area_sd']) {
        size[name] = steps(c['seen_' + name], s, 0.01);
      }
      return size;
    }

    // All that is known of one damage, in the form that docs/map-layer.md describes.
    record(i) {
      const c = this.c, sightings = [], missed = [];
      for (let s = c.seen_begin[i]; s < c.seen_begin[i + 1]; s++) {
        sightings.push({
          drive: this.texts.drive[c.seen_drive[s]], time: c.seen_time[s] || null, at_s: number(c.seen_at[s]),
          confidence: percent(c.seen_confidence[s]), covered: percent(c.seen_covered[s]), frames: c.seen_frames[s], ...this.size(s),
          evidence: this.texts.evidence[s], crop: this.texts.crop[s], best: s - c.seen_begin[i] === c.best[i],
        });
      }
      for (let m = c.missed_begin[i]; m < c.missed_begin[i + 1]; m++) {
        missed.push({drive: this.texts.drive[c.missed_drive[m]], time: c.missed_time[m] || null});
      }
      return {
        number: c.number[i], class: c.class[i], severity: c.severity[i], state: c.state[i],
        confidence: percent(c.confidence[i]), still_there: percent(c.still_there[i]), passes: c.passes[i],
        lon: c.lon[i] / 1e7, lat: c.lat[i] / 1e7, major_m: steps(c.major, i, 0.1), minor_m: steps(c.minor, i, 0.1),
        bearing_deg: c.bearing[i], road: this.texts.road[c.road[i]], chainage_m: number(c.chainage[i]),
        growth: number(c.growth[i]), growth_sd: number(c.growth_sd[i]), sightings, missed,
      };
    }
  };

  // The streets driven, each stretch once, and what can be told per stretch.
  rd.Streets = class {
    constructor(damages) {
      const c = this.c = damages.c;
      this.damages = damages;
      this.count = c.line_metres.length;
      this.all = Uint32Array.from(c.line_metres.keys());
      this.x = Float64Array.from(c.line_lon, lon => rd.worldX(lon / 1e7));
      this.y = Float64Array.from(c.line_lat, lat => rd.worldY(lat / 1e7));
    }

    // Of the drives within these days along each stretch: how many, and the last one's day.
    coverage(from, to) {
      const {c, damages} = this, times = new Uint32Array(this.count), last = new Int32Array(this.count).fill(rd.NO_DAY);
      for (let i = 0; i < this.count; i++) {
        if (c.line_unseen[i]) continue;
        for (let a = c.along_begin[i]; a < c.along_begin[i + 1]; a++) {
          const day = damages.driveDay[c.along_drive[a]], dated = day !== rd.NO_DAY;
          if (!dated && (from !== null || to !== null)) continue;
          if (dated && ((from !== null && day < from) || (to !== null && day > to))) continue;
          times[i]++;
          last[i] = Math.max(last[i], day);
        }
      }
      return {times, last};
    }

    // Damages on each stretch, those alone that pass the filter, and how many that is a kilometre. A stub of
    // street counts as `least` metres, so that one damage on it does not make it the worst of all.
    rates(mask, least) {
      const count = new Uint32Array(this.count), stretch = this.c.stretch;
      let beside = 0;
      for (let i = 0; i < mask.length; i++) {
        if (!mask[i]) continue;
        if (stretch[i] < 0) beside++; else count[stretch[i]]++;
      }
      const rate = Float64Array.from(count, (n, i) => 1000 * n / Math.max(this.c.line_metres[i], least));
      return {count, rate, beside};
    }

    drives(i) {
      const {c, damages} = this, found = [];
      for (let a = c.along_begin[i]; a < c.along_begin[i + 1]; a++) {
        const drive = c.along_drive[a];
        found.push({name: damages.texts.drive[drive], time: c.drive_time[drive] || null});
      }
      return found.sort((a, b) => (b.time || 0) - (a.time || 0));
    }
  };
})(window.RoadDamage);
