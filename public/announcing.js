// For screen readers: what begins and ends, in a line now and then, and that the answer is there. The text that streams in is not read out
// word by word: whoever wants it reads it where it stands.
(() => {
  const { make } = window.staffwork;
  const AT_WORK = '\u2060'; // chat/wire.py ends the name of what is at work with it
  const MOST = 3;
  const EVERY = 2500;
  const told = make('div', { id: 'told', class: 'unseen', role: 'status', 'aria-live': 'polite', 'aria-atomic': 'true' });
  let working = new Map(); // node -> its name
  let busy = false;
  let place = '';
  let queue = [];
  let waiting = 0;

  const plain = (id) => id.slice('step-'.length, -AT_WORK.length).split(' \u00b7 ').filter((part) => !/^[\d$,.]/.test(part)).join(', ');
  const speak = () => {
    waiting = 0;
    if (!queue.length) return;
    const more = queue.length - MOST;
    told.textContent = queue.slice(-MOST).join('. ') + (more > 0 ? `. And ${more} more.` : '.');
    queue = [];
    waiting = setTimeout(speak, EVERY);
  };
  const say = (words) => {
    queue.push(words);
    waiting ||= setTimeout(speak, 300);
  };

  const look = () => {
    if (!told.isConnected) document.body.append(told);
    const names = new Map();
    for (const node of document.querySelectorAll(`button[id^="step-"][id$="${AT_WORK}"], p[id^="step-"][id$="${AT_WORK}"]`)) {
      names.set(node.closest('[data-step-type]') ?? node, plain(node.id));
    }
    const now = document.getElementById('stop-button') !== null;
    if (place !== window.location.pathname && place !== '/') queue = []; // another conversation was opened: what is at work there is no news
    else {
      for (const [node, name] of names) if (!working.has(node)) say(`Started: ${name}`);
      for (const [node, name] of working) if (!names.has(node) && node.isConnected) say(`Done: ${name}`);
      if (busy && !now) say(window.staffwork.missions.size ? 'The work stands still and waits' : 'The answer is ready');
    }
    [working, busy, place] = [names, now, window.location.pathname];
  };
  window.staffwork.whenDrawn(look);
})();
