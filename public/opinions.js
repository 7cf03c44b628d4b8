// What one thinks of a step: thumbs in every step that is opened, then reasons and words; it can be changed and taken back.
// Under answers Chainlit's page has its own; both are kept by the same route (api/feedback.py).
//
// The menu's "Export" leads to the conversation that is shown, or where none is, to the list of one's conversations.
(() => {
  const { make, icon } = window.staffwork;
  const UP = 'M7 11v9H4v-9zM7 11l4-8a2 2 0 0 1 3 2l-1 4h5a2 2 0 0 1 2 2l-2 7a2 2 0 0 1-2 2H7';
  const DOWN = 'M17 13V4h3v9zM17 13l-4 8a2 2 0 0 1-3-2l1-4H6a2 2 0 0 1-2-2l2-7a2 2 0 0 1 2-2h9';
  const GOOD = ['helpful', 'thorough', 'clear'];
  const LOST = 'The server cannot be reached just now. Nothing was changed; try again in a moment.';
  const STEPS = '[data-step-type="tool"], [data-step-type="llm"]';
  const conversation = () => (location.pathname.match(/^\/thread\/([A-Za-z0-9_-]+)$/) ?? [])[1] ?? '';
  let given = new Map(); // id of the step -> opinion
  let reasons = {};
  let loaded = '';

  const load = async (id) => {
    loaded = id;
    try {
      const answer = await fetch(`/api/conversations/${id}/feedback`);
      if (!answer.ok) return;
      const found = await answer.json();
      if (loaded !== id) return; // another conversation was opened meanwhile
      reasons = found.reasons;
      given = new Map(found.feedback.map((opinion) => [opinion.for_id, opinion]));
      for (const bar of document.querySelectorAll('.step-opinion')) draw(bar);
    } catch {
      loaded = ''; // asked again when something is drawn
    }
  };

  const asked = async (bar, method, body) => {
    try {
      const answer = await fetch('/feedback', { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
      const said = await answer.json();
      if (answer.ok) return said;
      draw(bar, said.detail);
    } catch {
      draw(bar, LOST);
    }
    return null;
  };

  const give = async (bar, opinion, words) => {
    const sent = { forId: bar.dataset.step, threadId: conversation(), value: opinion.value, comment: opinion.comment, reasons: opinion.reasons };
    const kept = await asked(bar, 'PUT', { feedback: sent });
    if (!kept) return;
    given.set(bar.dataset.step, { ...opinion, id: kept.feedbackId });
    draw(bar, words);
  };

  const withdraw = async (bar) => {
    const opinion = given.get(bar.dataset.step);
    if (!opinion || !(await asked(bar, 'DELETE', { feedbackId: opinion.id }))) return;
    given.delete(bar.dataset.step);
    draw(bar, 'Taken back.');
    bar.querySelector('button').focus();
  };

  const thumb = (bar, value, path, label) => {
    const old = given.get(bar.dataset.step);
    const chosen = old?.value === value;
    const choose = () => give(bar, { value, comment: old?.comment ?? '', reasons: chosen ? old.reasons : [] }, 'Kept.');
    return make('button', { type: 'button', class: 'thumb', 'data-name': label, 'aria-pressed': String(chosen), 'aria-label': label, title: label, onclick: choose }, icon(path));
  };

  const more = (bar, opinion) => {
    const offered = Object.entries(reasons).filter(([name]) => GOOD.includes(name) === Boolean(opinion.value));
    const chips = offered.map(([name, words]) =>
      make('label', { class: 'chip' }, make('input', { type: 'checkbox', name, checked: opinion.reasons.includes(name) }), words));
    const text = make('input', { type: 'text', maxlength: '4000', placeholder: 'In your own words (optional)', 'aria-label': 'In your own words', value: opinion.comment ?? '' });
    const chosen = () => Array.from(form.querySelectorAll('input[type=checkbox]:checked'), (box) => box.name);
    const keep = (event) => {
      event.preventDefault();
      give(bar, { ...opinion, comment: text.value, reasons: chosen() }, 'Kept. Thank you.');
    };
    const form = make('form', { onsubmit: keep }, make('div', { class: 'chips' }, ...chips), text,
      make('div', { class: 'ways' }, make('button', { type: 'submit' }, 'Save'), make('button', { type: 'button', onclick: () => withdraw(bar) }, 'Take back')));
    text.addEventListener('keydown', (event) => event.stopPropagation()); // Chainlit's page hears nothing of it
    return form;
  };

  const draw = (bar, words = '') => {
    const opinion = given.get(bar.dataset.step);
    const focused = bar.contains(document.activeElement) ? document.activeElement.dataset.name : '';
    bar.replaceChildren(
      make('div', { class: 'thumbs' }, make('span', {}, 'Was this step helpful?'), thumb(bar, 1, UP, 'Helpful'), thumb(bar, 0, DOWN, 'Not helpful'), make('span', { role: 'status' }, words)),
      ...(opinion ? [more(bar, opinion)] : []));
    if (focused) bar.querySelector(`[data-name="${focused}"]`)?.focus();
  };

  // A task has steps in it, a step of a task stands in one; what the Chief only notes has neither.
  const rated = (step) => step.dataset.stepType === 'llm' || (step.parentElement.closest(STEPS) && (step.querySelector(STEPS) || step.parentElement.closest(STEPS).parentElement.closest(STEPS)));

  const look = () => {
    const id = conversation();
    if (!id) return;
    if (id !== loaded) load(id);
    for (const region of document.querySelectorAll('[role="region"][data-state="open"]')) {
      const step = region.closest(STEPS);
      const line = step?.querySelector('[id^="step-"]');
      const home = region.firstElementChild ?? region;
      if (!line || step.querySelector('[role="region"]') !== region || !rated(step) || home.querySelector(':scope > .step-opinion')) continue;
      const bar = make('div', { class: 'step-opinion', 'data-step': line.id.slice('step-'.length) });
      draw(bar);
      home.append(bar);
    }
  };
  window.staffwork.whenDrawn(look);

  document.addEventListener('click', (event) => {
    const link = event.target.closest?.('a[href="/export"]');
    const shown = conversation();
    if (!link || !shown || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    location.assign(`/export?conversation=${encodeURIComponent(shown)}`);
  }, true);
})();
