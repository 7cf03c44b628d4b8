// The header's "Share" leads to the conversation that is shown, or where none is, to the list of one's links.
//
// Chainlit's login always ends at the empty chat. Whoever signed in to open a link (api/shared.py set a cookie) is led to it.
(() => {
  document.addEventListener('click', (event) => {
    const link = event.target.closest?.('a[href="/shares"]');
    const shown = (location.pathname.match(/^\/thread\/([A-Za-z0-9_-]+)$/) ?? [])[1];
    if (!link || !shown || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    location.assign(`/shares/new?conversation=${encodeURIComponent(shown)}`);
  }, true);

  const wanted = () => (document.cookie.match(/(?:^|; )link_after_login=([A-Za-z0-9_-]{43})(?:;|$)/) ?? [])[1];
  if (!wanted()) return;
  let led = false;
  window.staffwork.whenDrawn(() => {
    if (led || location.pathname !== '/' || !document.getElementById('chat-input')) return;
    led = true;
    const token = wanted();
    document.cookie = 'link_after_login=; Max-Age=0; Path=/; SameSite=Lax';
    if (token) location.replace(`/s/${token}`);
  });
})();
