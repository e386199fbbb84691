// Small things of the page: elements from words and data, which become text and never markup.
'use strict';

(function (rd) {
  // el('p.note', {hidden: true}, 'text', child, ...): attributes that start with "on" are listeners.
  rd.el = function (tag, attributes, ...children) {
    const [name, ...classes] = tag.split('.');
    const element = document.createElement(name);
    element.classList.add(...classes);
    for (const [key, value] of Object.entries(attributes || {})) {
      if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
      else if (key in element) element[key] = value;
      else element.setAttribute(key, value);
    }
    for (const child of children) if (child !== null && child !== undefined) element.append(child);
    return element;
  };

  rd.worder = words => (key, values) => {
    if (!(key in words)) throw new Error('no word ' + key);
    return words[key].replace(/\{(\w+)\}/g, (all, name) => values && name in values ? values[name] : all);
  };

  // A measure and its error, to as many places as the error has something to say in.
  rd.stated = function (value, sd) {
    if (value === null || value === undefined) return null;
    const places = sd !== null && sd !== undefined && sd >= 0.095 ? 1 : 2;
    return sd === null || sd === undefined ? value.toFixed(places)
      : `${value.toFixed(places)} ± ${Math.max(sd, 0.01).toFixed(places)}`;
  };

  rd.colourDot = (colour, size) => {
    const dot = rd.el('span.rd-dot');
    dot.style.width = dot.style.height = (size || 12) + 'px';
    dot.style.background = colour;
    return dot;
  };

  rd.lineSample = look => {
    const line = rd.el('span.rd-line');
    line.style.borderTop = `${Math.min(look.width, 7)}px ${look.dash ? 'dashed' : 'solid'} ${look.colour}`;
    return line;
  };

  // A row of a legend: how a line looks, what it means, and how much there is of it.
  rd.lineRow = (look, text, count) => rd.el('p.rd-row', {}, rd.el('span.rd-sample', {}, rd.lineSample(look)),
    rd.el('span', {}, text), count === undefined ? null : rd.el('span.rd-count', {}, count));
})(window.RoadDamage);
