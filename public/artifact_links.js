// A link to an artifact in the chat says which version it leads to, and if there is a newer one by now. Only attributes are set
// (staffwork.css shows them), since the nodes are Chainlit's; only what can be seen is asked for, once a minute at most.
(() => {
  const LINKS = 'a[href^="/artifacts/"]:not([href*="#"])';
  const KEPT = 60_000;
  const known = new Map();

  const about = (id) => {
    const found = known.get(id);
    if (found && Date.now() - found.at < KEPT) return found.answer;
    const answer = fetch(`/api/artifacts/${encodeURIComponent(id)}`).then((given) => (given.ok ? given.json() : null), () => null);
    known.set(id, { at: Date.now(), answer });
    return answer;
  };

  const label = async (link) => {
    const id = link.getAttribute('href').split('/')[2];
    const found = await about(id);
    if (!found) return;
    link.dataset.version = `v${found.version}`;
    if (found.newest > found.version) link.dataset.newer = `v${found.newest}`;
  };

  const seen = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      seen.unobserve(target);
      label(target);
    }
  });
  const watched = new WeakSet();
  const look = (fresh) => {
    for (const link of fresh(LINKS)) {
      if (watched.has(link)) continue;
      watched.add(link);
      seen.observe(link);
    }
  };
  window.staffwork.whenDrawn(look);
})();
