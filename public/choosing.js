// Below the composer: whom the next messages go to, and the settings of the chat. In it: @ offers the operators, / the commands, by
// keyboard or mouse. What a command answers is shown above it. Whom and what there is comes from the server (chat/choosing.py).
(() => {
  const { make, icon } = window.staffwork;
  const GEAR = 'M4 7h10M18 7h2M4 17h2M10 17h10M14 5v4M6 15v4';
  const LOST = 'The server cannot be reached just now. Nothing was changed; try again in a moment.';
  let view = { to: '', staff: [], commands: [], longest: Infinity };
  let said = null;

  const composer = () => document.getElementById('message-composer');
  const input = () => document.getElementById('chat-input');
  const conversation = () => (location.pathname.match(/^\/thread\/([A-Za-z0-9_-]+)$/) ?? [])[1] ?? '';
  const tell = (what) => window.postMessage(what, location.origin); // Chainlit's page hands it to the server

  // --- whom it goes to, and the settings -------------------------------------------------------------------------------

  const bar = () => {
    const people = [['', 'Chief of Staff'], ...view.staff.map(({ name, title }) => [name, title])];
    const choices = people.map(([value, title]) => make('option', { value, selected: value === view.to }, title));
    const who = make('select', { id: 'talk-to', 'aria-label': 'Whom your messages go to' }, ...choices);
    who.addEventListener('change', () => tell({ talkTo: who.value ? [who.value] : [] }));
    const settings = make('button', { type: 'button', id: 'chat-settings', class: 'choosing-tool', onclick: () => panel() }, icon(GEAR), 'Settings');
    const what = view.staff.find(({ name }) => name === view.to)?.when ?? '';
    return make('div', { id: 'choosing' }, make('label', { for: 'talk-to' }, 'To'), who, make('span', { class: 'choosing-what', title: what }, what), settings);
  };

  const draw = () => {
    const home = composer();
    if (!home || !view.staff.length) return;
    const state = JSON.stringify([view.to, view.staff.map(({ name }) => name)]);
    const old = document.getElementById('choosing');
    if (!old || old.dataset.state !== state || home.nextElementSibling !== old) {
      old?.remove();
      const fresh = bar();
      fresh.dataset.state = state;
      home.after(fresh);
    }
    const shown = document.getElementById('said');
    if (said && shown?.dataset.key !== said.key) {
      shown?.remove();
      home.before(answer(said));
    } else if (!said) shown?.remove();
  };

  // The page of settings is the panel: its form is fetched, and sent back, as it is.
  const panel = async () => {
    const about = conversation();
    const dialog = make('dialog', { id: 'choosing-panel', 'aria-label': 'Settings of the chat' });
    const close = () => dialog.close();
    const body = make('div', { class: 'choosing-body' });
    const shut = make('button', { type: 'button', class: 'choosing-tool', onclick: close }, 'Close');
    const title = make('h2', {}, 'Settings');
    let place = '';
    const load = async (from, options) => {
      try {
        const page = await fetch(from, options);
        take(new DOMParser().parseFromString(await page.text(), 'text/html'));
      } catch {
        body.prepend(make('p', { class: 'choosing-problem', role: 'alert' }, LOST));
      }
    };
    const take = (page) => {
      const words = (name) => page.querySelector(`p.${name}:not([hidden])`)?.textContent ?? '';
      const form = page.getElementById('choices');
      const notes = [['said', 'status', 'choosing-said'], ['problem', 'alert', 'choosing-problem']].filter(([name]) => words(name));
      body.replaceChildren(...notes.map(([name, role, look]) => make('p', { role, class: look }, words(name))));
      if (!form) return;
      form.addEventListener('submit', (event) => {
        event.preventDefault();
        load('/preferences', { method: 'POST', body: new URLSearchParams(new FormData(form)) });
      });
      body.append(form);
      body.scrollTop = 0;
    };
    const tabs = [['', 'All conversations'], ...(about ? [[about, 'This conversation']] : [])].map(([to, words]) =>
      make('button', { type: 'button', class: 'choosing-tool', 'aria-pressed': 'false', 'data-to': to, onclick: () => show(to) }, words));
    const show = (to) => {
      place = to;
      for (const tab of tabs) tab.setAttribute('aria-pressed', String(tab.dataset.to === place));
      return load(`/preferences?conversation=${encodeURIComponent(to)}`);
    };
    dialog.append(make('div', { class: 'choosing-head' }, title, shut), make('div', { class: 'choosing-tabs' }, ...(tabs.length > 1 ? tabs : [])), body);
    for (const kind of ['keydown', 'paste']) dialog.addEventListener(kind, (event) => event.stopPropagation());
    dialog.addEventListener('click', (event) => event.target === dialog && close());
    dialog.addEventListener('close', () => {
      dialog.remove();
      document.getElementById('chat-settings')?.focus();
    });
    document.body.append(dialog);
    dialog.showModal();
    await show('');
  };

  // --- what a command answered -----------------------------------------------------------------------------------------

  const doing = {
    say: (text) => {
      fill(text);
      setTimeout(() => document.getElementById('chat-submit')?.click(), 60); // when Chainlit's page has seen the words
    },
    talk: (name) => {
      tell({ talkTo: [name] });
      shut();
      input()?.focus();
    },
  };

  const shut = () => {
    said = null;
    draw();
  };

  const line = (item) => {
    const act = item.href
      ? make('a', { class: 'steer-plain', href: item.href, ...(item.href.startsWith('/api/') ? { download: true } : {}) }, item.button)
      : item.button && make('button', { type: 'button', class: 'steer-plain', onclick: () => (item.talk ? doing.talk(item.talk) : doing.say(item.say)) }, item.button);
    return make('li', {}, ...(item.text ? [make('span', {}, item.text)] : []), ...(act ? [act] : []));
  };

  const answer = (one) => {
    const close = make('button', { type: 'button', class: 'choosing-tool', 'aria-label': 'Close', onclick: () => { shut(); input()?.focus(); } }, '×');
    const parts = one.items.length ? [make('ul', { tabindex: '0', 'aria-label': one.title }, ...one.items.map(line))] : [];
    const node = make('section', { id: 'said', 'aria-label': one.title }, make('div', { class: 'choosing-head' }, make('p', { class: 'steer-title' }, one.title), close),
      make('div', { role: 'status' }, ...(one.text ? [make('p', {}, one.text)] : [])), ...parts);
    node.dataset.key = one.key;
    node.addEventListener('keydown', (event) => event.key === 'Escape' && (shut(), input()?.focus()));
    return node;
  };

  // --- completion --------------------------------------------------------------------------------------------------------

  let offer = null; // { items, chosen, from }

  const before = () => {
    const node = input();
    return node && node.selectionStart === node.selectionEnd ? node.value.slice(0, node.selectionStart) : '';
  };

  const found = (text) => {
    const command = text.match(/^\/([a-z]*)$/i);
    if (command) return { typed: command[0], items: view.commands.filter(({ name }) => name.startsWith(command[1].toLowerCase())).map(({ name, takes, words }) => ({ put: `/${name} `, head: `/${name} ${takes}`, words })) };
    const person = text.match(/(?:^|\s)@([\w-]*)$/);
    if (!person) return { typed: '', items: [] };
    const plain = (word) => word.toLowerCase().replace(/[\s_-]/g, '');
    const fits = ({ name, title }) => plain(name).startsWith(plain(person[1])) || plain(title).startsWith(plain(person[1]));
    return { typed: `@${person[1]}`, items: view.staff.filter(fits).map(({ name, title, when }) => ({ put: `@${name} `, head: `@${name} · ${title}`, words: when })) };
  };

  const hide = () => {
    offer = null;
    document.getElementById('offer')?.remove();
    input()?.removeAttribute('aria-activedescendant');
  };

  const look = () => {
    const { typed, items } = found(before());
    if (!items.length || (offer?.closed === typed && typed)) return typed === offer?.closed ? undefined : hide();
    if (JSON.stringify(items) !== JSON.stringify(offer?.items)) offer = { items, chosen: 0, typed };
    offer.typed = typed;
    return list();
  };

  const list = () => {
    document.getElementById('offer')?.remove();
    const rows = offer.items.map((item, n) => {
      const row = make('li', { role: 'option', id: `offer-${n}`, 'aria-selected': String(n === offer.chosen) }, make('strong', {}, item.head), make('span', {}, item.words));
      row.addEventListener('mousedown', (event) => {
        event.preventDefault(); // the composer keeps the focus
        accept(n);
      });
      return row;
    });
    composer().before(make('ul', { id: 'offer', role: 'listbox', 'aria-label': 'Suggestions' }, ...rows));
    input().setAttribute('aria-activedescendant', `offer-${offer.chosen}`);
    rows[offer.chosen].scrollIntoView({ block: 'nearest' });
  };

  const accept = (n) => {
    const { put } = offer.items[n];
    const { typed } = offer;
    hide();
    const end = input().selectionStart;
    input().setSelectionRange(end - typed.length, end);
    document.execCommand('insertText', false, put); // as if it had been typed: Chainlit's page sees it, and it can be undone
  };

  const fill = (text) => {
    const node = input();
    node.focus();
    node.select();
    document.execCommand('insertText', false, text);
    hide();
  };

  document.addEventListener('keydown', (event) => {
    if (!offer || offer.closed || event.target !== input() || event.isComposing) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      offer.chosen = (offer.chosen + step + offer.items.length) % offer.items.length;
      list();
    } else if ((event.key === 'Enter' && !event.shiftKey) || event.key === 'Tab') {
      const { put } = offer.items[offer.chosen];
      if (event.key === 'Enter' && put.trim() === offer.typed) return hide(); // it is whole already: send it
      accept(offer.chosen);
    } else if (event.key === 'Escape') {
      const { typed } = offer;
      hide();
      offer = { closed: typed, items: [] };
    } else return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }, true);
  // What is too long for a message stays in the composer, and it is said why; sent, it would cut the connection.
  const tooLong = (event) => {
    const text = input()?.value ?? '';
    if (text.length <= view.longest || [...text].length <= view.longest) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const [most, here] = [view.longest, [...text].length].map((n) => n.toLocaleString('en-US'));
    said = { title: 'Too long to send', text: `A message has at most ${most} characters; this one has ${here}. Save it as a file and attach that.`, items: [], key: String(performance.now()) };
    draw();
  };
  document.addEventListener('keydown', (event) => event.target === input() && event.key === 'Enter' && !event.shiftKey && tooLong(event), true);
  document.addEventListener('click', (event) => event.target.closest?.('#chat-submit') && tooLong(event), true);
  // Whoever sends the next message has read what the last command answered.
  const sent = () => said && shut();
  document.addEventListener('keydown', (event) => event.target === input() && event.key === 'Enter' && !event.shiftKey && sent(), true);
  document.addEventListener('click', (event) => event.target.closest?.('#chat-submit') && sent(), true);
  document.addEventListener('input', (event) => event.target === input() && look());
  document.addEventListener('focusout', (event) => event.target === input() && hide());

  window.addEventListener('message', (event) => {
    const { source, data } = event;
    if (source !== window || (data?.choosing === undefined && data?.said === undefined)) return;
    event.stopImmediatePropagation(); // Chainlit's page would send it back
    if (data.choosing) {
      view = data.choosing;
      tell({ zone: Intl.DateTimeFormat().resolvedOptions().timeZone || '' }); // what the clock here shows: see /schedule
    }
    if (data.said) said = { ...data.said, key: String(performance.now()) };
    draw();
    if (data.said) document.querySelector('#said button, #said a')?.focus({ preventScroll: true });
  });
  window.staffwork.whenDrawn(draw);
  window.staffwork.choosingIsHere();
  for (const data of window.staffwork.early) window.postMessage(data, location.origin);
})();
