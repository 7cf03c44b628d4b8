// Under each file in the chat: how far it was read, how it is used (which can be changed), and who was given it. All of it is asked
// of the server, so it is the same after a reload and in another tab; while a file is being read, it is asked again.
(() => {
  const { make } = window.staffwork;
  const FILES = 'a.inline-file[href^="/files/attachment/"], img[src^="/files/attachment/"]';
  const USES = { text: 'full text', search: 'search', tools: 'file for tools' };
  const OF_PICTURES = { text: 'shown to models', tools: 'file for tools' };
  const PICTURE = { text: 'A picture: models that can see are shown it', tools: 'A picture, left to operators and their tools' };
  const usesOf = (name) => (/\.(png|jpe?g|gif|webp)$/i.test(name) ? OF_PICTURES : USES);
  const DONE = ['indexed', 'unreadable'];
  const cards = new Map(); // file id -> its node

  document.head.append(Object.assign(document.createElement('link'), { rel: 'stylesheet', href: '/public/file_cards.css' }));

  const counted = (n, thing) => `${n.toLocaleString('en')} ${thing}${n === 1 ? '' : 's'}`;
  const read = ({ pages, characters }) =>
    [pages ? counted(pages, 'page') : '', characters === null ? '' : counted(characters, 'character')].filter(Boolean).join(', ');
  const state = (file) =>
    ({
      received: 'Received',
      checked: 'Checked, being read …',
      parsed: `Read: ${read(file)}; being indexed …`,
      indexed: `Indexed: ${read(file)}${file.problem ? `. ${file.problem}` : ''}`,
    })[file.status] ?? file.problem;
  const given = ({ operators }) => {
    const names = Object.keys(operators);
    return names.length ? `Given to ${names.join(', ')}` : '';
  };

  const words = (node, text) => {
    if (node.textContent !== text) node.textContent = text;
  };

  const show = (card, file) => {
    const [about, who, choice] = card.children;
    const uses = usesOf(file.name);
    words(about, uses === OF_PICTURES && file.problem.includes(' is a picture:') ? PICTURE[file.use] : state(file));
    about.classList.toggle('wrong', file.status === 'unreadable' && file.use !== 'tools' && uses !== OF_PICTURES);
    words(who, given(file));
    const select = choice.querySelector('select');
    words(select.options[0], `as usual (${uses[file.use]})`);
    if (file.chosen) words(select.options[0], 'as usual');
    if (document.activeElement !== select) select.value = file.chosen;
    choice.hidden = false;
  };

  const later = new Map(); // file id -> the timer by which it is asked for again

  const refresh = async (id, pause = 1000) => {
    clearTimeout(later.get(id));
    later.delete(id);
    const card = cards.get(id);
    if (!card?.isConnected) {
      cards.delete(id);
      return;
    }
    const answer = await fetch(`/api/files/${encodeURIComponent(id)}`).catch(() => null);
    if (answer?.status === 404) {
      words(card.children[0], 'Deleted');
      card.children[2].hidden = true;
      return;
    }
    const file = answer?.ok ? await answer.json() : null;
    if (file) show(card, file);
    if (!file || !DONE.includes(file.status)) later.set(id, setTimeout(() => refresh(id, Math.min(pause * 1.5, 10_000)), pause));
  };

  const choose = async (id, select) => {
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify({ use: select.value });
    const answer = await fetch(`/api/files/${encodeURIComponent(id)}`, { method: 'PATCH', headers, body }).catch(() => null);
    const said = answer && (await answer.json());
    select.blur();
    if (answer?.ok) show(cards.get(id), said);
    else words(cards.get(id).children[0], said?.detail ?? 'The server does not answer. Try again.');
  };

  const build = (id, name) => {
    const select = make('select', { 'aria-label': `How ${name} is used`, onchange: () => choose(id, select) });
    for (const [value, text] of Object.entries({ '': 'as usual', ...usesOf(name) })) select.append(make('option', { value }, text));
    const choice = make('p', {}, 'Use: ', select);
    choice.hidden = true;
    return make('div', { class: 'file-card', 'data-file': id }, make('p', { role: 'status' }, ''), make('p', {}, ''), choice);
  };

  const look = (fresh) => {
    for (const node of fresh(FILES)) {
      const id = (node.getAttribute('href') ?? node.getAttribute('src')).split('/')[3];
      const home = node.closest('a.inline-file, .inline-image') ?? node;
      const beside = home.parentElement;
      if (beside.querySelector(`:scope > .file-card[data-file="${CSS.escape(id)}"]`)) continue;
      const card = build(id, node.getAttribute('download') ?? node.getAttribute('alt') ?? 'this file');
      cards.set(id, card);
      beside.append(card);
      refresh(id);
    }
  };
  window.staffwork.whenDrawn(look);

  let soon = 0;
  window.addEventListener('staffwork:steering', () => {
    soon ||= setTimeout(() => { soon = 0; for (const id of cards.keys()) refresh(id); }, 1000); // somebody may have been given a file
  });
})();
