// One observer for all parts of our page. `whenDrawn(hook)` is told that something was drawn, in the next frame and at most five times a
// second; while nothing changes but the text of messages (Chainlit draws all of it anew with every few words), once a second. The hook is
// given `fresh(selector)`: the nodes that were added since it ran last, or that got something new in them; at first all there are.
(() => {
  const SOON = 200;
  const LATER = 1000;
  const TEXT = '.message-content';
  const hooks = []; // what to run, each with `all` until it has seen the whole page
  let roots = new Set();
  let last = -LATER;
  let due = Infinity;
  let timer = 0;
  let frame = 0;

  const finder = (among) => (selector) => {
    const found = new Set();
    for (const root of among) {
      if (root.parentElement?.matches(selector)) found.add(root.parentElement);
      if (root.matches(selector)) found.add(root);
      for (const node of root.querySelectorAll(selector)) found.add(node);
    }
    return found;
  };

  const run = () => {
    cancelAnimationFrame(frame);
    [timer, frame, due, last] = [0, 0, Infinity, performance.now()];
    const whole = finder([document.documentElement]);
    const fresh = finder(Array.from(roots).filter((root) => root.isConnected));
    roots = new Set();
    for (const one of hooks) {
      const given = one.all ? whole : fresh;
      one.all = false;
      try {
        one.hook(given);
      } catch (problem) {
        reportError(problem); // the other parts go on
      }
    }
  };

  // In a page nobody sees there are no frames.
  const draw = () => (document.hidden ? run() : (frame ||= requestAnimationFrame(run)));
  const within = (least) => {
    const at = Math.max(last + least, performance.now());
    if (frame || at >= due) return;
    clearTimeout(timer);
    due = at;
    timer = setTimeout(draw, Math.max(0, at - performance.now()));
  };
  document.addEventListener('visibilitychange', () => frame && document.hidden && run());

  new MutationObserver((changes) => {
    let least = LATER;
    for (const { target, addedNodes } of changes) {
      const text = target.closest(TEXT);
      if (text) {
        roots.add(text);
        continue;
      }
      least = SOON;
      for (const node of addedNodes) if (node.nodeType === Node.ELEMENT_NODE) roots.add(node);
    }
    within(least);
  }).observe(document.documentElement, { childList: true, subtree: true });

  // What the server says about the work changes names and states of what is drawn already.
  window.addEventListener('staffwork:steering', () => within(SOON));

  window.staffwork.whenDrawn = (hook) => {
    hooks.push({ hook, all: true });
    within(SOON);
  };
})();
