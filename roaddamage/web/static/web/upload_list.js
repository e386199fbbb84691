/* How far the files on their way are, in words, and a row for each of the first of them. */
'use strict';
window.roadUploadList = (word) => {
  const ROWS = 40, ORDER = ['refused', 'failed', 'going', 'waiting'];
  const at = (id) => document.getElementById(id), shown = new Map();
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  let rate = [];

  function seconds(total) {
    if (total >= 3600) return fill(word.hours, { hours: Math.floor(total / 3600), minutes: Math.round(total % 3600 / 60) });
    if (total >= 90) return fill(word.minutes, { minutes: Math.round(total / 60) });
    return fill(word.seconds, { seconds: Math.max(1, Math.round(total)) });
  }
  function size(bytes) {
    const [number, digits, unit] = bytes < 1e9 ? [bytes / 1e6, 1, 'MB'] : [bytes / 1e9, bytes < 1e10 ? 2 : 1, 'GB'];
    const form = { minimumFractionDigits: digits, maximumFractionDigits: digits };
    return `${number.toLocaleString(document.documentElement.lang, form)} ${unit}`;
  }

  function row(item) {
    const made = document.createElement('li');
    made.append(document.createElement('span'), document.createElement('progress'), document.createElement('em'));
    made.children[0].textContent = item.path;
    made.children[1].setAttribute('aria-label', item.path);
    at('list').append(made);
    return made;
  }
  function rows(items) {
    const open = ORDER.flatMap((state) => items.filter((item) => item.state === state)), wanted = open.slice(0, ROWS);
    for (const [item, made] of shown) {
      if (!wanted.includes(item)) {
        made.remove();
        shown.delete(item);
      }
    }
    wanted.forEach((item) => {
      if (!shown.has(item)) shown.set(item, row(item));
      const made = shown.get(item);
      made.className = item.state;
      made.children[1].value = item.file.size ? item.sent / item.file.size : 0;
      made.children[1].hidden = item.state === 'refused';
      made.children[2].textContent = item.told || (item.state === 'waiting' ? word.waiting : `${size(item.sent)} / ${size(item.file.size)}`);
    });
    at('list').dataset.more = open.length > ROWS ? fill(word.more, { count: open.length - ROWS }) : '';
  }

  function show(items, paused) {
    const bytes = items.reduce((sum, item) => sum + item.file.size, 0), sent = items.reduce((sum, item) => sum + item.sent, 0);
    const done = items.filter((item) => item.state === 'done').length, now = performance.now();
    rate = paused ? [] : [...rate.filter(([when]) => now - when < 15000), [now, sent]];
    const [first, from] = rate[0] || [now, sent], speed = now - first > 1500 ? (sent - from) / (now - first) * 1000 : 0;
    let text = fill(word.total, { done: size(sent), total: size(bytes), count: done, files: items.length });
    if (speed > 0 && sent < bytes) text += ` · ${fill(word.left, { time: seconds((bytes - sent) / speed) })}`;
    at('total').textContent = text;
    at('bar').value = bytes ? sent / bytes : 0;
    rows(items);
  }
  return { show, fill };
};
