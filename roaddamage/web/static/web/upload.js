/* Sends files by the tus protocol, a few at a time; what was begun before goes on where it was. */
'use strict';
(() => {
  const AT_ONCE = 3, ROWS = 40, CHUNK = 32 * 2 ** 20, KEPT_MS = 14 * 864e5;
  const DELAYS = [0, 1000, 3000, 5000, 10000, 20000, 30000, 60000, 60000, 60000];
  const box = document.getElementById('uploader');
  if (!box || !window.tus) return;
  const word = box.dataset, at = (id) => document.getElementById(id);
  const endings = word.endings.split(',');
  const csrf = document.querySelector('#then input[name=csrfmiddlewaretoken]').value;
  let items = [], paused = false, batch = '', rate = [];

  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const useful = (path) => endings.includes(path.slice(path.lastIndexOf('.')).toLowerCase()) &&
    !path.split('/').some((part) => part.startsWith('.'));

  // What the browser remembers of uploads; where it has no room for that, the upload goes on without.
  const kept = tus.defaultOptions.urlStorage;
  const storage = {
    findAllUploads: () => kept.findAllUploads(),
    findUploadsByFingerprint: (mark) => kept.findUploadsByFingerprint(mark),
    removeUpload: (key) => kept.removeUpload(key),
    addUpload: (mark, upload) => kept.addUpload(mark, upload).catch(() => null),
  };
  kept.findAllUploads().then((all) => all.forEach((one) => {
    if (Date.now() - new Date(one.creationTime) > KEPT_MS) kept.removeUpload(one.urlStorageKey);
  }));

  const mark = (item) => `rd-${word.user}-${item.path}-${item.file.size}-${item.file.lastModified}`;

  function seconds(total) {
    if (total >= 3600) return fill(word.hours, { hours: Math.floor(total / 3600), minutes: Math.round(total % 3600 / 60) });
    if (total >= 90) return fill(word.minutes, { minutes: Math.round(total / 60) });
    return fill(word.seconds, { seconds: Math.max(1, Math.round(total)) });
  }
  const gb = (bytes) => (bytes / 1e9).toLocaleString(document.documentElement.lang,
    bytes < 1e10 ? { minimumFractionDigits: 2, maximumFractionDigits: 2 } : { maximumFractionDigits: 0 });

  function note(text) {
    at('note').textContent = text;
    at('note').hidden = !text;
  }

  async function chosen(found) {
    const fresh = found.filter((one) => useful(one.path));
    const left = found.length - fresh.length;
    if (!fresh.length) {
      at('going').hidden = false;
      note(word.none);
      return;
    }
    const had = new Set(items.map(mark));
    fresh.forEach((one) => {
      const item = { ...one, sent: 0, state: one.file.size ? 'waiting' : 'refused', told: one.file.size ? '' : word.empty };
      if (!had.has(mark(item))) items.push(item);
    });
    at('going').hidden = false;
    note(left ? fill(word.useless, { count: left }) : '');
    if (!batch && !await begun()) return;
    pump();
  }

  // The batch that these files were begun in, if the server still knows it; else a new one.
  async function begun() {
    for (const item of items.slice(0, 200)) {
      const before = (await kept.findUploadsByFingerprint(mark(item)))[0];
      if (!before) continue;
      const answer = await fetch(before.uploadUrl, { method: 'HEAD', headers: { 'Tus-Resumable': '1.0.0' } }).catch(() => null);
      if (answer && answer.ok) {
        batch = before.metadata.batch;
        return true;
      }
      if (answer && answer.status === 404) await kept.removeUpload(before.urlStorageKey);
    }
    const bytes = items.reduce((sum, item) => sum + item.file.size, 0);
    const answer = await fetch(word.begin, { method: 'POST', headers: { 'X-CSRFToken': csrf }, body: new URLSearchParams({ bytes }) })
      .catch(() => null);
    const told = answer && answer.headers.get('Content-Type').startsWith('application/json') ? await answer.json() : {};
    batch = told.batch || '';
    if (!batch) {
      note(told.error || word.again);
      paused = true;
      show();
    }
    return Boolean(batch);
  }

  function pump() {
    if (paused) return;
    for (const item of items) {
      if (items.filter((one) => one.state === 'going').length >= AT_ONCE) break;
      if (item.state === 'waiting') send(item);
    }
    show();
    if (!items.some((one) => ['going', 'waiting', 'failed'].includes(one.state))) finished();
  }

  async function send(item) {
    item.state = 'going';
    item.told = '';
    item.upload = new tus.Upload(item.file, {
      endpoint: word.endpoint, chunkSize: CHUNK, retryDelays: DELAYS, urlStorage: storage,
      removeFingerprintOnSuccess: false, fingerprint: () => Promise.resolve(mark(item)),
      metadata: { filename: item.file.name, relativePath: item.path, batch, filetype: item.file.type || 'file' },
      onShouldRetry: (error) => {
        const status = error.originalResponse ? error.originalResponse.getStatus() : 0;
        const again = !status || (status >= 500 && status !== 507) || status === 409 || status === 423;
        if (again) item.told = word.again;
        return again;
      },
      onProgress: (sent) => {
        item.sent = sent;
        item.told = '';
      },
      onError: (error) => {
        const answer = error.originalResponse, status = answer ? answer.getStatus() : 0;
        item.state = status >= 400 && status < 500 && status !== 401 ? 'refused' : 'failed';
        item.told = answer && answer.getBody() || word.again;
        pump();
        failed();
      },
      onSuccess: () => {
        item.state = 'done';
        item.sent = item.file.size;
        item.upload = null;
        pump();
      },
    });
    const before = await item.upload.findPreviousUploads();
    if (before.length) item.upload.resumeFromPreviousUpload(before[0]);
    if (item.state === 'going') item.upload.start();
  }

  function failed() {
    const count = items.filter((item) => item.state === 'failed').length;
    if (!count || items.some((item) => item.state === 'going')) return;
    note(fill(word.failed, { count }));
    paused = true;
    show();
  }

  function finished() {
    const form = at('then');
    if (!items.some((item) => item.state === 'done')) return;
    form.action = word.recognise.replace('UID', batch);
    if (items.some((item) => item.state === 'refused')) {
      form.querySelector('button').hidden = false;
      note(word.all);
      return;
    }
    items = [];
    form.submit();
  }

  function show() {
    const bytes = items.reduce((sum, item) => sum + item.file.size, 0), sent = items.reduce((sum, item) => sum + item.sent, 0);
    const now = performance.now();
    rate = [...rate.filter(([when]) => now - when < 15000), [now, sent]];
    const [[first, from]] = rate, speed = now - first > 1500 ? (sent - from) / (now - first) * 1000 : 0;
    const done = items.filter((item) => item.state === 'done').length;
    let text = fill(word.total, { done: gb(sent), total: gb(bytes), count: done, files: items.length });
    if (speed > 0 && !paused && sent < bytes) text += ` · ${fill(word.left, { time: seconds((bytes - sent) / speed) })}`;
    at('total').textContent = text;
    at('bar').value = bytes ? sent / bytes : 0;
    at('pause').hidden = paused || done === items.length;
    at('resume').hidden = !paused;
    rows();
  }

  const shown = new Map();
  function rows() {
    const order = ['refused', 'failed', 'going', 'waiting'];
    const wanted = order.flatMap((state) => items.filter((item) => item.state === state)).slice(0, ROWS);
    for (const [item, row] of shown) {
      if (!wanted.includes(item)) {
        row.remove();
        shown.delete(item);
      }
    }
    wanted.forEach((item) => {
      if (!shown.has(item)) {
        const row = document.createElement('li');
        row.append(document.createElement('span'), document.createElement('progress'), document.createElement('em'));
        row.children[0].textContent = item.path;
        row.children[1].setAttribute('aria-label', item.path);
        at('list').append(row);
        shown.set(item, row);
      }
      const row = shown.get(item);
      row.className = item.state;
      row.children[1].value = item.file.size ? item.sent / item.file.size : 0;
      row.children[1].hidden = item.state === 'refused';
      row.children[2].textContent = item.told || (item.state === 'waiting' ? word.waiting : `${gb(item.sent)} / ${gb(item.file.size)} GB`);
    });
    const more = items.filter((item) => order.includes(item.state)).length - wanted.length;
    at('list').dataset.more = more > 0 ? fill(word.more, { count: more }) : '';
  }

  at('files').addEventListener('change', (event) => {
    chosen([...event.target.files].map((file) => ({ file, path: file.name })));
    event.target.value = '';
  });
  at('folder').addEventListener('change', (event) => {
    chosen([...event.target.files].map((file) => ({ file, path: file.webkitRelativePath || file.name })));
    event.target.value = '';
  });

  async function inside(entry, path) {
    if (entry.isFile) return [{ file: await new Promise((ok, no) => entry.file(ok, no)), path: path + entry.name }];
    const reader = entry.createReader(), found = [];
    for (;;) { // a reader gives a hundred or so at a time
      const some = await new Promise((ok, no) => reader.readEntries(ok, no));
      if (!some.length) return found;
      for (const one of some) found.push(...await inside(one, `${path}${entry.name}/`));
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
    for (const entry of entries) found.push(...await inside(entry, '').catch(() => []));
    chosen(found);
  });

  at('pause').addEventListener('click', () => {
    paused = true;
    items.filter((item) => item.state === 'going').forEach((item) => {
      item.state = 'waiting';
      item.upload.abort();
    });
    show();
  });
  async function goOn() {
    if (!paused) return;
    paused = false;
    rate = [];
    note('');
    items.forEach((item) => { if (item.state === 'failed') item.state = 'waiting'; });
    if (!batch && !await begun()) return;
    pump();
  }
  at('resume').addEventListener('click', goOn);
  window.addEventListener('online', () => { if (items.some((item) => item.state === 'failed')) goOn(); });
  at('stop').addEventListener('click', async () => {
    paused = true;
    const going = items.filter((item) => item.upload && ['going', 'waiting', 'failed'].includes(item.state));
    items = [];
    await Promise.all(going.map((item) => item.upload.abort(true).catch(() => null)));
    window.location.reload();
  });
  window.addEventListener('beforeunload', (event) => { if (items.some((item) => item.state === 'going')) event.preventDefault(); });
  setInterval(() => { if (items.length) show(); }, 500);
})();
