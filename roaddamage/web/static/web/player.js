/* Masked pictures of a drive, one after another: by buttons, keys and slider, or played as fast as they come. */
'use strict';
(() => {
  const moment = document.getElementById('moment');
  if (!moment) return;
  const [picture, slider, play, told] = ['frame', 'at', 'play', 'frame-told'].map((id) => document.getElementById(id));
  const PLAYED_S = 0.5, AHEAD = 4 /* while played; else one */, MOST_KEPT = 100;
  const KEYS = { ArrowLeft: -PLAYED_S, ArrowRight: PLAYED_S, ',': -0.1, '.': 0.1 };
  const last = Number(slider.max), key = (time) => time.toFixed(1);
  const inside = (time) => Math.min(Math.max(Math.round(time * 10) / 10, 0), last);
  const kept = new Map([[key(Number(slider.value)), picture.src]]);
  let wanted = Number(slider.value), forward = 1, busy = false, touched = false, timer = 0;

  async function load(time) {
    let address = '';
    try {
      const answer = await fetch(`${moment.dataset.frame}?t=${key(time)}`);
      if (answer.ok && !answer.redirected) address = URL.createObjectURL(await answer.blob());
    } catch { /* it is told, and asked for again when it is wanted again */ }
    kept.set(key(time), address);
    const oldest = kept.keys().next().value;
    if (kept.size > MOST_KEPT && oldest !== key(wanted)) {
      URL.revokeObjectURL(kept.get(oldest));
      kept.delete(oldest);
    }
  }
  function missing() {
    if (!kept.has(key(wanted))) return wanted;
    for (let ahead = 1; ahead <= (timer ? AHEAD : Number(touched)); ahead += 1) {
      const time = inside(wanted + forward * PLAYED_S * ahead);
      if (!kept.has(key(time))) return time;
    }
    return null;
  }
  function show() {
    const address = kept.get(key(wanted));
    if (address && picture.src !== address) picture.src = address;
    told.textContent = address ? '' : address === '' ? moment.dataset.failed : moment.dataset.loading;
    picture.classList.toggle('late', !address);
  }
  async function work() {
    show();
    if (busy) return;
    busy = true;
    for (let time = missing(); time !== null; time = missing()) {
      await load(time);
      show();
    }
    busy = false;
  }
  function go(time) {
    touched = true;
    forward = time < wanted ? -1 : 1;
    wanted = inside(time);
    if (kept.get(key(wanted)) === '') kept.delete(key(wanted));
    slider.value = key(wanted);
    slider.dispatchEvent(new CustomEvent('moved'));
    work();
  }
  function playing(on) {
    clearInterval(timer);
    timer = on ? setInterval(() => {
      if (wanted >= last) playing(false);
      else if (kept.has(key(wanted))) go(wanted + PLAYED_S);
    }, PLAYED_S * 1000) : 0;
    play.textContent = on ? play.dataset.pause : play.dataset.play;
    play.setAttribute('aria-pressed', String(on));
  }
  slider.addEventListener('input', () => { playing(false); go(Number(slider.value)); });
  play.addEventListener('click', () => {
    const on = !timer;
    if (on) go(wanted >= last ? 0 : wanted);
    playing(on);
  });
  moment.addEventListener('click', (event) => {
    const step = event.target.closest('[data-step]');
    if (!step) return;
    playing(false);
    go(wanted + Number(step.dataset.step));
  });
  moment.addEventListener('keydown', (event) => {
    const typing = event.target.matches('input') && event.target !== slider;
    if (typing || event.ctrlKey || event.altKey || event.metaKey || !(event.key in KEYS)) return;
    event.preventDefault();
    playing(false);
    go(wanted + KEYS[event.key]);
  });
})();
