/* The area of a vehicle's pictures that is kept: drawn on a picture, and in numbers; each follows the other. */
'use strict';
document.addEventListener('DOMContentLoaded', () => {
  const stage = document.querySelector('.area-stage');
  if (!stage) return;
  const at = (id) => document.getElementById(id);
  const inputs = ['left', 'top', 'right', 'bottom'].map(at), picture = at('picture'), failed = at('failed');
  const clock = (s) => `${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, '0')}`;
  stage.classList.add('stage');
  const [box] = RoadDamageBox.attach(stage.parentElement);
  let waiting = 0;

  stage.addEventListener('boxput', () => {
    inputs.forEach((input, edge) => { input.value = (100 * box.value[edge]).toFixed(1); });
  });
  stage.querySelector('svg').addEventListener('keydown', (event) => {
    if (box.arrow(event.key, event.shiftKey)) event.preventDefault();
  });
  function drawn() {
    const [left, top, right, bottom] = inputs.map((input) => Number(input.value) / 100);
    if (left < 0 || top < 0 || right > 1 || bottom > 1 || right <= left || bottom <= top) return;
    box.value = [left, top, right, bottom];
    box.draw();
  }
  inputs.forEach((input) => input.addEventListener('input', drawn));
  at('whole').addEventListener('click', () => box.put([0, 0, 1, 1]));
  at('preview').addEventListener('change', () => stage.classList.toggle('preview', at('preview').checked));
  at('at').addEventListener('input', () => {
    at('at-told').textContent = clock(Number(at('at').value));
    clearTimeout(waiting);
    waiting = setTimeout(() => { picture.src = `${picture.dataset.frame}?t=${at('at').value}`; }, 250);
  });
  const shown = (there) => {
    failed.hidden = there;
    failed.textContent = there ? '' : picture.dataset.failed;
  };
  picture.addEventListener('load', () => shown(true));
  picture.addEventListener('error', () => shown(false));
  box.begin();
  stage.querySelector('svg').blur();
});
