// The header's "Share" leads to the conversation that is shown, or where none is, to the list of one's links.
(() => {
  document.addEventListener('click', (event) => {
    const link = event.target.closest?.('a[href="/shares"]');
    const shown = (location.pathname.match(/^\/thread\/([A-Za-z0-9_-]+)$/) ?? [])[1];
    if (!link || !shown || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    location.assign(`/shares/new?conversation=${encodeURIComponent(shown)}`);
  }, true);
})();
