// Above a long conversation: a button that shows what came before (chat/window.py). What is looked at stays where it is. And: going to the
// line where something was found, through whatever is folded, and into what is not shown yet.
(() => {
  const { make, whenDrawn } = window.staffwork;
  const PATIENCE = 20_000;
  const conversation = () => (location.pathname.match(/^\/thread\/([A-Za-z0-9_-]+)$/) ?? [])[1] ?? '';
  const shown = () => (window.staffwork.shown?.conversation === conversation() ? window.staffwork.shown : null);
  const tell = (what) => window.postMessage(what, location.origin); // Chainlit's page hands it to the server
  const line = (id) => document.getElementById(`step-${id}`);
  const first = () => document.querySelector('.step[data-step-type]');

  // --- what came before ----------------------------------------------------------------------------------------------------

  const words = make('span', {}, 'Show earlier messages');
  const count = make('span', { class: 'earlier-count' });
  const said = make('span', { class: 'unseen', role: 'status' });
  const button = make('button', { type: 'button', id: 'earlier-button', onclick: () => ask() }, words, count);
  const bar = make('div', { id: 'earlier' }, button);
  let asked = '';
  let patience = 0;
  let furthest = { conversation: '', oldest: '', left: Infinity };

  const ask = () => {
    const about = shown();
    if (!about || asked === about.oldest) return;
    asked = about.oldest;
    button.setAttribute('aria-busy', 'true');
    stay();
    tell({ earlier: about.oldest });
    patience = setTimeout(settle, PATIENCE); // no answer came: it may be asked again
  };
  const settle = () => {
    clearTimeout(patience);
    asked = '';
    button.removeAttribute('aria-busy');
  };

  // Keep the first line where it is on the screen while others are put above it, until somebody scrolls.
  let anchor = null;
  const hold = () => {
    if (!anchor?.node.isConnected) return;
    const moved = anchor.node.getBoundingClientRect().top - anchor.top;
    if (Math.abs(moved) > 1) anchor.scroller.scrollTop += moved;
  };
  const watch = new MutationObserver(hold);
  const stay = () => {
    const node = first();
    const scroller = node?.parentElement.closest('.overflow-y-auto');
    if (!scroller) return;
    anchor = { node, scroller, top: node.getBoundingClientRect().top };
    watch.observe(scroller, { childList: true, subtree: true });
    for (const kind of ['wheel', 'touchmove', 'keydown']) scroller.addEventListener(kind, free, { once: true, passive: true });
  };
  const free = () => {
    watch.disconnect();
    anchor = null;
  };

  const place = () => {
    const about = shown();
    const top = first();
    if (!said.isConnected) document.body.append(said);
    if (!about?.left || !top) {
      const focused = bar.contains(document.activeElement);
      bar.remove();
      if (!focused || !top) return;
      top.tabIndex = -1; // whoever came here by keys goes on where it begins
      top.focus({ preventScroll: true });
      return;
    }
    if (top.previousElementSibling !== bar) top.before(bar);
    const more = `${about.left} more`;
    if (count.textContent !== more) count.textContent = more;
  };

  window.addEventListener('staffwork:shown', () => {
    const about = window.staffwork.shown;
    const again = about.conversation === furthest.conversation && about.left > furthest.left;
    if (asked && asked !== about.oldest) {
      said.textContent = about.left ? `Earlier messages are shown; ${about.left} more are left.` : 'All messages are shown.';
      settle();
      requestAnimationFrame(() => { hold(); setTimeout(() => { hold(); free(); }, 500); });
    }
    if (again) tell({ earlier: about.oldest, reach: furthest.oldest }); // the server began anew: as far as was shown before
    else furthest = about;
    place();
    go();
  });

  // --- going to a place ----------------------------------------------------------------------------------------------------

  let going = null; // { places, within, until, path }

  window.staffwork.goTo = (places) => {
    going = { places, within: conversation(), until: Date.now() + PATIENCE, path: null };
    go();
  };
  window.addEventListener('staffwork:place', () => {
    const { asked: about, path } = window.staffwork.place;
    if (going && about[0] === going.places[0]) going.path = path;
    go();
  });

  const arrive = (node) => {
    going = null;
    const show = () => node.scrollIntoView({ block: node.offsetHeight < window.innerHeight / 2 ? 'center' : 'start' });
    const own = node.querySelector('button[id^="step-"]');
    if (own?.getAttribute('aria-expanded') === 'false') {
      own.click();
      setTimeout(show, 300); // when it has unfolded
    }
    show();
    node.classList.add('found-here');
    setTimeout(() => node.classList.remove('found-here'), 4_000);
  };

  // Unfold the outermost line that is folded; what is in it is drawn, and then it goes on.
  const go = () => {
    if (!going) return;
    if (Date.now() > going.until || conversation() !== going.within) going = null;
    else if (line(going.places[0])) arrive(line(going.places[0]));
    else if (!shown()) return; // the conversation is not here yet
    else if (!going.path) {
      if (!going.asked) tell({ place: going.places });
      going.asked = true;
    } else if (!going.path.length) going = null;
    else {
      const drawn = going.path.filter(line);
      const folded = drawn.map((id) => line(id).querySelector('button[id^="step-"]')).find((one) => one?.getAttribute('aria-expanded') === 'false');
      if (folded) folded.click();
      else if (drawn.at(-1) === going.path.at(-1)) arrive(line(drawn.at(-1)));
    }
  };

  whenDrawn(() => {
    if (furthest.conversation !== conversation()) furthest = { conversation: '', oldest: '', left: Infinity };
    place();
    go();
  });
  setInterval(() => going && go(), 500); // what unfolds takes its time
})();
