/* What all pages share: parts that a server refused are said, and forms that ask first. */
'use strict';
(() => {
  document.addEventListener('submit', (event) => {
    const question = event.target.dataset.confirm;
    if (question && !window.confirm(question)) event.preventDefault();
  });

  // One line, however often a part asks in vain; it goes when the server answers again.
  let note = null;
  function say(text) {
    note ||= document.createElement('p');
    note.className = 'notice error';
    note.setAttribute('role', 'alert');
    if (note.textContent !== text) note.textContent = text;
    if (!note.isConnected) document.getElementById('main').prepend(note);
  }
  // Of a page that says what is wrong its heading and first line; any other answer as it is.
  function told(request) {
    const page = new DOMParser().parseFromString(request.responseText, 'text/html').querySelector('main');
    if (!page) return request.responseText.slice(0, 300) || String(request.status);
    const parts = [page.querySelector('h1'), page.querySelector('p')].filter(Boolean);
    return parts.map((part) => part.textContent.trim()).join(document.documentElement.lang === 'ja' ? '：' : ': ');
  }
  document.addEventListener('htmx:responseError', (event) => say(told(event.detail.xhr)));
  document.addEventListener('htmx:sendError', () => say(document.body.dataset.away));
  document.addEventListener('htmx:afterOnLoad', (event) => {
    if (event.detail.xhr.status < 400 && note) note.remove();
  });
})();
// On a phone the menu is longer than the screen: the page that one is on is seen in it.
const current = document.querySelector('.top nav [aria-current]');
if (current) current.parentElement.scrollLeft = current.offsetLeft - (current.parentElement.clientWidth - current.offsetWidth) / 2;
// A file that is longer than the server takes is told before it is sent.
document.addEventListener('change', ({ target }) => {
  if (!target.dataset || !target.dataset.mostBytes) return;
  const long = [...target.files].some((file) => file.size > Number(target.dataset.mostBytes));
  target.setCustomValidity(long ? target.dataset.tooLong : '');
  target.reportValidity();
});
