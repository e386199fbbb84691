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
  // A page that says what is wrong, as its heading and first lines; any other answer as it is.
  function told(request) {
    const page = new DOMParser().parseFromString(request.responseText, 'text/html').querySelector('main');
    if (!page) return request.responseText.slice(0, 300) || String(request.status);
    return [...page.querySelectorAll('h1, p')].filter((part) => !part.querySelector('a, button'))
      .map((part) => part.textContent.trim()).filter(Boolean).join(document.documentElement.lang === 'ja' ? '：' : ': ');
  }
  document.addEventListener('htmx:responseError', (event) => say(told(event.detail.xhr)));
  document.addEventListener('htmx:sendError', () => say(document.body.dataset.away));
  document.addEventListener('htmx:afterOnLoad', (event) => {
    if (event.detail.xhr.status < 400 && note) note.remove();
  });
})();
