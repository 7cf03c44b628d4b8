// In the head of the chat: a menu of the other pages, as many as one's role opens (/api/me/pages), and what waits in the inbox.
// It is a list of links below a button: Tab and the arrow keys go through it, Escape closes it.
(() => {
  const { make, icon } = window.staffwork;
  const LINES = 'M4 6h16M4 12h16M4 18h16';
  const SHARE = 'M4 12v7a1 1 0 0 0 1 1h14a1 1 0 0 0 1-1v-7M16 6l-4-4-4 4M12 2v13';
  let known = null;

  const load = async () => {
    try {
      const answer = await fetch('/api/me/pages');
      if (answer.ok) known = await answer.json();
    } catch {
      // the server is away: the menu shows what it knew, and asks again when it is opened
    }
    return known;
  };

  const list = make('nav', { id: 'pages-list', class: 'pages-list', 'aria-label': 'Pages', popover: 'auto' });
  const keysItem = () => make('button', { type: 'button', onclick: () => { list.hidePopover(); window.staffwork.showKeys(); } }, 'Keyboard', make('kbd', {}, '?'));
  const draw = () => {
    const links = (known?.pages ?? []).map(({ path, words }) =>
      make('a', { href: path, 'aria-current': path === '/' ? 'page' : false }, words, ...(path === '/inbox' && known.waiting ? [make('span', { class: 'pages-count' }, String(known.waiting))] : [])));
    list.replaceChildren(...links, keysItem());
  };

  list.addEventListener('toggle', async ({ newState }) => {
    document.getElementById('pages-button')?.setAttribute('aria-expanded', String(newState === 'open'));
    if (newState !== 'open') return;
    draw();
    await load();
    const at = Array.from(list.children).indexOf(document.activeElement);
    draw();
    (list.children[Math.max(at, 0)] ?? list).focus();
  });
  list.addEventListener('keydown', (event) => {
    const items = Array.from(list.children);
    const at = items.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    items[(to + items.length) % items.length].focus();
  });

  // Chainlit draws its head anew now and then; our button is put back where it was.
  const place = () => {
    const home = document.querySelector('#header > :last-child');
    if (!home || document.getElementById('pages-button')) return;
    const button = make('button', { type: 'button', id: 'pages-button', class: 'pages-button', popovertarget: 'pages-list', 'aria-expanded': 'false', 'aria-controls': 'pages-list', 'aria-label': 'Pages', title: 'Pages' }, icon(LINES));
    // Where a conversation is shown it is shared, else this leads to one's links (sharing.js).
    const share = make('a', { href: '/shares', class: 'pages-button pages-share', title: 'Share this conversation, or see your links' }, icon(SHARE), make('span', {}, 'Share'));
    home.prepend(share);
    home.append(button);
    if (!list.isConnected) document.body.append(list);
    if (!known) load().then(draw);
  };
  window.staffwork.whenDrawn(place);
})();
