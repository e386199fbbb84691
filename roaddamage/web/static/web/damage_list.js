/* The list: one tick for a whole page, and only the fields that go with what is to be decided. */
'use strict';
(function () {
  const filter = document.querySelector('details.filter');
  if (filter && window.matchMedia('(max-width: 640px)').matches) filter.open = false; // it is longer than a phone
  const all = document.getElementById('tick-all'), kind = document.getElementById('m-kind');
  if (!all || !kind) return;
  const rows = () => document.querySelectorAll('input[name=rows]');
  all.addEventListener('change', () => rows().forEach((row) => { row.checked = all.checked; }));
  const fit = () => document.querySelectorAll('[data-for]').forEach((part) => {
    part.hidden = !part.dataset.for.split(' ').includes(kind.value);
  });
  kind.addEventListener('change', fit);
  fit();
})();
