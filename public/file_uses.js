// How a file will be used can be chosen before it is sent: below the files in the composer each has a line of its own. What is chosen
// goes to the server at once, under the id the upload was given, and counts when the message is sent.
(() => {
  const { make } = window.staffwork;
  const USES = { '': 'as usual', text: 'full text', search: 'search', tools: 'file for tools' };
  const OF_PICTURES = { '': 'as usual', text: 'shown to models', tools: 'file for tools' };
  const HINT = 'Full text: given to the Chief whole. Search: only the passages that fit. File for tools: operators open it themselves.';
  const uploads = []; // { id, name } in the order in which they came
  const chosen = new Map(); // upload id -> use

  // Chainlit's page sends a file with XMLHttpRequest; the answer names the upload.
  const { open, send } = XMLHttpRequest.prototype;
  XMLHttpRequest.prototype.open = function (method, address, ...more) {
    this.staffworkUpload = new URL(address, location.href).pathname.endsWith('/project/file');
    return open.call(this, method, address, ...more);
  };
  XMLHttpRequest.prototype.send = function (body) {
    const name = this.staffworkUpload && body instanceof FormData ? body.get('file')?.name : '';
    if (name) {
      this.addEventListener('load', () => {
        try {
          uploads.push({ id: JSON.parse(this.responseText).id, name });
          setTimeout(draw, 50); // when the page has read the answer, too
        } catch {
          // no upload: the page itself says why
        }
      });
    }
    return send.call(this, body);
  };

  // Chips have names only: of several with one name, the last uploads with it are meant, in order.
  const waiting = () => {
    const chips = document.querySelectorAll('#message-composer #attachments > div');
    const names = Array.from(chips, (chip) => (chip.querySelector('img[alt]')?.alt ?? chip.querySelector('span')?.textContent ?? '').trim());
    const seen = new Map();
    return names.flatMap((name) => {
      const same = uploads.filter((upload) => upload.name === name);
      const many = names.filter((other) => other === name).length;
      const place = seen.get(name) ?? 0;
      seen.set(name, place + 1);
      const found = same.slice(-many)[place];
      return found ? [found] : [];
    });
  };

  const line = ({ id, name }) => {
    const uses = /\.(png|jpe?g|gif|webp)$/i.test(name) ? OF_PICTURES : USES;
    const options = Object.entries(uses).map(([value, text]) => make('option', { value, selected: value === (chosen.get(id) ?? '') }, text));
    const select = make('select', { 'aria-label': `How ${name} is used`, title: HINT }, ...options);
    select.addEventListener('change', () => {
      chosen.set(id, select.value);
      window.postMessage({ useOf: [id, select.value] }, location.origin); // Chainlit's page hands it to the server
    });
    // The name stands in the composer once, on the file itself; here the style sheet shows it, and the choice is named after it.
    return make('li', {}, make('span', { class: 'file-use-name', title: name, 'data-name': name, 'aria-hidden': 'true' }), select);
  };

  const draw = () => {
    const files = waiting();
    const old = document.getElementById('file-uses');
    const state = JSON.stringify(files);
    if (old?.dataset.state === state) return;
    old?.remove();
    const home = document.querySelector('#message-composer #attachments');
    if (!files.length || !home) return;
    const fresh = make('ul', { id: 'file-uses', 'aria-label': 'How these files are used' }, ...files.map(line));
    fresh.dataset.state = state;
    home.parentElement.append(fresh);
  };

  window.staffwork.whenDrawn(draw);
})();
