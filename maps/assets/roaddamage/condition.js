// The pavement's condition: pieces of 100 m far out and of 20 m close up, by their diagnosis.
'use strict';

(function (rd) {
  const {el} = rd;
  const LONG = 0, SHORT = 1;
  const METRES = [100, 20];
  const SHORT_FROM_ZOOM = 16;
  // Round ends make pieces longer than they are; further out they keep them in sight.
  const BUTT_FROM_ZOOM = 13.5;
  const CLASSES = ['Ⅰ', 'Ⅱ', 'Ⅲ'];
  const [NOT_JUDGED, NOT_SURVEYED] = [3, 4];
  // Told apart by width and lightness too. What is worst lies on top.
  const LOOKS = [
    {word: 'diagnosis_1', colour: '#3d93c4', width: 3, order: 2},
    {word: 'diagnosis_2', colour: '#f0a000', width: 4.5, order: 3},
    {word: 'diagnosis_3', colour: '#a3001f', width: 6, order: 4},
    {word: 'not_judged', colour: '#6f7782', width: 1.5, order: 1},
    {word: 'not_surveyed', colour: '#9aa1ab', width: 1.5, dash: [2, 5], order: 0},
  ];

  rd.Condition = class {
    constructor(segments, config, word) {
      Object.assign(this, {segments, word, keepLeft: config.keep_left, speak: true});
      this.tables = [...segments.c.table_begin.slice(0, -1).keys()].map(table => segments.from(table));
      this.kind = Uint8Array.from({length: segments.count}, (_, i) => {
        const known = CLASSES.indexOf(segments.text('diagnosis', i));
        return known >= 0 ? known : segments.number('seen_share', i) > 0 ? NOT_JUDGED : NOT_SURVEYED;
      });
      this.km = LOOKS.map(() => 0);
      for (const i of this.tables[LONG]) this.km[this.kind[i]] += segments.number('length_m', i) / 1000;
    }

    table(zoom) { return Math.min(zoom >= SHORT_FROM_ZOOM ? SHORT : LONG, this.tables.length - 1); }

    aside(view) {
      const {segments, keepLeft} = this, px = rd.asidePx(view, keepLeft);
      return i => segments.c.beside[i] ? px : 0;
    }

    draw(ctx, view, chosen) {
      const {segments, kind} = this, aside = this.aside(view), thin = rd.thin(view);
      const butt = view.zoom >= BUTT_FROM_ZOOM;
      const look = i => ({...LOOKS[kind[i]], width: LOOKS[kind[i]].width * thin, aside: aside(i), butt});
      const rows = segments.seen(view, this.tables[this.table(view.zoom)]);
      rd.drawStreets(ctx, segments, view, look, rows);
      if (chosen < 0) return;
      rd.outlined(ctx, segments, view, look(chosen), chosen);
      rd.drawStreets(ctx, segments, view, look, [chosen]);
    }

    at(wx, wy, view) {
      const {segments} = this, rows = segments.seen(view, this.tables[this.table(view.zoom)]);
      return rd.nearestStreet(segments, wx, wy, view.scale, 10, rows, this.aside(view));
    }

    ratio(i) {
      const ratio = this.segments.text('crack_ratio', i);
      return ratio && ratio + ' %';
    }

    name(i) {
      const kind = this.kind[i], told = CLASSES[kind] || this.word(LOOKS[kind].word);
      return [this.segments.name(i), told, this.ratio(i)].filter(Boolean).join(' · ');
    }

    middle(i) { return this.segments.middle(i); }
    closeUp(i) { return this.tables.length > 1 && i >= this.segments.c.table_begin[SHORT] ? 17 : SHORT_FROM_ZOOM - 0.5; }

    // The worst in view, of the pieces that are drawn.
    entries(bounds, most, zoom) {
      const {segments, kind, word} = this, table = this.table(zoom), ratio = segments.c.crack_ratio;
      const judged = segments.within(bounds, this.tables[table]).filter(i => kind[i] < NOT_JUDGED);
      const cracks = i => Number.isNaN(ratio[i]) ? -1 : ratio[i];
      judged.sort((a, b) => kind[b] - kind[a] || cracks(b) - cracks(a) || a - b);
      const rows = [...judged.slice(0, most)].map(i => [
        rd.lineSample(LOOKS[kind[i]]), el('span', {}, el('strong', {}, `${CLASSES[kind[i]]} ${segments.road(i)}`),
          el('small', {}, segments.stretch(i))), this.ratio(i), i]);
      return [word(rows.length ? 'worst_segments' : 'none_judged', {metres: METRES[table], count: judged.length.toLocaleString()}), rows];
    }

    status() {
      const judged = this.km.slice(0, NOT_JUDGED).reduce((a, b) => a + b), all = this.km.reduce((a, b) => a + b);
      return this.word('judged', {km: judged.toFixed(1), all: all.toFixed(1)});
    }

    legend() {
      const {word, km} = this;
      return [el('h2', {}, word('condition_title')), ...[2, 1, 0, NOT_JUDGED, NOT_SURVEYED].map(
        kind => rd.lineRow(LOOKS[kind], word(LOOKS[kind].word), `${km[kind].toFixed(1)} km`))];
    }

    notes() { return [this.word('condition_note'), this.word('sides_note')]; }

    open(details, i) {
      const {segments: s, word} = this, kind = this.kind[i], text = name => [name, s.text(name, i)];
      const badge = el('span.rd-badge', {}, word(LOOKS[kind].word)), share = s.number('seen_share', i);
      const line = el('span.rd-sample', {}, rd.lineSample(LOOKS[kind]));
      const facts = s.facts([
        ['diagnosis', s.ranged('diagnosis', 'diagnosis_low', 'diagnosis_high', i)],
        ['crack_ratio', s.ranged('crack_ratio', 'crack_ratio_low', 'crack_ratio_high', i)],
        text('crack_ratio_as_seen'), text('mci_crack_only'), text('rut_mm'), text('iri_mm_per_m'), text('measured_on'),
        text('class_crack'), text('class_rut'), text('class_iri'),
        ['seen_share', share >= 0 ? Math.round(100 * share) + ' %' : ''], text('drives'), text('last_surveyed'),
        text('lane_m'), text('road_id'), text('road_kind'), text('segment'),
      ]);
      details.piece(s, i, s.name(i), [line, badge], '', [[word('chainage'), s.chainage(i)], ...facts]);
    }
  };
})(window.RoadDamage);
