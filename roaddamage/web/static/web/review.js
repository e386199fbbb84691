/* The queue: one card at a time, the next one fetched beforehand; every key is a button's. */
'use strict';
(() => {
  const page = document.getElementById('review');
  const said = document.getElementById('said'), slot = document.getElementById('card');
  const waiting = document.querySelector('.review-top [aria-current] b');
  const done = document.getElementById('done'), left = document.getElementById('left'), keys = document.getElementById('keys');
  const numbers = JSON.parse(page.dataset.numbers), total = Number(page.dataset.total);
  const more = total - numbers.length, cards = new Map();
  const token = JSON.parse(document.body.getAttribute('hx-headers'))['X-CSRFToken'];
  let place = 0, mode = 'look', box = null, busy = false;

  const address = (name, number) => page.dataset[name].replace('/0/', `/${number}/`);
  const count = () => {
    if (waiting) waiting.textContent = (waiting.dataset.count - total + more + numbers.length).toLocaleString('en');
    left.textContent = page.dataset.left.replace('{left}', more + numbers.length).replace('{total}', total);
  };
  const say = (text, bad) => {
    said.textContent = text;
    said.hidden = !text;
    said.classList.toggle('error', Boolean(bad));
    said.classList.toggle('success', !bad);
  };

  function fetched(number) {
    if (!cards.has(number)) {
      const card = fetch(address('card', number), { headers: { 'HX-Request': 'true' } }).then(async (answer) => {
        if (answer.status === 401) location.assign('/login/?next=' + encodeURIComponent(location.pathname + location.search));
        if (!answer.ok) throw new Error(String(answer.status));
        const made = document.createElement('template');
        made.innerHTML = await answer.text();
        for (const image of made.content.querySelectorAll('img')) new Image().src = image.getAttribute('src');
        return made;
      });
      card.catch(() => cards.delete(number));
      cards.set(number, card);
    }
    return cards.get(number);
  }

  async function show(fresh) {
    count();
    if (!numbers.length && more) { location.reload(); return; }
    done.hidden = numbers.length > 0;
    if (!numbers.length) { slot.replaceChildren(); mode = 'look'; done.focus(); return; }
    place = (place + numbers.length) % numbers.length;
    const number = numbers[place];
    if (fresh) cards.delete(number);
    const made = await fetched(number);
    if (number !== numbers[place]) return;
    slot.replaceChildren(made.content.cloneNode(true));
    [box = null] = RoadDamageBox.attach(slot);
    mode = 'look';
    document.body.dataset.shown = number;
    if (numbers.length > 1) fetched(numbers[(place + 1) % numbers.length]).catch(() => {});
  }

  function to(next) {
    if (mode === 'box') box.end();
    mode = next;
    slot.querySelectorAll('.mode').forEach((row) => { row.hidden = row.dataset.mode !== mode; });
    if (mode === 'box') box.begin();
    else slot.querySelector(`.mode[data-mode=${mode}] button`)?.focus({ preventScroll: true });
  }

  async function send(where, values) {
    const body = new FormData();
    for (const [name, value] of Object.entries({ ...values, queue: page.dataset.queue })) body.set(name, value);
    const answer = await fetch(where, { method: 'POST', body, headers: { Accept: 'application/json', 'X-CSRFToken': token } });
    if (answer.redirected) location.reload();
    const told = await answer.json();
    say(told.said, !answer.ok);
    return answer.ok ? told : null;
  }

  async function decide(button) {
    const article = slot.querySelector('article'), number = Number(article.dataset.number);
    const { do: kind, rejectedAs = '', classId = '' } = button.dataset;
    const told = await send(address('decide', number), {
      kind, version: article.dataset.version, picture: article.dataset.picture, rejected_as: rejectedAs, class_id: classId,
      box: kind === 'box' ? box.value.join(',') : '',
      whole: slot.querySelector('[data-do=whole][aria-pressed=true]') ? 'yes' : '',
    });
    cards.delete(number);
    if (told && !told.waits) numbers.splice(numbers.indexOf(number), 1);
    await show(true);
  }

  /* Before the decision it is kept with it, after it at once. */
  async function whole(button) {
    const article = slot.querySelector('article'), pressed = button.getAttribute('aria-pressed') === 'true';
    if (!pressed && article.dataset.others) { say(article.dataset.others, true); return; }
    if (article.dataset.undecided) { say(''); button.setAttribute('aria-pressed', String(!pressed)); return; }
    await send(address('all', Number(article.dataset.number)), { whole: pressed ? '' : 'yes' });
    await show(true);
  }

  async function undo() {
    const told = await send(page.dataset.undo, {});
    if (!told) return;
    if (!numbers.includes(told.number)) numbers.splice(place, 0, told.number);
    place = numbers.indexOf(told.number);
    await show(true);
  }

  async function go(step) {
    say('');
    place += step;
    await show();
  }

  async function press(button) {
    if (button.dataset.to) { to(button.dataset.to); return; }
    const kind = button.dataset.do;
    if (kind === 'help') { keys.showModal(); return; }
    if (busy) return;
    busy = true;
    try {
      if (kind === 'next' || kind === 'before') await go(kind === 'next' ? 1 : -1);
      else if (kind === 'undo') await undo();
      else if (kind === 'whole') await whole(button);
      else await decide(button);
    } catch {
      say(page.dataset.lost, true);
    } finally {
      busy = false;
    }
  }

  page.addEventListener('click', (event) => {
    const button = event.target.closest('button');
    if (button) press(button);
  });
  document.addEventListener('keydown', (event) => {
    if (keys.open || event.ctrlKey || event.metaKey || event.altKey || event.target.closest('input, select, textarea')) return;
    if (mode === 'box' && box.arrow(event.key, event.shiftKey)) { event.preventDefault(); return; }
    // By the key's place while a Japanese input method is on, which calls every key "Process".
    const key = event.key === 'Process' ? event.code.replace(/^(Key|Digit|Numpad)/, '') : event.key;
    if (key === 'Enter' && mode !== 'box') return;
    const row = done.hidden ? slot.querySelector(`.mode[data-mode=${mode}]`) : done;
    const button = row?.querySelector(`[data-key="${CSS.escape(key.toLowerCase())}"]:not(:disabled)`);
    if (!button || event.repeat) return;
    event.preventDefault();
    press(button);
  });
  show().catch(() => say(page.dataset.lost, true));
})();
