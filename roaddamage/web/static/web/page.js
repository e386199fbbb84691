/* What all pages share: parts that a server refused are said, and forms that ask first. */
'use strict';
document.addEventListener('submit', (event) => {
  const question = event.target.dataset.confirm;
  if (question && !window.confirm(question)) event.preventDefault();
});
document.addEventListener('htmx:responseError', (event) => {
  const main = document.getElementById('main');
  const note = document.createElement('p');
  note.className = 'notice error';
  note.setAttribute('role', 'alert');
  note.textContent = event.detail.xhr.responseText.slice(0, 300) || String(event.detail.xhr.status);
  main.prepend(note);
});
