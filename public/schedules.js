// The page of schedules: its buttons speak to /api/schedules, then the list is drawn anew by the server.
(() => {
  const by = (id) => document.getElementById(id);
  const form = by('form'), sure = by('sure');
  const FIELDS = ['goal', 'name', 'timezone', 'missed', 'overlap', 'unattended', 'priority', 'cost'];
  const FRESH = { goal: '', name: '', missed: 'latest', overlap: 'skip', unattended: 'park', priority: 'medium', cost: '',
    timezone: Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC', cron: '0 8 * * 1-5' };
  const ready = (root) => { for (const button of root.querySelectorAll('[data-do], #new, #first')) button.disabled = false; };
  let open = null;  // the schedule in the form; null for a new one

  const OUT = 'You are signed out. Log in in another tab, then try again here: what you typed stays.';

  async function call(method, path, body) {
    let answer;
    try {
      answer = await fetch('/api/schedules' + path, { method, headers: { 'content-type': 'application/json' },
        body: body && JSON.stringify(body) });
    } catch {
      throw new Error('Staffwork cannot be reached just now. Nothing was changed; please try again.');
    }
    if (answer.status === 401 && form.open) throw new Error(OUT);
    if (answer.status === 401) window.location.reload(); // it leads to the login, and back
    const told = answer.status === 204 ? {} : await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(typeof told.detail === 'string' ? told.detail : 'This did not work. Please try again.');
    return told;
  }

  function say(words, bad) {
    by('said').textContent = words;
    by('said').className = bad ? 'problem' : '';
    by('said').hidden = !words;
  }

  async function draw() {
    const answer = await fetch('/schedules', { headers: { accept: 'text/html' } });
    if (!answer.ok || answer.redirected) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
    const focused = document.activeElement?.closest('[data-do]');
    const where = focused && [focused.closest('[data-id]').dataset.id, focused.dataset.do];
    for (const id of ['list', 'none', 'new']) {
      if (id === 'list') by(id).innerHTML = fresh.getElementById(id).innerHTML;
      else by(id).hidden = fresh.getElementById(id).hidden;
    }
    ready(by('list'));
    if (where) document.querySelector(`[data-id="${where[0]}"] [data-do="${where[1]}"]`)?.focus();
  }

  // When: between the few choices of the form and a cron line.
  function cronOf() {
    const [hour, minute] = (by('time').value || '08:00').split(':').map(Number);
    const at = `${minute} ${hour}`;
    switch (by('every').value) {
      case 'week': return `${at} * * ${by('weekday').value}`;
      case 'month': return `${at} ${by('day').value || '?'} * *`;
      case 'hour': return `${by('minute').value || '?'} * * * *`;
      case 'cron': return by('cron').value;
      default: return `${at} * * ${by('every').value}`;
    }
  }

  function showCron(cron) {
    const [minute, hour, day, month, weekday] = cron.split(' ');
    const number = /^\d+$/, timed = number.test(minute) && number.test(hour) && month === '*';
    let every = 'cron';
    if (timed && day === '*' && /^(\*|1-5)$/.test(weekday)) every = weekday;
    else if (timed && day === '*' && /^[0-7]$/.test(weekday)) every = 'week';
    else if (timed && weekday === '*' && number.test(day)) every = 'month';
    else if (number.test(minute) && hour === '*' && day === '*' && month === '*' && weekday === '*') every = 'hour';
    by('every').value = every;
    by('cron').value = cron;
    if (every === 'week') by('weekday').value = String(weekday % 7);
    if (every === 'month') by('day').value = day;
    if (every === 'hour') by('minute').value = minute;
    if (timed) by('time').value = `${hour.padStart(2, '0')}:${minute.padStart(2, '0')}`;
    showParts();
  }

  function showParts() {
    for (const part of form.querySelectorAll('[data-for]')) {
      part.hidden = !part.dataset.for.split(' ').includes(by('every').value);
    }
  }

  let asked = 0, pause = 0;
  function preview() {
    clearTimeout(pause);
    pause = setTimeout(async () => {
      const mine = ++asked;
      const wanted = new URLSearchParams({ cron: cronOf(), timezone: by('timezone').value });
      const [words, bad] = await call('GET', `/preview?${wanted}`).then(
        (told) => [`${told.words[0].toUpperCase()}${told.words.slice(1)}, ${told.timezone}. Next: ${told.next.slice(0, 2).join(' and ')}.`, false],
        (problem) => [problem.message, true]);
      if (mine !== asked) return;
      by('preview').textContent = words;
      by('preview').classList.toggle('bad', bad);
    }, 200);
  }

  function edit(schedule) {
    open = schedule;
    const shown = schedule ?? FRESH;
    by('form-title').textContent = schedule ? 'Change this schedule' : 'New schedule';
    for (const field of FIELDS) by(field).value = shown[field] ?? '';
    form.querySelector('details').open = Boolean(schedule) && ['missed', 'overlap', 'unattended', 'priority', 'cost'].some(
      (field) => String(shown[field] ?? '') !== FRESH[field]);
    by('problem').hidden = true;
    by('preview').textContent = '';
    showCron(shown.cron);
    form.showModal();
    by('goal').focus();
    preview();
  }

  async function save() {
    const wish = Object.fromEntries(FIELDS.map((field) => [field, by(field).value]));
    wish.cron = cronOf();
    by('save').disabled = true;
    try {
      const kept = open ? await call('PATCH', `/${open.id}`, { ...wish, version: open.version }) : await call('POST', '', wish);
      form.close();
      await draw();
      say(kept.next_shown ? `Saved. Next: ${kept.next_shown}.` : 'Saved. It is paused.');
    } catch (problem) {
      by('problem').textContent = problem.message;
      by('problem').hidden = false;
      by('save').scrollIntoView({ block: 'end' });
    } finally {
      by('save').disabled = false;
    }
  }

  const ACTIONS = {
    async run(schedule) {
      await call('POST', `/${schedule.id}/run?request_id=${crypto.getRandomValues(new Uint32Array(4)).join('-')}`);
      return `"${schedule.name}" was started.`;
    },
    async toggle(schedule) {
      const now = await call('PATCH', `/${schedule.id}`, { active: !schedule.active, version: schedule.version });
      return now.active ? `"${schedule.name}" goes on. Next: ${now.next_shown}.` : `"${schedule.name}" is paused.`;
    },
    async remove(schedule) {
      await call('DELETE', `/${schedule.id}?version=${schedule.version}`);
      return `"${schedule.name}" was removed.`;
    },
  };

  async function act(action, schedule, button) {
    button.disabled = true;
    try {
      const words = await ACTIONS[action](schedule);
      await draw();
      say(words);
    } catch (problem) {
      await draw().catch(() => {});
      say(problem.message, true);
    } finally {
      button.disabled = false;
    }
  }

  by('list').addEventListener('click', (event) => {
    const button = event.target.closest('[data-do]');
    if (!button || event.detail > 1) return; // the second press of two would meet what came in the place of the first
    const schedule = JSON.parse(button.closest('[data-id]').dataset.schedule);
    if (button.dataset.do === 'change') return edit(schedule);
    if (button.dataset.do !== 'remove') return act(button.dataset.do, schedule, button);
    by('sure-words').textContent = `"${schedule.name}" will not run any more. What came of it stays in its conversation.`;
    by('gone').onclick = () => { sure.close(); act('remove', schedule, button); };
    return sure.showModal();
  });
  for (const id of ['new', 'first']) by(id).addEventListener('click', () => { say(''); edit(null); });
  by('cancel').addEventListener('click', () => form.close());
  by('keep').addEventListener('click', () => sure.close());
  form.querySelector('form').addEventListener('submit', (event) => { event.preventDefault(); save(); });
  by('every').addEventListener('change', () => { if (by('every').value === 'cron') by('cron').focus(); showParts(); });
  form.querySelector('fieldset').addEventListener('input', preview);
  form.querySelector('fieldset').addEventListener('change', preview);
  ready(document); // until now nothing would have answered
  setInterval(() => {
    if (!document.hidden && !form.open && !sure.open) draw().catch(() => {});
  }, 20000);
})();
