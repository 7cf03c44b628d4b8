// Above the composer: where the work of this conversation stands, in words, and the buttons to steer it; cards for what waits for a
// person are drawn by steering_cards.js. Below a message that waits its turn: what can be done with it. Beside a task: cancel it, or try
// it again. Everything is drawn from what the server says (chat/helm.py), so that it is the same in every tab and after a reload.
(() => {
  const { missions, make, icon, sync } = window.staffwork;
  const LOST = 'The server cannot be reached just now. Nothing was changed; try again in a moment.';
  const ICONS = {
    pause: 'M9 5v14M15 5v14',
    resume: 'M7 4.5v15l12-7.5Z',
    stop: 'M6 6h12v12H6Z',
    steps: 'M4 18h5v-5h5V8h6',
    instruct: 'M12 19H5l-1 2V6a1 1 0 0 1 1-1h14a1 1 0 0 1 1 1v5M17 14v6M14 17h6',
    cancel: 'M6 6l12 12M18 6 6 18',
    again: 'M3 12a9 9 0 1 0 3-6.7L3 8M3 3v5h5',
  };
  const newId = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (n) => n.toString(16).padStart(2, '0')).join('');
  let pending = 0;

  const post = async (address, body) => {
    try {
      const options = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body ?? {}) };
      const answer = await fetch(address, options);
      const said = await answer.json();
      if (answer.ok) return { said, problem: '' };
      const words = typeof said.detail === 'string' ? said.detail : 'This could not be done. Reload the page and try again.';
      return { problem: words };
    } catch {
      return { problem: LOST };
    }
  };

  // Do something once: a second click finds it under way, and what went wrong is said there. The buttons keep the focus.
  const once = async (home, work) => {
    if (home.dataset.busy) return false;
    const problem = home.querySelector(':scope > .steer-problem');
    home.dataset.busy = 'yes';
    if (problem) problem.textContent = '';
    const { said, problem: words } = await work();
    // By the time it may be clicked again, the server's news has drawn it anew.
    setTimeout(() => delete home.dataset.busy, words ? 0 : 4000);
    if (words && problem) problem.textContent = words;
    return words ? false : said;
  };

  const order = (home, mission, body) => once(home, () => post(`/steer/${mission}`, body));
  Object.assign(window.staffwork, { order });

  const problem = () => make('p', { class: 'steer-problem', role: 'alert' });

  const tool = (name, label, onclick, more = {}) =>
    make('button', { type: 'button', class: 'steer-tool', title: more.title ?? label, onclick, ...more }, icon(ICONS[name]), make('span', {}, label));

  // --- the bar of a mission --------------------------------------------------------------------------------------------

  const instruct = (bar, view) => {
    const open = bar.querySelector('form');
    if (open) return open.querySelector('textarea').focus();
    const nonce = newId();
    const text = make('textarea', { rows: 2, 'aria-label': 'Instruction for the work under way' });
    text.placeholder = 'What should be different? Operators read it at their next step.';
    const close = () => {
      const home = form.closest('.steer-bar');
      form.remove();
      if (home?.dataset.over) home.remove();
      else home?.querySelector('[data-name=instruct]')?.focus();
    };
    const send = make('button', { type: 'submit', class: 'steer-primary' }, 'Give instruction');
    const form = make(
      'form',
      { class: 'steer-form' },
      text,
      problem(),
      make('div', { class: 'steer-choices' }, send, make('button', { type: 'button', class: 'steer-plain', onclick: close }, 'Cancel')),
    );
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      const body = { kind: 'instruct', text: text.value, nonce };
      if (text.value.trim() && (await order(form, view.mission, body))) close();
    });
    window.staffwork.keys(text, form, close);
    bar.append(form);
    text.focus();
  };

  const barOf = (view, first, several) => {
    const send = (body) => order(bar, view.mission, body);
    const { turns, paused, rests, stepMode } = view;
    const goes = paused
      ? tool('resume', 'Resume', () => send({ kind: 'resume', turn: turns.pause }), { 'data-name': 'pause' })
      : tool('pause', 'Pause', () => send({ kind: 'pause', turn: turns.pause }), {
          'data-name': 'pause',
          title: 'Pause: calls under way finish first',
        });
    const steps = tool('steps', 'Step by step', () => send({ kind: 'step_mode', choice: stepMode ? 'off' : 'on', turn: turns.stepMode }), {
      'data-name': 'steps',
      'aria-pressed': String(stepMode),
      title: stepMode ? 'Step by step is on: every step waits for you. Turn it off' : 'Let every step wait for you',
    });
    const tell = tool('instruct', 'Instruct', () => instruct(bar, view), { 'data-name': 'instruct', title: 'Add an instruction to the work under way' });
    const stop = tool('stop', 'Stop', () => send({ kind: 'stop' }), { 'data-name': 'stop', title: 'Stop this mission for good' });
    if (first) stop.id = 'stop-button';
    const bar = make(
      'div',
      { class: 'steer-bar' },
      make('span', { class: 'steer-state', role: 'status', 'data-state': view.state }, make('span', { class: 'steer-dot' }), make('span', { class: 'steer-words' })),
      make('div', { class: 'steer-tools' }, ...(rests && !paused ? [] : [goes]), steps, tell, stop),
      ...(several ? [make('p', { class: 'steer-goal' }, view.goal)] : []),
      problem(),
    );
    return bar;
  };

  const bars = (begun) =>
    begun.map((view, n) => {
      const { words, cards, tasks, state, ...rest } = view;
      return {
        key: `bar ${view.mission}`,
        state: JSON.stringify([rest, n === 0, begun.length > 1]),
        build: () => barOf(view, n === 0, begun.length > 1),
        refresh: (node) => {
          node.querySelector('.steer-state').dataset.state = state;
          const said = node.querySelector('.steer-words');
          if (said.textContent !== words) said.textContent = words;
        },
      };
    });

  const dock = () => {
    const composer = document.getElementById('message-composer');
    if (!composer) return null;
    let home = document.getElementById('steer');
    if (home?.nextElementSibling === composer) return home;
    home?.remove();
    home = make('section', { id: 'steer', 'aria-label': 'Work in this conversation' });
    composer.before(home);
    return home;
  };

  // --- messages that wait their turn -------------------------------------------------------------------------------------

  const requeue = async (home, view, what) => {
    const done = await once(home, () => post(`/queued/${view.mission}/${what}`));
    if (done?.conversation) location.assign(`/thread/${done.conversation}`);
  };

  const queuedCard = (view, place, canUse) => {
    const words = !canUse && place === 1 ? 'Queued: starts as soon as there is room' : place === 1 ? 'Queued: next in line' : `Queued: number ${place} in line`;
    const button = (label, what, title) =>
      make('button', { type: 'button', class: 'steer-plain', title, onclick: () => requeue(card, view, what) }, label);
    const card = make(
      'div',
      { class: 'steer-queued' },
      make('span', { class: 'steer-queued-words', role: 'status' }, view.files && canUse ? `${words}. It has files, so it waits its turn.` : words),
      make(
        'div',
        { class: 'steer-tools' },
        ...(canUse && !view.files ? [button('Use it now', 'use', 'Give it to the work under way, as an instruction')] : []),
        button('In a new conversation', 'move', 'Start it at once, in a conversation of its own'),
        button('Remove', 'remove', 'Take this message back'),
      ),
      problem(),
    );
    return card;
  };

  // --- tasks -----------------------------------------------------------------------------------------------------------

  const taskCard = (view, task) => {
    const cancel = task.can === 'cancel_task';
    const label = cancel ? 'Cancel this task' : 'Try again';
    const home = make(
      'div',
      { class: 'steer-task' },
      make(
        'button',
        {
          type: 'button',
          class: 'steer-plain',
          'aria-label': `${label}: ${task.goal}`,
          onclick: () => order(home, view.mission, { kind: task.can, task_id: task.task }),
        },
        icon(ICONS[cancel ? 'cancel' : 'again']),
        label,
      ),
      problem(),
    );
    return home;
  };

  // Put something below a line of Chainlit's page, which never looks at it; what is there already stays.
  const below = (line, name, state, build) => {
    const home = document.getElementById(`step-${line}`)?.parentElement;
    if (!home) return null;
    const old = home.querySelector(`:scope > .${name}`);
    if (old?.dataset.state === state) return old;
    const node = build();
    node.dataset.state = state;
    old ? old.replaceWith(node) : home.append(node);
    return node;
  };

  // Words typed for work that has ended meanwhile stay, until they are copied or cancelled.
  const over = (bar) => {
    if (!bar.querySelector(':scope > .steer-state ~ form textarea')?.value.trim()) return false;
    bar.dataset.over = 'yes';
    bar.querySelector('.steer-words').textContent = 'The work has ended; your words are still here.';
    return true;
  };

  // Whoever lets steps go on by the keyboard finds the focus on the next one.
  const handOn = (home, focused) => {
    if (focused?.startsWith('held ')) handOn.until = Date.now() + 5000;
    if (document.activeElement !== document.body || !(Date.now() < handOn.until)) return;
    home.querySelector('.steer-held .steer-primary')?.focus();
  };

  const draw = () => {
    pending = 0;
    const focused = document.activeElement?.closest?.('#steer > [data-key]')?.dataset.key;
    const all = Array.from(missions.values());
    const begun = all.filter((view) => view.state !== 'queued');
    const queued = all.filter((view) => view.state === 'queued');
    const home = dock();
    if (home) {
      sync(home, [...window.staffwork.cards(begun), ...bars(begun)], over);
      handOn(home, focused);
    }
    const kept = new Set();
    queued.forEach((view, n) => {
      const state = JSON.stringify([n, begun.length > 0, view.files]);
      kept.add(below(view.message, 'steer-queued', state, () => queuedCard(view, n + 1, begun.length > 0)));
    });
    for (const view of begun)
      for (const task of view.tasks) kept.add(below(task.line, 'steer-task', JSON.stringify(task), () => taskCard(view, task)));
    for (const node of document.querySelectorAll('.steer-queued, .steer-task')) if (!kept.has(node)) node.remove();
  };

  // Pressed twice, the second press would meet what has come in the place of the first: the next approval, "Resume" after "Pause".
  document.addEventListener('click', (event) => {
    if (event.detail < 2 || !event.target.closest?.('#steer button, .steer-queued button, .steer-task button')) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }, true);

  const soon = () => {
    pending ||= setTimeout(draw, 60);
  };
  window.addEventListener('staffwork:steering', soon);
  window.staffwork.whenDrawn(draw);
})();
