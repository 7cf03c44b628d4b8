// Temporary chats: a switch in the head of an empty chat begins one; in one a line above the composer says what it is, and ends it.
(() => {
  const { make, icon, whenDrawn } = window.staffwork;
  const GHOST = 'M5 21V11a7 7 0 0 1 14 0v10l-3-2-2 2-2-2-2 2-2-2zM9.5 11h.01M14.5 11h.01';
  const PING = 60_000;
  let looked = '';
  let temporary = '';

  const shown = () => (location.pathname.match(/^\/thread\/([A-Za-z0-9_-]+)$/) ?? [])[1] ?? '';

  const begin = async (button) => {
    button.disabled = true;
    const answer = await fetch('/api/conversations/temporary', { method: 'POST' }).catch(() => null);
    if (answer?.ok) location.assign(`/thread/${(await answer.json()).id}`);
    else button.disabled = false;
  };

  const end = async (bar, id) => {
    const problem = bar.querySelector('.temporary-problem');
    bar.querySelectorAll('button').forEach((one) => (one.disabled = true));
    const answer = await fetch(`/api/conversations/${id}`, { method: 'DELETE' }).catch(() => null);
    if (answer && (answer.ok || answer.status === 404)) {
      location.replace('/');
      return;
    }
    problem.textContent = 'It could not be deleted just now. Please try again in a moment.';
    bar.querySelectorAll('button').forEach((one) => (one.disabled = false));
  };

  const bar = (id) => {
    const home = make('div', { id: 'temporary-bar', role: 'note' });
    home.append(
      make('p', {}, make('strong', {}, 'Temporary chat.'), ' Nothing in it is remembered or listed. It is deleted when you end it, or some time after you close it.'),
      make('p', { class: 'temporary-problem', role: 'alert' }),
      make('button', { type: 'button', onclick: () => end(home, id) }, 'End and delete'),
    );
    return home;
  };

  const look = async (id) => {
    looked = id;
    temporary = '';
    if (!id) return;
    try {
      const answer = await fetch(`/api/conversations/${id}`);
      if (answer.ok && (await answer.json()).temporary && id === shown()) temporary = id;
    } catch {
      looked = ''; // the server is away: asked again with the next change of the page
    }
    place();
  };

  const place = () => {
    const composer = document.getElementById('message-composer');
    const old = document.getElementById('temporary-bar');
    if (temporary && composer && !old) composer.before(bar(temporary));
    if (!temporary && old) old.remove();
    document.documentElement.toggleAttribute('data-temporary', Boolean(temporary));
    const home = document.querySelector('#header > :last-child');
    const known = document.getElementById('temporary-button');
    const wanted = home && location.pathname === '/';
    if (wanted && !known) {
      const button = make('button', { type: 'button', id: 'temporary-button', class: 'pages-button', title: 'Temporary chat: nothing of it is kept', 'aria-label': 'Start a temporary chat' }, icon(GHOST), make('span', {}, 'Temporary'));
      button.addEventListener('click', () => begin(button));
      home.prepend(button);
    } else if (!wanted && known) known.remove();
  };

  whenDrawn(() => {
    if (shown() !== looked) look(shown());
    place();
  });
  // As long as a tab has it open it stays.
  setInterval(() => temporary && fetch(`/api/conversations/${temporary}/seen`, { method: 'POST' }).catch(() => null), PING);
})();
