/* Sends files by the tus protocol, a few at a time; what was begun before goes on where it was. */
'use strict';
(() => {
  const AT_ONCE = 3, CHUNK = 32 * 2 ** 20, KEPT_MS = 14 * 864e5, KNOWN_MS = 6e5;
  const DELAYS = [0, 1000, 3000, 5000, 10000, 20000, 30000, 60000, 60000, 60000];
  const box = document.getElementById('uploader');
  if (!box || !window.tus) return;
  const word = box.dataset, at = (id) => document.getElementById(id), token = document.querySelector('#then input[name=csrfmiddlewaretoken]');
  const { show: list, fill } = window.roadUploadList(word);
  let items = [], paused = false, out = false, over = false, batch = '';

  // What the browser remembers of uploads, read once: to look through all of it for each of 10,000 files takes minutes.
  // Where it has no room for one, the upload goes on without.
  const kept = tus.defaultOptions.urlStorage, byMark = new Map(), markOf = (key) => key.replace(/^tus::|::[^:]*$/g, '');
  const remember = (mark, upload) => byMark.set(mark, [...(byMark.get(mark) || []), upload]);
  const read = kept.findAllUploads().then((all) => all.forEach((one) => {
    if (Date.now() - new Date(one.creationTime) > KEPT_MS) kept.removeUpload(one.urlStorageKey);
    else remember(markOf(one.urlStorageKey), one);
  }));
  const storage = {
    findAllUploads: () => kept.findAllUploads(),
    findUploadsByFingerprint: async (mark) => {
      await read;
      return byMark.get(mark) || [];
    },
    removeUpload: (key) => {
      byMark.delete(markOf(key));
      return kept.removeUpload(key);
    },
    addUpload: async (mark, upload) => {
      const key = await kept.addUpload(mark, upload).catch(() => null);
      if (key) remember(mark, { ...upload, urlStorageKey: key });
      return key;
    },
  };
  const mark = (item) => `rd-${word.user}-${item.path}-${item.file.size}-${item.file.lastModified}`;
  const some = (...states) => items.some((item) => states.includes(item.state));

  function note(text) {
    at('note').textContent = text;
    at('note').hidden = !text;
  }
  function show() {
    list(items, paused);
    at('pause').hidden = paused || over;
    at('resume').hidden = !paused || out;
    at('stop').hidden = over;
  }

  function take(fresh, useless, unread) {
    const had = new Set(items.map(mark));
    at('going').hidden = false;
    fresh.forEach((one) => {
      const item = { ...one, sent: 0, state: one.file.size ? 'waiting' : 'refused', told: one.file.size ? '' : word.empty };
      if (!had.has(mark(item))) items.push(item);
    });
    const said = [unread ? fill(word.unread, { count: unread }) : '', useless ? fill(word.useless, { count: useless }) : ''];
    note([fresh.length ? '' : word.none, ...said].filter(Boolean).join(' '));
    if (some('waiting')) goOn();
    else show();
  }

  // Whether the server still knows who this is; the form's token is then as new as the log-in.
  async function known() {
    const answer = await fetch(window.location.pathname).catch(() => null);
    if (!answer || answer.status >= 500) return 'away';
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html'), fresh = page.getElementById('uploader');
    if (!fresh) return 'out';
    if (fresh.dataset.user !== word.user) window.location.reload();
    token.value = page.querySelector('#then input[name=csrfmiddlewaretoken]').value;
    return 'in';
  }
  // Logging in again stays on this page, which alone has the files that were chosen.
  function logIn() {
    paused = out = true;
    at('out').hidden = false;
    at('log-in').src = word.login;
    show();
    at('out').scrollIntoView();
  }
  at('log-in').addEventListener('load', async () => {
    if (!out || await known() !== 'in') return;
    out = false;
    at('out').hidden = true;
    goOn();
  });

  // The batch that these files were begun in, if the server still knows it; else a new one.
  async function begun() {
    for (const item of items.slice(0, 200)) {
      const before = (await storage.findUploadsByFingerprint(mark(item)))[0];
      if (!before) continue;
      const answer = await fetch(before.uploadUrl, { method: 'HEAD', headers: { 'Tus-Resumable': '1.0.0' } }).catch(() => null);
      if (answer && answer.ok) {
        batch = before.metadata.batch;
        return;
      }
      if (answer && answer.status === 404) await storage.removeUpload(before.urlStorageKey);
    }
    const bytes = items.reduce((sum, item) => sum + item.file.size, 0);
    const answer = await fetch(word.begin, { method: 'POST', headers: { 'X-CSRFToken': token.value }, body: new URLSearchParams({ bytes }) })
      .catch(() => null);
    const told = answer && (answer.headers.get('Content-Type') || '').startsWith('application/json') ? await answer.json() : {};
    batch = told.batch || '';
    if (!batch) note(told.error || word.again);
  }

  async function goOn() {
    paused = true;
    show();
    const who = await known();
    if (who === 'out') {
      logIn();
      return;
    }
    if (who === 'in' && !batch) await begun();
    if (who === 'away') note(word.again);
    if (!batch || who === 'away') return;
    paused = false;
    items.forEach((item) => { if (item.state === 'failed') item.state = 'waiting'; });
    pump();
  }

  function pump() {
    if (paused) return;
    let free = AT_ONCE - items.filter((one) => one.state === 'going').length;
    for (const item of items) {
      if (free <= 0) break;
      if (item.state !== 'waiting') continue;
      send(item);
      free -= 1;
    }
    over = !some('going', 'waiting', 'failed');
    if (!over) return; // the page follows twice a second
    show();
    finished();
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
      onError: (error) => failed(item, error.originalResponse),
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

  function failed(item, answer) {
    const status = answer ? answer.getStatus() : 0;
    item.state = status >= 400 && status < 500 && status !== 401 ? 'refused' : 'failed';
    item.told = answer && answer.getBody() || word.again;
    pump();
    if (status === 401 && !out) logIn();
    if (out || some('going') || !some('failed')) return;
    note(fill(word.failed, { count: items.filter((one) => one.state === 'failed').length }));
    paused = true;
    show();
  }

  async function finished() {
    const form = at('then'), done = items.filter((item) => item.state === 'done').length;
    if (!done) return;
    form.action = word.recognise.replace('UID', batch);
    if (done < items.length) {
      form.querySelector('button').hidden = false;
      note(fill(word.all, { count: done, bad: items.length - done }));
    } else if (await known() === 'in') {
      items = [];
      form.submit();
    } else logIn();
  }

  window.roadChosen(box, take, () => {
    at('going').hidden = false;
    note(word.reading);
  });
  at('pause').addEventListener('click', () => {
    paused = true;
    items.filter((item) => item.state === 'going').forEach((item) => {
      item.state = 'waiting';
      item.upload.abort();
    });
    show();
  });
  at('resume').addEventListener('click', () => {
    note('');
    goOn();
  });
  const back = () => { if (!document.hidden && !out && some('failed') && !some('going')) goOn(); };
  window.addEventListener('online', back);
  document.addEventListener('visibilitychange', back);
  at('stop').addEventListener('click', async () => {
    if (!window.confirm(word.sure)) return;
    paused = true;
    const going = items.filter((item) => item.upload && ['going', 'waiting', 'failed'].includes(item.state));
    items = [];
    await Promise.all(going.map((item) => item.upload.abort(true).catch(() => null)));
    window.location.reload();
  });
  window.addEventListener('beforeunload', (event) => { if (some('going')) event.preventDefault(); });
  setInterval(() => { if (items.length) show(); }, 500);
  setInterval(() => { if (some('going')) known(); }, KNOWN_MS); // a long upload keeps its log-in
})();
