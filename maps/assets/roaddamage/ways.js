// The streets as a view shows them: how each stretch looks, the legend of that, its name and its place in the list.
'use strict';

(function (rd) {
  const {el} = rd;
  const TRACK = '#5b6470', UNSEEN = '#c2410c', NOT_DRIVEN = '#9aa1ab', HOW_OFTEN = '#1f77a8';
  const RATES = ['#b9bfc7', '#f0b429', '#ec7a1c', '#d03a1f', '#9b1b30', '#4a0d2b'];
  // Days since a stretch was driven last, at most, and drives along it, at most.
  const AGES = [[7, '#0b3c6f'], [30, '#1f77a8'], [90, '#3fa7a3'], [180, '#a3b545'], [365, '#e0b020'], [Infinity, '#d9691a']];
  const TIMES = [[1, 3], [3, 5], [9, 7], [Infinity, 9]];
  const LEAST_M = 50;
  const SQUARES_BELOW_ZOOM = 14;

  rd.Ways = class {
    constructor(damages, word) {
      this.streets = new rd.Streets(damages);
      this.word = word;
      this.newest = damages.driveDay.reduce((a, b) => Math.max(a, b), rd.NO_DAY);
      this.someUnseen = this.streets.c.line_unseen.includes(1);
    }

    // `mask`: the damages that pass the filter; from, to: the days of the filter.
    refresh(view, mask, {from, to}) {
      this.view = view;
      this.rates = this.streets.rates(mask, LEAST_M);
      this.steps = steps(this.rates.rate);
      if (view === 'coverage') this.covered = this.streets.coverage(from, to);
    }

    get speak() { return this.view === 'rate' || this.view === 'coverage'; }

    rateStep(rate) { return rate ? 1 + this.steps.filter(bound => rate >= bound).length : 0; }

    look(i) {
      const {streets, rates, covered} = this;
      if (streets.c.line_unseen[i]) return {colour: UNSEEN, width: 4, dash: [4, 7], order: 9};
      if (this.view === 'rate') {
        const step = this.rateStep(rates.rate[i]);
        return {colour: RATES[step], width: step ? 7 : 4, order: step};
      }
      if (this.view !== 'coverage') return {colour: TRACK + '8c', width: 4};
      if (!covered.times[i]) return {colour: NOT_DRIVEN, width: 3, dash: [2, 6]};
      const width = TIMES.find(([most]) => covered.times[i] <= most)[1];
      if (covered.last[i] === rd.NO_DAY) return {colour: TRACK, width};
      return {colour: AGES[this.age(covered.last[i])][1], width, order: 1};
    }

    age(day) { return AGES.findIndex(([most]) => this.newest - day <= most); }

    draw(ctx, view, chosen) {
      const {streets} = this;
      if (this.view === 'rate' && view.zoom < SQUARES_BELOW_ZOOM) {
        const {line_metres: metres, line_unseen: unseen} = streets.c;
        rd.drawSquares(ctx, streets, view, i => unseen[i] ? null : [this.rates.count[i], metres[i]],
          rate => RATES[this.rateStep(rate)]);
      } else {
        const thin = rd.thin(view);
        rd.drawStreets(ctx, streets, view, i => {
          const look = this.look(i);
          return {...look, width: look.width * thin};
        });
      }
      if (chosen >= 0) rd.drawStreets(ctx, streets, view, i => i === chosen ? {colour: '#111', width: 2} : null);
    }

    // The stretch that may be pointed at there; -1 where the view has nothing to say of it.
    at(wx, wy, {scale}) { return this.speak ? rd.nearestStreet(this.streets, wx, wy, scale, 10) : -1; }

    name(i) {
      const {word, streets, rates, covered} = this;
      if (streets.c.line_unseen[i]) return word('unseen_street');
      if (this.view === 'rate') {
        return word('street_rate', {
          rate: rates.rate[i].toFixed(0), count: rates.count[i], metres: streets.c.line_metres[i].toFixed(0)});
      }
      return covered.times[i]
        ? word('street_driven', {times: covered.times[i], day: rd.dayText(covered.last[i]) || word('no_date')})
        : word('not_driven_then');
    }

    open(details, i) {
      const {streets, rates} = this;
      details.street({metres: streets.c.line_metres[i], count: rates.count[i], rate: rates.rate[i],
                      unseen: Boolean(streets.c.line_unseen[i]), drives: streets.drives(i)});
    }

    closeUp() { return 17; }

    middle(i) {
      const {c, x, y} = this.streets, point = Math.floor((c.line_begin[i] + c.line_begin[i + 1]) / 2);
      return [x[point], y[point]];
    }

    entries(bounds, most) {
      return [this.word(this.view === 'rate' ? 'worst_streets' : 'longest_ago'), this.list().slice(0, most).map(
        i => [rd.lineSample({...this.look(i), width: 6}), this.name(i), '', i])];
    }

    // The stretches that call for a look, those first that do most.
    list() {
      const {streets, rates, covered} = this;
      const judged = [...Array(streets.count).keys()].filter(i => !streets.c.line_unseen[i]);
      if (this.view === 'rate') return judged.filter(i => rates.count[i]).sort((a, b) => rates.rate[b] - rates.rate[a]);
      return judged.sort((a, b) => covered.last[a] - covered.last[b] || covered.times[a] - covered.times[b]);
    }

    status() {
      if (this.view !== 'coverage') return '';
      const metres = this.streets.c.line_metres.reduce((sum, m, i) => sum + (this.covered.times[i] ? m : 0), 0);
      return this.word('covered', {km: (metres / 1000).toFixed(2)});
    }

    legend() {
      if (!this.streets.count) return [];
      const rows = this.view === 'rate' ? this.rateLegend() : this.view === 'coverage' ? this.coverageLegend()
        : [rd.lineRow({colour: TRACK, width: 4}, this.word('driven_street'))];
      if (this.someUnseen) rows.push(rd.lineRow({colour: UNSEEN, width: 4, dash: true}, this.word('unseen_street')));
      return rows;
    }

    rateLegend() {
      const {word, steps: bounds} = this, last = bounds.length;
      const named = k => k === last ? word('from', {from: bounds[k - 1] || 0})
        : k ? word('from_to', {from: bounds[k - 1], to: bounds[k]}) : word('below', {to: bounds[0]});
      const rows = bounds.concat(Infinity).map((_, k) => rd.lineRow({colour: RATES[k + 1], width: 7}, named(k))).reverse();
      return [el('h2', {}, word('rate_title')), ...rows, rd.lineRow({colour: RATES[0], width: 4}, word('none'))];
    }

    coverageLegend() {
      const {word, covered, newest, streets} = this;
      const rows = [el('h2', {}, word('last_driven', {day: rd.dayText(newest) || '–'}))];
      const driven = [...covered.last.keys()].filter(i => covered.times[i]);
      const dated = new Set(driven.filter(i => covered.last[i] !== rd.NO_DAY).map(i => this.age(covered.last[i])));
      AGES.forEach(([most, colour], k) => {
        if (dated.has(k)) {
          rows.push(rd.lineRow({colour, width: 6}, most === Infinity ? word('older', {days: AGES[k - 1][0]})
            : word('within_days', {days: most, since: rd.dayText(newest - most)})));
        }
      });
      if (driven.some(i => covered.last[i] === rd.NO_DAY)) rows.push(rd.lineRow({colour: TRACK, width: 6}, word('no_date')));
      if (covered.times.some((times, i) => !times && !streets.c.line_unseen[i])) {
        rows.push(rd.lineRow({colour: NOT_DRIVEN, width: 3, dash: true}, word('not_driven_then')));
      }
      rows.push(el('h3', {}, word('how_often')));
      TIMES.forEach(([most, width], k) => {
        const from = k ? TIMES[k - 1][0] + 1 : 1;
        rows.push(rd.lineRow({colour: HOW_OFTEN, width}, most === Infinity ? word('times_from', {from})
          : word('times', {times: most > from ? `${from}–${most}` : most})));
      });
      return rows;
    }

    notes() {
      const {word, rates} = this;
      if (this.view === 'coverage') return [word('coverage_note')];
      if (this.view !== 'rate') return [];
      const notes = [word('rate_note', {metres: LEAST_M})];
      if (rates.beside) notes.push(word('rate_beside', {count: rates.beside}));
      return notes;
    }
  };

  // Bounds between five classes, at the quintiles of what is not 0, rounded.
  function steps(rates) {
    const some = rates.filter(rate => rate > 0).sort();
    const round = value => {
      const ten = 10 ** Math.floor(Math.log10(value));
      return [1, 1.5, 2, 3, 5, 7, 10].reduce((a, b) => Math.abs(b * ten - value) < Math.abs(a * ten - value) ? b : a) * ten;
    };
    const found = [0.2, 0.4, 0.6, 0.8].map(share => some.length ? round(some[Math.floor(share * some.length)]) : 0);
    return [...new Set(found.filter(step => step > 0))];
  }
})(window.RoadDamage);
