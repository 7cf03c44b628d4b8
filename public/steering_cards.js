// Cards for what waits for a person: questions, held steps, and calls that may or may not have happened. Drawn by steering.js.
(() => {
  const { make, keys } = window.staffwork;
  const EFFECTS = {
    check: ['Check', 'Looks whether it happened, and changes nothing.'],
    happened: ['It happened', 'Goes on as if the call had succeeded.'],
    retry: ['Do it again', 'Makes the call once more: if it had happened, it happens twice.'],
    skip: ['Skip', 'Goes on without it.'],
  };
  const problem = () => make('p', { class: 'steer-problem', role: 'alert' });
  const said = (words, name = 'steer-said') => make('p', { class: name }, words);
  const order = (...parts) => window.staffwork.order(...parts);

  const button = (label, onclick, more = {}) => make('button', { type: 'button', class: 'steer-plain', onclick, ...more }, label);

  const shell = (card, title, parts) =>
    make('div', { class: `steer-card steer-${card.kind}`, role: 'group', 'aria-label': title }, make('p', { class: 'steer-title' }, title), ...parts, problem());

  const shown = (card) => {
    if (!card.tool || !card.given) return [];
    return [make('pre', { class: 'steer-arguments', tabindex: '0' }, card.given)];
  };

  const until = (moment) => {
    const at = new Date(moment);
    const far = at - Date.now() > 20 * 3600 * 1000;
    const shape = far ? { weekday: 'short', day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' } : { hour: '2-digit', minute: '2-digit' };
    return `It waits until ${at.toLocaleString(undefined, shape)}.`;
  };

  const question = (mission, card, next) => {
    const answer = (text) => order(home, mission, { kind: 'answer', step: card.step, text });
    const named = card.form === 'yes_no' ? [['Yes', 'yes'], ['No', 'no']] : card.choices.map((choice) => [choice, choice]);
    const typed = { text: 'Type your answer below and send it.', number: 'Type the number below and send it.', file: 'Attach the file below and send it.' }[card.form];
    const parts = card.words ? [said(card.words)] : [];
    if (named.length) parts.push(make('div', { class: 'steer-choices' }, ...named.map(([label, text]) => button(label, () => answer(text)))));
    else parts.push(said(next ? typed : 'Your next message answers the question above; this one comes after it.', 'steer-hint'));
    if (card.until) parts.push(said(`${until(card.until)} ${card.otherwise}`, 'steer-hint'));
    const home = shell(card, `${card.who} asks you`, parts);
    return home;
  };

  // A form in place of the buttons: other arguments for a call, or words for an operator.
  const edit = (home, mission, card) => {
    const call = card.what === 'act';
    const label = call ? `Arguments of ${card.tool}, as JSON` : `What should ${card.who} do differently?`;
    const text = make('textarea', { 'aria-label': label, rows: call ? 6 : 3, spellcheck: call ? 'false' : 'true', class: call ? 'steer-code' : '' });
    text.value = call ? card.json : '';
    const choices = home.querySelector('.steer-choices');
    const close = () => {
      form.remove();
      choices.hidden = false;
      choices.querySelector('[data-name=edit]').focus();
    };
    const note = problem();
    const form = make(
      'form',
      { class: 'steer-form' },
      make('p', { class: 'steer-hint' }, label),
      text,
      note,
      make(
        'div',
        { class: 'steer-choices' },
        make('button', { type: 'submit', class: 'steer-primary' }, call ? 'Continue with these' : 'Continue like this'),
        button('Cancel', close),
      ),
    );
    const refuse = (words) => {
      note.textContent = words;
      text.focus();
      form.scrollIntoView({ block: 'nearest' });
    };
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const body = { kind: 'release', step: card.step, choice: 'edit' };
      if (call) {
        try {
          body.arguments = JSON.parse(text.value);
        } catch (reason) {
          return refuse(`This is not JSON yet (${reason.message}). It looks like {"file": "sales.csv"}.`);
        }
        if (body.arguments === null || typeof body.arguments !== 'object' || Array.isArray(body.arguments)) {
          return refuse('Give an object with a name for each argument, such as {"file": "sales.csv"}.');
        }
      } else if (!text.value.trim()) {
        return refuse('Say what should be different, or cancel and choose Continue.');
      } else body.text = text.value;
      return order(form, mission, body);
    });
    keys(text, form, close, call);
    choices.hidden = true;
    choices.after(form);
    text.focus();
    form.scrollIntoView({ block: 'nearest' });
  };

  const held = (mission, card) => {
    const release = (choice) => order(home, mission, { kind: 'release', step: card.step, choice });
    const call = card.what === 'act';
    const choices = make(
      'div',
      { class: 'steer-choices' },
      button('Continue', () => release('continue'), { class: 'steer-primary' }),
      button('Skip', () => release('skip'), { title: call ? 'The operator does without this call' : 'This task is left out' }),
      button('Edit', () => edit(home, mission, card), { 'data-name': 'edit', title: call ? 'Change the arguments' : 'Say what should be different' }),
      button('Abort', () => release('abort'), { title: 'Stops the whole mission' }),
    );
    const home = shell(card, `Step by step: ${card.who}`, [said(card.words), ...shown(card), choices]);
    return home;
  };

  const attention = (mission, card) => {
    const settle = (choice) => order(home, mission, { kind: 'settle', step: card.step, choice, turn: card.turn });
    const rows = card.choices.flatMap((choice) => {
      const [label, effect] = EFFECTS[choice] ?? [choice, ''];
      return [button(label, () => settle(choice)), said(effect, 'steer-hint')];
    });
    const checked = card.checked ? [said(`Checked: ${card.checked}`)] : [];
    const parts = [said(card.words), ...shown(card), ...checked, make('div', { class: 'steer-effects' }, ...rows)];
    const home = shell(card, `May or may not have happened: ${card.tool}`, parts);
    return home;
  };

  Object.assign(window.staffwork, { pieces: { shell, said, until, button, problem } });

  // List the cards of the missions that have begun, the oldest first; the first open question is answered by typing.
  window.staffwork.cards = (views) => {
    let next = true;
    return views.flatMap((view) =>
      view.cards.map((card) => {
        const first = card.kind === 'question' && next;
        if (card.kind === 'question') next = false;
        const build = {
          question: () => question(view.mission, card, first),
          held: () => held(view.mission, card),
          attention: () => attention(view.mission, card),
          approval: () => window.staffwork.approval(view.mission, card),
          plan: () => window.staffwork.plan(view.mission, card),
        }[card.kind];
        return { key: `${card.kind} ${view.mission} ${card.approval ?? card.step}`, state: JSON.stringify([card, first]), build };
      }),
    );
  };
})();
