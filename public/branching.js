// Below each message: change it; below each answer: have it written again. Both go on in a new conversation (a branch) and leave
// this one as it is; where versions differ, a line says so and leads there. What there is to show comes from
// /api/conversations/<id>/branches; our nodes are appended to Chainlit's, which never looks at them.
(() => {
  const AGAIN = 'M3 12a9 9 0 1 0 3-6.7L3 8M3 3v5h5';
  const PENCIL = 'M12 20h9M16.5 3.5a2.1 2.1 0 0 1 3 3L7 19l-4 1 1-4Z';
  const LOST = 'The server cannot be reached just now. Your words are kept here; try again in a moment.';
  let shown = { conversation: '', ids: '', busy: false };
  let asked = 0;

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

  const button = (label, path, onclick) =>
    make('button', { type: 'button', class: 'turn-button', onclick }, icon(path), label);

  // A page opened over plain http has no randomUUID.
  const newId = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (n) => n.toString(16).padStart(2, '0')).join('');

  const conversationShown = () => (location.pathname.match(/^\/thread\/([A-Za-z0-9_-]+)$/) ?? [])[1] ?? '';

  // Make the branch and go there; whatever goes wrong is said in `problem`.
  const branch = async (mission, goal, client, problem) => {
    problem.textContent = '';
    let answer;
    let said = {};
    try {
      answer = await fetch(`/api/missions/${mission}/branch`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ goal, client_id: client }),
      });
      said = await answer.json();
    } catch {
      problem.textContent = LOST;
      return false;
    }
    if (answer.ok) location.assign(`/thread/${said.conversation_id}`);
    else problem.textContent = typeof said.detail === 'string' ? said.detail : 'This could not be done. Reload the page and try again.';
    return answer.ok;
  };

  const edit = (turn, home) => {
    const client = newId();
    const problem = make('p', { class: 'turn-problem', role: 'alert' });
    const text = make('textarea', { 'aria-label': 'Your message, changed', rows: 2 });
    text.value = turn.goal;
    const send = make('button', { type: 'submit', class: 'turn-send' }, 'Send');
    const cancel = make('button', { type: 'button', class: 'turn-cancel', onclick: () => close() }, 'Cancel');
    const form = make(
      'form',
      { class: 'turn-form' },
      text,
      make(
        'p',
        { class: 'turn-hint' },
        'Goes on in a new conversation; this one stays as it is.',
        make('span', { class: 'turn-keys' }, ' Enter sends, Shift+Enter begins a line, Esc cancels.'),
      ),
      problem,
      make('div', { class: 'turn-choices' }, cancel, send),
    );
    const fit = () => {
      send.disabled = !text.value.trim();
      text.style.height = 'auto';
      text.style.height = `${Math.min(text.scrollHeight + 2, window.innerHeight * 0.5)}px`;
    };
    const close = () => {
      form.remove();
      home.classList.remove('turn-editing');
      home.querySelector('.turn-button')?.focus();
    };
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      if (send.disabled) return;
      send.disabled = text.readOnly = true;
      send.textContent = 'Sending…';
      if (await branch(turn.mission_id, text.value, client, problem)) return;
      send.textContent = 'Send';
      text.readOnly = false;
      fit();
      text.focus();
    });
    text.addEventListener('input', fit);
    text.addEventListener('keydown', (event) => {
      event.stopPropagation(); // Chainlit's page has keys of its own
      const typing = event.isComposing || event.shiftKey || matchMedia('(pointer: coarse)').matches;
      if (event.key === 'Escape') close();
      else if (event.key === 'Enter' && (event.ctrlKey || event.metaKey || !typing)) {
        event.preventDefault();
        form.requestSubmit();
      }
    });
    home.classList.add('turn-editing');
    home.append(form);
    fit();
    text.focus();
    text.setSelectionRange(text.value.length, text.value.length);
    form.scrollIntoView({ block: 'nearest' });
  };

  const note = (fork) =>
    make(
      'p',
      { class: 'turn-note' },
      fork.origin ? 'This is a branch. The earlier version is in ' : 'Continued differently in ',
      make('a', { href: `/thread/${fork.conversation_id}` }, fork.title || 'another conversation'),
      '.',
    );

  // Put our part below a line, or bring it up to date; a form that is open stays.
  const put = (line, kind, state, children) => {
    const step = document.getElementById(`step-${line}`);
    if (!step) return;
    let home = step.parentElement.querySelector(':scope > .turn');
    if (home?.dataset.state === state || home?.classList.contains('turn-editing')) return;
    home?.remove();
    home = make('div', { class: `turn turn-${kind}`, 'data-state': state });
    home.append(...children(home));
    step.parentElement.append(home);
  };

  const show = ({ turns, forks }) => {
    for (const turn of turns) {
      const others = forks.filter((fork) => fork.mission_id === turn.mission_id);
      put(turn.message_id, 'said', JSON.stringify([turn.goal, others]), (home) => [
        make('div', { class: 'turn-actions' }, button('Edit', PENCIL, () => edit(turn, home))),
        ...others.map(note),
      ]);
      if (!turn.ended) continue;
      put(turn.answer_id, 'answered', 'ended', () => {
        const client = newId();
        const problem = make('p', { class: 'turn-problem', role: 'alert' });
        const again = button('Regenerate', AGAIN, async () => {
          again.disabled = true;
          again.disabled = await branch(turn.mission_id, null, client, problem);
        });
        again.title = 'Answer again in a new conversation; this one stays as it is';
        return [make('div', { class: 'turn-actions' }, again), problem];
      });
    }
  };

  const ask = async (conversation) => {
    const number = ++asked;
    try {
      const answer = await fetch(`/api/conversations/${conversation}/branches`);
      if (answer.ok && number === asked && conversation === conversationShown()) show(await answer.json());
    } catch {
      shown = { ...shown, ids: '' }; // the server is away: asked again with the next change of the page
    }
  };

  const look = () => {
    const conversation = conversationShown();
    if (!conversation) {
      shown = { conversation, ids: '', busy: false };
      return;
    }
    const lines = document.querySelectorAll('[data-step-type$="_message"] [id^="step-"]');
    const ids = Array.from(lines, (line) => line.id).join(' ');
    const busy = document.getElementById('stop-button') !== null;
    if (ids === shown.ids && busy === shown.busy && conversation === shown.conversation) return;
    shown = { conversation, ids, busy };
    if (ids) ask(conversation);
  };

  window.staffwork.whenDrawn(look);
  window.addEventListener('pageshow', () => {
    shown = { conversation: '', ids: '', busy: false };
    look();
  });
})();
