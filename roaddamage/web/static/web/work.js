/* Ticking many damages, copying a place, a look at the photo before it is sent, and one tap that is sent once. */
'use strict';
const boxes = () => [...document.querySelectorAll('input[name=damage]')];
const count = () => {
  const told = document.querySelector('[data-ticked]');
  if (told) told.textContent = boxes().filter((box) => box.checked).length;
};
document.addEventListener('change', (event) => {
  if (event.target.name === 'damage') count();
  const shown = event.target.dataset.preview && document.getElementById(event.target.dataset.preview);
  if (!shown) return;
  if (shown.src) URL.revokeObjectURL(shown.src);
  const [file] = event.target.files;
  shown.hidden = !file;
  if (file) shown.src = URL.createObjectURL(file);
});
document.addEventListener('click', async (event) => {
  const { tick, copy, copied } = event.target.dataset;
  if (tick) {
    for (const box of boxes()) box.checked = tick === 'all';
    count();
  }
  if (!copy) return;
  const field = document.getElementById(copy);
  field.select();
  // A page without https has no clipboard; the older way asks the selection.
  if (navigator.clipboard) await navigator.clipboard.writeText(field.value);
  else document.execCommand('copy');
  event.target.textContent = copied;
});
document.addEventListener('submit', (event) => {
  if (!('once' in event.target.dataset)) return;
  if (event.target.dataset.sent) event.preventDefault();
  event.target.dataset.sent = '1';
});
window.addEventListener('pageshow', () => {
  for (const form of document.querySelectorAll('form[data-once]')) delete form.dataset.sent;
});
