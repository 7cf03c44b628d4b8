// The page of one artifact: its buttons speak to /api, and an interactive chart is drawn from data that the server wrote.
(() => {
  const main = document.querySelector('main[data-id]');
  const address = `/api/artifacts/${encodeURIComponent(main.dataset.id)}`;
  const said = document.getElementById('said');
  const change = document.getElementById('change');
  const sure = document.getElementById('sure');
  const value = document.getElementById('value');
  const problem = document.getElementById('problem');
  let field = 'name';

  const OUT = 'You are signed out. Log in in another tab, then try again here: what you typed stays.';
  const LOST = 'Staffwork cannot be reached just now. Nothing was changed; please try again.';

  const asked = async (path, method, body) => {
    const headers = body ? { 'content-type': 'application/json' } : {};
    const answer = await fetch(path, { method, headers, body: body && JSON.stringify(body) }).catch(() => { throw new Error(LOST); });
    if (answer.status === 401 && change.open) throw new Error(OUT);
    if (answer.status === 401) window.location.reload(); // it leads to the login, and back
    if (answer.ok) return answer.status === 204 ? null : answer.json();
    const { detail } = await answer.json().catch(() => ({}));
    throw new Error(typeof detail === 'string' ? detail : 'This did not work. Please try again.');
  };

  // While an order is on its way its button does nothing: pressed twice, it is done once.
  const once = async (button, work) => {
    button.disabled = true;
    try {
      await work();
    } catch (error) {
      button.disabled = false;
      throw error;
    }
  };

  const tell = (words, bad) => {
    said.textContent = words;
    said.classList.toggle('problem', Boolean(bad));
    said.hidden = false;
  };

  const open = (what) => {
    field = what;
    const name = what === 'name';
    document.getElementById('change-title').textContent = name ? 'Rename this artifact' : 'Tags of this artifact';
    document.getElementById('value-label').textContent = name ? 'Name, for all its versions' : 'Tags, with commas between them';
    value.value = name ? value.dataset.name : value.dataset.tags;
    problem.hidden = true;
    change.showModal();
    value.focus();
  };

  const actions = {
    rename: () => open('name'),
    tag: () => open('tags'),
    remove: () => sure.showModal(),
    restore: (button) => once(button, async () => {
      const made = await asked(`${address}/restore`, 'POST');
      window.location.assign(made.page);
    }).catch((error) => tell(error.message, true)),
  };

  document.addEventListener('click', (event) => {
    const button = event.target.closest('button');
    if (!button) return;
    if ('close' in button.dataset) button.closest('dialog').close();
    else actions[button.dataset.do]?.(button);
  });

  change.querySelector('form').addEventListener('submit', async (event) => {
    event.preventDefault();
    const tags = value.value.split(',').map((tag) => tag.trim()).filter(Boolean);
    try {
      await once(document.getElementById('save'), async () => {
        await asked(address, 'PATCH', field === 'name' ? { name: value.value.trim() } : { tags });
        window.location.reload();
      });
    } catch (error) {
      problem.textContent = error.message;
      problem.hidden = false;
    }
  });

  document.getElementById('gone').addEventListener('click', async ({ currentTarget }) => {
    try {
      await once(currentTarget, async () => {
        await asked(address, 'DELETE');
        window.location.assign('/artifacts');
      });
    } catch (error) {
      sure.close();
      tell(error.message, true);
    }
  });

  for (const button of document.querySelectorAll('button[data-do]')) button.disabled = false; // until now nothing would have answered

  const place = document.getElementById('figure');
  const draw = async () => {
    try {
      const { data, layout } = await asked(place.dataset.figure, 'GET');
      place.replaceChildren();
      const options = { responsive: true, displaylogo: false, modeBarButtonsToRemove: ['sendDataToCloud', 'select2d', 'lasso2d'] };
      await window.Plotly.newPlot(place, data, { ...layout, autosize: true, height: 480 }, options);
      place.dataset.drawn = 'yes';
    } catch (error) {
      place.textContent = error.message;
    }
  };
  if (place) draw();
})();
