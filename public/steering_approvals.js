// The card of a call that waits until you allow it: who wants it and why, all of its arguments, and what you can decide.
(() => {
  const { make, keys, pieces } = window.staffwork;
  const { shell, said, until, button, problem } = pieces;
  const order = (...parts) => window.staffwork.order(...parts);

  const parsed = (text, refuse) => {
    try {
      const value = JSON.parse(text);
      if (value !== null && typeof value === 'object' && !Array.isArray(value)) return value;
      refuse('Give an object with a name for each argument, such as {"file": "sales.csv"}.');
    } catch (reason) {
      refuse(`This is not JSON yet (${reason.message}). It looks like {"file": "sales.csv"}.`);
    }
    return null;
  };

  // A form in place of the buttons; `body(text, refuse)` makes the decision of what was typed, or nothing.
  const open = (home, { name, label, value, submit, code, body }) => {
    const choices = home.querySelector('.steer-choices');
    const text = make('textarea', { 'aria-label': label, rows: code ? 6 : 2, spellcheck: code ? 'false' : 'true', class: code ? 'steer-code' : '' });
    text.value = value;
    const note = problem();
    const close = () => {
      form.remove();
      choices.hidden = false;
      choices.querySelector(`[data-name=${name}]`).focus();
    };
    const refuse = (words) => {
      note.textContent = words;
      text.focus();
    };
    const buttons = make('div', { class: 'steer-choices' }, make('button', { type: 'submit', class: 'steer-primary' }, submit), button('Cancel', close));
    const form = make('form', { class: 'steer-form' }, make('p', { class: 'steer-hint' }, label), text, note, buttons);
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const decided = body(text.value, refuse);
      return decided && decided.send(form);
    });
    keys(text, form, close, code);
    choices.hidden = true;
    choices.after(form);
    text.focus();
    form.scrollIntoView({ block: 'nearest' });
  };

  window.staffwork.approval = (mission, card) => {
    const about = { kind: 'decide', step: card.step, approval: card.approval };
    const decide = (more, place) => order(place ?? home, mission, { ...about, ...more });
    const later = (more) => ({ send: (form) => decide(more, form) });
    const ways = {
      once: () => button('Allow once', () => decide({ choice: 'once' }), { class: 'steer-primary' }),
      reject: () =>
        button(
          'Do not allow',
          () => open(home, { name: 'reject', label: 'Why not? The operator is told (you can leave it empty).', value: '', submit: 'Do not allow', code: false, body: (text) => later({ choice: 'reject', text }) }),
          { 'data-name': 'reject' },
        ),
      edit: () =>
        button(
          'Change the arguments',
          () =>
            open(home, {
              name: 'edit', label: `Arguments of ${card.tool}, as JSON`, value: card.given, submit: 'Allow with these', code: true,
              body: (text, refuse) => {
                const given = parsed(text, refuse);
                return given && later({ choice: 'edit', arguments: given });
              },
            }),
          { 'data-name': 'edit', title: 'Allow it with other arguments' },
        ),
      conversation: () =>
        button('Allow in this conversation', () => decide({ choice: 'conversation' }), { title: `Allows ${card.tool} with any arguments in this conversation, for 30 days` }),
      pattern: () =>
        button(
          'Allow calls like this',
          () =>
            open(home, {
              name: 'pattern', label: 'What each argument must look like (* stands for anything), for 30 days', value: card.pattern, submit: 'Allow calls like this', code: true,
              body: (text, refuse) => {
                const given = parsed(text, refuse);
                return given && later({ choice: 'pattern', arguments: given });
              },
            }),
          { 'data-name': 'pattern' },
        ),
    };
    const order_of = ['once', 'reject', 'edit', 'conversation', 'pattern'].filter((choice) => card.choices.includes(choice));
    const choices = make('div', { class: 'steer-choices' }, ...order_of.map((choice) => ways[choice]()));
    const given = make('pre', { class: 'steer-arguments', tabindex: '0', 'aria-label': `All arguments of ${card.tool}` }, card.given);
    const parts = [said(card.words), said(card.why, 'steer-hint'), given, said(`${until(card.until)} ${card.otherwise}`, 'steer-hint'), choices];
    const home = shell(card, `${card.who} needs your approval: ${card.tool}`, parts);
    return home;
  };
})();
