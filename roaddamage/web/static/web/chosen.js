/* What a person chose to hand in: files, a folder, what was dropped; without what a card has beside its footage. */
'use strict';
window.roadChosen = (box, take, reading) => {
  const at = (id) => document.getElementById(id), endings = box.dataset.endings.split(','), junk = box.dataset.junk.split(',');
  const useful = ({ path }) => endings.includes(path.slice(path.lastIndexOf('.')).toLowerCase()) &&
    !path.split('/').some((part) => part.startsWith('.') || junk.includes(part.toUpperCase()));

  function chosen(found, unread) {
    const fresh = found.filter(useful);
    take(fresh, found.length - fresh.length, unread);
  }
  function picker(id, pathOf) {
    at(id).addEventListener('change', (event) => {
      chosen([...event.target.files].map((file) => ({ file, path: pathOf(file) })), 0);
      event.target.value = '';
    });
  }
  picker('files', (file) => file.name);
  picker('folder', (file) => file.webkitRelativePath || file.name);

  async function inside(entry, path, found) {
    if (entry.isFile) {
      found.push({ file: await new Promise((ok, no) => entry.file(ok, no)), path: path + entry.name });
      return 0;
    }
    const reader = entry.createReader();
    let unread = 0;
    for (;;) { // a reader gives a hundred or so at a time
      const some = await new Promise((ok, no) => reader.readEntries(ok, no));
      if (!some.length) return unread;
      for (const one of some) unread += await inside(one, `${path}${entry.name}/`, found).catch(() => 1);
    }
  }
  const drop = at('drop');
  ['dragenter', 'dragover'].forEach((kind) => box.addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.add('over');
  }));
  ['dragleave', 'drop'].forEach((kind) => box.addEventListener(kind, () => drop.classList.remove('over')));
  box.addEventListener('drop', async (event) => {
    event.preventDefault();
    const entries = [...event.dataTransfer.items].map((one) => one.webkitGetAsEntry && one.webkitGetAsEntry()).filter(Boolean);
    const found = [];
    let unread = 0;
    reading();
    for (const entry of entries) unread += await inside(entry, '', found).catch(() => 1);
    chosen(found, unread);
  });
};
