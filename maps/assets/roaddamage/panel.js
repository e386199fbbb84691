// The panel beside the map: what it is, what to show, filters that are the legend too, and the list.
'use strict';

(function (rd) {
  const {el} = rd;
  const LIST = 50;

  rd.Panel = class {
    // `hooks`: changed(), opened(item), street(i), area(bounds), stray(row).
    constructor(config, word, state, days, hooks) {
      Object.assign(this, {config, word, state, days, hooks});
      this.counts = {};
      this.message = el('p.rd-warning', {role: 'alert', hidden: true});
      this.shown = el('p.rd-shown', {role: 'status', 'aria-live': 'polite'});
      this.legend = el('div.rd-legend');
      this.list = el('ol.rd-list');
      this.listTitle = el('h2');
      this.more = el('div.rd-more', {id: 'rd-more'});
      this.box = el('aside.rd-panel', {'aria-label': word('panel')}, this.head(), this.more);
      this.fill();
      L.DomEvent.disableClickPropagation(this.box);
      L.DomEvent.disableScrollPropagation(this.box);
    }

    head() {
      const {config, word} = this;
      const head = el('header.rd-head', {}, el('h1', {}, config.title),
        ...config.facts.map(line => el('p', {}, line)));
      this.toggle = el('button.rd-toggle', {
        type: 'button', 'aria-expanded': 'false', 'aria-controls': 'rd-more', onclick: () => this.expand()}, word('more'));
      if (config.views.length > 1) head.append(this.tabs());
      if (config.views.length) head.append(el('div.rd-status', {}, this.shown, this.toggle));
      return head;
    }

    expand() {
      const open = this.box.classList.toggle('rd-open');
      this.toggle.setAttribute('aria-expanded', String(open));
      this.toggle.textContent = this.word(open ? 'less' : 'more');
    }

    tabs() {
      const {word, state} = this;
      const tabs = el('fieldset.rd-tabs', {}, el('legend.rd-hidden', {}, word('layer')),
        ...this.config.views.map(view => el('label', {},
          el('input', {type: 'radio', name: 'rd-view', value: view, checked: view === state.view,
            onchange: () => { state.view = view; this.hooks.changed(); }}),
          el('span', {}, word('view_' + view)))));
      tabs.style.gridTemplateColumns = `repeat(${this.config.views.length > 4 ? 3 : this.config.views.length}, 1fr)`;
      return tabs;
    }

    fill() {
      const {config, word} = this, parts = [];
      if (config.notices.length) parts.push(el('div.rd-notices', {}, ...config.notices.map(n => el('p', {}, n))));
      if (config.strays.length) parts.push(this.strays());
      if (config.areas.length > 1) parts.push(this.areas());
      if (config.views.length) {
        const ofDamages = config.views.includes('damages') ? [
          this.choices('class', config.classes.map((row, id) => [id, row.label, rd.colourDot(row.colour)])),
          this.choices('severity', config.severities.map((name, id) => [id, name, rd.colourDot('#6b7280', 2 * config.radius[id])])),
          this.choices('state', config.states.map((name, id) => [id, name, null])),
          this.confidence()] : [];
        this.filters = el('section.rd-filters', {'aria-label': word('filters')},
          el('h2', {}, word('filters')), this.ofDamages = el('div', {}, ...ofDamages), this.dates());
        parts.push(this.change(), this.legend, this.filters,
          el('section', {}, this.listTitle, this.list));
      }
      this.more.append(...parts);
    }

    strays() {
      const {config, word} = this;
      return el('details.rd-notices', {}, el('summary', {}, word('strays', {count: config.strays.length})),
        el('ul', {}, ...config.strays.map(row => el('li', {}, row))));
    }

    areas() {
      const {config, word} = this;
      return el('section.rd-areas', {}, el('h2', {}, word('areas')),
        ...config.areas.map((area, k) => el('button', {type: 'button', onclick: () => this.hooks.area(area)},
          word('area_number', {number: k + 1}))));
    }

    choices(dimension, rows) {
      const chosen = this.state.filters[dimension], counts = this.counts[dimension] = {};
      return el('fieldset', {}, el('legend', {}, this.word('by_' + dimension)),
        el(dimension === 'severity' ? 'div.rd-inline' : 'div', {},
          ...rows.map(([id, name, sample]) => this.choice(chosen, counts, id, name, sample))));
    }

    choice(chosen, counts, id, name, sample) {
      counts[id] = el('span.rd-count');
      return el('label.rd-row', {},
        el('input', {type: 'checkbox', checked: chosen.has(id), onchange: event => {
          if (event.target.checked) chosen.add(id); else chosen.delete(id);
          this.hooks.changed();
        }}), sample && el('span.rd-sample', {}, sample), el('span', {}, name), counts[id]);
    }

    confidence() {
      const {word, state} = this, value = el('output');
      const tell = () => { value.textContent = state.filters.confidence + ' %'; };
      const range = el('input', {type: 'range', min: 0, max: 95, step: 5, value: state.filters.confidence, oninput: () => {
        state.filters.confidence = Number(range.value);
        tell();
        this.hooks.changed();
      }});
      tell();
      return el('label.rd-range', {}, el('span', {}, word('least_confidence')), range, value);
    }

    dates() {
      const {word, state, days} = this, [first, last] = [days[0], days[days.length - 1]].map(d => d === undefined ? '' : rd.dayText(d));
      const inputs = ['from', 'to'].map(name => el('input', {type: 'date', name, min: first, max: last, 'aria-label': word('day_' + name),
        value: state.filters[name] === null ? '' : rd.dayText(state.filters[name])}));
      const read = () => {
        const [from, to] = inputs.map(input => input.value ? rd.dayFrom(input.value) : null);
        const reversed = from !== null && to !== null && from > to;
        inputs.forEach(input => input.setAttribute('aria-invalid', String(reversed)));
        this.tell(reversed ? word('reversed', {from: rd.dayText(from), to: rd.dayText(to)}) : '');
        if (!reversed) {
          Object.assign(state.filters, {from, to});
          this.hooks.changed();
        }
      };
      inputs.forEach(input => input.addEventListener('change', read));
      const clear = el('button', {type: 'button', onclick: () => {
        inputs.forEach(input => { input.value = ''; });
        read();
      }}, word('all_dates'));
      this.dateBox = el('fieldset.rd-dates', {}, el('legend', {}, word('seen_between')),
        el('div', {}, inputs[0], ' – ', inputs[1]), clear, this.message);
      return this.dateBox;
    }

    tell(message) {
      this.message.textContent = message;
      this.message.hidden = !message;
    }

    // The two days to compare, and what became of damages between them.
    change() {
      const {word, state, days, config} = this;
      const box = this.changeBox = el('section.rd-change', {hidden: true}, el('h2', {}, word('view_change')));
      if (days.length < 2) {
        box.append(el('p.rd-note', {}, word('one_day')));
        return box;
      }
      const warning = el('p.rd-warning', {role: 'alert', hidden: true});
      const before = days.filter(day => day < config.later_day).pop() ?? days[0];
      const selects = ['first', 'second'].map((name, k) => {
        const select = el('select', {name, 'aria-label': word(name + '_day')},
          ...days.map(day => el('option', {value: day}, rd.dayText(day))));
        select.value = state.change[name] = k ? days[days.length - 1] : before;
        return select;
      });
      const read = () => {
        const [first, second] = selects.map(select => Number(select.value));
        warning.hidden = first < second;
        warning.textContent = first < second ? '' : word('reversed', {from: rd.dayText(first), to: rd.dayText(second)});
        if (first < second) {
          Object.assign(state.change, {first, second});
          this.hooks.changed();
        }
      };
      selects.forEach(select => select.addEventListener('change', read));
      const counts = this.counts.change = {};
      box.append(el('div.rd-days', {}, selects[0], el('span', {}, '→'), selects[1]), warning,
        ...rd.CHANGES.map((name, kind) => this.choice(state.change.kinds, counts, kind, word('change_' + name),
          this.sign(config.changes[kind]))), el('p.rd-note', {}, word('change_note')));
      return box;
    }

    sign(look) {
      const dot = rd.colourDot(look.hollow ? '#fff' : look.colour, 16);
      dot.textContent = look.sign;
      dot.style.color = look.hollow ? look.colour : '#fff';
      if (look.hollow) dot.style.borderColor = look.colour;
      return dot;
    }

    // Counts beside the choices, the legend of the view, and the list of what the map shows.
    update(counts, legend, status) {
      const {state} = this;
      if (this.view !== state.view) this.more.scrollTop = 0;
      this.view = state.view;
      for (const [dimension, cells] of Object.entries(this.counts)) {
        for (const [id, cell] of Object.entries(cells)) {
          cell.textContent = counts ? (counts[dimension][id] || 0).toLocaleString() : '';
        }
      }
      this.shown.textContent = status;
      this.legend.replaceChildren(...legend);
      this.changeBox.hidden = state.view !== 'change';
      this.filters.hidden = state.view === 'condition' || state.view === 'hot_spots';
      this.dateBox.hidden = state.view === 'change';
      this.ofDamages.hidden = state.view === 'coverage';
    }

    focusOn(text) {
      const entry = [...this.list.querySelectorAll('button')].find(button => button.textContent === text);
      if (entry) entry.focus({preventScroll: true});
    }

    entries(title, rows) {
      this.listTitle.textContent = title;
      this.list.replaceChildren(...rows.slice(0, LIST).map(([sample, text, note, act]) => el('li', {},
        el('button', {type: 'button', onclick: act}, el('span.rd-sample', {}, sample), el('span', {}, text), el('small', {}, note)))));
    }
  };
  rd.Panel.LIST = LIST;
})(window.RoadDamage);
