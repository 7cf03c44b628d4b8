// The pages of links: the form that makes one, and the list of those there are. Both speak to /api; the server draws the list.
(() => {
  const by = (id) => document.getElementById(id);
  const OUT = 'You are signed out. Log in in another tab, then try again here: what you typed stays.';
  const LOST = 'Staffwork cannot be reached just now. Nothing was changed; please try again.';

  async function call(method, path, body) {
    let answer;
    try {
      answer = await fetch('/api' + path, { method, headers: { 'content-type': 'application/json' }, body: body && JSON.stringify(body) });
    } catch {
      throw new Error(LOST);
    }
    if (answer.status === 401 && document.querySelector('#share:not([hidden]), dialog[open] form')) throw new Error(OUT);
    if (answer.status === 401) window.location.reload(); // it leads to the login, and back
    const told = answer.status === 204 ? {} : await answer.json().catch(() => ({}));
    if (answer.ok) return told;
    const words = typeof told.detail === 'string' ? told.detail : 'This did not work. Please try again.';
    throw Object.assign(new Error(words), { findings: told.findings });
  }

  function say(words, bad) {
    by('said').textContent = words;
    by('said').className = bad ? 'problem' : '';
    by('said').hidden = !words;
  }

  const complain = (words) => {
    by('problem').textContent = words;
    by('problem').hidden = !words;
    if (words) by('problem').scrollIntoView({ block: 'nearest' });
  };

  // A page opened over plain http has no clipboard: the words are selected there, to be copied by hand.
  async function copy(words, field) {
    try {
      await navigator.clipboard.writeText(words);
      return 'Copied.';
    } catch {
      if (!field) return `The link: ${words}`;
      field.focus();
      field.select();
      return 'Press Ctrl+C (on a phone: Copy) to copy the link.';
    }
  }

  const local = (moment) => new Date(moment).toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' });
  const localise = (root) => {
    for (const time of root.querySelectorAll('time[datetime]')) time.textContent = local(time.dateTime);
  };
  localise(document);

  function form(home) {
    const conversation = home.dataset.conversation;
    const chosen = () => ({
      title: by('title').value,
      include: home.querySelector('[name=include]:checked').value,
      files: Array.from(home.querySelectorAll('[name=file]:checked'), (box) => box.value),
    });

    const found = (findings) => {
      by('found').hidden = by('make').hidden = false;
      by('make').hidden = true;
      by('found-title').textContent = findings.length === 1 ? 'This looks like a secret:' : `These ${findings.length} things look like secrets:`;
      by('findings').replaceChildren(...findings.slice(0, 20).map(({ kind, where, shown }) => {
        const line = document.createElement('li');
        const code = document.createElement('code');
        code.textContent = shown;
        line.append(`${kind} in ${where}: `, code);
        return line;
      }));
      by('found-files').hidden = !findings.some(({ where }) => where.startsWith('the file '));
      by('found').scrollIntoView({ block: 'nearest' });
      by('mask').focus();
    };

    const done = (share) => {
      home.hidden = true;
      by('done').hidden = false;
      by('link').value = share.url;
      const until = share.expires_at ? `It works until ${local(share.expires_at)}` : 'It works until you revoke it';
      by('done-words').textContent = `${until}. ${share.audience === 'public' ? 'Everybody who has it can open it' : 'People with an account here can open it'}${share.protected ? ', with the password' : ''}.`;
      by('done-preview').href = `/api/shares/${share.id}/preview`;
      by('copy').focus();
    };

    const make = async (secrets) => {
      complain('');
      by('save').disabled = by('all').disabled = by('mask').disabled = true;
      const days = by('days').value;
      const wish = { ...chosen(), audience: by('audience').value, password: by('password').value, secrets, days: days === 'never' ? null : Number(days) };
      try {
        done(await call('POST', `/conversations/${conversation}/shares`, wish));
      } catch (problem) {
        if (problem.findings) found(problem.findings);
        else complain(problem.message);
      } finally {
        by('save').disabled = by('all').disabled = by('mask').disabled = false;
      }
    };

    home.addEventListener('submit', (event) => { event.preventDefault(); make('ask'); });
    by('save').disabled = by('look').disabled = false; // until now nothing would have answered
    home.addEventListener('input', () => { by('found').hidden = true; by('make').hidden = false; });
    by('mask').addEventListener('click', () => make('mask'));
    by('all').addEventListener('click', () => make('publish'));
    by('look').addEventListener('click', () => {
      const { files, ...rest } = chosen();
      const asked = new URLSearchParams(rest);
      for (const file of files) asked.append('files', file);
      window.open(`/api/conversations/${conversation}/shares/preview?${asked}`, '_blank', 'noopener');
    });
    by('copy').addEventListener('click', async () => say(await copy(by('link').value, by('link'))));
  }

  function list(home) {
    const sure = by('sure'), change = by('change');
    const ready = () => { for (const button of home.querySelectorAll('[data-do]')) button.disabled = false; };
    let open = null;

    async function draw() {
      const answer = await fetch('/shares', { headers: { accept: 'text/html' } });
      if (!answer.ok || answer.redirected) return;
      const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
      home.innerHTML = fresh.getElementById('list').innerHTML;
      by('none').hidden = fresh.getElementById('none').hidden;
      localise(home);
      ready();
    }

    const act = async (work, words) => {
      try {
        await work();
        say(words);
      } catch (problem) {
        say(problem.message, true);
      }
      await draw().catch(() => {});
    };

    const edit = (share) => {
      open = share;
      by('title').value = share.title;
      by('days').value = 'keep';
      by('audience').value = share.audience;
      by('password').value = '';
      by('unlock').checked = false;
      by('unlock').parentElement.hidden = !share.protected;
      complain('');
      change.showModal();
    };

    const save = async () => {
      const wish = { title: by('title').value };
      if (by('audience').value !== open.audience) wish.audience = by('audience').value;
      if (by('days').value !== 'keep') wish.days = by('days').value === 'never' ? null : Number(by('days').value);
      if (by('unlock').checked) wish.password = '';
      else if (by('password').value) wish.password = by('password').value;
      try {
        await call('PATCH', `/shares/${open.id}`, wish);
        change.close();
        say('Saved.');
        await draw();
      } catch (problem) {
        complain(problem.message);
      }
    };

    const copied = (button, words) => {
      if (words !== 'Copied.') return say(words);
      button.textContent = 'Copied';
      return setTimeout(() => { button.textContent = 'Copy link'; }, 2000);
    };

    home.addEventListener('click', async (event) => {
      const button = event.target.closest('[data-do]');
      if (!button || event.detail > 1) return; // the second press of two would meet what came in the place of the first
      const share = JSON.parse(button.closest('[data-id]').dataset.share);
      say('');
      if (button.dataset.do === 'copy') copied(button, await copy(share.url));
      else if (button.dataset.do === 'change') edit(share);
      else {
        by('sure-words').textContent = `“${share.title}” stops working at once, for everybody, and does not come back.`;
        by('gone').onclick = () => { sure.close(); act(() => call('DELETE', `/shares/${share.id}`), `“${share.title}” was revoked.`); };
        sure.showModal();
      }
    });
    home.addEventListener('toggle', async (event) => {
      const lines = event.target.querySelector('ol');
      if (!event.target.open || !lines) return;
      const WHAT = { page: 'looked at it', file: 'downloaded a file', copy: 'made a copy' };
      const told = await call('GET', `/shares/${event.target.closest('[data-id]').dataset.id}`).catch((problem) => ({ log: [], words: problem.message }));
      const rows = told.log.map(({ at, what, who }) => `${local(at)}: ${who} ${WHAT[what]}`);
      lines.replaceChildren(...(rows.length ? rows : [told.words ?? 'Nobody yet.']).map((words) => {
        const line = document.createElement('li');
        line.textContent = words;
        return line;
      }));
    }, true);
    by('keep').addEventListener('click', () => sure.close());
    by('cancel').addEventListener('click', () => change.close());
    change.querySelector('form').addEventListener('submit', (event) => { event.preventDefault(); save(); });
    ready(); // until now nothing would have answered
  }

  if (by('share')) form(by('share'));
  if (by('list')) list(by('list'));
})();
