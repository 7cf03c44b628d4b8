// What the parts of our page share: nodes, pictures, keys of a form, and lists of nodes that are only touched where they changed.
(() => {
  const make = (tag, attributes = {}, ...children) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
      else if (value === true) node.setAttribute(name, '');
      else if (value !== false) node.setAttribute(name, value);
    }
    node.append(...children);
    return node;
  };

  const icon = (path) => {
    const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    svg.setAttribute('viewBox', '0 0 24 24');
    svg.setAttribute('aria-hidden', 'true');
    const line = document.createElementNS('http://www.w3.org/2000/svg', 'path');
    line.setAttribute('d', path);
    svg.append(line);
    return svg;
  };

  // Enter sends (Ctrl+Enter where `long` texts have lines of their own, and on phones), Esc closes; Chainlit's page hears nothing of it.
  const keys = (text, form, close, long = false) =>
    text.addEventListener('keydown', (event) => {
      event.stopPropagation();
      const typing = event.isComposing || event.shiftKey || long || matchMedia('(pointer: coarse)').matches;
      if (event.key === 'Escape') close();
      else if (event.key === 'Enter' && (event.ctrlKey || event.metaKey || !typing)) {
        event.preventDefault();
        form.requestSubmit();
      }
    });

  // Make `home` show these parts, in order: one whose `state` is as it was stays as it is, with what somebody typed into it.
  // What is not among them any more goes, unless `keep` wants it.
  const sync = (home, parts, keep = () => false) => {
    const old = new Map(Array.from(home.children, (node) => [node.dataset.key, node]));
    const focus = document.activeElement?.closest?.('[data-key]');
    const name = document.activeElement?.dataset?.name;
    let before = null;
    for (const { key, state, build, refresh } of parts) {
      let node = old.get(key);
      old.delete(key);
      if (node?.dataset.state !== state) {
        const fresh = build();
        fresh.dataset.key = key;
        fresh.dataset.state = state;
        const form = key.startsWith('bar') ? node?.querySelector('form') : null;
        if (form) fresh.append(form);
        if (node) node.replaceWith(fresh);
        if (node && node === focus && name) fresh.querySelector(`[data-name="${name}"]`)?.focus();
        node = fresh;
      }
      refresh?.(node);
      const here = before ? before.nextElementSibling : home.firstElementChild;
      if (node !== here) before ? before.after(node) : home.prepend(node);
      before = node;
    }
    for (const node of old.values()) if (!keep(node)) node.remove();
  };

  Object.assign(window.staffwork, { make, icon, keys, sync });
})();
