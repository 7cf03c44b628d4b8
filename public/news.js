// What happened while nobody looked: a mark in the list, a number in the title and beside the inbox, and a notification if one
// asked for it. One tab of a browser asks the server every few seconds, and tells the others. Only attributes of Chainlit's nodes
// are set.
(() => {
  const { make, icon, whenDrawn } = window.staffwork;
  const EVERY = 8_000;
  const INBOX = 'M3 13l3-9h12l3 9v6a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1zM3 13h5l2 3h4l2-3h5';
  const WORDS = { completed: 'is done', failed: 'failed', needs_you: 'needs you' };
  const channel = 'BroadcastChannel' in window ? new BroadcastChannel('staffwork-news') : null;
  let known = { unread: [], waiting: 0 };
  let told = new Date().toISOString(); // what is newer is announced
  let leading = false;

  const shown = () => (location.pathname.match(/^\/thread\/([A-Za-z0-9_-]+)$/) ?? [])[1] ?? '';

  const seen = (id) => fetch(`/api/conversations/${id}/seen`, { method: 'POST', keepalive: true }).catch(() => null);

  // A word for those who listen, a mark for those who look.
  const mark = () => {
    const fresh = new Map(known.unread.map((one) => [one.conversation_id, one.what]));
    for (const link of document.querySelectorAll('a[href^="/thread/"]')) {
      const what = fresh.get(link.getAttribute('href').slice(8));
      if (what && link.dataset.unread !== what) {
        link.dataset.unread = what;
        link.setAttribute('aria-description', `Unread: ${WORDS[what] ?? 'new'}`);
      } else if (!what && link.dataset.unread) {
        delete link.dataset.unread;
        link.removeAttribute('aria-description');
      }
    }
  };

  const title = () => {
    const bare = document.title.replace(/^\(\d+\) /, '');
    const wanted = known.unread.length ? `(${known.unread.length}) ${bare}` : bare;
    if (document.title !== wanted) document.title = wanted;
  };

  const place = () => {
    const home = document.querySelector('#header > :last-child');
    let link = document.getElementById('inbox-link');
    if (home && !link) {
      link = make('a', { id: 'inbox-link', class: 'pages-button inbox-link', href: '/inbox' }, icon(INBOX), make('span', { class: 'inbox-count', hidden: true }));
      home.prepend(link);
    }
    if (!link) return;
    const label = known.waiting ? `Inbox: ${known.waiting} waiting for you` : 'Inbox: nothing waits for you';
    if (link.title === label) return;
    link.title = label;
    link.setAttribute('aria-label', label);
    const count = link.querySelector('.inbox-count');
    count.textContent = known.waiting > 99 ? '99+' : String(known.waiting);
    count.hidden = !known.waiting;
  };

  const announce = () => {
    const news = known.unread.filter((one) => one.at > told);
    told = known.unread.reduce((latest, one) => (one.at > latest ? one.at : latest), told);
    if (!leading || !document.hidden || !('Notification' in window) || Notification.permission !== 'granted') return;
    for (const one of news.slice(0, 3)) {
      const note = new Notification('Staffwork', { body: `“${one.title}” ${WORDS[one.what] ?? 'has news'}.`, tag: one.conversation_id, icon: '/favicon' });
      note.onclick = () => {
        window.focus();
        location.assign(one.what === 'needs_you' ? '/inbox' : `/thread/${one.conversation_id}`);
      };
    }
  };

  const take = (news) => {
    known = news;
    const here = shown();
    if (here && document.visibilityState === 'visible' && known.unread.some((one) => one.conversation_id === here)) {
      known = { ...known, unread: known.unread.filter((one) => one.conversation_id !== here) };
      seen(here);
    }
    announce();
    mark();
    title();
    place();
    window.dispatchEvent(new CustomEvent('staffwork:news', { detail: known }));
  };

  const ask = async () => {
    if (location.pathname === '/login') return; // nobody is signed in
    try {
      const answer = await fetch('/api/news');
      if (!answer.ok) return;
      const news = await answer.json();
      channel?.postMessage(news);
      take(news);
    } catch {
      // the server is away: asked again in a moment
    }
  };

  channel?.addEventListener('message', ({ data }) => (data === 'ask' ? leading && ask() : take(data)));
  const lead = async () => {
    leading = true;
    for (;;) {
      await ask();
      await new Promise((done) => setTimeout(done, EVERY));
    }
  };
  // Where there are no locks (a page opened over plain http) each tab asks for itself.
  if (navigator.locks) navigator.locks.request('staffwork-news', lead);
  else lead();

  const again = () => (leading || !channel ? ask() : channel.postMessage('ask'));
  // Whoever leaves a conversation has seen what stood there until then.
  const leave = (id) => id && document.visibilityState === 'visible' && seen(id);
  window.addEventListener('pagehide', () => leave(shown()));
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') {
      take(known);
      again();
    } else if (shown()) seen(shown());
  });
  let before = '';
  whenDrawn(() => {
    if (shown() !== before) {
      leave(before);
      before = shown();
      if (before) take(known);
    }
    mark();
    title();
    place();
  });
  window.addEventListener('pageshow', ({ persisted }) => persisted && again());
  window.staffwork.news = () => known;
})();
