// Above the list of conversations: ways to all of them, those that are pinned, and projects that unfold. Our panel stands before
// Chainlit's list and is never looked at by it. And: going to the line of a conversation where something was found.
(() => {
  const { make, whenDrawn } = window.staffwork;
  let pinned = [];
  let projects = [];
  let loaded = false;

  const get = async (address) => {
    const answer = await fetch(address);
    return answer.ok ? answer.json() : null;
  };

  const talk = ({ id, title }) => make('a', { class: 'order-talk', href: `/thread/${id}` }, title || 'Untitled');

  const fill = async (details, id) => {
    const found = await get(`/api/conversations?project=${encodeURIComponent(id)}&limit=30`).catch(() => null);
    const list = details.querySelector('.order-inside');
    if (!found) list.replaceChildren(make('p', { class: 'order-note' }, 'Cannot be reached just now.'));
    else if (found.conversations.length) list.replaceChildren(...found.conversations.map(talk));
    else list.replaceChildren(make('p', { class: 'order-note' }, 'Nothing in it yet.'));
  };

  const folder = ({ id, name, count }) => {
    const details = make('details', { class: 'order-project' }, make('summary', {}, make('span', {}, name), make('span', { class: 'order-count' }, String(count))), make('div', { class: 'order-inside' }));
    details.addEventListener('toggle', () => details.open && fill(details, id));
    return details;
  };

  const notify = () => {
    if (!('Notification' in window) || Notification.permission !== 'default') return [];
    const button = make('button', { type: 'button', class: 'order-way', onclick: async () => { await Notification.requestPermission(); draw(); } }, 'Notify me when work is done');
    return [button];
  };

  const panel = make('nav', { id: 'order-panel', 'aria-label': 'Pinned conversations and projects' });
  const draw = () => {
    panel.replaceChildren(
      make('a', { class: 'order-way', href: '/conversations' }, 'All conversations'),
      ...notify(),
      ...(pinned.length ? [make('h2', {}, 'Pinned'), ...pinned.map(talk)] : []),
      ...(projects.length ? [make('h2', {}, 'Projects'), ...projects.map(folder)] : []),
    );
  };

  const load = async () => {
    loaded = true;
    try {
      const [first, second] = await Promise.all([get('/api/conversations?which=pinned&limit=20'), get('/api/projects')]);
      pinned = first?.conversations ?? [];
      projects = second?.projects ?? [];
      draw();
    } catch {
      loaded = false; // the server is away: with the next change of the page
    }
  };

  // On the way to what was found: by the address (/search), or by the search box, which names the line it found.
  const found = new Map();
  const fetched = window.fetch;
  window.fetch = async (resource, options) => {
    const answer = await fetched(resource, options);
    if (String(resource.url ?? resource).endsWith('/project/threads') && answer.ok && typeof options?.body === 'string' && JSON.parse(options.body).filter?.search) {
      const { data } = await answer.clone().json();
      found.clear();
      for (const { id, metadata } of data ?? []) if (metadata?.at) found.set(`/thread/${id}`, { at: metadata.at, until: Date.now() + 60_000 });
    }
    return answer;
  };

  const wanted = () => {
    const asked = (location.hash.match(/^#at=([A-Za-z0-9_,-]+)$/) ?? [])[1];
    if (asked) {
      history.replaceState(history.state, '', location.pathname);
      return asked;
    }
    const one = found.get(location.pathname);
    found.delete(location.pathname);
    return one && one.until > Date.now() ? one.at : '';
  };
  const go = () => {
    const asked = wanted();
    if (asked) window.staffwork.goTo(asked.split(',').filter(Boolean)); // see earlier.js
  };

  // What is told of a conversation may name it better than the list does; where one is shown, the server has the list asked for again.
  let named = '';
  let tries = 0;
  window.addEventListener('staffwork:news', ({ detail }) => {
    const other = detail.unread.filter(({ conversation_id: id, title: name }) => {
      const shown = document.querySelector(`#thread-history a[href="/thread/${CSS.escape(id)}"] .truncate`)?.textContent.trim();
      return shown && name && shown !== name.trim();
    });
    const asked = other.map((one) => `${one.conversation_id} ${one.title}`).join(' ');
    tries = asked === named ? tries + 1 : 0; // the connection may not be there yet
    named = asked;
    if (asked && tries < 5) window.postMessage({ titles: true }, location.origin);
  });

  whenDrawn(() => {
    const list = document.getElementById('thread-history');
    if (list && !panel.isConnected) {
      list.before(panel);
      draw();
    }
    if (list && !loaded) load();
    go();
  });
  const ticking = setInterval(go, 500);
  window.addEventListener('pagehide', () => clearInterval(ticking));
  document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && load());
})();
