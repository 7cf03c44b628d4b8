// The card of a plan that waits until you accept it: every task in full; accept it, change it, have another one made, or stop.
(() => {
  const { make, keys, pieces } = window.staffwork;
  const { shell, said, button, problem } = pieces;
  const order = (...parts) => window.staffwork.order(...parts);

  const shown = (task) => {
    const after = task.needs.length ? ` (after ${task.needs.join(', ')})` : '';
    const done = task.done_when ? [said(`Done when: ${task.done_when}`, 'steer-hint')] : [];
    return make('li', { class: 'plan-task' }, make('span', { class: 'plan-who' }, `${task.id} ${task.operator}${after}`), said(task.goal), ...done);
  };

  const tool = (label, text, onclick) => make('button', { type: 'button', class: 'steer-plain plan-tool', 'aria-label': label, title: label, onclick }, text);

  // One task while the plan is changed; its number is its place, so what others need follows it when it moves.
  const row = (task, card, again) => {
    const who = make('select', { 'aria-label': 'Operator', class: 'plan-operator' }, ...card.operators.map((name) => make('option', { value: name, selected: name === task.operator }, name)));
    const goal = make('textarea', { 'aria-label': 'Goal', rows: 2 });
    goal.value = task.goal;
    who.addEventListener('change', () => (task.operator = who.value));
    goal.addEventListener('input', () => (task.goal = goal.value));
    return make('li', { class: 'plan-row' }, who, goal, make('div', { class: 'plan-tools' },
      tool('Move up', '↑', () => again(task, -1)), tool('Move down', '↓', () => again(task, 1)), tool('Remove this task', 'Remove', () => again(task, 0))));
  };

  const edit = (home, mission, card) => {
    let tasks = card.tasks.map((task) => ({ ...task, needs: [...task.needs] }));
    let made = 0;
    const choices = home.querySelector('.steer-choices');
    const list = make('ol', { class: 'plan-rows' });
    const note = problem();
    const draw = () => list.replaceChildren(...tasks.map((task) => row(task, card, change)));
    const change = (task, by) => {
      const at = tasks.indexOf(task);
      if (by === 0) {
        tasks = tasks.filter((other) => other !== task);
        for (const other of tasks) other.needs = other.needs.filter((need) => need !== task.id);
      } else if (tasks[at + by]) [tasks[at], tasks[at + by]] = [tasks[at + by], tasks[at]];
      draw();
    };
    const add = () => {
      made += 1;
      tasks.push({ id: `new${made}`, operator: card.operators[0], goal: '', done_when: '', needs: [], priority: 'medium' });
      draw();
      list.lastElementChild.querySelector('select').focus();
    };
    const close = () => {
      form.remove();
      choices.hidden = false;
      home.querySelector('.plan-tasks').hidden = false;
      choices.querySelector('[data-name=edit]').focus();
    };
    const buttons = make('div', { class: 'steer-choices' }, make('button', { type: 'submit', class: 'steer-primary' }, 'Go on with this plan'), button('Add a task', add), button('Cancel', close));
    const form = make('form', { class: 'steer-form' }, list, note, buttons);
    form.addEventListener('keydown', (event) => {
      event.stopPropagation();
      if (event.key === 'Escape') close();
    });
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      order(form, mission, { kind: 'plan', step: card.step, choice: 'edit', arguments: { note: card.note, tasks } });
    });
    draw();
    choices.hidden = true;
    home.querySelector('.plan-tasks').hidden = true;
    choices.after(form);
    list.querySelector('textarea').focus();
  };

  const replan = (home, mission, card) => {
    const choices = home.querySelector('.steer-choices');
    const text = make('textarea', { rows: 2, 'aria-label': 'What should be different?' });
    text.placeholder = 'What should be different? The plan is made once more.';
    const note = problem();
    const close = () => {
      form.remove();
      choices.hidden = false;
      choices.querySelector('[data-name=replan]').focus();
    };
    const buttons = make('div', { class: 'steer-choices' }, make('button', { type: 'submit', class: 'steer-primary' }, 'Plan again'), button('Cancel', close));
    const form = make('form', { class: 'steer-form' }, text, note, buttons);
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      if (text.value.trim()) return order(form, mission, { kind: 'plan', step: card.step, choice: 'replan', text: text.value });
      note.textContent = 'Say what should be different.';
      return text.focus();
    });
    keys(text, form, close);
    choices.hidden = true;
    choices.after(form);
    text.focus();
  };

  window.staffwork.plan = (mission, card) => {
    const decide = (choice) => order(home, mission, { kind: 'plan', step: card.step, choice });
    const ways = {
      accept: () => button('Go on with it', () => decide('accept'), { class: 'steer-primary' }),
      edit: () => button('Change the plan', () => edit(home, mission, card), { 'data-name': 'edit' }),
      replan: () => button('Ask for another plan', () => replan(home, mission, card), { 'data-name': 'replan' }),
      stop: () => button('Stop', () => decide('stop'), { title: 'Stops the mission; nothing of the plan is done' }),
    };
    const choices = make('div', { class: 'steer-choices' }, ...card.choices.map((choice) => ways[choice]()));
    const tasks = make('ol', { class: 'plan-tasks', tabindex: '0', 'aria-label': 'Tasks of the plan' }, ...card.tasks.map(shown));
    const home = shell(card, `The plan waits for you: ${card.tasks.length} ${card.tasks.length === 1 ? 'task' : 'tasks'}`, [
      ...(card.note ? [said(card.note, 'steer-hint')] : []), tasks, choices,
    ]);
    return home;
  };
})();
