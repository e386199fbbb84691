/* A damage's page: who ticks a sighting as another damage's sees the button that parts them. */
'use strict';
document.addEventListener('change', ({ target }) => {
  if (target.name === 'sighting' && target.checked) document.querySelector('.pair').open = true;
});
