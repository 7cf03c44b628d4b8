// Pages of ours follow the theme that was chosen in the chat; without a choice, and without this script, they follow the system. It runs
// when the style sheets are there and before anything is drawn: what they ask of the system is answered by what was chosen.
(() => {
  const ASKS = /\(prefers-color-scheme:\s*(dark|light)\)/g;
  const asked = new Map(); // list of media, or node with one -> what it said
  let theme = '';

  const chosen = () => {
    try {
      const kept = localStorage.getItem('vite-ui-theme');
      return kept === 'dark' || kept === 'light' ? kept : '';
    } catch {
      return ''; // the browser keeps nothing for us
    }
  };
  const answered = (words) => (theme ? words.replace(ASKS, (_, which) => (which === theme ? '(min-width: 0px)' : '(max-width: 0px)')) : words);
  const answer = (one, name) => {
    if (!asked.has(one)) asked.set(one, one[name]);
    const words = answered(asked.get(one));
    if (one[name] !== words) one[name] = words;
  };

  const nodes = () => {
    for (const node of document.querySelectorAll('source[media], meta[media]')) answer(node, 'media');
  };
  const rules = () => {
    for (const sheet of document.styleSheets) for (const rule of sheet.cssRules) if (rule.media) answer(rule.media, 'mediaText');
  };
  const apply = () => {
    theme = chosen();
    document.documentElement.style.colorScheme = theme;
    rules();
    nodes();
  };

  apply();
  const watch = new MutationObserver(nodes); // pictures, as they come
  watch.observe(document.documentElement, { childList: true, subtree: true });
  document.addEventListener('DOMContentLoaded', () => {
    apply();
    watch.disconnect();
  });
  window.addEventListener('storage', ({ key }) => key === 'vite-ui-theme' && apply());
})();
