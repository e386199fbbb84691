// Hot spots: where damages gather more than chance would have it, by how sure that is, and their rank.
'use strict';

(function (rd) {
  const {el} = rd;
  const HOT = 90;
  const LOOKS = new Map([
    [99, {colour: '#7a0019', width: 8, order: 9}],
    [95, {colour: '#d7301f', width: 6.5, order: 8}],
    [90, {colour: '#f58a4b', width: 5, order: 7}],
    [0, {colour: '#7d8590', width: 2, order: 1}],
  ]);
  const NOT_COMPARED = {colour: '#bfc4cb', width: 1.5, order: 0};
  const LABEL_PX = 20;

  rd.HotSpots = class {
    // `ground`: the segments, to show what was not compared too; undefined where there are none.
    constructor(spots, ground, config, word) {
      Object.assign(this, {spots, ground, word, keepLeft: config.keep_left, speak: true});
      const rank = spots.c.rank;
      this.hot = [...spots.all].filter(i => spots.c.level[i] >= HOT).sort((a, b) => rank[a] - rank[b]);
      this.some = new Map([...LOOKS.keys()].map(level => [level, spots.c.level.filter(one => one === level).length]));
    }

    look(i) { return LOOKS.get(this.spots.c.level[i]) || LOOKS.get(0); }

    aside(view) {
      const {spots, keepLeft} = this, px = rd.asidePx(view, keepLeft);
      return i => spots.c.beside[i] ? px : 0;
    }

    draw(ctx, view, chosen) {
      const {spots, ground} = this, aside = this.aside(view), thin = rd.thin(view);
      // What stands out stays to be seen however far out one is.
      const look = i => {
        const one = this.look(i);
        return {...one, width: one.width * (spots.c.level[i] >= HOT ? Math.max(thin, 0.6) : thin), aside: aside(i)};
      };
      if (ground) {
        rd.drawStreets(ctx, ground, view, () => ({...NOT_COMPARED, width: NOT_COMPARED.width * thin}), ground.seen(view, ground.all));
      }
      rd.drawStreets(ctx, spots, view, look, spots.seen(view, spots.all));
      if (chosen >= 0) {
        rd.outlined(ctx, spots, view, look(chosen), chosen);
        rd.drawStreets(ctx, spots, view, look, [chosen]);
      }
      this.drawRanks(ctx, view);
    }

    // Ranks where there is room, the first ones first.
    drawRanks(ctx, view) {
      const {spots} = this, taken = [];
      ctx.font = '700 12px system-ui, sans-serif';
      ctx.textAlign = 'center';
      ctx.textBaseline = 'middle';
      for (const i of this.hot) {
        const [wx, wy] = spots.middle(i), x = wx * view.scale - view.left, y = wy * view.scale - view.top;
        if (x < 0 || y < 0 || x > view.width || y > view.height) continue;
        if (taken.some(([a, b]) => Math.abs(a - x) < 1.5 * LABEL_PX && Math.abs(b - y) < LABEL_PX)) continue;
        taken.push([x, y]);
        const rank = spots.text('rank', i), width = Math.max(LABEL_PX, ctx.measureText(rank).width + 10);
        ctx.beginPath();
        ctx.roundRect(x - width / 2, y - LABEL_PX / 2, width, LABEL_PX, LABEL_PX / 2);
        ctx.fillStyle = '#fff';
        ctx.fill();
        ctx.lineWidth = 2;
        ctx.strokeStyle = this.look(i).colour;
        ctx.stroke();
        ctx.fillStyle = '#1f2430';
        ctx.fillText(rank, x, y + 0.5);
      }
    }

    at(wx, wy, view) {
      return rd.nearestStreet(this.spots, wx, wy, view.scale, 10, this.spots.seen(view, this.spots.all), this.aside(view));
    }

    ranked(i) { return (this.spots.c.rank[i] ? `#${this.spots.text('rank', i)} ` : '') + this.spots.name(i); }
    name(i) { return `${this.ranked(i)} · ${this.level(this.spots.c.level[i])}`; }
    middle(i) { return this.spots.middle(i); }
    closeUp() { return 16; }

    level(level) {
      return this.word(level > 0 ? 'hot_level' : 'level_none', {level});
    }

    entries(bounds, most) {
      const {spots, hot, word} = this;
      return [word(hot.length ? 'hot_ranked' : 'hot_none', {count: hot.length.toLocaleString()}), hot.slice(0, most).map(i => {
        const rank = el('span.rd-rank', {}, spots.text('rank', i));
        rank.style.borderColor = this.look(i).colour;
        const told = el('span', {}, el('strong', {}, spots.road(i)), el('small', {}, spots.stretch(i)),
          el('small', {}, spots.text('reasons', i)));
        return [rank, told, `${spots.c.level[i]} %`, i];
      })];
    }

    status() {
      return this.word('hot_of', {hot: this.hot.length.toLocaleString(), total: this.spots.count.toLocaleString()});
    }

    legend() {
      const {word, some} = this;
      const rows = [...LOOKS].filter(([level]) => level >= 0 || some.get(level)).map(
        ([level, look]) => rd.lineRow(look, this.level(level), some.get(level).toLocaleString()));
      if (this.ground) rows.push(rd.lineRow(NOT_COMPARED, word('not_compared')));
      return [el('h2', {}, word('hot_title')), ...rows];
    }

    notes() { return [this.word('hot_note')]; }

    open(details, i) {
      const {spots: s, word} = this, text = name => [name, s.text(name, i)];
      const line = el('span.rd-sample', {}, rd.lineSample(this.look(i)));
      const badge = el('span.rd-badge', {}, this.level(s.c.level[i]));
      const facts = s.facts([
        ...this.rates(i), text('z'), ...['p', 'q'].map(name => [name, chance(s, name, i)]),
        text('seen_lane_m'), text('drives'), text('priority'), text('road_id'), text('road_kind'), text('segment'),
      ]);
      details.piece(s, i, this.ranked(i), [line, badge], s.text('reasons', i), [[word('chainage'), s.chainage(i)], ...facts]);
    }

    // Here, around and everywhere, as bars of one scale.
    rates(i) {
      const {spots: s} = this, names = ['rate', 'rate_around', 'rate_all'];
      const most = Math.max(...names.map(name => s.number(name, i) || 0), 1e-9);
      return names.filter(name => s.text(name, i) !== '').map(name => {
        const bar = el('span.rd-bar');
        bar.style.width = `${60 * s.number(name, i) / most}px`;
        bar.style.background = name === 'rate' ? this.look(i).colour : '#9aa1ab';
        return [name, el('span', {}, bar, s.text(name, i))];
      });
    }
  };

  // A probability that is too small for its digits is not 0.
  function chance(spots, name, i) {
    const {digits} = spots.told[name], least = 10 ** -digits;
    return spots.number(name, i) < least ? `< ${least.toFixed(digits)}` : spots.text(name, i);
  }
})(window.RoadDamage);
