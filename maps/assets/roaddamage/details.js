// The side panel with all that is known of one damage, one stretch of street, or one piece of road.
'use strict';

(function (rd) {
  const {el} = rd;

  rd.Details = class {
    constructor(config, word, onClose) {
      this.config = config;
      this.word = word;
      this.body = el('div.rd-details-body');
      this.title = el('h2', {tabIndex: -1});
      this.box = el('section.rd-details', {hidden: true, 'aria-label': word('details')},
        el('div.rd-details-head', {}, this.title,
          el('button.rd-close', {type: 'button', 'aria-label': word('close'), onclick: onClose}, '×')),
        this.body);
      this.box.addEventListener('keydown', event => { if (event.key === 'Escape') onClose(); });
      L.DomEvent.disableClickPropagation(this.box);
      L.DomEvent.disableScrollPropagation(this.box);
    }

    open(title, ...children) {
      // The list is made anew when the map moves: its entries are told by their text.
      if (this.box.hidden) this.opener = document.activeElement && document.activeElement.textContent;
      this.title.textContent = title;
      this.body.replaceChildren(...children.filter(Boolean));
      this.body.scrollTop = 0;
      this.box.hidden = false;
      this.title.focus({preventScroll: true});
    }

    close() { this.box.hidden = true; }

    failed(title) { this.open(title, el('p.rd-warning', {}, this.word('no_answer'))); }

    damage(record) {
      const {word, config} = this, kind = config.classes[record.class];
      const best = record.sightings.find(one => one.best) || record.sightings[0];
      const badges = el('p.rd-badges', {},
        el('span.rd-badge.rd-severity-' + record.severity, {}, config.severities[record.severity]),
        el('span.rd-badge', {}, config.states[record.state]));
      badges.prepend(rd.colourDot(kind.colour, 14));
      this.open(`#${record.number} ${kind.label}`, badges,
        config.page ? el('p', {}, el('a', {href: config.page + record.number + '/', target: '_top'}, word('damage_page'))) : null,
        best ? this.picture(best.evidence, record) : null, best ? this.masked(best) : null, this.facts(record, best), this.history(record));
    }

    // That part of a damage can't be seen in its picture, as masks cover it.
    masked(one) {
      const percent = Math.round(100 * one.covered);
      return percent ? el('p.rd-note', {}, this.word('masked', {share: percent + ' %'})) : null;
    }

    picture(name, record) {
      if (!name) return '';
      const image = el('img', {alt: this.word('picture_of', {number: record.number}), decoding: 'async'});
      const gone = el('p.rd-note', {hidden: true}, this.word('no_picture', {name}));
      image.onerror = () => { image.hidden = true; gone.hidden = false; };
      image.src = this.address(name);
      const link = el('a', {href: this.file(name), target: '_blank', rel: 'noopener', title: this.word('open_picture')}, image);
      return el('figure.rd-picture', {}, link, gone);
    }

    file(name) { return this.config.evidence + name.split('/').map(encodeURIComponent).join('/'); }
    address(name) { return this.config.pictures[name] || this.file(name); }

    facts(record, best) {
      const {word} = this, rows = [];
      const add = (label, value) => { if (value !== null && value !== undefined && value !== '') rows.push([label, value]); };
      add(word('size'), best ? this.sizes(best) : '');
      add(word('area'), best && best.area !== null ? `${rd.stated(best.area, best.area_sd)} m²` : '');
      if (record.growth !== null) add(word('growing'), word('growth', {rate: rd.stated(record.growth, record.growth_sd)}));
      add(word('confidence'), record.confidence === null ? '–' : Math.round(100 * record.confidence) + ' %');
      add(word('road'), record.road || (record.chainage_m === null ? '' : word('unnamed_road')));
      add(word('chainage'), record.chainage_m === null ? '' : `${record.chainage_m.toFixed(0)} m`);
      add(word('error'), record.major_m === null ? '–' : word('error_of', {metres: record.major_m.toFixed(0)}));
      add(word('place'), `${record.lat.toFixed(6)}, ${record.lon.toFixed(6)}`);
      add(word('passes'), word('passes_of', {
        seen: new Set(record.sightings.map(one => one.drive)).size, passes: record.passes,
        share: record.still_there === null ? '–' : Math.min(Math.round(100 * record.still_there), 99) + ' %'}));
      return this.table(rows);
    }

    // `rows`: [label, value], a value being a text or an element.
    table(rows) {
      return el('table.rd-facts', {}, el('tbody', {},
        ...rows.map(([label, value]) => el('tr', {}, el('th', {scope: 'row'}, label), el('td', {}, value)))));
    }

    sizes(one) {
      const length = rd.stated(one.length, one.length_sd), width = rd.stated(one.width, one.width_sd);
      return this.word('size_of', {length: length || '–', width: width || '–'});
    }

    // What each pass saw, in order of time: its picture, size and drive, or that it saw nothing.
    history(record) {
      const {word} = this;
      const all = [...record.sightings.map(one => ({...one, seen: true})), ...record.missed];
      all.sort((a, b) => (a.time || 0) - (b.time || 0));
      const many = record.sightings.length > 1;
      const cards = all.map(one => {
        const when = one.time ? rd.timeText(one.time) : word('no_date');
        if (!one.seen) {
          return el('li.rd-missed', {}, el('strong', {}, when), el('span', {}, word('not_seen')), el('small', {}, one.drive));
        }
        const at = one.at_s === null ? one.drive : word('in_video', {drive: one.drive, time: rd.clockText(one.at_s)});
        return el('li', {}, many && one.crop ? this.picture(one.crop, record) : null, el('strong', {}, when),
          many ? el('span', {}, this.sizes(one)) : null, el('small', {}, at));
      });
      return el('div', {}, el('h3', {}, word('sightings', {count: record.sightings.length})), el('ol.rd-history', {}, ...cards));
    }

    street(told) {
      const {word} = this;
      const rows = [[word('length'), `${told.metres.toFixed(0)} m`]];
      if (!told.unseen) {
        rows.push([word('damages'), String(told.count)], [word('rate'), word('per_km', {rate: told.rate.toFixed(0)})]);
      }
      rows.push([word('driven_times'), String(told.drives.length)]);
      this.open(word(told.unseen ? 'unseen_street' : 'street'), this.table(rows),
        el('h3', {}, word('drives')),
        el('ol.rd-drives', {}, ...told.drives.slice(0, 100).map(drive => el('li', {},
          el('strong', {}, drive.time ? rd.timeText(drive.time) : word('no_date')), el('span', {}, drive.name)))));
    }

    // A piece of road: badges, what is said of it, facts, and its damages by class.
    piece(segments, i, title, badges, said, facts) {
      const counts = this.config.classes.map(kind => el('p.rd-row', {}, el('span.rd-sample', {}, rd.colourDot(kind.colour)),
        el('span', {}, kind.label), el('span.rd-count', {}, segments.text(kind.code, i) || '–')));
      this.open(title, el('p.rd-badges', {}, ...badges), said && el('p.rd-said', {}, said),
        el('div.rd-piece', {}, this.table(facts)),
        el('h3', {}, `${this.word('damages')}: ${segments.text('damages', i) || '–'}`), ...counts);
    }
  };
})(window.RoadDamage);
